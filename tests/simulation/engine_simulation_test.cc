// The whole engine under the scheduler: each seed is a run of several lives with several clients,
// judged by its history; the same seed twice gives the same bytes.
#include <gtest/gtest.h>

#include <iostream>
#include <set>
#include <string>

#include "tests/simulation/engine_run.h"
#include "tests/support/environment.h"

namespace logwood::test {
namespace {

std::string Replay(uint64_t seed) {
  return "seed " + std::to_string(seed) + ", " + ScheduleOptions::FromSeed(seed).ToString() +
         "\nagain: LOGWOOD_SEED=" + std::to_string(seed) +
         " LOGWOOD_SEEDS=1 simulation_tests --gtest_filter='*SameSeedSameBytes*'\n";
}

TEST(EngineSimulation, SameSeedSameBytes) {
  const uint64_t first = EnvironmentNumber("LOGWOOD_SEED", 1);
  const uint64_t seeds = EnvironmentNumber("LOGWOOD_SEEDS", 100);
  std::set<uint64_t> schedules;
  Notes sum;
  for (uint64_t seed = first; seed < first + seeds; ++seed) {
    const SimulationReport once = SimulateEngine({.seed = seed});
    ASSERT_TRUE(once.ok()) << Replay(seed) << once.failure;
    const SimulationReport again = SimulateEngine({.seed = seed});
    ASSERT_TRUE(again.ok()) << Replay(seed) << again.failure;
    ASSERT_EQ(once.notes, again.notes) << Replay(seed);
    schedules.insert(once.Note("fingerprint"));
    for (const auto& [name, value] : once.notes) sum[name] += value;
  }
  EXPECT_EQ(schedules.size(), seeds);
  for (const auto& [name, value] : sum) {
    if (name != "files" && name != "answers" && name != "fingerprint") {
      std::cout << "  " << name << " " << value << "\n";
    }
  }
}

}  // namespace
}  // namespace logwood::test
