// Record: how one entry lies in the memtable's arena. Written once, before the index publishes its
// address; never changed or moved afterwards, so a reader that got the address may read it freely.
//
//   trailer: 8 bytes | key size: 4 | value size: 4 | key | value
#pragma once

#include <cstdint>
#include <cstring>
#include <string_view>

#include "util/arena.h"
#include "util/coding.h"
#include "util/internal_key.h"

namespace logwood {

// The address of a record's first byte.
using Record = const char*;

inline constexpr size_t kRecordHeaderBytes = 16;

inline uint64_t RecordTrailer(Record record) { return LoadFixed<uint64_t>(record); }
inline std::string_view RecordKey(Record record) {
  return {record + kRecordHeaderBytes, LoadFixed<uint32_t>(record + 8)};
}
inline std::string_view RecordValue(Record record) {
  return {record + kRecordHeaderBytes + LoadFixed<uint32_t>(record + 8),
          LoadFixed<uint32_t>(record + 12)};
}

inline Record MakeRecord(Arena* arena, std::string_view key, uint64_t trailer,
                         std::string_view value) {
  char* at = arena->Allocate(kRecordHeaderBytes + key.size() + value.size());
  StoreFixed(at, trailer);
  StoreFixed(at + 8, static_cast<uint32_t>(key.size()));
  StoreFixed(at + 12, static_cast<uint32_t>(value.size()));
  if (!key.empty()) std::memcpy(at + kRecordHeaderBytes, key.data(), key.size());
  if (!value.empty()) {
    std::memcpy(at + kRecordHeaderBytes + key.size(), value.data(), value.size());
  }
  return at;
}

// A place in the order of util/internal_key.h.
struct IndexKey {
  std::string_view key;
  uint64_t trailer;
};
inline IndexKey RecordIndexKey(Record record) { return {RecordKey(record), RecordTrailer(record)}; }
// Negative, zero, positive: as record is before, at or after the key.
inline int CompareRecord(Record record, const IndexKey& key) {
  return CompareInternal(RecordKey(record), RecordTrailer(record), key.key, key.trailer);
}

}  // namespace logwood
