// HistoryClock: what is known, from outside, of the times that a database gives to commits and
// views while its machine's clock goes on and is set. The exact ones nobody sees: a window holds
// each.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <utility>
#include <vector>

#include "util/sync.h"

namespace logwood::test {

// A time between these two, in microseconds.
struct TimeWindow {
  uint64_t least = 0, most = ~uint64_t{0};
  TimeWindow After(uint64_t us) const { return {least + us, most + us}; }
};

// Any thread.
class HistoryClock {
 public:
  // What the machine shows; null: there is no time.
  explicit HistoryClock(std::function<uint64_t()> wall_us = nullptr)
      : wall_us_(std::move(wall_us)) {}

  // Where a window begins.
  struct Mark {
    uint64_t wall_us = 0, floor_us = 0;
    size_t jumps = 0;
  };
  Mark Now() {
    if (!wall_us_) return {};
    MutexLock lock(mutex_);
    return {SeeLocked(), floor_us_, jumps_.size()};
  }
  // Of a time that was taken from the mark on until now: one that the machine showed, or a later
  // one, of a record that there was.
  TimeWindow Since(const Mark& mark) {
    if (!wall_us_) return {};
    MutexLock lock(mutex_);
    SeeLocked();
    uint64_t least = mark.wall_us;
    for (size_t i = mark.jumps; i < jumps_.size(); ++i) least = std::min(least, jumps_[i]);
    return {std::max(least, mark.floor_us), peak_us_};
  }
  // The machine's clock is set, by `jump`.
  void Set(const std::function<void()>& jump) {
    MutexLock lock(mutex_);
    SeeLocked();
    jump();
    jumps_.push_back(SeeLocked());
  }
  // A commit of that time at least was answered: no later time is less.
  void Reach(uint64_t time_us) {
    MutexLock lock(mutex_);
    floor_us_ = std::max(floor_us_, time_us);
  }
  // Another life began, with records up to there.
  void BeginLife(uint64_t reached_us) {
    MutexLock lock(mutex_);
    floor_us_ = reached_us;
  }

 private:
  uint64_t SeeLocked() REQUIRES(mutex_) {
    const uint64_t now_us = wall_us_ ? wall_us_() : 0;
    peak_us_ = std::max(peak_us_, now_us);
    return now_us;
  }

  const std::function<uint64_t()> wall_us_;
  Mutex mutex_;
  uint64_t peak_us_ GUARDED_BY(mutex_) = 0;
  uint64_t floor_us_ GUARDED_BY(mutex_) = 0;
  std::vector<uint64_t> jumps_ GUARDED_BY(mutex_);  // what was shown behind each
};

}  // namespace logwood::test
