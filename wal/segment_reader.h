// SegmentReader: the records of one segment, in order. Never trusts a byte; never stops the
// program.
//
//   ASSIGN_OR_RETURN(auto reader, SegmentReader::Open(fs, path));
//   CommitRecord record;
//   SegmentReader::Outcome outcome;
//   while ((outcome = reader->Next(&record)) == SegmentReader::Outcome::kRecord) Use(record);
//
// One thread at a time. The file system must outlive it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "logwood/file_system.h"
#include "wal/damage_scan.h"
#include "wal/log_format.h"

namespace logwood {

class SegmentReader {
 public:
  enum class Outcome : uint8_t {
    kRecord,   // *record is set; its views live until the next call
    kEnd,      // nothing was ever written here (zeros or the end of the file), or the given limit;
               // a later call looks again, so a segment that grows can be followed
    kTrailer,  // the segment was sealed; this is its end
    kBad,      // bytes that are no record, or none that may follow: status() says why, offset()
               // where. Its code is kCorruption, or kNotSupported for a record of a newer format.
    kError,    // the file system failed: status(); the next call tries again
  };

  // kNotFound when the file is missing; kCorruption when the header is damaged; an all-zero header
  // (a prepared spare, or one never synced) is kNotFound with a message that says so;
  // kNotSupported for a newer format.
  static Result<std::unique_ptr<SegmentReader>> Open(FileSystem* fs, const std::string& path);
  ~SegmentReader();

  // Its catalogue is empty while catalogue_status() is not ok.
  const SegmentHeader& header() const;
  // kCorruption when the catalogue's bytes are damaged; the records are readable all the same.
  const Status& catalogue_status() const;
  // The Logwood that wrote the file, for WithWriter (util/file_header.h).
  uint32_t file_writer() const;
  // Where the header was read from its copy, because the first one is damaged.
  bool header_from_copy() const;
  // The better of the two slots and the header's own.
  LogPos durable_point() const;
  uint64_t file_bytes() const;
  uint64_t records_offset() const;
  const std::string& path() const;

  // Reads no further than this offset (a successor's predecessor_length).
  void LimitTo(uint64_t length);
  Outcome Next(CommitRecord* record);
  // Continues at the record with this position or the first one after it: O(log n) through the
  // sparse index of a sealed segment, else a scan that remembers what it saw. The history hash of
  // the first record behind a jump is taken as it is. Forgets a kBad that it jumps over.
  Outcome SeekTo(LogPos position, CommitRecord* record);
  // Where the record or trailer last returned, the end, or the bad bytes begin.
  uint64_t offset() const;
  // Where the good bytes end so far: behind the record or trailer last returned.
  uint64_t end_offset() const;
  // After kRecord, kEnd, kTrailer and kBad: the chain behind the last good record.
  uint64_t history_hash() const;
  Status status() const;

  // After kBad: looks for records from the bad bytes on, however many bytes they hid (also the bad
  // record itself, when its checksum fits and only its place does not). Fails when a read fails.
  // Later calls of Next say kBad again.
  Result<DamageEvidence> LookBehindDamage();

 private:
  struct State;
  explicit SegmentReader(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

std::string_view OutcomeName(SegmentReader::Outcome outcome);

}  // namespace logwood
