// WallClock: the time of day that a test sets, for the databases of its process: in programs with
// tests/support/set_clock or tests/support/kept_threads. They see the machine's until one is set,
// and again at its end. What waits or times something goes by another clock, which nobody sets.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>

namespace logwood::test {

class WallClock {
 public:
  explicit WallClock(uint64_t micros = 1'700'000'000'000'000) { Set(micros); }
  ~WallClock() { now_us_ = 0; }
  WallClock(const WallClock&) = delete;
  WallClock& operator=(const WallClock&) = delete;

  void Set(uint64_t micros) { now_us_ = micros; }
  void Advance(std::chrono::microseconds by) { now_us_ += static_cast<uint64_t>(by.count()); }
  uint64_t now_us() const { return now_us_; }
  // What was set, or else the machine's time.
  static uint64_t Or(uint64_t machine_us) {
    const uint64_t set = now_us_;
    return set != 0 ? set : machine_us;
  }

 private:
  static inline std::atomic<uint64_t> now_us_{0};
};

}  // namespace logwood::test
