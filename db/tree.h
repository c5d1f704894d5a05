// Tree: memtables and version of an open database, and the view made of them. Whatever changes one
// of them installs a new view.
//
// Threads: Active and Seal by the write leader; the rest by any. Lock order: the manifest's commit
// lock, then `mutex_`. No file is touched under the latter (invariant 20).
#pragma once

#include <atomic>
#include <deque>
#include <memory>
#include <vector>

#include "db/core.h"
#include "db/recovery.h"
#include "db/version_set.h"
#include "util/sync.h"

namespace logwood {

class Tree {
 public:
  Tree(Core* core, std::unique_ptr<VersionSet> versions, std::vector<SealedMemtable> sealed,
       std::shared_ptr<Memtable> active);

  // ---- The leader.
  Memtable* active() { return active_; }
  // The active memtable takes no more; a fresh one takes its place.
  void Seal(const TablesState& end);
  // Tells the block cache how much memory the memtables take, spare pieces included, when that
  // changed noticeably. True when it did.
  bool ChargeMemory();

  // ---- Any thread.
  std::vector<SealedMemtable> Sealed() const;  // oldest first
  // All commits up to it are in tables, which readers see.
  LogPos flushed_position() const { return flushed_.load(std::memory_order_acquire); }
  bool HasSealed() const { return sealed_count_.load(std::memory_order_acquire) != 0; }
  uint64_t memtable_bytes() const;  // active and sealed
  std::shared_ptr<const Version> version() const;
  // Commits the edit and shows its version; the `flushed` oldest sealed memtables are in it.
  Status Commit(Edit edit, size_t flushed);
  // Gives back memory that memtables had and none needed since the last call.
  void TrimSpares();
  VersionSet& versions() { return *versions_; }

 private:
  void InstallLocked() REQUIRES(mutex_);
  void ChargeLocked() REQUIRES(mutex_);
  void CountSealedLocked() REQUIRES(mutex_);

  Core* const core_;
  const uint64_t charge_step_bytes_;
  const std::unique_ptr<VersionSet> versions_;
  Memtable* active_;
  std::atomic<size_t> sealed_count_{0};
  std::atomic<uint64_t> sealed_bytes_{0};
  std::atomic<LogPos> flushed_{0};
  std::atomic<uint64_t> active_bytes_{0};  // as last seen by the leader
  uint64_t charged_bytes_ GUARDED_BY(mutex_) = 0;

  mutable Mutex mutex_;
  std::shared_ptr<Memtable> active_owner_ GUARDED_BY(mutex_);
  std::deque<SealedMemtable> sealed_ GUARDED_BY(mutex_);  // oldest first
  std::shared_ptr<const Version> version_ GUARDED_BY(mutex_);
};

}  // namespace logwood
