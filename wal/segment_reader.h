// SegmentReader: the records of one segment, in order. Never trusts a byte; never stops the program.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "logwood/file_system.h"
#include "wal/log_format.h"

namespace logwood {

class SegmentReader {
 public:
  enum class Outcome : uint8_t {
    kRecord,   // *record is set; its views live until the next call
    kEnd,      // nothing was ever written here (zeros or the end of the file), or the given limit
    kTrailer,  // the segment was sealed; this is its end
    kBad,      // bytes that are no record: status() says why, offset() where
    kError,    // the file system failed: status()
  };

  // kNotFound when the file is missing; kCorruption when the header is damaged; an all-zero header
  // (a prepared spare, or one never synced) is kNotFound with a message that says so.
  static Result<std::unique_ptr<SegmentReader>> Open(FileSystem* fs, const std::string& path);
  ~SegmentReader();

  const SegmentHeader& header() const;
  // The better of the two slots and the header's own; 0 when none is valid.
  LogPos durable_point() const;
  uint64_t file_bytes() const;
  const std::string& path() const;

  // Reads no further than this offset (a successor's predecessor_length).
  void LimitTo(uint64_t length);
  Outcome Next(CommitRecord* record);
  // Continues at the record with this position or the first one after it: O(log n) through the
  // sparse index of a sealed segment, else a scan that remembers what it saw.
  Outcome SeekTo(LogPos position, CommitRecord* record);
  // Where the record last returned, or the bad bytes, begin.
  uint64_t offset() const;
  Status status() const;

  // After kBad: looks for records behind the damage, however many bytes it hid. Sets the highest
  // durable point any of them records and the first valid offset; false when there is none.
  struct Evidence {
    LogPos durable = 0;
    LogPos first_position = 0;
    uint64_t first_offset = 0;
    LogPos last_position = 0;
    uint64_t records = 0;
    bool trailer = false;   // a valid trailer follows, so the segment was complete
    LogPos trailer_last_position = 0;
  };
  bool LookBehindDamage(Evidence* evidence);

 private:
  struct State;
  explicit SegmentReader(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace logwood
