// CommitLog: the log of an open database - the active segment, those before it, and how far each is
// durable.
//
// Threads: Add, Store, Rotate by the write leader (one at a time); SyncTo and the rest by any.
// Two stages: storing (the leader) does not wait for syncing; one thread at a time syncs everything
// stored so far, and all who wait for a position up to there go on together. The exception is a
// rotation that finds very many segments unsynced: it syncs them itself (docs/decisions/0015).
// After a failed sync nothing is acknowledged any more: the kernel may have dropped the pages, so
// it is never retried (invariant 13).
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "db/statistics.h"
#include "logwood/file_system.h"
#include "util/executor.h"
#include "util/sync.h"
#include "wal/replay.h"
#include "wal/segment_writer.h"
#include "wal/segments.h"

namespace logwood {

class CommitLog {
 public:
  static constexpr uint64_t kSlowSyncMicros = 1'000'000;

  struct Options {
    FileSystem* fs = nullptr;
    std::string directory;
    Executor* executor = nullptr;
    Statistics* statistics = nullptr;
    // What a new segment's header says beyond what the log itself knows: file number, ids, epoch,
    // manifest state, catalogue. Called by the leader.
    std::function<SegmentHeader()> next_header;
    // Told when a sync takes kSlowSyncMicros or more; may be empty. Without a lock.
    std::function<void(uint64_t micros, bool under_way)> slow_sync;
  };
  // Where the log stands: from recovery.
  struct Start {
    LogPos last_position = 0;
    uint64_t last_time_us = 0;
    uint64_t history_hash = 0;
    uint64_t predecessor = 0;  // 0: none
    uint64_t predecessor_length = 0;
    std::vector<RetainedSegment> segments;  // older ones that are still there
  };
  // Creates the first segment of this open. Everything at or below last_position is durable.
  static Result<std::unique_ptr<CommitLog>> Open(Options options, const Start& start);
  ~CommitLog();

  // ---- The leader.
  void Add(CommitRecord* record) {
    record->durable = durable();
    active_->Add(record);
  }
  // One store for all that was added. On failure nothing was added; kNoSpace can be tried again.
  Status Store();
  // True when the active segment cannot take more: full beyond `bytes`, or broken.
  bool NeedsRotation(uint64_t bytes) const;
  // Seals the active segment and begins another. May wait for a sync, and then its failure is this
  // one's.
  Status Rotate();
  // Of the active segment what is reserved and not used: the disk is full.
  void GiveBackRoom() { active_->GiveBackRoom(); }
  uint64_t last_time_us() const { return active_->last_time_us(); }
  uint64_t history_hash() const { return active_->history_hash(); }

  // ---- Any thread.
  // Everything up to `position` survives power loss when it returns ok.
  Status SyncTo(LogPos position, Deadline deadline);
  // The names and headers of all segments are durable: the manifest may refer to them.
  Status SyncHeaders();
  // The newest segment of which that is so; 0: none of this open yet.
  uint64_t durable_segment() const;
  // Syncs what is there and records it in the log itself, durably: for an idle log.
  Status MarkIdle();
  LogPos durable() const { return durable_.load(std::memory_order_acquire); }
  LogPos stored() const { return stored_.load(std::memory_order_acquire); }
  uint64_t unsynced_bytes() const { return unsynced_bytes_.load(std::memory_order_relaxed); }
  // How long the sync under way has taken by now, 0: there is none. Tells once when it is slow.
  uint64_t LookAtSync();
  // The sync that failed, or ok.
  Status failure() const;

  std::vector<RetainedSegment> Segments() const;
  // Removes the files of segments with a smaller number. Errors leave the rest for later.
  Status RemoveBefore(uint64_t number);
  uint64_t active_number() const;

  // Seals and syncs; the end goes into the manifest's clean-close mark.
  Result<LogEnd> Close();

 private:
  struct Segment {
    std::shared_ptr<SegmentWriter> writer;  // null: complete and durable
    RetainedSegment info;
    bool of_this_open = false;
    bool synced = false;  // all of it, for good
    bool header_synced = false;
  };
  // Whether the durable point goes into the segment's slots behind a sync.
  enum class Mark : uint8_t { kNowAndThen, kAlways };

  CommitLog(Options options, const Start& start);
  Status NewSegment(uint64_t predecessor, uint64_t predecessor_length);
  RetainedSegment InfoLocked(size_t i) const REQUIRES(mutex_);
  void TellSlowSync(uint64_t nanos, bool under_way) const;
  // Lets go of the mutex while it syncs. An exception ends the program (invariant 28): who waits
  // for the sync would wait for ever.
  Status SyncOnce(Mark mark) noexcept REQUIRES(mutex_);
  Status SyncSegments(const std::vector<std::shared_ptr<SegmentWriter>>& writers, bool directory);
  std::string PathOf(uint64_t number) const;

  const Options options_;
  std::shared_ptr<SegmentWriter> active_;  // written by the leader, under mutex_; read by it freely
  const uint64_t start_time_us_;
  const uint64_t start_hash_;
  std::atomic<LogPos> stored_;
  std::atomic<LogPos> durable_;
  std::atomic<uint64_t> unsynced_bytes_{0};
  std::atomic<uint64_t> sync_began_nanos_{0};      // of the sync under way; 0: none
  std::atomic<uint64_t> slow_sync_told_nanos_{0};  // when the one began that was told last

  mutable Mutex mutex_;
  CondVar synced_;
  bool syncing_ GUARDED_BY(mutex_) = false;
  bool directory_changed_ GUARDED_BY(mutex_) = false;
  uint64_t marked_at_nanos_ GUARDED_BY(mutex_) = 0;
  Status failure_ GUARDED_BY(mutex_);
  std::atomic<bool> failed_{false};                   // failure_ is set: nothing is stored any more
  std::vector<Segment> segments_ GUARDED_BY(mutex_);  // ascending; the last is active
};

}  // namespace logwood
