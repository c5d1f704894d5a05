// TableMeta: what the manifest knows of a table. Immutable once the table is installed.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "logwood/types.h"
#include "table/expiry_profile.h"

namespace logwood {

struct TableMeta {
  uint64_t number = 0;      // "000012.table"
  Id128 id;                 // its file id
  uint64_t size = 0;        // bytes
  uint64_t hash = 0;        // Hash64 of the whole file
  std::string begin;        // smallest stored key, of a range delete's too
  std::string end;          // exclusive: greater than every stored key in it
  LogPos min_position = 0;  // of entries and range deletes (0 where positions were dropped)
  LogPos max_position = 0;
  uint64_t entries = 0;
  uint64_t tombstones = 0;
  uint64_t raw_bytes = 0;   // keys and values before encoding
  uint64_t created_us = 0;  // record time of its newest data
  // Positions of all entries are this one (ingestion); 0: as stored.
  LogPos position_override = 0;
  // As its properties have them; not part of EncodeTableMeta.
  uint64_t range_deletes = 0;
  ExpiryProfile expiry{};

  // Not smaller than the largest stored key in it: where the end is a range delete's, the end.
  std::string last_key() const { return end.ends_with('\0') ? end.substr(0, end.size() - 1) : end; }
  bool Contains(std::string_view stored_key) const {
    return stored_key >= begin && stored_key < end;
  }
  bool Overlaps(std::string_view from, std::string_view to) const {
    return begin < to && from < end;
  }
  friend bool operator==(const TableMeta&, const TableMeta&) = default;
};
using TableMetaPtr = std::shared_ptr<const TableMeta>;

// For the manifest. Decoding checks that begin < end and all fields are there.
void EncodeTableMeta(const TableMeta& meta, std::string* to);
bool DecodeTableMeta(std::string_view bytes, TableMeta* meta);

// The same of what expires, for the manifest and for a table's properties.
void EncodeExpiry(const ExpiryProfile& expiry, std::string* to);
bool DecodeExpiry(std::string_view bytes, ExpiryProfile* expiry);

std::string TableFileName(uint64_t number);

}  // namespace logwood
