// What a process may run out of beside disk: threads and file descriptors. Each is an answer, never
// the end of the process; and work goes on when there are some again.
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "tests/crash/fault_run.h"
#include "tests/db/crash_support.h"
#include "tests/support/directory.h"

namespace logwood::test {
namespace {

TEST(NoThreads, OpenIsRefusedWithoutTheFirstAndGoesOnWithFewer) {
  constexpr uint64_t kSeed = 3, kBatches = 60;
  FaultPlan plan{CallClass::kThread, 1, "EAGAIN", true};
  for (; plan.index < 20; ++plan.index) {
    SCOPED_TRACE(plan.ToString());
    const TempDirectory directory(TempDirectory::Speed::kFast);
    const std::string path = directory.Join("db");
    const FaultOutcome outcome = RunProbe(
        directory.path(), {"run", path, std::to_string(kSeed), std::to_string(kBatches), "2"}, plan,
        "threads_4");
    // One for flushes and one for compactions are needed.
    if (plan.index <= 2) {
      ASSERT_EQ(outcome.exit_status, 2) << outcome.ToString();
      EXPECT_TRUE(outcome.last_line().starts_with("OPENFAIL Busy: " + path + ": start a thread"))
          << outcome.ToString();
    } else {
      ASSERT_EQ(outcome.exit_status, 0) << outcome.ToString();
      EXPECT_EQ(outcome.acknowledged, kBatches);
    }
    EXPECT_OK(CheckAfterFaults(path, kSeed, outcome.acknowledged, outcome.acknowledged));
    if (outcome.calls_failed == 0) break;
  }
  std::cout << "    fault points: " << plan.index << "\n";
  EXPECT_GT(plan.index, 2u) << "the probe started no third thread";
}

// Leaves this process so many descriptors beyond those it has.
class DescriptorLimit {
 public:
  explicit DescriptorLimit(int spare) {
    if (getrlimit(RLIMIT_NOFILE, &before_) != 0) std::abort();
    // Those below the limit must all be taken, so that `spare` is exact.
    for (int fd = dup(STDERR_FILENO); fd >= 0; fd = dup(STDERR_FILENO)) {
      if (fd >= kTop) {
        close(fd);
        break;
      }
      taken_.push_back(fd);
    }
    rlimit now = before_;
    now.rlim_cur = static_cast<rlim_t>(kTop + spare);
    if (setrlimit(RLIMIT_NOFILE, &now) != 0) std::abort();
  }
  ~DescriptorLimit() {
    setrlimit(RLIMIT_NOFILE, &before_);
    for (const int fd : taken_) close(fd);
  }
  DescriptorLimit(const DescriptorLimit&) = delete;
  DescriptorLimit& operator=(const DescriptorLimit&) = delete;

 private:
  static constexpr int kTop = 200;
  rlimit before_ = {};
  std::vector<int> taken_;
};

TEST(NoDescriptors, AreToldAndWorkGoesOnWhenThereAreSome) {
  for (int spare = 0; spare < 8; ++spare) {
    SCOPED_TRACE("spare descriptors: " + std::to_string(spare));
    const TempDirectory directory(TempDirectory::Speed::kFast);
    Options options = TinyOptions(nullptr);
    Life life(directory.Join("db"));
    ASSERT_OK(life.Open(options));
    ASSERT_OK(life.Write(Durability::kPower, 3000));
    ASSERT_OK(life.db()->Flush());
    ASSERT_OK(life.Write(Durability::kPower, 3000));
    uint64_t refused = 0;
    {
      const DescriptorLimit limit(spare);
      for (int i = 0; i < 20; ++i) {
        const Status status =
            life.Write(i % 4 == 0 ? Durability::kPower : Durability::kProcess, 3000);
        if (status.ok()) continue;
        ++refused;
        EXPECT_TRUE(status.Is(StatusCode::kIoError) || status.Is(StatusCode::kReadOnly))
            << status.ToString();
      }
      static_cast<void>(life.db()->Flush());
      static_cast<void>(life.db()->CompactAll({}));
    }
    if (spare == 0) {
      EXPECT_GT(refused, 0u);
    }
    life.Check();
    if (!life.db()->GetStats().writes_stopped) {
      for (int i = 0; i < 20; ++i) ASSERT_OK(life.Write(Durability::kPower, 3000));
      ASSERT_OK(life.db()->Flush());
      ASSERT_OK(life.db()->CompactAll({}));
      ASSERT_OK(life.Close());
    } else {
      // A sync that could not begin counts as one that failed.
      EXPECT_NE(life.db()->GetStats().background_error.find("Too many open files"),
                std::string::npos)
          << life.db()->GetStats().background_error;
      static_cast<void>(life.Close());
    }
    ASSERT_OK(life.Open(options));
    ASSERT_OK(life.Close());
  }
}

}  // namespace
}  // namespace logwood::test
