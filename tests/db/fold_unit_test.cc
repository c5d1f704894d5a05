// The fold: one entry a key, the later operation wins, nothing at all of bytes that are no batch.
#include "db/fold.h"

#include <gtest/gtest.h>

#include <map>

#include "tests/db/db_test_support.h"
#include "util/batch_codec.h"
#include "util/hash.h"
#include "util/range_fragments.h"

namespace logwood {
namespace {

// Stored key -> value, nullopt: a tombstone.
using Entries = std::map<std::string, std::optional<std::string>>;

Entries EntriesAt(const Memtable& memtable, LogPos position) {
  Entries entries;
  auto it = memtable.NewIterator();
  for (it->SeekToFirst(); it->Valid(); it->Next()) {
    const Entry& entry = it->entry();
    if (entry.position() != position) continue;
    EXPECT_FALSE(entries.contains(std::string(entry.key))) << "two entries of one key and position";
    entries[std::string(entry.key)] =
        entry.kind() == EntryKind::kDelete ? std::nullopt : std::optional<std::string>(entry.value);
  }
  return entries;
}

TEST(Fold, RandomBatchesFoldAsAMapWould) {
  Random random(3);
  Memtable memtable;
  for (LogPos position = 1; position <= 500; ++position) {
    std::string operations;
    Entries model;
    const uint64_t keys = 1 + random.Uniform(30);
    for (uint64_t n = random.Uniform(40); n > 0; --n) {
      const uint32_t keyspace = random.OneIn(3) ? 300 : kDefaultKeyspace;
      const std::string key = std::to_string(random.Uniform(keys));
      const std::string value = std::string(random.Uniform(20), 'v') + std::to_string(n);
      const bool put = !random.OneIn(3);
      AppendOperation(&operations, put ? EntryKind::kPut : EntryKind::kDelete, keyspace, key,
                      put ? value : "");
      model[KeyspacePrefix(keyspace) + key] = put ? std::optional(value) : std::nullopt;
    }
    ASSERT_OK(InsertFolded(operations, {position, 0}, &memtable));
    ASSERT_EQ(EntriesAt(memtable, position), model) << "position " << position;
  }
}

// Operation by operation, on a map; beside it the ranges, which stay as they are.
TEST(Fold, ARangeDeleteTakesAwayWhatCameBeforeItInTheBatch) {
  Random random(5);
  const auto key = [&random] { return KeyspacePrefix(1) + std::to_string(random.Uniform(60)); };
  for (LogPos position = 1; position <= 600; ++position) {
    Memtable memtable;
    std::string operations;
    Entries model;
    RangeFragmenter ranges;
    std::vector<std::string> keys;
    keys.reserve(2000);
    for (uint64_t n = random.Uniform(position % 10 == 0 ? 900 : 30); n > 0; --n) {
      if (random.OneIn(6)) {
        std::string begin = key(), end = key();
        if (end < begin) std::swap(begin, end);
        end += 'x';
        AppendRangeDelete(&operations, begin, end);
        model.erase(model.lower_bound(begin), model.lower_bound(end));
        keys.push_back(begin);
        keys.push_back(end);
        ranges.Add(keys[keys.size() - 2], keys.back(), position);
      } else {
        const std::string stored = key();
        const bool put = !random.OneIn(3);
        const std::string value = put ? std::to_string(n) : "";
        AppendOperation(&operations, put ? EntryKind::kPut : EntryKind::kDelete, 1,
                        stored.substr(1), value);
        model[stored] = put ? std::optional(value) : std::nullopt;
      }
    }
    ASSERT_OK(InsertFolded(operations, {position, 0}, &memtable));
    ASSERT_EQ(EntriesAt(memtable, position), model) << "position " << position;
    const RangeFragmentsPtr fragments = ranges.Finish();
    for (int n = 0; n < 60; ++n) {
      const std::string stored = KeyspacePrefix(1) + std::to_string(n);
      ASSERT_EQ(memtable.range_deletes().Covering(stored, position),
                fragments->Covering(stored, position));
    }
  }
}

TEST(Fold, TheLaterOperationWinsInBothDirections) {
  std::string operations;
  AppendOperation(&operations, EntryKind::kPut, 1, "a", "1");
  AppendOperation(&operations, EntryKind::kDelete, 1, "b", "");
  AppendOperation(&operations, EntryKind::kDelete, 1, "a", "");
  AppendOperation(&operations, EntryKind::kPut, 1, "b", "2");
  AppendOperation(&operations, EntryKind::kPut, 1, "b", "3");
  Memtable memtable;
  ASSERT_OK(InsertFolded(operations, {9, 0}, &memtable));
  EXPECT_EQ(EntriesAt(memtable, 9), (Entries{{"\x01"
                                              "a",
                                              std::nullopt},
                                             {"\x01"
                                              "b",
                                              "3"}}));
}

TEST(Fold, AscendingBatchesWithRepetitionsFoldToo) {
  std::string operations;
  for (const char* key : {"a", "a", "b", "c", "c", "c"}) {
    AppendOperation(&operations, EntryKind::kPut, 1, key, std::to_string(operations.size()));
  }
  Memtable memtable;
  ASSERT_OK(InsertFolded(operations, {1, 0}, &memtable));
  EXPECT_EQ(memtable.entries(), 3u);
}

TEST(Fold, AnEmptyBatchInsertsNothing) {
  Memtable memtable;
  ASSERT_OK(InsertFolded("", {1, 0}, &memtable));
  EXPECT_TRUE(memtable.empty());
}

TEST(Fold, BytesThatAreNoOperationsInsertNothing) {
  std::string operations;
  AppendOperation(&operations, EntryKind::kPut, 1, "key", "value");
  AppendOperation(&operations, EntryKind::kPut, 1, "other", "value");
  const std::string one = operations.substr(0, 12);
  for (size_t length = 1; length < operations.size(); ++length) {
    Memtable memtable;
    const Status status = InsertFolded(operations.substr(0, length), {1, 0}, &memtable);
    if (status.ok()) {
      EXPECT_EQ(memtable.entries(), 1u);  // cut between the two
    } else {
      EXPECT_STATUS(kCorruption, status);
      EXPECT_TRUE(memtable.empty()) << length;
    }
  }
}

// Batches too large to be collected: in key order, and in any order.
TEST(Fold, LargeRandomBatchesFoldAsAMapWould) {
  for (uint64_t seed = 1; seed <= 12; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Random random(seed);
    const bool ascending = seed % 2 == 0;
    std::string operations;
    Entries model;
    uint64_t number = 0;
    for (uint64_t n = 500 + random.Uniform(2000); n > 0; --n) {
      number = ascending ? number + random.Uniform(3) : random.Uniform(1500);
      char key[16];
      std::snprintf(key, sizeof(key), "%06llu", static_cast<unsigned long long>(number));
      const bool put = !random.OneIn(3);
      const std::string value = put ? std::to_string(n) : "";
      AppendOperation(&operations, put ? EntryKind::kPut : EntryKind::kDelete, 1, key, value);
      model[KeyspacePrefix(1) + key] = put ? std::optional(value) : std::nullopt;
    }
    Memtable memtable;
    ASSERT_OK(InsertFolded(operations, {1, 0}, &memtable));
    ASSERT_EQ(EntriesAt(memtable, 1), model);
    // Cut within the last operation.
    Memtable none;
    EXPECT_STATUS(kCorruption,
                  InsertFolded(operations.substr(0, operations.size() - 1), {1, 0}, &none));
    EXPECT_TRUE(none.empty());
  }
}

TEST(Fold, AHugeBatchFolds) {
  std::string operations;
  for (int i = 20'000; i > 0; --i) {
    AppendOperation(&operations, EntryKind::kPut, 1, std::to_string(i % 10'000), std::to_string(i));
  }
  Memtable memtable;
  ASSERT_OK(InsertFolded(operations, {1, 0}, &memtable));
  EXPECT_EQ(memtable.entries(), 10'000u);
  EXPECT_EQ(EntriesAt(memtable, 1)
                .at("\x01"
                    "7"),
            "7");
}

}  // namespace
}  // namespace logwood
