#include "tests/simulation/simulation.h"

#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <sstream>

#include "tests/support/child_process.h"
#include "util/check.h"

// Coverage is written at exit, which the child does not come to.
extern "C" __attribute__((weak)) void __gcov_dump();

namespace logwood::test {

namespace {

// Only where a thread waits in a way the scheduler does not own; nothing else takes so long.
constexpr unsigned kSecondsMax = 240;

constexpr char kFailed[] = "failed";

std::string Encode(const SimulationReport& report) {
  std::ostringstream text;
  for (const auto& [name, value] : report.notes) text << name << " " << value << "\n";
  if (!report.ok()) text << kFailed << " 0\n" << report.failure;
  return text.str() + '\0';
}

// False when it is not all there.
bool Decode(const std::string& text, SimulationReport* report) {
  if (text.empty() || text.back() != '\0') return false;
  std::istringstream in(text.substr(0, text.size() - 1));
  std::string name;
  uint64_t value = 0;
  while (in >> name >> value) {
    if (name == kFailed) {
      in.get();
      std::getline(in, report->failure, '\0');
      break;
    }
    report->notes[name] = value;
  }
  return true;
}

[[noreturn]] void Answer(int pipe, const SimulationReport& report) {
  const std::string text = Encode(report);
  for (size_t at = 0; at < text.size();) {
    const ssize_t wrote = write(pipe, text.data() + at, text.size() - at);
    if (wrote <= 0) break;
    at += static_cast<size_t>(wrote);
  }
  if (__gcov_dump != nullptr) __gcov_dump();
  _exit(0);
}

void AddCounts(const Scheduler::Counts& counts, Notes* notes) {
  (*notes)["points"] = counts.points;
  (*notes)["switches"] = counts.switches;
  (*notes)["threads"] = counts.threads;
  (*notes)["jumps"] = counts.jumps;
  (*notes)["notifies"] = counts.notifies;
  (*notes)["fingerprint"] = counts.fingerprint;
}

// One thread runs at a time, and handing over to one that runs elsewhere takes much longer.
void StayOnOneProcessor() {
  const int processor = sched_getcpu();
  if (processor < 0) return;
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(static_cast<size_t>(processor), &set);
  static_cast<void>(sched_setaffinity(0, sizeof set, &set));
}

[[noreturn]] void RunChild(int pipe, const ScheduleOptions& options,
                           const std::function<void(Notes*)>& body) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  alarm(kSecondsMax);
  StayOnOneProcessor();
  SimulationReport report;
  const Scheduler* running = nullptr;
  Scheduler scheduler(options, [&](const std::string& what) {
    report.failure = what;
    AddCounts(running->counts(), &report.notes);
    Answer(pipe, report);
  });
  running = &scheduler;
  scheduler.Run([&] { body(&report.notes); });
  AddCounts(scheduler.counts(), &report.notes);
  Answer(pipe, report);
}

}  // namespace

uint64_t SimulationReport::Note(const std::string& name) const {
  const auto found = notes.find(name);
  return found == notes.end() ? 0 : found->second;
}

SimulationReport Simulate(const ScheduleOptions& options, const std::function<void(Notes*)>& body) {
  int ends[2];
  CHECK(pipe(ends) == 0);
  std::fflush(nullptr);
  const pid_t child = fork();
  CHECK(child >= 0);
  if (child == 0) {
    close(ends[0]);
    RunChild(ends[1], options, body);
  }
  close(ends[1]);
  std::string text;
  char bytes[4096];
  for (ssize_t got = 0; (got = read(ends[0], bytes, sizeof bytes)) > 0;) {
    text.append(bytes, static_cast<size_t>(got));
  }
  close(ends[0]);
  const int status = WaitForChild(child);
  SimulationReport report;
  if (status == 128 + SIGALRM) {
    report.failure = "stuck: a thread waits in a way that the scheduler does not own";
  } else if (status != 0 || !Decode(text, &report)) {
    report.failure = "the process died, status " + std::to_string(status) + " " + text;
  }
  report.failure = WithSourceLines(report.failure);
  return report;
}

}  // namespace logwood::test
