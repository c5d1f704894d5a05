// Histogram: latencies in nanoseconds in logarithmic buckets (16 a power of two, error under 6.5
// %). Add is lock-free and relaxed; safe from any thread. Spread over a few stripes by thread so
// that writers do not share cache lines; a stripe is made by the first thread that adds to it,
// since most databases measure little, and some nothing, in a short life.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
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
  // Adds nothing where memory for it is not to be had.
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
  Stripe* StripeOfThisThread();
  // Null: not made yet. Acquire pairs with the release of who made it.
  std::array<std::atomic<Stripe*>, kStripes> stripes_{};
};

}  // namespace logwood
