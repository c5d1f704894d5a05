// Histogram: latencies in nanoseconds in logarithmic buckets (16 a power of two, error under 6.5
// %). Add is lock-free and relaxed; safe from any thread. Spread over a few stripes by thread so
// that writers do not share cache lines; each takes memory (8 KB) only when it is first used.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>

namespace logwood {

class Histogram {
 public:
  struct Summary {
    uint64_t count = 0, sum = 0, min = 0, max = 0;
    uint64_t p50 = 0, p90 = 0, p99 = 0, p999 = 0;
  };
  Histogram() = default;
  ~Histogram();
  Histogram(const Histogram&) = delete;
  Histogram& operator=(const Histogram&) = delete;
  void Add(uint64_t value);
  Summary Summarize() const;
  void Clear();

  static constexpr size_t kBuckets = 61 * 16;
  // The bucket of a value, and the largest value in a bucket. Monotone.
  static size_t BucketOf(uint64_t value);
  static uint64_t BucketLimit(size_t bucket);

 private:
  struct Stripe;
  Stripe& StripeOfThread();
  static constexpr size_t kStripes = 4;
  // Set once (release), read (acquire) by every Add; null: not used yet.
  std::array<std::atomic<Stripe*>, kStripes> stripes_{};
};

}  // namespace logwood
