// What survives of a key with merges: whatever flush and compaction folded, with whatever snapshots
// and in however many turns, a read at each snapshot that is left shows the same operands.
#include "compaction/key_merges.h"

#include <gtest/gtest.h>

#include <iostream>
#include <set>

#include "compaction/compaction_iterator.h"
#include "db/fold.h"
#include "tests/compaction/compaction_test_support.h"
#include "tests/support/environment.h"
#include "tests/support/status_assert.h"
#include "util/batch_codec.h"

namespace logwood {
namespace {

using testing::Delete;
using testing::Entries;
using testing::OwnedEntry;
using testing::Put;
using testing::VectorIterator;

const std::string kKey = KeyspacePrefix(kDefaultKeyspace) + "k";

OwnedEntry Merge(LogPos position, const std::vector<std::string>& operands, LogPos since = 0,
                 const MergedOnto& base = {}) {
  std::string value;
  AppendMergeBase(&value, base, since);
  for (const std::string& operand : operands) AppendMergeOperand(&value, operand);
  return {kKey, PackTrailer(position, EntryKind::kMerge), std::move(value)};
}

// Some of the versions of one key, the newest first, and where it was deleted by ranges.
struct Part {
  Entries entries = {};
  std::set<LogPos, std::greater<>> deleted_at = {};

  void TakeIn(const Part& other) {
    entries.insert(entries.end(), other.entries.begin(), other.entries.end());
    std::sort(entries.begin(), entries.end());
    deleted_at.insert(other.deleted_at.begin(), other.deleted_at.end());
  }
};

class KeyMergesTest : public ::testing::Test {
 protected:
  KeyMergesTest() { operators_.Record(kDefaultKeyspace, {"append.2c", 1}); }

  Part Compacted(const Part& part, std::vector<LogPos> snapshots, bool bottom,
                 bool knows_operator = true) {
    SurvivalRules rules;
    rules.snapshots = std::move(snapshots);
    rules.bottom = rules.zero_positions = bottom;
    RangeFragmentsBuilder ranges;
    for (const LogPos position : part.deleted_at)
      EXPECT_TRUE(ranges.Add(kKey, kKey + '\0', position));
    if (!ranges.empty()) rules.range_deletes = ranges.Finish();
    if (knows_operator) rules.operators = &operators_;
    rules.merged_bytes_max = bytes_max_;
    VectorIterator input(part.entries);
    CompactionIterator it(&input, rules);
    Part out;
    for (it.SeekToFirst(); it.Valid(); it.Next()) {
      const Entry& entry = it.entry();
      out.entries.push_back({std::string(entry.key), entry.trailer, std::string(entry.value)});
    }
    EXPECT_OK(it.status());
    if (it.range_deletes() == nullptr) return out;
    for (const auto& fragment : it.range_deletes()->fragments())
      out.deleted_at.insert(fragment.positions.begin(), fragment.positions.end());
    return out;
  }

  // As a lookup does.
  std::string Read(const Part& part, LogPos position) {
    const auto deleted = part.deleted_at.lower_bound(position);
    uint64_t below = PackTrailer(position + 1, EntryKind::kDelete) - 1;
    MergedOnto base{.kind = MergeBase::kNothing, .value = {}};
    std::vector<std::string_view> merges;
    for (const OwnedEntry& entry : part.entries) {
      if (entry.trailer > below) continue;
      if (deleted != part.deleted_at.end() && entry.position() < *deleted) break;
      if (entry.kind() == EntryKind::kMerge) {
        merges.emplace_back(entry.value);
        if (MergeEndsLookup(entry.value)) base = {};
        if (MergeEndsLookup(entry.value)) break;
        below = MergeBelow(entry.value, entry.position());
        continue;
      }
      if (entry.kind() == EntryKind::kPut) base = {MergeBase::kValue, entry.value};
      break;
    }
    if (merges.empty())
      return base.kind == MergeBase::kValue ? std::string(base.value) : "<nothing>";
    std::string value;
    EXPECT_OK(ResolveMerges(*operators_.Find(kDefaultKeyspace), base, merges, 0, &value));
    return value;
  }

  KeyspaceOperators operators_;
  size_t bytes_max_ = kBatchBytesMax;
};

TEST_F(KeyMergesTest, OneEntryForEachStretch) {
  const Part part{.entries = {Merge(9, {"f"}), Merge(8, {"e"}), Merge(6, {"d"}), Merge(5, {"c"}),
                              Merge(3, {"b"}), Put(kKey, 2, "a")}};
  EXPECT_EQ(Compacted(part, {3, 6}, false).entries,
            (Entries{Merge(9, {"e,f"}), Merge(6, {"c,d"}), Put(kKey, 3, "a,b")}));
  EXPECT_EQ(Compacted(part, {}, false).entries, (Entries{Put(kKey, 9, "a,b,c,d,e,f")}));
  EXPECT_EQ(
      Compacted(part, {3}, false, false).entries,
      (Entries{Merge(9, {"c", "d", "e", "f"}), Merge(3, {"b"}, 0, {MergeBase::kValue, "a"})}));
}

// The entry of the newest stretch has what lies in the two below it; to the end of the stretch
// where it begins it takes in all.
TEST_F(KeyMergesTest, SinceReachesIntoOlderStretches) {
  const Part part{.entries = {Merge(9, {"b,c,d"}, 3), Merge(6, {"b,c"}, 3), Merge(3, {"b"}),
                              Merge(2, {"a"}), Merge(1, {"0"})}};
  const Part compacted = Compacted(part, {4, 7}, false);
  EXPECT_EQ(compacted.entries,
            (Entries{Merge(9, {"0,a,b,c,d"}, 1), Merge(6, {"0,a,b,c"}, 1), Merge(3, {"0,a,b"})}));
  // One more merge in a later turn finds it whole.
  Part more = compacted;
  more.TakeIn({.entries = {Merge(11, {"e"})}});
  EXPECT_EQ(Compacted(more, {4}, false).entries,
            (Entries{Merge(11, {"0,a,b,c,d,e"}, 1), Merge(3, {"0,a,b"})}));
  EXPECT_EQ(Compacted(more, {4}, true).entries,
            (Entries{Put(kKey, 11, "0,a,b,c,d,e"), Put(kKey, 0, "0,a,b")}));
}

TEST_F(KeyMergesTest, ADeleteBetweenEndsThem) {
  Part part{.entries = {Merge(9, {"d"}), Merge(5, {"c"}), Merge(3, {"b"})}, .deleted_at = {4}};
  EXPECT_EQ(Compacted(part, {}, false).entries, (Entries{Put(kKey, 9, "c,d")}));
  EXPECT_EQ(Compacted(part, {3}, false).entries, (Entries{Merge(9, {"c,d"}), Merge(3, {"b"})}));
  EXPECT_EQ(Compacted(part, {3}, true).deleted_at, part.deleted_at);
  EXPECT_EQ(Compacted(part, {3}, true).entries, (Entries{Merge(9, {"c,d"}), Put(kKey, 0, "b")}));
  part = {.entries = {Merge(9, {"d"}), Delete(kKey, 5), Merge(3, {"b"})}};
  EXPECT_EQ(Compacted(part, {3}, false).entries, (Entries{Put(kKey, 9, "d"), Merge(3, {"b"})}));
  EXPECT_EQ(Compacted(part, {5}, true).entries, (Entries{Merge(9, {"d"})}));
}

// A chain that is too long stays several entries, which go on being some.
TEST_F(KeyMergesTest, AChainThatIsTooLongStaysInPieces) {
  bytes_max_ = 64;
  const std::string large(40, 'x');
  const Part part{.entries = {Merge(9, {"d"}), Merge(8, {large}), Put(kKey, 7, large)}};
  Part compacted = Compacted(part, {}, true);
  ASSERT_EQ(compacted.entries.size(), 2U);
  EXPECT_EQ(compacted.entries[0].position(), 9U);
  EXPECT_EQ(compacted.entries[1].position(), 0U);
  compacted = Compacted(compacted, {}, true);
  ASSERT_EQ(compacted.entries.size(), 2U);
  EXPECT_TRUE(Read(compacted, 9) == large + "," + large + ",d");
}

// ---- Against a plain judge: what each position shows, operand by operand.

class KeyMergesRandomly : public KeyMergesTest {
 protected:
  // Versions of one key through some memtables, the last one the newest.
  void Write(Random* random) {
    parts_.clear();
    shown_ = {"<nothing>"};
    const size_t positions = 4 + random->Uniform(25);
    auto memtable = std::make_shared<Memtable>();
    Part part;
    while (shown_.size() <= positions) {
      const LogPos position = shown_.size();
      const std::string operations = Operations(random);
      if (TrailerKind(static_cast<uint64_t>(operations[0])) == EntryKind::kRangeDelete)
        part.deleted_at.insert(position);
      const KeyspaceOperators* operators = random->OneIn(5) ? nullptr : &operators_;
      ASSERT_OK(InsertFolded(operations, {position, 0}, memtable.get(), operators));
      if (!random->OneIn(8) && shown_.size() <= positions) continue;
      Take(*memtable, &part);
      memtable = std::make_shared<Memtable>();
    }
    Take(*memtable, &part);
  }

  void Take(const Memtable& memtable, Part* part) {
    const auto it = memtable.NewIterator();
    for (it->SeekToFirst(); it->Valid(); it->Next()) {
      const Entry& entry = it->entry();
      part->entries.push_back({std::string(entry.key), entry.trailer, std::string(entry.value)});
    }
    parts_.push_back(std::exchange(*part, {}));
  }

  std::string Operations(Random* random) {
    const auto value = [&] {
      return std::to_string(shown_.size()) + std::string(random->OneIn(8) ? 70 : 0, '+');
    };
    std::string shown = shown_.back(), operations;
    const uint64_t kind = random->Uniform(12);
    if (kind == 0) {
      AppendRangeDelete(&operations, kKey, kKey + '\0');
      shown = "<nothing>";
    } else if (kind == 1) {
      AppendOperation(&operations, EntryKind::kDelete, kDefaultKeyspace, "k", "");
      shown = "<nothing>";
    } else if (kind == 2) {
      shown = value();
      AppendOperation(&operations, EntryKind::kPut, kDefaultKeyspace, "k", shown);
    }
    for (uint64_t left = kind > 2 ? 1 + random->Uniform(2) : random->Uniform(2); left > 0; --left) {
      const std::string operand = value();
      AppendOperation(&operations, EntryKind::kMerge, kDefaultKeyspace, "k", operand);
      shown = shown == "<nothing>" ? operand : shown + "," + operand;
    }
    shown_.push_back(shown);
    return operations;
  }

  void ExpectShown(const std::vector<LogPos>& snapshots, const std::string& when) {
    Part all;
    for (const Part& part : parts_) all.TakeIn(part);
    std::vector<LogPos> positions = snapshots;
    positions.push_back(shown_.size() - 1);
    for (const LogPos position : positions)
      ASSERT_EQ(Read(all, position), shown_[position]) << when << " at " << position;
  }

  // Some neighbours become one; the oldest of all may be the bottom.
  void CompactSome(Random* random, const std::vector<LogPos>& snapshots) {
    const size_t first = random->Uniform(parts_.size());
    const size_t count = 1 + random->Uniform(parts_.size() - first);
    Part input;
    for (size_t i = first; i < first + count; ++i) input.TakeIn(parts_[i]);
    const bool bottom = first == 0 && random->OneIn(2);
    parts_[first] = Compacted(input, snapshots, bottom, !random->OneIn(5));
    const auto at = parts_.begin() + static_cast<ptrdiff_t>(first);
    parts_.erase(at + 1, at + static_cast<ptrdiff_t>(count));
  }

  std::vector<Part> parts_;         // oldest first
  std::vector<std::string> shown_;  // at each position
};

TEST_F(KeyMergesRandomly, ShowTheSameAtEachSnapshotThatIsLeft) {
  const uint64_t seed = test::EnvironmentNumber("LOGWOOD_SEED", 1);
  const uint64_t rounds = test::EnvironmentNumber("LOGWOOD_MERGE_ROUNDS", 3000);
  for (uint64_t round = 0; round < rounds && !HasFailure(); ++round) {
    SCOPED_TRACE("LOGWOOD_SEED=" + std::to_string(seed) + ", round " + std::to_string(round));
    Random random(seed * 1'000'003 + round);
    bytes_max_ = random.OneIn(3) ? 100 : kBatchBytesMax;
    ASSERT_NO_FATAL_FAILURE(Write(&random));
    std::vector<LogPos> snapshots;
    const uint64_t one_in = 1 + random.Uniform(6);
    for (LogPos position = 0; position < shown_.size(); ++position)
      if (random.OneIn(one_in)) snapshots.push_back(position);
    ASSERT_NO_FATAL_FAILURE(ExpectShown(snapshots, "at first"));
    for (int turn = 1; turn <= 6; ++turn) {
      CompactSome(&random, snapshots);
      ASSERT_NO_FATAL_FAILURE(ExpectShown(snapshots, "after turn " + std::to_string(turn)));
      std::erase_if(snapshots, [&](LogPos) { return random.OneIn(4); });
    }
    for (size_t i = 1; i < parts_.size(); ++i) parts_[0].TakeIn(parts_[i]);
    parts_.resize(1);
    parts_[0] = Compacted(parts_[0], {}, true);
    ASSERT_NO_FATAL_FAILURE(ExpectShown({}, "at the end"));
    if (bytes_max_ < kBatchBytesMax) continue;
    EXPECT_LE(parts_[0].entries.size(), 1U);
    for (const OwnedEntry& entry : parts_[0].entries) EXPECT_EQ(entry.kind(), EntryKind::kPut);
  }
}

}  // namespace
}  // namespace logwood
