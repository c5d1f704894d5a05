// BlockCache: bounds, scans, pins, refusals, many threads.
#include "table/block_cache.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cstdio>
#include <cstring>
#include <memory>
#include <thread>
#include <vector>

#include "util/random.h"

namespace logwood {
namespace {

constexpr size_t kBlockBytes = 4000;
const uint64_t kBlockCharge = BlockRef(CachedBlock::Make(kBlockBytes))->charge();

// A block that knows its key.
BlockRef MakeBlock(const BlockCache::Key& key, size_t size = kBlockBytes) {
  CachedBlock* block = CachedBlock::Make(size);
  std::memcpy(block->data(), &key, sizeof(key));
  return BlockRef(block);
}

void ExpectBlockOf(const BlockCache::Key& key, const BlockRef& block) {
  ASSERT_EQ(std::memcmp(block->data(), &key, sizeof(key)), 0);
}

// As a table reader does it; true: a hit.
bool Read(BlockCache& cache, const BlockCache::Key& key) {
  if (BlockRef hit = cache.Lookup(key)) {
    ExpectBlockOf(key, hit);
    return true;
  }
  const BlockRef block = cache.Insert(key, MakeBlock(key));
  ExpectBlockOf(key, block);
  return false;
}

uint64_t CountHits(BlockCache& cache, uint64_t table, uint64_t blocks) {
  uint64_t hits = 0;
  for (uint64_t i = 0; i < blocks; ++i) hits += Read(cache, {table, i * 4096});
  return hits;
}

void ExpectBounded(const BlockCache& cache) {
  const BlockCache::Usage usage = cache.usage();
  ASSERT_LE(usage.block_bytes + usage.reserved_bytes, usage.capacity_bytes);
  ASSERT_LE(usage.pinned_bytes, usage.block_bytes);
}

TEST(BlockCache, FindsWhatWasInserted) {
  BlockCache cache(1 << 20);
  EXPECT_FALSE(cache.Lookup({1, 0}));
  EXPECT_FALSE(Read(cache, {1, 0}));
  EXPECT_TRUE(Read(cache, {1, 0}));
  EXPECT_FALSE(cache.Lookup({1, 4096}));
  EXPECT_FALSE(cache.Lookup({0, 1}));
  const BlockCache::Usage usage = cache.usage();
  EXPECT_EQ(usage.hits, 1u);
  EXPECT_EQ(usage.misses, 4u);
  EXPECT_EQ(usage.inserts, 1u);
  EXPECT_EQ(usage.block_bytes, kBlockCharge);
  EXPECT_EQ(usage.pinned_bytes, 0u);
}

TEST(BlockCache, TheFirstInsertedBlockOfAKeyStays) {
  BlockCache cache(1 << 20);
  const BlockRef first = cache.Insert({1, 0}, MakeBlock({1, 0}));
  const BlockRef second = cache.Insert({1, 0}, MakeBlock({1, 0}));
  EXPECT_EQ(first.get(), second.get());
  EXPECT_EQ(cache.usage().block_bytes, kBlockCharge);
}

TEST(BlockCache, ScanDoesNotDisplaceTheHotSet) {
  constexpr uint64_t kRoom = 1000, kHot = 600;
  BlockCache cache(kRoom * kBlockCharge);
  for (int round = 0; round < 4; ++round) CountHits(cache, 1, kHot);
  const uint64_t scan_hits = CountHits(cache, 2, 20 * kRoom);
  const uint64_t hot_hits = CountHits(cache, 1, kHot);
  RecordProperty("hot_hits_after_scan", static_cast<int>(hot_hits));
  std::printf("hot blocks hit after a scan of 20 times the cache: %llu of %llu\n",
              static_cast<unsigned long long>(hot_hits), static_cast<unsigned long long>(kHot));
  EXPECT_EQ(scan_hits, 0u);
  EXPECT_GE(hot_hits, kHot * 99 / 100);
  ExpectBounded(cache);
}

// What was hot gives way to what is hot now.
TEST(BlockCache, HotSetMayChange) {
  constexpr uint64_t kRoom = 1000;
  BlockCache cache(kRoom * kBlockCharge);
  for (int round = 0; round < 10; ++round) CountHits(cache, 1, 800);
  for (int round = 0; round < 12; ++round) CountHits(cache, 2, 700);
  EXPECT_GE(CountHits(cache, 2, 700), 665u);
}

TEST(BlockCache, CapacityZeroRefusesEverything) {
  BlockCache cache(0);
  EXPECT_FALSE(Read(cache, {1, 0}));
  EXPECT_FALSE(Read(cache, {1, 0}));
  EXPECT_EQ(cache.usage().refused, 2u);
  EXPECT_EQ(cache.usage().block_bytes, 0u);
}

TEST(BlockCache, SmallCapacityIsSharedByAllShards) {
  BlockCache cache(3 * kBlockCharge);
  CountHits(cache, 1, 100);
  EXPECT_EQ(cache.usage().refused, 0u);
  EXPECT_EQ(cache.usage().block_bytes, 3 * kBlockCharge);
  ExpectBounded(cache);
}

TEST(BlockCache, TooLargeABlockIsRefusedAndNothingEvictedForIt) {
  BlockCache cache(10 * kBlockCharge);
  CountHits(cache, 1, 10);
  const BlockRef large = cache.Insert({2, 0}, MakeBlock({2, 0}, 20 * kBlockBytes));
  ExpectBlockOf({2, 0}, large);
  EXPECT_FALSE(cache.Lookup({2, 0}));
  EXPECT_EQ(cache.usage().block_bytes, 10 * kBlockCharge);
  EXPECT_EQ(cache.usage().refused, 1u);
}

TEST(BlockCache, HeldBlocksStayAndCountSoThatNewOnesAreRefused) {
  BlockCache cache(20 * kBlockCharge);
  std::vector<BlockRef> held;
  for (uint64_t i = 0; i < 20; ++i) held.push_back(cache.Insert({1, i}, MakeBlock({1, i})));
  EXPECT_EQ(cache.usage().pinned_bytes, 20 * kBlockCharge);
  EXPECT_FALSE(Read(cache, {2, 0}));
  EXPECT_FALSE(cache.Lookup({2, 0}));
  EXPECT_EQ(cache.usage().refused, 1u);
  cache.EraseTable(1);
  EXPECT_EQ(cache.usage().block_bytes, 20 * kBlockCharge);
  held.resize(10);
  EXPECT_EQ(cache.usage().pinned_bytes, 10 * kBlockCharge);
  for (uint64_t i = 0; i < 10; ++i) Read(cache, {2, i});
  EXPECT_EQ(cache.usage().refused, 1u);
  ExpectBounded(cache);
  for (uint64_t i = 0; i < held.size(); ++i) ExpectBlockOf({1, i}, held[i]);
}

TEST(BlockCache, CapacityShrinksAndGrows) {
  BlockCache cache(100 * kBlockCharge);
  CountHits(cache, 1, 100);
  cache.SetCapacity(10 * kBlockCharge);
  EXPECT_EQ(cache.usage().block_bytes, 10 * kBlockCharge);
  cache.SetCapacity(50 * kBlockCharge);
  CountHits(cache, 2, 100);
  EXPECT_EQ(cache.usage().block_bytes, 50 * kBlockCharge);
  cache.SetCapacity(0);
  EXPECT_EQ(cache.usage().block_bytes, 0u);
}

TEST(BlockCache, ReservedBytesPushBlocksOut) {
  BlockCache cache(100 * kBlockCharge);
  CountHits(cache, 1, 100);
  cache.AdjustReserved(static_cast<int64_t>(40 * kBlockCharge));
  EXPECT_EQ(cache.usage().block_bytes, 60 * kBlockCharge);
  cache.AdjustReserved(static_cast<int64_t>(100 * kBlockCharge));
  EXPECT_EQ(cache.usage().block_bytes, 0u);
  EXPECT_FALSE(Read(cache, {1, 0}));
  EXPECT_EQ(cache.usage().refused, 1u);
  cache.AdjustReserved(-static_cast<int64_t>(140 * kBlockCharge));
  EXPECT_EQ(cache.usage().reserved_bytes, 0u);
  CountHits(cache, 1, 100);
  EXPECT_EQ(cache.usage().block_bytes, 100 * kBlockCharge);
}

TEST(BlockCache, EraseTableDropsItsBlocksOnly) {
  BlockCache cache(10'000 * kBlockCharge);
  CountHits(cache, 1, 3000);
  CountHits(cache, 2, 3000);
  cache.EraseTable(1);
  EXPECT_EQ(cache.usage().block_bytes, 3000 * kBlockCharge);
  EXPECT_EQ(CountHits(cache, 2, 3000), 3000u);
  EXPECT_EQ(CountHits(cache, 1, 3000), 0u);
}

TEST(BlockCache, SharedPointerOutlivesTheCache) {
  std::shared_ptr<const void> shared;
  const char* bytes = nullptr;
  {
    BlockCache cache(1 << 20);
    const BlockRef block = cache.Insert({1, 0}, MakeBlock({1, 0}));
    bytes = block->data();
    shared = block.ToShared();
  }
  const BlockCache::Key key{1, 0};
  EXPECT_EQ(std::memcmp(bytes, &key, sizeof(key)), 0);
  EXPECT_EQ(BlockRef().ToShared(), nullptr);
}

TEST(BlockCache, ConcurrentUseStaysBoundedAndIntact) {
  constexpr uint64_t kRoom = 200;
  BlockCache cache(kRoom * kBlockCharge);
  std::atomic<bool> stop{false};
  auto work = [&](uint64_t seed) {
    Random random(seed);
    std::vector<BlockRef> held(8);
    for (int i = 0; i < 20'000; ++i) {
      const BlockCache::Key key{random.Uniform(4), random.Skewed(9)};
      BlockRef block = cache.Lookup(key);
      if (!block) block = cache.Insert(key, MakeBlock(key, 64 + random.Uniform(2 * kBlockBytes)));
      ExpectBlockOf(key, block);
      held[random.Uniform(held.size())] = std::move(block);
      if (random.OneIn(500)) cache.EraseTable(random.Uniform(4));
      if (random.OneIn(100)) {
        const auto bytes = static_cast<int64_t>(random.Uniform(20 * kBlockCharge));
        cache.AdjustReserved(bytes);
        cache.AdjustReserved(-bytes);
      }
    }
  };
  std::thread watcher([&] {
    while (!stop.load()) {
      // Parts are read one after the other; the sum is exact once all is still.
      ASSERT_LE(cache.usage().reserved_bytes, 3 * 20 * kBlockCharge);
      std::this_thread::yield();
    }
  });
  std::vector<std::thread> threads;
  for (uint64_t seed = 1; seed <= 3; ++seed) threads.emplace_back(work, seed);
  for (std::thread& thread : threads) thread.join();
  stop = true;
  watcher.join();
  EXPECT_EQ(cache.usage().pinned_bytes, 0u);
  EXPECT_EQ(cache.usage().reserved_bytes, 0u);
  ExpectBounded(cache);
  for (uint64_t table = 0; table < 4; ++table) cache.EraseTable(table);
  EXPECT_EQ(cache.usage().block_bytes, 0u);
  // All charges were given back: the whole capacity can be used again.
  CountHits(cache, 9, 2 * kRoom);
  EXPECT_EQ(cache.usage().block_bytes, kRoom * kBlockCharge);
}

}  // namespace
}  // namespace logwood
