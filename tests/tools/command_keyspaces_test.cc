// The logwood command on a database of several keyspaces: which one a command is about, and what it
// says of the others.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "tests/tools/command_runner.h"
#include "util/escape.h"

namespace logwood::tools {
namespace {

using nlohmann::json;

bool Holds(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

// Records of all bytes in keyspaces whose names need escapes, by name and key.
std::string RecordsOfSeveralKeyspaces() {
  std::string tsv;
  const std::vector<std::string> names = {{"\0n", 2}, "a\tb\\\n", "caf", "default", "\xff\xfe"};
  for (const std::string& name : names) {
    for (int byte = 0; byte < 256; byte += 5) {
      const std::string key(1, static_cast<char>(byte));
      tsv += Escape(name) + "\t" + Escape(key) + "\t" + Escape(key + name + "\t") + "\n";
    }
  }
  return tsv;
}

class Keyspaces : public testing::Test {
 protected:
  // default: k = 1. notes: k = 2, l = 3. photos: nothing.
  void MakeThree() {
    const Ran ran = runner_.Shell(
        "logwood put db k 1 && logwood put db k 2 -k notes && logwood put db l 3 -k notes &&"
        " logwood keyspaces db create photos");
    ASSERT_EQ(ran.status, 0) << ran.err;
  }

  CommandRunner runner_;
};

TEST_F(Keyspaces, ExportOfAllIsLoadedBackToTheSameBytesInBothFormats) {
  const std::string tsv = RecordsOfSeveralKeyspaces();
  runner_.Write("in.tsv", tsv);
  const Ran loaded = runner_.Run("load db --all-keyspaces in.tsv --json");
  ASSERT_EQ(loaded.status, 0) << loaded.err;
  EXPECT_EQ(json::parse(loaded.out)["keyspaces"], 5);
  EXPECT_EQ(runner_.Run("export db --all-keyspaces").out, tsv);
  ASSERT_EQ(runner_.Run("export db --all-keyspaces out.jsonl -q").status, 0);
  ASSERT_EQ(runner_.Run("load copy out.jsonl --all-keyspaces -q").status, 0);
  EXPECT_EQ(runner_.Run("export copy --all-keyspaces").out, tsv);
  const Ran piped = runner_.Shell(
      "set -o pipefail; logwood export db --all-keyspaces | logwood load third --all-keyspaces -");
  EXPECT_EQ(piped.status, 0) << piped.err;
  EXPECT_EQ(runner_.Run("export third --all-keyspaces").out, tsv);
}

TEST_F(Keyspaces, ExportOfAllIsInOrderOfNameAndKey) {
  MakeThree();
  EXPECT_EQ(runner_.Run("export db --all-keyspaces").out,
            "default\tk\t1\nnotes\tk\t2\nnotes\tl\t3\n");
  EXPECT_EQ(runner_.Run("export db --all-keyspaces --from l --format jsonl").out,
            "{\"keyspace\":\"notes\",\"key\":\"l\",\"value\":\"3\"}\n");
  const Ran file = runner_.Run("export db --all-keyspaces out.tsv");
  EXPECT_TRUE(file.err.starts_with("3 records, ")) << file.err;
  EXPECT_TRUE(Holds(file.err, "from 3 keyspaces")) << file.err;
}

TEST_F(Keyspaces, WhoWasToldNoneSaysWhichItLeavesOut) {
  MakeThree();
  for (const std::string command : {"export db", "count db", "scan db"}) {
    const Ran ran = runner_.Run(command);
    EXPECT_EQ(ran.status, 0) << command;
    EXPECT_TRUE(Holds(ran.err,
                      "logwood: note: this is keyspace default; there are also notes and "
                      "photos; "))
        << command << ": " << ran.err;
    EXPECT_FALSE(Holds(ran.out, "note")) << ran.out;
    EXPECT_EQ(runner_.Run(command + " -k default").err, "") << command;
    EXPECT_EQ(runner_.Run(command + " -k notes").err, "") << command;
  }
  EXPECT_EQ(runner_.Run("export db -q").err, "");
  EXPECT_EQ(runner_.Run("count db -q").err, "");
  EXPECT_EQ(runner_.Run("export db --all-keyspaces").err, "");
  const Ran absent = runner_.Run("get db l");
  EXPECT_EQ(absent.status, 1);
  EXPECT_TRUE(Holds(absent.err, "there are also notes and photos")) << absent.err;
}

TEST_F(Keyspaces, OfManyOnlySomeAreNamed) {
  runner_.Shell("for i in 1 2 3 4 5 6 7 8; do logwood keyspaces db create n$i; done");
  const Ran ran = runner_.Run("count db");
  EXPECT_TRUE(Holds(ran.err, "n1, n2, n3, n4, n5 and 3 more; ")) << ran.err;
}

TEST_F(Keyspaces, JsonReportsSayWhatIsLeftOutInAField) {
  MakeThree();
  const std::vector<std::string> others = {"notes", "photos"};
  const Ran count = runner_.Run("count db --json");
  EXPECT_EQ(json::parse(count.out)["keyspaces_left_out"], others);
  EXPECT_EQ(count.err, "");
  EXPECT_EQ(json::parse(runner_.Run("export db out --json").err)["keyspaces_left_out"], others);
  const Ran absent = runner_.Run("get db l --json");
  EXPECT_EQ(absent.status, 1);
  EXPECT_EQ(json::parse(absent.out)["keyspaces_left_out"], others);
  const json all = json::parse(runner_.Run("export db --all-keyspaces out --json").err);
  EXPECT_EQ(all["keyspaces"], 3);
  EXPECT_EQ(all["keyspaces_left_out"], json::array());
}

// "\xff" must not look like "ÿ", which in JSON may be written \u00ff.
TEST_F(Keyspaces, JsonReportsTellNamesThatAreNotUtf8) {
  const Ran made = runner_.Shell(
      "logwood put db k 1 && logwood keyspaces db create '\\xff' &&"
      " logwood keyspaces db create 'ÿ'");
  ASSERT_EQ(made.status, 0) << made.err;
  const Ran absent = runner_.Run("get db l --json");
  for (const std::string& report :
       {runner_.Run("count db --json").out, runner_.Run("export db out --json").err, absent.out}) {
    const json said = json::parse(report);
    EXPECT_EQ(said["keyspaces_left_out"], std::vector<std::string>{"ÿ"}) << report;
    EXPECT_EQ(said["keyspaces_left_out_base64"], std::vector<std::string>{"/w=="}) << report;
  }
  ASSERT_EQ(runner_.Run("keyspaces db drop '\\xff'").status, 0);
  EXPECT_FALSE(
      json::parse(runner_.Run("count db --json").out).contains("keyspaces_left_out_base64"));
}

TEST_F(Keyspaces, CountOfAllIsALineEach) {
  MakeThree();
  EXPECT_EQ(runner_.Run("count db --all-keyspaces").out, "default\t1\nnotes\t2\nphotos\t0\n");
  EXPECT_EQ(runner_.Run("count db --all-keyspaces --estimate").out,
            "default\t1\nnotes\t2\nphotos\t0\n");
  std::istringstream lines(runner_.Run("count db --all-keyspaces --json").out);
  std::vector<int> records;
  for (std::string line; std::getline(lines, line);) {
    records.push_back(json::parse(line)["records"]);
  }
  EXPECT_EQ(records, (std::vector<int>{1, 2, 0}));
}

TEST_F(Keyspaces, AllAndOneExcludeEachOther) {
  for (const std::string command : {"export", "load", "count"}) {
    EXPECT_EQ(runner_.Run(command + " db -k notes --all-keyspaces").status, 2) << command;
  }
}

TEST_F(Keyspaces, ALineWithAndALineWithoutKeyspaceAreNotMistakenForEachOther) {
  runner_.Write("one.tsv", "k\tv\n");
  runner_.Write("all.tsv", "notes\tk\tv\n");
  runner_.Write("bad.tsv", "\tk\tv\n" + std::string(256, 'n') + "\tk\tv\n");
  const Ran all = runner_.Run("load db all.tsv");
  EXPECT_EQ(all.status, 1);
  EXPECT_TRUE(Holds(all.err, "all.tsv:1: ") && Holds(all.err, "--all-keyspaces")) << all.err;
  const Ran one = runner_.Run("load db --all-keyspaces one.tsv");
  EXPECT_EQ(one.status, 1);
  EXPECT_TRUE(Holds(one.err, "one.tsv:1: the keyspace is missing: ")) << one.err;
  EXPECT_TRUE(runner_.Run("keyspaces db")
                  .out.starts_with(
                      "name\tnumber\tcreated\tentries_estimate\tbytes_estimate\tmerge_operator\n"));
  const Ran bad = runner_.Run("load db --all-keyspaces bad.tsv --skip-bad --json");
  EXPECT_EQ(json::parse(bad.out)["skipped"], 2);
  EXPECT_EQ(runner_.Run("count db --all-keyspaces").out, "default\t0\n");
}

TEST_F(Keyspaces, CreateAndDropTellThePositionsOfTheirCommits) {
  ASSERT_EQ(runner_.Run("put db k v").out, "position 1\n");
  EXPECT_EQ(runner_.Run("keyspaces db create notes --durability power").out, "position 2\n");
  EXPECT_EQ(runner_.Run("keyspaces db create '\\xff' --json").out,
            "{\"keyspace_base64\":\"/w==\",\"position\":3}\n");
  EXPECT_EQ(runner_.Run("keyspaces db drop notes --json --durability power").out,
            "{\"keyspace\":\"notes\",\"position\":4}\n");
  EXPECT_EQ(runner_.Run("keyspaces db drop notes").out, "");
  EXPECT_EQ(runner_.Run("put db k v").out, "position 5\n");
}

TEST_F(Keyspaces, OptionsOfReadersAndOfWritersAreNotTakenByTheOther) {
  for (const std::string command :
       {"keyspaces db create x --allow-damaged-log", "keyspaces db create x --ignore-writer",
        "keyspaces db drop x --allow-damaged-log", "keyspaces db --durability power",
        "keyspaces db list --durability process"}) {
    const Ran ran = runner_.Run(command);
    EXPECT_EQ(ran.status, 2) << command;
    EXPECT_TRUE(Holds(ran.err, "; leave it out")) << ran.err;
  }
}

TEST_F(Keyspaces, NamesAreTypedAsTheyArePrinted) {
  const std::string typed = "'a\\tb\\x00\\\\'";
  ASSERT_EQ(runner_.Run("put db k v -k " + typed).status, 0);
  EXPECT_EQ(runner_.Run("get db k -k " + typed).out, "v\n");
  EXPECT_TRUE(Holds(runner_.Run("keyspaces db").out, "\na\\tb\\x00\\\\\t"));
  EXPECT_EQ(runner_.Run("keyspaces db drop " + typed).status, 0);
  EXPECT_EQ(runner_.Run("get db k -k " + typed).status, 1);
  EXPECT_EQ(runner_.Run("keyspaces db create 'bad\\q'").status, 2);
  EXPECT_EQ(runner_.Run("keyspaces db create '\\xff'").status, 0);
  EXPECT_TRUE(
      Holds(runner_.Run("keyspaces db --json").out, "{\"name_base64\":\"/w==\",\"number\":"));
}

}  // namespace
}  // namespace logwood::tools
