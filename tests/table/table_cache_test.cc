// TableCache and LiveTable: limits, charges, holders, pins, many threads.
#include "table/table_cache.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

#include "table/live_table.h"
#include "tests/table/table_test_support.h"

namespace logwood {
namespace {

class TableCacheTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(fs_->CreateDirectory("dir").ok());
    for (uint64_t number = 1; number <= 8; ++number) WriteTable(number);
    TableCache cache(fs_.get(), "dir", nullptr, nullptr, 1, 0);
    auto reader = cache.Find(*metas_[0]);
    ASSERT_TRUE(reader.ok()) << reader.status().ToString();
    reader_bytes_ = (*reader)->memory_bytes();
  }

  void WriteTable(uint64_t number) {
    const std::string path = "dir/" + TableFileName(number);
    auto file = fs_->CreateWritable(path);
    ASSERT_TRUE(file.ok());
    TableBuilder builder(file->get(), TableOptions{}, number, {number, number});
    for (const auto& e : testing::PlainEntries(200)) builder.Add(e.key, e.trailer, e.value);
    auto meta = builder.Finish();
    ASSERT_TRUE(meta.ok());
    ASSERT_TRUE((*file)->Close().ok());
    metas_.push_back(std::make_shared<const TableMeta>(*meta));
  }

  // With room for `readers` of equal size.
  std::unique_ptr<TableCache> MakeCache(uint32_t readers_max, uint64_t readers_of_memory) {
    return std::make_unique<TableCache>(fs_.get(), "dir", &blocks_, nullptr, readers_max,
                                        readers_of_memory * reader_bytes_);
  }
  std::shared_ptr<TableReader> MustFind(TableCache& cache, size_t index) {
    auto reader = cache.Find(*metas_[index]);
    EXPECT_TRUE(reader.ok()) << reader.status().ToString();
    return reader.ok() ? *reader : nullptr;
  }

  std::unique_ptr<FileSystem> fs_ = FileSystem::InMemory();
  BlockCache blocks_{1 << 24};
  std::vector<TableMetaPtr> metas_;
  uint64_t reader_bytes_ = 0;
};

TEST_F(TableCacheTest, OpensOnceAndChargesItsMemory) {
  auto cache = MakeCache(8, 8);
  auto reader = MustFind(*cache, 0);
  EXPECT_EQ(MustFind(*cache, 0), reader);
  EXPECT_EQ(cache->open_readers(), 1u);
  EXPECT_EQ(cache->memory_bytes(), reader->memory_bytes());
  EXPECT_EQ(blocks_.usage().reserved_bytes, reader->memory_bytes());
  reader.reset();
  cache.reset();
  EXPECT_EQ(blocks_.usage().reserved_bytes, 0u);
}

TEST_F(TableCacheTest, ClosesTheLeastRecentlyUsedBeyondEitherLimit) {
  for (const bool by_memory : {false, true}) {
    auto cache = by_memory ? MakeCache(100, 3) : MakeCache(3, 100);
    for (size_t i = 0; i < 3; ++i) MustFind(*cache, i);
    std::weak_ptr<TableReader> oldest = MustFind(*cache, 1);
    std::weak_ptr<TableReader> used = MustFind(*cache, 0);
    MustFind(*cache, 2);
    MustFind(*cache, 0);
    MustFind(*cache, 3);
    EXPECT_TRUE(oldest.expired());
    EXPECT_FALSE(used.expired());
    EXPECT_EQ(cache->open_readers(), 3u);
    EXPECT_EQ(blocks_.usage().reserved_bytes, cache->memory_bytes());
    EXPECT_LE(cache->memory_bytes(), 3 * reader_bytes_);
  }
}

TEST_F(TableCacheTest, HeldReadersStayOpenBeyondTheLimitsAndCloseLater) {
  auto cache = MakeCache(2, 100);
  std::vector<std::shared_ptr<TableReader>> held;
  for (size_t i = 0; i < 5; ++i) held.push_back(MustFind(*cache, i));
  EXPECT_EQ(cache->open_readers(), 5u);
  EXPECT_EQ(MustFind(*cache, 0), held[0]);
  held.clear();
  MustFind(*cache, 5);
  EXPECT_EQ(cache->open_readers(), 2u);
  EXPECT_EQ(blocks_.usage().reserved_bytes, cache->memory_bytes());
}

TEST_F(TableCacheTest, EraseClosesOnceNobodyHolds) {
  auto cache = MakeCache(8, 8);
  auto held = MustFind(*cache, 0);
  MustFind(*cache, 1);
  cache->Erase(1);
  cache->Erase(2);
  cache->Erase(77);
  EXPECT_EQ(cache->open_readers(), 1u);
  EXPECT_EQ(blocks_.usage().reserved_bytes, held->memory_bytes());
  held.reset();
  cache->Erase(78);
  EXPECT_EQ(cache->open_readers(), 0u);
  EXPECT_EQ(blocks_.usage().reserved_bytes, 0u);
}

TEST_F(TableCacheTest, MissingFileIsAnErrorEachTime) {
  auto cache = MakeCache(8, 8);
  TableMeta meta = *metas_[0];
  meta.number = 99;
  EXPECT_FALSE(cache->Find(meta).ok());
  EXPECT_FALSE(cache->Find(meta).ok());
  EXPECT_EQ(cache->open_readers(), 0u);
  EXPECT_EQ(blocks_.usage().reserved_bytes, 0u);
}

TEST_F(TableCacheTest, LiveTableKeepsItsReaderWhereThereIsRoom) {
  auto cache = MakeCache(100, 8);
  auto live = std::make_unique<LiveTable>(metas_[0]);
  EXPECT_FALSE(live->resident());
  std::shared_ptr<TableReader> hold;
  auto first = live->Reader(cache.get(), &hold);
  ASSERT_TRUE(first.ok());
  EXPECT_TRUE(live->resident());
  EXPECT_EQ(live->resident_bytes(), (*first)->memory_bytes());
  EXPECT_EQ(cache->pinned_bytes(), (*first)->memory_bytes());
  hold.reset();
  auto second = live->Reader(cache.get(), &hold);
  ASSERT_TRUE(second.ok());
  EXPECT_EQ(*first, *second);
  EXPECT_EQ(hold, nullptr);
  live.reset();
  EXPECT_EQ(cache->pinned_bytes(), 0u);
}

TEST_F(TableCacheTest, LiveTablesBeyondTheShareAreServedThroughTheCache) {
  auto cache = MakeCache(100, 4);
  std::vector<std::unique_ptr<LiveTable>> tables;
  for (const auto& meta : metas_) tables.push_back(std::make_unique<LiveTable>(meta));
  int resident = 0;
  for (auto& table : tables) {
    std::shared_ptr<TableReader> hold;
    auto reader = table->Reader(cache.get(), &hold);
    ASSERT_TRUE(reader.ok());
    ASSERT_TRUE(table->resident() || hold != nullptr);
    LookupResult result;
    const std::string key = "\x01key00000042";
    ASSERT_TRUE((*reader)->Get({key, Hash64(key), kPositionMax}, true, &result).ok());
    EXPECT_TRUE(result.finished);
    resident += table->resident();
  }
  EXPECT_EQ(resident, 3);
  EXPECT_LE(cache->memory_bytes(), 4 * reader_bytes_);
  // Room comes back: the next use becomes resident.
  tables[0].reset();
  std::shared_ptr<TableReader> hold;
  ASSERT_TRUE(tables[7]->Reader(cache.get(), &hold).ok());
  EXPECT_TRUE(tables[7]->resident());
}

TEST_F(TableCacheTest, LiveTableMayOutliveTheCache) {
  auto cache = MakeCache(100, 8);
  LiveTable live(metas_[0]);
  std::shared_ptr<TableReader> hold;
  ASSERT_TRUE(live.Reader(cache.get(), &hold).ok());
  hold.reset();
  cache.reset();
  EXPECT_TRUE(live.resident());
}

TEST_F(TableCacheTest, ConcurrentFindsEvictionsAndErasuresServeIntactReaders) {
  auto cache = MakeCache(3, 100);
  std::vector<std::unique_ptr<LiveTable>> tables;
  for (const auto& meta : metas_) tables.push_back(std::make_unique<LiveTable>(meta));
  auto work = [&](uint64_t seed) {
    Random random(seed);
    for (int i = 0; i < 400; ++i) {
      const size_t index = random.Uniform(metas_.size());
      std::shared_ptr<TableReader> hold;
      const TableReader* reader = nullptr;
      if (random.OneIn(2)) {
        auto found = cache->Find(*metas_[index]);
        ASSERT_TRUE(found.ok());
        hold = *found;
        reader = hold.get();
      } else {
        auto found = tables[index]->Reader(cache.get(), &hold);
        ASSERT_TRUE(found.ok());
        reader = *found;
      }
      ASSERT_EQ(reader->id(), metas_[index]->id);
      PinnedValue value;
      LookupResult result{.value = &value};
      const std::string key = "\x01key00000007";
      ASSERT_TRUE(reader->Get({key, Hash64(key), kPositionMax}, true, &result).ok());
      ASSERT_TRUE(result.finished);
      ASSERT_EQ(value.view().substr(0, 7), "value 7");
      if (random.OneIn(50)) cache->Erase(metas_[index]->number);
    }
  };
  std::vector<std::thread> threads;
  for (uint64_t seed = 1; seed <= 3; ++seed) threads.emplace_back(work, seed);
  for (std::thread& thread : threads) thread.join();
  tables.clear();
  EXPECT_EQ(cache->pinned_bytes(), 0u);
  MustFind(*cache, 0);
  cache->Erase(1000);
  EXPECT_EQ(blocks_.usage().reserved_bytes, cache->memory_bytes());
  cache.reset();
  EXPECT_EQ(blocks_.usage().reserved_bytes, 0u);
}

}  // namespace
}  // namespace logwood
