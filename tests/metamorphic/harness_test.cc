// The harness itself: lists mean what they say, the model is right, the reducer reduces.
#include <gtest/gtest.h>

#include <array>
#include <set>
#include <string>

#include "tests/metamorphic/reducer.h"
#include "tests/support/generators.h"
#include "tests/support/list_operators.h"
#include "tests/support/model.h"
#include "tests/support/operation.h"
#include "tests/support/option_sets.h"
#include "tests/support/status_assert.h"

namespace logwood::test {
namespace {

TEST(OperationList, PrintedAndParsedIsTheSameList) {
  for (uint64_t seed = 0; seed < 20; ++seed) {
    const OperationList list = GenerateOperations(seed, 2000);
    ASSERT_OK_AND_ASSIGN(const OperationList parsed, ParseOperations(ToText(list)));
    ASSERT_EQ(parsed.size(), list.size());
    for (size_t i = 0; i < list.size(); ++i) ASSERT_EQ(ToText(parsed[i]), ToText(list[i]));
    EXPECT_TRUE(parsed == list);
  }
}

TEST(OperationList, SameSeedGivesTheSameList) {
  EXPECT_TRUE(GenerateOperations(5, 500) == GenerateOperations(5, 500));
  EXPECT_FALSE(GenerateOperations(5, 500) == GenerateOperations(6, 500));
}

TEST(OperationList, EveryKindOccurs) {
  std::set<OperationKind> kinds;
  for (uint64_t seed = 0; seed < 30; ++seed)
    for (const Operation& operation : GenerateOperations(seed, 1000)) kinds.insert(operation.kind);
  EXPECT_EQ(kinds.size(), static_cast<size_t>(kOperationKinds));
}

TEST(OperationList, BadLinesAreNamed) {
  for (const char* line : {"putt", "put key", "put key=17", "put ks=9", "walk steps=Q", "put at=7",
                           "batch items=y0:k1", "batch items=p0:k1", "batch items=d0:k1:k2",
                           "batch items=x0:k1:k2", "batch items=m0:k1", "batch items=r0:k1:",
                           "batch items=p0:k1:v1:1:t-2", "batch items=d0:k1:t5", "put ttl=-2",
                           "clock clock=x", "get durability=3", "get key=k1/", "get key=k1++"}) {
    const Result<OperationList> parsed = ParseOperations(std::string("flush\n") + line + "\n");
    EXPECT_STATUS(kInvalidArgument, parsed);
    EXPECT_NE(parsed.status().message().find("line 2"), std::string_view::npos) << line;
  }
}

TEST(OptionSets, AreAtLeastSixteenAndHaveNamesOfTheirOwn) {
  std::set<std::string> names;
  for (const OptionSet& set : OptionSets()) names.insert(set.name);
  EXPECT_EQ(names.size(), OptionSets().size());
  EXPECT_GE(names.size(), 16u);
}

TEST(Generators, KeysCoverTheCorners) {
  bool has_empty = false, has_nul = false, has_ff = false, has_longest = false;
  for (uint32_t id = 0; id < 2000; ++id) {
    const std::string key = KeyOf(id);
    ASSERT_LE(key.size(), kKeyBytesMax);
    has_empty |= key.empty();
    has_nul |= key.starts_with('\0');
    has_ff |= key.starts_with("\xff\xff\xff");
    has_longest |= key.size() == kKeyBytesMax;
  }
  EXPECT_TRUE(has_empty && has_nul && has_ff && has_longest);
  for (const uint32_t size : {0u, 1u, 7u, 1000u}) EXPECT_EQ(ValueOf(3, size).size(), size);
}

BatchItem PutItem(uint32_t key, uint32_t value) {
  return {.keyspace = 0, .key = {.id = key}, .value = {.id = value, .size = 4}};
}

BatchItem RangeItem(KeyRef begin, std::optional<KeyRef> end) {
  return {.kind = BatchItem::Kind::kDeleteRange, .key = begin, .end = end};
}

TEST(Model, OldPositionsKeepTheirAnswers) {
  Model model;
  EXPECT_EQ(model.Apply({PutItem(11, 1)}), 1u);
  EXPECT_EQ(model.Apply({PutItem(11, 2), PutItem(12, 3)}), 2u);
  BatchItem erase = PutItem(11, 0);
  erase.kind = BatchItem::Kind::kDelete;
  EXPECT_EQ(model.Apply({PutItem(11, 9), erase}), 3u);
  const ModelKeyspace& keyspace = *model.current(0);
  EXPECT_EQ(keyspace.Get(KeyOf(11), {0}), nullptr);
  EXPECT_EQ(*keyspace.Get(KeyOf(11), {1}), ValueOf(1, 4));
  EXPECT_EQ(*keyspace.Get(KeyOf(11), {2}), ValueOf(2, 4));
  EXPECT_EQ(keyspace.Get(KeyOf(11), {3}), nullptr);
  EXPECT_EQ(*keyspace.Get(KeyOf(12), {3}), ValueOf(3, 4));
}

// Keys 11, 19, 27 and 35 are "user/00000001/name" to "user/00000004/name".
TEST(Model, RangeDeleteTakesWhatIsThereAndNotWhatComesLater) {
  Model model;
  model.Apply({PutItem(11, 1), PutItem(19, 1), PutItem(27, 1), PutItem(35, 1)});
  const auto there = [&](LogPos position) {
    std::string keys;
    for (const uint32_t id : {11u, 19u, 27u, 35u})
      keys += model.current(0)->Get(KeyOf(id), {position}) == nullptr ? '-' : 'x';
    return keys;
  };
  EXPECT_EQ(model.Apply({RangeItem({.id = 19}, KeyRef{.id = 35})}), 2u);
  EXPECT_EQ(there(1), "xxxx");
  EXPECT_EQ(there(2), "x--x");
  // In a batch in their order.
  model.Apply({PutItem(19, 2), RangeItem({.id = 11, .after = true}, std::nullopt), PutItem(27, 2)});
  EXPECT_EQ(there(2), "x--x");
  EXPECT_EQ(there(3), "x-x-");
  model.Apply({RangeItem({.id = 27}, KeyRef{.id = 27, .after = true})});
  EXPECT_EQ(there(4), "x---");
  model.Apply({RangeItem({.id = 11}, KeyRef{.id = 11}), RangeItem({}, KeyRef{.id = 11})});
  EXPECT_EQ(there(5), "x---");
  model.Apply({{.kind = BatchItem::Kind::kDeletePrefix, .key = {.id = 11, .cut = 13}}});
  EXPECT_EQ(there(6), "----");
  EXPECT_EQ(there(3), "x-x-");
}

BatchItem MergeItem(int keyspace, uint32_t key, ValueRef operand) {
  return {
      .kind = BatchItem::Kind::kMerge, .keyspace = keyspace, .key = {.id = key}, .value = operand};
}

TEST(Model, AMergeComesOnTopOfWhatIsThere) {
  Model model;
  const auto value = [&](LogPos position) {
    const std::string* found = model.current(0)->Get(KeyOf(11), {position});
    return found == nullptr ? std::string("-") : *found;
  };
  const std::string a = ValueOf(1, 4), b = ValueOf(2, 3);
  model.Apply({MergeItem(0, 11, {.id = 1, .size = 4})});
  model.Apply({MergeItem(0, 11, {.id = 2, .size = 3}), MergeItem(0, 11, {.id = 1, .size = 4})});
  EXPECT_EQ(value(1), a);
  EXPECT_EQ(value(2), a + "," + b + "," + a);
  model.Apply({RangeItem({.id = 11}, std::nullopt), MergeItem(0, 11, {.id = 2, .size = 3})});
  EXPECT_EQ(value(2), a + "," + b + "," + a);
  EXPECT_EQ(value(3), b);
  model.Apply({PutItem(11, 1), MergeItem(0, 11, {})});
  EXPECT_EQ(value(4), a + ",");
}

// An hour each, from a clock that goes back between.
TEST(Model, WhatExpiresIsGoneAtItsTimeAndWhatWasMergedOntoItGoesOn) {
  constexpr uint64_t kHour = 3'600'000'000;
  Model model;
  BatchItem put = PutItem(11, 1);
  put.ttl_us = static_cast<int64_t>(kHour);
  model.SetWall(5 * kHour);
  model.Apply({PutItem(11, 2), PutItem(12, 3)});
  model.Apply({put});
  model.SetWall(kHour);
  EXPECT_EQ(model.now().time_us, 5 * kHour);
  model.Apply({MergeItem(0, 11, {.id = 2, .size = 3})});
  const auto value = [&](LogPos position, uint64_t time_us) {
    const std::string* found = model.current(0)->Get(KeyOf(11), {position, time_us});
    return found == nullptr ? std::string("-") : *found;
  };
  const std::string a = ValueOf(1, 4), b = ValueOf(2, 3);
  EXPECT_EQ(value(1, 9 * kHour), ValueOf(2, 4));
  EXPECT_EQ(value(2, 6 * kHour - 1), a);
  EXPECT_EQ(value(2, 6 * kHour), "-") << "and not what it replaced";
  EXPECT_EQ(value(3, 6 * kHour - 1), a + "," + b);
  EXPECT_EQ(value(3, 6 * kHour), b);
  ModelCursor cursor(*model.current(0), {2, 6 * kHour}, {});
  cursor.SeekToFirst();
  EXPECT_EQ(cursor.key(), KeyOf(12));
  model.SetWall(7 * kHour);
  model.Apply({put});
  EXPECT_EQ(value(4, 8 * kHour - 1), a);
  EXPECT_EQ(value(4, 8 * kHour), "-");
}

// What the model makes of operands plainly is what their operators make, whichever are merged
// first; and where it may show, order and number count.
TEST(ListOperators, MakeWhatTheModelMakes) {
  for (int slot = 0; slot < kKeyspaceSlots; ++slot) {
    const auto merge_operator = ListOperatorOf(slot);
    EXPECT_EQ(merge_operator == nullptr, IsRefusedMerge(MergeItem(slot, 1, {.size = 1}))) << slot;
    if (merge_operator == nullptr) continue;
    const auto merged = [&](const std::string& older, const std::string& newer) {
      std::string both;
      EXPECT_TRUE(merge_operator->Merge(older, newer, &both));
      return both;
    };
    const auto finished = [&](std::string bytes) {
      EXPECT_TRUE(merge_operator->Finish(&bytes));
      return bytes;
    };
    for (uint32_t id = 0; id < 300; ++id) {
      std::string bytes[3], expected;
      for (uint32_t n = 0; n < 3; ++n) {
        const BatchItem item = MergeItem(slot, 1, {.id = id * 7 + n, .size = 1 + (id + n) % 5});
        bytes[n] = WrittenBytes(item);
        EXPECT_OK(merge_operator->Check(bytes[n]));
        expected = MergedInModel(slot, n == 0 ? nullptr : &expected, bytes[n]);
      }
      ASSERT_EQ(finished(merged(merged(bytes[0], bytes[1]), bytes[2])), expected) << slot;
      ASSERT_EQ(finished(merged(bytes[0], merged(bytes[1], bytes[2]))), expected) << slot;
      // As a value that was read and put again.
      ASSERT_EQ(finished(merged(finished(merged(bytes[0], bytes[1])), bytes[2])), expected) << slot;
      if (slot > 1) continue;
      EXPECT_NE(finished(merged(merged(bytes[1], bytes[0]), bytes[2])), expected);
      EXPECT_NE(finished(merged(bytes[0], bytes[2])), expected);
    }
  }
}

TEST(BatchItem, BoundsAreThoseOfTheRange) {
  const KeyBounds one = RangeItem({.id = 11}, KeyRef{.id = 11, .after = true}).bounds();
  EXPECT_EQ(one.begin, KeyOf(11));
  EXPECT_EQ(*one.end, KeyOf(11) + std::string(1, '\0'));
  EXPECT_FALSE(one.is_empty() || one.is_backward());
  EXPECT_TRUE(RangeItem({.id = 11}, KeyRef{.id = 11}).bounds().is_empty());
  EXPECT_TRUE(RangeItem({.id = 19}, KeyRef{.id = 11}).bounds().is_backward());
  EXPECT_FALSE(RangeItem({.id = 19}, std::nullopt).bounds().end);
  const BatchItem prefix{.kind = BatchItem::Kind::kDeletePrefix, .key = {.id = 11, .cut = 5}};
  EXPECT_EQ(prefix.bounds().begin, "user/");
  EXPECT_EQ(*prefix.bounds().end, "user0");
  // The longest key has none right after it.
  EXPECT_EQ((KeyRef{.id = 997, .after = true}.bytes().size()), kKeyBytesMax);
}

// Of each kind of range there are some.
TEST(OperationList, RangesAreOfEveryKind) {
  uint64_t one = 0, all = 0, empty = 0, backward = 0, endless = 0, from_first = 0, prefix = 0;
  for (uint64_t seed = 0; seed < 20; ++seed) {
    for (const Operation& operation : GenerateOperations(seed, 3000)) {
      std::vector<BatchItem> items = operation.items;
      if (operation.kind == OperationKind::kDeleteRange) items.push_back(ItemOf(operation));
      for (const BatchItem& item : items) {
        if (!item.is_range()) continue;
        const KeyBounds bounds = item.bounds();
        one += bounds.end == bounds.begin + std::string(1, '\0') ? 1 : 0;
        all += bounds.begin.empty() && !bounds.end ? 1 : 0;
        empty += bounds.is_empty() ? 1 : 0;
        backward += bounds.is_backward() ? 1 : 0;
        endless += bounds.end ? 0 : 1;
        from_first += bounds.begin.empty() ? 1 : 0;
        prefix += item.kind == BatchItem::Kind::kDeletePrefix ? 1 : 0;
      }
    }
  }
  for (const uint64_t ranges : {one, all, empty, backward, endless, from_first, prefix})
    EXPECT_GT(ranges, 0u);
}

TEST(Model, CursorHonoursBoundsBothWays) {
  Model model;
  ModelKeyspace* keyspace = model.current(0);
  for (const char* key : {"a", "b", "ba", "bb", "c", "d"})
    keyspace->keys[key] = {{.position = 1, .value = key}};
  keyspace->keys["bab"] = {{.position = 9, .value = "later"}};
  ModelCursor cursor(*keyspace, {5}, {.lower = "aa", .upper = "d", .prefix = "b"});
  cursor.SeekToFirst();
  EXPECT_EQ(cursor.key(), "b");
  cursor.SeekToLast();
  EXPECT_EQ(cursor.key(), "bb");
  cursor.Prev();
  EXPECT_EQ(cursor.key(), "ba");
  cursor.Next();
  EXPECT_EQ(cursor.key(), "bb");
  cursor.Next();
  EXPECT_FALSE(cursor.Valid());
  cursor.SeekForPrev("zzz");
  EXPECT_EQ(cursor.key(), "bb");
  cursor.SeekForPrev("bab");
  EXPECT_EQ(cursor.key(), "ba");
  cursor.Seek("");
  EXPECT_EQ(cursor.key(), "b");
  cursor.Seek("bb\x01");
  EXPECT_FALSE(cursor.Valid());
  cursor.SeekForPrev("a");
  EXPECT_FALSE(cursor.Valid());
}

TEST(Reducer, LeavesOnlyWhatTheFailureNeeds) {
  const OperationList list = GenerateOperations(3, 2500);
  // "Fails" when a flush comes before a compaction of everything.
  const Fails fails = [](const OperationList& candidate) {
    bool flushed = false;
    for (const Operation& operation : candidate) {
      flushed |= operation.kind == OperationKind::kFlush;
      if (flushed && operation.kind == OperationKind::kCompactAll) return true;
    }
    return false;
  };
  ASSERT_TRUE(fails(list));
  const OperationList reduced = Reduce(list, fails);
  ASSERT_EQ(reduced.size(), 2u);
  EXPECT_EQ(reduced[0].kind, OperationKind::kFlush);
  EXPECT_EQ(reduced[1].kind, OperationKind::kCompactAll);
}

TEST(Reducer, ShortensBatchesAndWalks) {
  OperationList list = {{.kind = OperationKind::kBatch}};
  for (uint32_t i = 0; i < 50; ++i) list[0].items.push_back(PutItem(i, i));
  const Fails fails = [](const OperationList& candidate) {
    for (const Operation& operation : candidate)
      for (const BatchItem& item : operation.items)
        if (item.key.id == 33) return true;
    return false;
  };
  const OperationList reduced = Reduce(list, fails);
  ASSERT_EQ(reduced.size(), 1u);
  ASSERT_EQ(reduced[0].items.size(), 1u);
  EXPECT_EQ(reduced[0].items[0].key.id, 33u);
}

}  // namespace
}  // namespace logwood::test
