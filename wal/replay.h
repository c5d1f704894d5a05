// ReplayLog: the log of a directory, from the first position not yet in tables to its end - and the
// verdict what that end is (docs/recovery.md; invariant 16).
//
// The rule. Let D be the highest durable point recorded anywhere: slots, headers and records of all
// segments, those behind damage included; and what the caller knows. Segments are read along their
// chain (wal/segment_chain.h), each no further than its successor's predecessor_length. At the
// first position p that cannot be read (bad bytes, a missing segment, a segment cut short):
//   p <= D  proven damage: `damage` is kCorruption with file:offset.
//   Another history than the caller's (hash_before): the same, whatever D is.
//   p >  D  unproven tail: the log ends at p - 1; everything after is discarded, also good records
//           behind a hole, and `tail` says where and how many bytes.
// A clean close bounds the segment it ended in like a successor. A header that cannot be read, of a
// segment whose header was durable, is damage also where every commit of it is in tables: the log
// is an interface of its own.
// Besides: positions below `from` are in tables, which are only installed over a durable log, so
// D >= from - 1. A first segment that is missing, or begins behind `from`, and that nothing
// replaces is damage. So is a segment of another history where no crash explains it: behind a clean
// close, and under its own number where the header of that number was durable. Elsewhere a file
// that was never synced may show what a database that was removed had there; it is discarded, and
// named in `foreign`. A read error of the file system is neither: ReplayLog fails with it, as it
// fails with kNotSupported where a segment or a record says with a good checksum that a newer
// version wrote it.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "logwood/file_system.h"
#include "wal/log_format.h"

namespace logwood {

// What a clean close wrote into the manifest about the end of the log.
struct LogEnd {
  uint64_t segment = 0;
  uint64_t length = 0;
  LogPos last_position = 0;
};

// A course of history: one begins at each open that follows no clean close.
struct EpochStart {
  uint64_t number = 0;
  LogPos first_position = 0;
};

struct ReplayOptions {
  std::string directory;
  std::vector<uint64_t> segments;  // numbers of the log files that are there, ascending
  Id128 history_id;
  Id128 instance_id;                // segments of another instance are no part of the log
  uint64_t first_segment = 0;       // must be there: the manifest relies on it
  LogPos from = 1;                  // the first position the caller needs
  uint64_t hash_before = 0;         // the history hash after from - 1; 0: unknown
  std::optional<LogEnd> clean_end;  // proof: everything up to it was durable
  LogPos durable_at_least = 0;      // proof from elsewhere (the manifest)
  std::vector<EpochStart> epochs;   // those known, ascending
  uint64_t durable_segment = 0;     // headers of segments up to this one were durable; 0: unknown
  // Told bytes read and bytes in all, a commit at a time; may be empty.
  std::function<void(uint64_t, uint64_t)> progress;
};

struct SegmentSummary {
  uint64_t number = 0;
  LogPos first_position = 0;
  LogPos last_position = 0;  // last good one; first_position - 1: none
  // Up to which it counts; of one that is not read, as the next one says, also where the file ends
  // before.
  uint64_t length = 0;
  uint64_t file_bytes = 0;
  uint64_t last_time_us = 0;
  bool sealed = false;
  bool empty() const { return last_position < first_position; }  // no commit is in it
  // Unless its header cannot be read, or the file is shorter than the next one's header says. Of
  // those that replay did not read the records may be damaged all the same.
  bool whole = true;
};

struct ReplayResult {
  LogPos last_position = 0;  // the end of the log; from - 1 when nothing was there
  uint64_t last_time_us = 0;
  uint64_t history_hash = 0;  // after last_position; 0 with history_hash_known false
  bool history_hash_known = false;
  LogPos durable_point = 0;
  uint64_t commits = 0;  // handed to the callback
  uint64_t bytes = 0;
  // Those that count, ascending: also older ones that replay did not need and did not read (their
  // figures are those of the next header; 0 where even the header is damaged).
  std::vector<SegmentSummary> segments;
  // Files that do not count and may go: behind the end, blank, or discarded by an earlier recovery.
  // Empty when there is damage: nothing may go then.
  std::vector<uint64_t> discarded;
  std::vector<uint64_t> foreign;   // of these, segments of another history
  std::vector<uint64_t> misnamed;  // of these, segments of this instance with another number
  std::vector<uint64_t> cut_off;   // of these, segments before one with commits that is gone
  struct Tail {
    std::string file;  // name within the directory
    uint64_t offset = 0;
    uint64_t bytes = 0;        // cut off, in this file and in those behind it
    uint64_t commits = 0;      // whole ones found in them
    LogPos last_position = 0;  // of these
    std::string reason;        // begins with file:offset
  };
  std::optional<Tail> tail;       // an unproven tail was cut
  Status damage;                  // proven damage: the log ends before it
  std::string damage_file;        // where; a name within the directory
  ManifestState newest_manifest;  // of the newest readable segment header
  uint64_t epoch = 0;             // the newest seen
};

// Calls `apply` for each commit >= from, in order. A failed apply stops and is returned.
Result<ReplayResult> ReplayLog(FileSystem* fs, const ReplayOptions& options,
                               const std::function<Status(const CommitRecord&)>& apply);

}  // namespace logwood
