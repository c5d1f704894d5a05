// logwood_probe keeps its contract (docs/testing.md, "The probe"), and can fail.
#include <gtest/gtest.h>

#include <cstdint>
#include <iostream>
#include <sstream>
#include <string>
#include <vector>

#include "logwood/db.h"
#include "tests/support/child_process.h"
#include "tests/support/directory.h"
#include "tests/support/environment.h"
#include "tests/support/status_assert.h"
#include "util/random.h"

namespace logwood::test {
namespace {

// LOGWOOD_PROBE names another build of the program.
std::string ProbePath() {
  return EnvironmentText("LOGWOOD_PROBE", std::string(LOGWOOD_BIN_DIR) + "/logwood_probe");
}

struct ProbeRun {
  int exit_status = 0;
  std::vector<std::string> lines;
};

ProbeRun Probe(std::vector<std::string> arguments, const ChildProcess::Settings& settings = {}) {
  arguments.insert(arguments.begin(), ProbePath());
  ChildProcess child(arguments, settings);
  ProbeRun run;
  for (std::string line; child.ReadLine(&line);) run.lines.push_back(line);
  run.exit_status = child.Wait();
  return run;
}

TEST(Probe, RunAcknowledgesEachBatchAndCheckFindsAll) {
  const TempDirectory directory;
  const std::string path = directory.Join("db");
  const ProbeRun run = Probe({"run", path, "7", "300", "2"});
  ASSERT_EQ(run.exit_status, 0);
  ASSERT_EQ(run.lines.size(), 300u);
  for (size_t i = 0; i < run.lines.size(); ++i) {
    // Two commits made the keyspaces.
    const std::string start = "A " + std::to_string(i + 1) + " " + std::to_string(i + 3) + " ";
    EXPECT_TRUE(run.lines[i] == start + "0" || run.lines[i] == start + "1") << run.lines[i];
  }
  EXPECT_EQ(Probe({"check", path, "7", "300"}).lines, std::vector<std::string>{"OK 300 302"});
}

TEST(Probe, RunGoesOnWhereTheDirectoryStands) {
  const TempDirectory directory;
  const std::string path = directory.Join("db");
  ASSERT_EQ(Probe({"run", path, "7", "10", "0"}).lines.size(), 10u);
  const ProbeRun more = Probe({"run", path, "7", "15", "1"});
  ASSERT_EQ(more.lines.size(), 5u);
  EXPECT_EQ(more.lines[0], "A 11 13 1");
  EXPECT_EQ(Probe({"check", path, "7", "15"}).lines, std::vector<std::string>{"OK 15 17"});
}

TEST(Probe, CheckOfAnEmptyDirectoryFindsNothing) {
  const TempDirectory directory;
  EXPECT_EQ(Probe({"check", directory.Join("db"), "7", "10"}).lines,
            std::vector<std::string>{"OK 0 0"});
}

TEST(Probe, ThreadsWriteAStreamEach) {
  const TempDirectory directory;
  const std::string path = directory.Join("db");
  const ProbeRun run = Probe({"threads", path, "3", "100", "2", "4"});
  ASSERT_EQ(run.exit_status, 0);
  EXPECT_EQ(run.lines.size(), 400u);
  EXPECT_EQ(Probe({"check", path, "3", "100", "4"}).lines, std::vector<std::string>{"OK 400 402"});
}

TEST(Probe, CheckIsBadForAnotherSeedAndForBatchesNeverWritten) {
  const TempDirectory directory;
  const std::string path = directory.Join("db");
  ASSERT_EQ(Probe({"run", path, "7", "50", "0"}).exit_status, 0);
  for (const std::vector<std::string>& arguments :
       {std::vector<std::string>{"check", path, "8", "50"}, {"check", path, "7", "49"}}) {
    const ProbeRun check = Probe(arguments);
    EXPECT_EQ(check.exit_status, 1);
    ASSERT_EQ(check.lines.size(), 1u);
    EXPECT_TRUE(check.lines[0].starts_with("BAD ")) << check.lines[0];
    std::cout << "    controls: 1\n";
  }
}

// One key changed, one missing, one too many, one commit too many: each is noticed.
TEST(Probe, CheckNoticesEveryKindOfDifference) {
  for (const char* change : {"change", "remove", "add", "commit"}) {
    const TempDirectory directory;
    const std::string path = directory.Join("db");
    ASSERT_EQ(Probe({"run", path, "7", "50", "0"}).exit_status, 0);
    {
      ASSERT_OK_AND_ASSIGN(const std::unique_ptr<DB> db, DB::Open({}, path));
      ASSERT_OK_AND_ASSIGN(const Keyspace right, db->OpenKeyspace("right"));
      const std::unique_ptr<Iterator> iterator = db->NewIterator({}, right);
      iterator->SeekToFirst();
      ASSERT_TRUE(iterator->Valid());
      const std::string what = change;
      if (what == "change") {
        ASSERT_OK(db->Put({}, right, iterator->key(), "other"));
      }
      if (what == "remove") {
        ASSERT_OK(db->Delete({}, right, iterator->key()));
      }
      if (what == "add") {
        ASSERT_OK(db->Put({}, right, "zzz", ""));
      }
      if (what == "commit") {
        ASSERT_OK(db->Put({}, "elsewhere", ""));
      }
    }
    EXPECT_EQ(Probe({"check", path, "7", "50"}).exit_status, 1) << change;
    std::cout << "    controls: 1\n";
  }
}

TEST(Probe, OpenFailureIsSaid) {
  const TempDirectory directory;
  ASSERT_OK(WriteFile(FileSystem::Posix(), directory.Join("file"), "not a directory"));
  const ProbeRun check = Probe({"check", directory.Join("file"), "7", "10"});
  EXPECT_EQ(check.exit_status, 2);
  ASSERT_EQ(check.lines.size(), 1u);
  EXPECT_TRUE(check.lines[0].starts_with("OPENFAIL ")) << check.lines[0];
}

TEST(Probe, BadArgumentsAreRefused) {
  for (const std::vector<std::string>& arguments : {std::vector<std::string>{},
                                                    {"run", "d", "1", "1"},
                                                    {"run", "d", "1", "1", "3"},
                                                    {"run", "d", "x", "1", "0"},
                                                    {"walk", "d", "1", "1", "0"},
                                                    {"threads", "d", "1", "1", "0"}})
    EXPECT_EQ(Probe(arguments).exit_status, 3);
}

TEST(Probe, AnOptionSetThatIsNoneIsABadArgument) {
  const TempDirectory directory;
  const std::string path = directory.Join("db");
  const ChildProcess::Settings misspelt = {.environment = {"LOGWOOD_OPTION_SET=no-such-set"},
                                           .discard_errors = true};
  EXPECT_EQ(Probe({"run", path, "7", "5", "0"}, misspelt).exit_status, 3);
  EXPECT_EQ(Probe({"check", path, "7", "5"}, misspelt).exit_status, 3);
  EXPECT_FALSE(FileSystem::Posix()->Exists(path).value());
}

TEST(Probe, CheckWantsTheStreamsOfTheRun) {
  const TempDirectory directory;
  const std::string path = directory.Join("db");
  ASSERT_EQ(Probe({"threads", path, "3", "20", "0", "3"}).exit_status, 0);
  EXPECT_EQ(Probe({"check", path, "3", "20", "2"}).exit_status, 1);
  EXPECT_EQ(Probe({"check", path, "3", "20"}).exit_status, 1);
  EXPECT_EQ(Probe({"check", path, "3", "19", "3"}).exit_status, 1);
  // More of either is only a bound.
  EXPECT_EQ(Probe({"check", path, "3", "21", "4"}).lines, std::vector<std::string>{"OK 60 62"});
}

TEST(Probe, KilledRunLosesNothingItAcknowledged) {
  const uint64_t seed = EnvironmentNumber("LOGWOOD_SEED", 1);
  SCOPED_TRACE("LOGWOOD_SEED=" + std::to_string(seed));
  const TempDirectory directory;
  const std::string path = directory.Join("db");
  Random random(seed);
  uint64_t acknowledged = 0;
  for (int round = 0; round < 5; ++round) {
    {
      ChildProcess child({ProbePath(), "run", path, "7", "1000000", "0"});
      std::string line;
      for (uint64_t n = 1 + random.Uniform(3000); n > 0; --n) ASSERT_TRUE(child.ReadLine(&line));
      child.Kill();
      do {
        std::istringstream fields(line);
        std::string letter;
        ASSERT_TRUE(fields >> letter >> acknowledged) << line;
      } while (child.ReadLine(&line));
    }
    const ProbeRun check = Probe({"check", path, "7", "1000000"});
    ASSERT_EQ(check.exit_status, 0) << check.lines.at(0);
    std::istringstream fields(check.lines.at(0));
    std::string word;
    uint64_t found = 0;
    ASSERT_TRUE(fields >> word >> found);
    // At most one batch may be there that was not yet acknowledged.
    ASSERT_GE(found, acknowledged);
    ASSERT_LE(found, acknowledged + 1);
  }
}

}  // namespace
}  // namespace logwood::test
