#include "util/random.h"

#include <gtest/gtest.h>

#include <array>
#include <set>
#include <string>

namespace logwood {
namespace {

TEST(Random, OneSeedReplaysARun) {
  Random a(7);
  Random b(7);
  Random c(8);
  bool differs = false;
  for (int i = 0; i < 1000; ++i) {
    const uint64_t next = a.Next();
    ASSERT_EQ(next, b.Next());
    differs |= next != c.Next();
  }
  EXPECT_TRUE(differs);
}

TEST(Random, UniformStaysBelowItsBoundAndReachesEveryValue) {
  Random random(9);
  std::array<int, 10> seen{};
  for (int i = 0; i < 10'000; ++i) ++seen.at(random.Uniform(10));
  for (const int count : seen) EXPECT_GT(count, 800);
  EXPECT_EQ(random.Uniform(1), 0U);
  const uint64_t huge = (uint64_t{1} << 63) + 1;
  for (int i = 0; i < 1000; ++i) ASSERT_LT(random.Uniform(huge), huge);
}

TEST(Random, SkewedStaysBelowItsWidth) {
  Random random(10);
  for (int i = 0; i < 10'000; ++i) ASSERT_LT(random.Skewed(10), 1U << 10);
}

// Leaves the process with seeded ids; each test runs in a process of its own or does not mind.
TEST(NewId, FromEntropyIsFreshAndFromASeedIsReplayed) {
  std::set<std::string> fresh;
  for (int i = 0; i < 100; ++i) fresh.insert(NewId().ToString());
  EXPECT_EQ(fresh.size(), 100U);
  SeedIdsForTesting(42);
  const Id128 first = NewId();
  const Id128 second = NewId();
  SeedIdsForTesting(42);
  EXPECT_EQ(NewId(), first);
  EXPECT_EQ(NewId(), second);
  EXPECT_NE(first, second);
}

}  // namespace
}  // namespace logwood
