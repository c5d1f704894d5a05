// Readers beside the one inserter. Run under ThreadSanitizer; also meaningful without.
#include <gtest/gtest.h>

#include <atomic>
#include <cstdio>
#include <string>
#include <thread>
#include <vector>

#include "memtable/memtable.h"
#include "tests/support/sanitizers.h"
#include "util/hash.h"
#include "util/random.h"

namespace logwood {
namespace {

constexpr uint64_t kInserts = test::kSanitized ? 30'000 : 300'000;

enum class Order { kRandom, kAscending, kDescending, kFewKeys };

// The key of position i: a bijection for the first three orders.
std::string KeyAt(Order order, uint64_t i) {
  uint64_t number = i;
  if (order == Order::kRandom) number = i * 0x9E3779B97F4A7C15ULL;
  if (order == Order::kDescending) number = ~i;
  if (order == Order::kFewKeys) number = i * 0x9E3779B97F4A7C15ULL >> 58;
  char key[48];
  std::snprintf(key, sizeof(key), "\x01some shared prefix/%020llu",
                static_cast<unsigned long long>(number));
  return key;
}

// Says which entry it belongs to and carries a checksum of itself.
std::string ValueAt(std::string_view key, LogPos position) {
  std::string value = std::to_string(position) + ":" + std::string(position % 97, 'v');
  const uint64_t sum = Hash64(value, Hash64(key));
  value.append(reinterpret_cast<const char*>(&sum), sizeof(sum));
  return value;
}

// Walks the whole memtable; all that was published before must be met, in order, intact.
void CheckScan(const Memtable& table, const std::atomic<uint64_t>& published, bool forward) {
  const uint64_t seen_at_least = published.load(std::memory_order_acquire);
  auto it = table.NewIterator();
  std::string last_key;
  uint64_t last_trailer = 0, met = 0;
  bool first = true;
  for (forward ? it->SeekToFirst() : it->SeekToLast(); it->Valid();
       forward ? it->Next() : it->Prev()) {
    const Entry& entry = it->entry();
    const int order = first ? -1
                            : CompareInternal(last_key, last_trailer, entry.key, entry.trailer) *
                                  (forward ? 1 : -1);
    ASSERT_LT(order, 0);
    ASSERT_EQ(entry.value, ValueAt(entry.key, entry.position()));
    met += entry.position() <= seen_at_least;
    last_key = entry.key;
    last_trailer = entry.trailer;
    first = false;
  }
  ASSERT_EQ(met, seen_at_least);
}

void CheckPoints(const Memtable& table, const std::atomic<uint64_t>& published, Order order,
                 Random& random) {
  PinnedValue value;
  auto it = table.NewIterator();
  for (int i = 0; i < 200; ++i) {
    const uint64_t count = published.load(std::memory_order_acquire);
    if (count == 0) continue;
    const LogPos position = 1 + random.Uniform(count);
    const std::string key = KeyAt(order, position);
    LookupResult result{.value = &value};
    ASSERT_TRUE(table.Get({key, 0, position}, &result));
    ASSERT_EQ(TrailerPosition(result.trailer), position);
    ASSERT_EQ(value.view(), ValueAt(key, position));
    it->Seek(key, SeekTrailer(position));
    ASSERT_TRUE(it->Valid());
    ASSERT_EQ(it->entry().key, key);
    ASSERT_EQ(it->entry().position(), position);
    it->SeekForPrev(key, PackTrailer(position, EntryKind::kDelete));
    ASSERT_TRUE(it->Valid());
    ASSERT_EQ(it->entry().key, key);
    ASSERT_EQ(it->entry().position(), position);
  }
}

class MemtableConcurrent : public testing::TestWithParam<Order> {};

TEST_P(MemtableConcurrent, ReadersSeeAllThatWasPublishedInOrderAndIntact) {
  const Order order = GetParam();
  auto table = std::make_shared<Memtable>();
  std::atomic<uint64_t> published{0};
  std::atomic<bool> failed{false};
  auto read = [&](uint64_t seed) {
    Random random(seed);
    bool last_round = false;
    while (!last_round && !failed.load()) {
      last_round = published.load(std::memory_order_acquire) == kInserts;
      if (random.OneIn(3)) {
        CheckScan(*table, published, random.OneIn(2));
      } else {
        CheckPoints(*table, published, order, random);
      }
      if (testing::Test::HasFatalFailure()) failed.store(true);
    }
  };
  std::vector<std::thread> readers;
  for (uint64_t seed = 1; seed <= 3; ++seed) readers.emplace_back(read, seed);
  for (LogPos position = 1; position <= kInserts; ++position) {
    const std::string key = KeyAt(order, position);
    table->Insert(key, PackTrailer(position, EntryKind::kPut), ValueAt(key, position));
    published.store(position, std::memory_order_release);
  }
  for (std::thread& reader : readers) reader.join();
}

INSTANTIATE_TEST_SUITE_P(Orders, MemtableConcurrent,
                         testing::Values(Order::kRandom, Order::kAscending, Order::kDescending,
                                         Order::kFewKeys));

}  // namespace
}  // namespace logwood
