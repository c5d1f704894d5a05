// ErrorState: whether writes are accepted, and what background work last failed with.
//
// Stopped: for good, until the next open; after a failed sync of the log or the manifest nothing
// written since can be trusted. Background failure: passing; the work is tried again, and writes go
// on until they need what failed (memory that only a flush can free).
#pragma once

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

  void SetBackground(const Status& failure) {
    MutexLock lock(mutex_);
    background_ = failure;
  }
  // True when there was one.
  bool ClearBackground() {
    MutexLock lock(mutex_);
    bool had = !background_.ok();
    background_ = Status::Ok();
    return had;
  }
  Status background() const {
    MutexLock lock(mutex_);
    return cause_.ok() ? background_ : cause_;
  }

 private:
  mutable Mutex mutex_;
  std::atomic<bool> stopped_{false};
  Status cause_ GUARDED_BY(mutex_);
  Status background_ GUARDED_BY(mutex_);
};

}  // namespace logwood
