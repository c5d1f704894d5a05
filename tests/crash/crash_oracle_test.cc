// Tests of the tests: the oracle of crash stories knows right from wrong, a disk that lies or rots
// is noticed, and a state that failed fails again when it is replayed.
#include "tests/support/crash_oracle.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "tests/support/child_process.h"
#include "tests/support/crash_explorer.h"
#include "tests/support/directory.h"
#include "tests/support/resealing_file_system.h"
#include "tests/support/status_assert.h"

namespace logwood::test {
namespace {

using testing::HasSubstr;

CrashCommit PutOf(const std::string& key, const std::string& value) {
  return {.changes = {{"", key, value}}};
}

CrashCheck Ordinary() {
  CrashCheck check;
  check.options = CrashOptions(CrashProfiles()[0]);
  return check;
}

// A database with three commits, and its oracle.
class CrashOracleTest : public testing::Test {
 protected:
  void SetUp() override {
    Options options = CrashOptions(CrashProfiles()[0]);
    options.file_system = &disk_;
    ASSERT_OK_AND_ASSIGN(auto db, DB::Open(options, "db"));
    oracle_.Issue(PutOf("a", "1"));
    ASSERT_OK(db->Put({}, "a", "1"));
    oracle_.Issue({{}, "side", ""});
    ASSERT_OK(db->CreateKeyspace({}, "side"));
    oracle_.Issue(PutOf("a", "2"));
    ASSERT_OK(db->Put({}, "a", "2"));
    ASSERT_OK(db->Close());
  }
  Status Check(const CrashExpectation& expected) {
    return CheckCrash(disk_.KilledState().get(), "db", expected, Ordinary());
  }

  SimulatedFileSystem disk_;
  CrashOracle oracle_;
};

TEST_F(CrashOracleTest, AcceptsWhatIsThere) {
  EXPECT_OK(Check(oracle_.Expect(0, 3)));
  EXPECT_OK(Check(oracle_.Expect(3, 3)));
}

TEST_F(CrashOracleTest, RefusesAPositionOutOfBounds) {
  EXPECT_STATUS(kCorruption, Check(oracle_.Expect(0, 2)));
  CrashExpectation more = oracle_.Expect(0, 3);
  more.at_least = 4;
  EXPECT_STATUS(kCorruption, Check(more));
}

TEST_F(CrashOracleTest, RefusesTheContentOfAnotherPosition) {
  // An oracle that is off by one.
  CrashExpectation expected = oracle_.Expect(0, 3);
  expected.contents[3] = expected.contents[2];
  EXPECT_STATUS(kCorruption, Check(expected));
}

TEST_F(CrashOracleTest, TellsEachKindOfDifference) {
  const CrashContent right = *oracle_.content();
  const auto differs = [&](const char* what, auto change) {
    CrashContent wrong = right;
    change(&wrong);
    CrashExpectation expected = oracle_.Expect(3, 3);
    expected.contents[3] = {std::make_shared<const CrashContent>(wrong)};
    const Status status = Check(expected);
    EXPECT_NE(status.message().find(what), std::string_view::npos) << status.ToString();
  };
  differs("key a has 2, expected 3", [](CrashContent* c) { (*c)[""]["a"] = "3"; });
  differs("lacks key b", [](CrashContent* c) { (*c)[""]["b"] = "3"; });
  differs("has key a, which it should not", [](CrashContent* c) { (*c)[""].erase("a"); });
  differs("lacks keyspace \"other\"", [](CrashContent* c) { (*c)["other"]; });
  differs("has keyspace \"side\"", [](CrashContent* c) { c->erase("side"); });
}

TEST_F(CrashOracleTest, RefusesAnOpenThatDoesNotKnowWhatIsProven) {
  CrashExpectation expected = oracle_.Expect(3, 3);
  expected.proven = 3;
  expected.closed_cleanly = true;
  EXPECT_OK(Check(expected));
  expected.proven = 4;
  EXPECT_STATUS(kCorruption, Check(expected));
}

TEST_F(CrashOracleTest, RefusesADatabaseThatDoesNotOpen) {
  ASSERT_OK(disk_.Remove("db/ROOT"));
  const Status status = Check(oracle_.Expect(0, 3));
  EXPECT_NE(status.message().find("does not open"), std::string_view::npos) << status.ToString();
}

TEST_F(CrashOracleTest, CutBehindForgetsWhatNeverWas) {
  oracle_.CutBehind(1);
  EXPECT_EQ(oracle_.last(), 1U);
  EXPECT_EQ(oracle_.Issue(PutOf("a", "other")), 2U);
  EXPECT_EQ(oracle_.content()->at("").at("a"), "other");
}

TEST_F(CrashOracleTest, AnExpectationSurvivesItsBytes) {
  CrashExpectation expected = oracle_.Expect(1, 3);
  expected.proven = 2;
  std::string bytes;
  expected.AppendTo(&bytes);
  std::string_view rest = bytes;
  const auto decoded = CrashExpectation::Decode(&rest);
  ASSERT_TRUE(decoded);
  EXPECT_TRUE(rest.empty());
  std::string again;
  decoded->AppendTo(&again);
  EXPECT_EQ(again, bytes);
  EXPECT_EQ(*decoded->contents.at(3).front(), *oracle_.content());
  for (size_t size = 0; size < bytes.size(); ++size) {
    std::string_view cut = std::string_view(bytes).substr(0, size);
    EXPECT_FALSE(CrashExpectation::Decode(&cut)) << size;
  }
}

// ---- Concurrent commits.

TEST(UnorderedCrashOracle, AnyOrderIsRightUntilPositionsAreKnown) {
  CrashOracle oracle;
  oracle.Issue(PutOf("shared", "before"));
  // Two writers, the first with two commits.
  oracle.IssueConcurrently(
      {{PutOf("shared", "a1"), PutOf("shared", "a2")}, {PutOf("shared", "b")}});
  const auto choices = [&](LogPos at) {
    std::set<std::string> values;
    const CrashExpectation expected = oracle.Expect(0, 4);
    for (const CrashContentPtr& content : expected.contents.at(at))
      values.insert(content->at("").at("shared"));
    return values;
  };
  using Values = std::set<std::string>;
  EXPECT_EQ(choices(1), (Values{"before"}));
  EXPECT_EQ(choices(2), (Values{"a1", "b"})) << "not a2: its writer writes it second";
  EXPECT_EQ(choices(3), (Values{"a1", "a2", "b"}));
  EXPECT_EQ(choices(4), (Values{"a2", "b"}));
  oracle.NotePosition(0, 0, 3);
  EXPECT_EQ(choices(2), (Values{"b"}));
  EXPECT_EQ(choices(4), (Values{"a2"}));
  oracle.NotePosition(1, 0, 2);
  oracle.NotePosition(0, 1, 4);
  EXPECT_OK(oracle.ConcludeConcurrent());
  EXPECT_EQ(oracle.last(), 4U);
  EXPECT_EQ(oracle.content()->at("").at("shared"), "a2");
}

TEST(UnorderedCrashOracle, PositionsThatFitNoOrderAreRefused) {
  CrashOracle oracle;
  oracle.IssueConcurrently({{PutOf("k", "a1"), PutOf("k", "a2")}});
  oracle.NotePosition(0, 1, 1);
  oracle.NotePosition(0, 0, 2);
  EXPECT_STATUS(kCorruption, oracle.ConcludeConcurrent());
}

// ---- Negative controls: each must fail.

ExploreResult Explore(const std::string& story, const ExploreOptions& options) {
  return CrashExplorer(options).Explore(*ParseScript(story));
}

ExploreOptions NotNested() {
  ExploreOptions options;
  options.nests_one_in = 0;
  options.states_per_change = 100;
  return options;
}

TEST(CrashControls, TheSameStoriesAreRightWithoutThem) {
  for (const char* story : {"power-put put power-put", "batch batch reopen put"}) {
    const ExploreResult result = Explore(story, NotNested());
    EXPECT_TRUE(result.failures.empty()) << result.failures[0];
    EXPECT_GT(result.states, 100U);
  }
}

TEST(CrashControls, SyncsThatLieAreNoticed) {
  ExploreOptions options = NotNested();
  options.story.disk.lying_syncs = true;
  options.story.lying_syncs = [](const SyncCall&) { return true; };
  EXPECT_FALSE(Explore("power-put", options).failures.empty());
}

TEST(CrashControls, ALogWithoutChecksumsIsNoticed) {
  ExploreOptions options = NotNested();
  options.between = [](FileSystem* disk) {
    return std::make_unique<ResealingFileSystem>(disk, /*spoils=*/false);
  };
  options.failures_max = 1000;  // some do not open: operations that make no sense
  const ExploreResult result = Explore("power-put batch batch", options);
  EXPECT_GT(result.lost, 0U) << "torn records pass: " << result.ToString();
}

TEST(CrashControls, WrongBytesReadInSilenceAreNoticed) {
  ExploreOptions options = NotNested();
  options.between = [](FileSystem* disk) {
    return std::make_unique<ResealingFileSystem>(disk, /*spoils=*/true);
  };
  EXPECT_EQ(Explore("power-put", options).lost, 1U);
}

// ---- States that failed.

TEST(SavedCrashTest, OneCommandReplaysAStateThatFailed) {
  const TempDirectory scratch;
  ExploreOptions options = NotNested();
  options.save_directory = scratch.path();
  options.story.lying_syncs = [](const SyncCall& call) { return call.IsOf(".log"); };
  const ExploreResult result = Explore("power-put", options);
  ASSERT_FALSE(result.failures.empty());
  std::vector<std::string> saved;
  for (const auto& entry : std::filesystem::directory_iterator(scratch.path()))
    saved.push_back(entry.path().string());
  ASSERT_EQ(saved.size(), 1U);
  EXPECT_THAT(result.failures[0], HasSubstr("logwood_crash_replay " + saved[0]));

  ChildProcess replay({LOGWOOD_BIN_DIR "/logwood_crash_replay", saved[0]});
  std::string line;
  ASSERT_TRUE(replay.ReadLine(&line));
  EXPECT_THAT(line, HasSubstr("is at position 0, expected 1 to 1"));
  EXPECT_EQ(replay.Wait(), 1);

  ASSERT_OK_AND_ASSIGN(const std::string bytes, ReadFile(FileSystem::Posix(), saved[0]));
  EXPECT_STATUS(kCorruption, ReplayCrash(bytes));
  const auto crash = SavedCrash::Decode(bytes);
  ASSERT_TRUE(crash);
  EXPECT_EQ(crash->story, "power-put");
  EXPECT_EQ(crash->Encode(), bytes);
  // What is there is right for somebody who was promised less.
  SavedCrash lenient = *crash;
  lenient.expected.at_least = 0;
  lenient.expected.contents[0] = {std::make_shared<const CrashContent>(CrashContent{{"", {}}})};
  EXPECT_OK(ReplayCrash(lenient.Encode()));
  EXPECT_STATUS(kInvalidArgument, ReplayCrash("something else"));
  EXPECT_STATUS(kInvalidArgument, ReplayCrash(std::string_view(bytes).substr(0, 40)));
}

// ---- The program that looks at them.

struct ReplayRun {
  int exit_status = 0;
  std::string output;
};

ReplayRun Replay(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), LOGWOOD_BIN_DIR "/logwood_crash_replay");
  ChildProcess child(arguments);
  ReplayRun run;
  for (std::string line; child.ReadLine(&line);) run.output += line + "\n";
  run.exit_status = child.Wait();
  return run;
}

// What an application's own crash test saved, too: all of its disk.
TEST(CrashReplay, ExtractsASavedDisk) {
  SimulatedFileSystem disk;
  FileContents database;
  {
    Options options;
    options.file_system = &disk;
    ASSERT_OK_AND_ASSIGN(const std::unique_ptr<DB> db, DB::Open(options, "my.db"));
    ASSERT_OK(db->Put({.durability = Durability::kPower}, "key", "value"));
  }
  ASSERT_OK_AND_ASSIGN(database, ReadDirectory(&disk, "my.db"));
  ASSERT_OK(disk.CreateDirectory("/var/my_app"));
  ASSERT_OK(WriteFile(&disk, "/var/my_app/notes", "of the application"));
  ASSERT_OK(disk.CreateDirectory("empty"));
  const TempDirectory scratch;
  const std::string file = scratch.Join("saved"), into = scratch.Join("into");
  ASSERT_OK(WriteFile(FileSystem::Posix(), file, disk.Save()));

  const ReplayRun run = Replay({"--extract", into, file});
  EXPECT_EQ(run.exit_status, 0) << run.output;
  EXPECT_THAT(run.output, HasSubstr(into + "/var/my_app/notes\n"));
  ASSERT_OK_AND_ASSIGN(const FileContents written,
                       ReadDirectory(FileSystem::Posix(), into + "/my.db"));
  EXPECT_EQ(DifferenceOf(database, written), "");
  EXPECT_EQ(ReadFile(FileSystem::Posix(), into + "/var/my_app/notes").value(),
            "of the application");
  EXPECT_TRUE(FileSystem::Posix()->List(into + "/empty").ok());

  const ReplayRun checked = Replay({file});
  EXPECT_EQ(checked.exit_status, 1);
  EXPECT_THAT(checked.output, HasSubstr("--extract"));
}

TEST(CrashReplay, SaysThatThereIsNoSuchFile) {
  for (const std::vector<std::string>& arguments :
       {std::vector<std::string>{"/nonexistent"},
        {"--extract", "/nonexistent/d", "/nonexistent"}}) {
    const ReplayRun run = Replay(arguments);
    EXPECT_EQ(run.exit_status, 1);
    EXPECT_THAT(run.output, HasSubstr("No such file"));
  }
}

TEST(CrashReplay, HelpIsNoFailure) {
  const ReplayRun run = Replay({"--help"});
  EXPECT_EQ(run.exit_status, 0);
  EXPECT_THAT(run.output, HasSubstr("usage:"));
}

}  // namespace
}  // namespace logwood::test
