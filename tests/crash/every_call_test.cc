// Every system call of a short life that changes the disk, failing in each of seven ways, once and
// for ever: each answer is ok or says what failed and where; what is interrupted or short is
// handled inside; nothing acknowledged is lost, nothing hangs or aborts, and the database opens and
// goes on when the fault is gone; and no failed sync of any file or directory is kept from the
// caller. Where faults_test.cc runs a process for each point, and therefore fails some calls of
// longer runs, here one process under liblogwood_faults.so lives one life after another: on a file
// system that never waits for a disk, and where a transfer is short once on that of TMPDIR.
//
//   crash_tests --gtest_filter='Ways/EveryCall*'
//   LOGWOOD_FAULT_AT=17 crash_tests --gtest_filter='Ways/EveryCall*killed_EIO_once'    one of them
#include <dlfcn.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <string>
#include <vector>

#include "tests/crash/fault_run.h"
#include "tests/db/crash_support.h"
#include "tests/support/child_process.h"
#include "tests/support/directory.h"
#include "tests/support/environment.h"

namespace logwood::test {
namespace {

constexpr unsigned kOneLifeSecondsMax = 60;
constexpr unsigned kAllLivesSecondsMax = 550;
constexpr uint64_t kCallsOfALifeMax = 2000;
constexpr int kTriesMax = 5;  // to come to a call that each life made so far

struct EveryCallCase {
  bool killed;  // begins with what a killed process left; else with nothing
  const char* way;
  bool for_ever;
  std::string name() const {
    return std::string(killed ? "killed_" : "new_") + way + (for_ever ? "_ever" : "_once");
  }
  CallClass calls() const {
    return std::string_view(way) == "short" ? CallClass::kTransfer : CallClass::kChange;
  }
  // An interrupted or short call is not the caller's business.
  bool is_handled_inside() const {
    return std::string_view(way) == "EINTR" || std::string_view(way) == "short";
  }
  // Not all wait for a disk, which takes a hundred times as long.
  TempDirectory::Speed speed() const {
    const bool waits = !for_ever && std::string_view(way) == "short";
    return waits ? TempDirectory::Speed::kDisk : TempDirectory::Speed::kFast;
  }
};

class EveryCall : public testing::TestWithParam<EveryCallCase> {
 protected:
  // In a process of its own under the library, which runs this test again.
  static void RunUnderLibrary() {
    const TempDirectory place(GetParam().speed());
    const auto* const test = testing::UnitTest::GetInstance()->current_test_info();
    ChildProcess::Settings settings;
    settings.environment = {"LD_PRELOAD=" LOGWOOD_BIN_DIR "/liblogwood_faults.so",
                            "LOGWOOD_FAULTS_UNDER=" + place.path(),
                            "LOGWOOD_FAULTS=",
                            "GTEST_TOTAL_SHARDS=1",
                            "GTEST_SHARD_INDEX=0",
                            "GTEST_OUTPUT="};
    settings.ends_after_seconds = kAllLivesSecondsMax;
    ChildProcess child({"/proc/self/exe", std::string("--gtest_filter=") + test->test_suite_name() +
                                              "." + test->name()},
                       settings);
    std::string output, figures;
    for (std::string line; child.ReadLine(&line);) {
      output += line + "\n";
      if (line.starts_with("    calls failed")) figures += line + "\n";
    }
    const int status = child.Wait();
    EXPECT_EQ(status, 0) << output;
    EXPECT_NE(figures, "") << output;
    std::cout << figures;
  }

  // Without faults: a directory whose process was killed, with commits in tables and in two
  // segments, and what it acknowledged.
  void MakeKilled() {
    const std::string path = Under() + "/template";
    Life life(path, Under());
    ASSERT_OK(life.OpenUnseen(LifeOptions()));
    ASSERT_OK(life.CreateOrDropKeyspace());
    ASSERT_OK(life.Write(Durability::kPower));
    ASSERT_OK(life.Flush());
    ASSERT_OK(life.Write(Durability::kProcess, 2500));
    ASSERT_OK(life.Write(Durability::kPower, 2500));
    ASSERT_OK(life.Write(Durability::kProcess));
    ASSERT_OK_AND_ASSIGN(killed_files_, ReadLiveDirectory(FileSystem::Posix(), path));
    killed_ = life.AfterKill();
    ASSERT_OK(life.Close());
    std::filesystem::remove_all(path);
  }

  // One life; whether it came to the call: that failed, or has no half that could be missing.
  bool Try(uint64_t index) {
    const EveryCallCase& tried = GetParam();
    const std::string what = "LOGWOOD_FAULT_AT=" + std::to_string(index) + ", " + tried.name();
    SCOPED_TRACE(what);
    SetCrashNote(what);
    std::signal(SIGALRM, [](int) { std::abort(); });  // a hang tells its note, too
    alarm(kOneLifeSecondsMax);
    const std::string path = Under() + "/" + (tried.killed ? "template" : "db");
    Life life(path, Under());
    if (tried.killed) {
      EXPECT_OK(WriteDirectory(FileSystem::Posix(), path, killed_files_));
      life = killed_.AfterKill();
    }
    const std::string faults = std::string(kCallClassNames[static_cast<size_t>(tried.calls())]) +
                               ":" + std::to_string(index) + ":" + tried.way +
                               (tried.for_ever ? ":ever" : ":once");
    const FaultReport* const report = plan_(index == 0 ? "" : faults.c_str());
    const bool all_ok = Live(&life, *report);
    const uint64_t failed = report->failed;
    const bool came = failed + report->left_whole != 0;
    const bool sync_failed = report->ending_syncs_failed != 0;
    const std::string first = report->first;
    if (!came) {
      const uint64_t calls = report->counts[static_cast<size_t>(tried.calls())];
      calls_max_ = std::max(calls_max_, calls);
      calls_min_ = std::min(calls_min_, calls);
    }
    plan_("");
    SCOPED_TRACE("failed first: " + first);
    EXPECT_TRUE(all_ok || !tried.is_handled_inside()) << "not handled inside";
    EXPECT_TRUE(all_ok || failed != 0) << "fails by itself";
    EXPECT_FALSE(all_ok && sync_failed) << "nobody was told of a failed sync";
    calls_failed_ += failed != 0;
    LookAgain(life.AfterKill());
    std::filesystem::remove_all(path);
    alarm(0);
    return came;
  }

  static std::string Under() { return EnvironmentText("LOGWOOD_FAULTS_UNDER", ""); }
  PlanFaults* const plan_ = reinterpret_cast<PlanFaults*>(dlsym(RTLD_DEFAULT, kPlanFaultsName));
  // Of the class, that lives without faults make: the most and the fewest.
  uint64_t calls_max_ = 0, calls_min_ = kCallsOfALifeMax;
  uint64_t calls_failed_ = 0;  // by the plan: of one that is for ever the first

 private:
  static Options LifeOptions() {
    Options options = FaultOptions();
    options.file_system = FileSystem::Posix();
    return options;
  }

  // Opens - once more where that fails - which makes or recovers the database and writes a
  // manifest, writes, flushes, which begins a new segment, and closes; a new one makes a keyspace
  // and compacts, too. Whether all answers were ok.
  static bool Live(Life* life, const FaultReport& report) {
    bool all_ok = true;
    const auto note = [&all_ok](const Status& status) {
      all_ok &= status.ok();
      return status.ok();
    };
    if (!note(life->OpenUnseen(LifeOptions())) && !note(life->OpenUnseen(LifeOptions())))
      return false;
    // What failed in an open that failed is over. Another thread may be about to tell of its sync:
    // of syncs that are not the log's those count that were told.
    const uint64_t log_syncs_failed = report.log_syncs_failed;
    const bool told_before_open = report.failed_sync_told != 0;
    const auto has_failed = [&] {
      return report.log_syncs_failed != log_syncs_failed ||
             (!told_before_open && report.failed_sync_told != 0);
    };
    const auto write = [&](Durability durability) {
      const bool failed_before = has_failed();
      const bool acknowledged = note(life->Write(durability));
      EXPECT_FALSE(acknowledged && failed_before) << "acknowledged behind a failed sync";
      // What was not to be durable may be acknowledged while a sync of what was before it fails.
      const bool failed_itself =
          durability == Durability::kPower && report.log_syncs_failed != log_syncs_failed;
      EXPECT_FALSE(acknowledged && failed_itself) << "acknowledged although its sync failed";
    };
    const bool is_new = life->last() == 0;
    if (is_new) note(life->CreateOrDropKeyspace());
    write(Durability::kPower);
    note(life->Flush());
    write(Durability::kProcess);
    if (is_new) note(life->CompactAll());
    write(Durability::kPower);
    const bool closed = note(life->Close());
    EXPECT_FALSE(closed && has_failed()) << "closed in peace behind a failed sync";
    return all_ok;
  }

  // Without faults: all that must be there is, and it goes on.
  static void LookAgain(Life life) {
    ASSERT_OK(life.Open(LifeOptions()));
    ASSERT_OK(life.Write(Durability::kPower));
    life.Check();
    ASSERT_OK(life.db()->Verify({}));
    ASSERT_OK(life.Close());
  }

  FileContents killed_files_;
  Life killed_;
};

TEST_P(EveryCall, FailsAndNothingIsLost) {
  if (plan_ == nullptr) return RunUnderLibrary();
  MakeKilled();
  if (const uint64_t one = EnvironmentNumber("LOGWOOD_FAULT_AT", 0); one != 0) {
    EXPECT_TRUE(Try(one)) << "no call failed";
    std::cout << "    calls failed: " << calls_failed_ << "\n";
    return;
  }
  // Threads make the number of calls vary: up to the most of some lives without faults, and until
  // lives meet no fault any more.
  for (int i = 0; i < 3; ++i) Try(0);
  const uint64_t step = std::max<uint64_t>(1, EnvironmentNumber("LOGWOOD_FAULT_STEP", 1));
  int without_fault = 0;
  for (uint64_t k = 1 + std::min<uint64_t>(step / 2, 4);
       (k <= calls_max_ || without_fault < 3) && !HasFailure(); k += step) {
    ASSERT_LT(k, kCallsOfALifeMax + 3 * step) << "the life does not end";
    const bool is_sure = k <= calls_min_;
    bool came = Try(k);
    // That life was shorter than all before; the next one need not be.
    for (int i = 0; is_sure && !came && i < kTriesMax; ++i) came = Try(k);
    EXPECT_TRUE(came || k > calls_min_) << "no life came to call " << k << " of " << calls_min_;
    without_fault = came ? 0 : without_fault + 1;
  }
  EXPECT_GT(calls_failed_, 0u) << "no call failed";
  std::cout << "    calls failed: " << calls_failed_ << "\n";
}

std::vector<EveryCallCase> EveryCallCases() {
  std::vector<EveryCallCase> cases;
  for (const char* const way : {"EIO", "ENOSPC", "EDQUOT", "EROFS", "EMFILE", "EINTR", "short"}) {
    for (const bool for_ever : {false, true}) {
      for (const bool killed : {false, true}) cases.push_back({killed, way, for_ever});
    }
  }
  return cases;
}

INSTANTIATE_TEST_SUITE_P(Ways, EveryCall, testing::ValuesIn(EveryCallCases()),
                         [](const auto& tested) { return tested.param.name(); });

}  // namespace
}  // namespace logwood::test
