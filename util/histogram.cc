#include "util/histogram.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <new>

#include "util/check.h"

namespace logwood {

namespace {

constexpr uint64_t kSubBuckets = 16;
constexpr unsigned kSubBits = 4;
constexpr uint64_t kNone = std::numeric_limits<uint64_t>::max();

static_assert(Histogram::kBuckets == (64 - kSubBits + 1) * kSubBuckets,
              "values below 16 take one group, each higher power of two another");

// Threads take stripes in turn, so that a few writers rarely share one.
size_t ThisThreadsTurn() {
  static std::atomic<size_t> turns{0};
  thread_local const size_t turn = turns.fetch_add(1, std::memory_order_relaxed);
  return turn;
}

}  // namespace

// All atomics here are relaxed: they are counts and publish nothing. A summary taken while others
// add may miss what is being added.
struct alignas(64) Histogram::Stripe {
  std::atomic<uint64_t> sum{0};
  std::atomic<uint64_t> min{kNone};
  std::atomic<uint64_t> max{0};
  std::array<std::atomic<uint64_t>, kBuckets> counts{};
};

Histogram::~Histogram() {
  for (const std::atomic<Stripe*>& stripe : stripes_) delete stripe.load(std::memory_order_acquire);
}

Histogram::Stripe* Histogram::StripeOfThisThread() {
  std::atomic<Stripe*>& place = stripes_[ThisThreadsTurn() % kStripes];
  Stripe* stripe = place.load(std::memory_order_acquire);
  if (stripe != nullptr) [[likely]]
    return stripe;
  auto* const made = new (std::nothrow) Stripe;
  if (place.compare_exchange_strong(stripe, made, std::memory_order_acq_rel)) return made;
  delete made;
  return stripe;
}

size_t Histogram::BucketOf(uint64_t value) {
  if (value < kSubBuckets) return value;
  const unsigned group = static_cast<unsigned>(std::bit_width(value)) - kSubBits;
  return group * kSubBuckets + (value >> (group - 1)) % kSubBuckets;
}

uint64_t Histogram::BucketLimit(size_t bucket) {
  CHECK(bucket < kBuckets);
  if (bucket < kSubBuckets) return bucket;
  const unsigned shift = static_cast<unsigned>(bucket / kSubBuckets) - 1;
  const uint64_t first = (kSubBuckets + bucket % kSubBuckets) << shift;
  return first + ((uint64_t{1} << shift) - 1);
}

void Histogram::Add(uint64_t value, uint64_t times) {
  Stripe* const mine = StripeOfThisThread();
  if (mine == nullptr) return;
  Stripe& stripe = *mine;
  stripe.counts[BucketOf(value)].fetch_add(times, std::memory_order_relaxed);
  stripe.sum.fetch_add(value * times, std::memory_order_relaxed);
  uint64_t seen = stripe.min.load(std::memory_order_relaxed);
  while (value < seen &&
         !stripe.min.compare_exchange_weak(seen, value, std::memory_order_relaxed)) {
  }
  seen = stripe.max.load(std::memory_order_relaxed);
  while (value > seen &&
         !stripe.max.compare_exchange_weak(seen, value, std::memory_order_relaxed)) {
  }
}

Histogram::Summary Histogram::Summarize() const {
  Summary summary;
  std::array<uint64_t, kBuckets> counts{};
  uint64_t min = kNone;
  for (const std::atomic<Stripe*>& place : stripes_) {
    const Stripe* const made = place.load(std::memory_order_acquire);
    if (made == nullptr) continue;
    const Stripe& stripe = *made;
    for (size_t b = 0; b < kBuckets; ++b) {
      counts[b] += stripe.counts[b].load(std::memory_order_relaxed);
    }
    summary.sum += stripe.sum.load(std::memory_order_relaxed);
    min = std::min(min, stripe.min.load(std::memory_order_relaxed));
    summary.max = std::max(summary.max, stripe.max.load(std::memory_order_relaxed));
  }
  for (uint64_t count : counts) summary.count += count;
  if (summary.count == 0) return Summary();
  // An Add under way may have counted its value and not yet widened the extremes.
  summary.min = std::min(min, summary.max);

  const auto percentile = [&](double fraction) {
    const auto rank =
        static_cast<uint64_t>(std::ceil(fraction * static_cast<double>(summary.count)));
    uint64_t seen = 0;
    for (size_t b = 0; b < kBuckets; ++b) {
      seen += counts[b];
      if (seen >= rank) return std::clamp(BucketLimit(b), summary.min, summary.max);
    }
    return summary.max;
  };
  summary.p50 = percentile(0.5);
  summary.p90 = percentile(0.9);
  summary.p99 = percentile(0.99);
  summary.p999 = percentile(0.999);
  return summary;
}

void Histogram::Clear() {
  for (const std::atomic<Stripe*>& place : stripes_) {
    Stripe* const made = place.load(std::memory_order_acquire);
    if (made == nullptr) continue;
    Stripe& stripe = *made;
    for (auto& count : stripe.counts) count.store(0, std::memory_order_relaxed);
    stripe.sum.store(0, std::memory_order_relaxed);
    stripe.min.store(kNone, std::memory_order_relaxed);
    stripe.max.store(0, std::memory_order_relaxed);
  }
}

}  // namespace logwood
