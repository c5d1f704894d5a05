// Statistics: counters that many threads add to.
#include "db/statistics.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace logwood {
namespace {

TEST(StatisticsTest, AStripedCounterAddsUp) {
  StripedCounter counter;
  EXPECT_EQ(counter.Sum(), 0u);
  counter.Add(3);
  counter.Add(0);
  counter.Add(uint64_t{1} << 40);
  EXPECT_EQ(counter.Sum(), 3 + (uint64_t{1} << 40));
}

TEST(StatisticsTest, CountersOfTwoDatabasesAreApart) {
  Statistics one, two;
  one.gets.Add(5);
  one.levels[3].compactions.fetch_add(1);
  EXPECT_EQ(one.gets.Sum(), 5u);
  EXPECT_EQ(one.seeks.Sum(), 0u);
  EXPECT_EQ(two.gets.Sum(), 0u);
  EXPECT_EQ(two.levels[3].compactions.load(), 0u);
}

// More threads than stripes, so that some share one; who reads meanwhile sees it grow, never more
// than was added.
TEST(StatisticsTest, ConcurrentAdditionsToAStripedCounterAreAllCounted) {
  constexpr uint64_t kThreads = 20, kAdditions = 2000;
  StripedCounter counter;
  std::vector<std::thread> threads;
  for (uint64_t t = 0; t < kThreads; ++t) {
    threads.emplace_back([&counter] {
      for (uint64_t i = 0; i < kAdditions; ++i) counter.Add(2);
    });
  }
  uint64_t last = 0;
  for (int i = 0; i < 1000; ++i) {
    const uint64_t now = counter.Sum();
    ASSERT_GE(now, last);
    ASSERT_LE(now, 2 * kThreads * kAdditions);
    last = now;
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(counter.Sum(), 2 * kThreads * kAdditions);
}

}  // namespace
}  // namespace logwood
