// One simulated run of the whole engine: a few lives of one database on a simulated disk, several
// clients at a time, each life ending as the seed says - closed, closed under its clients' hands,
// killed, without power, on a disk that fails or is full - and all of it judged by a History.
#pragma once

#include <cstdint>

#include "tests/simulation/simulation.h"

namespace logwood::test {

struct EngineRunOptions {
  uint64_t seed = 1;
  // Negative controls.
  bool lying_syncs = false;
  uint64_t lost_notify = 0;  // see ScheduleOptions
};

// Notes besides those of the schedule: "files" (a hash of all files at the end of each life),
// "answers" (of all answers), "lives", "crashes", "commits", "observations", "flushes",
// "compactions".
SimulationReport SimulateEngine(const EngineRunOptions& options);

}  // namespace logwood::test
