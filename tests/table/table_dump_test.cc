#include "table/table_dump.h"

#include "tests/support/status_assert.h"
#include "tests/table/table_test_support.h"
#include "util/expiring_value.h"
#include "util/file_header.h"
#include "util/merge_value.h"

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

TEST(TableDumpTest, OfMergesBaseSinceAndOperandsAreShown) {
  const auto merge = [](const MergedOnto& base, LogPos since) {
    std::string value;
    AppendMergeBase(&value, base, since);
    AppendMergeOperand(&value, "a\n");
    AppendMergeOperand(&value, "longer");
    return value;
  };
  const uint64_t trailer = PackTrailer(9, EntryKind::kMerge);
  MergedOnto nothing, onto, expiring;
  nothing.kind = MergeBase::kNothing;
  onto = {.kind = MergeBase::kValue, .value = "v"};
  expiring = {.kind = MergeBase::kExpiring, .value = "v", .expires_us = 77};
  BuiltTable table = BuildTable({{"\x01"
                                  "1",
                                  trailer, merge({}, 0)},
                                 {"\x01"
                                  "2",
                                  trailer, merge({}, 4)},
                                 {"\x01"
                                  "3",
                                  trailer, merge(nothing, 0)},
                                 {"\x01"
                                  "4",
                                  trailer, merge(onto, 0)},
                                 {"\x01"
                                  "5",
                                  trailer, merge(expiring, 0)}},
                                {});
  auto reader = MustOpen(&table);
  TableDumpOptions options;
  options.value_bytes_max = 3;
  const auto dump = [&](const LineSink& line) {
    EXPECT_OK(DumpTableEntries(*reader, options, line));
  };
  const std::string operands = "a\\n, lon... (6 bytes)";
  EXPECT_EQ(Lines(dump), (std::vector<std::string>{
                             "1\t1\t9\tmerge\t" + operands, "1\t2\t9\tmerge\tsince 4: " + operands,
                             "1\t3\t9\tmerge\tonto nothing: " + operands,
                             "1\t4\t9\tmerge\tonto a value v: " + operands,
                             "1\t5\t9\tmerge\tonto a value until 77 v: " + operands}));
  options.format = TableDumpFormat::kJson;
  const auto json = Lines(dump);
  ASSERT_EQ(json.size(), 5u);
  const auto line = [](const std::string& key, const std::string& rest) {
    return R"({"keyspace":1,"key":")" + key + R"(","key_hex":"3)" + key +
           R"(","position":9,"kind":"merge",)" + rest + "}";
  };
  const std::string shown =
      R"("operands":[{"operand":"a\\n","operand_hex":"610a","operand_bytes":2},)"
      R"({"operand":"lon","operand_hex":"6c6f6e","operand_bytes":6}])";
  const std::string value = R"("base_value":"v","base_value_hex":"76","base_value_bytes":1,)";
  EXPECT_EQ(json[0], line("1", R"("base":"below",)" + shown));
  EXPECT_EQ(json[1], line("2", R"("base":"below","since":4,)" + shown));
  EXPECT_EQ(json[2], line("3", R"("base":"nothing",)" + shown));
  EXPECT_EQ(json[3], line("4", R"("base":"value",)" + value + shown));
  EXPECT_EQ(json[4], line("5", R"("base":"value that expires","expires_us":77,)" + value + shown));
}

TEST(TableDumpTest, OfPutsThatExpireTheTimeIsShown) {
  std::string value;
  AppendExpiring(&value, 1'700'000'000'000'000, "a\nlonger");
  BuiltTable table = BuildTable({{"\x01pear", PackTrailer(9, EntryKind::kPutExpiring), value},
                                 {"\x01plum", PackTrailer(4, EntryKind::kPut), "b"}},
                                {});
  auto reader = MustOpen(&table);
  TableDumpOptions options;
  options.value_bytes_max = 3;
  const auto dump = [&](const LineSink& line) {
    EXPECT_OK(DumpTableEntries(*reader, options, line));
  };
  EXPECT_EQ(Lines(dump), (std::vector<std::string>{"1\tpear\t9\tput expiring\tuntil "
                                                   "1700000000000000: a\\nl... (8 bytes)",
                                                   "1\tplum\t4\tput\tb"}));
  options.format = TableDumpFormat::kJson;
  EXPECT_EQ(Lines(dump).front(), R"({"keyspace":1,"key":"pear","key_hex":"70656172","position":9,)"
                                 R"("kind":"put expiring","expires_us":1700000000000000,)"
                                 R"("value":"a\\nl","value_hex":"610a6c","value_bytes":8})");
  const auto properties = Lines(
      [&](const LineSink& line) { DumpTableProperties(*reader, TableDumpFormat::kText, line); });
  EXPECT_NE(std::find(properties.begin(), properties.end(), "expiring: 1"), properties.end());
}

TEST(TableDumpTest, ABlockWithAMergeThatCannotBeReadIsRefusedWhereItLies) {
  for (const auto& [value, code] :
       {std::pair("\x02", StatusCode::kCorruption), std::pair("\x20\x01"
                                                              "a",
                                                              StatusCode::kNotSupported)}) {
    BuiltTable table = BuildTable({{"\x01"
                                    "6",
                                    PackTrailer(9, EntryKind::kMerge), value}},
                                  {});
    auto reader = MustOpen(&table);
    const Status refused = DumpTableEntries(*reader, {}, [](std::string_view) { return true; });
    EXPECT_EQ(refused.code(), code) << refused.ToString();
    EXPECT_NE(refused.message().find(".table:64: merge: its "), std::string_view::npos)
        << refused.ToString();
  }
}

TEST(TableDumpTest, RangeDeletesStandWhereTheyBegin) {
  BuiltTable ranges = BuildTable({{"\x01pear", PackTrailer(9, EntryKind::kPut), "green"},
                                  {"\x01plum", PackTrailer(5, EntryKind::kPut), "blue"}},
                                 {}, kTestId,
                                 {{"\x01"
                                   "a",
                                   "\x01"
                                   "c\n",
                                   4},
                                  {"\x01pear", "\x01pei", 9},
                                  {"\x01pear", "\x01pei", 2},
                                  {"\x01pz", "\x02", 6},
                                  {"\x02q", "\x02r", 8}});
  auto reader = MustOpen(&ranges);
  TableDumpOptions options;
  const auto dump = [&](const LineSink& line) {
    EXPECT_TRUE(DumpTableEntries(*reader, options, line).ok());
  };
  const std::vector<std::string> all = {"1\ta\t4\tdelete range\tto c\\n",
                                        "1\tpear\t9,2\tdelete range\tto pei",
                                        "1\tpear\t9\tput\tgreen",
                                        "1\tplum\t5\tput\tblue",
                                        "1\tpz\t6\tdelete range\tto the keyspace's end",
                                        "2\tq\t8\tdelete range\tto r"};
  EXPECT_EQ(Lines(dump), all);
  options.entries_max = 2;
  EXPECT_EQ(Lines(dump), (std::vector<std::string>{all[0], all[1]}));
  options.entries_max = 5;
  EXPECT_EQ(Lines(dump).size(), 5u);
  options.entries_max = ~uint64_t{0};
  options.begin = "\x01pearl";  // within a range
  options.end = "\x02";
  EXPECT_EQ(Lines(dump), (std::vector<std::string>{all[1], all[3], all[4]}));
  options.format = TableDumpFormat::kJson;
  const auto json = Lines(dump);
  ASSERT_EQ(json.size(), 3u);
  EXPECT_EQ(json[0], R"({"keyspace":1,"key":"pear","key_hex":"70656172","positions":[9,2],)"
                     R"("kind":"delete range","end":"pei","end_hex":"706569"})");
  EXPECT_EQ(json[2],
            R"({"keyspace":1,"key":"pz","key_hex":"707a","positions":[6],"kind":"delete range"})");
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
