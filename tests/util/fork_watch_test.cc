#include "util/fork_watch.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <memory>
#include <vector>

namespace logwood {
namespace {

// What `in_child` answers in a child of this process.
template <typename InChild>
int ExitCodeOfChild(InChild in_child) {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(in_child());
  int status = 0;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

void Count(void* counter) { ++*static_cast<int*>(counter); }

TEST(ForkWatch, OnlyTheChildIsTold) {
  int told = 0;
  const ForkWatch watch(Count, &told);
  EXPECT_EQ(ExitCodeOfChild([&] { return told; }), 1);
  EXPECT_EQ(told, 0);
}

TEST(ForkWatch, AGrandchildIsToldByEachFork) {
  int told = 0;
  const ForkWatch watch(Count, &told);
  EXPECT_EQ(ExitCodeOfChild([&] { return ExitCodeOfChild([&] { return told; }); }), 2);
}

TEST(ForkWatch, OneThatEndedIsNotTold) {
  std::vector<int> told(5, 0);
  std::vector<std::unique_ptr<ForkWatch>> watches;
  for (int& counter : told) watches.push_back(std::make_unique<ForkWatch>(Count, &counter));
  watches[0].reset();  // the last of the list, one in the middle, the first
  watches[2].reset();
  watches[4].reset();
  EXPECT_EQ(ExitCodeOfChild([&] { return told == std::vector<int>{0, 1, 0, 1, 0} ? 0 : 1; }), 0);
}

TEST(ForkWatch, EndedUnderTheLockItMayBeDestroyedLater) {
  int told = 0;
  ForkWatch watch(Count, &told);
  {
    const ForkLock held;
    watch.End(held);
  }
  EXPECT_EQ(ExitCodeOfChild([&] { return told; }), 0);
}

TEST(ForkWatch, AChildMayEndAndBeginWatches) {
  int told = 0;
  auto watch = std::make_unique<ForkWatch>(Count, &told);
  const auto in_child = [&] {
    watch.reset();
    const ForkWatch own(Count, &told);
    return ExitCodeOfChild([&] { return told; });  // 1 for each of the two forks
  };
  EXPECT_EQ(ExitCodeOfChild(in_child), 2);
}

}  // namespace
}  // namespace logwood
