// Memtable against std::map: the same entries, order, seeks and lookups.
#include "memtable/memtable.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "util/random.h"

namespace logwood {
namespace {

struct ModelKey {
  std::string key;
  uint64_t trailer;
  bool operator<(const ModelKey& other) const {
    return CompareInternal(key, trailer, other.key, other.trailer) < 0;
  }
};
using Model = std::map<ModelKey, std::string>;

// Keys that hurt: empty, NULs, runs of 0xFF, long shared prefixes, few distinct bytes, the longest.
std::string RandomKey(Random& random) {
  std::string key(random.OneIn(10) ? 0 : 1, static_cast<char>(1 + random.Uniform(2)));
  switch (random.Uniform(7)) {
    case 0:
      return key;
    case 1:
      return key + std::string(random.Uniform(20), '\0');
    case 2:
      return key + std::string(random.Uniform(20), '\xff');
    case 3:
      return key + "a/long/prefix/that/all/share/" + std::to_string(random.Uniform(300));
    case 4:
      for (uint64_t n = random.Uniform(12); n > 0; --n) key += "\x00\x01\xff"[random.Uniform(3)];
      return key;
    case 5:
      if (random.OneIn(20)) {
        key += std::string(kKeyBytesMax - random.Uniform(3), 'x');
        if (random.OneIn(2)) key.back() = static_cast<char>(random.Uniform(256));
        return key;
      }
      return key + std::string(random.Uniform(40), 'x');
    default:
      for (uint64_t n = random.Uniform(9); n > 0; --n) {
        key += static_cast<char>(random.Uniform(256));
      }
      return key;
  }
}

std::string RandomValue(Random& random) {
  const uint64_t size =
      random.OneIn(50) ? kPinnedBytesMin + random.Uniform(3) - 1 : random.Uniform(100);
  return std::string(size, static_cast<char>('a' + random.Uniform(26)));
}

void ExpectAt(const InternalIterator& it, const Model& model, Model::const_iterator expected) {
  ASSERT_EQ(it.Valid(), expected != model.end());
  ASSERT_TRUE(it.status().ok());
  if (!it.Valid()) return;
  ASSERT_EQ(it.entry().key, expected->first.key);
  ASSERT_EQ(it.entry().trailer, expected->first.trailer);
  ASSERT_EQ(it.entry().value, expected->second);
}

// The model's SeekForPrev: the last entry <= key; end() when there is none.
Model::const_iterator LastAtOrBefore(const Model& model, const ModelKey& key) {
  auto after = model.upper_bound(key);
  return after == model.begin() ? model.end() : std::prev(after);
}

void ExpectSameScan(const Memtable& table, const Model& model) {
  auto it = table.NewIterator();
  it->SeekToFirst();
  for (auto expected = model.begin(); expected != model.end(); ++expected, it->Next()) {
    ASSERT_NO_FATAL_FAILURE(ExpectAt(*it, model, expected));
  }
  ASSERT_FALSE(it->Valid());
  it->SeekToLast();
  for (auto expected = model.rbegin(); expected != model.rend(); ++expected, it->Prev()) {
    ASSERT_NO_FATAL_FAILURE(ExpectAt(*it, model, std::prev(expected.base())));
  }
  ASSERT_FALSE(it->Valid());
}

void ExpectSameSeek(const Memtable& table, const Model& model, const ModelKey& target,
                    Random& random) {
  auto it = table.NewIterator();
  const bool forward = random.OneIn(2);
  auto expected = forward ? model.lower_bound(target) : LastAtOrBefore(model, target);
  if (forward) {
    it->Seek(target.key, target.trailer);
  } else {
    it->SeekForPrev(target.key, target.trailer);
  }
  ASSERT_NO_FATAL_FAILURE(ExpectAt(*it, model, expected));
  // Wanders both ways, turning often.
  for (uint64_t steps = random.Uniform(60); steps > 0 && it->Valid(); --steps) {
    if (random.OneIn(3) == forward) {
      it->Prev();
      expected = expected == model.begin() ? model.end() : std::prev(expected);
    } else {
      it->Next();
      ++expected;
    }
    ASSERT_NO_FATAL_FAILURE(ExpectAt(*it, model, expected));
  }
}

void ExpectSameGet(const Memtable& table, const Model& model, const std::string& key,
                   LogPos position, PinnedValue* value) {
  auto expected = model.lower_bound({key, SeekTrailer(position)});
  const bool there = expected != model.end() && expected->first.key == key;
  LookupResult result{.value = value};
  ASSERT_EQ(table.Get({key, 0, position}, &result), there);
  ASSERT_EQ(result.finished, there);
  if (!there) return;
  EXPECT_EQ(result.trailer, expected->first.trailer);
  if (TrailerKind(result.trailer) == EntryKind::kPut) {
    EXPECT_EQ(value->view(), expected->second);
    EXPECT_EQ(value->pinned(), expected->second.size() >= kPinnedBytesMin);
  }
  LookupResult only_existence;
  EXPECT_TRUE(table.Get({key, 0, position}, &only_existence));
  EXPECT_EQ(only_existence.trailer, expected->first.trailer);
}

void RunDifferential(uint64_t seed, int inserts, int distinct_keys_max) {
  SCOPED_TRACE("seed " + std::to_string(seed));
  Random random(seed);
  auto table = std::make_shared<Memtable>();
  Model model;
  std::vector<std::string> keys;
  uint64_t tombstones = 0, raw_bytes = 0;
  PinnedValue value;
  for (LogPos position = 1; position <= static_cast<LogPos>(inserts); ++position) {
    const bool known =
        !keys.empty() && (random.OneIn(3) || keys.size() >= static_cast<size_t>(distinct_keys_max));
    std::string key = known ? keys[random.Uniform(keys.size())] : RandomKey(random);
    const auto kind = random.OneIn(2) ? EntryKind::kPut : EntryKind::kDelete;
    std::string bytes = kind == EntryKind::kPut ? RandomValue(random) : "";
    table->Insert(key, PackTrailer(position, kind), bytes);
    tombstones += kind == EntryKind::kDelete;
    raw_bytes += key.size() + bytes.size();
    keys.push_back(key);
    model.emplace(ModelKey{std::move(key), PackTrailer(position, kind)}, std::move(bytes));
    if (!random.OneIn(8)) continue;
    std::string target = random.OneIn(2) ? keys[random.Uniform(keys.size())] : RandomKey(random);
    ASSERT_NO_FATAL_FAILURE(ExpectSameSeek(
        *table, model, {target, PackTrailer(random.Uniform(position + 2), EntryKind::kPut)},
        random));
    ASSERT_NO_FATAL_FAILURE(
        ExpectSameGet(*table, model, target, random.Uniform(position + 2), &value));
  }
  ASSERT_NO_FATAL_FAILURE(ExpectSameScan(*table, model));
  EXPECT_EQ(table->entries(), model.size());
  EXPECT_EQ(table->tombstones(), tombstones);
  EXPECT_EQ(table->raw_bytes(), raw_bytes);
  EXPECT_EQ(table->first_position(), 1u);
  EXPECT_EQ(table->last_position(), static_cast<LogPos>(inserts));
  EXPECT_GE(table->bytes_used(), raw_bytes);
}

TEST(Memtable, EmptyHasNothing) {
  auto table = std::make_shared<Memtable>();
  EXPECT_TRUE(table->empty());
  EXPECT_EQ(table->first_position(), 0u);
  EXPECT_EQ(table->last_position(), 0u);
  LookupResult result;
  EXPECT_FALSE(table->Get({"", 0, kPositionMax}, &result));
  auto it = table->NewIterator();
  EXPECT_FALSE(it->Valid());
  it->SeekToFirst();
  EXPECT_FALSE(it->Valid());
  it->SeekToLast();
  EXPECT_FALSE(it->Valid());
  it->Seek("", SeekTrailer(kPositionMax));
  EXPECT_FALSE(it->Valid());
  it->SeekForPrev("\xff", 0);
  EXPECT_FALSE(it->Valid());
}

TEST(Memtable, AgreesWithMapOnHardKeys) {
  for (uint64_t seed = 1; seed <= 6; ++seed) RunDifferential(seed, 4000, 1 << 20);
}

TEST(Memtable, AgreesWithMapOnManyVersionsOfFewKeys) {
  for (uint64_t seed = 100; seed <= 103; ++seed) RunDifferential(seed, 3000, 1 + seed % 4 * 5);
}

TEST(Memtable, AgreesWithMapWhenSmall) {
  for (uint64_t seed = 1000; seed < 1300; ++seed) RunDifferential(seed, 1 + seed % 60, 40);
}

// Ascending, descending, several ascending runs at once, and ascending positions of one key.
TEST(Memtable, AgreesWithMapOnOrderedInsertions) {
  for (int pattern = 0; pattern < 4; ++pattern) {
    SCOPED_TRACE(pattern);
    auto table = std::make_shared<Memtable>();
    Model model;
    for (uint32_t i = 0; i < 5000; ++i) {
      const uint32_t number = pattern == 0   ? i
                              : pattern == 1 ? 10000 - i
                              : pattern == 2 ? i % 7 * 100000 + i
                                             : 7;
      char key[40];
      std::snprintf(key, sizeof(key), "\x01shared prefix/%016u", number);
      const uint64_t trailer = PackTrailer(i + 1, EntryKind::kPut);
      table->Insert(key, trailer, std::to_string(i));
      model[{key, trailer}] = std::to_string(i);
    }
    ASSERT_NO_FATAL_FAILURE(ExpectSameScan(*table, model));
    Random random(9);
    PinnedValue value;
    for (int i = 0; i < 1000; ++i) {
      auto entry = model.begin();
      std::advance(entry, random.Uniform(model.size()));
      ASSERT_NO_FATAL_FAILURE(ExpectSameSeek(*table, model, entry->first, random));
      ASSERT_NO_FATAL_FAILURE(
          ExpectSameGet(*table, model, entry->first.key, random.Uniform(5002), &value));
    }
  }
}

TEST(Memtable, PinnedValueOutlivesMemtable) {
  PinnedValue value;
  {
    auto table = std::make_shared<Memtable>();
    table->Insert("\x01k", PackTrailer(1, EntryKind::kPut), std::string(100'000, 'v'));
    LookupResult result{.value = &value};
    ASSERT_TRUE(table->Get({"\x01k", 0, 1}, &result));
  }
  EXPECT_TRUE(value.pinned());
  EXPECT_EQ(value.view(), std::string(100'000, 'v'));
}

TEST(Memtable, PositionsNeedNotAscend) {
  auto table = std::make_shared<Memtable>();
  for (LogPos position : {5, 2, 9, 3}) {
    table->Insert("\x01k", PackTrailer(position, EntryKind::kPut), std::to_string(position));
  }
  EXPECT_EQ(table->first_position(), 2u);
  EXPECT_EQ(table->last_position(), 9u);
  LookupResult result;
  ASSERT_TRUE(table->Get({"\x01k", 0, 8}, &result));
  EXPECT_EQ(TrailerPosition(result.trailer), 5u);
  EXPECT_FALSE(table->Get({"\x01k", 0, 1}, &result));
}

TEST(MemtableDeathTest, SameKeyAndPositionTwiceIsABrokenProgram) {
  auto table = std::make_shared<Memtable>();
  table->Insert("\x01k", PackTrailer(1, EntryKind::kPut), "");
  EXPECT_DEATH(table->Insert("\x01k", PackTrailer(1, EntryKind::kPut), ""), "CHECK failed");
}

}  // namespace
}  // namespace logwood
