// --ttl of put and load, and what other commands make of records that expire.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>

#include "logwood/db.h"
#include "tests/support/status_assert.h"
#include "tests/tools/command_runner.h"
#include "tools/command_options.h"

namespace logwood::tools {
namespace {

using std::chrono::hours;
using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

TEST(Ttl, IsANumberWithItsUnit) {
  EXPECT_EQ(ParseTtl("500ms"), milliseconds(500));
  EXPECT_EQ(ParseTtl("30s"), seconds(30));
  EXPECT_EQ(ParseTtl("20m"), minutes(20));
  EXPECT_EQ(ParseTtl("1h"), hours(1));
  EXPECT_EQ(ParseTtl("007d"), hours(24 * 7));
  EXPECT_EQ(ParseTtl("365250d"), kTtlMax);
  for (const char* text : {"", "s", "30", "0s", "-1s", "+1s", "1.5h", "1 h", " 1h", "1h ", "1H",
                           "1w", "1h30m", "365251d", "99999999999999999999s", "0x1s"}) {
    EXPECT_EQ(ParseTtl(text), std::nullopt) << text;
  }
}

class CommandTtl : public testing::Test {
 protected:
  CommandRunner runner_;
};

TEST_F(CommandTtl, ARecordIsThereUntilThen) {
  EXPECT_EQ(runner_.Run("put db short 1 --ttl 1ms").out, "position 1\n");
  EXPECT_EQ(runner_.Run("put db long 2 --ttl 1h --json").out,
            "{\"position\":2,\"operations\":1}\n");
  EXPECT_EQ(runner_.Run("scan db").out, "long\t2\n");
  EXPECT_EQ(runner_.Run("get db short").status, 1);
  EXPECT_EQ(runner_.Run("count db").out, "1\n");
  // A put says all anew.
  EXPECT_EQ(runner_.Run("put db short 3").status, 0);
  EXPECT_EQ(runner_.Run("get db short").out, "3\n");
}

TEST_F(CommandTtl, ALockGoesByItself) {
  EXPECT_EQ(runner_.Run("put db lock anna --if-absent --ttl 1h").status, 0);
  EXPECT_EQ(runner_.Run("put db lock ben --if-absent --ttl 1h").status, 4);
  EXPECT_EQ(runner_.Run("put db lock anna --if anna --ttl 1ms").status, 0);
  EXPECT_EQ(runner_.Run("put db lock ben --if-absent --ttl 1h").status, 0);
  EXPECT_EQ(runner_.Run("get db lock").out, "ben\n");
}

TEST_F(CommandTtl, WhatIsNoneIsRefusedAndLeavesNoDatabase) {
  for (const char* command :
       {"put db a 1 --ttl soon", "put db a 1 --ttl 0s", "load db /dev/null --ttl 400000d"}) {
    const Ran ran = runner_.Run(command);
    EXPECT_EQ(ran.status, 2) << command;
    EXPECT_NE(ran.err.find("is no time to live: write 500ms, 30s, 20m, 1h or 7d, at most 365250d"),
              std::string::npos)
        << ran.err;
  }
  EXPECT_EQ(runner_.Run("merge db a 1 --operator add_int64 --ttl 1h").status, 2);
  EXPECT_NE(runner_.Shell("test -e db").status, 0);
}

TEST_F(CommandTtl, LoadedRecordsExpireAndAnExportSaysThatItDoesNot) {
  EXPECT_EQ(runner_.Shell("printf 'a\\t1\\nb\\t2\\n' > in; logwood load db in -q --ttl 1h").status,
            0);
  EXPECT_EQ(runner_.Run("load db in -q -k other").status, 0);
  EXPECT_EQ(runner_.Run("scan db").out, "a\t1\nb\t2\n");
  const std::string note =
      "logwood: note: records of this database expire; an export does not say when; "
      "`logwood load --ttl` gives them a time anew\n";
  EXPECT_EQ(runner_.Run("export db -k other").err, note) << "they are only in the log";
  EXPECT_EQ(runner_.Run("export db -k other --ignore-writer").err, note);
  EXPECT_EQ(runner_.Run("compact db -q").status, 0);
  const auto stats = nlohmann::json::parse(runner_.Run("stats db --json").out);
  EXPECT_EQ(stats["levels"][6]["expiring"], 2);
  const Ran exported = runner_.Run("export db --all-keyspaces");
  EXPECT_EQ(exported.out, "default\ta\t1\ndefault\tb\t2\nother\ta\t1\nother\tb\t2\n");
  EXPECT_EQ(exported.err, note);
  EXPECT_EQ(runner_.Run("export db --all-keyspaces -q").err, "");
  EXPECT_EQ(runner_.Run("load db in -q --ttl 1ms").status, 0);
  EXPECT_EQ(runner_.Run("scan db").status, 1);
  EXPECT_EQ(runner_.Run("compact db -q").status, 0);
  EXPECT_EQ(runner_.Run("export db -k other").err, "") << "nothing is left that expires";
}

}  // namespace
}  // namespace logwood::tools
