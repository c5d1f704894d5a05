// LogCursor: commits in order from a position on, across the segments of a directory, without an
// engine. It reads what lies there: whether the newest commits are durable is for the caller to
// know (`up_to`). It never moves over a gap on its own.
//
//   ASSIGN_OR_RETURN(auto cursor, LogCursor::Open(fs, "/var/lib/app/db", {.from = 17}));
//   CommitRecord record;
//   while (cursor->Next(&record) == LogCursor::Outcome::kRecord) Use(record);
//
// One thread at a time. The file system must outlive it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "logwood/file_system.h"
#include "wal/segment_chain.h"
#include "wal/segment_reader.h"

namespace logwood {

struct LogCursorOptions {
  LogPos from = 1;
  LogPos up_to = ~LogPos{0};  // commits above it are not looked at
};

class LogCursor {
 public:
  enum class Outcome : uint8_t {
    kRecord,   // *record is set; its views live until the next call
    kEnd,      // nothing more for now; a later call looks again, also for new segments
    kTrimmed,  // next_position() is gone, oldest() is the first that is there; sticky
    kBad,      // damage, a missing segment, or a torn end: status() names file and offset; sticky
    kError,    // the file system failed: status(); the next call tries again
  };

  static Result<std::unique_ptr<LogCursor>> Open(FileSystem* fs, const std::string& directory,
                                                 const LogCursorOptions& options);

  Outcome Next(CommitRecord* record);
  // What the next call returns, or would return were it there.
  LogPos next_position() const { return next_position_; }
  // The first position that is there; 0 when there is no readable segment.
  LogPos oldest() const { return oldest_; }
  // ok, kTrimmed, kCorruption, kNotSupported, or the file system's error.
  const Status& status() const { return status_; }
  // Raises the limit. REQUIRES: not below the one before.
  void RaiseUpTo(LogPos up_to) { up_to_ = up_to; }

 private:
  LogCursor(FileSystem* fs, std::string directory, const LogCursorOptions& options);

  Status Refresh();
  // Outcomes other than kRecord end the call; kRecord: there is a reader, go on.
  Outcome OpenLink();
  Outcome AtEndOfLink();
  Outcome Bad(Status why);
  Outcome Error(Status why);
  const SegmentHeader& header(size_t link) const {
    return files_[chain_[link].file].probe.header();
  }
  bool readable(size_t link) const { return chain_[link].kind == ChainLink::Kind::kReadable; }

  FileSystem* const fs_;
  const std::string directory_;
  LogPos next_position_;
  LogPos up_to_;
  LogPos oldest_ = 0;
  Status status_;
  Outcome sticky_ = Outcome::kRecord;  // kTrimmed or kBad once met

  std::vector<SegmentFile> files_;
  std::vector<ChainLink> chain_;
  std::unique_ptr<SegmentReader> reader_;
  size_t link_ = 0;      // of reader_
  bool sought_ = false;  // reader_ stands before next_position_
  bool hash_known_ = false;
  uint64_t history_hash_ = 0;  // behind the record last returned
};

std::string_view CursorOutcomeName(LogCursor::Outcome outcome);

}  // namespace logwood
