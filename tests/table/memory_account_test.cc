// MemoryAccount: what one holder tells the cache, in steps, and what of it is left behind.
#include "table/memory_account.h"

#include <gtest/gtest.h>

#include <vector>

#include "tests/table/table_test_support.h"
#include "util/random.h"

namespace logwood {
namespace {

using testing::BuildTable;
using testing::BuiltTable;
using testing::MustOpen;
using testing::PlainEntries;

// The most the cache may think is held beyond what is.
constexpr uint64_t kAheadBytesMax = 16 * 1024;

TEST(MemoryAccountTest, AJobCountsAgainstTheCapacityUntilItsEnd) {
  BlockCache cache(100'000);
  {
    MemoryAccount account(&cache, MemoryAccount::Of::kJob);
    account.Replace(0, 150'000);
    EXPECT_GE(cache.jobs_bytes(), 150'000u);
    EXPECT_EQ(cache.charged_bytes(), cache.jobs_bytes());
    EXPECT_GE(cache.bytes_over_capacity(), 50'000u);
    EXPECT_EQ(cache.pinned_bytes(), 0u);
    EXPECT_EQ(cache.held_bytes(), 0u);
  }
  EXPECT_EQ(cache.jobs_bytes(), 0u);
  EXPECT_EQ(cache.charged_bytes(), 0u);
}

TEST(MemoryAccountTest, WhatAJobReadsIsChargedOnceAndIsNoReaders) {
  constexpr size_t kValueBytes = 60'000;
  BuiltTable table = BuildTable(PlainEntries(4, kValueBytes), TableOptions());
  BlockCache cache(1 << 20);
  const auto reader = MustOpen(&table, &cache);
  MemoryAccount account(&cache, MemoryAccount::Of::kJob);
  TableScanOptions scan;
  scan.account = &account;
  for (const uint32_t readahead : {1u, 1u << 20}) {  // smaller than a block, larger
    SCOPED_TRACE(readahead);
    scan.readahead_bytes = readahead;
    const auto it = reader->NewIterator(scan);
    it->SeekToFirst();
    ASSERT_TRUE(it->Valid());
    EXPECT_GE(account.told_bytes(), kValueBytes);
    EXPECT_EQ(cache.charged_bytes(), account.told_bytes());
    EXPECT_EQ(cache.held_bytes(), 0u);
    EXPECT_EQ(cache.usage().pinned_bytes, 0u);
  }
}

TEST(MemoryAccountTest, AReadersBlocksArePinnedAndNotChargedAgain) {
  BlockCache cache(100'000);
  {
    MemoryAccount account(&cache, MemoryAccount::Of::kReader);
    account.Replace(0, 150'000);
    EXPECT_GE(cache.pinned_bytes(), 150'000u);
    EXPECT_EQ(cache.pinned_bytes(), account.told_bytes());
    EXPECT_EQ(cache.charged_bytes(), 0u);
  }
  EXPECT_EQ(cache.pinned_bytes(), 0u);
}

TEST(MemoryAccountTest, WhatAReaderTakesItselfIsHeldAndPinnedForItsWholeLife) {
  BlockCache cache(100'000);
  {
    MemoryAccount account(&cache, MemoryAccount::Of::kReader, 777);
    EXPECT_EQ(cache.held_bytes(), 777u);
    EXPECT_EQ(cache.charged_bytes(), 777u);
    EXPECT_EQ(cache.pinned_bytes(), 777u);
    EXPECT_EQ(account.told_bytes(), 777u);
    account.Replace(0, 50'000);
    account.Replace(50'000, 0);
    EXPECT_EQ(cache.held_bytes(), 777u);
    EXPECT_GE(cache.pinned_bytes(), 777u);
  }
  EXPECT_EQ(cache.held_bytes(), 0u);
  EXPECT_EQ(cache.charged_bytes(), 0u);
  EXPECT_EQ(cache.pinned_bytes(), 0u);
}

TEST(MemoryAccountTest, TheCacheNeverKnowsOfLessThanIsHeldAndOfLittleMore) {
  for (const auto of : {MemoryAccount::Of::kReader, MemoryAccount::Of::kJob}) {
    BlockCache cache(1 << 20);
    MemoryAccount account(&cache, of);
    Random random(17);
    std::vector<uint64_t> parts(8, 0);
    uint64_t held = 0;
    for (int step = 0; step < 20'000; ++step) {
      uint64_t& part = parts[random.Uniform(parts.size())];
      const uint64_t now = random.OneIn(3) ? 0 : random.Skewed(17);
      account.Replace(part, now);
      held += now - part;
      part = now;
      ASSERT_GE(account.told_bytes(), held) << step;
      ASSERT_LE(account.told_bytes(), held + kAheadBytesMax) << step;
      const bool reads = of == MemoryAccount::Of::kReader;
      ASSERT_EQ(account.told_bytes(), reads ? cache.pinned_bytes() : cache.jobs_bytes());
    }
  }
}

TEST(MemoryAccountTest, GoingBackAndForthALittleLeavesTheSharedCountersAlone) {
  BlockCache cache(1 << 20);
  MemoryAccount account(&cache, MemoryAccount::Of::kReader);
  account.Replace(0, 10'000);
  const uint64_t told = cache.pinned_bytes();
  for (int i = 0; i < 100; ++i) {
    account.Replace(10'000, 6'000);
    EXPECT_EQ(cache.pinned_bytes(), told);
    account.Replace(6'000, 10'000);
    EXPECT_EQ(cache.pinned_bytes(), told);
  }
}

TEST(MemoryAccountTest, AccountsAddUpAndEachTakesBackItsOwn) {
  BlockCache cache(1 << 20);
  MemoryAccount job(&cache, MemoryAccount::Of::kJob);
  job.Replace(0, 30'000);
  const uint64_t of_job = cache.jobs_bytes();
  {
    MemoryAccount other_job(&cache, MemoryAccount::Of::kJob);
    MemoryAccount reader(&cache, MemoryAccount::Of::kReader, 100);
    other_job.Replace(0, 40'000);
    reader.Replace(0, 50'000);
    EXPECT_EQ(cache.jobs_bytes(), of_job + other_job.told_bytes());
    EXPECT_EQ(cache.pinned_bytes(), reader.told_bytes());
    EXPECT_EQ(cache.charged_bytes(), cache.jobs_bytes() + 100);
  }
  EXPECT_EQ(cache.jobs_bytes(), of_job);
  EXPECT_EQ(cache.charged_bytes(), of_job);
  EXPECT_EQ(cache.pinned_bytes(), 0u);
}

TEST(MemoryAccountTest, ACrowdOfPinsIsRememberedUntilItIsCleared) {
  BlockCache cache({.capacity_bytes = 1 << 20, .pins_bytes_max = 100'000});
  MemoryAccount account(&cache, MemoryAccount::Of::kReader);
  account.Replace(0, 1'000);
  EXPECT_FALSE(account.crowded());
  {
    MemoryAccount other(&cache, MemoryAccount::Of::kReader);
    other.Replace(0, 90'000);
    EXPECT_FALSE(account.crowded()) << "nothing was replaced meanwhile";
    account.Replace(1'000, 1'100);
  }
  EXPECT_TRUE(account.crowded()) << "although the other one has let go by now";
  account.ClearCrowded();
  EXPECT_FALSE(account.crowded());
  account.Replace(1'100, 1'200);
  EXPECT_FALSE(account.crowded());
}

TEST(MemoryAccountTest, OnesOwnPinsCanBeTheCrowd) {
  BlockCache cache({.capacity_bytes = 1 << 20, .pins_bytes_max = 100'000});
  MemoryAccount account(&cache, MemoryAccount::Of::kReader);
  account.Replace(0, 90'000);
  EXPECT_TRUE(account.crowded());
  account.ClearCrowded();
  account.Replace(90'000, 100);
  account.Replace(100, 200);
  EXPECT_FALSE(account.crowded());
}

TEST(MemoryAccountTest, WithoutACacheNothingIsCounted) {
  MemoryAccount account(nullptr, MemoryAccount::Of::kReader, 777);
  account.Replace(0, 1 << 30);
  EXPECT_FALSE(account.crowded());
  account.Replace(1 << 30, 0);
  EXPECT_FALSE(account.crowded());
}

}  // namespace
}  // namespace logwood
