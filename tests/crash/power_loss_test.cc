// Power lost, or the process killed, at each change that a short life of a database makes to its
// disk, and again in each recovery: what was acknowledged as durable is there, what is there is the
// content after one commit, and the database always opens.
//
//   LOGWOOD_STORIES=1000 LOGWOOD_STORY_STEPS=30 LOGWOOD_SEED=7 crash_tests
//   --gtest_filter='*Seeded*' LOGWOOD_STEPS="put flush kill put" crash_tests
//   --gtest_filter='PowerLoss.OneStory' LOGWOOD_LENGTH=4 LOGWOOD_STATES=4 crash_tests
//   --gtest_filter='*OfThreeSteps*' logwood_crash_replay FILE                          a state that
//   failed
//
// LOGWOOD_STATES: at most so many states a change; LOGWOOD_ONE_IN: only every n-th story;
// LOGWOOD_ONE_IN_PAIRS: of pairs under other options, LOGWOOD_ONE_IN_LIES: of those a lie must
// spoil; LOGWOOD_DEPTH: how deep recoveries are crashed, LOGWOOD_NESTS_ONE_IN: how many,
// LOGWOOD_NESTED_STATES: at most so many states a change of theirs; of OneStory,
// LOGWOOD_ONLY_EXTREMES=1: at each change of the story only what a kill and the loss of all that is
// not durable leave, LOGWOOD_FAILED_SYNC: what a failed sync leaves of the pages (forgets, drops,
// keeps; LOGWOOD_FAILED_SYNC_SEED says which get there all the same). Each test prints a line of
// figures, and what failed with the command that does it again.
#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <iostream>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "tests/support/crash_explorer.h"
#include "tests/support/environment.h"
#include "tests/support/sanitizers.h"
#include "util/random.h"

namespace logwood::test {
namespace {

constexpr uint64_t kFailedSyncs = 3;  // of SimulatedFileSystem::FailedSync

// Says which word of a story is none, and which there are.
std::string WrongWordOf(const std::string& text) {
  std::string said;
  std::istringstream words(text);
  for (std::string word; words >> word;) {
    if (!ParseScript(word)) said += "no step or profile of a story is called " + word + "\n";
  }
  said += "steps:";
  for (const CrashStep& step : CrashSteps()) said += " " + std::string(step.name);
  said += "\nprofiles:";
  for (const CrashProfile& profile : CrashProfiles()) said += " @" + std::string(profile.name);
  return said;
}

class PowerLoss : public testing::Test {
 protected:
  PowerLoss() {
    options_.seed = seed_;
    options_.depth = static_cast<int>(EnvironmentNumber("LOGWOOD_DEPTH", 2));
    options_.save_directory = EnvironmentText(
        "LOGWOOD_SAVE", (std::filesystem::temp_directory_path() / "logwood-crash-states").string());
  }
  void LimitStates(uint64_t by_default) {
    options_.states_per_change = EnvironmentNumber("LOGWOOD_STATES", by_default);
  }
  void LimitNests(uint64_t one_in_by_default) {
    options_.nests_one_in = EnvironmentNumber("LOGWOOD_NESTS_ONE_IN", one_in_by_default);
  }
  // False: enough failed, no need to go on.
  bool Explore(const CrashScript& script) {
    all_.Add(CrashExplorer(options_).Explore(script));
    return all_.failures.empty();
  }
  bool ExploreText(const std::string& text) {
    const auto script = ParseScript(text);
    if (!script) ADD_FAILURE() << WrongWordOf(text);
    return script && Explore(*script);
  }
  const uint64_t seed_ = EnvironmentNumber("LOGWOOD_SEED", 1);
  // One of so many stories is told, chosen anew by each seed.
  const uint64_t one_in_ = EnvironmentNumber("LOGWOOD_ONE_IN", 1);
  bool IsSkipped(uint64_t besides_one_in = 1) {
    return (seed_ + told_++) % (one_in_ * besides_one_in) != 0;
  }

  void TearDown() override {
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began_;
    const auto* test = testing::UnitTest::GetInstance()->current_test_info();
    std::cout << "crash-states test=" << test->name() << " " << all_.ToString()
              << " seconds=" << took.count() << std::endl;
    for (const std::string& failure : all_.failures) ADD_FAILURE() << failure;
    EXPECT_TRUE(HasFailure() || !all_.contents.empty() || one_in_ > 1) << "no state was looked at";
    // A story by itself is told again by the command of its failure, which has the steps.
    if (!HasFailure() || std::string_view(test->name()) == "OneStory") return;
    std::cout << "all of it again: LOGWOOD_SEED=" << seed_ << ChosenExtent()
              << " crash_tests --gtest_filter='" << test->test_suite_name() << "." << test->name()
              << "'" << std::endl;
  }

  const ExploreResult& all() const { return all_; }

  ExploreOptions options_;

 private:
  // What else was asked for: with another number of stories, steps or states it is another run.
  static std::string ChosenExtent() {
    std::string text;
    for (const char* name :
         {"LOGWOOD_STORIES", "LOGWOOD_STORY_STEPS", "LOGWOOD_LENGTH", "LOGWOOD_DEPTH",
          "LOGWOOD_STATES", "LOGWOOD_NESTED_STATES", "LOGWOOD_NESTS_ONE_IN", "LOGWOOD_ONE_IN",
          "LOGWOOD_ONE_IN_PAIRS", "LOGWOOD_ONLY_EXTREMES", "LOGWOOD_FAILED_SYNC_SEED"}) {
      const std::string chosen = EnvironmentText(name, "");
      if (!chosen.empty()) text += std::string(" ") + name + "=" + chosen;
    }
    return text;
  }

  ExploreResult all_;
  uint64_t told_ = 0;
  const std::chrono::steady_clock::time_point began_ = std::chrono::steady_clock::now();
};

TEST_F(PowerLoss, EveryStoryOfOneStep) {
  LimitStates(25);
  LimitNests(80);
  for (size_t profile = 0; profile < CrashProfiles().size(); ++profile) {
    for (size_t step = 0; step < CrashStepsToldIn(1); ++step) {
      if (!IsSkipped() && !Explore({profile, {step}})) return;
    }
  }
}

// No dice: of each story of one step, at each change, what a kill leaves and what the loss of all
// that is not durable leaves is recovered with the story's own set of options, as an application
// opens it again, and at each change of that recovery, of what begins in the background and of the
// close behind it, both are looked at again, and two losses that are new to the story. By the set
// of options.
class EveryRecovery : public PowerLoss, public testing::WithParamInterface<size_t> {};

TEST_P(EveryRecovery, OfStoriesOfOneStepIsCutAtEachOfItsChanges) {
  options_.only_extremes = true;
  options_.nests_one_in = 1;
  options_.nested_states = EnvironmentNumber("LOGWOOD_NESTED_STATES", 2);
  for (size_t step = 0; step < CrashStepsToldIn(1); ++step) {
    if (!IsSkipped() && !Explore({GetParam(), {step}})) return;
  }
  // Each that began also ended, and met changes.
  EXPECT_EQ(all().cut, all().states - all().nested) << "a recovery was not cut";
}

INSTANTIATE_TEST_SUITE_P(Profile, EveryRecovery, testing::Range(size_t{0}, CrashProfiles().size()));

// ---- Every story of some length, dealt out to several tests.

class EveryStory : public PowerLoss, public testing::WithParamInterface<uint64_t> {
 protected:
  static constexpr uint64_t kShards = 4;

  // Tells all stories that begin with `steps` and are as long as `length`. A step that changes
  // nothing makes no new story of those behind it (where all are told: finding out takes time).
  bool TellAll(std::vector<size_t> steps, size_t length) {
    const size_t choices = CrashStepsToldIn(length);
    for (size_t step = 0; step < choices; ++step) {
      steps.push_back(step);
      if (steps.size() == 2 && (steps[0] * choices + step) % kShards != GetParam()) {
        steps.pop_back();
        continue;
      }
      if (steps.size() == length) {
        // Sanitized, a sample of the threes.
        const uint64_t besides = kSanitized && length > 2 ? 4 : 1;
        if (!IsSkipped(besides) && !Explore({0, steps})) return false;
      } else if ((one_in_ > 1 || ChangesAnything(steps)) && !TellAll(steps, length)) {
        return false;
      }
      steps.pop_back();
    }
    return true;
  }

 private:
  static bool ChangesAnything(const std::vector<size_t>& steps) {
    ExploreOptions blind;
    blind.looks = false;
    blind.at_close = false;
    return CrashExplorer(blind).Explore({0, steps}).last_step_changed;
  }
};

TEST_P(EveryStory, OfTwoSteps) {
  LimitStates(10);
  LimitNests(150);
  options_.only_last_step = true;
  TellAll({}, 2);
}

// At each change a kill and two losses of power: one of all that is not durable, where that is
// something else than the last time, and one of any part of it.
ExploreOptions AsInThrees(ExploreOptions options) {
  options.states_per_change = EnvironmentNumber("LOGWOOD_STATES", 2);
  options.nests_one_in = EnvironmentNumber("LOGWOOD_NESTS_ONE_IN", 400);
  options.only_last_step = true;
  options.at_close = false;
  return options;
}

TEST_P(EveryStory, OfThreeSteps) {
  options_ = AsInThrees(options_);
  TellAll({}, EnvironmentNumber("LOGWOOD_LENGTH", 3));
}

// The control of those: on a disk that makes no log durable each story whose last step promises
// that must fail, however little is looked at. A sample of them.
TEST(CrashControls, WhatAThirdStepPromisesInVainIsNoticed) {
  ExploreOptions options;
  options.seed = EnvironmentNumber("LOGWOOD_SEED", 1);
  options.story.lying_syncs = [](const SyncCall& call) { return call.IsOf(".log"); };
  options = AsInThrees(options);
  const uint64_t one_in = EnvironmentNumber("LOGWOOD_ONE_IN_LIES", 20);
  const uint64_t choices = CrashStepsToldIn(3);
  uint64_t told = 0;
  const CrashScript promises = *ParseScript("power-put power-batch recreate writers");
  for (const size_t last : promises.steps) {
    for (uint64_t pair = (options.seed + last) % one_in; pair < choices * choices; pair += one_in) {
      const CrashScript script = {0, {pair / choices, pair % choices, last}};
      const ExploreResult result = CrashExplorer(options).Explore(script);
      EXPECT_GT(result.lost + result.unopened, 0U)
          << script.ToString() << (result.failures.empty() ? "" : "\n" + result.failures[0]);
      ++told;
    }
  }
  std::cout << "stories that promise in vain: " << told << std::endl;
}

INSTANTIATE_TEST_SUITE_P(Shard, EveryStory, testing::Range(uint64_t{0}, uint64_t{4}));

// ---- Longer ones.

// Under each set of options with each way a failed sync may leave the pages, one after another;
// each meets one.
TEST_F(PowerLoss, SeededStories) {
  Random random(seed_);
  const uint64_t stories = EnvironmentNumber("LOGWOOD_STORIES", 12);
  const uint64_t steps_max = EnvironmentNumber("LOGWOOD_STORY_STEPS", 5);
  const CrashScript failures = *ParseScript("failed-sync failed-sync-kill");
  LimitNests(200);
  for (uint64_t i = 0; i < stories; ++i) {
    CrashScript script;
    script.profile = (seed_ + i) % CrashProfiles().size();
    for (uint64_t left = 3 + random.Uniform(steps_max - 2); left > 0; --left) {
      const size_t choices = random.OneIn(20) ? CrashSteps().size() : CrashStepsToldIn(1);
      script.steps.push_back(random.Uniform(choices));
    }
    script.steps[random.Uniform(script.steps.size())] = failures.steps[random.Uniform(2)];
    LimitStates(2 + random.Skewed(6));
    options_.story.disk.failed_sync =
        static_cast<SimulatedFileSystem::FailedSync>((seed_ + i) % kFailedSyncs);
    options_.story.disk.failed_sync_seed = random.OneIn(2) ? random.Next() : 0;
    options_.seed = random.Next();
    if (!Explore(script)) return;
  }
}

// Pairs of steps under the other sets of options: one in so many.
TEST_F(PowerLoss, PairsUnderOtherOptions) {
  LimitStates(5);
  options_.nests_one_in = 150;
  options_.only_last_step = true;
  const uint64_t one_in = EnvironmentNumber("LOGWOOD_ONE_IN_PAIRS", 30);
  const size_t choices = CrashStepsToldIn(2);
  for (size_t profile = 1; profile < CrashProfiles().size(); ++profile) {
    for (size_t pair = 0; pair < choices * choices; ++pair) {
      if (!IsSkipped(one_in) && !Explore({profile, {pair / choices, pair % choices}})) return;
    }
  }
}

TEST_F(PowerLoss, StoriesWithSlowSteps) {
  LimitStates(30);
  for (const char* story : {"idle", "put idle kill put", "keyspace idle keyspace idle reopen",
                            "full-disk-flush power-put reopen", "@tiny-memtables fill idle"}) {
    if (!IsSkipped() && !ExploreText(story)) return;
  }
}

// An idle log is proven by the manifest, too.
TEST_F(PowerLoss, StoriesThatFallIdle) {
  LimitStates(20);
  options_.damages_one_in = 2;
  for (const char* story : {"open-and-idle kill", "put open-and-idle put"}) {
    if (!IsSkipped() && !ExploreText(story)) return;
  }
}

// So many segments that rotation makes a sync: at each change there is much that is not durable.
// An open that goes on in a second segment at once, above log that is only kept.
TEST_F(PowerLoss, RetainedLogAndOpensThatSpill) {
  for (const char* story :
       {"@retention put flush kill-spill put", "@retention flush delete flush kill-spill put",
        "@retention put flush kill-spill flush kill put"}) {
    if (!IsSkipped()) ExploreText(story);
  }
}

// Of the threes there are too many to tell them all with range deletes, too.
TEST_F(PowerLoss, StoriesOfRangeDeletes) {
  LimitStates(2);
  options_.nests_one_in = 0;
  for (const char* story :
       {"batch flush delete-range flush put compact", "batch flush hold delete-range kill compact",
        "keyspace range-batch flush range-batch kill-spill compact",
        "@tiny-memtables fill delete-range fill range-kill-spill flush",
        "@retention keyspace range-batch flush delete-range reopen range-snapshot"}) {
    if (!IsSkipped() && !ExploreText(story)) return;
  }
}

// Nor with merges.
TEST_F(PowerLoss, StoriesOfMerges) {
  LimitStates(3);
  LimitNests(200);
  for (const char* story :
       {"merge flush merge hold merge compact",
        "keyspace batch merge merge-kill-spill recreate merge",
        "merge flush delete-range merge-snapshot kill",
        "batch merge-operator merge-operator kill-spill", "merge-writers flush merge-writers kill",
        "merge-operator merge failed-sync merge",
        "@tiny-memtables merge fill merge-snapshot merge-kill-spill",
        "@retention merge merge-operator flush merge reopen merge"}) {
    if (!IsSkipped() && !ExploreText(story)) return;
  }
}

// A transaction is one record: all of it or nothing, and nothing of one that was refused.
TEST_F(PowerLoss, StoriesOfTransactions) {
  LimitStates(3);
  LimitNests(200);
  for (const char* story :
       {"put power-transaction kill transaction", "keyspace transaction flush write-if reopen",
        "transaction-writers kill transaction-writers", "write-if kill-spill power-transaction",
        "@tiny-memtables transaction fill transaction compact",
        "transaction failed-sync power-transaction hold write-if"}) {
    if (!IsSkipped() && !ExploreText(story)) return;
  }
}

// What a compaction let go of, and what a commit found expired, does not come back with the clock.
TEST_F(PowerLoss, StoriesOfWhatExpires) {
  LimitStates(3);
  LimitNests(200);
  for (const char* story :
       {"expire kill put", "put expire-kill-spill expire", "expire flush expire reopen",
        "@tiny-memtables fill expire compact kill-spill", "@retention expire hold expire reopen",
        "expire failed-sync read-only", "put expire-reclaim expire-reclaim",
        "@tiny-segments expire-reclaim kill-spill"}) {
    if (!IsSkipped() && !ExploreText(story)) return;
  }
}

TEST_F(PowerLoss, ManySegmentsWithoutASync) {
  LimitStates(2);
  options_.nests_one_in = 0;
  if (!IsSkipped()) ExploreText("@tiny-segments rotate power-put");
}

TEST_F(PowerLoss, SyncsThatFailAndDropOrKeepThePages) {
  LimitStates(20);
  using Mode = SimulatedFileSystem::FailedSync;
  // With a seed, some of what fails to be synced is there all the same.
  const std::pair<Mode, uint64_t> ways[] = {
      {Mode::kDrops, 0}, {Mode::kKeeps, 0}, {Mode::kForgets, seed_}, {Mode::kDrops, seed_ + 1}};
  for (const auto& [failed, seed] : ways) {
    options_.story.disk.failed_sync = failed;
    options_.story.disk.failed_sync_seed = seed;
    for (const char* story : {"put failed-sync put failed-sync-kill power-put",
                              "big-put batch failed-sync-kill failed-sync flush put"}) {
      if (!IsSkipped() && !ExploreText(story)) return;
    }
  }
}

// Recoveries of recoveries of recoveries, of a sample.
TEST_F(PowerLoss, RecoveriesInARow) {
  LimitStates(3);
  options_.depth = static_cast<int>(EnvironmentNumber("LOGWOOD_DEPTH", 3));
  options_.nests_one_in = 8;
  options_.nested_states = 2;
  for (const char* story : {"put power-put kill", "batch flush put", "fill kill-spill"}) {
    if (!IsSkipped() && !ExploreText(story)) return;
  }
}

TEST_F(PowerLoss, OneStory) {
  LimitStates(100);
  LimitNests(60);
  const auto failed_sync = ParseFailedSync(EnvironmentText("LOGWOOD_FAILED_SYNC", "forgets"));
  ASSERT_TRUE(failed_sync) << "LOGWOOD_FAILED_SYNC is forgets, drops or keeps";
  options_.story.disk.failed_sync = *failed_sync;
  options_.story.disk.failed_sync_seed = EnvironmentNumber("LOGWOOD_FAILED_SYNC_SEED", 0);
  options_.only_extremes = EnvironmentNumber("LOGWOOD_ONLY_EXTREMES", 0) != 0;
  options_.nested_states = EnvironmentNumber("LOGWOOD_NESTED_STATES", options_.nested_states);
  ExploreText(EnvironmentText("LOGWOOD_STEPS",
                              "put power-put keyspace batch flush big-put big-put power-batch "
                              "compact delete reopen power-put kill put wait-durable keyspace"));
}

}  // namespace
}  // namespace logwood::test
