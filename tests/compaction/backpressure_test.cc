#include "compaction/backpressure.h"

#include <gtest/gtest.h>

#include <vector>

#include "util/random.h"

namespace logwood {
namespace {

constexpr uint64_t kMiB = 1 << 20;

BackpressureInputs RandomInputs(Random* random) {
  BackpressureInputs inputs;
  inputs.unflushed_bytes = random->Uniform(160 * kMiB);
  inputs.debt_bytes = random->Uniform(8192 * kMiB);
  inputs.level0_tables = static_cast<uint32_t>(random->Uniform(40));
  inputs.flush_bytes_per_second = static_cast<double>(random->Uniform(400 * kMiB));
  inputs.compaction_bytes_per_second = static_cast<double>(random->Uniform(400 * kMiB));
  return inputs;
}

double Delay(const BackpressureInputs& inputs) {
  return ComputeBackpressure({}, inputs).delay_ns_per_byte;
}

TEST(Backpressure, NothingBelowTheSoftLimits) {
  BackpressureInputs inputs;
  inputs.unflushed_bytes = 64 * kMiB;
  inputs.debt_bytes = 512 * kMiB;
  inputs.level0_tables = 8;
  const BackpressureVerdict verdict = ComputeBackpressure({}, inputs);
  EXPECT_EQ(verdict.delay_ns_per_byte, 0);
  EXPECT_EQ(verdict.why, "");
}

TEST(Backpressure, EachBacklogNamesItself) {
  BackpressureInputs inputs;
  inputs.unflushed_bytes = 96 * kMiB;
  EXPECT_EQ(ComputeBackpressure({}, inputs).why, "waiting for flush 96.0 MiB, soft limit 64.0 MiB");
  inputs = {};
  inputs.debt_bytes = 1024 * kMiB;
  EXPECT_EQ(ComputeBackpressure({}, inputs).why, "compaction debt 1.0 GiB, soft limit 512.0 MiB");
  inputs = {};
  inputs.level0_tables = 12;
  EXPECT_EQ(ComputeBackpressure({}, inputs).why, "level-0 tables 12, soft limit 8");
}

TEST(Backpressure, TheDelayHasAMost) {
  BackpressureInputs inputs;
  inputs.debt_bytes = ~uint64_t{0};
  inputs.level0_tables = 1'000'000;
  EXPECT_EQ(ComputeBackpressure({}, inputs).delay_ns_per_byte, kDelayNsPerByteMax);
}

TEST(Backpressure, HalfWayWritersGetAboutTheMeasuredRate) {
  BackpressureInputs inputs;
  inputs.unflushed_bytes = 96 * kMiB;
  inputs.flush_bytes_per_second = 200e6;
  EXPECT_NEAR(Delay(inputs), 5 * 1.125, 0.01);  // 1e9 / 200e6 = 5 ns a byte
}

TEST(Backpressure, MonotoneInEveryInput) {
  Random random(101);
  for (int round = 0; round < 20'000; ++round) {
    const BackpressureInputs inputs = RandomInputs(&random);
    const double delay = Delay(inputs);
    BackpressureInputs more = inputs;
    more.unflushed_bytes += random.Uniform(64 * kMiB);
    EXPECT_GE(Delay(more), delay);
    more = inputs;
    more.debt_bytes += random.Uniform(512 * kMiB);
    EXPECT_GE(Delay(more), delay);
    more = inputs;
    more.level0_tables += static_cast<uint32_t>(random.Uniform(10));
    EXPECT_GE(Delay(more), delay);
    more = inputs;
    more.flush_bytes_per_second += static_cast<double>(random.Uniform(100 * kMiB));
    EXPECT_LE(Delay(more), delay);
    more = inputs;
    more.compaction_bytes_per_second += static_cast<double>(random.Uniform(100 * kMiB));
    EXPECT_LE(Delay(more), delay);
  }
}

// A thousandth of the way from soft to hard changes the price by less than a hundredth of what the
// price at the hard limit is; also at the soft limits, where it begins.
TEST(Backpressure, ContinuousInBytes) {
  const BackpressureSettings settings;
  BackpressureInputs inputs;
  inputs.flush_bytes_per_second = inputs.compaction_bytes_per_second = 100e6;
  const auto walk = [&](uint64_t* field, uint64_t soft, uint64_t hard) {
    *field = hard;
    const double at_hard = Delay(inputs);
    double last = 0;
    const uint64_t step = (hard - soft) / 1000;
    for (*field = soft; *field <= hard; *field += step) {
      const double delay = Delay(inputs);
      EXPECT_LE(delay - last, at_hard / 100) << *field;
      last = delay;
    }
    EXPECT_GT(last, 0);
    *field = 0;
  };
  walk(&inputs.unflushed_bytes, settings.unflushed_bytes_soft, settings.unflushed_bytes_max);
  walk(&inputs.debt_bytes, settings.debt_bytes_soft, settings.debt_bytes_hard);
}

TEST(TokenBucket, FreeBytesNeverWait) {
  TokenBucket bucket;
  for (uint64_t now = 0; now < 1'000'000; now += 1000) {
    bucket.Charge(1'000'000, 0, now);
    EXPECT_EQ(bucket.WaitNs(now), 0u);
  }
}

TEST(TokenBucket, LongRunRateIsThePrice) {
  TokenBucket bucket;
  Random random(7);
  uint64_t now = 5'000'000'000, bytes = 0;
  const uint64_t begin = now;
  while (bytes < 10'000'000) {
    const uint64_t size = 1 + random.Uniform(1000);
    bucket.Charge(size, 7.3, now);
    bytes += size;
    now += bucket.WaitNs(now);
  }
  EXPECT_NEAR(static_cast<double>(now - begin), 7.3 * static_cast<double>(bytes),
              TokenBucket::kBurstNsMax + 10.0);
}

TEST(TokenBucket, FractionsOfNanosecondsAddUp) {
  TokenBucket bucket;
  const uint64_t now = 10'000'000;
  bucket.Charge(1, 1'000'000, now);  // uses up the burst
  for (int i = 0; i < 1000; ++i) bucket.Charge(1, 0.25, now);
  EXPECT_NEAR(static_cast<double>(bucket.WaitNs(now)), 250, 1);
}

TEST(TokenBucket, RestGivesNoMoreThanTheBurst) {
  TokenBucket bucket;
  bucket.Charge(1, 1, 1'000);
  const uint64_t now = 3'600'000'000'000;
  bucket.Charge(2'000'000, 1, now);
  EXPECT_EQ(bucket.WaitNs(now), 2'000'000 - TokenBucket::kBurstNsMax);
}

TEST(TokenBucket, WhatIsOwedCanBeReduced) {
  TokenBucket bucket;
  const uint64_t now = 1'000'000;
  bucket.Reduce(0.5, now);
  EXPECT_EQ(bucket.WaitNs(now), 0u) << "nothing was owed";
  bucket.Charge(1'000'000'000, 100, now);
  const uint64_t owed = bucket.WaitNs(now);
  EXPECT_GT(owed, 0u);
  bucket.Reduce(0.25, now);
  EXPECT_EQ(bucket.WaitNs(now), owed / 4);
  bucket.Reduce(0, now);
  EXPECT_EQ(bucket.WaitNs(now), 0u);
}

}  // namespace
}  // namespace logwood
