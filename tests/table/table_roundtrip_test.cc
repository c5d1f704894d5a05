// Random tables against a sorted vector: every access path, many shapes of keys and blocks.
#include "tests/table/table_test_support.h"

namespace logwood::testing {
namespace {

class RoundTrip : public ::testing::TestWithParam<std::tuple<uint32_t, Compression, KeyShape>> {
 protected:
  TableOptions Options() const {
    TableOptions options;
    options.block_bytes = std::get<0>(GetParam());
    options.compression = std::get<1>(GetParam());
    return options;
  }
  KeyShape Shape() const { return std::get<2>(GetParam()); }
  int Count() const { return Shape() == KeyShape::kLong ? 60 : 700; }
};

void ExpectGets(const TableReader& reader, const TestEntries& entries, Random* random) {
  PinnedValue value;
  for (int i = 0; i < 400; ++i) {
    TestEntry wanted = entries[random->Uniform(entries.size())];
    if (random->OneIn(4)) wanted.key += '\0';
    if (random->OneIn(4)) wanted.key = NastyKey(random, 6);
    LogPos position = TrailerPosition(wanted.trailer) + 1 - random->Uniform(3);
    LookupResult result;
    result.value = &value;
    ASSERT_TRUE(reader.Get(MakeLookup(wanted.key, position), true, &result).ok());
    auto expected = std::lower_bound(entries.begin(), entries.end(),
                                     TestEntry{wanted.key, SeekTrailer(position), ""});
    const bool found = expected != entries.end() && expected->key == wanted.key;
    ASSERT_EQ(result.finished, found);
    if (!found) continue;
    ASSERT_EQ(result.trailer, expected->trailer);
    ASSERT_EQ(value.view(), expected->value);
    ASSERT_EQ(value.pinned(), value.size() >= kPinnedBytesMin);
  }
}

void ExpectWalks(const TableReader& reader, const TestEntries& entries,
                 const TableScanOptions& options) {
  auto it = reader.NewIterator(options);
  size_t seen = 0;
  for (it->SeekToFirst(); it->Valid(); it->Next()) {
    ASSERT_LT(seen, entries.size());
    ASSERT_TRUE(Matches(*it, entries[seen++]));
  }
  ASSERT_TRUE(it->status().ok()) << it->status().ToString();
  ASSERT_EQ(seen, entries.size());
  for (it->SeekToLast(); it->Valid(); it->Prev()) ASSERT_TRUE(Matches(*it, entries[--seen]));
  ASSERT_TRUE(it->status().ok());
  ASSERT_EQ(seen, 0u);
}

// A random walk with seeks both ways and changes of direction.
void ExpectRandomWalk(const TableReader& reader, const TestEntries& entries,
                      const TableScanOptions& options, Random* random) {
  auto it = reader.NewIterator(options);
  const auto n = static_cast<int64_t>(entries.size());
  int64_t at = -1;
  for (int step = 0; step < 1500; ++step) {
    if (at < 0 || at >= n || random->OneIn(6)) {
      TestEntry target = entries[random->Uniform(entries.size())];
      if (random->OneIn(3)) target.trailer += 1 - random->Uniform(3);
      if (random->OneIn(3)) target.key += '\0';
      if (random->OneIn(8)) target.key = NastyKey(random, 5);
      const auto lower = std::lower_bound(entries.begin(), entries.end(), target);
      if (random->OneIn(2)) {
        it->Seek(target.key, target.trailer);
        at = lower - entries.begin();
      } else {
        it->SeekForPrev(target.key, target.trailer);
        at = std::upper_bound(entries.begin(), entries.end(), target) - entries.begin() - 1;
      }
    } else if (random->OneIn(2)) {
      it->Next();
      ++at;
    } else {
      it->Prev();
      --at;
    }
    ASSERT_TRUE(it->status().ok());
    ASSERT_TRUE(StandsAt(*it, entries, at));
  }
}

TEST_P(RoundTrip, AllPathsAgreeWithASortedVector) {
  for (uint64_t seed = 1; seed <= 2; ++seed) {
    SCOPED_TRACE(seed);
    Random random(seed);
    const TestEntries entries = RandomEntries(&random, Shape(), Count());
    BuiltTable table = BuildTable(entries, Options());
    auto reader = MustOpen(&table);
    ASSERT_NE(reader, nullptr);
    EXPECT_EQ(reader->properties().entries, entries.size());
    Status verified = reader->Verify(&table.meta, nullptr, nullptr);
    ASSERT_TRUE(verified.ok()) << verified.ToString();
    ExpectGets(*reader, entries, &random);
    BlockCache cache(1 << 20);
    auto cached = MustOpen(&table, &cache);
    ExpectGets(*cached, entries, &random);
    ExpectRandomWalk(*cached, entries, {}, &random);
    for (uint32_t readahead : {0u, 1u, 10'000u, 1u << 20}) {
      TableScanOptions options;
      options.readahead_bytes = readahead;
      ExpectWalks(*reader, entries, options);
      ExpectRandomWalk(*reader, entries, options, &random);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(
    Shapes, RoundTrip,
    ::testing::Combine(::testing::Values(256u, 1000u, 4096u, 65536u),
                       ::testing::Values(Compression::kNone, Compression::kSnappy),
                       ::testing::Values(KeyShape::kPlain, KeyShape::kNasty, KeyShape::kRuns,
                                         KeyShape::kVersions, KeyShape::kLong)));

TEST(TableRoundTrip, EverySeekPositionOfASmallTable) {
  const TestEntries entries = PlainEntries(120);
  TableOptions options;
  options.block_bytes = 256;
  BuiltTable table = BuildTable(entries, options);
  auto reader = MustOpen(&table);
  ASSERT_GT(reader->properties().data_blocks, 10u);
  auto it = reader->NewIterator({});
  for (size_t i = 0; i < entries.size(); ++i) {
    const TestEntry& e = entries[i];
    it->Seek(e.key, e.trailer);
    ASSERT_TRUE(it->Valid() && Matches(*it, e));
    it->SeekForPrev(e.key, e.trailer);
    ASSERT_TRUE(it->Valid() && Matches(*it, e));
    it->Seek(e.key, e.trailer - 1);  // behind it
    ASSERT_TRUE(StandsAt(*it, entries, static_cast<int64_t>(i) + 1));
    it->SeekForPrev(e.key, e.trailer + 1);  // before it
    ASSERT_TRUE(StandsAt(*it, entries, static_cast<int64_t>(i) - 1));
  }
}

TEST(TableRoundTrip, PositionOverrideAppliesToReadsAndIterators) {
  TestEntries entries = PlainEntries(50);
  BuiltTable table = BuildTable(entries, {.block_bytes = 256});
  table.meta.position_override = 77;
  auto reader = MustOpen(&table);
  for (TestEntry& e : entries) {
    LookupResult result;
    ASSERT_TRUE(reader->Get(MakeLookup(e.key, 76), true, &result).ok());
    EXPECT_FALSE(result.finished);
    ASSERT_TRUE(reader->Get(MakeLookup(e.key, 77), true, &result).ok());
    EXPECT_TRUE(result.finished);
    e.trailer = PackTrailer(77, EntryKind::kPut);
    EXPECT_EQ(result.trailer, e.trailer);
  }
  Random random(3);
  ExpectWalks(*reader, entries, {});
  ExpectRandomWalk(*reader, entries, {}, &random);
}

TEST(TableRoundTrip, ValueOwnerOutlivesIteratorAndReader) {
  const TestEntries entries = PlainEntries(10, 5000);
  std::shared_ptr<const void> owner;
  std::string_view value;
  {
    BuiltTable table = BuildTable(entries, {});
    auto reader = MustOpen(&table);
    auto it = reader->NewIterator({});
    it->SeekToFirst();
    value = it->entry().value;
    owner = it->value_owner();
  }
  ASSERT_NE(owner, nullptr);
  EXPECT_EQ(value, entries[0].value);
}

TEST(TableRoundTrip, IteratorKeepsTheReaderAlive) {
  const TestEntries entries = PlainEntries(100);
  BuiltTable table = BuildTable(entries, {.block_bytes = 256});
  auto it = MustOpen(&table)->NewIterator({});
  size_t seen = 0;
  for (it->SeekToFirst(); it->Valid(); it->Next()) ++seen;
  EXPECT_EQ(seen, entries.size());
}

TEST(TableRoundTrip, ApproximateOffsetRisesWithTheKey) {
  const TestEntries entries = PlainEntries(1000);
  BuiltTable table = BuildTable(entries, {.block_bytes = 256});
  auto reader = MustOpen(&table);
  uint64_t last = reader->ApproximateOffset("");
  EXPECT_EQ(last, 64u);
  for (const TestEntry& e : entries) {
    const uint64_t offset = reader->ApproximateOffset(e.key);
    EXPECT_GE(offset, last);
    last = offset;
  }
  EXPECT_EQ(reader->ApproximateOffset("\xff"), 64 + reader->properties().data_bytes);
}

}  // namespace
}  // namespace logwood::testing
