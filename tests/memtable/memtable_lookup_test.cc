// What a lookup meets in a memtable that neither finishes it nor is of the key's own entries:
// merges and range deletes.
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "memtable/memtable.h"
#include "memtable/range_deletes.h"
#include "util/arena.h"
#include "util/merge_value.h"
#include "util/random.h"
#include "util/range_fragments.h"

namespace logwood {
namespace {

// The value of a merge with one operand.
std::string Operand(std::string_view operand, const MergedOnto& base = {}, LogPos since = 0) {
  std::string value;
  AppendMergeBase(&value, base, since);
  AppendMergeOperand(&value, operand);
  return value;
}

struct Asked {
  bool finished;
  uint64_t trailer;
  std::string value;
  std::vector<std::string> merges;
  bool operator==(const Asked&) const = default;
};

Asked Ask(const Memtable& table, const std::string& key, LogPos position) {
  PinnedValue value;
  LookupResult result{.value = &value};
  EXPECT_EQ(table.Get({key, 0, position}, &result), result.finished);
  Asked asked{result.finished, result.trailer, value.ToString(), {}};
  for (const LookupResult::Merge& merge : result.merges) asked.merges.emplace_back(merge.value);
  return asked;
}

TEST(MemtableLookup, MergesAreCollectedFromTheNewestOnUntilAPutFinishesIt) {
  const auto table = std::make_shared<Memtable>();
  table->Insert("k", PackTrailer(1, EntryKind::kMerge), Operand("unseen"));
  table->Insert("k", PackTrailer(2, EntryKind::kPut), "put");
  table->Insert("k", PackTrailer(4, EntryKind::kMerge), Operand("older"));
  table->Insert("k", PackTrailer(6, EntryKind::kMerge), Operand("newer"));
  const uint64_t put = PackTrailer(2, EntryKind::kPut);
  EXPECT_EQ(Ask(*table, "k", 9), (Asked{true, put, "put", {Operand("newer"), Operand("older")}}));
  EXPECT_EQ(Ask(*table, "k", 5), (Asked{true, put, "put", {Operand("older")}}));
  EXPECT_EQ(Ask(*table, "k", 3), (Asked{true, put, "put", {}}));
}

TEST(MemtableLookup, AMergeEndsItWithItsBaseAndPassesOverWhatIsInItAlready) {
  const auto table = std::make_shared<Memtable>();
  table->Insert("k", PackTrailer(1, EntryKind::kMerge), Operand("oldest"));
  table->Insert("k", PackTrailer(2, EntryKind::kMerge), Operand("in it"));
  table->Insert("k", PackTrailer(4, EntryKind::kMerge), Operand("newer", {}, 2));
  EXPECT_EQ(Ask(*table, "k", 9),
            (Asked{false, 0, "", {Operand("newer", {}, 2), Operand("oldest")}}));
  const std::string with_base = Operand("newest", {.kind = MergeBase::kValue, .value = "base"});
  table->Insert("k", PackTrailer(6, EntryKind::kMerge), with_base);
  EXPECT_EQ(Ask(*table, "k", 9), (Asked{true, PackTrailer(6, EntryKind::kMerge), "", {with_base}}));
}

TEST(MemtableLookup, TheNewestVersionMayBeARangeDelete) {
  const auto table = std::make_shared<Memtable>();
  EXPECT_FALSE(table->NewestBelow("b", 9));
  table->Insert("b", PackTrailer(2, EntryKind::kPut), "old");
  table->InsertRangeDelete("a", "c", 3);
  table->Insert("b", PackTrailer(5, EntryKind::kPut), "new");
  EXPECT_EQ(table->NewestBelow("b", 9)->value, "new");
  EXPECT_EQ(table->NewestBelow("b", 4)->trailer, PackTrailer(3, EntryKind::kRangeDelete));
  EXPECT_EQ(table->NewestBelow("a", 9)->trailer, PackTrailer(3, EntryKind::kRangeDelete));
  EXPECT_EQ(table->NewestBelow("b", 2)->value, "old");
  EXPECT_FALSE(table->NewestBelow("b", 1));
  EXPECT_FALSE(table->NewestBelow("c", 9));
}

TEST(MemtableLookup, WithMergesAloneItGoesOnElsewhere) {
  const auto table = std::make_shared<Memtable>();
  table->Insert("k", PackTrailer(3, EntryKind::kMerge), Operand("only"));
  table->Insert("l", PackTrailer(2, EntryKind::kPut), "another key's");
  EXPECT_EQ(Ask(*table, "k", 9), (Asked{false, 0, "", {Operand("only")}}));
  EXPECT_EQ(Ask(*table, "k", 2), (Asked{false, 0, "", {}}));
}

TEST(MemtableLookup, MergesOutliveTheMemtable) {
  LookupResult result;
  {
    const auto table = std::make_shared<Memtable>();
    table->Insert("k", PackTrailer(1, EntryKind::kMerge), Operand("operands"));
    EXPECT_FALSE(table->Get({"k", 0, 1}, &result));
  }
  ASSERT_EQ(result.merges.size(), 1u);
  EXPECT_EQ(result.merges[0].value, Operand("operands"));
}

TEST(MemtableLookup, ARangeDeleteFinishesItForItsKeysAndNothingNewer) {
  const auto table = std::make_shared<Memtable>();
  table->Insert("b", PackTrailer(1, EntryKind::kPut), "old");
  table->Insert("d", PackTrailer(2, EntryKind::kPut), "behind its end");
  table->InsertRangeDelete("b", "d", 3);
  table->Insert("b", PackTrailer(4, EntryKind::kMerge), Operand("new"));
  const uint64_t deleted = PackTrailer(3, EntryKind::kRangeDelete);
  EXPECT_EQ(Ask(*table, "b", 2), (Asked{true, PackTrailer(1, EntryKind::kPut), "old", {}}));
  EXPECT_EQ(Ask(*table, "b", 3), (Asked{true, deleted, "", {}}));
  EXPECT_EQ(Ask(*table, "b", 4), (Asked{true, deleted, "", {Operand("new")}}));
  EXPECT_EQ(Ask(*table, "c", 9), (Asked{true, deleted, "", {}})) << "it has no entry at all";
  EXPECT_EQ(Ask(*table, "a", 9), (Asked{false, 0, "", {}}));
  EXPECT_EQ(Ask(*table, "d", 9).value, "behind its end");
}

TEST(MemtableLookup, RangeDeletesOfOneBatchShareItsPosition) {
  const auto table = std::make_shared<Memtable>();
  EXPECT_TRUE(table->empty());
  table->InsertRangeDelete("b", "d", 3);
  table->InsertRangeDelete("c", "e", 3);
  table->InsertRangeDelete("x", "y", 3);
  EXPECT_FALSE(table->empty());
  EXPECT_EQ(table->first_position(), 3u);
  EXPECT_EQ(table->last_position(), 3u);
  const uint64_t deleted = PackTrailer(3, EntryKind::kRangeDelete);
  for (const char* key : {"b", "c", "d", "x"}) {
    EXPECT_EQ(Ask(*table, key, 3), (Asked{true, deleted, "", {}})) << key;
    EXPECT_FALSE(Ask(*table, key, 2).finished) << key;
  }
  EXPECT_FALSE(Ask(*table, "e", 3).finished);
}

// What a flush needs.
TEST(MemtableLookup, WhatWasInsertedIsThereNewestFirst) {
  const auto table = std::make_shared<Memtable>();
  table->InsertRangeDelete("b", "f", 1);
  table->InsertRangeDelete("d", "h", 2);
  std::string told;
  for (auto* at = table->range_deletes().newest(); at != nullptr; at = at->previous) {
    told.append(at->begin).append("-").append(at->end).append(": ");
    told.append(std::to_string(at->position)).append("; ");
  }
  EXPECT_EQ(told, "d-h: 2; b-f: 1; ");
}

// Against what a walk through all operations, the newest first, says.
TEST(MemtableLookup, AgreesWithAWalkThroughAllOperations) {
  struct Operation {
    EntryKind kind;
    std::string key, end;
  };
  for (uint64_t seed = 1; seed <= 60; ++seed) {
    SCOPED_TRACE(seed);
    Random random(seed);
    const auto table = std::make_shared<Memtable>();
    std::vector<Operation> operations;
    const auto key = [&random] {
      return std::string(1, static_cast<char>('a' + random.Uniform(9)));
    };
    for (LogPos position = 1; position <= 50; ++position) {
      Operation made{static_cast<EntryKind>(random.Uniform(4)), key(), key() + "x"};
      if (made.end < made.key) std::swap(made.key, made.end);
      if (made.kind == EntryKind::kRangeDelete) {
        table->InsertRangeDelete(made.key, made.end, position);
      } else {
        const std::string said = std::to_string(position);
        table->Insert(made.key, PackTrailer(position, made.kind),
                      made.kind == EntryKind::kMerge ? Operand(said) : said);
      }
      operations.push_back(made);
    }
    for (int i = 0; i < 200; ++i) {
      const std::string wanted = key() + (random.OneIn(2) ? "x" : "");
      const LogPos at = random.Uniform(52);
      Asked expected{false, 0, "", {}};
      for (LogPos position = std::min<LogPos>(at, operations.size()); position > 0; --position) {
        const Operation& made = operations[position - 1];
        const bool range = made.kind == EntryKind::kRangeDelete;
        if (range ? wanted < made.key || wanted >= made.end : wanted != made.key) continue;
        if (made.kind == EntryKind::kMerge) {
          expected.merges.push_back(Operand(std::to_string(position)));
          continue;
        }
        expected.finished = true;
        expected.trailer = PackTrailer(position, made.kind);
        if (made.kind == EntryKind::kPut) expected.value = std::to_string(position);
        break;
      }
      ASSERT_EQ(Ask(*table, wanted, at), expected) << wanted << " at " << at;
    }
  }
}

// At each position the map is what a fragment list of the ranges up to there says.
TEST(RangeDeletes, EachPositionHasItsMap) {
  for (uint64_t seed = 1; seed <= 40; ++seed) {
    SCOPED_TRACE(seed);
    Random random(seed);
    Arena arena;
    RangeDeletes deletes(&arena);
    RangeFragmenter fragmenter;
    std::vector<std::string> keys;
    for (char c = 'a'; c <= 'z'; ++c) keys.push_back(std::string(1, c));
    const LogPos count = 1 + random.Uniform(60);
    for (LogPos position = 1; position <= count; ++position) {
      const size_t begin = random.Uniform(24), end = begin + 1 + random.Uniform(25 - begin);
      deletes.Insert(keys[begin], keys[end], position);
      fragmenter.Add(keys[begin], keys[end], position);
    }
    const RangeFragmentsPtr fragments = fragmenter.Finish();
    for (LogPos position = 0; position <= count + 1; ++position) {
      for (const std::string& key : keys) {
        const LogPos expected = fragments->Covering(key, position);
        ASSERT_EQ(deletes.Covering(key, position), expected) << key << " at " << position;
        const CoveredStretch stretch = deletes.Around(key, position);
        ASSERT_EQ(stretch.deleted_at, expected);
        ASSERT_TRUE(stretch.Contains(key));
        for (const std::string& other : keys) {
          if (!stretch.Contains(other)) continue;
          ASSERT_EQ(fragments->Covering(other, position), expected) << other;
        }
      }
    }
  }
}

TEST(RangeDeletes, ManyTakeLittle) {
  Arena arena;
  RangeDeletes deletes(&arena);
  constexpr LogPos kCount = 100'000;
  for (LogPos position = 1; position <= kCount; ++position) {
    const std::string begin = std::to_string(1'000'000 + position * 7919 % kCount);
    deletes.Insert(begin, begin + "x", position);
  }
  EXPECT_LT(arena.bytes_used() / kCount, 8'000u);
  EXPECT_EQ(deletes.Covering("1000000", kPositionMax), 100'000u);
  EXPECT_EQ(deletes.Covering("1000000x", kPositionMax), 0u);
  EXPECT_EQ(deletes.Covering("1000000", kCount - 1), 0u);
}

// As many as a batch may have, overlapping in any order.
TEST(RangeDeletes, TakeNoMoreThanABatchCountsForThem) {
  Arena arena;
  RangeDeletes deletes(&arena);
  Random random(1);
  constexpr uint64_t kCount = kBatchBytesMax / kRangeDeleteMemoryBytes;
  for (LogPos position = 1; position <= kCount; ++position) {
    const uint64_t begin = 1'000'000 + random.Uniform(kCount);
    const uint64_t end = begin + 1 + random.Uniform(20);
    deletes.Insert(std::to_string(begin), std::to_string(end), position);
  }
  EXPECT_LT(arena.bytes_used() / kCount, kRangeDeleteMemoryBytes);
}

TEST(RangeDeletes, ConcurrentReadersSeeEachRangeWholeFromItsInsertionOn) {
  Arena arena;
  RangeDeletes deletes(&arena);
  constexpr LogPos kLast = 300;
  std::atomic<LogPos> inserted{0};
  std::vector<std::thread> readers;
  for (int thread = 0; thread < 2; ++thread) {
    readers.emplace_back([&] {
      for (LogPos before = 0; before < kLast;) {
        before = inserted.load(std::memory_order_acquire);
        for (const char* key : {"b", "bb", "m", "y"}) {
          EXPECT_EQ(deletes.Covering(key, before), before) << key;
        }
        EXPECT_EQ(deletes.Covering("a", kPositionMax), 0u);
        EXPECT_EQ(deletes.Covering("z", kPositionMax), 0u);
      }
    });
  }
  for (LogPos position = 1; position <= kLast; ++position) {
    deletes.Insert("b", "z", position);
    inserted.store(position, std::memory_order_release);
  }
  for (std::thread& reader : readers) reader.join();
}

}  // namespace
}  // namespace logwood
