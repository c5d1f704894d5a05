// What locks do across processes. Children only use _exit codes to tell what they saw.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <string>

#include "logwood/file_system.h"
#include "tests/util/test_directory.h"

namespace logwood {
namespace {

// Waits for the child and returns its exit code; -1 when a signal ended it.
int ExitCode(pid_t child) {
  int status = 0;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

bool IsBusy(const std::string& path, LockMode mode = LockMode::kExclusive) {
  return FileSystem::Posix()->Lock(path, mode).status().Is(StatusCode::kBusy);
}

// Two processes take turns through pipes: Signal on one side, Await on the other.
class Turn {
 public:
  Turn() { EXPECT_EQ(::pipe(ends_), 0); }
  ~Turn() {
    ::close(ends_[0]);
    ::close(ends_[1]);
  }
  void Signal() { EXPECT_EQ(::write(ends_[1], "x", 1), 1); }
  void Await() {
    char byte;
    EXPECT_EQ(::read(ends_[0], &byte, 1), 1);
  }

 private:
  int ends_[2] = {-1, -1};
};

TEST(PosixLock, ChildThatInheritsIsRefusedAndDoesNotCountAsHolder) {
  const TestDirectory directory;
  const std::string path = directory / "LOCK";
  auto held = FileSystem::Posix()->Lock(path, LockMode::kExclusive);
  ASSERT_TRUE(held.ok());
  const pid_t child = ::fork();
  if (child == 0) {
    int failures = IsBusy(path) ? 0 : 1;
    held->reset();  // the child's copy: must not release the parent's lock
    failures += IsBusy(path) ? 0 : 2;
    ::_exit(failures);
  }
  EXPECT_EQ(ExitCode(child), 0);
  EXPECT_TRUE(IsBusy(path));
  held->reset();
  EXPECT_FALSE(IsBusy(path));
}

TEST(PosixLock, ReleaseByTheParentIsSeenAlthoughAChildInherited) {
  const TestDirectory directory;
  const std::string path = directory / "LOCK";
  auto held = FileSystem::Posix()->Lock(path, LockMode::kExclusive);
  ASSERT_TRUE(held.ok());
  Turn released;
  const pid_t child = ::fork();
  if (child == 0) {
    released.Await();
    ::_exit(IsBusy(path) ? 1 : 0);
  }
  held->reset();
  EXPECT_FALSE(IsBusy(path));
  released.Signal();
  EXPECT_EQ(ExitCode(child), 0);
}

TEST(PosixLock, OfAKilledProcessIsFreeAlthoughItsChildLives) {
  const TestDirectory directory;
  const std::string path = directory / "LOCK";
  Turn locked;
  Turn end;
  const pid_t holder = ::fork();
  if (holder == 0) {
    auto held = FileSystem::Posix()->Lock(path, LockMode::kExclusive);
    const pid_t grandchild = ::fork();
    if (grandchild == 0) {
      locked.Signal();
      end.Await();
      ::_exit(0);
    }
    ::pause();
    ::_exit(held.ok() ? 0 : 1);
  }
  locked.Await();
  EXPECT_TRUE(IsBusy(path));
  ASSERT_EQ(::kill(holder, SIGKILL), 0);
  EXPECT_EQ(ExitCode(holder), -1);
  EXPECT_FALSE(IsBusy(path));
  end.Signal();
}

TEST(PosixLock, ChildTakesALockOfItsOwnAndTheParentIsRefused) {
  const TestDirectory directory;
  const std::string path = directory / "LOCK";
  Turn locked;
  Turn checked;
  const pid_t child = ::fork();
  if (child == 0) {
    const auto held = FileSystem::Posix()->Lock(path, LockMode::kExclusive);
    locked.Signal();
    checked.Await();
    ::_exit(held.ok() ? 0 : 1);
  }
  locked.Await();
  EXPECT_TRUE(IsBusy(path));
  EXPECT_TRUE(IsBusy(path, LockMode::kShared));
  checked.Signal();
  EXPECT_EQ(ExitCode(child), 0);
  EXPECT_FALSE(IsBusy(path));
}

// Whoever takes a lock file for a stale one and removes it lets nobody in.
TEST(PosixLock, HoldsThoughTheLockFileIsRemoved) {
  const TestDirectory directory;
  const std::string path = directory / "LOCK";
  for (const LockMode mode : {LockMode::kExclusive, LockMode::kShared}) {
    auto created = FileSystem::Posix()->Lock(path, LockMode::kExclusive);
    ASSERT_TRUE(created.ok());
    created->reset();
    auto held = FileSystem::Posix()->Lock(path, mode);
    ASSERT_TRUE(held.ok()) << held.status().ToString();
    ASSERT_EQ(::unlink(path.c_str()), 0);
    EXPECT_TRUE(IsBusy(path));
    const pid_t child = ::fork();
    if (child == 0) ::_exit(IsBusy(path) ? 0 : 1);
    EXPECT_EQ(ExitCode(child), 0);
    held->reset();
    EXPECT_FALSE(IsBusy(path));
  }
}

TEST(PosixLock, ReadingTheLockFileReleasesNothing) {
  const TestDirectory directory;
  const std::string path = directory / "LOCK";
  const auto held = FileSystem::Posix()->Lock(path, LockMode::kExclusive);
  ASSERT_TRUE(held.ok());
  ASSERT_TRUE(FileSystem::Posix()->OpenRandomAccess(path).ok());  // opened and closed again
  const pid_t child = ::fork();
  if (child == 0) ::_exit(IsBusy(path) ? 0 : 1);
  EXPECT_EQ(ExitCode(child), 0);
}

}  // namespace
}  // namespace logwood
