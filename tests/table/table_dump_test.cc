#include "table/table_dump.h"

#include "tests/table/table_test_support.h"
#include "util/file_header.h"

namespace logwood::testing {
namespace {

std::vector<std::string> Lines(const std::function<void(const LineSink&)>& dump) {
  std::vector<std::string> lines;
  dump([&](std::string_view line) {
    lines.emplace_back(line);
    return true;
  });
  return lines;
}

BuiltTable ThreeEntries() {
  return BuildTable({{"\x01pear", PackTrailer(9, EntryKind::kPut), "green\n"},
                     {"\x01pear", PackTrailer(4, EntryKind::kDelete), ""},
                     {"\x02plum", PackTrailer(7, EntryKind::kPut), std::string(300, 'x')}},
                    {});
}

TEST(TableDumpTest, EntriesAsTextAndJson) {
  BuiltTable table = ThreeEntries();
  auto reader = MustOpen(&table);
  TableDumpOptions options;
  options.value_bytes_max = 8;
  EXPECT_EQ(Lines([&](const LineSink& line) {
              EXPECT_TRUE(DumpTableEntries(*reader, options, line).ok());
            }),
            (std::vector<std::string>{"1\tpear\t9\tput\tgreen\\n", "1\tpear\t4\tdelete\t",
                                      "2\tplum\t7\tput\txxxxxxxx... (300 bytes)"}));
  options.format = TableDumpFormat::kJson;
  options.begin = "\x02";
  options.value_bytes_max = 1;
  EXPECT_EQ(Lines([&](const LineSink& line) {
              EXPECT_TRUE(DumpTableEntries(*reader, options, line).ok());
            }),
            (std::vector<std::string>{
                R"({"keyspace":2,"key":"plum","key_hex":"706c756d","position":7,"kind":"put",)"
                R"("value":"x","value_hex":"78","value_bytes":300})"}));
}

TEST(TableDumpTest, BoundsAndLimitsEndTheDump) {
  BuiltTable table = BuildTable(PlainEntries(100), {.block_bytes = 256});
  auto reader = MustOpen(&table);
  TableDumpOptions options;
  options.begin = "\x01key00000010";
  options.end = "\x01key00000020";
  auto dump = [&](const LineSink& line) {
    EXPECT_TRUE(DumpTableEntries(*reader, options, line).ok());
  };
  EXPECT_EQ(Lines(dump).size(), 10u);
  options.entries_max = 3;
  EXPECT_EQ(Lines(dump).size(), 3u);
}

TEST(TableDumpTest, PropertiesNameEverything) {
  BuiltTable table = ThreeEntries();
  auto reader = MustOpen(&table);
  const auto text = Lines(
      [&](const LineSink& line) { DumpTableProperties(*reader, TableDumpFormat::kText, line); });
  for (const char* wanted : {"path: 000007.table", "entries: 3", "tombstones: 1", "min_position: 4",
                             "smallest_key: \\x01pear", "compression: snappy",
                             "keyspace 1: 2 entries", "keyspace 2: 1 entries"}) {
    EXPECT_NE(std::find(text.begin(), text.end(), wanted), text.end()) << wanted;
  }
  const auto json = Lines(
      [&](const LineSink& line) { DumpTableProperties(*reader, TableDumpFormat::kJson, line); });
  ASSERT_EQ(json.size(), 1u);
  EXPECT_NE(json[0].find(R"("keyspace_entries":{"1":2,"2":1}})"), std::string::npos) << json[0];
}

TEST(TableDumpTest, DamageEndsTheDumpWithItsError) {
  BuiltTable table = BuildTable(PlainEntries(100), {.block_bytes = 256});
  auto reader = MustOpen(&table);
  (*table.bytes)[kFileHeaderBytes + 1500] ^= 1;
  size_t lines = 0;
  Status status = DumpTableEntries(*reader, {}, [&](std::string_view) { return ++lines > 0; });
  EXPECT_TRUE(status.Is(StatusCode::kCorruption));
  EXPECT_GT(lines, 0u);
  EXPECT_LT(lines, 100u);
}

}  // namespace
}  // namespace logwood::testing
