// Bytes that must stay readable: the golden tables and the example on docs/format/table.md.
// LOGWOOD_REGENERATE=1 writes the golden files anew: only together with a new
// format version, format page and decision record.
#include <cstdlib>
#include <fstream>
#include <sstream>

#include "table/range_block.h"
#include "tests/support/hex_page.h"
#include "tests/support/written_by.h"
#include "tests/table/table_test_support.h"
#include "util/escape.h"

namespace logwood::testing {
namespace {

const std::string kSource = LOGWOOD_SOURCE_DIR;

std::string ReadWhole(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  EXPECT_TRUE(in.good()) << path;
  std::stringstream bytes;
  bytes << in.rdbuf();
  return bytes.str();
}

TestEntries GoldenEntries() {
  TestEntries entries = PlainEntries(200, 40);
  for (LogPos p = 1000; p < 1020; ++p) {
    entries.push_back({entries[50].key,
                       PackTrailer(p, p % 3 == 0 ? EntryKind::kDelete : EntryKind::kPut),
                       p % 3 == 0 ? "" : "version " + std::to_string(p)});
  }
  entries.push_back({"\x01", PackTrailer(0, EntryKind::kPut), "the empty key"});
  entries.push_back({std::string("\x01\0\0", 3), PackTrailer(1, EntryKind::kPut), "zeros"});
  entries.push_back({KeyspacePrefix(300) + "\xff\xff", PackTrailer(kPositionMax, EntryKind::kPut),
                     std::string(5000, 'L')});
  MakeUnique(&entries);
  return entries;
}

TableOptions GoldenOptions(Compression compression) {
  return {.block_bytes = 512, .compression = compression, .filter_bits_per_key = 10};
}

void ExpectHolds(const std::string& bytes, const TestEntries& entries) {
  BuiltTable table;
  *table.bytes = bytes;
  auto reader = table.Open();
  ASSERT_TRUE(reader.ok()) << reader.status().ToString();
  EXPECT_EQ((*reader)->id(), kTestId);
  auto it = (*reader)->NewIterator({});
  it->SeekToFirst();
  for (const TestEntry& e : entries) {
    ASSERT_TRUE(it->Valid() && Matches(*it, e));
    it->Next();
  }
  EXPECT_FALSE(it->Valid());
  EXPECT_TRUE((*reader)->Verify(nullptr, nullptr, nullptr).ok());
}

TEST(TableFormatTest, GoldenFilesStayReadable) {
  const TestEntries entries = GoldenEntries();
  for (const auto& [name, compression] :
       {std::pair{"table_v1.table", Compression::kNone},
        std::pair{"table_v1_snappy.table", Compression::kSnappy}}) {
    const std::string path = kSource + "/tests/testdata/golden/" + name;
    // The golden files do not say which release wrote them.
    const std::string now =
        test::WrittenBy(0, *BuildTable(entries, GoldenOptions(compression)).bytes);
    if (std::getenv("LOGWOOD_REGENERATE") != nullptr) {
      std::ofstream(path, std::ios::binary) << now;
    }
    const std::string golden = ReadWhole(path);
    ExpectHolds(golden, entries);
    // Snappy may pack otherwise in another release; what we lay out ourselves may not change.
    EXPECT_TRUE(compression == Compression::kSnappy || golden == now);
  }
}

// Over entries, between them and behind them; of one range two positions; from one keyspace to the
// next.
TestRanges GoldenRanges() {
  const std::string one = KeyspacePrefix(1), many = KeyspacePrefix(300);
  return {{one + "a", one + "c", 7},
          {one + "key00000010", one + "key00000050", 2000},
          {one + "key00000010", one + "key00000050", 90},
          {one + "key00000050", "\x02", 3000},
          {many, many + "q", kPositionMax}};
}

TEST(TableFormatTest, AGoldenTableWithRangeDeletesIsReadAndWrittenTheSame) {
  const TestEntries entries = GoldenEntries();
  const TestRanges ranges = GoldenRanges();
  const std::string path = kSource + "/tests/testdata/golden/table_v1_ranges.table";
  BuiltTable built = BuildTable(entries, GoldenOptions(Compression::kNone), kTestId, ranges);
  const std::string now = test::WrittenBy(0x000100, *built.bytes);
  if (std::getenv("LOGWOOD_REGENERATE") != nullptr) std::ofstream(path, std::ios::binary) << now;
  const std::string golden = ReadWhole(path);
  EXPECT_TRUE(golden == now) << "the bytes on disk changed: that needs a new format version";
  ExpectHolds(golden, entries);
  *built.bytes = golden;
  const auto reader = MustOpen(&built);
  ASSERT_NE(reader, nullptr);
  EXPECT_EQ(RangesIn(reader->range_deletes()), ranges);
}

TEST(TableFormatTest, TheExampleOfThePageIsATable) {
  const TestEntries entries = {{"\x01"
                                "apple",
                                PackTrailer(12, EntryKind::kPut), "red"},
                               {"\x01"
                                "apple",
                                PackTrailer(7, EntryKind::kDelete), ""},
                               {"\x01"
                                "apricot",
                                PackTrailer(9, EntryKind::kPut), "orange"}};
  const std::string bytes = test::HexOf("table");
  ExpectHolds(bytes, entries);
  BuiltTable built = BuildTable(entries, {.compression = Compression::kNone});
  EXPECT_EQ(ToHex(bytes), ToHex(test::WrittenBy(0x000100, *built.bytes)));
}

TEST(TableFormatTest, TheExampleOfTheRangeDeletesPageIsTheirBlock) {
  const std::string prefix = "\x01";
  RangeFragmentsBuilder fragments;
  ASSERT_TRUE(fragments.Add(prefix + "b", prefix + "d", 9));
  ASSERT_TRUE(fragments.Add(prefix + "b", prefix + "d", 5));
  ASSERT_TRUE(fragments.Add(prefix + "d", "\x02", 9));
  ByteBuffer block;
  AppendRangeBlock(*fragments.Finish(), &block);
  EXPECT_EQ(ToHex(test::HexOf("table_ranges")), ToHex(block.view()));
}

}  // namespace
}  // namespace logwood::testing
