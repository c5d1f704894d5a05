// Writer: the write path. Groups come from the write queue; for each group, in this order:
//   1. room: wait while memory is short; rotate or seal what is full; delay by the back-pressure
//   2. refusals, then consecutive positions for what is accepted - so a refusal leaves no hole
//   3. one log store for the group         (survives the process from here on)
//   4. the memtable, the catalogue, and last the visible position
// Syncing for power durability comes after the group, in the caller's own thread (CommitLog).
#pragma once

#include <atomic>
#include <vector>

#include "compaction/backpressure.h"
#include "db/background.h"
#include "db/commit_log.h"
#include "db/core.h"
#include "db/error_state.h"
#include "db/tree.h"
#include "db/write_queue.h"

namespace logwood {

// Told of what others commit.
class CommitWatch {
 public:
  virtual ~CommitWatch() = default;
  // By the leader, once the operations are in the memtable.
  virtual void Committed(std::string_view operations, LogPos position) = 0;
};

class Writer {
 public:
  struct Parts {
    Core* core = nullptr;
    Tree* tree = nullptr;
    CommitLog* log = nullptr;
    Background* background = nullptr;
    ErrorState* errors = nullptr;
  };
  explicit Writer(Parts parts);

  // Commits one batch; sets its position and status.
  void Commit(PendingWrite* write) { queue_.Run(write); }
  // Tells `watch` of all that is not in the memtable when this returns, until Unwatch.
  void Watch(CommitWatch* watch);
  void Unwatch(CommitWatch* watch);
  // Seals the active memtable if anything was committed since the last sealing; the position up to
  // which all is sealed then.
  Result<LogPos> SealActive();
  // Of the log, on a full disk. Not while others write: they use it, or find the disk full.
  void GiveBackRoom() {
    queue_.RunAlone([this] { parts_.log->GiveBackRoom(); }, /*if_idle=*/true);
  }

 private:
  void CommitGroup(const std::vector<PendingWrite*>& group);
  Status PrepareRoom(uint64_t bytes);
  Status RotateAndSeal(bool seal);
  void Delay(uint64_t bytes);
  void NoteDelay(uint64_t micros);
  Status CheckKeyspaces(const PendingWrite& write) const;
  void TakeDeadRange();
  void AddToLog(const std::vector<PendingWrite*>& group);
  void Apply(const PendingWrite& write);
  // Says so when writes go on after the disk was full.
  void NoteSpace(const Status& status);

  const Parts parts_;
  TokenBucket bucket_;
  uint64_t delay_untold_us_ = 0;  // since the last event told of it
  uint64_t delay_told_at_ns_ = 0;
  std::vector<PendingWrite*> accepted_;  // the leader's; reused
  uint64_t time_us_ = 0;                 // of the group being written
  std::vector<CommitWatch*> watches_;    // the leader's
  bool out_of_space_ = false;            // the leader's: the last group found the disk full
  WriteQueue queue_;
};

}  // namespace logwood
