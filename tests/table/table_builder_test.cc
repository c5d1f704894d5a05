#include "table/table_builder.h"

#include "tests/table/table_test_support.h"

namespace logwood::testing {
namespace {

TEST(TableBuilderTest, MetaTellsWhatIsInTheFile) {
  const TestEntries entries = {{"\x01"
                                "a",
                                PackTrailer(9, EntryKind::kPut), "value"},
                               {"\x01"
                                "a",
                                PackTrailer(0, EntryKind::kPut), ""},
                               {"\x01"
                                "b",
                                PackTrailer(4, EntryKind::kDelete), ""}};
  BuiltTable table = BuildTable(entries, {});
  const TableMeta& meta = table.meta;
  EXPECT_EQ(meta.number, 7u);
  EXPECT_EQ(meta.id, kTestId);
  EXPECT_EQ(meta.size, table.bytes->size());
  EXPECT_EQ(meta.hash, Hash64(*table.bytes));
  EXPECT_EQ(meta.begin,
            "\x01"
            "a");
  EXPECT_EQ(meta.end, std::string("\x01"
                                  "b\0",
                                  3));
  EXPECT_EQ(meta.min_position, 0u);
  EXPECT_EQ(meta.max_position, 9u);
  EXPECT_EQ(meta.entries, 3u);
  EXPECT_EQ(meta.tombstones, 1u);
  EXPECT_EQ(meta.raw_bytes, 11u);
  EXPECT_EQ(MustOpen(&table)->properties().keyspace_entries,
            (std::map<uint32_t, uint64_t>{{1, 3}}));
}

TEST(TableBuilderTest, KeyspacesAreCountedApart) {
  TestEntries entries;
  for (uint32_t keyspace : {0u, 1u, 239u, 240u, 500u, 64'000u}) {
    for (uint32_t i = 0; i <= keyspace % 7; ++i) {
      entries.push_back(
          {KeyspacePrefix(keyspace) + std::to_string(i), PackTrailer(1, EntryKind::kPut), ""});
    }
  }
  BuiltTable table = BuildTable(entries, {});
  std::map<uint32_t, uint64_t> expected;
  for (uint32_t keyspace : {0u, 1u, 239u, 240u, 500u, 64'000u}) {
    expected[keyspace] = keyspace % 7 + 1;
  }
  EXPECT_EQ(MustOpen(&table)->properties().keyspace_entries, expected);
}

TEST(TableBuilderTest, EntriesOutOfOrderStick) {
  std::string bytes;
  StringSink sink(&bytes);
  TableBuilder builder(&sink, {}, 1, kTestId);
  builder.Add("\x01m", PackTrailer(5, EntryKind::kPut), "");
  builder.Add("\x01m", PackTrailer(4, EntryKind::kPut), "");
  EXPECT_TRUE(builder.status().ok());
  builder.Add("\x01m", PackTrailer(4, EntryKind::kPut), "");
  EXPECT_TRUE(builder.status().Is(StatusCode::kCorruption));
  builder.Add("\x01z", PackTrailer(9, EntryKind::kPut), "");
  EXPECT_EQ(builder.entries(), 2u);
  EXPECT_TRUE(builder.Finish().status().Is(StatusCode::kCorruption));
}

TEST(TableBuilderTest, ATableWithoutEntriesIsRefused) {
  std::string bytes;
  StringSink sink(&bytes);
  TableBuilder builder(&sink, {}, 1, kTestId);
  EXPECT_TRUE(builder.Finish().status().Is(StatusCode::kInvalidArgument));
}

TEST(TableBuilderTest, WriteErrorsStick) {
  for (uint64_t room : {0u, 100'000u, 600'000u}) {
    std::string bytes;
    StringSink sink(&bytes);
    sink.fail_at = room;
    TableBuilder builder(&sink, {.compression = Compression::kNone}, 1, kTestId);
    for (const TestEntry& e : PlainEntries(10'000, 100)) builder.Add(e.key, e.trailer, e.value);
    EXPECT_TRUE(builder.Finish().status().Is(StatusCode::kNoSpace));
    EXPECT_LE(bytes.size(), room);
  }
}

TEST(TableBuilderTest, AppendsAreLargeAndEstimatesAreClose) {
  std::string bytes;
  StringSink sink(&bytes);
  TableBuilder builder(&sink, {.compression = Compression::kNone}, 1, kTestId);
  for (const TestEntry& e : PlainEntries(20'000, 100)) builder.Add(e.key, e.trailer, e.value);
  const uint64_t estimate = builder.estimated_bytes();
  EXPECT_LT(builder.memory_bytes(), 1u << 20);
  ASSERT_TRUE(builder.Finish().ok());
  EXPECT_LE(static_cast<uint64_t>(sink.appends), bytes.size() / (256 * 1024) + 1);
  EXPECT_NEAR(static_cast<double>(estimate), static_cast<double>(bytes.size()),
              0.02 * static_cast<double>(bytes.size()));
}

TEST(TableBuilderTest, SnappyIsUsedOnlyWhereItSaves) {
  Random random(1);
  TestEntries entries;
  for (int i = 0; i < 100; ++i) {
    entries.push_back({"\x01k" + std::to_string(1000 + i), PackTrailer(1, EntryKind::kPut),
                       RandomBytes(&random, 200)});
  }
  BuiltTable random_table = BuildTable(entries, {});
  const TableProperties p = MustOpen(&random_table)->properties();
  EXPECT_EQ(p.data_bytes, p.uncompressed_data_bytes + 9 * p.data_blocks);
  BuiltTable plain_table = BuildTable(PlainEntries(1000, 100), {});
  const TableProperties q = MustOpen(&plain_table)->properties();
  EXPECT_LT(q.data_bytes, q.uncompressed_data_bytes / 2);
}

TEST(TableBuilderTest, SameInputSameBytes) {
  Random random(9);
  const TestEntries entries = RandomEntries(&random, KeyShape::kPlain, 300);
  EXPECT_EQ(*BuildTable(entries, {}).bytes, *BuildTable(entries, {}).bytes);
}

TEST(TableBuilderTest, LargestKeyAndALargeValueFit) {
  TestEntries entries;
  entries.push_back({"\x01" + std::string(kKeyBytesMax, '\xff'),
                     PackTrailer(kPositionMax, EntryKind::kPut), std::string(8 << 20, 'v')});
  BuiltTable table = BuildTable(entries, {});
  auto reader = MustOpen(&table);
  PinnedValue value;
  LookupResult result;
  result.value = &value;
  ASSERT_TRUE(reader->Get(MakeLookup(entries[0].key, kPositionMax), true, &result).ok());
  EXPECT_EQ(value.view(), entries[0].value);
  EXPECT_TRUE(value.pinned());
}

}  // namespace
}  // namespace logwood::testing
