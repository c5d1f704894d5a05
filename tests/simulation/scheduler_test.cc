// The scheduler itself: it repeats, it explores, its time is virtual, and it finds planted bugs -
// and only those.
#include "tests/simulation/scheduler.h"

#include <gtest/gtest.h>

#include <chrono>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "tests/simulation/simulation.h"
#include "tests/support/environment.h"
#include "util/executor.h"
#include "util/random.h"
#include "util/sync.h"

namespace logwood::test {
namespace {

using Body = std::function<void(Notes*)>;

void Require(bool condition, const std::string& otherwise) {
  if (!condition) Scheduler::Mine()->Fail(otherwise);
}

// The first of `seeds` seeds under which the program fails, or 0.
uint64_t FirstFailure(const Body& body, uint64_t seeds, std::string* failure = nullptr) {
  for (uint64_t seed = 1; seed <= seeds; ++seed) {
    const SimulationReport report = Simulate(ScheduleOptions::FromSeed(seed), body);
    if (report.ok()) continue;
    if (failure != nullptr) *failure = report.failure;
    return seed;
  }
  return 0;
}

// ---- Programs with a planted bug, and the same without.

// A counter; broken: it reads in one locked section and writes in the next.
class Counter {
 public:
  explicit Counter(bool broken) : broken_(broken) {}
  void Add() {
    if (!broken_) {
      MutexLock lock(mutex_);
      ++value_;
      return;
    }
    const int before = Value();
    MutexLock lock(mutex_);
    value_ = before + 1;
  }
  int Value() {
    MutexLock lock(mutex_);
    return value_;
  }

 private:
  const bool broken_;
  Mutex mutex_;
  int value_ GUARDED_BY(mutex_) = 0;
};

void Count(bool broken) {
  Counter counter(broken);
  std::thread other([&] { counter.Add(); });
  counter.Add();
  other.join();
  Require(counter.Value() == 2, "an update was lost");
}

// A gate; broken: who waits does not look again before it sleeps.
class Gate {
 public:
  explicit Gate(bool broken) : broken_(broken) {}
  void Open() {
    MutexLock lock(mutex_);
    open_ = true;
    changed_.NotifyAll();
  }
  void Pass() {
    if (broken_ && IsOpen()) return;
    MutexLock lock(mutex_);
    if (broken_) changed_.Wait(mutex_);
    while (!open_) changed_.Wait(mutex_);
  }

 private:
  bool IsOpen() {
    MutexLock lock(mutex_);
    return open_;
  }
  const bool broken_;
  Mutex mutex_;
  CondVar changed_;
  bool open_ GUARDED_BY(mutex_) = false;
};

void PassGate(bool broken) {
  Gate gate(broken);
  std::thread other([&] { gate.Open(); });
  gate.Pass();
  other.join();
}

// Two accounts; broken: a transfer locks its source first, then its target.
void Transfer(Mutex& first, Mutex& second) {
  MutexLock one(first);
  MutexLock two(second);
}

void TransferBothWays(bool broken) {
  Mutex a, b;
  std::thread other([&] { broken ? Transfer(b, a) : Transfer(a, b); });
  Transfer(a, b);
  other.join();
}

// Broken: relies on the other being done within a millisecond.
void WaitForOther(bool broken) {
  Counter counter(false);
  std::thread other([&] {
    for (int i = 0; i < 20; ++i) counter.Add();
  });
  std::this_thread::sleep_for(std::chrono::milliseconds(1));
  if (!broken) other.join();
  Require(counter.Value() == 20, "the other thread is not done");
  if (broken) other.join();
}

// Broken in one place of many: between the two halves of step `place` of one thread all of the
// other must run.
void RarelyWrong(int place) {
  Counter steps(false);
  int seen_by_other = -1;
  std::thread other([&] { seen_by_other = steps.Value(); });
  for (int i = 0; i < 40; ++i) steps.Add();
  other.join();
  Require(seen_by_other != place, "the other thread came at step " + std::to_string(place));
}

struct Planted {
  const char* name;
  void (*program)(bool broken);
  const char* failure;
  uint64_t seeds;  // within which it is found
};

class PlantedBug : public testing::TestWithParam<Planted> {};

TEST_P(PlantedBug, IsFoundWithinAFewSeedsAndOnlyThere) {
  const Planted& planted = GetParam();
  std::string failure;
  const uint64_t found =
      FirstFailure([&](Notes*) { planted.program(true); }, planted.seeds, &failure);
  EXPECT_NE(found, 0u) << "not within " << planted.seeds << " seeds";
  EXPECT_NE(failure.find(planted.failure), std::string::npos) << failure;
  EXPECT_EQ(FirstFailure([&](Notes*) { planted.program(false); }, planted.seeds, &failure), 0u)
      << failure;
}

INSTANTIATE_TEST_SUITE_P(Scheduler, PlantedBug,
                         testing::Values(Planted{"LostUpdate", Count, "an update was lost", 20},
                                         Planted{"MissedWakeUp", PassGate, "deadlock", 40},
                                         Planted{"Deadlock", TransferBothWays, "deadlock", 40},
                                         Planted{"TrustInTime", WaitForOther, "not done", 40}),
                         [](const auto& planted) { return std::string(planted.param.name); });

TEST(Scheduler, PrioritiesFindWhatHappensAtOnePointOnly) {
  // One change of priority at the right one of some 90 points.
  for (const int place : {3, 20, 37}) {
    uint64_t found = 0;
    for (uint64_t seed = 1; seed <= 1000 && found == 0; ++seed) {
      ScheduleOptions options;
      options.seed = seed;
      options.strategy = ScheduleOptions::Strategy::kPriorities;
      options.changes = 1;
      options.changes_within = 90;
      if (!Simulate(options, [&](Notes*) { RarelyWrong(place); }).ok()) found = seed;
    }
    EXPECT_NE(found, 0u) << place;
  }
}

TEST(Scheduler, DeadlockTellsWhereEachThreadWaitsAndForWhom) {
  std::string failure;
  ASSERT_NE(FirstFailure([](Notes*) { TransferBothWays(true); }, 40, &failure), 0u);
  EXPECT_NE(failure.find("thread 0 waits: lock held by thread 1"), std::string::npos) << failure;
  EXPECT_NE(failure.find("thread 1 waits: lock held by thread 0"), std::string::npos) << failure;
  // Both stacks lead here.
  const size_t first = failure.find("scheduler_test.cc:");
  ASSERT_NE(first, std::string::npos) << failure;
  EXPECT_NE(failure.find("scheduler_test.cc:", failure.find("thread 1 waits")), std::string::npos)
      << failure;
}

TEST(Scheduler, RunWithoutEndIsTold) {
  ScheduleOptions options;
  options.points_max = 10'000;
  const SimulationReport report = Simulate(options, [](Notes*) {
    for (Mutex mutex;;) MutexLock lock(mutex);
  });
  EXPECT_NE(report.failure.find("no end after 10001"), std::string::npos) << report.failure;
}

TEST(Scheduler, ProcessThatDiesIsTold) {
  const SimulationReport report = Simulate({}, [](Notes*) { _exit(7); });
  EXPECT_NE(report.failure.find("died, status 7"), std::string::npos) << report.failure;
}

// ---- Repetition and variety

// Some threads that take a lock, wait, sleep; the order in which they do.
void Mingle(Notes* notes) {
  Mutex mutex;
  CondVar changed;
  std::vector<int> order;
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&, i] {
      for (int turn = 0; turn < 5; ++turn) {
        MutexLock lock(mutex);
        order.push_back(i);
        changed.NotifyOne();
        if (turn == 2) changed.WaitUntil(mutex, DeadlineAfter(std::chrono::microseconds(50)));
        lock.Unlock();
        if (turn == 3) std::this_thread::sleep_for(std::chrono::microseconds(20));
        lock.Lock();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  uint64_t digest = 0;
  for (const int i : order) digest = digest * 31 + static_cast<uint64_t>(i) + 1;
  (*notes)["order"] = digest;
}

TEST(Scheduler, SameSeedSameScheduleAndOtherSeedsOthers) {
  std::set<uint64_t> orders, fingerprints;
  for (uint64_t seed = 1; seed <= 100; ++seed) {
    const SimulationReport once = Simulate(ScheduleOptions::FromSeed(seed), Mingle);
    const SimulationReport again = Simulate(ScheduleOptions::FromSeed(seed), Mingle);
    ASSERT_TRUE(once.ok()) << once.failure;
    EXPECT_EQ(once.notes, again.notes) << seed;
    orders.insert(once.Note("order"));
    fingerprints.insert(once.Note("fingerprint"));
  }
  // A walk that hardly ever switches leaves the threads to run one after the other.
  EXPECT_GT(fingerprints.size(), 90u);
  EXPECT_GT(orders.size(), 60u);
}

TEST(Scheduler, ThreadPoolOfTheCoreRunsInIt) {
  std::set<uint64_t> orders;
  const Body body = [](Notes* notes) {
    std::unique_ptr<Executor> pool = NewThreadPool(2);
    Mutex mutex;
    uint64_t order = 0, ran = 0;
    const auto job = [&](uint64_t number) {
      return [&, number] {
        MutexLock lock(mutex);
        order = order * 31 + number;
        ++ran;
      };
    };
    pool->ScheduleAfter(3'600'000'000, job(1));  // Shutdown runs it at once
    pool->ScheduleAfter(100, job(2));
    for (uint64_t number = 3; number < 9; ++number) {
      pool->Schedule(number % 2 == 0 ? JobPriority::kHigh : JobPriority::kLow, job(number));
    }
    pool->SleepMicros(200);
    pool->Shutdown();
    Require(ran == 8, "a job did not run");
    (*notes)["order"] = order;
  };
  for (uint64_t seed = 1; seed <= 40; ++seed) {
    const SimulationReport report = Simulate(ScheduleOptions::FromSeed(seed), body);
    ASSERT_TRUE(report.ok()) << "seed " << seed << ": " << report.failure;
    orders.insert(report.Note("order"));
  }
  EXPECT_GT(orders.size(), 10u);
}

// ---- What the program sees

TEST(Scheduler, TimeIsVirtualAndJumpsWhenAllWait) {
  const SimulationReport report = Simulate({}, [](Notes* notes) {
    std::unique_ptr<Executor> pool = NewThreadPool(1);
    const uint64_t begin = pool->NowNanos(), wall = pool->WallMicros();
    std::thread other([&] { pool->SleepMicros(uint64_t{5} * 3'600'000'000); });
    pool->SleepMicros(1'000'000);
    const uint64_t second = pool->NowNanos() - begin;
    Require(second >= 1'000'000'000 && second < 1'001'000'000, "not a second");
    other.join();
    (*notes)["hours"] = (pool->NowNanos() - begin) / 3'600'000'000'000;
    (*notes)["wall_hours"] = (pool->WallMicros() - wall) / 3'600'000'000;
    Scheduler::Mine()->MoveWallClock(-int64_t{3'600'000'000'000});
    Require(pool->WallMicros() - wall < uint64_t{5} * 3'600'000'000, "the wall clock stood still");
  });
  ASSERT_TRUE(report.ok()) << report.failure;
  EXPECT_EQ(report.Note("hours"), 5u);
  EXPECT_EQ(report.Note("wall_hours"), 5u);
}

TEST(Scheduler, WaitEndsAtItsDeadlineAndNotBefore) {
  const SimulationReport report = Simulate({}, [](Notes*) {
    Mutex mutex;
    CondVar never;
    const Deadline deadline = DeadlineAfter(std::chrono::seconds(2));
    MutexLock lock(mutex);
    Require(!never.WaitUntil(mutex, deadline), "woken");
    const Deadline now = std::chrono::steady_clock::now();
    Require(now >= deadline && now - deadline < std::chrono::milliseconds(1), "at another time");
  });
  EXPECT_TRUE(report.ok()) << report.failure;
}

TEST(Scheduler, SpuriousWakeUpsHappen) {
  ScheduleOptions options;
  options.spurious_one_in = 10;
  const SimulationReport report = Simulate(options, [](Notes* notes) {
    Gate gate(false);
    Counter counter(false);
    Mutex mutex;
    CondVar never;
    std::thread other([&] {
      MutexLock lock(mutex);
      never.Wait(mutex);  // nobody notifies it
      (*notes)["woken"] = 1;
    });
    for (int i = 0; i < 200; ++i) counter.Add();
    other.join();
  });
  EXPECT_TRUE(report.ok()) << report.failure;
  EXPECT_EQ(report.Note("woken"), 1u);
}

TEST(Scheduler, IdsComeFromTheSeed) {
  const auto ids = [](uint64_t seed) {
    return Simulate(ScheduleOptions::FromSeed(seed),
                    [](Notes* notes) {
                      (*notes)["high"] = NewId().high;
                      (*notes)["low"] = NewId().low;
                    })
        .notes;
  };
  EXPECT_EQ(ids(1), ids(1));
  EXPECT_NE(ids(1).at("high"), ids(2).at("high"));
  EXPECT_NE(ids(1).at("high"), ids(1).at("low"));
}

TEST(Scheduler, OutsideOfItTheRealFunctionsAnswer) {
  EXPECT_EQ(Scheduler::Mine(), nullptr);
  Gate gate(false);
  std::thread other([&] { gate.Open(); });
  gate.Pass();
  other.join();
  EXPECT_NE(NewId(), NewId());
  const Deadline now = std::chrono::steady_clock::now();
  std::this_thread::sleep_for(std::chrono::microseconds(10));
  EXPECT_GT(std::chrono::steady_clock::now(), now);
  SpinPause();
}

}  // namespace
}  // namespace logwood::test
