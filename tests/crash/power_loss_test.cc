// Power lost, or the process killed, at each change that a short life of a database makes to its
// disk, and again in each recovery: what was acknowledged as durable is there, what is there is the
// content after one commit, and the database always opens.
//
//   LOGWOOD_STORIES=1000 LOGWOOD_SEED=7 crash_tests --gtest_filter='PowerLoss.Seeded*'
//   LOGWOOD_STEPS="put flush drop kill put" crash_tests --gtest_filter='PowerLoss.OneStory'
//   logwood_crash_replay FILE                          a state that failed
#include <gtest/gtest.h>

#include <filesystem>
#include <iostream>
#include <string>
#include <vector>

#include "tests/support/crash_explorer.h"
#include "tests/support/environment.h"
#include "util/random.h"

namespace logwood::test {
namespace {

ExploreOptions Defaults() {
  ExploreOptions options;
  options.seed = EnvironmentNumber("LOGWOOD_SEED", 1);
  options.save_directory = EnvironmentText(
      "LOGWOOD_SAVE", (std::filesystem::temp_directory_path() / "logwood-crash-states").string());
  return options;
}

void Report(const ExploreResult& result) {
  std::cout << "    " << result.ToString() << "\n";
  for (const std::string& failure : result.failures) ADD_FAILURE() << failure;
}

std::vector<StepKind> Story(uint64_t number, int length) {
  std::vector<StepKind> steps;
  for (; length > 0; --length, number /= kStepKinds)
    steps.push_back(static_cast<StepKind>(number % kStepKinds));
  return steps;
}

// Every story of this many steps.
ExploreResult ExploreAll(int length, const ExploreOptions& options) {
  ExploreResult all;
  uint64_t stories = 1;
  for (int i = 0; i < length; ++i) stories *= kStepKinds;
  CrashExplorer explorer(options);
  for (uint64_t i = 0; i < stories && all.failures.size() < options.failures_max; ++i)
    all.Add(explorer.Explore(Story(i, length)));
  return all;
}

TEST(PowerLoss, EveryStoryOfOneStep) { Report(ExploreAll(1, Defaults())); }

TEST(PowerLoss, EveryStoryOfTwoSteps) {
  ExploreOptions options = Defaults();
  options.states_per_change = 12;
  Report(ExploreAll(2, options));
}

TEST(PowerLoss, SeededStories) {
  ExploreOptions options = Defaults();
  Random random(options.seed);
  ExploreResult all;
  const uint64_t stories = EnvironmentNumber("LOGWOOD_STORIES", 5);
  for (uint64_t i = 0; i < stories && all.failures.empty(); ++i) {
    std::vector<StepKind> steps;
    for (uint64_t left = 5 + random.Uniform(25); left > 0; --left)
      steps.push_back(static_cast<StepKind>(random.Uniform(kStepKinds)));
    options.seed = random.Next();
    all.Add(CrashExplorer(options).Explore(steps));
  }
  Report(all);
}

TEST(PowerLoss, OneStory) {
  const auto steps =
      ParseSteps(EnvironmentText("LOGWOOD_STEPS",
                                 "put power-put drop batch flush big-put big-put power-batch "
                                 "compact delete reopen power-put kill put wait-durable drop"));
  ASSERT_TRUE(steps);
  ExploreOptions options = Defaults();
  options.states_per_change = 100;
  Report(CrashExplorer(options).Explore(*steps));
}

// ---- Tests of the tests: a disk that lies must be noticed, or the tests above prove nothing.

struct Mutant {
  const char* name;
  const char* steps;
  SimulatedFileSystem::LieRule lies;
};
SimulatedFileSystem::LieRule Ending(const std::string& end) {
  return [end](const std::string& path) { return path.ends_with(end); };
}
SimulatedFileSystem::LieRule Named(const std::string& name) {
  return [name](const std::string& path) { return path.find(name) != std::string::npos; };
}

class SyncMutants : public testing::TestWithParam<Mutant> {};

TEST_P(SyncMutants, IsNoticed) {
  ExploreOptions options = Defaults();
  options.save_directory.clear();
  options.nests_one_in = 0;
  options.states_per_change = 200;
  options.lying_syncs = GetParam().lies;
  const ExploreResult result = CrashExplorer(options).Explore(*ParseSteps(GetParam().steps));
  std::cout << "    " << result.ToString() << "\n";
  ASSERT_FALSE(result.failures.empty()) << "the syncs of " << GetParam().name << " are not needed";
  std::cout << "    mutants noticed: 1, controls: 1\n";
}

INSTANTIATE_TEST_SUITE_P(
    All, SyncMutants,
    testing::Values(
        Mutant{"everything", "power-put", [](const std::string&) { return true; }},
        Mutant{"log", "power-put power-put", Ending(".log")},
        Mutant{"tables", "put flush big-put big-put flush reopen put reopen", Ending(".table")},
        Mutant{"manifest", "power-put flush power-put reopen power-put", Ending(".manifest")},
        Mutant{"root", "power-put reopen power-put reopen", Named("ROOT")},
        Mutant{"directory", "power-put flush power-put reopen", Ending("db")}),
    [](const auto& mutant) { return std::string(mutant.param.name); });

}  // namespace
}  // namespace logwood::test
