// HeldMemtables: what readers still hold of the flushed memtables counts, until nobody does.
#include "db/held_memtables.h"

#include <gtest/gtest.h>

#include <thread>

namespace logwood {
namespace {

std::shared_ptr<const Memtable> MemtableOf(size_t bytes) {
  auto memtable = std::make_shared<Memtable>();
  memtable->Insert("\x01k", PackTrailer(1, EntryKind::kPut), std::string(bytes, 'v'));
  return memtable;
}

class HeldMemtablesTest : public testing::Test {
 protected:
  BlockCache cache_{64 << 20};
  HeldMemtables held_{&cache_};
};

TEST_F(HeldMemtablesTest, CountWhileSomebodyHoldsThem) {
  auto small = MemtableOf(10'000), large = MemtableOf(300'000);
  const uint64_t small_bytes = small->bytes_used(), large_bytes = large->bytes_used();
  held_.Add(small);
  held_.Add(large);
  EXPECT_EQ(held_.bytes(), small_bytes + large_bytes);
  const auto reader = large;
  large.reset();
  held_.Recount();
  EXPECT_EQ(held_.bytes(), small_bytes + large_bytes) << "one reader is enough";
  small.reset();
  held_.Recount();
  EXPECT_EQ(held_.bytes(), large_bytes);
}

TEST_F(HeldMemtablesTest, AreNotKeptAlive) {
  auto memtable = MemtableOf(10'000);
  const std::weak_ptr<const Memtable> watch = memtable;
  held_.Add(memtable);
  memtable.reset();
  EXPECT_TRUE(watch.expired());
}

TEST_F(HeldMemtablesTest, TheCacheGivesUpAsMuchRoomAndGetsItBack) {
  cache_.AdjustReserved(5000);
  auto memtable = MemtableOf(200'000);
  held_.Add(memtable);
  EXPECT_EQ(cache_.charged_bytes(), 5000 + memtable->bytes_used());
  held_.Recount();
  EXPECT_EQ(cache_.charged_bytes(), 5000 + memtable->bytes_used()) << "charged once";
  memtable.reset();
  held_.Recount();
  held_.Recount();
  EXPECT_EQ(cache_.charged_bytes(), 5000u);
  EXPECT_EQ(held_.bytes(), 0u);
}

// Without a Recount of their own: databases that flush again and again collect nothing.
TEST_F(HeldMemtablesTest, ThoseThatAreGoneMakeRoomForTheNext) {
  uint64_t one = 0;
  for (int i = 0; i < 20; ++i) {
    auto memtable = MemtableOf(100'000);
    one = memtable->bytes_used();
    held_.Add(memtable);
    ASSERT_EQ(held_.bytes(), one);
  }
  EXPECT_EQ(cache_.charged_bytes(), one);
}

TEST_F(HeldMemtablesTest, ConcurrentAdditionsAndRecountsEndWithNothingCharged) {
  std::vector<std::thread> threads;
  for (int t = 0; t < 3; ++t) {
    threads.emplace_back([this] {
      for (int i = 0; i < 300; ++i) {
        auto memtable = MemtableOf(5000);
        held_.Add(memtable);
        ASSERT_GE(held_.bytes(), memtable->bytes_used());
        memtable.reset();
        held_.Recount();
      }
    });
  }
  for (auto& thread : threads) thread.join();
  held_.Recount();
  EXPECT_EQ(held_.bytes(), 0u);
  EXPECT_EQ(cache_.charged_bytes(), 0u);
}

}  // namespace
}  // namespace logwood
