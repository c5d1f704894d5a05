// What a memtable's range deletes say of entries that came in behind them: which part of a stretch
// a walk may go by.
#include <gtest/gtest.h>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "memtable/memtable.h"
#include "tests/support/sanitizers.h"
#include "util/random.h"

namespace logwood {
namespace {

struct Inserted {
  std::string key;
  LogPos position = 0;
};

class CoveredStretchTest : public testing::Test {
 protected:
  void Put(const std::string& key, LogPos position) {
    table_.Insert(key, PackTrailer(position, EntryKind::kPut), "v");
    entries_.push_back({key, position});
  }
  void Delete(const std::string& begin, const std::string& end, LogPos position) {
    table_.InsertRangeDelete(begin, end, position);
  }
  // "5 in [a, z)", with " newer b..c" where there may be any.
  std::string Around(const std::string& key, LogPos position = kPositionMax) const {
    const CoveredStretch stretch = table_.range_deletes().Around(key, position);
    std::string text = std::to_string(stretch.deleted_at) + " in [" + std::string(stretch.lower) +
                       ", " + std::string(stretch.upper) + ")";
    if (stretch.holds_newer)
      text += " newer " + std::string(stretch.first_newer) + ".." + std::string(stretch.last_newer);
    return text;
  }

  Memtable table_;
  std::vector<Inserted> entries_;
};

TEST_F(CoveredStretchTest, SaysBetweenWhichKeysNewerEntriesLie) {
  Put("c", 1);
  Put("y", 2);
  Delete("a", "m", 3);
  EXPECT_EQ(Around("c"), "3 in [a, m)");
  EXPECT_EQ(Around("y"), "0 in [m, ) newer ..");
  Put("z", 4);
  EXPECT_EQ(Around("c"), "3 in [a, m)") << "it lies elsewhere";
  Put("d", 5);
  EXPECT_EQ(Around("c"), "3 in [a, m) newer d..d");
  Put("b", 6);
  Put("f", 7);
  Put("e", 8);
  EXPECT_EQ(Around("c"), "3 in [a, m) newer b..f");
  Delete("a", "m", 9);
  EXPECT_EQ(Around("c"), "9 in [a, m)");
}

TEST_F(CoveredStretchTest, WhatIsPutBehindADeleteInItsBatchIsNewer) {
  Delete("a", "m", 3);
  Delete("c", "d", 3);
  Put("c", 3);
  Put("e", 3);
  EXPECT_EQ(Around("c", 3), "3 in [c, d) newer c..c");
  EXPECT_EQ(Around("e", 3), "3 in [d, m) newer e..e");
  EXPECT_EQ(Around("b", 3), "3 in [a, c)");
}

TEST_F(CoveredStretchTest, PiecesOfARangeThatIsCutKnowWhatTheWholeKnew) {
  Delete("a", "z", 1);
  Put("b", 2);
  Put("y", 3);
  Delete("m", "n", 4);
  EXPECT_EQ(Around("c"), "1 in [a, m) newer b..y");
  EXPECT_EQ(Around("m"), "4 in [m, n)");
  EXPECT_EQ(Around("p"), "1 in [n, z) newer b..y");
  Put("m", 5);
  EXPECT_EQ(Around("m"), "4 in [m, n) newer m..m");
  // As it was then, but for what that reader does not see.
  EXPECT_EQ(Around("m", 3), "1 in [a, z) newer b..y");
}

TEST_F(CoveredStretchTest, ChangesElsewhereForgetNothing) {
  Delete("h", "q", 1);
  Put("k", 2);
  for (LogPos position = 3; position < 60; ++position) {
    const std::string key(
        1, static_cast<char>(position % 2 == 0 ? 'A' + position % 7 : 'r' + position % 7));
    Delete(key, key + "x", position);
    ASSERT_EQ(Around("i"), "1 in [h, q) newer k..k") << position;
  }
  Put("o", 60);
  EXPECT_EQ(Around("i"), "1 in [h, q) newer k..o");
  EXPECT_EQ(Around("i", 30), "1 in [h, q) newer k..o") << "more than need be, never less";
}

TEST_F(CoveredStretchTest, AtEachPositionAgreesWithALookAtAllEntries) {
  uint64_t passable = 0;
  for (uint64_t seed = 1; seed <= 60; ++seed) {
    SCOPED_TRACE(seed);
    Random random(seed);
    Memtable table;
    std::vector<Inserted> all;
    const auto key = [&] { return "k" + std::to_string(100 + random.Uniform(30)); };
    LogPos position = 0;
    for (int i = 0; i < 80; ++i) {
      ++position;
      for (uint64_t ranges = random.OneIn(3) ? random.Uniform(3) : 0; ranges > 0; --ranges) {
        std::string a = key(), b = key();
        if (a == b) b += '\0';
        if (b < a) std::swap(a, b);
        table.InsertRangeDelete(a, b, position);
      }
      for (uint64_t puts = random.Uniform(3); puts > 0; --puts) {
        all.push_back({key() + std::to_string(puts), position});
        table.Insert(all.back().key, PackTrailer(position, EntryKind::kPut), "v");
      }
    }
    for (LogPos reader = 1; reader <= position; ++reader) {
      for (int k = 100; k < 130; ++k) {
        const CoveredStretch stretch =
            table.range_deletes().Around("k" + std::to_string(k), reader);
        if (stretch.deleted_at == 0) continue;
        passable += !stretch.holds_newer;
        for (const Inserted& entry : all) {
          if (!stretch.Contains(entry.key) || entry.position > reader ||
              entry.position < stretch.deleted_at)
            continue;
          ASSERT_TRUE(stretch.holds_newer) << entry.key << " at " << entry.position;
          ASSERT_LE(stretch.first_newer, entry.key);
          ASSERT_GE(stretch.last_newer, entry.key);
        }
      }
    }
  }
  EXPECT_GT(passable, 10'000u);
}

using CoveredStretchDeathTest = CoveredStretchTest;

TEST_F(CoveredStretchDeathTest, EntriesOfAPositionComeBehindItsRangeDeletes) {
  Put("c", 3);
  EXPECT_DEATH(Delete("a", "m", 3), "");
  Delete("a", "m", 4);
  EXPECT_DEATH(Put("x", 3), "");
}

// What a reader may see is never outside of what its stretch says of newer entries.
TEST(CoveredStretchConcurrent, ReadersAreToldOfEachEntryThatIsPublished) {
  constexpr LogPos kLast = test::kSanitized ? 20'000 : 200'000;
  const auto key_at = [](LogPos position) {
    return "k" + std::to_string(1'000'000 + position * 7919 % 1'000'003 % 9'000'000);
  };
  Memtable table;
  std::atomic<LogPos> published{0};
  std::atomic<uint64_t> seen{0};
  std::vector<std::thread> readers;
  for (int thread = 0; thread < 2; ++thread) {
    readers.emplace_back([&] {
      while (true) {
        const LogPos reader = published.load(std::memory_order_acquire);
        const std::string key = key_at(reader);
        const CoveredStretch stretch = table.range_deletes().Around(key, reader);
        if (reader != 0 && reader % 64 != 0 && stretch.deleted_at != 0) {
          ASSERT_TRUE(stretch.holds_newer) << reader;
          ASSERT_LE(stretch.first_newer, key);
          ASSERT_GE(stretch.last_newer, key);
          seen.fetch_add(1, std::memory_order_relaxed);
        }
        if (reader == kLast) return;
      }
    });
  }
  for (LogPos position = 1; position <= kLast; ++position) {
    if (position % 64 == 0) {
      table.InsertRangeDelete(position % 128 == 0 ? "k" : "k4", "l", position);
    } else {
      table.Insert(key_at(position), PackTrailer(position, EntryKind::kPut), "v");
    }
    published.store(position, std::memory_order_release);
  }
  for (std::thread& reader : readers) reader.join();
  EXPECT_GT(seen.load(), 0u);
}

}  // namespace
}  // namespace logwood
