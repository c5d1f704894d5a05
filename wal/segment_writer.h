// SegmentWriter: one segment of the log, from its header to its trailer.
//
// Threads: Add, Store, Seal, GiveBackRoom and Close by one thread at a time (the leader of the
// write queue); Sync and MarkDurable by one other at the same time. The figures (length() and so
// on) may be read by any thread; they change when a Store or Seal has succeeded. Order on disk: the
// header is stored by Create; nothing is synced before Sync. The caller syncs the directory before
// it acknowledges power durability (invariant 6). Positions are dense and times never go back
// (invariants 7 and 12).
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "logwood/file_system.h"
#include "wal/log_format.h"

namespace logwood {

class SegmentWriter {
 public:
  // Creates `path` and stores the header. The path may hold a prepared spare (zeros where header,
  // slots and catalogue go); anything else is kAlreadyExists. A failure leaves no file behind, as
  // far as the file system lets it. A file_id of zero is replaced by a new one.
  // REQUIRES: HeaderContradiction(header) is null.
  static Result<std::unique_ptr<SegmentWriter>> Create(FileSystem* fs, const std::string& path,
                                                       const SegmentHeader& header);
  ~SegmentWriter();

  // Encodes a commit into the pending group; fills record->history_hash.
  // REQUIRES: positions are consecutive, times do not decrease, durable < position, flags are known
  // and not kFlagTrailer, note and operations within kNoteBytesMax and kBatchBytesMax; not sealed.
  void Add(CommitRecord* record);
  // Stores the pending group with one LogFile::Store. On failure the group is gone, the old end and
  // history hash are restored where the file allows it (`broken()` false), else the segment must
  // not be written again (`broken()` true; every later call but Sync and Close fails). The old end
  // is restored by cutting the file there, or by zeroing all the group's bytes.
  Status Store();
  // Forgets the pending group, as if it had never been added.
  void Discard();
  // Everything stored before this call began survives power loss when it returns ok.
  Status Sync();
  // Stores the durable point into the older of the two slots; not itself synced. A position not
  // above the one stored last is ok and stores nothing.
  // REQUIRES: a sync that covers `position` has returned ok.
  Status MarkDurable(LogPos position);
  // Stores the trailer; nothing can be added afterwards. REQUIRES: no group is pending.
  Status Seal();
  // Cuts off what is reserved beyond length(). Best effort; what is stored later reserves anew.
  // REQUIRES: as for Store.
  void GiveBackRoom();
  Status Close();

  const SegmentHeader& header() const;
  bool broken() const;
  bool sealed() const;
  uint64_t length() const;        // bytes stored, trailer included
  LogPos last_position() const;   // of stored records; first_position - 1 when there is none
  uint64_t history_hash() const;  // after last_position
  uint64_t last_time_us() const;

 private:
  struct State;
  explicit SegmentWriter(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace logwood
