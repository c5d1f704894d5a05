// put --if-absent, put --if and delete --if: what they write, and how they say that they did not.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>

#include "tests/tools/command_runner.h"

namespace logwood::tools {
namespace {

using nlohmann::json;

class Conditions : public testing::Test {
 protected:
  // That it took no position either, the next write shows.
  void ExpectRefused(const std::string& arguments, const std::string& message) {
    const Ran ran = runner_.Run(arguments);
    EXPECT_EQ(ran.status, 4) << arguments;
    EXPECT_EQ(ran.out, "") << arguments;
    EXPECT_EQ(ran.err,
              "logwood: the condition does not hold: " + message + "; nothing is changed\n")
        << arguments;
  }

  CommandRunner runner_;
};

TEST_F(Conditions, PutIfAbsentWritesOnceAndSaysThatTheKeyIsThere) {
  const Ran first = runner_.Run("put db lock 'held by\\tanna' --if-absent");
  EXPECT_EQ(first.status, 0) << first.err;
  EXPECT_EQ(first.out, "position 1\n") << "the database was made for it";
  ExpectRefused("put db lock ben --if-absent", R"(key "lock" of keyspace "default": it is there)");
  ExpectRefused("put db lock 'held by\\tanna' --if-absent",
                R"(key "lock" of keyspace "default": it is there)");
  EXPECT_EQ(runner_.Run("get db lock").out, "held by\\tanna\n");
  // A value of no bytes is one, too.
  EXPECT_EQ(runner_.Run("put db '\\x00' '' --if-absent").out, "position 2\n");
  ExpectRefused("put db --key-format hex 00 v --if-absent",
                R"(key "\x00" of keyspace "default": it is there)");
  EXPECT_EQ(runner_.Run("delete db lock").status, 0);
  EXPECT_EQ(runner_.Run("put db lock ben --if-absent -k new").out, "position 5\n")
      << "behind the commit that made the keyspace";
  EXPECT_EQ(runner_.Run("put db lock ben --if-absent").status, 0);
}

TEST_F(Conditions, PutIfReplacesThatValueAlone) {
  runner_.Run("put db state open");
  ExpectRefused("put db state closed --if ajar",
                R"(key "state" of keyspace "default": it has another value)");
  ExpectRefused("put db state closed --if ''",
                R"(key "state" of keyspace "default": it has another value)");
  ExpectRefused("put db none closed --if open",
                R"(key "none" of keyspace "default": it is not there)");
  EXPECT_EQ(runner_.Run("put db state closed --if open").out, "position 2\n");
  EXPECT_EQ(runner_.Run("get db state").out, "closed\n");
  // --value-format is of both, and of the one that is there beside a file.
  EXPECT_EQ(runner_.Run("put db state 00ff --if 636c6f736564 --value-format hex").status, 0);
  EXPECT_EQ(runner_
                .Shell("printf v > file; logwood put db state --value-file file --if 00ff "
                       "--value-format hex")
                .status,
            0);
  EXPECT_EQ(runner_.Run("get db state").out, "v\n");
}

TEST_F(Conditions, DeleteIfDeletesThatValueAlone) {
  runner_.Run("put db state open");
  ExpectRefused("delete db state --if closed",
                R"(key "state" of keyspace "default": it has another value)");
  ExpectRefused("delete db none --if open", R"(key "none" of keyspace "default": it is not there)");
  EXPECT_EQ(runner_.Run("delete db state --if 6f70656e --value-format hex").out, "position 2\n");
  EXPECT_EQ(runner_.Run("get db state").status, 1);
}

TEST_F(Conditions, JsonTellsBothEnds) {
  EXPECT_EQ(runner_.Run("put db k v --if-absent --json").out,
            "{\"position\":1,\"operations\":1}\n");
  for (const std::string arguments :
       {"put db k w --if-absent", "put db k w --if x", "delete db k --if x"}) {
    const Ran ran = runner_.Run(arguments + " --json");
    EXPECT_EQ(ran.status, 4) << arguments;
    EXPECT_EQ(ran.err, "") << arguments;
    const json report = json::parse(ran.out, nullptr, false);
    EXPECT_EQ(report,
              json({{"key", "k"},
                    {"changed", false},
                    {"conflict", arguments.find("absent") != std::string::npos
                                     ? R"(key "k" of keyspace "default": it is there)"
                                     : R"(key "k" of keyspace "default": it has another value)"}}));
  }
  EXPECT_EQ(runner_.Run("put db '\\xff' v --if x --json").out,
            R"({"key_base64":"/w==","changed":false,"conflict":)"
            R"("key \"\\xff\" of keyspace \"default\": it is not there"})"
            "\n");
  EXPECT_EQ(runner_.Run("delete db k --if v --json").out, "{\"position\":2,\"operations\":1}\n");
}

TEST_F(Conditions, WhatCannotHoldMakesNothing) {
  EXPECT_EQ(runner_.Run("put none k v --if x").status, 3);
  EXPECT_EQ(runner_.Run("delete none k --if x").status, 3);
  EXPECT_EQ(runner_.Shell("test -e none").status, 1);
  runner_.Run("put db k v");
  EXPECT_EQ(runner_.Run("put db k v --if x -k none").status, 1);
  EXPECT_EQ(runner_.Run("keyspaces db list").out.find("none"), std::string::npos);
  for (const std::string arguments :
       {"put db k v --if v --if-absent", "put db k v --if '\\q'", "delete db k --if '\\q'",
        "delete db k --value-format hex", "put db k --value-file /dev/null --value-format hex"}) {
    EXPECT_EQ(runner_.Run(arguments).status, 2) << arguments;
  }
}

// One process at a time has the directory; who finds it in use (status 3) comes again.
TEST_F(Conditions, OfTwoAtATimeOneWrites) {
  const Ran ran = runner_.Shell(
      "logwood put db k v > said\n"
      "for i in 1 2 3; do\n"
      "  for who in anna ben; do\n"
      "    (until logwood put db lock$i $who --if-absent > out.$who 2> err.$who\n"
      "           code=$?; [ $code != 3 ]; do :; done; echo $code >> codes) &\n"
      "  done; wait\n"
      "done; sort codes | uniq -c | tr -s ' '");
  EXPECT_EQ(ran.out, " 3 0\n 3 4\n") << ran.err;
}

}  // namespace
}  // namespace logwood::tools
