// What survives of a key with merges: whatever flush and compaction folded, with whatever snapshots
// and in however many turns, a read at each snapshot that is left shows the same operands; onto a
// value that expires, too, as long as it has not at the snapshot's time.
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
#include "util/expiring_value.h"

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
    for (const LogPos position : snapshots) rules.snapshot_times.push_back(TimeOf(position));
    rules.now_us = now_us_;
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

  // When the snapshot of a position was taken: at most 9 before the next commit.
  static uint64_t TimeOf(LogPos position) { return 10 * position + position * 7 % 10; }

  // As a lookup does, at that time.
  std::string Read(const Part& part, LogPos position, uint64_t now_us = 0) {
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
      base = BaseOf(entry.kind(), entry.value);
      break;
    }
    if (merges.empty()) {
      const bool is_there = base.kind == MergeBase::kValue ||
                            (base.kind == MergeBase::kExpiring && base.expires_us > now_us);
      return is_there ? std::string(base.value) : "<nothing>";
    }
    std::string value;
    EXPECT_OK(ResolveMerges(*operators_.Find(kDefaultKeyspace), base, merges, now_us, &value));
    return value;
  }

  KeyspaceOperators operators_;
  size_t bytes_max_ = kBatchBytesMax;
  uint64_t now_us_ = 0;
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

OwnedEntry Expiring(LogPos position, uint64_t expires_us, std::string_view value) {
  std::string bytes;
  AppendExpiring(&bytes, expires_us, value);
  return {kKey, PackTrailer(position, EntryKind::kPutExpiring), std::move(bytes)};
}

// It stays what expires: a list onto it, until it has for all who read. Then nothing is below.
TEST_F(KeyMergesTest, OntoAValueThatExpiresTheyStayMergesUntilItHas) {
  const Part part{.entries = {Merge(9, {"c"}), Merge(8, {"b"}), Expiring(7, 100, "a")}};
  const MergedOnto onto{.kind = MergeBase::kExpiring, .value = "a", .expires_us = 100};
  const MergedOnto nothing{.kind = MergeBase::kNothing, .value = {}};
  for (const bool bottom : {false, true}) {
    const LogPos position = bottom ? 0 : 9;
    now_us_ = 99;
    EXPECT_EQ(Compacted(part, {}, bottom).entries, (Entries{Merge(position, {"b,c"}, 0, onto)}));
    EXPECT_EQ(Compacted(part, {}, bottom, false).entries,
              (Entries{Merge(position, {"b", "c"}, 0, onto)}));
    now_us_ = 100;
    EXPECT_EQ(Compacted(part, {}, bottom).entries, (Entries{Put(kKey, position, "b,c")}));
    EXPECT_EQ(Compacted(part, {}, bottom, false).entries,
              (Entries{Merge(position, {"b", "c"}, 0, nothing)}));
  }
  // Also where an earlier turn had put them together.
  const Part folded{.entries = {Merge(9, {"b,c"}, 0, onto)}};
  EXPECT_EQ(Compacted(folded, {}, true).entries, (Entries{Put(kKey, 0, "b,c")}));
  now_us_ = 99;
  EXPECT_EQ(Compacted(folded, {}, true).entries, (Entries{Merge(0, {"b,c"}, 0, onto)}));
}

// The snapshot at 8 was taken at 86.
TEST_F(KeyMergesTest, EachStretchGoesByItsOwnSnapshotsTime) {
  now_us_ = 1000;
  const auto compacted = [&](uint64_t expires_us) {
    const Part part{.entries = {Merge(9, {"c"}), Merge(8, {"b"}), Expiring(7, expires_us, "a")}};
    return Compacted(part, {8}, true).entries;
  };
  ASSERT_EQ(TimeOf(8), 86U);
  EXPECT_EQ(compacted(86), (Entries{Merge(9, {"c"}), Put(kKey, 0, "b")}));
  EXPECT_EQ(compacted(87),
            (Entries{Merge(9, {"c"}),
                     Merge(0, {"b"}, 0,
                           {.kind = MergeBase::kExpiring, .value = "a", .expires_us = 87})}));
}

// ---- Against a plain judge: what each position shows, operand by operand.

// What a key is: a value, perhaps until some time, and what was appended since.
struct ShownKey {
  std::string base = "<nothing>";
  uint64_t expires_us = ~uint64_t{0};
  std::string operands = {};

  void Append(const std::string& operand) { operands += (operands.empty() ? "" : ",") + operand; }
  std::string At(uint64_t now_us) const {
    const bool has_base = base != "<nothing>" && expires_us > now_us;
    if (operands.empty()) return has_base ? base : "<nothing>";
    return has_base ? base + "," + operands : operands;
  }
};

class KeyMergesRandomly : public KeyMergesTest {
 protected:
  // Versions of one key through some memtables, the last one the newest.
  void Write(Random* random) {
    parts_.clear();
    shown_ = {ShownKey()};
    const size_t positions = 4 + random->Uniform(25);
    auto memtable = std::make_shared<Memtable>();
    Part part;
    while (shown_.size() <= positions) {
      const LogPos position = shown_.size();
      const std::string operations = Operations(random);
      if (TrailerKind(static_cast<uint64_t>(operations[0])) == EntryKind::kRangeDelete)
        part.deleted_at.insert(position);
      const KeyspaceOperators* operators = random->OneIn(5) ? nullptr : &operators_;
      ASSERT_OK(InsertFolded(operations, {position, 10 * position}, memtable.get(), operators));
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
    ShownKey shown = shown_.back();
    std::string operations;
    const uint64_t kind = random->Uniform(13);
    if (kind == 0) {
      AppendRangeDelete(&operations, kKey, kKey + '\0');
      shown = {};
    } else if (kind == 1) {
      AppendOperation(&operations, EntryKind::kDelete, kDefaultKeyspace, "k", "");
      shown = {};
    } else if (kind == 2) {
      shown = {.base = value()};
      AppendOperation(&operations, EntryKind::kPut, kDefaultKeyspace, "k", shown.base);
    } else if (kind == 3) {
      const uint64_t ttl_us = random->Uniform(120);
      shown = {.base = value()};
      if (ttl_us != 0) shown.expires_us = 10 * shown_.size() + ttl_us;
      AppendPutExpiring(&operations, kDefaultKeyspace, "k", shown.base, ttl_us);
    }
    for (uint64_t left = kind > 3 ? 1 + random->Uniform(2) : random->Uniform(2); left > 0; --left) {
      const std::string operand = value();
      AppendOperation(&operations, EntryKind::kMerge, kDefaultKeyspace, "k", operand);
      shown.Append(operand);
    }
    shown_.push_back(shown);
    return operations;
  }

  void ExpectShown(const std::vector<LogPos>& snapshots, const std::string& when) {
    Part all;
    for (const Part& part : parts_) all.TakeIn(part);
    for (const LogPos position : snapshots) {
      const uint64_t time_us = TimeOf(position);
      ASSERT_EQ(Read(all, position, time_us), shown_[position].At(time_us))
          << when << " at " << position;
    }
    // Now, and later on.
    for (const uint64_t time_us : {now_us_, now_us_ + 20, ~uint64_t{0} - 1}) {
      ASSERT_EQ(Read(all, shown_.size() - 1, time_us), shown_.back().At(time_us))
          << when << " at the time " << time_us;
    }
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

  std::vector<Part> parts_;      // oldest first
  std::vector<ShownKey> shown_;  // at each position
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
    now_us_ = TimeOf(shown_.size() - 1);
    ASSERT_NO_FATAL_FAILURE(ExpectShown(snapshots, "at first"));
    for (int turn = 1; turn <= 6; ++turn) {
      now_us_ += random.Uniform(30);
      CompactSome(&random, snapshots);
      ASSERT_NO_FATAL_FAILURE(ExpectShown(snapshots, "after turn " + std::to_string(turn)));
      std::erase_if(snapshots, [&](LogPos) { return random.OneIn(4); });
    }
    for (size_t i = 1; i < parts_.size(); ++i) parts_[0].TakeIn(parts_[i]);
    parts_.resize(1);
    now_us_ += random.Uniform(30);
    parts_[0] = Compacted(parts_[0], {}, true);
    ASSERT_NO_FATAL_FAILURE(ExpectShown({}, "at the end"));
    if (bytes_max_ < kBatchBytesMax) continue;
    // When nothing is left that expires.
    now_us_ = ~uint64_t{0} - 1;
    parts_[0] = Compacted(parts_[0], {}, true);
    EXPECT_LE(parts_[0].entries.size(), 1U);
    for (const OwnedEntry& entry : parts_[0].entries) EXPECT_EQ(entry.kind(), EntryKind::kPut);
  }
}

}  // namespace
}  // namespace logwood
