// What a database does while one of its jobs stands still: the others go on, who waits is told the
// truth, and the statistics show what piles up.
#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "tests/db/crash_support.h"
#include "util/faulty_file_system.h"
#include "util/sync.h"

namespace logwood {
namespace {

// Holds the job that creates a table of its choice.
class TableHold {
 public:
  // The n-th from now (1: the next).
  void HoldNth(uint64_t n) {
    MutexLock lock(mutex_);
    released_ = false;
    until_held_ = n;
  }
  void Release() {
    MutexLock lock(mutex_);
    until_held_ = 0;
    released_ = true;
    changed_.NotifyAll();
  }
  bool holds() {
    MutexLock lock(mutex_);
    return held_;
  }
  void WaitUntilHeld() {
    MutexLock lock(mutex_);
    while (!held_) changed_.Wait(mutex_);
  }
  Status Before(FileOp op, const std::string& path) {
    if (op != FileOp::kCreate || !path.ends_with(".table")) return Status::Ok();
    MutexLock lock(mutex_);
    if (until_held_ == 0 || --until_held_ != 0) return Status::Ok();
    held_ = true;
    changed_.NotifyAll();
    while (!released_) changed_.Wait(mutex_);
    held_ = false;
    return Status::Ok();
  }

 private:
  Mutex mutex_;
  CondVar changed_;
  uint64_t until_held_ GUARDED_BY(mutex_) = 0;
  bool held_ GUARDED_BY(mutex_) = false;
  bool released_ GUARDED_BY(mutex_) = false;
};

class JobListener final : public EventListener {
 public:
  void OnEvent(const Event& event) override {
    MutexLock lock(mutex_);
    flushes_ += event.kind == EventKind::kFlush;
    // Not a move.
    rewrites_ += event.kind == EventKind::kCompaction && event.bytes_out > 0;
    changed_.NotifyAll();
  }
  void WaitForFlushes(uint64_t count) {
    MutexLock lock(mutex_);
    while (flushes_ < count) changed_.Wait(mutex_);
  }
  void WaitForRewrites(uint64_t count) {
    MutexLock lock(mutex_);
    while (rewrites_ < count) changed_.Wait(mutex_);
  }
  uint64_t rewrites() {
    MutexLock lock(mutex_);
    return rewrites_;
  }

 private:
  Mutex mutex_;
  CondVar changed_;
  uint64_t flushes_ GUARDED_BY(mutex_) = 0;
  uint64_t rewrites_ GUARDED_BY(mutex_) = 0;
};

// Two tables in level 0 are compacted, beside each other where they do not overlap.
class HeldJobTest : public testing::Test {
 protected:
  void SetUp() override {
    faulty_.SetFault([this](FileOp op, const std::string& path) { return hold_.Before(op, path); });
    Options options = test::TinyOptions(&faulty_);
    options.tuning.background_threads = 2;
    options.listeners = {listener_};
    ASSERT_OK_AND_ASSIGN(db_, DB::Open(options, "db"));
    // So that what follows in these ranges has to be merged, not moved.
    WriteTable("a", "first");
    WriteTable("z", "first");
    ASSERT_OK(db_->WaitForCompaction());
    ASSERT_EQ(db_->GetStats().levels[0].tables, 0u);
  }
  void TearDown() override {
    hold_.Release();
    db_.reset();
  }

  // A table in level 0 from `prefix`1 to `prefix`2; returns when all its flush does is done.
  void WriteTable(const std::string& prefix, const std::string& value) {
    ASSERT_OK(db_->Put({}, prefix + "1", value));
    ASSERT_OK(db_->Put({}, prefix + "2", value));
    ASSERT_OK(db_->Flush());
    listener_->WaitForFlushes(++flushes_);
  }
  // Makes a compaction of the range "a" due, and holds it at its first output.
  void HoldCompaction() {
    hold_.HoldNth(3);  // behind the tables of two flushes
    WriteTable("a", "second");
    WriteTable("a", "third");
    hold_.WaitUntilHeld();
  }
  // The back-pressure that the statistics show; "": none.
  static std::string WriteDelay(const Stats& stats) {
    for (const Setting& setting : stats.settings) {
      if (setting.name == "write_delay") return setting.value;
    }
    return "";
  }

  std::unique_ptr<FileSystem> fs_ = FileSystem::InMemory();
  FaultyFileSystem faulty_{fs_.get()};
  TableHold hold_;
  const std::shared_ptr<JobListener> listener_ = std::make_shared<JobListener>();
  uint64_t flushes_ = 0;
  std::unique_ptr<DB> db_;
};

using HeldRows = std::map<std::string, std::string>;

TEST_F(HeldJobTest, ConcurrentCompactionOfADisjointRangeEndsMeanwhile) {
  HoldCompaction();
  WriteTable("z", "second");
  WriteTable("z", "third");
  listener_->WaitForRewrites(1);
  EXPECT_TRUE(hold_.holds());
  EXPECT_EQ(db_->GetStats().levels[0].tables, 2u) << "those of the held one";
  const HeldRows rows = {{"a1", "third"}, {"a2", "third"}, {"z1", "third"}, {"z2", "third"}};
  EXPECT_EQ(*test::Scan(db_.get()), rows);
  hold_.Release();
  ASSERT_OK(db_->WaitForCompaction());
  listener_->WaitForRewrites(2);
  EXPECT_EQ(db_->GetStats().levels[0].tables, 0u);
  EXPECT_EQ(*test::Scan(db_.get()), rows);
}

TEST_F(HeldJobTest, ConcurrentCompactionOnCallOfADisjointRangeEndsMeanwhile) {
  HoldCompaction();
  WriteTable("z", "second");
  EXPECT_OK(db_->CompactRange({}, Keyspace(), {.begin = "z", .end = "zz"}));
  EXPECT_TRUE(hold_.holds());
  EXPECT_EQ(db_->GetStats().levels[0].tables, 2u) << "those of the held one";
}

TEST_F(HeldJobTest, ConcurrentCompactionOnCallThatWaitsForAnotherIsToldToTheEnd) {
  HoldCompaction();
  CompactOptions options;
  uint64_t told = 0, last_done = 0, last_all = 0;
  options.progress = [&](uint64_t done, uint64_t all) {
    if (told++ == 0) hold_.Release();
    EXPECT_GE(done, last_done);
    last_done = done;
    last_all = all;
  };
  EXPECT_OK(db_->CompactAll(options));
  EXPECT_GT(told, 1u);
  EXPECT_GT(last_all, 0u);
  EXPECT_EQ(last_done, last_all);
}

TEST_F(HeldJobTest, WaitingForACompactionTimesOutUntilItIsDone) {
  HoldCompaction();
  EXPECT_STATUS(kTimeout, db_->WaitForCompaction(DeadlineAfter(std::chrono::seconds(0))));
  EXPECT_STATUS(kTimeout, db_->WaitForCompaction(DeadlineAfter(std::chrono::milliseconds(5))));
  EXPECT_EQ(db_->GetStats().background_error, "") << "that somebody waits no longer is no failure";
  EXPECT_EQ(listener_->rewrites(), 0u);
  hold_.Release();
  EXPECT_OK(db_->WaitForCompaction(DeadlineAfter(std::chrono::hours(1))));
  EXPECT_EQ(db_->GetStats().levels[0].tables, 0u);
}

TEST_F(HeldJobTest, WaitingForAFlushTimesOutUntilItIsDone) {
  hold_.HoldNth(1);
  ASSERT_OK(db_->Put({}, "a1", std::string(70'000, 'v')));
  ASSERT_OK(db_->Put({}, "a2", "finds the memtable full"));
  hold_.WaitUntilHeld();
  EXPECT_STATUS(kTimeout, db_->WaitForCompaction(DeadlineAfter(std::chrono::seconds(0))));
  const uint64_t before = db_->GetStats().flushes;
  hold_.Release();
  EXPECT_OK(db_->WaitForCompaction(DeadlineAfter(std::chrono::hours(1))));
  EXPECT_EQ(db_->GetStats().flushes, before + 1);
}

// Writers beside a flush that stands still get slower step by step, and not all at once at the
// wall.
TEST_F(HeldJobTest, WritersSlowDownBeforeMemtablesAreFull) {
  for (const uint64_t budget : {kMemoryBudgetBytesMin, uint64_t{4} << 20}) {
    SCOPED_TRACE(budget);
    Options options;
    options.file_system = &faulty_;
    options.memory_budget_bytes = budget;
    hold_.Release();
    ASSERT_OK(db_->Close());
    ASSERT_OK_AND_ASSIGN(db_, DB::Open(options, "held/" + std::to_string(budget)));
    hold_.HoldNth(1);
    const uint64_t memtable_bytes = budget / 6, wall_bytes = memtable_bytes * 5 / 2;
    std::set<std::string> delays;
    uint64_t bytes = 0, bytes_at_first = 0;
    for (int i = 0; bytes < wall_bytes; ++i) {
      ASSERT_OK(db_->Put({}, std::to_string(i), std::string(1000, 'v')));
      const Stats stats = db_->GetStats();
      bytes = stats.memory.memtable_bytes;
      const std::string delay = WriteDelay(stats);
      if (delay.empty()) continue;
      if (delays.insert(delay).second && delays.size() == 1) bytes_at_first = bytes;
      if (delays.size() == 6) break;
    }
    EXPECT_EQ(delays.size(), 6u);
    EXPECT_LT(bytes_at_first, memtable_bytes * 2);
  }
}

// Soft limit of level 0: twice the two tables that are compacted.
TEST_F(HeldJobTest, StatisticsShowDebtAndDelayWhileTheyLast) {
  EXPECT_EQ(db_->GetStats().compaction_debt_bytes, 0u);
  HoldCompaction();
  WriteTable("a", "fourth");
  WriteTable("a", "fifth");
  Stats stats = db_->GetStats();
  ASSERT_EQ(stats.levels[0].tables, 4u);
  const uint64_t less = stats.compaction_debt_bytes;
  EXPECT_GT(less, 0u);
  EXPECT_EQ(WriteDelay(stats), "");
  WriteTable("a", "sixth");
  stats = db_->GetStats();
  EXPECT_GT(stats.compaction_debt_bytes, less);
  EXPECT_EQ(WriteDelay(stats), "level-0 tables 5, soft limit 4");
  hold_.Release();
  ASSERT_OK(db_->WaitForCompaction());
  stats = db_->GetStats();
  EXPECT_EQ(stats.compaction_debt_bytes, 0u);
  EXPECT_EQ(WriteDelay(stats), "");
}

}  // namespace
}  // namespace logwood
