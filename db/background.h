// Background: decides what work is due and runs it - flushes, compactions, the care of an idle log,
// the removal of files nobody needs. Holds no algorithm: what to do is decided by pure functions
// (compaction/picker.h, compaction/backpressure.h, wal/segments.h), how by jobs.
//
// Threads: all calls from any thread. No I/O under the lock.
#pragma once

#include <array>
#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "compaction/backpressure.h"
#include "compaction/job.h"
#include "compaction/picker.h"
#include "db/backoff.h"
#include "db/commit_log.h"
#include "db/core.h"
#include "db/error_state.h"
#include "db/manual_progress.h"
#include "db/throughput.h"
#include "db/tree.h"

namespace logwood {

class Background {
 public:
  struct Parts {
    Core* core = nullptr;
    Tree* tree = nullptr;
    CommitLog* log = nullptr;
    ErrorState* errors = nullptr;
    std::chrono::seconds snapshot_age_warning{0};
    // Room on the disk that is kept for commits to come; never waits for them.
    std::function<void()> give_back_room;
  };
  explicit Background(Parts parts) : parts_(std::move(parts)) {}

  // Looks at the tree as it was opened, and begins.
  void Start();
  // Starts whatever is due. Cheap when nothing is.
  void Wake();
  // Says so, too; the first cause counts.
  void StopWrites(const Status& cause, const char* what);
  // Removes the files of tables and manifests that nothing refers to any more.
  void CollectTables();
  // No new work; running work is cancelled and waited for.
  void Stop();

  // A commit was stored without a sync: see to it that an idle log becomes durable.
  void NoteUnsynced() {
    if (!idle_armed_.load(std::memory_order_relaxed)) ArmIdle();
  }

  // A snapshot was taken: see to it that somebody is told once it is old. A job that waits already
  // will see it, too: it first takes the flag back, then the list's lock, which the snapshot had
  // before the flag is read here.
  void NoteSnapshot() {
    if (!snapshots_watched_.load(std::memory_order_relaxed)) WatchSnapshots();
  }

  // Blocks while memtables take more than their share: kTimeout never, an error when only failed
  // work could make room.
  Status WaitForRoom();
  // Everything sealed up to `position` is in tables.
  Status WaitFlushed(LogPos position);
  Status WaitIdle(Deadline deadline);
  // Runs in the caller's thread, beside what else runs; so does `told` (may be empty), which learns
  // bytes done and bytes in all.
  Status CompactManually(ManualRange range,
                         const std::function<void(uint64_t, uint64_t)>& told = {});

  // What a byte written costs now in time; 0: nothing. Read by the write leader.
  double delay_ns_per_byte() const { return delay_ns_per_byte_.load(std::memory_order_relaxed); }
  // Computes it anew: the memtables grew, or the tree changed.
  void UpdateDelay();
  // Why writers are delayed; empty: they are not.
  std::string delay_reason() const;
  uint64_t compaction_debt() const { return debt_.load(std::memory_order_relaxed); }
  // Removes log segments that nothing needs.
  void CollectLog();

 private:
  void FlushLoop();
  Status FlushOnce();
  Status CommitEdit(Edit edit, size_t flushed);
  void CompactLoop();
  // What to run next, its tables marked busy; nullopt: nothing is due.
  std::optional<CompactionPlan> PickNext();
  // `again`: what fails is tried again. `progress`: of who waits for it; null: nobody does.
  Status RunPlan(const CompactionPlan& plan, bool again, ManualProgress* progress = nullptr);
  Result<Edit> Execute(const CompactionPlan& plan, ManualProgress* progress, JobResult* result);
  void Finish(const CompactionPlan& plan, const Status& status, bool again);
  // Damaged, or of a later version: trying again changes nothing.
  static bool IsUnreadable(const Status& status) {
    return status.Is(StatusCode::kCorruption) || status.Is(StatusCode::kNotSupported);
  }
  std::map<uint64_t, StatusCode> UnreadableInputs(const CompactionPlan& plan, const Status& status);
  Status QuarantinedLocked() const REQUIRES(mutex_);
  void ReportCompaction(const CompactionPlan& plan, const JobResult& result, uint64_t micros);
  Result<std::optional<CompactionPlan>> NextManual(const ManualRange& range,
                                                   ManualProgress* progress);
  void MarkBusy(const CompactionPlan& plan) REQUIRES(mutex_);
  void ClearBusy(const CompactionPlan& plan) REQUIRES(mutex_);

  void Fail(ErrorState::Work work, const Status& status, const char* what);
  void NoteFailedLocked(const CompactionPlan& plan, const Status& status) REQUIRES(mutex_);
  void SetCompactionFailureLocked() REQUIRES(mutex_);
  bool SetAsideLocked(BusyTables* busy) REQUIRES(mutex_);
  bool NoneFailsLocked() REQUIRES(mutex_);
  void FlushSucceeded();
  void CompactionSucceeded(const CompactionPlan& plan);
  void TellResumed();
  bool SomethingDue() const;
  void Retry();
  bool MayCompactLocked() const REQUIRES(mutex_);
  bool MayTryLocked(ErrorState::Work work) const REQUIRES(mutex_);
  uint64_t RoomForCompaction() const;
  Status CheckRoom(uint64_t bytes) const;
  void Arm(std::atomic<bool>* armed, uint64_t micros, void (Background::*job)());
  void ArmIdle();
  void TendLog();
  void ArmTrim();
  void TrimMemory();
  Status RecordDurableSegment();
  void WatchSnapshots();
  void WarnOldSnapshots();
  void WatchExpiry();
  void LookForExpired();
  void UpdateBacklog();
  bool stopping() const { return stopping_.load(std::memory_order_acquire); }
  SinkOptions MakeSink(uint64_t created_us, MemoryAccount* account);
  SurvivalRules MakeRules() const;
  CompactionSettings MakeSettings() const;
  // With what range deletes cover in it; reads tables' indexes where there are any.
  CompactionSettings SettingsFor(const LevelShape& shape) const;

  const Parts parts_;
  std::atomic<bool> stopping_{false};
  Mutex backlog_mutex_;  // one computes the next three at a time
  std::atomic<uint64_t> debt_{0};
  std::atomic<uint32_t> level0_tables_{0};
  std::atomic<double> delay_ns_per_byte_{0};
  Throughput flush_throughput_, compaction_throughput_;
  std::atomic<bool> idle_armed_{false};
  std::atomic<bool> trim_armed_{false};
  std::atomic<bool> snapshots_watched_{false};
  std::atomic<bool> expiry_watched_{false};
  LogPos idle_seen_ = 0;  // only touched by the tending job
  LogPos idle_marked_ = 0;

  mutable Mutex mutex_;
  CondVar changed_;  // some work ended
  bool flushing_ GUARDED_BY(mutex_) = false;
  bool retry_armed_ GUARDED_BY(mutex_) = false;
  std::array<Backoff, ErrorState::kWorks> backoff_ GUARDED_BY(mutex_);
  // Of each kind of work, the last time it found the disk full.
  std::array<uint64_t, ErrorState::kWorks> free_bytes_at_failure_ GUARDED_BY(mutex_) = {};
  uint64_t flush_failures_ GUARDED_BY(mutex_) = 0;
  uint64_t wakes_ GUARDED_BY(mutex_) = 0;
  uint32_t compactors_ GUARDED_BY(mutex_) = 0;  // threads in CompactLoop
  uint32_t running_ GUARDED_BY(mutex_) = 0;     // plans under way, manual ones included
  uint64_t picks_ GUARDED_BY(mutex_) = 0;       // changes of busy_
  BusyTables busy_ GUARDED_BY(mutex_);
  // Compactions that failed and may succeed later. No success of another says that they will.
  struct FailedPlan {
    std::set<uint64_t> tables;
    Status why;
    bool aside;  // left alone until compaction may be tried again
    bool Shares(const CompactionPlan& plan) const;
  };
  std::vector<FailedPlan> failed_ GUARDED_BY(mutex_);
  // Why those of busy_.quarantined cannot be read.
  std::map<uint64_t, StatusCode> quarantine_ GUARDED_BY(mutex_);
  std::string delay_reason_ GUARDED_BY(mutex_);
};

}  // namespace logwood
