// CrashExplorer: runs a story and, before each change it makes to the disk, looks at what a loss of
// power or a kill would leave there: opens each state that differs from all seen before, compares
// it with what must be there, and does the same to the changes that this recovery makes.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "tests/support/crash_story.h"
#include "util/sync.h"

namespace logwood::test {

struct ExploreOptions {
  uint64_t seed = 1;
  uint64_t states_per_change = 60;
  // Of the recovery of one in so many states the own changes are looked at, too (0: of none); how
  // many states each of those shows, how deep that goes (1: no recovery is looked at).
  uint64_t nests_one_in = 60;
  uint64_t nested_states = 6;
  int depth = 2;
  // Of each change of the story only what a kill leaves and the loss of all that is not durable,
  // however many states are asked for; recoveries that are looked at begin from nothing else, and
  // run with the story's own set of options.
  bool only_extremes = false;
  // What the steps before the last one do was looked at in shorter stories: does not look at them.
  bool only_last_step = false;
  bool at_close = true;          // looks at the close behind the last step
  bool looks = true;             // false: only runs the story
  uint64_t damages_one_in = 16;  // of so many states the log is damaged besides
  CrashStory::Settings story = {};
  // Stands between the database and the disk of each look, for tests of the tests; may be empty.
  std::function<std::unique_ptr<FileSystem>(FileSystem* disk)> between = {};
  uint64_t failures_max = 1;  // gives up then
  // Where a state that fails is saved; empty: nowhere.
  std::string save_directory = {};
};

struct ExploreResult {
  uint64_t stories = 0;
  uint64_t changes = 0;   // places at which the power was cut
  uint64_t states = 0;    // opened; none twice in a story with the same expectation
  uint64_t repeated = 0;  // seen before, with that expectation or one that asks for more
  uint64_t nested = 0;    // of states: within a recovery
  uint64_t cut = 0;  // of states: whose recovery went through, looked at at each of its changes
  std::unordered_set<uint64_t> contents = {};  // of the states, hashed: how many are distinct
  uint64_t lost = 0, unopened = 0;
  bool last_step_changed = false;          // anything, on the disk or for readers
  std::vector<std::string> failures = {};  // with the command that replays each

  void Add(const ExploreResult& other);
  std::string ToString() const;
};

// A state, and how it is looked at. As bytes that need nothing else, where it failed:
// `logwood_crash_replay FILE` looks at it again.
struct SavedCrash {
  std::string story;   // for people
  size_t profile = 0;  // of CrashLookProfiles
  bool read_only_first = false, verify = false;
  uint64_t damage = 0, second_life = 0;  // 0: none
  CrashExpectation expected;
  std::string disk;

  CrashCheck HowToCheck() const;
  std::string Encode() const;
  static std::optional<SavedCrash> Decode(std::string_view bytes);
};

class CrashExplorer final : public CrashWatch {
 public:
  explicit CrashExplorer(const ExploreOptions& options);
  // Runs the story; a step that fails is a failure, too.
  ExploreResult Explore(const CrashScript& script);

 private:
  static constexpr int kDepthMax = 4;

  // What may be found.
  struct Promise {
    CrashStory::Known known;
    LogPos issued = 0;
  };
  class Recovery;

  void BeforeChange(SimulatedFileSystem* disk, FileOp op, const std::string& path) override;
  void Closed(SimulatedFileSystem* disk) override;
  void BetweenLooks(const std::function<void()>& call) override {
    MutexLock look(looks_[1]);
    call();
  }
  Status RunStory(CrashStory* story);
  // What explores that story again, alike but for what threads do when.
  std::string CommandFor(const CrashScript& script) const;
  // Looks at the disk as it is now. `recovery`: that is under way; null: the story is.
  void Look(SimulatedFileSystem* disk, Recovery* recovery, int depth);
  // Checks what a kill or the loss of power left.
  void CheckState(std::unique_ptr<SimulatedFileSystem> state, uint64_t hash, const Promise& promise,
                  int depth);
  Status NoteCut(const Recovery& recovery) EXCLUDES(mutex_);
  CrashExpectation Expected(const Promise& promise, LogPos from) const;
  // A state with that hash was not seen before with that promise, and is now: to be opened.
  bool IsNew(uint64_t hash, const Promise& promise) EXCLUDES(mutex_);
  void NoteRepeated() EXCLUDES(mutex_);
  bool GivenUp() EXCLUDES(mutex_);
  void Fail(SavedCrash crash, const Status& status) EXCLUDES(mutex_);

  const ExploreOptions options_;
  const CrashStory* story_ = nullptr;
  std::atomic<bool> looks_now_{false};
  std::atomic<uint64_t> changes_{0};  // of the story's disks
  Mutex looks_[kDepthMax + 1];        // one look at a time; by depth, since recoveries have threads
  Mutex mutex_;
  ExploreResult result_ GUARDED_BY(mutex_);
  std::unordered_set<uint64_t> seen_ GUARDED_BY(mutex_);  // contents with their expectation
  uint64_t looked_ GUARDED_BY(mutex_) = 0;
};

// Ok: the state is what it should be. kInvalidArgument: not such a file.
Status ReplayCrash(std::string_view saved);

}  // namespace logwood::test
