// Tests of the tests: the explorer opens every state that it counts, and shows what a disk that
// lies leaves.
#include "tests/support/crash_explorer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <set>
#include <string>

#include "util/forwarding_file_system.h"
#include "util/sync.h"

namespace logwood::test {
namespace {

// Notes each disk that a database is opened on.
class OpenedDisks {
 public:
  void Watch(ExploreOptions* options) {
    options->between = [this](FileSystem* disk) {
      const auto* state = static_cast<SimulatedFileSystem*>(disk);
      MutexLock lock(mutex_);
      for (const SimulatedFileSystem::FileRule& settled :
           {SimulatedFileSystem::FileRule(), SimulatedFileSystem::FileRule(IsEventLog)}) {
        hashes_.insert(state->ContentHash(settled));
      }
      return std::make_unique<ForwardingFileSystem>(disk);
    };
  }
  bool Has(uint64_t hash) {
    MutexLock lock(mutex_);
    return hashes_.contains(hash);
  }

 private:
  Mutex mutex_;
  std::set<uint64_t> hashes_ GUARDED_BY(mutex_);
};

TEST(CrashExplorerTest, EveryStateThatIsCountedIsOpened) {
  for (const uint64_t states : {1, 2, 5, 40}) {
    OpenedDisks opened;
    ExploreOptions options;
    options.states_per_change = states;
    options.nests_one_in = 10;
    opened.Watch(&options);
    const ExploreResult result = CrashExplorer(options).Explore(*ParseScript("put power-put"));
    EXPECT_THAT(result.failures, testing::IsEmpty());
    EXPECT_GT(result.contents.size(), 10U);
    for (const uint64_t hash : result.contents) EXPECT_TRUE(opened.Has(hash)) << states;
  }
}

}  // namespace
}  // namespace logwood::test
