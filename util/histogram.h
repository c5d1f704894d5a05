// Histogram: latencies in nanoseconds in logarithmic buckets (16 a power of two, error under 6.5
// %). Add is lock-free and relaxed; safe from any thread. Spread over a few stripes by thread so
// that writers do not share cache lines.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>

namespace logwood {

class Histogram {
 public:
  struct Summary {
    uint64_t count = 0, sum = 0, min = 0, max = 0;
    uint64_t p50 = 0, p90 = 0, p99 = 0, p999 = 0;
  };
  Histogram();
  ~Histogram();
  void Add(uint64_t value, uint64_t times = 1);
  Summary Summarize() const;
  void Clear();

  static constexpr size_t kBuckets = 61 * 16;
  // The bucket of a value, and the largest value in a bucket. Monotone.
  static size_t BucketOf(uint64_t value);
  static uint64_t BucketLimit(size_t bucket);

 private:
  struct Stripe;
  static constexpr size_t kStripes = 4;
  std::unique_ptr<Stripe[]> stripes_;
};

}  // namespace logwood
