// CrashExplorer: runs a story and, before each change it makes to the disk, looks at what a loss of
// power or a kill would leave there: opens each state that differs from all seen before, compares
// it with what must be there, and does the same to the changes that this recovery makes.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <unordered_set>
#include <vector>

#include "tests/support/crash_story.h"
#include "util/sync.h"

namespace logwood::test {

struct ExploreOptions {
  uint64_t seed = 1;
  uint64_t states_per_change = 60;
  // Of the recovery of one in so many states the own changes are looked at, too (0: of none); how
  // many states each of those shows, how deep that goes.
  uint64_t nests_one_in = 60;
  uint64_t nested_states = 12;
  int depth = 2;
  SimulatedFileSystem::Settings disk = {};
  SimulatedFileSystem::LieRule lying_syncs = {};  // of the story's disks
  uint64_t failures_max = 1;                      // gives up then
  // Where a state that fails is saved; empty: nowhere.
  std::string save_directory = {};
};

struct ExploreResult {
  uint64_t changes = 0;   // places at which the power was cut
  uint64_t states = 0;    // different ones opened
  uint64_t repeated = 0;  // seen before
  uint64_t nested = 0;    // of states: within a recovery
  uint64_t lost = 0, unopened = 0;
  std::vector<std::string> failures = {};  // with the command that replays each

  void Add(const ExploreResult& other);
  std::string ToString() const;
};

class CrashExplorer {
 public:
  explicit CrashExplorer(const ExploreOptions& options) : options_(options) {}
  // Runs the story; a step that fails is a failure, too.
  ExploreResult Explore(const std::vector<StepKind>& steps);

 private:
  static constexpr int kDepthMax = 4;

  // What may be found when the power fails now, and when the process is killed now.
  struct Promise {
    LogPos durable = 0, acknowledged = 0, issued = 0;
  };
  // Looks at the disk as it is now. `promise`: of a recovery that is under way; null: the story's.
  void Look(const CrashStory& story, SimulatedFileSystem* disk, const Promise* promise, int depth);
  // Checks a state unless it was seen before.
  void CheckState(const CrashStory& story, std::unique_ptr<SimulatedFileSystem> state,
                  const Promise& promise, int depth);
  bool IsNew(uint64_t hash, const CrashOracle::Bounds& bounds) EXCLUDES(mutex_);
  bool GivenUp() EXCLUDES(mutex_);
  void Fail(const CrashStory& story, const std::string& disk, const CrashOracle::Bounds& bounds,
            uint64_t second_life, const Status& status) EXCLUDES(mutex_);

  const ExploreOptions options_;
  Mutex looks_[kDepthMax];  // one look at a time; by depth, since recoveries have threads
  Mutex mutex_;
  ExploreResult result_ GUARDED_BY(mutex_);
  std::unordered_set<uint64_t> seen_ GUARDED_BY(mutex_);
  uint64_t looked_ GUARDED_BY(mutex_) = 0;
};

// A failing state as text and bytes, and back: `logwood_crash_replay FILE` checks it again.
std::string SaveCrash(const std::vector<StepKind>& steps, const CrashOracle::Bounds& bounds,
                      uint64_t second_life, const std::string& disk);
// Ok: the state is what it should be. kInvalidArgument: not such a file.
Status ReplayCrash(std::string_view saved);

}  // namespace logwood::test
