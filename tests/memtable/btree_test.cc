// BTree at its own interface: records by address, against std::map; cursors while others insert.
#include "memtable/btree.h"

#include <gtest/gtest.h>

#include <iterator>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "util/random.h"

namespace logwood {
namespace {

using Place = std::pair<std::string, uint64_t>;  // key, trailer
struct PlaceBefore {
  bool operator()(const Place& a, const Place& b) const {
    return CompareInternal(a.first, a.second, b.first, b.second) < 0;
  }
};
using Records = std::map<Place, Record, PlaceBefore>;

std::string BTreeKey(uint64_t number) {
  const std::string digits = std::to_string(number);
  return "key/" + std::string(8 - digits.size(), '0') + digits;
}

class BTreeTest : public testing::Test {
 protected:
  // Unless an equal one is there.
  void Insert(const std::string& key, LogPos position) {
    const uint64_t trailer = PackTrailer(position, EntryKind::kPut);
    if (records_.count({key, trailer}) != 0) return;
    const Record record = MakeRecord(&arena_, key, trailer, "");
    tree_.Insert(record);
    records_[{key, trailer}] = record;
  }

  static IndexKey At(const Place& place) { return {place.first, place.second}; }
  Record AtOrAfter(const Place& place) const {
    const auto it = records_.lower_bound(place);
    return it == records_.end() ? nullptr : it->second;
  }
  Record AtOrBefore(const Place& place) const {
    const auto it = records_.upper_bound(place);
    return it == records_.begin() ? nullptr : std::prev(it)->second;
  }

  void ExpectFound(const Place& place) const {
    EXPECT_EQ(tree_.FindFirstAtOrAfter(At(place)), AtOrAfter(place));
    BTree::Cursor cursor(tree_);
    cursor.Seek(At(place));
    EXPECT_EQ(cursor.record(), AtOrAfter(place));
    cursor.SeekForPrev(At(place));
    EXPECT_EQ(cursor.record(), AtOrBefore(place));
  }

  // Each record once, in order, from either end.
  void ExpectWalked() const {
    BTree::Cursor cursor(tree_);
    cursor.SeekToFirst();
    for (const auto& [place, record] : records_) {
      ASSERT_EQ(cursor.record(), record);
      cursor.Next();
    }
    EXPECT_EQ(cursor.record(), nullptr);
    cursor.SeekToLast();
    for (auto it = records_.rbegin(); it != records_.rend(); ++it) {
      ASSERT_EQ(cursor.record(), it->second);
      cursor.Prev();
    }
    EXPECT_EQ(cursor.record(), nullptr);
  }

  // A walk with insertions all around where the cursor stands meets those that were there when it
  // began, each once and in order; of the others any, at their places.
  void ExpectWholeWalkUnderInsertions(bool forward) {
    for (uint64_t i = 0; i < 60; ++i) Insert(BTreeKey(1'000'000 + 10'000 * i), 1);
    const Records before = records_;
    Random random(7);
    std::vector<Record> met;
    size_t old = 0;
    BTree::Cursor cursor(tree_);
    forward ? cursor.SeekToFirst() : cursor.SeekToLast();
    while (cursor.record() != nullptr) {
      met.push_back(cursor.record());
      const std::string here(RecordKey(cursor.record()));
      if (before.count({here, RecordTrailer(cursor.record())}) != 0) {
        ++old;
        for (int n = 0; n < 20; ++n) Insert(BTreeKey(random.Uniform(2'000'000)), 1);
        for (char c = '!'; c < '?'; ++c) {
          Insert(here + c, 1);
          Insert(here.substr(0, here.size() - 1) + c, 1);
        }
      }
      forward ? cursor.Next() : cursor.Prev();
    }
    EXPECT_EQ(old, before.size());
    for (size_t i = 1; i < met.size(); ++i) {
      const int order = CompareRecord(met[i - 1], RecordIndexKey(met[i]));
      ASSERT_TRUE(forward ? order < 0 : order > 0) << i;
    }
    ExpectWalked();
  }

  Arena arena_;
  BTree tree_{&arena_};
  Records records_;
};

TEST_F(BTreeTest, AnEmptyOneHasNoRecord) {
  EXPECT_EQ(tree_.FindFirstAtOrAfter({"", UINT64_MAX}), nullptr);
  ExpectFound({"a", 0});
  ExpectWalked();
}

// Two and three levels of nodes of fifteen are begun in between.
TEST_F(BTreeTest, AfterEachInsertionAllOfThemAreFound) {
  for (uint64_t i = 0; i < 300; ++i) {
    Insert(BTreeKey(i * 7919 % 300), 1);
    ASSERT_NO_FATAL_FAILURE(ExpectWalked());
  }
}

TEST_F(BTreeTest, AgreesWithAMapOnRandomKeys) {
  for (uint64_t seed = 1; seed <= 40; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Random random(seed);
    Arena arena;
    BTree tree(&arena);
    Records records;
    // Few distinct bytes: long shared beginnings, zeros that look like padding, many versions.
    const auto random_place = [&random] {
      std::string key(random.OneIn(4) ? 20 : 0, 'p');
      for (uint64_t n = random.Uniform(12); n > 0; --n) {
        key += static_cast<char>(random.OneIn(2) ? 0 : random.OneIn(2) ? 1 : 0xff);
      }
      return Place(key, PackTrailer(random.Uniform(6), EntryKind::kPut));
    };
    for (int i = 0; i < 1000; ++i) {
      const Place place = random_place();
      if (records.count(place) == 0) {
        const Record record = MakeRecord(&arena, place.first, place.second, "");
        tree.Insert(record);
        records[place] = record;
      }
      const Place wanted = random_place();
      const auto expected = records.lower_bound(wanted);
      ASSERT_EQ(tree.FindFirstAtOrAfter(At(wanted)),
                expected == records.end() ? nullptr : expected->second);
    }
  }
}

TEST_F(BTreeTest, NewerVersionsOfAKeyComeFirst) {
  for (LogPos position = 1; position <= 100; ++position) Insert("k", position);
  const Record newest = tree_.FindFirstAtOrAfter({"k", SeekTrailer(kPositionMax)});
  ASSERT_NE(newest, nullptr);
  EXPECT_EQ(TrailerPosition(RecordTrailer(newest)), 100u);
  const Record at_40 = tree_.FindFirstAtOrAfter({"k", SeekTrailer(40)});
  ASSERT_NE(at_40, nullptr);
  EXPECT_EQ(TrailerPosition(RecordTrailer(at_40)), 40u);
  EXPECT_EQ(tree_.FindFirstAtOrAfter({"k", SeekTrailer(0)}), nullptr);
}

// The prefix all share is longer than a node's word can say.
TEST_F(BTreeTest, TheLongestKeysAreToldApartByTheirLastBytes) {
  const std::string shared(kStoredKeyBytesMax - 1, 'x');
  for (int i = 0; i < 64; ++i) Insert(shared + static_cast<char>(i * 37 % 64), 1);
  ExpectWalked();
  for (const auto& [place, record] : records_) ExpectFound({place.first, UINT64_MAX});
}

TEST_F(BTreeTest, SeeksBesideAndBetweenAllRecordsFindTheNeighbours) {
  for (uint64_t i = 0; i < 200; ++i) Insert(BTreeKey(10 * i), 5);
  for (uint64_t i = 0; i < 200; ++i) {
    for (const LogPos position : {4, 5, 6}) {
      ExpectFound({BTreeKey(10 * i), PackTrailer(position, EntryKind::kPut)});
    }
    ExpectFound({BTreeKey(10 * i + 5), 0});
  }
  ExpectFound({"", UINT64_MAX});
  ExpectFound({"z", 0});
}

TEST_F(BTreeTest, AForwardCursorMeetsAllOldRecordsWhileNodesAreSplitUnderIt) {
  ExpectWholeWalkUnderInsertions(true);
}

TEST_F(BTreeTest, ABackwardCursorMeetsAllOldRecordsWhileNodesAreSplitUnderIt) {
  ExpectWholeWalkUnderInsertions(false);
}

}  // namespace
}  // namespace logwood
