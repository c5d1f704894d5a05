// ErrorState: whether writes are accepted, and what background work last failed with.
//
// Stopped: for good, until the next open; after a failed sync of any file nothing written since
// can be trusted. Background failure: passing; the work is tried again, and writes go
// on until they need what failed (memory that only a flush can free). Tables in quarantine are told
// as one of compaction until the next open.
#pragma once

#include <array>
#include <atomic>
#include <string>

#include "logwood/status.h"
#include "util/sync.h"

namespace logwood {

class ErrorState {
 public:
  // The first cause stays. True when this call stopped writes.
  bool StopWrites(const Status& cause) {
    MutexLock lock(mutex_);
    if (!cause_.ok()) return false;
    cause_ = cause;
    stopped_.store(true, std::memory_order_release);
    return true;
  }
  bool stopped() const { return stopped_.load(std::memory_order_acquire); }
  // kReadOnly naming the cause, or ok.
  Status WriteStatus() const {
    if (!stopped()) return Status::Ok();
    MutexLock lock(mutex_);
    return Status::ReadOnly("writes stopped after a failure (reads go on; reopen the database): " +
                            cause_.ToString());
  }

  enum class Work : uint8_t { kFlush = 0, kCompaction = 1 };
  static constexpr size_t kWorks = 2;
  void SetFailure(Work work, const Status& failure) {
    MutexLock lock(mutex_);
    failures_[static_cast<size_t>(work)] = failure;
  }
  // True when there was one.
  bool ClearFailure(Work work) {
    MutexLock lock(mutex_);
    bool had = !failures_[static_cast<size_t>(work)].ok();
    failures_[static_cast<size_t>(work)] = Status::Ok();
    return had;
  }
  // What keeps this work from going on; what stopped writes comes first.
  Status failure(Work work) const {
    MutexLock lock(mutex_);
    return cause_.ok() ? failures_[static_cast<size_t>(work)] : cause_;
  }
  Status any_failure() const {
    Status flush = failure(Work::kFlush);
    return flush.ok() ? failure(Work::kCompaction) : flush;
  }

 private:
  mutable Mutex mutex_;
  std::atomic<bool> stopped_{false};
  Status cause_ GUARDED_BY(mutex_);
  std::array<Status, kWorks> failures_ GUARDED_BY(mutex_);
};

}  // namespace logwood
