// Throughput: bytes a second of recent jobs; one odd job does not turn it over.
#include "db/throughput.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace logwood {
namespace {

constexpr uint64_t kSecondNanos = 1'000'000'000;

TEST(ThroughputTest, ZeroMeansThatNothingWasMeasured) {
  Throughput throughput;
  EXPECT_EQ(throughput.per_second(), 0);
  throughput.Add(0, kSecondNanos);
  throughput.Add(1000, 0);
  EXPECT_EQ(throughput.per_second(), 0) << "a job without bytes or time measures nothing";
}

TEST(ThroughputTest, TheFirstJobIsTakenAtItsWord) {
  Throughput throughput;
  throughput.Add(3000, 2 * kSecondNanos);
  EXPECT_DOUBLE_EQ(throughput.per_second(), 1500);
}

TEST(ThroughputTest, AJobThatMeasuresNothingChangesNothing) {
  Throughput throughput;
  throughput.Add(1000, kSecondNanos);
  throughput.Add(0, kSecondNanos);
  throughput.Add(1000, 0);
  EXPECT_DOUBLE_EQ(throughput.per_second(), 1000);
}

TEST(ThroughputTest, FollowsANewPaceWithoutJumpingToIt) {
  Throughput throughput;
  throughput.Add(1000, kSecondNanos);
  throughput.Add(9000, kSecondNanos);
  EXPECT_GT(throughput.per_second(), 1000);
  EXPECT_LT(throughput.per_second(), 5000) << "one job weighs less than all before it";
  for (int i = 0; i < 30; ++i) {
    const double before = throughput.per_second();
    throughput.Add(9000, kSecondNanos);
    EXPECT_GT(throughput.per_second(), before);
  }
  EXPECT_NEAR(throughput.per_second(), 9000, 9);
}

TEST(ThroughputTest, ConcurrentJobsNeverLeadBeyondWhatWasMeasured) {
  Throughput throughput;
  throughput.Add(1000, kSecondNanos);
  std::vector<std::thread> threads;
  for (uint64_t t = 0; t < 4; ++t) {
    threads.emplace_back([&throughput, t] {
      for (int i = 0; i < 5000; ++i) {
        throughput.Add(1000 + t * 1000, kSecondNanos);
        const double now = throughput.per_second();
        ASSERT_GE(now, 999.9);
        ASSERT_LE(now, 4000.1);
      }
    });
  }
  for (auto& thread : threads) thread.join();
}

}  // namespace
}  // namespace logwood
