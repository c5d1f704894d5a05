#include "util/executor.h"

#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <memory>
#include <thread>
#include <vector>

#include "util/sync.h"

namespace logwood {
namespace {

// Opens once; who waits goes on.
class Gate {
 public:
  void Open() {
    MutexLock lock(mutex_);
    open_ = true;
    changed_.NotifyAll();
  }
  void Wait() {
    MutexLock lock(mutex_);
    while (!open_) changed_.Wait(mutex_);
  }

 private:
  Mutex mutex_;
  CondVar changed_;
  bool open_ GUARDED_BY(mutex_) = false;
};

TEST(Executor, RunsEveryJobBeforeShutdownReturns) {
  const auto executor = NewThreadPool(2);
  std::atomic<int> ran{0};
  for (int i = 0; i < 1000; ++i) {
    executor->Schedule(i % 2 == 0 ? JobPriority::kHigh : JobPriority::kLow, [&ran] { ++ran; });
  }
  executor->Shutdown();
  EXPECT_EQ(ran, 1000);
}

TEST(Executor, ShutdownOfAnIdlePoolReturnsAndMayBeRepeated) {
  const auto executor = NewThreadPool(1);
  executor->Shutdown();
  executor->Shutdown();
}

TEST(Executor, NeverRunsAJobInsideSchedule) {
  const auto executor = NewThreadPool(1);
  std::promise<std::thread::id> runner;
  executor->Schedule(JobPriority::kHigh, [&] { runner.set_value(std::this_thread::get_id()); });
  EXPECT_NE(runner.get_future().get(), std::this_thread::get_id());
}

TEST(Executor, HighJobsRunWhileEveryLowThreadIsBusy) {
  const auto executor = NewThreadPool(2);
  Gate release;
  Gate high_ran;
  for (int i = 0; i < 4; ++i) executor->Schedule(JobPriority::kLow, [&] { release.Wait(); });
  executor->Schedule(JobPriority::kHigh, [&] { high_ran.Open(); });
  high_ran.Wait();
  release.Open();
  executor->Shutdown();
}

TEST(Executor, LowJobsUseAllTheirThreads) {
  constexpr int kThreads = 4;
  const auto executor = NewThreadPool(kThreads);
  Mutex mutex;
  CondVar changed;
  int inside = 0;
  // Each waits until all are inside: with one thread fewer this would never end.
  for (int i = 0; i < kThreads; ++i) {
    executor->Schedule(JobPriority::kLow, [&] {
      MutexLock lock(mutex);
      ++inside;
      changed.NotifyAll();
      while (inside < kThreads) changed.Wait(mutex);
    });
  }
  executor->Shutdown();
  EXPECT_EQ(inside, kThreads);
}

TEST(Executor, HighJobsRunInOrder) {
  const auto executor = NewThreadPool(1);
  std::vector<int> order;
  for (int i = 0; i < 100; ++i)
    executor->Schedule(JobPriority::kHigh, [&, i] { order.push_back(i); });
  executor->Shutdown();
  ASSERT_EQ(order.size(), 100U);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(order[static_cast<size_t>(i)], i);
}

TEST(Executor, DelayedJobDoesNotRunBeforeItsTime) {
  const auto executor = NewThreadPool(1);
  const Deadline earliest = executor->Now() + std::chrono::microseconds(2000);
  std::promise<Deadline> ran_at;
  executor->ScheduleAfter(2000, [&] { ran_at.set_value(executor->Now()); });
  EXPECT_GE(ran_at.get_future().get(), earliest);
}

TEST(Executor, EarlierDelayedJobRunsFirstAlthoughScheduledLater) {
  const auto executor = NewThreadPool(1);
  constexpr uint64_t kHourMicros = 3'600'000'000;
  Gate early_ran;
  std::atomic<bool> late_ran{false};
  executor->ScheduleAfter(kHourMicros, [&] { late_ran = true; });
  executor->ScheduleAfter(1, [&] { early_ran.Open(); });
  early_ran.Wait();
  EXPECT_FALSE(late_ran);
  executor->Shutdown();  // runs the other at once
  EXPECT_TRUE(late_ran);
}

TEST(Executor, ShutdownRunsDelayedJobsInTheOrderOfTheirTimes) {
  const auto executor = NewThreadPool(1);
  constexpr uint64_t kHourMicros = 3'600'000'000;
  std::vector<int> order;
  for (int i = 5; i > 0; --i) {
    executor->ScheduleAfter(static_cast<uint64_t>(i) * kHourMicros, [&, i] { order.push_back(i); });
  }
  executor->ScheduleAfter(~uint64_t{0}, [&] { order.push_back(6); });
  executor->Shutdown();
  EXPECT_EQ(order, (std::vector<int>{1, 2, 3, 4, 5, 6}));
}

TEST(Executor, JobsScheduledByRunningJobsRunBeforeShutdownReturns) {
  const auto executor = NewThreadPool(1);
  Gate shutting_down;
  std::atomic<int> ran{0};
  executor->Schedule(JobPriority::kLow, [&] {
    shutting_down.Wait();
    executor->Schedule(JobPriority::kHigh, [&] {
      executor->ScheduleAfter(1'000'000'000, [&] { ++ran; });
      ++ran;
    });
    ++ran;
  });
  shutting_down.Open();
  executor->Shutdown();
  EXPECT_EQ(ran, 3);
}

TEST(Executor, DropsWhatAJobHeldOnceItRan) {
  const auto executor = NewThreadPool(1);
  auto held = std::make_shared<int>(1);
  const std::weak_ptr<int> watch = held;
  executor->Schedule(JobPriority::kLow, [held = std::move(held)] {});
  executor->Shutdown();
  EXPECT_TRUE(watch.expired());
}

TEST(ExecutorDeathTest, ScheduleAfterShutdownIsABrokenProgram) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(
      {
        const auto executor = NewThreadPool(1);
        executor->Shutdown();
        executor->Schedule(JobPriority::kLow, [] {});
      },
      "CHECK failed");
}

TEST(Executor, ConcurrentSchedulingFromManyThreadsLosesNothing) {
  constexpr int kThreads = 6;
  constexpr int kJobs = 500;
  const auto executor = NewThreadPool(3);
  std::atomic<int> ran{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < kJobs; ++i) {
        executor->Schedule(JobPriority::kLow, [&] {
          ++ran;
          executor->Schedule(JobPriority::kHigh, [&ran] { ++ran; });
        });
        executor->ScheduleAfter(static_cast<uint64_t>(i), [&ran] { ++ran; });
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  executor->Shutdown();
  EXPECT_EQ(ran, kThreads * kJobs * 3);
}

TEST(Executor, ClocksAgreeAndMonotonicTimeNeverGoesBack) {
  const auto executor = NewThreadPool(1);
  const uint64_t before = executor->NowNanos();
  const Deadline now = executor->Now();
  const uint64_t after = executor->NowNanos();
  const auto since = now.time_since_epoch();
  const auto nanos =
      static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::nanoseconds>(since).count());
  EXPECT_LE(before, nanos);
  EXPECT_LE(nanos, after);
  EXPECT_GT(executor->WallMicros(), 1'600'000'000'000'000U);  // later than the year 2020
}

TEST(CondVar, WaitUntilAPassedDeadlineReportsIt) {
  Mutex mutex;
  CondVar never;
  MutexLock lock(mutex);
  EXPECT_FALSE(never.WaitUntil(mutex, DeadlineAfter(std::chrono::microseconds(0))));
  EXPECT_FALSE(never.WaitUntil(mutex, DeadlineAfter(std::chrono::hours::min())));
}

TEST(CondVar, ConcurrentWaitWithoutDeadlineEndsWhenNotified) {
  Mutex mutex;
  CondVar changed;
  bool done = false;
  std::thread notifier([&] {
    MutexLock lock(mutex);
    done = true;
    changed.NotifyOne();
  });
  {
    MutexLock lock(mutex);
    while (!done) EXPECT_TRUE(changed.WaitUntil(mutex, kNoDeadline));
  }
  notifier.join();
}

}  // namespace
}  // namespace logwood
