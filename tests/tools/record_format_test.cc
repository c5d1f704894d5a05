#include "tools/record_format.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "util/escape.h"

namespace logwood::tools {
namespace {

// Line as it comes from a file: without its newline.
std::string LineOf(RecordFormat format, std::string_view key, std::string_view value) {
  std::string line;
  AppendRecord(format, {.key = key, .value = value}, &line);
  EXPECT_EQ(line.find('\n'), line.size() - 1);
  line.pop_back();
  return line;
}

std::string ErrorOf(RecordFormat format, std::string line,
                    RecordParser::Keyspaces keyspaces = RecordParser::Keyspaces::kNotNamed) {
  RecordParser parser(format, keyspaces);
  EXPECT_FALSE(parser.Parse(line)) << line;
  return parser.error();
}

class RecordFormats : public testing::TestWithParam<RecordFormat> {};

TEST_P(RecordFormats, EveryPairOfBytesComesBackAsKeyAndAsValue) {
  RecordParser parser(GetParam());
  for (int pair = 0; pair < 65536; ++pair) {
    const std::string bytes = {static_cast<char>(pair >> 8), static_cast<char>(pair)};
    const std::string reversed(bytes.rbegin(), bytes.rend());
    std::string line = LineOf(GetParam(), bytes, reversed);
    ASSERT_TRUE(parser.Parse(line)) << line << ": " << parser.error();
    ASSERT_EQ(parser.key(), bytes) << line;
    ASSERT_EQ(parser.value(), reversed) << line;
  }
}

TEST_P(RecordFormats, EmptyKeysAndValuesComeBack) {
  RecordParser parser(GetParam());
  for (const auto& [key, value] : std::vector<std::pair<std::string, std::string>>{
           {"", "v"}, {"k", ""}, {"", ""}, {"k", "v"}}) {
    std::string line = LineOf(GetParam(), key, value);
    ASSERT_TRUE(parser.Parse(line)) << parser.error();
    EXPECT_EQ(parser.key(), key);
    EXPECT_EQ(parser.value(), value);
  }
}

TEST_P(RecordFormats, EveryKeyspaceNameComesBack) {
  RecordParser parser(GetParam(), RecordParser::Keyspaces::kNamed);
  for (int pair = 0; pair < 65536; ++pair) {
    const std::string name = {static_cast<char>(pair >> 8), static_cast<char>(pair)};
    std::string line;
    AppendRecord(GetParam(), {.keyspace = name, .key = "k\xff", .value = ""}, &line);
    line.pop_back();
    ASSERT_TRUE(parser.Parse(line)) << line << ": " << parser.error();
    ASSERT_EQ(parser.keyspace(), name) << line;
    ASSERT_EQ(parser.key(), "k\xff") << line;
    ASSERT_EQ(parser.value(), "") << line;
  }
}

TEST_P(RecordFormats, ALineNamesItsKeyspaceOnlyWhereThatIsAskedFor) {
  std::string with, without;
  AppendRecord(GetParam(), {.keyspace = "photos", .key = "k", .value = "v"}, &with);
  with.pop_back();
  AppendRecord(GetParam(), {.key = "k", .value = "v"}, &without);
  without.pop_back();
  EXPECT_NE(ErrorOf(GetParam(), with).find("--all-keyspaces"), std::string::npos);
  EXPECT_NE(ErrorOf(GetParam(), without, RecordParser::Keyspaces::kNamed), "");
}

TEST_P(RecordFormats, AnEmptyLineIsNoRecord) {
  EXPECT_EQ(ErrorOf(GetParam(), ""), "the line is empty");
}

TEST_P(RecordFormats, AGoodLineAfterABadOneIsRead) {
  RecordParser parser(GetParam());
  std::string bad = "nonsense";
  EXPECT_FALSE(parser.Parse(bad));
  std::string line = LineOf(GetParam(), "k", "v");
  ASSERT_TRUE(parser.Parse(line));
  EXPECT_EQ(parser.key(), "k");
  EXPECT_EQ(parser.error(), "");
}

INSTANTIATE_TEST_SUITE_P(, RecordFormats,
                         testing::Values(RecordFormat::kTsv, RecordFormat::kJsonLines),
                         [](const auto& format) {
                           return format.param == RecordFormat::kTsv ? "Tsv" : "JsonLines";
                         });

TEST(Tsv, SaysWhatIsWrongWithALine) {
  EXPECT_EQ(ErrorOf(RecordFormat::kTsv, "no separator"), "no tab between key and value");
  EXPECT_NE(ErrorOf(RecordFormat::kTsv, "a\tb\tc").find("more than one tab"), std::string::npos);
  EXPECT_NE(ErrorOf(RecordFormat::kTsv, "a\\q\tb").find("the key holds an unknown escape"),
            std::string::npos);
  EXPECT_NE(ErrorOf(RecordFormat::kTsv, "a\tb\\").find("the value holds an unknown escape"),
            std::string::npos);
  EXPECT_NE(ErrorOf(RecordFormat::kTsv, "a\t\\x4").find("unknown escape"), std::string::npos);
}

TEST(Tsv, TakesBytesThatNeedNoEscapeAsTheyAre) {
  RecordParser parser(RecordFormat::kTsv);
  std::string line = "caf\xc3\xa9\t\r \x01";
  ASSERT_TRUE(parser.Parse(line));
  EXPECT_EQ(parser.key(), "caf\xc3\xa9");
  EXPECT_EQ(parser.value(), "\r \x01");
}

TEST(JsonLines, BytesThatAreNotUtf8GoIntoBase64) {
  EXPECT_EQ(LineOf(RecordFormat::kJsonLines, "k\xff", "caf\xc3\xa9\n"),
            "{\"key_base64\":\"a/8=\",\"value\":\"caf\xc3\xa9\\n\"}");
}

TEST(JsonLines, TakesMembersInAnyOrderAndSpace) {
  RecordParser parser(RecordFormat::kJsonLines);
  std::string line = " { \"value\" : \"\\u00e9\" , \"key_base64\" : \"a/8=\" }\r";
  ASSERT_TRUE(parser.Parse(line));
  EXPECT_EQ(parser.key(), "k\xff");
  EXPECT_EQ(parser.value(), "\xc3\xa9");
}

TEST(JsonLines, SaysWhatIsWrongWithALine) {
  const auto error = [](const char* line) { return ErrorOf(RecordFormat::kJsonLines, line); };
  EXPECT_EQ(error("[1]"), "not a JSON object");
  EXPECT_EQ(error("\"text\""), "not a JSON object");
  EXPECT_EQ(error("{\"key\":\"k\"}"), "no \"value\" (or \"value_base64\")");
  EXPECT_EQ(error("{\"value\":\"v\"}"), "no \"key\" (or \"key_base64\")");
  EXPECT_EQ(error("{\"key\":\"k\",\"value\":1}"), "the value is not a string");
  EXPECT_EQ(error("{\"key\":null,\"value\":\"v\"}"), "the key is not a string");
  EXPECT_EQ(error("{\"key\":\"k\",\"value\":{\"a\":1}}"), "the value is not a string");
  EXPECT_EQ(error("{\"key\":\"k\",\"ttl\":1}"), "unknown member \"ttl\"");
  EXPECT_EQ(error("{\"key\":\"k\",\"key_base64\":\"\"}"), "two members give the key");
  EXPECT_EQ(error("{\"key_base64\":\"?\"}"), "key_base64 is not padded base64");
  EXPECT_EQ(error("{\"key\":\"k\",").substr(0, 8), "not JSON");
  EXPECT_EQ(error("{\"key\":\"k\",\"value\":\"v\"} x").substr(0, 8), "not JSON");
  EXPECT_EQ(error("{\"key\":\"\xff\",\"value\":\"v\"}").substr(0, 8), "not JSON");
}

TEST(RecordFormatOfFile, IsJsonLinesByTheEndingElseTsv) {
  EXPECT_EQ(RecordFormatOf("a.jsonl"), RecordFormat::kJsonLines);
  EXPECT_EQ(RecordFormatOf("a.ndjson"), RecordFormat::kJsonLines);
  EXPECT_EQ(RecordFormatOf("a.tsv"), RecordFormat::kTsv);
  EXPECT_EQ(RecordFormatOf("-"), RecordFormat::kTsv);
}

TEST(RecordFormat, NoRecordIsLongerThanItsLongestLine) {
  const std::string key(3, '\x01'), value(1000, '\x02');
  for (const RecordFormat format : {RecordFormat::kTsv, RecordFormat::kJsonLines}) {
    std::string line;
    AppendRecord(format, {.key = key, .value = value}, &line);
    EXPECT_LE(line.size(), LineBytesMax(format, key.size() + value.size()));
  }
}

}  // namespace
}  // namespace logwood::tools
