// Simulation: runs a program under a Scheduler in a process of its own, so that nothing that ran
// before makes a difference, and so that a run that is stuck or dies can be told.
//
//   const SimulationReport report = Simulate(ScheduleOptions::FromSeed(seed), [](Notes* notes) {
//     ... threads, mutexes; Scheduler::Mine()->Fail("what is wrong") ...
//   });
//   EXPECT_TRUE(report.ok()) << report.failure;
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>

#include "tests/simulation/scheduler.h"

namespace logwood::test {

// What a run tells besides whether it failed. Names without spaces.
using Notes = std::map<std::string, uint64_t>;

struct SimulationReport {
  std::string failure;  // empty: there was none
  // What the body put there; "points", "switches", "threads", "jumps", "notifies", "fingerprint" of
  // the schedule.
  Notes notes;

  bool ok() const { return failure.empty(); }
  uint64_t Note(const std::string& name) const;
};

SimulationReport Simulate(const ScheduleOptions& options, const std::function<void(Notes*)>& body);

}  // namespace logwood::test
