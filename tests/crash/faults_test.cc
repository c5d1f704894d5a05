// System calls that fail, one at a time, in a real process on files in memory (/dev/shm, where it
// is there): the run ends with an answer that says what failed and where, or as if nothing had
// happened; never hangs, never aborts; and the next run finds all that was acknowledged, and only
// what was issued. (Of a short life every call in every way, in one process:
// every_call_test.cc.)
//
//   crash_tests --gtest_filter='Ways/Faults*'                       every way, a sample of the
//   rarer LOGWOOD_FAULT_STEP=1 crash_tests --gtest_filter='Ways/Faults*'  every call, every way
//   LOGWOOD_FAULT=killed:run:change:17:EIO:once crash_tests --gtest_filter='FaultReplay.One'
#include <gtest/gtest.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <iostream>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "tests/crash/fault_run.h"
#include "tests/support/directory.h"
#include "tests/support/environment.h"

namespace logwood::test {
namespace {

constexpr uint64_t kSeed = 5;
constexpr uint64_t kFirstBatches = 16;  // of a new database
constexpr uint64_t kMoreBatches = 28;   // of one that was killed before
constexpr char kMixedSync[] = "2";
// More calls than any of these runs makes.
constexpr uint64_t kCallsMax = 20'000;

// Where a run begins: nothing, or what a killed one left - tables, segments, no clean close.
enum class Start : uint8_t { kNew, kKilled };

struct Sweep {
  Start start = Start::kNew;
  std::string command = "run";
  FaultPlan plan;     // its index is the sweep's
  uint64_t step = 1;  // every step-th call
};

std::string NameOf(const Sweep& sweep) {
  return std::string(sweep.start == Start::kNew ? "new" : "killed") + ":" + sweep.command + ":" +
         sweep.plan.ToString();
}
std::ostream& operator<<(std::ostream& out, const Sweep& sweep) { return out << NameOf(sweep); }

class FaultsBase : public testing::Test {
 protected:
  void SetUp() override { MakeKilled(); }

  // A directory whose process was killed in the middle of its work.
  void MakeKilled() {
    const std::string path = place_.Join("template");
    const std::vector<std::string> run = {"run", path, std::to_string(kSeed),
                                          std::to_string(kMoreBatches), kMixedSync};
    const FaultOutcome whole = RunProbe(place_.path(), run, {});
    ASSERT_EQ(whole.exit_status, 0) << whole.ToString();
    ASSERT_OK_AND_ASSIGN(closed_, ReadDirectory(FileSystem::Posix(), path));
    ASSERT_OK(RemoveDirectoryFiles(FileSystem::Posix(), path));
    FaultPlan kill;
    kill.index = whole.count(CallClass::kChange) / 2;
    kill.way = "kill";
    const FaultOutcome cut = RunProbe(place_.path(), run, kill);
    ASSERT_EQ(cut.exit_status, 128 + SIGKILL) << cut.ToString();
    ASSERT_OK_AND_ASSIGN(killed_, ReadDirectory(FileSystem::Posix(), path));
    ASSERT_OK_AND_ASSIGN(killed_batches_, LastBatchIn(path, kSeed));
    ASSERT_GE(killed_batches_, cut.acknowledged);
    ASSERT_GT(cut.acknowledged, 3u);
  }

  // One run with one plan, judged. Whether a call failed.
  bool Try(const Sweep& sweep) {
    SCOPED_TRACE("LOGWOOD_FAULT=" + NameOf(sweep));
    const TempDirectory directory(TempDirectory::Speed::kFast);
    const std::string path = directory.Join("db");
    const bool checks = sweep.command == "check";
    if (sweep.start == Start::kKilled) {
      EXPECT_OK(WriteDirectory(FileSystem::Posix(), path, checks ? closed_ : killed_));
    }
    const uint64_t batches = sweep.start == Start::kNew ? kFirstBatches : kMoreBatches;
    std::vector<std::string> arguments = {sweep.command, path, std::to_string(kSeed),
                                          std::to_string(batches)};
    if (!checks) arguments.push_back(kMixedSync);
    const FaultOutcome outcome = RunProbe(directory.path(), arguments, sweep.plan);
    if (checks) {
      JudgeCheck(outcome, sweep, directory.path());
    } else {
      JudgeRun(outcome, sweep, batches, directory.path());
    }
    uint64_t before = sweep.start == Start::kKilled ? killed_batches_ : 0;
    if (checks) before = kMoreBatches;
    const uint64_t acknowledged = std::max(outcome.acknowledged, before);
    const Status after =
        CheckAfterFaults(path, kSeed, acknowledged, acknowledged + (checks ? 0 : 1));
    EXPECT_TRUE(after.ok()) << after.ToString() << "\n" << outcome.ToString();
    return outcome.calls_failed != 0;
  }

  static void JudgeRun(const FaultOutcome& outcome, const Sweep& sweep, uint64_t batches,
                       const std::string& under) {
    const std::string& way = sweep.plan.way;
    if ((way == "kill" || way == "tear") && outcome.calls_failed != 0) {
      EXPECT_EQ(outcome.exit_status, 128 + SIGKILL) << outcome.ToString();
      return;
    }
    if (way == "EINTR" || way == "short") {
      EXPECT_EQ(outcome.exit_status, 0) << "not handled inside: " << outcome.ToString();
    }
    ASSERT_TRUE(outcome.exit_status == 0 || outcome.exit_status == 2)
        << "no answer, but the end of the process: " << outcome.ToString();
    if (outcome.exit_status == 0) {
      EXPECT_EQ(outcome.acknowledged, batches) << outcome.ToString();
    } else {
      JudgeAnswer(outcome, under);
    }
    EXPECT_EQ(outcome.durable_after_failed_sync, 0u) << outcome.ToString();
    EXPECT_EQ(outcome.acknowledged_by_failed, 0u) << outcome.ToString();
    // One writer: what it was about to acknowledge when another thread's sync failed is all.
    EXPECT_LE(outcome.acknowledged_after_told, 1u) << outcome.ToString();
  }

  static void JudgeCheck(const FaultOutcome& outcome, const Sweep& sweep,
                         const std::string& under) {
    if (sweep.plan.way == "EINTR" || sweep.plan.way == "short") {
      EXPECT_EQ(outcome.exit_status, 0) << "not handled inside: " << outcome.ToString();
    }
    if (outcome.exit_status == 0) {
      EXPECT_TRUE(outcome.last_line().starts_with("OK " + std::to_string(kMoreBatches) + " "))
          << outcome.ToString();
      return;
    }
    EXPECT_EQ(outcome.exit_status, 2) << outcome.ToString();
    JudgeAnswer(outcome, under);
  }

  // It says what failed, with operation and path; and a disk that says no is no damage.
  static void JudgeAnswer(const FaultOutcome& outcome, const std::string& under) {
    const std::string line = outcome.last_line();
    EXPECT_TRUE(line.starts_with("FAILED ") || line.starts_with("OPENFAIL ")) << outcome.ToString();
    EXPECT_NE(line.find(under), std::string::npos) << "names no path: " << outcome.ToString();
    EXPECT_EQ(line.find("Corruption"), std::string::npos) << outcome.ToString();
  }

  // Each call in turn, until runs meet no fault any more: threads make their number vary, but by
  // less than two of the longer steps.
  void Run(Sweep sweep) {
    const int misses = sweep.step == 1 ? 3 : 2;
    int without_fault = 0;
    uint64_t met = 0;
    for (uint64_t k = 1 + std::min<uint64_t>(sweep.step / 2, 4);
         without_fault < misses && !HasFailure(); k += sweep.step) {
      ASSERT_LT(k, kCallsMax) << "the run does not end";
      sweep.plan.index = k;
      const bool failed = Try(sweep);
      without_fault = failed ? 0 : without_fault + 1;
      met += failed;
    }
    EXPECT_GT(met, 0u) << "no call failed";
    std::cout << "    fault points: " << met << "\n";
  }

 private:
  const TempDirectory place_{TempDirectory::Speed::kFast};
  FileContents closed_, killed_;
  uint64_t killed_batches_ = 0;
};

// ---- Every call of a class in one way.

class Faults : public FaultsBase, public testing::WithParamInterface<Sweep> {};

TEST_P(Faults, LoseNothingAndAreToldOrHandled) {
  Sweep sweep = GetParam();
  sweep.step = std::max<uint64_t>(1, EnvironmentNumber("LOGWOOD_FAULT_STEP", sweep.step));
  Run(sweep);
}

std::vector<Sweep> Sweeps() {
  constexpr uint64_t kAll = 1, kSome = 29, kFew = 83;
  struct Kind {
    CallClass calls;
    const char* way;
    bool for_ever;
    uint64_t step;
  };
  constexpr Kind kKinds[] = {
      {CallClass::kChange, "EIO", false, kAll},      {CallClass::kChange, "EIO", true, kSome},
      {CallClass::kChange, "ENOSPC", false, kSome},  {CallClass::kChange, "ENOSPC", true, kSome},
      {CallClass::kChange, "EINTR", false, kSome},   {CallClass::kChange, "EINTR", true, kFew},
      {CallClass::kTransfer, "short", false, kSome}, {CallClass::kTransfer, "short", true, kFew},
      {CallClass::kChange, "EDQUOT", false, kSome},  {CallClass::kChange, "EDQUOT", true, kFew},
      {CallClass::kChange, "EROFS", false, kSome},   {CallClass::kChange, "EROFS", true, kFew},
      {CallClass::kChange, "EMFILE", false, kSome},  {CallClass::kChange, "EMFILE", true, kFew},
      {CallClass::kChange, "kill", false, kSome},    {CallClass::kTransfer, "tear", false, kSome},
      {CallClass::kRead, "EIO", false, kAll},        {CallClass::kRead, "EIO", true, kSome},
      {CallClass::kRead, "EINTR", false, kSome},     {CallClass::kRead, "EINTR", true, kFew},
      {CallClass::kOpen, "EMFILE", false, kAll},     {CallClass::kOpen, "EMFILE", true, kSome},
  };
  std::vector<Sweep> sweeps;
  for (const Kind& kind : kKinds) {
    for (const Start start : {Start::kNew, Start::kKilled}) {
      Sweep sweep{start, "run", {kind.calls, 0, kind.way, kind.for_ever}, kind.step};
      sweeps.push_back(sweep);
      sweep.command = "check";
      sweep.step = std::max(kSome, sweep.step);
      if (start == Start::kKilled && kind.calls == CallClass::kRead) sweeps.push_back(sweep);
    }
  }
  return sweeps;
}

INSTANTIATE_TEST_SUITE_P(Ways, Faults, testing::ValuesIn(Sweeps()), [](const auto& sweep) {
  std::string name = NameOf(sweep.param);
  for (char& c : name) {
    if (c == ':') c = '_';
  }
  return name;
});

// ---- The names of directories. Cut off, a file system whose journal has the name of a directory
// once anything below is synced does not tell whether its parent was synced for it.

// What the first syncs of a new database in `path` are of.
std::set<std::string> FirstSyncs(bool is_there) {
  std::set<std::string> syncs;
  for (uint64_t k = 1; k <= 4; ++k) {
    const TempDirectory directory(TempDirectory::Speed::kFast);
    const std::string path = directory.Join("outer/db");
    if (is_there) std::filesystem::create_directories(path);
    const FaultPlan plan{.calls = CallClass::kSync, .index = k};
    const FaultOutcome outcome =
        RunProbe(directory.path(), {"run", path, std::to_string(kSeed), "1", "1"}, plan);
    EXPECT_EQ(outcome.exit_status, 2) << outcome.ToString();
    const size_t begin = outcome.first.find(directory.path());
    if (begin != std::string::npos) {
      syncs.insert(outcome.first.substr(begin + directory.path().size()));
    }
  }
  return syncs;
}

TEST(NewDirectory, IsDurableInItsParentBeforeAnythingIsPromised) {
  EXPECT_TRUE(FirstSyncs(false).contains("")) << "of the directory that `outer` is in";
  EXPECT_TRUE(FirstSyncs(false).contains("/outer"));
  // Whoever made it may not have come to that.
  EXPECT_TRUE(FirstSyncs(true).contains("/outer"));
}

// ---- One of them again.

class FaultReplay : public FaultsBase {};

TEST_F(FaultReplay, One) {
  std::string text = EnvironmentText("LOGWOOD_FAULT", "new:run:change:40:EIO:once");
  for (char& c : text) {
    if (c == ':') c = ' ';
  }
  std::istringstream fields(text);
  std::string start, calls, often;
  Sweep sweep;
  fields >> start >> sweep.command >> calls >> sweep.plan.index >> sweep.plan.way >> often;
  ASSERT_TRUE(fields) << "LOGWOOD_FAULT is not START:COMMAND:CLASS:INDEX:WAY:once|ever";
  sweep.start = start == "new" ? Start::kNew : Start::kKilled;
  sweep.plan.for_ever = often == "ever";
  for (size_t i = 0; i < kCallClasses; ++i) {
    if (kCallClassNames[i] == calls) sweep.plan.calls = static_cast<CallClass>(i);
  }
  EXPECT_TRUE(Try(sweep)) << "no call failed";
}

}  // namespace
}  // namespace logwood::test
