// SegmentWriter: one segment of the log, from its header to its trailer.
//
// Threads: Add, Store and Seal by one thread at a time (the leader of the write queue); Sync and
// MarkDurable by one other at the same time.
// Order on disk: the header is stored by Create; nothing is synced before Sync. The caller syncs the
// directory before it acknowledges power durability (docs/invariants.md).
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "logwood/file_system.h"
#include "wal/log_format.h"

namespace logwood {

class SegmentWriter {
 public:
  // Creates `path` (which must not hold a segment) and stores the header.
  static Result<std::unique_ptr<SegmentWriter>> Create(FileSystem* fs, const std::string& path,
                                                       const SegmentHeader& header);
  ~SegmentWriter();

  // Encodes a commit into the pending group; fills record->history_hash. Positions are consecutive.
  void Add(CommitRecord* record);
  // Stores the pending group with one LogFile::Store. On failure the group is gone, the old end and
  // history hash are restored where the file allows it (`broken()` false), else the segment must
  // not be written again (`broken()` true) - also what readers find behind the old end can then
  // never pass for a record of the group (the length before it is zeroed or cut).
  Status Store();
  // Everything stored before this call began survives power loss when it returns ok.
  Status Sync();
  // Stores the durable point into the older of the two slots; not itself synced.
  Status MarkDurable(LogPos position);
  // Stores the trailer; nothing can be added afterwards.
  Status Seal();
  Status Close();

  const SegmentHeader& header() const;
  bool broken() const;
  bool sealed() const;
  uint64_t length() const;          // bytes stored, trailer included
  LogPos last_position() const;     // of stored records; first_position - 1 when there is none
  uint64_t history_hash() const;    // after last_position
  uint64_t last_time_us() const;

 private:
  struct State;
  explicit SegmentWriter(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace logwood
