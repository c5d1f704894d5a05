// The bytes of the log (docs/format/log.md): segment header, durable-point slots, records, trailer.
//
//   0      file header (util/file_header.h), then the segment header's fields and its checksum
//   2048   the same bytes again: one rotten sector does not cost the segment
//   4096   durable-point slot A        8192   durable-point slot B (each in a sector of its own)
//   12288  the catalogue as of the first position (length and checksum in the header), then records
//
// Records and the trailer are frames: wal/record_codec.h.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "logwood/status.h"
#include "logwood/types.h"

namespace logwood {

inline constexpr uint64_t kHeaderCopyOffset = 2048;
inline constexpr uint64_t kSlotAOffset = 4096;
inline constexpr uint64_t kSlotBOffset = 8192;
inline constexpr uint64_t kCatalogueOffset = 12288;
inline constexpr size_t kSegmentHeaderBytes = 232;
inline constexpr size_t kSlotBytes = 64;
// A record is never longer: operations, note and header fields.
inline constexpr uint64_t kRecordBytesMax = kBatchBytesMax + kNoteBytesMax + 128;
// An ignorable flag of the file header: both slots were stored together with it, so that of a
// segment whose header was durable one can be read at any time.
inline constexpr uint32_t kFlagSlotsFromStart = 1u << 0;
// The sparse index has an entry about every so many bytes.
inline constexpr uint64_t kSparseIndexBytes = 64 * 1024;
inline constexpr uint64_t kCatalogueBytesMax = 64 * 1024 * 1024;

// Which state of the manifest a segment follows, so that a manifest with a lost tail is noticed.
struct ManifestState {
  uint64_t number = 0;  // of the manifest file
  uint64_t edits = 0;   // in it
  uint64_t chain = 0;   // its checksum chain after those
  friend bool operator==(const ManifestState&, const ManifestState&) = default;
};

struct SegmentHeader {
  uint64_t number = 0;
  Id128 file_id;  // all zero: SegmentWriter::Create makes one
  Id128 history_id;
  Id128 instance_id;
  uint64_t epoch = 0;
  uint64_t epoch_tag = 0;
  LogPos first_position = 0;   // of the first record
  uint64_t first_time_us = 0;  // no record's time is below it
  uint64_t history_hash = 0;   // after first_position - 1
  LogPos durable = 0;          // recorded durable point when the segment was made; < first_position
  // The segment before: what a reader may take from it. number 0: there is none.
  uint64_t predecessor = 0;              // < number
  uint64_t predecessor_length = 0;       // final length, bytes
  LogPos predecessor_last_position = 0;  // first_position - 1
  ManifestState manifest;
  LogPos catalogue_position = 0;  // the newest commit that changed the catalogue
  std::string catalogue;          // encoded put operations of keyspace 0 (util/batch_codec.h)
};

// A commit as it lies in the log.
struct CommitRecord {
  LogPos position = 0;
  uint64_t time_us = 0;  // never decreases along the log
  LogPos durable = 0;    // the log was synced up to here when this was written; < position
  uint32_t flags = 0;
  uint32_t operation_count = 0;
  std::string_view operations;  // util/batch_codec.h
  std::string_view note;
  uint64_t history_hash = 0;  // set by the writer, read by readers
};

// Bit 31 of flags marks frames that are not commits.
inline constexpr uint32_t kFlagTrailer = 1u << 31;
// The batch touches the catalogue.
inline constexpr uint32_t kFlagCatalogue = 1u << 0;
inline constexpr uint32_t kFlagsKnown = kFlagTrailer | kFlagCatalogue;

// The next link of the history hash.
uint64_t NextHistoryHash(uint64_t previous, const CommitRecord& record, uint64_t body_hash);

// What is wrong with the header's fields among themselves, or null. Writers CHECK it, readers
// refuse the segment.
const char* HeaderContradiction(const SegmentHeader& header);

// Everything before the first record: header, its copy, slots that say what the header does,
// catalogue.
std::string EncodeSegmentHeader(const SegmentHeader& header);

struct DecodedHeader {
  SegmentHeader header;  // catalogue empty: it lies elsewhere
  uint64_t catalogue_bytes = 0;
  uint64_t catalogue_checksum = 0;
  bool from_copy = false;  // the first one is damaged
  uint32_t writer = 0;     // of the file header, for messages; 0: not said
  bool slots_from_start = false;

  uint64_t records_offset() const { return kCatalogueOffset + catalogue_bytes; }
};
// From the first page of a segment (up to kSlotAOffset bytes, fewer when the file is shorter).
// kNotSupported for a newer format, kCorruption otherwise; the messages name `file`.
Result<DecodedHeader> DecodeSegmentHeader(std::string_view page, std::string_view file);
uint64_t CatalogueChecksum(const Id128& file_id, std::string_view catalogue);

// A durable-point slot says by itself which segment it belongs to, so that it speaks also when the
// header is gone, and stale bytes of another file do not.
struct DurableSlot {
  Id128 file_id;
  Id128 instance_id;
  uint64_t number = 0;
  LogPos first_position = 0;
  LogPos durable = 0;
};
DurableSlot FirstSlot(const SegmentHeader& header);
std::string EncodeSlot(const DurableSlot& slot, uint64_t offset);
// nullopt when the bytes are no slot that was written at `offset`.
std::optional<DurableSlot> DecodeSlot(std::string_view bytes, uint64_t offset);

}  // namespace logwood
