#include "tests/crash/fault_run.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <sstream>
#include <utility>

#include "logwood/db.h"
#include "tests/support/child_process.h"
#include "tests/support/environment.h"
#include "tests/support/option_sets.h"

namespace logwood::test {

namespace {

constexpr unsigned kHangSeconds = 120;

// The report in memory that the child shares, under a name it can open.
class SharedReport {
 public:
  SharedReport() : fd_(memfd_create("faults", 0)) {
    if (fd_ < 0 || ftruncate(fd_, sizeof(FaultReport)) != 0) std::abort();
    void* const memory =
        mmap(nullptr, sizeof(FaultReport), PROT_READ | PROT_WRITE, MAP_SHARED, fd_, 0);
    if (memory == MAP_FAILED) std::abort();
    report_ = static_cast<FaultReport*>(memory);
  }
  ~SharedReport() {
    munmap(report_, sizeof(FaultReport));
    close(fd_);
  }
  SharedReport(const SharedReport&) = delete;
  SharedReport& operator=(const SharedReport&) = delete;

  // For a child, which inherits the descriptor.
  std::string path() const { return "/proc/self/fd/" + std::to_string(fd_); }
  const FaultReport* operator->() const { return report_; }

 private:
  const int fd_;
  FaultReport* report_;
};

// `A <i> ...`: its i; 0: the line says something else.
uint64_t AcknowledgedBatch(const std::string& line) {
  std::istringstream fields(line);
  std::string letter;
  uint64_t batch = 0;
  if (!(fields >> letter >> batch) || letter != "A") return 0;
  return batch;
}

}  // namespace

std::string FaultPlan::ToString() const {
  return std::string(kCallClassNames[static_cast<size_t>(calls)]) + ":" + std::to_string(index) +
         ":" + way + (for_ever ? ":ever" : ":once");
}

std::string FaultOutcome::ToString() const {
  return "failed first: " + (first.empty() ? "nothing" : first) + "; exit status " +
         std::to_string(exit_status) + "; acknowledged " + std::to_string(acknowledged) +
         "; last line: " + last_line();
}

std::string ProbePath() {
  return EnvironmentText("LOGWOOD_PROBE", std::string(LOGWOOD_BIN_DIR) + "/logwood_probe");
}

Options FaultOptions() {
  Options options = OptionSetNamed(kFaultOptionSet).options;
  options.keyspaces = CrashKeyspaces::OptionsOfBoth();
  return options;
}

FaultOutcome RunProbe(const std::string& under, const std::vector<std::string>& arguments,
                      const FaultPlan& plan, const std::string& option_set) {
  const SharedReport report;
  std::vector<std::string> command = {ProbePath()};
  command.insert(command.end(), arguments.begin(), arguments.end());
  ChildProcess::Settings settings;
  settings.environment = {
      "LD_PRELOAD=" LOGWOOD_BIN_DIR "/liblogwood_faults.so",
      "LOGWOOD_FAULTS_UNDER=" + under,
      "LOGWOOD_FAULTS=" + (plan.index == 0 ? std::string() : plan.ToString()),
      "LOGWOOD_FAULTS_REPORT=" + report.path(),
      "LOGWOOD_OPTION_SET=" + option_set,
  };
  settings.ends_after_seconds = kHangSeconds;
  ChildProcess child(command, settings);
  FaultOutcome outcome;
  for (std::string line; child.ReadLine(&line);) {
    outcome.acknowledged = std::max(outcome.acknowledged, AcknowledgedBatch(line));
    outcome.lines.push_back(line);
  }
  outcome.exit_status = child.Wait();
  for (size_t i = 0; i < kCallClasses; ++i) outcome.counts[i] = report->counts[i].load();
  outcome.calls_failed = report->failed.load();
  outcome.durable_after_failed_sync = report->durable_after_failed_sync.load();
  outcome.acknowledged_by_failed = report->acknowledged_by_failed.load();
  outcome.acknowledged_after_told = report->acknowledged_after_told.load();
  outcome.syncs_told = report->failed_sync_told.load();
  outcome.first.assign(report->first, strnlen(report->first, sizeof report->first));
  return outcome;
}

Result<uint64_t> LastBatchIn(const std::string& directory, uint64_t seed) {
  std::vector<CrashStream> streams = {{seed, 0}};
  ASSIGN_OR_RETURN(const std::unique_ptr<DB> db, DB::Open(FaultOptions(), directory));
  RETURN_IF_ERROR(CheckCrashContent(db.get(), &streams));
  return streams[0].last();
}

Status CheckAfterFaults(const std::string& directory, uint64_t seed, uint64_t acknowledged,
                        uint64_t issued) {
  std::vector<CrashStream> streams = {{seed, 0}};
  ASSIGN_OR_RETURN(const std::unique_ptr<DB> db, DB::Open(FaultOptions(), directory));
  RETURN_IF_ERROR(CheckCrashContent(db.get(), &streams));
  const uint64_t found = streams[0].last();
  if (found < acknowledged || found > issued) {
    return Status::Corruption("batch " + std::to_string(found) +
                              " is the last; acknowledged were " + std::to_string(acknowledged) +
                              ", issued " + std::to_string(issued));
  }
  ASSIGN_OR_RETURN(const CrashKeyspaces keyspaces, CrashKeyspaces::OpenOrCreate(db.get()));
  WriteBatch batch;
  streams[0].Fill(found + 1, keyspaces, &batch);
  RETURN_IF_ERROR(db->Write({.durability = Durability::kPower}, batch).status());
  RETURN_IF_ERROR(db->Flush());
  RETURN_IF_ERROR(db->CompactAll({}));
  RETURN_IF_ERROR(CheckCrashContent(db.get(), &streams));
  RETURN_IF_ERROR(db->Verify({}));
  return db->Close();
}

}  // namespace logwood::test
