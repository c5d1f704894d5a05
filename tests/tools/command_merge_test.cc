// What the logwood command makes of a key whose merge operator refuses what is stored for it.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>

#include "tests/tools/command_runner.h"

namespace logwood::tools {
namespace {

// "bad" was there before the keyspace had an operator.
class RefusedMerges : public testing::Test {
 protected:
  void SetUp() override {
    const Ran ran = runner_.Shell(
        "logwood put db -k counters bad 'no number'\n"
        "logwood merge db -k counters --operator add_int64 ant 1\n"
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

}  // namespace
}  // namespace logwood::tools
