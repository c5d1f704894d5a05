#include "util/histogram.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <thread>
#include <vector>

#include "util/random.h"

namespace logwood {
namespace {

constexpr uint64_t kMax = std::numeric_limits<uint64_t>::max();

TEST(Histogram, EmptyIsAllZero) {
  const Histogram::Summary summary = Histogram().Summarize();
  EXPECT_EQ(summary.count, 0U);
  EXPECT_EQ(summary.min, 0U);
  EXPECT_EQ(summary.max, 0U);
  EXPECT_EQ(summary.p999, 0U);
}

TEST(Histogram, BucketsCoverAllValuesWithoutGapOrOverlap) {
  EXPECT_EQ(Histogram::BucketOf(0), 0U);
  EXPECT_EQ(Histogram::BucketOf(kMax), Histogram::kBuckets - 1);
  EXPECT_EQ(Histogram::BucketLimit(Histogram::kBuckets - 1), kMax);
  for (size_t bucket = 0; bucket + 1 < Histogram::kBuckets; ++bucket) {
    const uint64_t limit = Histogram::BucketLimit(bucket);
    ASSERT_EQ(Histogram::BucketOf(limit), bucket);
    ASSERT_EQ(Histogram::BucketOf(limit + 1), bucket + 1);
  }
}

TEST(Histogram, BucketLimitIsWithinItsErrorOfEveryValue) {
  Random random(305);
  for (int i = 0; i < 100'000; ++i) {
    const uint64_t value = random.Next() >> random.Uniform(64);
    const uint64_t limit = Histogram::BucketLimit(Histogram::BucketOf(value));
    ASSERT_GE(limit, value);
    ASSERT_LE(static_cast<double>(limit - value), 0.065 * static_cast<double>(value));
  }
}

TEST(Histogram, PercentilesAreWithinTheirErrorOfTheExactOnes) {
  Random random(306);
  for (int round = 0; round < 20; ++round) {
    Histogram histogram;
    std::vector<uint64_t> values(1 + random.Uniform(20'000));
    uint64_t sum = 0;
    for (uint64_t& value : values) {
      value = random.Skewed(40);
      sum += value;
      histogram.Add(value);
    }
    std::sort(values.begin(), values.end());
    const Histogram::Summary summary = histogram.Summarize();
    EXPECT_EQ(summary.count, values.size());
    EXPECT_EQ(summary.sum, sum);
    EXPECT_EQ(summary.min, values.front());
    EXPECT_EQ(summary.max, values.back());
    const auto check = [&](uint64_t found, uint64_t thousandths) {
      const size_t rank = (values.size() * thousandths + 999) / 1000;
      const uint64_t exact = values[rank - 1];
      EXPECT_GE(found, exact) << "seed 306, round " << round << ", per mille " << thousandths;
      EXPECT_LE(static_cast<double>(found), 1.065 * static_cast<double>(exact));
    };
    check(summary.p50, 500);
    check(summary.p90, 900);
    check(summary.p99, 990);
    check(summary.p999, 999);
  }
}

TEST(Histogram, ClearForgetsEverything) {
  Histogram histogram;
  histogram.Add(5);
  histogram.Clear();
  EXPECT_EQ(histogram.Summarize().count, 0U);
  histogram.Add(7);
  EXPECT_EQ(histogram.Summarize().min, 7U);
}

TEST(Histogram, ConcurrentAddsAreAllCounted) {
  constexpr uint64_t kThreads = 8;
  constexpr uint64_t kAdds = 20'000;
  Histogram histogram;
  std::vector<std::thread> threads;
  for (uint64_t t = 0; t < kThreads; ++t) {
    threads.emplace_back([&histogram, t] {
      for (uint64_t i = 1; i <= kAdds; ++i) histogram.Add(i * (t + 1));
    });
  }
  // Looking on meanwhile must be harmless.
  for (int i = 0; i < 20; ++i) {
    const Histogram::Summary summary = histogram.Summarize();
    ASSERT_LE(summary.p50, summary.p999);
    ASSERT_LE(summary.count, kThreads * kAdds);
  }
  for (std::thread& thread : threads) thread.join();
  const Histogram::Summary summary = histogram.Summarize();
  EXPECT_EQ(summary.count, kThreads * kAdds);
  EXPECT_EQ(summary.min, 1U);
  EXPECT_EQ(summary.max, kThreads * kAdds);
  EXPECT_EQ(summary.sum, kAdds * (kAdds + 1) / 2 * (kThreads * (kThreads + 1) / 2));
}

}  // namespace
}  // namespace logwood
