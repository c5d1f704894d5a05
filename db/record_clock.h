// RecordClock: the time of records and views. It never goes back: not below a record's time, nor
// below one by which a compaction let go of what had expired or a view did not show it, whatever
// the system's clock does (invariant 31).
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>

#include "util/executor.h"
#include "util/expiring_value.h"

namespace logwood {

// Any thread.
class RecordClock {
 public:
  explicit RecordClock(Executor* executor) : executor_(executor) {}

  // Microseconds since 1970, UTC.
  uint64_t Now() const {
    const uint64_t wall_us = executor_->WallMicros();
    return std::max(wall_us <= kRecordTimeMaxUs ? wall_us : 0,
                    reached_us_.load(std::memory_order_acquire));
  }
  // No later Now() is less.
  void Reach(uint64_t time_us) {
    uint64_t reached = reached_us_.load(std::memory_order_relaxed);
    while (reached < time_us && !reached_us_.compare_exchange_weak(reached, time_us)) continue;
  }

 private:
  Executor* const executor_;
  std::atomic<uint64_t> reached_us_{0};
};

}  // namespace logwood
