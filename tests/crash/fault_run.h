// A run of logwood_probe in a process of its own whose system calls fail as planned, and what came
// of it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "logwood/options.h"
#include "tests/crash/fault_plan.h"
#include "tests/support/crash_workload.h"
#include "tests/support/status_assert.h"

namespace logwood::test {

struct FaultPlan {
  CallClass calls = CallClass::kChange;
  uint64_t index = 0;  // 0: none fails
  std::string way = "EIO";
  bool for_ever = false;
  std::string ToString() const;  // as LOGWOOD_FAULTS has it
};

struct FaultOutcome {
  int exit_status = 0;  // of the program, or 128 + the signal it died of
  std::vector<std::string> lines;
  uint64_t acknowledged = 0;  // the last batch, of one stream
  uint64_t counts[kCallClasses] = {};
  uint64_t calls_failed = 0;
  // Acknowledgements behind a failed sync: see FaultReport.
  uint64_t durable_after_failed_sync = 0;
  uint64_t acknowledged_by_failed = 0;
  uint64_t acknowledged_after_told = 0;
  uint64_t syncs_told = 0;
  std::string first;  // the first call that failed: "fsync /tmp/x/db"

  uint64_t count(CallClass calls) const { return counts[static_cast<size_t>(calls)]; }
  std::string last_line() const { return lines.empty() ? "" : lines.back(); }
  std::string ToString() const;
};

// LOGWOOD_PROBE names another build of the program.
std::string ProbePath();

// The options of the probe under faults: everything tiny, so that some twenty batches flush,
// compact and rotate.
inline constexpr char kFaultOptionSet[] = "tiny_everything";
Options FaultOptions();

// Runs the probe with `arguments` under the plan; calls on what lies below `under` count. A run
// that takes two minutes hangs: SIGALRM ends it.
FaultOutcome RunProbe(const std::string& under, const std::vector<std::string>& arguments,
                      const FaultPlan& plan, const std::string& option_set = kFaultOptionSet);

// The last batch that is there. Opens the directory for writing.
Result<uint64_t> LastBatchIn(const std::string& directory, uint64_t seed);

// What a directory must hold after a run, opened without faults in this process: the content after
// one batch, at least `acknowledged`, at most `issued`. It then goes on: another durable batch,
// flush, compaction, verify, a clean close.
Status CheckAfterFaults(const std::string& directory, uint64_t seed, uint64_t acknowledged,
                        uint64_t issued);

}  // namespace logwood::test
