// The whole engine under the scheduler: a seed is a run of several lives with several clients,
// judged by its history; the same seed twice gives the same bytes, in whichever process.
//
//   LOGWOOD_SEED=7 LOGWOOD_SEEDS=1 simulation_tests --gtest_filter='*SameSeedSameBytes*'
//   LOGWOOD_SEEDS=10000 simulation_tests --gtest_filter='*SameSeedSameBytes*'
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdio>
#include <memory>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "tests/simulation/engine_run.h"
#include "tests/support/child_process.h"
#include "tests/support/environment.h"
#include "tests/support/sanitizers.h"

namespace logwood::test {
namespace {

uint64_t FirstSeed() { return EnvironmentNumber("LOGWOOD_SEED", 1); }
uint64_t Seeds() { return EnvironmentNumber("LOGWOOD_SEEDS", kSanitized ? 12 : 100); }

std::string Replay(uint64_t seed) {
  return "seed " + std::to_string(seed) + ": " + ScheduleOptions::FromSeed(seed).ToString() +
         "\nagain: LOGWOOD_SEED=" + std::to_string(seed) +
         " LOGWOOD_SEEDS=1 simulation_tests --gtest_filter='*SameSeedSameBytes*'\n";
}

// Moves what the heap hands out next: what depends on addresses comes out differently.
std::vector<std::unique_ptr<char[]>> MoveHeap(uint64_t seed) {
  std::vector<std::unique_ptr<char[]>> pieces;
  for (uint64_t i = 0; i < 200; ++i) {
    pieces.push_back(std::make_unique<char[]>(16 + (seed * 7919 + i * 104'729) % 3000));
    if (i % 3 == 0) pieces.erase(pieces.begin() + static_cast<std::ptrdiff_t>(pieces.size() / 2));
  }
  return pieces;
}

// The seeds in four parts, so that they run beside each other.
class EngineSimulation : public testing::TestWithParam<uint64_t> {};
constexpr uint64_t kParts = 4;

TEST_P(EngineSimulation, ConcurrentClientsSameSeedSameBytes) {
  std::set<uint64_t> schedules;
  uint64_t runs = 0;
  Notes sum;
  for (uint64_t seed = FirstSeed(); seed < FirstSeed() + Seeds(); ++seed) {
    if (seed % kParts != GetParam()) continue;
    ++runs;
    const SimulationReport once = SimulateEngine({.seed = seed});
    ASSERT_TRUE(once.ok()) << Replay(seed) << once.failure;
    const auto moved = MoveHeap(seed);
    const SimulationReport again = SimulateEngine({.seed = seed});
    ASSERT_TRUE(again.ok()) << Replay(seed) << again.failure;
    ASSERT_EQ(once.notes, again.notes) << Replay(seed);
    schedules.insert(once.Note("fingerprint"));
    for (const auto& [name, value] : once.notes) sum[name] += value;
  }
  EXPECT_EQ(schedules.size(), runs) << "two seeds had one schedule";
  for (const char* name : {"runs", "lives", "crashes", "commits", "observations", "flushes",
                           "compactions", "points", "switches"}) {
    RecordProperty(name, std::to_string(name == std::string("runs") ? runs : sum[name]));
  }
  std::printf("  runs: %llu\n", static_cast<unsigned long long>(runs));
  for (const auto& [name, value] : sum) {
    if (name == "files" || name == "answers" || name == "fingerprint") continue;
    std::printf("  %s: %llu\n", name.c_str(), static_cast<unsigned long long>(value));
  }
}

INSTANTIATE_TEST_SUITE_P(Part, EngineSimulation, testing::Range(uint64_t{0}, kParts));

// Run by the test below, in a process of its own.
TEST(EngineBytes, AreTold) {
  const SimulationReport report = SimulateEngine({.seed = FirstSeed()});
  ASSERT_TRUE(report.ok()) << Replay(FirstSeed()) << report.failure;
  std::ostringstream notes;
  for (const auto& [name, value] : report.notes) notes << " " << name << "=" << value;
  std::printf("bytes%s\n", notes.str().c_str());
}

TEST(EngineBytes, AreTheSameInAnotherProgramRun) {
  for (uint64_t seed = 101; seed < 104; ++seed) {
    // Also when this process is one of several that share the tests.
    const ChildProcess::Settings settings{.environment = {"LOGWOOD_SEED=" + std::to_string(seed),
                                                          "GTEST_TOTAL_SHARDS=1",
                                                          "GTEST_SHARD_INDEX=0", "GTEST_OUTPUT="}};
    std::set<std::string> told;
    for (int run = 0; run < 2; ++run) {
      ChildProcess child({"/proc/self/exe", "--gtest_filter=EngineBytes.AreTold"}, settings);
      std::string line, bytes;
      while (child.ReadLine(&line)) {
        if (line.starts_with("bytes ")) bytes = line;
      }
      EXPECT_EQ(child.Wait(), 0);
      EXPECT_NE(bytes, "");
      told.insert(bytes);
    }
    EXPECT_EQ(told.size(), 1u) << Replay(seed) << *told.begin() << "\n" << *told.rbegin();
  }
}

// ---- Negative controls: it can fail.

TEST(EngineSimulationFails, OnADiskWhoseSyncsLie) {
  uint64_t failed = 0;
  for (uint64_t seed = 1; seed <= 12; ++seed) {
    failed += SimulateEngine({.seed = seed, .lying_syncs = true}).ok() ? 0 : 1;
  }
  EXPECT_GE(failed, 3u);
}

// One notification of a run that nobody gets. Most are made up for by a later one.
TEST(EngineSimulationFails, WhenWakeUpsAreLost) {
  uint64_t failed = 0;
  for (const uint64_t lost : {3, 7, 12, 20}) {
    for (uint64_t seed = 1; seed <= 12 && failed < 2; ++seed) {
      const SimulationReport report = SimulateEngine({.seed = seed, .lost_notify = lost});
      if (report.ok()) continue;
      ++failed;
      EXPECT_NE(report.failure.find("every thread waits"), std::string::npos) << report.failure;
      EXPECT_NE(report.failure.find("logwood::"), std::string::npos) << report.failure;
    }
  }
  EXPECT_GE(failed, 2u);
}

}  // namespace
}  // namespace logwood::test
