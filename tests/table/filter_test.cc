#include "table/filter.h"

#include <cstring>

#include "tests/table/table_test_support.h"

namespace logwood::testing {
namespace {

Filter Load(std::string_view payload) {
  Filter filter(payload.size());
  payload.copy(filter.payload(), payload.size());
  EXPECT_TRUE(filter.Parse());
  return filter;
}

double FalsePositiveRate(uint32_t bits_per_key, uint64_t keys) {
  FilterBuilder builder(bits_per_key);
  for (uint64_t i = 0; i < keys; ++i) builder.Add(Hash64("key" + std::to_string(i)));
  ByteBuffer payload;
  builder.Finish(&payload);
  EXPECT_EQ(payload.size(), builder.PayloadBytes());
  const Filter filter = Load(payload.view());
  for (uint64_t i = 0; i < keys; ++i) {
    EXPECT_TRUE(filter.MayContain(Hash64("key" + std::to_string(i))));
  }
  constexpr int kProbes = 200'000;
  int passed = 0;
  for (int i = 0; i < kProbes; ++i) {
    if (filter.MayContain(Hash64("absent" + std::to_string(i)))) ++passed;
  }
  const double rate = static_cast<double>(passed) / kProbes;
  std::printf("%u bits a key, %llu keys: %.3f %% false positives\n", bits_per_key,
              static_cast<unsigned long long>(keys), 100 * rate);
  return rate;
}

TEST(FilterTest, TenBitsAKeyPassUnderOnePercent) {
  EXPECT_LT(FalsePositiveRate(10, 100'000), 0.01);
  EXPECT_LT(FalsePositiveRate(10, 1'000), 0.01);
}

TEST(FilterTest, RatesFallWithBits) {
  EXPECT_LT(FalsePositiveRate(4, 50'000), 0.16);
  EXPECT_LT(FalsePositiveRate(16, 50'000), 0.001);
  EXPECT_LT(FalsePositiveRate(32, 50'000), 0.0001);
}

TEST(FilterTest, WorksFromOneKeyUp) {
  for (uint64_t keys = 1; keys <= 200; ++keys) {
    FilterBuilder builder(10);
    for (uint64_t i = 0; i < keys; ++i) builder.Add(Hash64(std::to_string(i)));
    ByteBuffer payload;
    builder.Finish(&payload);
    const Filter filter = Load(payload.view());
    for (uint64_t i = 0; i < keys; ++i) ASSERT_TRUE(filter.MayContain(Hash64(std::to_string(i))));
  }
}

TEST(FilterTest, ImpossibleParametersAreRefused) {
  EXPECT_FALSE(Filter::PlausibleSize(8));
  EXPECT_FALSE(Filter::PlausibleSize(9));
  EXPECT_TRUE(Filter::PlausibleSize(72));
  for (const auto& [lines, probes] : {std::pair{0u, 6u}, {2u, 6u}, {1u, 0u}, {1u, 1000u}}) {
    Filter filter(72);
    std::memset(filter.payload(), 0, 72);
    std::memcpy(filter.payload(), &lines, 4);
    std::memcpy(filter.payload() + 4, &probes, 4);
    EXPECT_FALSE(filter.Parse());
  }
}

TEST(FilterTest, TablesWithoutFilterAnswerEverything) {
  const TestEntries entries = PlainEntries(100);
  BuiltTable table = BuildTable(entries, {.block_bytes = 256, .filter_bits_per_key = 0});
  TableCounters counters;
  auto reader = MustOpen(&table, nullptr, &counters);
  EXPECT_EQ(reader->properties().filter_bytes, 0u);
  for (const TestEntry& e : entries) {
    LookupResult result;
    ASSERT_TRUE(reader->Get(MakeLookup(e.key, kPositionMax), true, &result).ok());
    EXPECT_TRUE(result.finished);
  }
  EXPECT_EQ(counters.filter_checks, 0u);
}

TEST(FilterTest, CountersTellNegativesAndFalsePositives) {
  const TestEntries entries = PlainEntries(2000);
  BuiltTable table = BuildTable(entries, {});
  TableCounters counters;
  auto reader = MustOpen(&table, nullptr, &counters);
  for (int i = 0; i < 2000; ++i) {
    LookupResult result;
    const std::string key = "\x01key0000" + std::to_string(i) + "x";
    ASSERT_TRUE(reader->Get(MakeLookup(key, kPositionMax), true, &result).ok());
    EXPECT_FALSE(result.finished);
  }
  EXPECT_EQ(counters.filter_checks, 2000u);
  EXPECT_EQ(counters.filter_negatives + counters.filter_false_positives, 2000u);
  EXPECT_GT(counters.filter_negatives, 1900u);
  EXPECT_LE(counters.blocks_read, counters.filter_false_positives);  // the index spares some
}

// Versions of one key count once.
TEST(FilterTest, SizeFollowsKeysNotVersions) {
  TestEntries entries;
  for (LogPos p = 1; p <= 5000; ++p)
    entries.push_back({"\x01k", PackTrailer(p, EntryKind::kPut), ""});
  MakeUnique(&entries);
  BuiltTable table = BuildTable(entries, {});
  EXPECT_LT(MustOpen(&table)->properties().filter_bytes, 100u);
}

}  // namespace
}  // namespace logwood::testing
