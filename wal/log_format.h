// The bytes of the log (docs/format/log.md): segment header, durable-point slots, records, trailer.
//
//   0      file header (util/file_header.h), then the segment header's fields and its checksum
//   4096   durable-point slot A        8192   durable-point slot B (each in a sector of its own)
//   12288  the catalogue as of the first position (length and checksum in the header), then records
//
// Record: fixed 4 length | 8 checksum | 8 history hash | varint position - first_position |
//   varint time_us - first_time_us | varint position - durable | varint flags | varint operations |
//   varint note bytes | note | operations. `length` counts the bytes after the checksum. No record
//   spans segments. A length of 0 is the end of what was written (never-written bytes are zeros).
//   body_hash    = Hash64(note + operations)
//   checksum     = Hash64(length field + bytes from history hash to note-length varint + body_hash,
//                  seed = ChecksumSeed(file id, record offset)): independent of other records
//   history hash = chain over body_hash, position, time, flags, counts and the previous history
//                  hash; the same in every replica whatever its segments
// Trailer (a record-like frame with a reserved flag): written when a segment is sealed or closed;
//   holds record count, last position, last time and a sparse index (position -> offset).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "logwood/status.h"
#include "logwood/types.h"

namespace logwood {

inline constexpr uint64_t kSlotAOffset = 4096;
inline constexpr uint64_t kSlotBOffset = 8192;
inline constexpr uint64_t kCatalogueOffset = 12288;
// A record is never longer: operations, note and header fields.
inline constexpr uint64_t kRecordBytesMax = kBatchBytesMax + kNoteBytesMax + 128;
// The sparse index has an entry about every so many bytes.
inline constexpr uint64_t kSparseIndexBytes = 64 * 1024;

// Which state of the manifest a segment follows, so that a manifest with a lost tail is noticed.
struct ManifestState {
  uint64_t number = 0;  // of the manifest file
  uint64_t edits = 0;   // in it
  uint64_t chain = 0;   // its checksum chain after those
  friend bool operator==(const ManifestState&, const ManifestState&) = default;
};

struct SegmentHeader {
  uint64_t number = 0;
  Id128 file_id;
  Id128 history_id;
  Id128 instance_id;
  uint64_t epoch = 0;
  uint64_t epoch_tag = 0;
  LogPos first_position = 0;      // of the first record
  uint64_t first_time_us = 0;     // no record's time is below it
  uint64_t history_hash = 0;      // after first_position - 1
  LogPos durable = 0;             // recorded durable point when the segment was made
  // The segment before: what a reader may take from it. number 0: there is none.
  uint64_t predecessor = 0;
  uint64_t predecessor_length = 0;         // final length, bytes
  LogPos predecessor_last_position = 0;
  ManifestState manifest;
  LogPos catalogue_position = 0;  // the newest commit that changed the catalogue
  std::string catalogue;          // encoded put operations of keyspace 0 (util/batch_codec.h)
};

// A commit as it lies in the log.
struct CommitRecord {
  LogPos position = 0;
  uint64_t time_us = 0;           // never decreases along the log
  LogPos durable = 0;             // the log was synced up to here when this was written
  uint32_t flags = 0;
  uint32_t operation_count = 0;
  std::string_view operations;    // util/batch_codec.h
  std::string_view note;
  uint64_t history_hash = 0;      // set by the writer, read by readers
};

// Bit 31 of flags marks frames that are not commits.
inline constexpr uint32_t kFlagTrailer = 1u << 31;
// The batch touches the catalogue.
inline constexpr uint32_t kFlagCatalogue = 1u << 0;
inline constexpr uint32_t kFlagsKnown = kFlagTrailer | kFlagCatalogue;

// The next link of the history hash.
uint64_t NextHistoryHash(uint64_t previous, const CommitRecord& record, uint64_t body_hash);

}  // namespace logwood
