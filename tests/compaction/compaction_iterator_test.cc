#include "compaction/compaction_iterator.h"

#include <gtest/gtest.h>

#include "tests/compaction/compaction_test_support.h"

namespace logwood {
namespace {

using testing::Delete;
using testing::Entries;
using testing::OwnedEntry;
using testing::Put;
using testing::VectorIterator;
using testing::Visible;

Entries Survivors(const Entries& entries, const SurvivalRules& rules) {
  VectorIterator input(entries);
  CompactionIterator it(&input, rules);
  Entries out;
  std::string last_key;
  for (it.SeekToFirst(); it.Valid(); it.Next()) {
    const Entry& entry = it.entry();
    EXPECT_EQ(it.first_of_key(), out.empty() || out.back().key != entry.key);
    out.push_back({std::string(entry.key), entry.trailer, std::string(entry.value)});
  }
  EXPECT_TRUE(it.status().ok()) << it.status().ToString();
  EXPECT_EQ(it.entries_in(), entries.size());
  EXPECT_EQ(it.entries_dropped() + out.size(), entries.size());
  return out;
}

TEST(CompactionIterator, NewestOfEachKeyWithoutSnapshots) {
  EXPECT_EQ(Survivors({Put("a", 9), Put("a", 4), Put("b", 7), Delete("b", 3), Delete("c", 2)}, {}),
            (Entries{Put("a", 9), Put("b", 7), Delete("c", 2)}));
}

TEST(CompactionIterator, OneVersionPerStretch) {
  SurvivalRules rules;
  rules.snapshots = {3, 6};
  EXPECT_EQ(
      Survivors({Put("a", 9), Put("a", 7), Put("a", 6), Put("a", 4), Put("a", 3), Put("a", 1)},
                rules),
      (Entries{Put("a", 9), Put("a", 6), Put("a", 3)}));
}

TEST(CompactionIterator, TombstonesStayAboveTheBottom) {
  EXPECT_EQ(Survivors({Delete("a", 5), Put("a", 2)}, {}), (Entries{Delete("a", 5)}));
}

TEST(CompactionIterator, TombstonesGoAtTheBottomUnlessASnapshotNeedsThem) {
  SurvivalRules rules;
  rules.bottom = true;
  EXPECT_EQ(Survivors({Delete("a", 5), Put("a", 2)}, rules), Entries{});
  rules.snapshots = {3};
  EXPECT_EQ(Survivors({Delete("a", 5), Put("a", 2)}, rules),
            (Entries{Delete("a", 5), Put("a", 2)}));
  rules.snapshots = {5};
  EXPECT_EQ(Survivors({Put("a", 7), Delete("a", 5), Put("a", 2)}, rules), (Entries{Put("a", 7)}));
}

TEST(CompactionIterator, PositionsBelowEverySnapshotBecomeZero) {
  SurvivalRules rules;
  rules.bottom = rules.zero_positions = true;
  rules.snapshots = {5};
  EXPECT_EQ(Survivors({Put("a", 9), Put("a", 5), Put("b", 6), Put("c", 1)}, rules),
            (Entries{Put("a", 9), Put("a", 0), Put("b", 6), Put("c", 0)}));
}

TEST(CompactionIterator, SourcePositionOutlivesZeroing) {
  SurvivalRules rules;
  rules.bottom = rules.zero_positions = true;
  VectorIterator input({Put("a", 9)});
  CompactionIterator it(&input, rules);
  it.SeekToFirst();
  ASSERT_TRUE(it.Valid());
  EXPECT_EQ(it.entry().position(), 0u);
  EXPECT_EQ(it.source_position(), 9u);
}

// The first entry is produced, the second ends the iteration.
void ExpectSecondRefused(Entries entries) {
  VectorIterator input(std::move(entries));
  CompactionIterator it(&input, {});
  it.SeekToFirst();
  ASSERT_TRUE(it.Valid());
  it.Next();
  EXPECT_FALSE(it.Valid());
  EXPECT_EQ(it.status().code(), StatusCode::kNotSupported) << it.status().ToString();
}

TEST(CompactionIterator, AnUnknownKindIsRefusedAlsoWhereANewerEntryHidesIt) {
  ExpectSecondRefused({Put("a", 9), {"a", uint64_t{8} << 8 | 5, "m"}, Put("b", 7)});
}

TEST(CompactionIterator, ReservedAndUnknownKindsAreRefused) {
  for (const uint8_t kind : {3, 5, 6, 255}) {
    SCOPED_TRACE(static_cast<int>(kind));
    ExpectSecondRefused({Put("a", 9), {"b", uint64_t{7} << 8 | kind, ""}, Put("c", 8)});
  }
}

TEST(CompactionIterator, DroppedKeyspaceGoesOnceNoSnapshotSeesIt) {
  const std::string dropped = KeyspacePrefix(300), kept = KeyspacePrefix(301);
  const Entries entries = {Put(dropped + "a", 9), Delete(dropped + "b", 4), Put(kept + "a", 7)};
  SurvivalRules rules;
  rules.dropped_keyspaces = {{7, 2}, {300, 12}};
  EXPECT_EQ(Survivors(entries, rules), (Entries{Put(kept + "a", 7)}));
  rules.snapshots = {12};
  EXPECT_EQ(Survivors(entries, rules), (Entries{Put(kept + "a", 7)}));
  rules.snapshots = {11, 12};
  EXPECT_EQ(Survivors(entries, rules), entries);
}

TEST(CompactionIterator, ErrorOfTheInputEndsIt) {
  const Entries entries = {Put("a", 9), Put("b", 8), Put("c", 7)};
  for (size_t fail_at = 0; fail_at <= entries.size(); ++fail_at) {
    VectorIterator input(entries, fail_at);
    CompactionIterator it(&input, {});
    size_t seen = 0;
    for (it.SeekToFirst(); it.Valid(); it.Next()) ++seen;
    EXPECT_EQ(seen, fail_at);
    EXPECT_EQ(it.status().code(), StatusCode::kIoError);
  }
}

TEST(CompactionIterator, InputOutOfOrderIsCorruption) {
  const std::vector<Entries> bad = {
      {Put("b", 9), Put("a", 8)},
      {Put("a", 5), Put("a", 6)},
      {Put("a", 5), Delete("a", 5)},
  };
  for (const Entries& entries : bad) {
    VectorIterator input(entries);
    CompactionIterator it(&input, {});
    it.SeekToFirst();
    ASSERT_TRUE(it.Valid());
    it.Next();
    EXPECT_FALSE(it.Valid());
    EXPECT_EQ(it.status().code(), StatusCode::kCorruption);
  }
}

TEST(CompactionIterator, CancelledAlsoWhileEverythingIsDropped) {
  Entries entries;
  for (LogPos position = 10'000; position > 0; --position) entries.push_back(Put("a", position));
  VectorIterator input(entries);
  const std::function<bool()> cancelled = [] { return true; };
  CompactionIterator it(&input, {});
  it.set_cancelled(&cancelled);
  it.SeekToFirst();
  ASSERT_TRUE(it.Valid());
  it.Next();
  EXPECT_FALSE(it.Valid());
  EXPECT_EQ(it.status().code(), StatusCode::kCancelled);
}

// For every key, at every snapshot and now, a reader sees the same before and after; and no value
// is kept that no reader sees.
TEST(CompactionIterator, ReadersSeeTheSameBeforeAndAfter) {
  for (uint64_t seed = 1; seed <= 4000; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Random random(seed);
    const size_t count = 1 + random.Uniform(60);
    const Entries before = testing::RandomEntries(&random, 1 + random.Uniform(8), count, "\x01");
    SurvivalRules rules;
    std::set<LogPos> snapshots;
    for (uint64_t i = random.Uniform(7); i > 0; --i) snapshots.insert(random.Uniform(count + 2));
    rules.snapshots.assign(snapshots.begin(), snapshots.end());
    rules.bottom = random.OneIn(2);
    rules.zero_positions = rules.bottom && random.OneIn(2);
    if (random.OneIn(3)) rules.dropped_keyspaces = {{1, random.Uniform(count + 2)}};
    const bool dropped =
        !rules.dropped_keyspaces.empty() &&
        (snapshots.empty() || *snapshots.begin() >= rules.dropped_keyspaces[0].second);

    const Entries after = Survivors(before, rules);
    EXPECT_TRUE(std::is_sorted(after.begin(), after.end()));
    if (dropped) {
      EXPECT_TRUE(after.empty());
      continue;
    }
    snapshots.insert(kPositionMax);
    std::set<OwnedEntry> needed;
    for (const LogPos at : snapshots) EXPECT_EQ(Visible(after, at), Visible(before, at)) << at;
    for (size_t i = 0; i < after.size(); ++i) {
      Entries without = after;
      without.erase(without.begin() + static_cast<std::ptrdiff_t>(i));
      bool matters = after[i].kind() == EntryKind::kDelete;  // known to be idle only with lookahead
      for (const LogPos at : snapshots) matters |= Visible(without, at) != Visible(after, at);
      EXPECT_TRUE(matters) << after[i].key << "@" << after[i].position();
    }
  }
}

}  // namespace
}  // namespace logwood
