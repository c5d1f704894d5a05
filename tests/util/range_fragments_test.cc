#include "util/range_fragments.h"

#include <gtest/gtest.h>

#include <map>
#include <set>
#include <string>
#include <vector>

#include "util/random.h"

namespace logwood {
namespace {

struct DeletedRange {
  std::string begin, end;
  LogPos position;
};

std::string Told(const RangeFragments& fragments) {
  std::string told;
  for (const auto& fragment : fragments.fragments()) {
    told.append(fragment.begin).append("-").append(fragment.end).append(":");
    for (LogPos position : fragment.positions) told.append(" ").append(std::to_string(position));
    told += "; ";
  }
  return told;
}

RangeFragmentsPtr Cut(const std::vector<DeletedRange>& ranges) {
  RangeFragmenter fragmenter;
  for (const auto& range : ranges) fragmenter.Add(range.begin, range.end, range.position);
  return fragmenter.Finish();
}

TEST(RangeFragments, OverlapsAreCutAndKeepTheirPositions) {
  EXPECT_EQ(Told(*Cut({{"b", "f", 7}, {"d", "h", 9}})), "b-d: 7; d-f: 9 7; f-h: 9; ");
  EXPECT_EQ(Told(*Cut({{"d", "e", 3}, {"a", "z", 2}})), "a-d: 2; d-e: 3 2; e-z: 2; ");
  EXPECT_EQ(Told(*Cut({{"a", "c", 1}, {"c", "d", 1}})), "a-d: 1; ");
  EXPECT_EQ(Told(*Cut({{"a", "c", 1}, {"d", "e", 1}})), "a-c: 1; d-e: 1; ");
  EXPECT_EQ(Told(*Cut({{"a", "c", 1}, {"c", "d", 2}})), "a-c: 1; c-d: 2; ");
  EXPECT_EQ(Told(*Cut({{"a", "c", 1}, {"a", "c", 1}})), "a-c: 1; ");
  EXPECT_EQ(Told(*Cut({})), "");
}

TEST(RangeFragments, WhatNoSnapshotTellsApartIsOne) {
  RangeFragmenter fragmenter;
  for (LogPos position : {2, 4, 5, 7, 9}) fragmenter.Add("a", "b", position);
  const auto told = [&](std::vector<LogPos> snapshots) {
    return Told(*fragmenter.Finish(snapshots));
  };
  EXPECT_EQ(told({}), "a-b: 9; ");
  EXPECT_EQ(told({4}), "a-b: 9 4; ");
  EXPECT_EQ(told({3, 6}), "a-b: 9 5 2; ");
  EXPECT_EQ(told({1}), "a-b: 9; ");
  EXPECT_EQ(told({9}), "a-b: 9; ");
  EXPECT_EQ(told({2, 4, 5, 7, 9}), "a-b: 9 7 5 4 2; ");
}

// As of a queue, whose every delete begins at the first key.
TEST(RangeFragments, NeighboursThatSayTheSameAreOne) {
  RangeFragmenter fragmenter;
  for (LogPos position = 1; position <= 5; ++position)
    fragmenter.Add("a", std::string_view("bcdef").substr(position - 1, 1), position);
  EXPECT_EQ(Told(*fragmenter.Finish(std::vector<LogPos>())), "a-f: 5; ");
  EXPECT_EQ(Told(*fragmenter.Finish(std::vector<LogPos>{2})), "a-c: 5 2; c-f: 5; ");
}

TEST(RangeFragments, TheBuilderTakesNothingThatIsOutOfOrder) {
  RangeFragmentsBuilder builder;
  EXPECT_FALSE(builder.Add("b", "b", 1));
  EXPECT_FALSE(builder.Add("c", "b", 1));
  EXPECT_TRUE(builder.Add("b", "d", 5));
  EXPECT_TRUE(builder.Add("b", "d", 3));
  EXPECT_FALSE(builder.Add("b", "d", 3));
  EXPECT_FALSE(builder.Add("b", "d", 4));
  EXPECT_FALSE(builder.Add("b", "e", 1));
  EXPECT_FALSE(builder.Add("c", "e", 9));
  EXPECT_FALSE(builder.Add("a", "b", 9));
  EXPECT_TRUE(builder.Add("d", "e", 9));
  EXPECT_EQ(Told(*builder.Finish()), "b-d: 5 3; d-e: 9; ");
}

// Against what each key says by itself.
class RangeFragmentsAgainstEachKey : public testing::Test {
 protected:
  static std::string Key(uint64_t n) { return std::string(1, static_cast<char>('a' + n)); }

  void Draw(Random* random) {
    ranges_.clear();
    for (uint64_t i = random->Uniform(12); i > 0; --i) {
      const uint64_t begin = random->Uniform(19);
      ranges_.push_back(
          {Key(begin), Key(begin + 1 + random->Uniform(20 - begin)), 1 + random->Uniform(15)});
    }
  }
  std::set<LogPos> PositionsAt(const std::string& key) const {
    std::set<LogPos> positions;
    for (const auto& range : ranges_) {
      if (key >= range.begin && key < range.end) positions.insert(range.position);
    }
    return positions;
  }
  LogPos Newest(const std::string& key, LogPos most) const {
    const std::set<LogPos> positions = PositionsAt(key);
    auto at = positions.upper_bound(most);
    return at == positions.begin() ? 0 : *--at;
  }

  std::vector<DeletedRange> ranges_;
};

TEST_F(RangeFragmentsAgainstEachKey, TheyAgree) {
  Random random(7);
  for (int round = 0; round < 40; ++round) {
    SCOPED_TRACE(round);
    Draw(&random);
    const RangeFragmentsPtr all = Cut(ranges_);
    for (uint64_t n = 0; n < 22; ++n) {
      for (const std::string& key : {Key(n), Key(n) + "x"}) {
        for (LogPos position = 0; position < 17; ++position) {
          const LogPos expected = Newest(key, position);
          ASSERT_EQ(all->Covering(key, position), expected) << key << " at " << position;
          const CoveredStretch stretch = all->Around(key, position);
          ASSERT_EQ(stretch.deleted_at, expected);
          ASSERT_TRUE(stretch.Contains(key));
          for (uint64_t other = 0; other < 22; ++other) {
            if (!stretch.Contains(Key(other))) continue;
            ASSERT_EQ(Newest(Key(other), position), expected) << key << " " << Key(other);
          }
        }
      }
    }
  }
}

TEST_F(RangeFragmentsAgainstEachKey, SnapshotsSeeTheSameOfWhatIsKept) {
  Random random(8);
  for (int round = 0; round < 400; ++round) {
    SCOPED_TRACE(round);
    Draw(&random);
    std::set<LogPos> drawn;
    while (drawn.size() < random.Uniform(4)) drawn.insert(random.Uniform(16));
    std::vector<LogPos> snapshots(drawn.begin(), drawn.end());
    RangeFragmenter fragmenter;
    for (const auto& range : ranges_) fragmenter.Add(range.begin, range.end, range.position);
    const RangeFragmentsPtr kept = fragmenter.Finish(snapshots);
    snapshots.push_back(16);  // who reads now
    for (uint64_t n = 0; n < 22; ++n) {
      for (LogPos snapshot : snapshots) {
        ASSERT_EQ(kept->Covering(Key(n), snapshot), Newest(Key(n), snapshot)) << Key(n);
      }
    }
    for (const auto& fragment : kept->fragments())
      ASSERT_LE(fragment.positions.size(), snapshots.size());
  }
}

}  // namespace
}  // namespace logwood
