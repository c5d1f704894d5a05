// A core and what stands on it without an engine around: for tests of one unit of db/ at its own
// interface.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <utility>

#include "db/commit_log.h"
#include "db/core.h"
#include "db/tree.h"
#include "db/version_set.h"
#include "tests/support/status_assert.h"
#include "util/random.h"

namespace logwood::test {

// Work waits until the test runs it, in the test's thread; time passes where somebody sleeps.
// Delayed jobs come when the test lets time pass, and only then.
class ManualExecutor final : public Executor {
 public:
  void Schedule(JobPriority, std::function<void()> job) override {
    MutexLock lock(mutex_);
    jobs_.push_back(std::move(job));
  }
  void ScheduleAfter(uint64_t delay_us, std::function<void()> job) override {
    constexpr uint64_t kDelayMax = uint64_t{1} << 50;  // keeps the sum in range
    MutexLock lock(mutex_);
    delayed_.emplace(nanos + std::min(delay_us, kDelayMax) * 1000, std::move(job));
  }
  void Shutdown() override {}
  Deadline Now() override { return Deadline(std::chrono::nanoseconds(nanos.load())); }
  uint64_t NowNanos() override { return nanos; }
  uint64_t WallMicros() override { return wall_us; }
  void SleepMicros(uint64_t micros) override {
    slept_us += micros;
    nanos += micros * 1000;
    if (on_sleep) on_sleep();
  }

  // Also what they schedule meanwhile.
  void RunJobs() {
    for (;;) {
      std::function<void()> job;
      {
        MutexLock lock(mutex_);
        if (jobs_.empty()) return;
        job = std::move(jobs_.front());
        jobs_.pop_front();
      }
      job();
    }
  }

  // Time passes; delayed jobs that become due run, each at its time.
  void Advance(std::chrono::nanoseconds duration) {
    const uint64_t end = nanos + static_cast<uint64_t>(duration.count());
    while (const std::function<void()> job = TakeDue(end)) job();
    nanos = end;
  }
  size_t delayed() {
    MutexLock lock(mutex_);
    return delayed_.size();
  }

  std::atomic<uint64_t> nanos{1'000'000'000};
  std::atomic<uint64_t> wall_us{1'700'000'000'000'000};
  std::atomic<uint64_t> slept_us{0};
  std::function<void()> on_sleep;

 private:
  // The first delayed job that is due by `end`, at its time; empty: there is none.
  std::function<void()> TakeDue(uint64_t end) {
    MutexLock lock(mutex_);
    if (delayed_.empty() || delayed_.begin()->first > end) return {};
    nanos = delayed_.begin()->first;
    return std::move(delayed_.extract(delayed_.begin()).mapped());
  }

  Mutex mutex_;
  std::deque<std::function<void()>> jobs_ GUARDED_BY(mutex_);
  std::multimap<uint64_t, std::function<void()>> delayed_ GUARDED_BY(mutex_);  // when due
};

// Of the directory "db"; events go to the options' listeners only.
inline std::shared_ptr<Core> NewCore(FileSystem* fs, std::unique_ptr<Executor> executor,
                                     const Options& options = {}) {
  auto events = std::make_unique<EventLog>(fs, executor.get(), "", 0, options.listeners);
  return std::make_shared<Core>(fs, "db", *ResolveSettings(options, std::nullopt),
                                std::move(executor), std::move(events));
}

// The same on threads; to be shut down.
inline std::shared_ptr<Core> NewCore(FileSystem* fs) { return NewCore(fs, NewThreadPool(1)); }

// That of a new database in "db", which is made.
inline std::unique_ptr<VersionSet> NewVersionSet(FileSystem* fs, const std::string& settings = "") {
  EXPECT_OK(fs->CreateDirectory("db"));
  VersionSet::Start start;
  start.fs = fs;
  start.directory = "db";
  start.root.history_id = {1, 2};
  start.root.instance_id = {3, 4};
  start.settings = settings;
  start.epochs = {{1, 77, 1}};
  start.version = std::make_shared<const Version>();
  auto set = VersionSet::Create(std::move(start));
  EXPECT_OK(set);
  return std::move(set).value();
}

// The first segment of that database's log; what it is given must outlive it.
inline std::unique_ptr<CommitLog> NewCommitLog(Core* core, Tree* tree) {
  CommitLog::Options options;
  options.fs = core->fs;
  options.directory = "db";
  options.executor = core->executor.get();
  options.statistics = &core->statistics;
  options.next_header = [tree] {
    SegmentHeader header;
    header.number = tree->versions().NewFileNumber();
    header.file_id = NewId();
    header.history_id = {1, 2};
    header.instance_id = {3, 4};
    header.epoch = tree->versions().current_epoch();
    header.epoch_tag = tree->versions().current_epoch_tag();
    header.manifest = tree->versions().manifest_state();
    return header;
  };
  auto log = CommitLog::Open(std::move(options), {});
  EXPECT_OK(log);
  return std::move(log).value();
}

}  // namespace logwood::test
