// What ReadOptions::fill_cache promises: blocks read without it do not displace others.
#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "logwood/db.h"
#include "tests/support/database_fixture.h"
#include "tests/support/generators.h"

namespace logwood::test {
namespace {

// All that is read lies in tables, in small and in pinned values; nothing of it in the cache.
class FillCache : public DatabaseTest {
 protected:
  static constexpr uint32_t kKeys = 300;

  void SetUp() override {
    Open();
    for (uint32_t i = 0; i < kKeys; ++i) {
      ASSERT_OK(db_->Put({}, KeyOf(3 + 8 * i), ValueOf(i, i % 10 == 0 ? 5000 : 100)));
    }
    ASSERT_OK(db_->CompactAll({}));
    Reopen();
    ASSERT_EQ(Cached(), 0u);
  }
  uint64_t Cached() { return db_->GetStats().memory.cache_bytes; }

  // Everything, by each way to read.
  void ReadAll(bool fill_cache) {
    const ReadOptions options{.fill_cache = fill_cache};
    std::vector<std::string> keys;
    for (uint32_t i = 0; i < kKeys; ++i) {
      keys.push_back(KeyOf(3 + 8 * i));
      PinnedValue value;
      ASSERT_OK(db_->Get(options, Keyspace(), keys.back(), &value));
      ASSERT_OK(db_->Contains(options, Keyspace(), keys.back()));
    }
    const std::vector<std::string_view> views(keys.begin(), keys.end());
    std::vector<PinnedValue> values(kKeys);
    for (const Status& status : db_->MultiGet(options, Keyspace(), views, values)) {
      ASSERT_OK(status);
    }
    const auto iterator = db_->NewIterator({.fill_cache = fill_cache});
    uint32_t seen = 0;
    for (iterator->SeekToFirst(); iterator->Valid(); iterator->Next()) ++seen;
    for (iterator->SeekToLast(); iterator->Valid(); iterator->Prev()) ++seen;
    ASSERT_OK(iterator->status());
    ASSERT_EQ(seen, 2 * kKeys);
  }
};

TEST_F(FillCache, WithoutItReadsLeaveTheCacheAsItWas) {
  for (int round = 0; round < 2; ++round) {
    ReadAll(false);
    const Stats stats = db_->GetStats();
    EXPECT_EQ(stats.memory.cache_bytes, 0u);
    EXPECT_EQ(stats.cache_hits, 0u);
    EXPECT_GT(stats.cache_misses, 0u);
  }
}

TEST_F(FillCache, WithItBlocksAreReadOnceAndUsedByThoseWithoutItToo) {
  ReadAll(true);
  const Stats filled = db_->GetStats();
  EXPECT_GT(filled.memory.cache_bytes, 0u);
  ReadAll(true);
  ReadAll(false);
  const Stats again = db_->GetStats();
  EXPECT_EQ(again.cache_misses, filled.cache_misses);
  EXPECT_GT(again.cache_hits, filled.cache_hits);
  EXPECT_EQ(again.memory.cache_bytes, filled.memory.cache_bytes);
}

}  // namespace
}  // namespace logwood::test
