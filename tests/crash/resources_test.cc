// A process that finds no more threads: an answer, never its end. (File descriptors and memory are
// the business of tests/db/api_descriptors_test.cc and api_memory_test.cc.)
#include <gtest/gtest.h>

#include <iostream>
#include <string>

#include "tests/crash/fault_run.h"
#include "tests/support/directory.h"

namespace logwood::test {
namespace {

TEST(NoThreads, OpenIsRefusedWithoutTheFirstAndGoesOnWithFewer) {
  constexpr uint64_t kThreadSeed = 3, kBatches = 60;
  FaultPlan plan{CallClass::kThread, 1, "EAGAIN", true};
  for (; plan.index < 20; ++plan.index) {
    SCOPED_TRACE(plan.ToString());
    const TempDirectory directory(TempDirectory::Speed::kFast);
    const std::string path = directory.Join("db");
    const FaultOutcome outcome = RunProbe(
        directory.path(), {"run", path, std::to_string(kThreadSeed), std::to_string(kBatches), "2"},
        plan, "threads_4");
    // One is needed; it does everything where there is no other.
    if (plan.index == 1) {
      ASSERT_EQ(outcome.exit_status, 2) << outcome.ToString();
      EXPECT_TRUE(outcome.last_line().starts_with("OPENFAIL Busy: " + path + ": start a thread"))
          << outcome.ToString();
    } else {
      ASSERT_EQ(outcome.exit_status, 0) << outcome.ToString();
      EXPECT_EQ(outcome.acknowledged, kBatches);
    }
    EXPECT_OK(CheckAfterFaults(path, kThreadSeed, outcome.acknowledged, outcome.acknowledged));
    if (outcome.calls_failed == 0) break;
  }
  std::cout << "    fault points: " << plan.index << "\n";
  EXPECT_GT(plan.index, 2u) << "the probe started no second thread";
}

}  // namespace
}  // namespace logwood::test
