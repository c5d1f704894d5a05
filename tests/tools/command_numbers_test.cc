// Keyspaces whose values are numbers: shown and typed in decimal, their bytes on request.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>

#include "tests/tools/command_runner.h"
#include "tools/numbers.h"

namespace logwood::tools {
namespace {

using nlohmann::json;

class Numbers : public testing::Test {
 protected:
  std::string Out(const std::string& arguments) const { return runner_.Run(arguments).out; }

  CommandRunner runner_;
};

TEST_F(Numbers, OfEachOperatorAreShownInDecimal) {
  for (const std::string name : {"add_int64", "add_int64_wrapping", "min_int64", "max_int64"}) {
    EXPECT_EQ(runner_.Run("merge db -k " + name + " k -7 --operator " + name).status, 0);
    EXPECT_EQ(Out("scan db -k " + name), "k\t-7\n") << name;
  }
  // Values of others may have 8 bytes all the same.
  for (const std::string name : {"max_bytes", "append"}) {
    runner_.Run("merge db -k " + name + " k 12345678 --operator " + name);
    EXPECT_EQ(Out("get db k -k " + name), "12345678\n") << name;
    EXPECT_EQ(runner_.Run("put db -k " + name + " other text").status, 0) << name;
  }
  runner_.Run("put db k 12345678");
  EXPECT_EQ(Out("get db k"), "12345678\n");
}

TEST_F(Numbers, ComeInEveryOtherFormatAsTheirBytes) {
  runner_.Run("merge db -k n k 515 --operator add_int64");
  EXPECT_EQ(Out("get db k -k n --format auto"), "515\n");
  EXPECT_EQ(Out("get db k -k n --format escape"), "\\x03\\x02\\x00\\x00\\x00\\x00\\x00\\x00\n");
  EXPECT_EQ(Out("get db k -k n --format hex"), "0302000000000000\n");
  EXPECT_EQ(Out("get db k -k n --format base64"), "AwIAAAAAAAA=\n");
  EXPECT_EQ(runner_.Shell("logwood get db k -k n --format raw | od -An -td8 | tr -d ' '").out,
            "515\n");
  EXPECT_EQ(Out("scan db -k n --format hex"), "6b\t0302000000000000\n");
  EXPECT_EQ(Out("scan db -k n --keys-only"), "k\n");
  EXPECT_EQ(Out("export db -k n"), "k\t\\x03\\x02\\x00\\x00\\x00\\x00\\x00\\x00\n");
}

TEST_F(Numbers, AreInJsonBesideTheBytes) {
  runner_.Run("merge db -k n k 5 --operator add_int64");
  const std::string line =
      "{\"key\":\"k\",\"value\":\"\\u0005\\u0000\\u0000\\u0000\\u0000\\u0000\\u0000\\u0000\","
      "\"number\":5}\n";
  EXPECT_EQ(Out("get db k -k n --json"), line);
  EXPECT_EQ(Out("scan db -k n --json"), line);
  EXPECT_EQ(Out("scan db -k n --json --keys-only"), "{\"key\":\"k\"}\n");
  EXPECT_EQ(Out("export db -k n --format jsonl").find("number"), std::string::npos);
  // The least there is, whose bytes are not UTF-8.
  runner_.Run("put db k -k n -- -9223372036854775808");
  EXPECT_EQ(Out("get db k -k n --json"),
            "{\"key\":\"k\",\"value_base64\":\"AAAAAAAAAIA=\",\"number\":-9223372036854775808}\n");
}

TEST_F(Numbers, AreTypedAsTheyAreShown) {
  runner_.Run("merge db -k n k 5 --operator add_int64");
  EXPECT_EQ(runner_.Run("put db k 40 -k n").status, 0);
  runner_.Run("merge db -k n k 2");
  EXPECT_EQ(Out("get db k -k n"), "42\n");
  EXPECT_EQ(runner_.Run("put db k 7 --if 41 -k n").status, 4);
  EXPECT_EQ(runner_.Run("put db k 7 --if 42 -k n").status, 0);
  EXPECT_EQ(runner_.Run("put db k 8 --if-absent -k n").status, 4);
  EXPECT_EQ(runner_.Run("delete db k --if 8 -k n").status, 4);
  EXPECT_EQ(runner_.Run("delete db k --if 0700000000000000 --value-format hex -k n").status, 0);
  for (const std::string arguments :
       {"put db k seven -k n", "put db k 7.5 -k n", "put db k '' -k n", "put db k 7 --if x -k n",
        "put db k 9223372036854775808 -k n", "delete db k --if x -k n"}) {
    const Ran ran = runner_.Run(arguments);
    EXPECT_EQ(ran.status, 2) << arguments;
    EXPECT_NE(ran.err.find("; this keyspace holds whole numbers of 64 bits, such as 5 or -3; "
                           "--value-format escape takes bytes\n"),
              std::string::npos)
        << ran.err;
  }
  EXPECT_EQ(runner_.Run("get db k -k n").status, 1) << "nothing of these was written";
}

// What somebody put all the same is not taken for a number.
TEST_F(Numbers, OtherBytesAreShownAsBytes) {
  runner_.Run("merge db -k n k 5 --operator add_int64");
  EXPECT_EQ(runner_.Shell("printf 'other\\t17\\nfile\\t12\\n' | logwood load db - -k n").status, 0);
  EXPECT_EQ(Out("scan db -k n"), "file\t\\x31\\x32\nk\t5\nother\t\\x31\\x37\n");
  EXPECT_EQ(Out("get db other -k n"), "\\x31\\x37\n");
  EXPECT_EQ(Out("get db other -k n --json"), "{\"key\":\"other\",\"value\":\"17\"}\n");
}

TEST_F(Numbers, OfAScanAreNotLoadedWithoutAWarning) {
  runner_.Run("merge db -k n k 5 --operator add_int64");
  const std::string said =
      ": no number, and the keyspace's values are; `logwood export` writes what load reads, "
      "`logwood scan` shows it\n";
  const Ran whole =
      runner_.Shell("logwood export db -k n -q out.tsv; logwood load db out.tsv -k n");
  EXPECT_EQ(whole.status, 0);
  EXPECT_EQ(whole.err, "");
  EXPECT_EQ(Out("get db k -k n"), "5\n");
  runner_.Write("in", "a\t12345678\nb\t5\nc\t6\n");
  EXPECT_EQ(runner_.Run("load db in -k n").err, "logwood: warning: in:2" + said);
  EXPECT_EQ(runner_.Run("load db in -k n -q").err, "");
  EXPECT_EQ(runner_.Run("load db in").err, "") << "of default anything is";
  runner_.Write("all", "n\ta\t12345678\ndefault\tc\t5\nn\td\t5\n");
  EXPECT_EQ(runner_.Run("load db all --all-keyspaces").err, "logwood: warning: all:3" + said);
}

TEST_F(Numbers, GoFromDecimalToBytesAndBack) {
  for (const std::string text : {"0", "-1", "9223372036854775807", "-9223372036854775808"}) {
    const auto bytes = EncodeNumber("VALUE", text);
    ASSERT_TRUE(bytes.has_value());
    std::string shown = "before ";
    AppendNumber(*bytes, &shown);
    EXPECT_EQ(shown, "before " + text);
  }
  std::string shown;
  AppendNumber("", &shown);
  EXPECT_EQ(shown, "");
  AppendNumber("\xff 9 bytes.", &shown);
  EXPECT_EQ(shown, "\\xff\\x20\\x39\\x20\\x62\\x79\\x74\\x65\\x73\\x2e");
}

}  // namespace
}  // namespace logwood::tools
