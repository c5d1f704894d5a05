// Backoff: when work that failed may be tried again: later after each failure, up to a limit, at
// once after a success. Pure: the caller says what time it is (nanoseconds, monotonic).
#pragma once

#include <algorithm>
#include <cstdint>

namespace logwood {

class Backoff {
 public:
  static constexpr uint64_t kFirstNanos = 500'000'000;
  static constexpr uint64_t kLongestNanos = 8'000'000'000;

  void Failed(uint64_t now_ns) {
    delay_ns_ = delay_ns_ == 0 ? kFirstNanos : std::min(2 * delay_ns_, kLongestNanos);
    not_before_ns_ = now_ns + delay_ns_;
  }
  // Forgets all failures: also when somebody asks for the work, or its reason may be gone.
  void Reset() { *this = Backoff(); }
  bool waiting() const { return delay_ns_ != 0; }
  bool MayTry(uint64_t now_ns) const { return !waiting() || now_ns >= not_before_ns_; }

 private:
  uint64_t delay_ns_ = 0;
  uint64_t not_before_ns_ = 0;
};

}  // namespace logwood
