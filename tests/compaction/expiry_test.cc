// What expires, in compactions: what goes with which snapshots and times, and when a table is
// picked for that sake.
#include <gtest/gtest.h>

#include "compaction/compaction_iterator.h"
#include "compaction/plan_builder.h"
#include "tests/compaction/compaction_test_support.h"
#include "tests/compaction/shape_simulation.h"
#include "tests/support/status_assert.h"
#include "util/expiring_value.h"

namespace logwood {
namespace {

using testing::Delete;
using testing::Entries;
using testing::OwnedEntry;
using testing::Put;

OwnedEntry Until(std::string key, LogPos position, uint64_t expires_us) {
  std::string value;
  AppendExpiring(&value, expires_us, "v");
  return {std::move(key), PackTrailer(position, EntryKind::kPutExpiring), std::move(value)};
}

struct Left {
  Entries entries;
  uint64_t dropped = 0, expired = 0;
};

Left Compact(const Entries& entries, const SurvivalRules& rules) {
  testing::VectorIterator input(entries);
  CompactionIterator it(&input, rules);
  Left left;
  for (it.SeekToFirst(); it.Valid(); it.Next()) {
    const Entry& entry = it.entry();
    left.entries.push_back({std::string(entry.key), entry.trailer, std::string(entry.value)});
  }
  EXPECT_OK(it.status());
  left.dropped = it.entries_dropped();
  left.expired = it.entries_expired();
  EXPECT_EQ(left.dropped + left.entries.size(), entries.size());
  return left;
}

TEST(ExpiryInCompaction, WhatHasExpiredIsATombstoneAndGoesAtTheBottom) {
  const Entries entries = {Until("a", 9, 100), Put("a", 4), Until("b", 7, 101), Until("c", 5, 99)};
  SurvivalRules rules;
  EXPECT_EQ(Compact(entries, rules).entries,
            (Entries{Until("a", 9, 100), Until("b", 7, 101), Until("c", 5, 99)}))
      << "without a time nothing has expired";
  rules.now_us = 100;
  const Left left = Compact(entries, rules);
  EXPECT_EQ(left.entries, (Entries{Delete("a", 9), Until("b", 7, 101), Delete("c", 5)}));
  EXPECT_EQ(left.expired, 2u);
  EXPECT_EQ(left.dropped, 1u);
  rules.bottom = rules.zero_positions = true;
  const Left bottom = Compact(entries, rules);
  EXPECT_EQ(bottom.entries, Entries{Until("b", 0, 101)}) << "at position 0, and expiring still";
  EXPECT_EQ(bottom.expired, 2u);
  EXPECT_EQ(bottom.dropped, 3u);
}

TEST(ExpiryInCompaction, EachStretchGoesByTheTimeOfItsEnd) {
  const auto compact = [](uint64_t expires_us, bool bottom) {
    SurvivalRules rules;
    rules.snapshots = {3, 6};
    rules.snapshot_times = {30, 60};
    rules.now_us = 90;
    rules.bottom = bottom;
    return Compact(
        {Until("a", 8, expires_us), Until("a", 5, expires_us), Until("a", 2, expires_us)}, rules);
  };
  const auto until = [](LogPos position, uint64_t expires_us) {
    return Until("a", position, expires_us);
  };
  EXPECT_EQ(compact(91, false).entries, (Entries{until(8, 91), until(5, 91), until(2, 91)}));
  EXPECT_EQ(compact(90, false).entries, (Entries{Delete("a", 8), until(5, 90), until(2, 90)}));
  EXPECT_EQ(compact(61, false).entries, (Entries{Delete("a", 8), until(5, 61), until(2, 61)}));
  EXPECT_EQ(compact(60, false).entries, (Entries{Delete("a", 8), Delete("a", 5), until(2, 60)}));
  EXPECT_EQ(compact(30, false).entries, (Entries{Delete("a", 8), Delete("a", 5), Delete("a", 2)}));
  EXPECT_EQ(compact(30, true).entries, (Entries{Delete("a", 8), Delete("a", 5)}))
      << "only at or below the first snapshot nothing is left to hide";
  EXPECT_EQ(compact(30, true).expired, 3u);
}

TEST(ExpiryInCompaction, SnapshotsOfUnknownTimesKeepAll) {
  SurvivalRules rules;
  rules.snapshots = {6};
  rules.now_us = 100;
  const Entries entries = {Until("a", 8, 50), Until("b", 5, 50)};
  EXPECT_EQ(Compact(entries, rules).entries, (Entries{Delete("a", 8), Until("b", 5, 50)}));
}

TEST(ExpiryInCompaction, WhatIsHiddenIsNotCounted) {
  SurvivalRules rules;
  rules.now_us = 100;
  const Left left =
      Compact({Put("a", 9), Until("a", 4, 50), Delete("b", 3), Until("b", 2, 50)}, rules);
  EXPECT_EQ(left.entries, (Entries{Put("a", 9), Delete("b", 3)}));
  EXPECT_EQ(left.expired, 0u);
  EXPECT_EQ(left.dropped, 2u);
}

// ---- For every key, at every snapshot and from now on, a reader sees the same before and after.

std::map<std::string, std::string> VisibleAt(const Entries& entries, LogPos position,
                                             uint64_t time_us) {
  std::map<std::string, std::string> visible;
  std::map<std::string, LogPos> newest;
  for (const OwnedEntry& entry : entries) {
    if (entry.position() > position) continue;
    const auto [at, added] = newest.emplace(entry.key, entry.position());
    if (!added && at->second > entry.position()) continue;
    at->second = entry.position();
    visible.erase(entry.key);
    const bool expires = entry.kind() == EntryKind::kPutExpiring;
    if (entry.kind() == EntryKind::kDelete) continue;
    if (expires && ExpiryOf(entry.value) <= time_us) continue;
    visible[entry.key] = entry.value;
  }
  return visible;
}

TEST(ExpiryInCompaction, ReadersSeeTheSameBeforeAndAfter) {
  uint64_t expired = 0;
  for (uint64_t seed = 1; seed <= 3000; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Random random(seed);
    const size_t count = 1 + random.Uniform(40);
    Entries before = testing::RandomEntries(&random, 1 + random.Uniform(6), count);
    for (OwnedEntry& entry : before) {
      if (entry.kind() != EntryKind::kPut || random.OneIn(3)) continue;
      entry = Until(entry.key, entry.position(), 10 * entry.position() + random.Uniform(200));
    }
    SurvivalRules rules;
    std::set<LogPos> snapshots;
    for (uint64_t i = random.Uniform(6); i > 0; --i) snapshots.insert(random.Uniform(count + 1));
    rules.snapshots.assign(snapshots.begin(), snapshots.end());
    for (const LogPos at : snapshots) rules.snapshot_times.push_back(10 * at + random.Uniform(10));
    rules.now_us = 10 * count + 10 + random.Uniform(100);
    rules.bottom = random.OneIn(2);
    rules.zero_positions = rules.bottom && random.OneIn(2);
    const Left left = Compact(before, rules);
    expired += left.expired;
    for (size_t i = 0; i < rules.snapshots.size(); ++i) {
      const LogPos at = rules.snapshots[i];
      const uint64_t time_us = rules.snapshot_times[i];
      ASSERT_EQ(VisibleAt(left.entries, at, time_us), VisibleAt(before, at, time_us)) << at;
    }
    for (const uint64_t time_us : {rules.now_us, rules.now_us + 50, rules.now_us + 1000}) {
      ASSERT_EQ(VisibleAt(left.entries, kPositionMax, time_us),
                VisibleAt(before, kPositionMax, time_us));
    }
    // And nothing is left that all have lost.
    for (const OwnedEntry& entry : left.entries) {
      if (entry.kind() != EntryKind::kPutExpiring) continue;
      EXPECT_GT(ExpiryOf(entry.value),
                rules.ExpiredBy(StretchOf(rules.snapshots, entry.position())))
          << entry.key << "@" << entry.position();
    }
  }
  EXPECT_GT(expired, 1000u);
}

// ---- When a table is picked

TableMeta TableOf(uint64_t entries, uint64_t tombstones, const ExpiryProfile& expiry) {
  TableMeta table;
  table.entries = entries;
  table.tombstones = tombstones;
  table.expiry = expiry;
  return table;
}

TEST(ExpiryDueTest, IsTheFirstQuarterWithWhichThereAreEnough) {
  const ExpiryProfile all{100, {10, 20, 30, 40}}, half{50, {10, 20, 30, 40}};
  EXPECT_EQ(ExpiryDue(TableOf(100, 0, {}), 0.5, 0), std::nullopt);
  EXPECT_EQ(ExpiryDue(TableOf(100, 90, {}), 0.5, 0), std::nullopt) << "nothing there expires";
  EXPECT_EQ(ExpiryDue(TableOf(100, 0, all), 0.5, 0), 30u) << "half is not more than half";
  EXPECT_EQ(ExpiryDue(TableOf(100, 1, all), 0.5, 0), 20u);
  EXPECT_EQ(ExpiryDue(TableOf(100, 0, all), 0.5, 29), 30u);
  EXPECT_EQ(ExpiryDue(TableOf(100, 0, all), 0.5, 30), 40u) << "more may be worth it";
  EXPECT_EQ(ExpiryDue(TableOf(100, 0, all), 0.5, 40), std::nullopt) << "it was due";
  EXPECT_EQ(ExpiryDue(TableOf(100, 0, half), 0.5, 0), std::nullopt) << "never enough";
  EXPECT_EQ(ExpiryDue(TableOf(100, 1, half), 0.5, 0), 40u);
  EXPECT_EQ(ExpiryDue(TableOf(100, 50, half), 0.5, 0), 10u);
  EXPECT_EQ(ExpiryDue(TableOf(100, 0, all), 0.0, 0), 10u);
  EXPECT_EQ(ExpiryDue(TableOf(100, 0, all), 1.0, 0), std::nullopt);
}

// At that time and not before the picker finds it.
TEST(ExpiryDueTest, ThePickerSeesItThen) {
  Random random(8);
  for (int round = 0; round < 500; ++round) {
    SCOPED_TRACE(round);
    ExpiryProfile expiry{1 + random.Uniform(100), {}};
    for (uint64_t& time_us : expiry.times_us) time_us = 1 + random.Uniform(50);
    std::sort(expiry.times_us.begin(), expiry.times_us.end());
    auto table = std::make_shared<TableMeta>(TableOf(100, random.Uniform(31), expiry));
    table->number = 1;
    table->begin = "a";
    table->end = "b";
    table->size = 1000;
    table->max_position = 1;
    LevelShape shape;
    // Elsewhere a table with nothing below it is moved there.
    shape.levels[kLevels - 1].push_back(table);
    CompactionSettings settings;
    settings.oldest_snapshot = kPositionMax;
    const auto due = ExpiryDue(*table, settings.tombstone_ratio, 0);
    for (uint64_t now_us = 0; now_us <= 60; ++now_us) {
      settings.expired_us = now_us;
      const auto plan = PickCompaction(shape, settings, {});
      ASSERT_EQ(plan.has_value(), due.has_value() && now_us >= *due)
          << now_us << " " << (plan ? ToText(*plan) : "");
      if (plan) {
        EXPECT_EQ(plan->reason, CompactionReason::kTombstones);
        EXPECT_FALSE(plan->trivial_move) << "it would go on lying there";
      }
    }
  }
}

}  // namespace
}  // namespace logwood
