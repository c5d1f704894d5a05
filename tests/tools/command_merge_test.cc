// What the logwood command makes of a key whose merge operator refuses what is stored for it, and
// of an operator for a keyspace that has values.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <sstream>
#include <string>

#include "tests/tools/command_runner.h"

namespace logwood::tools {
namespace {

// "bad" was loaded: bytes are taken as they are.
class RefusedMerges : public testing::Test {
 protected:
  void SetUp() override {
    const Ran ran = runner_.Shell(
        "logwood merge db -k counters --operator add_int64 ant 1\n"
        "printf 'bad\\tno number\\n' | logwood load db -q -k counters -\n"
        "logwood merge db -k counters bad 1\n"
        "logwood merge db -k counters cat 3\n");
    ASSERT_EQ(ran.status, 0) << ran.err;
  }
  static bool Has(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
  }
  CommandRunner runner_;
};

TEST_F(RefusedMerges, ReadsNameKeyspaceAndKeyAndAreNoWrongUsage) {
  for (const std::string command :
       {"get db -k counters bad", "scan db -k counters", "scan db -k counters --reverse",
        "count db -k counters", "export db -k counters file", "export db --all-keyspaces file"}) {
    const Ran ran = runner_.Run(command);
    EXPECT_EQ(ran.status, 3) << command;
    EXPECT_TRUE(Has(ran.err,
                    "key \"bad\" of keyspace \"counters\": merge operator add_int64 "
                    "refuses what is stored for the key; put it anew, or delete it"))
        << command << ": " << ran.err;
  }
  EXPECT_EQ(runner_.Run("get db -k counters cat --format hex").out, "0300000000000000\n");
  EXPECT_EQ(runner_.Run("count db -k counters --from cat").out, "1\n");
  EXPECT_EQ(runner_.Run("check db -q").status, 0);
  ASSERT_EQ(runner_.Run("delete db -k counters bad").status, 0);
  EXPECT_EQ(runner_.Run("count db -k counters").out, "2\n");
}

TEST_F(RefusedMerges, SalvageSaysThatItsCopyHasThem) {
  const Ran ran = runner_.Run("salvage db new");
  EXPECT_EQ(ran.status, 0) << ran.err;
  EXPECT_TRUE(Has(ran.out,
                  "note: keyspace \"counters\":0: its merge operator refuses what is "
                  "stored for 1 key,"))
      << ran.out;
  EXPECT_TRUE(Has(ran.out, "; keys counters/bad to counters/bad\n")) << ran.out;
  EXPECT_TRUE(Has(ran.out, "; nothing is lost, but 1 record cannot be read, as before\n"))
      << ran.out;
  EXPECT_EQ(runner_.Run("get new -k counters bad").status, 3);
  const Ran told = runner_.Shell("logwood salvage db again --json | tail -n 1");
  EXPECT_EQ(nlohmann::json::parse(told.out)["unreadable_records"], 1);
}

TEST_F(RefusedMerges, APutOfSuchAValueIsRefused) {
  const Ran ran = runner_.Run("put db -k counters dog 'no number' --value-format escape");
  EXPECT_EQ(ran.status, 2) << ran.err;
  EXPECT_TRUE(Has(ran.err, "bad VALUE: keyspace counters has the merge operator add_int64: "))
      << ran.err;
  EXPECT_EQ(runner_.Run("get db -k counters dog").status, 1);
  EXPECT_EQ(runner_.Run("put db -k counters dog --value-format hex 0400000000000000").status, 0);
  EXPECT_EQ(runner_.Run("put db dog 'no number'").status, 0);
}

class OperatorForValues : public testing::Test {
 protected:
  Ran Merge(const std::string& words) { return runner_.Run("merge db " + words); }
  std::string OperatorOf(const std::string& keyspace) {
    const Ran ran = runner_.Run("keyspaces db --json");
    std::istringstream lines(ran.out);
    for (std::string line; std::getline(lines, line);) {
      const auto info = nlohmann::json::parse(line);
      if (info["name"] == keyspace) return info.value("merge_operator", "none");
    }
    return "no such keyspace";
  }
  CommandRunner runner_;
};

TEST_F(OperatorForValues, IsRefusedAndNothingIsChanged) {
  ASSERT_EQ(runner_.Run("put db planet earth").status, 0);
  for (const std::string adopt : {"", " --adopt"}) {
    const Ran ran = Merge("hits 1 --operator add_int64" + adopt);
    EXPECT_EQ(ran.status, 1) << adopt;
    EXPECT_TRUE(
        ran.err.starts_with("logwood: cannot give keyspace default the merge operator "
                            "add_int64: it "))
        << ran.err;
    EXPECT_NE(ran.err.find(adopt.empty() ? "it has values (the first key is planet), and an "
                                           "operator is for ever; "
                                         : "it refuses the value of key planet: "),
              std::string::npos)
        << ran.err;
    EXPECT_EQ(OperatorOf("default"), "none");
    EXPECT_EQ(runner_.Run("get db planet").out, "earth\n");
    EXPECT_EQ(runner_.Run("get db hits").status, 1);
  }
  EXPECT_EQ(Merge("hits 1 --adopt").status, 2) << "there is nothing to adopt them for";
  // Beside it, in a keyspace that is made for it, and in one that has nothing yet.
  EXPECT_EQ(Merge("-k n hits 1 --operator add_int64").status, 0);
  EXPECT_EQ(runner_.Run("keyspaces db create empty").status, 0);
  EXPECT_EQ(Merge("-k empty hits 1 --operator add_int64").status, 0);
  EXPECT_EQ(runner_.Run("delete db planet").status, 0);
  EXPECT_EQ(Merge("hits 1 --operator add_int64").status, 0);
  EXPECT_EQ(OperatorOf("default"), "add_int64");
}

TEST_F(OperatorForValues, AdoptedAreThoseItTakes) {
  ASSERT_EQ(runner_.Run("put db a --value-format hex 0100000000000000").status, 0);
  ASSERT_EQ(runner_.Run("put db b two").status, 0);
  const Ran refused = Merge("a 1 --operator add_int64 --adopt");
  EXPECT_EQ(refused.status, 1);
  EXPECT_NE(refused.err.find("the value of key b: "), std::string::npos) << refused.err;
  ASSERT_EQ(runner_.Run("delete db b").status, 0);
  EXPECT_EQ(Merge("a 1 --operator add_int64").status, 1);
  EXPECT_EQ(Merge("a 1 --operator add_int64 --adopt").status, 0);
  EXPECT_EQ(runner_.Run("get db a").out, "2\n");
  // Once it is recorded, naming it again is no question any more.
  EXPECT_EQ(Merge("a 1 --operator add_int64").status, 0);
  EXPECT_EQ(runner_.Run("get db a").out, "3\n");
}

}  // namespace
}  // namespace logwood::tools
