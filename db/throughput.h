// Throughput: a moving average of how fast jobs of one kind get on. Relaxed; any thread.
#pragma once

#include <atomic>
#include <cstdint>

namespace logwood {

class Throughput {
 public:
  void Add(uint64_t bytes, uint64_t nanos) {
    if (bytes == 0 || nanos == 0) return;
    double now = static_cast<double>(bytes) * 1e9 / static_cast<double>(nanos);
    double before = per_second_.load(std::memory_order_relaxed);
    per_second_.store(before == 0 ? now : 0.7 * before + 0.3 * now, std::memory_order_relaxed);
  }
  // Bytes a second; 0: nothing was measured yet.
  double per_second() const { return per_second_.load(std::memory_order_relaxed); }

 private:
  std::atomic<double> per_second_{0};
};

}  // namespace logwood
