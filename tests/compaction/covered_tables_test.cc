// Which tables range deletes cover whole, and what range deletes weigh: by example, and against a
// look at each key. What the picker makes of it.
#include "compaction/covered_tables.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "compaction/picker.h"
#include "util/random.h"

namespace logwood {
namespace {

struct DeletedRange {
  std::string begin, end;
  LogPos position = 0;
};

class CoveredTablesTest : public ::testing::Test {
 protected:
  // A hundred entries evenly over [begin, end), which are of one letter, and range deletes.
  void Add(int level, uint64_t number, const std::string& begin, const std::string& end, LogPos min,
           LogPos max, const std::vector<DeletedRange>& ranges = {}) {
    auto meta = std::make_shared<TableMeta>();
    meta->number = number;
    meta->begin = begin;
    meta->end = end;
    meta->min_position = min;
    meta->max_position = max;
    meta->size = meta->entries = entries_;
    meta->range_deletes = ranges.size();
    auto& tables = shape_.levels[static_cast<size_t>(level)];
    tables.push_back(meta);
    std::sort(tables.begin(), tables.end(), [&](const auto& a, const auto& b) {
      return level == 0 ? a->max_position > b->max_position : a->begin < b->begin;
    });
    if (ranges.empty()) return;
    RangeFragmenter fragmenter;
    for (const DeletedRange& range : ranges) fragmenter.Add(range.begin, range.end, range.position);
    ranges_[number] = fragmenter.Finish();
  }
  CoveredTables Find(const std::vector<LogPos>& snapshots = {}) {
    EXPECT_TRUE(shape_.Validate().ok()) << shape_.Validate().ToString();
    asked_ = 0;
    CoverQuestions questions;
    questions.range_deletes = [this](const TableMeta& table) -> RangeFragmentsPtr {
      ++asked_;
      const auto at = ranges_.find(table.number);
      return at == ranges_.end() ? nullptr : at->second;
    };
    questions.entries_within = [this](const TableMeta& table, std::string_view begin,
                                      std::string_view end) -> uint64_t {
      ++asked_;
      const auto from = std::max<std::string_view>(table.begin, begin);
      const auto to = std::min<std::string_view>(table.end, end);
      return from >= to ? 0
                        : table.entries * static_cast<uint64_t>(to[0] - from[0]) /
                              static_cast<uint64_t>(table.end[0] - table.begin[0]);
    };
    return FindCoveredTables(shape_, snapshots, questions);
  }
  std::set<uint64_t> Whole(const std::vector<LogPos>& snapshots = {}) {
    return Find(snapshots).whole;
  }
  std::optional<CompactionPlan> Pick(const BusyTables& busy = {}) {
    settings_.covered = Find();
    return PickCompaction(shape_, settings_, busy);
  }

  LevelShape shape_;
  uint64_t entries_ = 100;
  std::map<uint64_t, RangeFragmentsPtr> ranges_;
  uint64_t asked_ = 0;
  CompactionSettings settings_;
};

using TableNumbers = std::set<uint64_t>;

TEST_F(CoveredTablesTest, NothingIsAskedWithoutRangeDeletes) {
  Add(0, 9, "a", "z", 90, 99);
  Add(6, 1, "a", "z", 1, 9);
  EXPECT_EQ(Whole(), TableNumbers());
  EXPECT_EQ(asked_, 0u);
}

TEST_F(CoveredTablesTest, WhatIsCoveredToItsEndsGoes) {
  Add(6, 1, "a", "c", 1, 10);
  Add(6, 2, "c", "f", 1, 10);
  Add(6, 3, "f", "h", 1, 10);
  Add(4, 4, "c", "f", 11, 20);
  Add(0, 9, "b", "g", 21, 30, {{"c", "f", 25}});
  EXPECT_EQ(Whole(), TableNumbers({2, 4}));
}

TEST_F(CoveredTablesTest, WhatIsNotOlderThanTheDeleteStays) {
  Add(6, 1, "c", "f", 1, 25);
  Add(0, 9, "b", "g", 21, 30, {{"a", "z", 25}});
  EXPECT_EQ(Whole(), TableNumbers());
}

TEST_F(CoveredTablesTest, SeveralTablesCoverOneTogether) {
  Add(6, 1, "a", "h", 1, 10);
  Add(4, 4, "a", "c", 11, 20, {{"a", "c", 20}});
  Add(4, 5, "c", "e", 11, 20, {{"c", "d", 20}, {"d", "e", 19}});
  Add(0, 8, "e", "g", 21, 30, {{"e", "g", 25}});
  EXPECT_EQ(Whole(), TableNumbers());
  Add(0, 9, "g", "z", 31, 40, {{"g", "z", 35}});
  EXPECT_EQ(Whole(), TableNumbers({1}));
}

TEST_F(CoveredTablesTest, ASnapshotBetweenKeepsATable) {
  Add(6, 1, "a", "h", 5, 10);
  Add(0, 9, "a", "z", 20, 30, {{"a", "z", 25}});
  EXPECT_EQ(Whole({4}), TableNumbers({1})) << "sees neither";
  EXPECT_EQ(Whole({25}), TableNumbers({1})) << "sees both";
  EXPECT_EQ(Whole({4, 25}), TableNumbers({1}));
  EXPECT_EQ(Whole({24}), TableNumbers());
  EXPECT_EQ(Whole({10}), TableNumbers());
  EXPECT_EQ(Whole({7}), TableNumbers()) << "sees some of it";
}

TEST_F(CoveredTablesTest, PositionsThatWereDroppedAreSeenByAllSnapshots) {
  Add(6, 1, "a", "h", 0, 10);
  Add(0, 9, "a", "z", 20, 30, {{"a", "z", 25}});
  EXPECT_EQ(Whole(), TableNumbers({1}));
  EXPECT_EQ(Whole({25}), TableNumbers({1}));
  EXPECT_EQ(Whole({12}), TableNumbers());
  EXPECT_EQ(Whole({12, 25}), TableNumbers());
}

TEST_F(CoveredTablesTest, AnOlderDeleteOfTheSameKeysCountsForItsSnapshots) {
  Add(6, 1, "a", "h", 5, 10);
  Add(0, 9, "a", "z", 11, 30, {{"a", "z", 25}, {"a", "z", 12}});
  EXPECT_EQ(Whole({15}), TableNumbers({1}));
  EXPECT_EQ(Whole({11}), TableNumbers());
}

TEST_F(CoveredTablesTest, TheFirstAndTheLastTableOfARangeAreWeighed) {
  Add(6, 1, "a", "e", 1, 10);
  Add(6, 2, "e", "g", 1, 10);
  Add(6, 3, "g", "k", 1, 10);
  Add(0, 9, "b", "h", 20, 30, {{"b", "h", 25}});
  const CoveredTables covered = Find();
  EXPECT_EQ(covered.whole, TableNumbers({2}));
  EXPECT_EQ(covered.entries, (std::map<uint64_t, uint64_t>{{9, 75 + 25}}));
}

TEST_F(CoveredTablesTest, ARangeWithinOneTableIsWeighedOnceAndOnlyOfWhatIsOlder) {
  Add(6, 1, "a", "k", 1, 10);
  Add(4, 2, "a", "k", 11, 26);
  Add(0, 8, "a", "k", 27, 28);
  Add(0, 9, "b", "g", 29, 30, {{"b", "g", 29}});
  Add(0, 10, "b", "g", 31, 40);
  EXPECT_EQ(Find().entries, (std::map<uint64_t, uint64_t>{{9, 150}}));
  EXPECT_EQ(Find({26}).entries, (std::map<uint64_t, uint64_t>{{9, 50}}));
}

TEST_F(CoveredTablesTest, InTheLastLevelItsOwnEntriesAreWeighed) {
  Add(6, 1, "a", "k", 1, 10, {{"b", "g", 9}});
  EXPECT_EQ(Find().entries, (std::map<uint64_t, uint64_t>{{1, 50}}));
}

TEST_F(CoveredTablesTest, OfATableThatCannotBeReadNothingIsKnown) {
  Add(6, 1, "a", "k", 1, 10);
  Add(0, 9, "a", "z", 20, 30, {{"a", "z", 25}});
  ranges_.clear();
  EXPECT_EQ(Whole(), TableNumbers());
}

// Of a random tree each table that is said to be covered is, key by key, for each reader.
TEST_F(CoveredTablesTest, AgreesWithALookAtEachKey) {
  uint64_t whole = 0, missed = 0;
  for (uint64_t seed = 1; seed <= 2000; ++seed) {
    SCOPED_TRACE(seed);
    Random random(seed);
    shape_ = {};
    ranges_.clear();
    LogPos position = 0;
    uint64_t number = 0;
    std::map<uint64_t, std::vector<DeletedRange>> told;
    const auto letter = [](uint64_t n) { return std::string(1, static_cast<char>('a' + n)); };
    for (const int level : {6, 4, 3, 0, 0}) {
      for (uint64_t from = random.Uniform(3); from < 12;) {
        const uint64_t to = level == 0 ? 13 : from + 1 + random.Uniform(5);
        const LogPos min = position + 1, max = position + 1 + random.Uniform(6);
        std::vector<DeletedRange> ranges;
        for (uint64_t n = random.OneIn(2) ? random.Uniform(4) : 0; n > 0; --n) {
          const uint64_t begin = from + random.Uniform(to - from);
          const uint64_t end = begin + 1 + random.Uniform(to - begin);
          ranges.push_back({letter(begin), letter(end), min + random.Uniform(max - min + 1)});
        }
        Add(level, ++number, letter(from), letter(to), min, max, ranges);
        told[number] = ranges;
        if (level == 0) position = max;
        from = to + random.Uniform(2);
      }
      position += 6;
    }
    std::set<LogPos> snapshots;
    for (uint64_t n = random.Uniform(4); n > 0; --n) snapshots.insert(random.Uniform(position + 2));
    const TableNumbers found = Whole({snapshots.begin(), snapshots.end()});
    snapshots.insert(kPositionMax);
    for (int level = 0; level < kLevels; ++level) {
      for (const auto& table : shape_.levels[static_cast<size_t>(level)]) {
        bool covered = true;
        for (LogPos reader : snapshots) {
          for (std::string key = table->begin; key < table->end; ++key[0]) {
            const auto hides = [&](const DeletedRange& range) {
              return range.begin <= key && key < range.end && range.position <= reader &&
                     range.position > table->max_position;
            };
            bool hidden = reader < table->min_position;
            for (const auto& [_, ranges] : told)
              hidden |= std::any_of(ranges.begin(), ranges.end(), hides);
            covered &= hidden;
          }
        }
        const bool is_found = found.count(table->number) != 0;
        ASSERT_TRUE(covered || !is_found) << table->number << " in level " << level;
        whole += is_found;
        missed += covered && !is_found;
      }
    }
  }
  EXPECT_GT(whole, 1000u);
  EXPECT_EQ(missed, 0u);
}

TEST_F(CoveredTablesTest, ArePickedFirstAndGoUnread) {
  Add(6, 1, "a", "c", 1, 10);
  Add(6, 2, "c", "f", 1, 10);
  Add(6, 3, "f", "h", 1, 10);
  Add(0, 9, "b", "g", 20, 30, {{"b", "g", 25}});
  const auto plan = Pick();
  ASSERT_TRUE(plan.has_value());
  EXPECT_TRUE(plan->only_waste);
  EXPECT_EQ(ToText(*plan).substr(0, 38), "L6 -> L6 covered by range deletes: 000");
  ASSERT_EQ(plan->inputs.size(), 1u);
  EXPECT_EQ(plan->inputs[0]->number, 2u);
  BusyTables busy;
  busy.tables.insert(2);
  const auto other = Pick(busy);
  EXPECT_FALSE(other.has_value() && other->only_waste);
}

// Far more entries than range deletes: what they cover pays for it.
TEST_F(CoveredTablesTest, ARangeDeletePaysByWhatItCovers) {
  entries_ = 1'000'000;
  Add(6, 1, "a", "k", 1, 10);
  entries_ = 100'000;
  Add(0, 9, "b", "d", 20, 30, {{"b", "d", 25}});
  EXPECT_FALSE(Pick().has_value()) << "a fifth";
  shape_.levels[0].clear();
  Add(0, 9, "b", "e", 20, 30, {{"b", "e", 25}});
  const auto plan = Pick();
  ASSERT_TRUE(plan.has_value()) << "three tenths";
  EXPECT_EQ(plan->reason, CompactionReason::kTombstones);
  EXPECT_EQ(plan->output_overlap.size(), 1u);
}

TEST_F(CoveredTablesTest, OfTheLastLevelIsRewrittenOnceNoSnapshotNeedsIt) {
  entries_ = 1'000'000;
  Add(6, 1, "a", "k", 1, 10, {{"b", "g", 9}});
  settings_.oldest_snapshot = 9;
  EXPECT_FALSE(Pick().has_value());
  settings_.oldest_snapshot = kPositionMax;
  const auto plan = Pick();
  ASSERT_TRUE(plan.has_value());
  EXPECT_EQ(plan->output_level, 6);
}

}  // namespace
}  // namespace logwood
