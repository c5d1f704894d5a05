// PositionSet: whatever the order they come in, it knows which positions are missing.
#include "db/position_set.h"

#include <gtest/gtest.h>

#include "util/internal_key.h"
#include "util/random.h"

namespace logwood {
namespace {

using PositionRanges = std::vector<std::pair<LogPos, LogPos>>;

TEST(PositionSetTest, OfAnEmptySetEverythingIsMissing) {
  const PositionSet set;
  EXPECT_EQ(set.last(), 0u);
  EXPECT_EQ(set.Missing(3, 9), (PositionRanges{{3, 9}}));
}

TEST(PositionSetTest, AnEmptyRangeMissesNothing) {
  PositionSet set;
  EXPECT_TRUE(set.Missing(5, 4).empty());
  set.Add(1, 3);
  set.Add(8, 9);
  EXPECT_TRUE(set.Missing(5, 4).empty());
  EXPECT_TRUE(set.Missing(9, 2).empty());
}

TEST(PositionSetTest, WhatIsMissingIsToldWithInclusiveEnds) {
  PositionSet set;
  set.Add(3, 4);
  set.Add(8, 8);
  EXPECT_EQ(set.Missing(1, 10), (PositionRanges{{1, 2}, {5, 7}, {9, 10}}));
  EXPECT_EQ(set.Missing(4, 8), (PositionRanges{{5, 7}}));
  EXPECT_EQ(set.Missing(6, 6), (PositionRanges{{6, 6}}));
  EXPECT_EQ(set.Missing(9, 12), (PositionRanges{{9, 12}}));
  EXPECT_TRUE(set.Missing(3, 4).empty());
  EXPECT_EQ(set.last(), 8u);
}

TEST(PositionSetTest, RangesThatTouchOrOverlapLeaveNoSeam) {
  PositionSet set;
  set.Add(10, 12);
  set.Add(16, 18);
  set.Add(1, 3);
  set.Add(13, 15);  // fills a gap exactly
  EXPECT_TRUE(set.Missing(10, 18).empty());
  set.Add(2, 11);  // bridges
  EXPECT_TRUE(set.Missing(1, 18).empty());
  set.Add(5, 6);  // is there already
  EXPECT_EQ(set.Missing(0, 19), (PositionRanges{{0, 0}, {19, 19}}));
  EXPECT_EQ(set.last(), 18u);
}

TEST(PositionSetTest, TheLargestPositionIsOneLikeAnyOther) {
  PositionSet set;
  set.Add(kPositionMax, kPositionMax);
  set.Add(0, 0);
  EXPECT_EQ(set.last(), kPositionMax);
  EXPECT_EQ(set.Missing(0, kPositionMax), (PositionRanges{{1, kPositionMax - 1}}));
}

// Against the plainest set there is.
TEST(PositionSetTest, AgreesWithASetOfSinglePositions) {
  constexpr LogPos kEnd = 40;
  for (uint64_t seed = 1; seed <= 200; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Random random(seed);
    PositionSet set;
    std::vector<bool> there(kEnd);
    for (int n = 0; n < 8; ++n) {
      const LogPos first = random.Uniform(kEnd);
      const LogPos last = std::min(kEnd - 1, first + random.Uniform(6));
      set.Add(first, last);
      for (LogPos at = first; at <= last; ++at) there[at] = true;
      const LogPos from = random.Uniform(kEnd);
      PositionRanges missing;
      for (LogPos at = from; at < kEnd; ++at) {
        if (there[at]) continue;
        if (!missing.empty() && missing.back().second + 1 == at) {
          missing.back().second = at;
        } else {
          missing.emplace_back(at, at);
        }
      }
      ASSERT_EQ(set.Missing(from, kEnd - 1), missing);
      PositionSet whole;
      whole.Add(from, kEnd - 1);
      ASSERT_EQ(whole.Lacking(set), missing);
      ASSERT_EQ(PositionSet().Lacking(set), PositionRanges());
    }
  }
}

}  // namespace
}  // namespace logwood
