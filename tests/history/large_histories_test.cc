// That the checker of histories takes about linear time: a million operations
// (LOGWOOD_HISTORY_OPERATIONS; by default fewer), of a correct store and of one whose history is a
// single large cycle.
#include <gtest/gtest.h>

#include <cstdio>
#include <ctime>

#include "tests/history/reference_store.h"
#include "tests/support/environment.h"
#include "tests/support/sanitizers.h"

namespace logwood::test {
namespace {

TransactionHistory LargeHistory(StoreDefect defect) {
  const uint64_t operations =
      EnvironmentNumber("LOGWOOD_HISTORY_OPERATIONS", kSanitized ? 5'000 : 50'000);
  ReferenceStore store(1, defect);
  HistoryWorkload workload = {.sessions = 10, .keys = 1000, .operations_max = 8};
  workload.transactions = static_cast<uint32_t>(operations / workload.sessions / 5);
  workload.scans = false;  // their rows are no operations
  TransactionHistory history = RunWorkload(workload, &store);
  std::printf("%zu operations, %zu elements read\n", history.operations.size(),
              history.data.size());
  return history;
}

HistoryReport Check(const TransactionHistory& history) {
  const std::clock_t before = std::clock();
  HistoryReport report = CheckHistory(history);
  std::printf("checked in %.2f s of CPU\n",
              static_cast<double>(std::clock() - before) / CLOCKS_PER_SEC);
  return report;
}

TEST(LargeHistories, AreAcceptedWhenRight) {
  const HistoryReport report = Check(LargeHistory(StoreDefect::kNone));
  EXPECT_TRUE(report.ok()) << report.Text();
}

TEST(LargeHistories, AreToldWithShortCycles) {
  const HistoryReport report = Check(LargeHistory(StoreDefect::kStaleSnapshots));
  EXPECT_TRUE(report.Has(HistoryAnomaly::kStaleRead));
  EXPECT_LT(report.Text().size(), 20'000u);
}

}  // namespace
}  // namespace logwood::test
