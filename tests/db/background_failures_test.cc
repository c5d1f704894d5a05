// What one compaction that cannot be done means for the others: they go on, and neither hide its
// failure nor wait for it.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <map>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "tests/db/background_fixture.h"
#include "tests/db/recovery_fixture.h"
#include "util/faulty_file_system.h"
#include "util/random.h"
#include "util/sync.h"

namespace logwood {
namespace {

using test::TinyOptions;

// Some rows lie in a table that cannot be read, all others are overwritten again and again.
class UnreadableTableTest : public test::RecoveryFixture {
 protected:
  static std::string Key(int i) { return "k" + std::to_string(1000 + i); }

  // A row in ten, other ones each time; one table.
  void WriteRound(int round) {
    for (int i = round % 10; i < 1000; i += 10) {
      std::string& value = rows_[Key(i)];
      value = std::to_string(round) + " ";
      while (value.size() < 60) value += static_cast<char>('!' + random_.Uniform(90));
      ASSERT_OK(db_->Put({}, Key(i), rows_[Key(i)]));
    }
    ASSERT_OK(db_->Flush());
  }
  void OpenWith(uint32_t level0_tables) {
    Options options = TinyOptions(fs_.get());
    options.tuning.level0_tables = level0_tables;
    ASSERT_OK_AND_ASSIGN(db_, DB::Open(options, "db"));
  }
  void Damage(const std::string& table) {
    std::string bytes = Bytes(table);
    bytes[100] ^= 0x10;
    Replace(table, bytes);
    damaged_.push_back(table);
  }
  // Level 0 stays short, writers are not delayed, and what is outside of the damage is exact.
  void ExpectThatWritersGoOn() {
    for (int round = 0; round < 40; ++round) {
      WriteRound(round);
      static_cast<void>(db_->WaitForCompaction());
    }
    const Stats stats = db_->GetStats();
    EXPECT_LE(stats.levels[0].tables, 4u);
    for (const Setting& setting : stats.settings) EXPECT_NE(setting.name, "write_delay");
    for (const std::string& table : damaged_) {
      EXPECT_NE(stats.background_error.find(table), std::string::npos)
          << table << " is in quarantine; " << stats.background_error;
    }
    EXPECT_STATUS(kCorruption, db_->WaitForCompaction());
    size_t unreadable = 0;
    for (const auto& [key, value] : rows_) {
      std::string found;
      const Status status = db_->Get({}, key, &found);
      unreadable += status.Is(StatusCode::kCorruption);
      if (status.ok()) {
        EXPECT_EQ(found, value);
      }
    }
    EXPECT_EQ(unreadable, 0u) << "all rows were written anew";
  }

  Random random_{301};
  std::map<std::string, std::string> rows_;
  std::vector<std::string> damaged_;
};

TEST_F(UnreadableTableTest, OfTheLastLevelIsCompactedAround) {
  OpenWith(2);
  for (int round = 0; round < 10; ++round) WriteRound(round);
  ASSERT_OK(db_->CompactAll({.force_last_level = true}));
  ASSERT_OK(db_->WaitForCompaction());
  Close();
  const std::vector<std::string> tables = Names(".table");
  ASSERT_GT(tables.size(), 4u);
  Damage(tables[tables.size() / 2]);
  Damage(tables[tables.size() / 2 + 1]);
  OpenWith(2);
  ExpectThatWritersGoOn();
}

TEST_F(UnreadableTableTest, OfLevel0IsCompactedAround) {
  OpenWith(64);
  for (int round = 0; round < 10; ++round) WriteRound(round);
  ASSERT_OK(db_->CompactAll({}));
  ASSERT_OK(db_->WaitForCompaction());
  WriteRound(0);
  WriteRound(1);
  const std::vector<std::string> tables = Names(".table");
  Close();
  Damage(tables.back());
  OpenWith(2);
  ExpectThatWritersGoOn();
}

TEST(IdleBackground, WaitingForItSucceedsWhateverTheDeadline) {
  auto fs = FileSystem::InMemory();
  ASSERT_OK_AND_ASSIGN(auto db, DB::Open(TinyOptions(fs.get()), "db"));
  ASSERT_OK(db->Put({}, "a", "1"));
  ASSERT_OK(db->Flush());
  ASSERT_OK(db->WaitForCompaction());
  for (int i = 0; i < 100; ++i) {
    ASSERT_OK(db->WaitForCompaction(DeadlineAfter(std::chrono::seconds(0))));
  }
}

// Jobs that nobody runs.
class UnrunBackground : public test::BackgroundFixture {};

TEST_F(UnrunBackground, IsIdleWhereNothingIsDue) {
  Start();
  EXPECT_OK(background_->WaitIdle(DeadlineAfter(std::chrono::seconds(0))));
  background_->Wake();
  EXPECT_OK(background_->WaitIdle(DeadlineAfter(std::chrono::seconds(0))))
      << "a compactor that has not looked yet is no work";
  executor_->RunJobs();
}

// Two groups of tables that do not overlap, "a" and "z". What the compaction of "a" reads fails.
class FailingCompactionTest : public testing::Test {
 protected:
  struct Listener : EventListener {
    void OnEvent(const Event& event) override {
      failures.fetch_add(event.kind == EventKind::kBackgroundError);
      resumed.fetch_add(event.kind == EventKind::kResumed);
    }
    std::atomic<int> failures{0}, resumed{0};
  };

  void SetUp() override {
    faulty_.SetFault([this](FileOp op, const std::string& path) { return Before(op, path); });
    Options options = TinyOptions(&faulty_);
    options.tuning.background_threads = 1;
    options.listeners = {listener_};
    ASSERT_OK_AND_ASSIGN(db_, DB::Open(options, "db"));
    WriteTable("a", "first");
    ASSERT_OK(db_->WaitForCompaction());
    ASSERT_OK_AND_ASSIGN(const std::vector<std::string> names, fs_->List("db"));
    for (const std::string& name : names) {
      if (name.ends_with(".table")) first_table_ = name;
    }
    WriteTable("z", "first");
    ASSERT_OK(db_->WaitForCompaction());
    ASSERT_EQ(db_->GetStats().levels[0].tables, 0u);
  }
  void TearDown() override {
    Release();
    db_.reset();
  }

  std::function<void()> TakeCall(FileOp op, const std::string& path) {
    MutexLock lock(mutex_);
    if (fails_ && op == FileOp::kRead && path.ends_with(first_table_)) {
      return std::exchange(in_failing_read_, nullptr);
    }
    const bool table = op == FileOp::kRemove && path.ends_with(".table");
    return table ? std::exchange(in_remove_, nullptr) : nullptr;
  }
  Status Before(FileOp op, const std::string& path) {
    if (const auto call = TakeCall(op, path)) call();
    MutexLock lock(mutex_);
    if (fails_ && op == FileOp::kRead && path.ends_with(first_table_)) {
      return Status::IoError("injected");
    }
    if (holds_ && op == FileOp::kCreate && path.ends_with(".table")) {
      held_ = true;
      changed_.NotifyAll();
      while (holds_) changed_.Wait(mutex_);
    }
    return Status::Ok();
  }
  void CallOnce(std::function<void()>* where, std::function<void()> call) {
    MutexLock lock(mutex_);
    *where = std::move(call);
  }
  void FailReads(bool fails) {
    MutexLock lock(mutex_);
    fails_ = fails;
  }
  void HoldNextTable() {
    MutexLock lock(mutex_);
    holds_ = true;
  }
  void WaitUntilHeld() {
    MutexLock lock(mutex_);
    while (!held_) changed_.Wait(mutex_);
  }
  void Release() {
    MutexLock lock(mutex_);
    holds_ = false;
    changed_.NotifyAll();
  }
  void WriteTable(const std::string& prefix, const std::string& value) {
    ASSERT_OK(db_->Put({}, prefix + "1", value));
    ASSERT_OK(db_->Put({}, prefix + "2", value));
    ASSERT_OK(db_->Flush());
  }
  void MakeCompactionFail() {
    FailReads(true);
    WriteTable("a", "second");
    WriteTable("a", "third");
    EXPECT_STATUS(kIoError, db_->WaitForCompaction());
    EXPECT_NE(db_->GetStats().background_error, "");
  }

  // Another thread may be telling it.
  void ExpectResumedOnce() {
    const Deadline deadline = DeadlineAfter(std::chrono::seconds(100));
    while (listener_->resumed.load() == 0 && std::chrono::steady_clock::now() < deadline) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    EXPECT_EQ(listener_->resumed.load(), 1);
  }

  std::unique_ptr<FileSystem> fs_ = FileSystem::InMemory();
  FaultyFileSystem faulty_{fs_.get()};
  const std::shared_ptr<Listener> listener_ = std::make_shared<Listener>();
  Mutex mutex_;
  CondVar changed_;
  std::function<void()> in_failing_read_ GUARDED_BY(mutex_);  // called once
  std::function<void()> in_remove_ GUARDED_BY(mutex_);
  bool fails_ GUARDED_BY(mutex_) = false;
  bool holds_ GUARDED_BY(mutex_) = false;
  bool held_ GUARDED_BY(mutex_) = false;
  std::string first_table_ = "none yet";
  std::unique_ptr<DB> db_;
};

TEST_F(FailingCompactionTest, IsNotHiddenByAnotherThatSucceeds) {
  MakeCompactionFail();
  const Keyspace keyspace;
  ASSERT_OK(db_->CompactRange({.force_last_level = true}, keyspace, {.begin = "z", .end = "zz"}));
  EXPECT_EQ(listener_->resumed.load(), 0);
  EXPECT_NE(db_->GetStats().background_error, "");
  FailReads(false);
  EXPECT_OK(db_->WaitForCompaction());
  ExpectResumedOnce();
  EXPECT_EQ(db_->GetStats().background_error, "");
  EXPECT_EQ(db_->GetStats().levels[0].tables, 0u);
}

TEST_F(FailingCompactionTest, KeepsNoOtherFromGoingOn) {
  MakeCompactionFail();
  for (int round = 0; round < 4; ++round) WriteTable("z", std::to_string(round));
  EXPECT_STATUS(kIoError, db_->WaitForCompaction());
  // Those of the one that fails, and one that alone makes nothing due.
  EXPECT_LE(db_->GetStats().levels[0].tables, 3u);
  FailReads(false);
  EXPECT_OK(db_->WaitForCompaction());
  EXPECT_LE(db_->GetStats().levels[0].tables, 1u);
}

TEST_F(FailingCompactionTest, IsForgottenOnceItIsNotDueAnyMore) {
  MakeCompactionFail();
  FailReads(false);
  ASSERT_OK(db_->CompactAll({}));
  EXPECT_OK(db_->WaitForCompaction());
  ExpectResumedOnce();
  EXPECT_EQ(db_->GetStats().background_error, "");
}

TEST_F(FailingCompactionTest, IsNotedBeforeAnotherMayDoItsWork) {
  const Keyspace keyspace;
  ASSERT_OK(db_->CompactRange({.force_last_level = true}, keyspace, {.begin = "z", .end = "zz"}));
  // Tables that nobody needs any more: what failed removes them before it ends.
  std::unique_ptr<Iterator> iterator = db_->NewIterator({}, keyspace);
  CallOnce(&in_failing_read_, [&] { iterator.reset(); });
  ASSERT_OK(db_->CompactRange({.force_last_level = true}, keyspace, {.begin = "z", .end = "zz"}));
  bool called = false;
  CallOnce(&in_remove_, [&] {
    called = true;
    FailReads(false);
    EXPECT_OK(db_->CompactAll({}));
    ExpectResumedOnce();
    EXPECT_EQ(db_->GetStats().background_error, "");
  });
  FailReads(true);
  WriteTable("a", "second");
  WriteTable("a", "third");
  EXPECT_OK(db_->WaitForCompaction());
  EXPECT_TRUE(called);
}

TEST_F(FailingCompactionTest, IsToldBesideTheTablesInQuarantine) {
  ASSERT_OK(db_->Close());
  db_.reset();
  const std::string damaged = first_table_, path = "db/" + damaged;
  ASSERT_OK_AND_ASSIGN(std::string bytes, test::ReadFile(fs_.get(), path));
  bytes[80] ^= 0x10;
  ASSERT_OK(test::WriteFile(fs_.get(), path, bytes));
  ASSERT_OK_AND_ASSIGN(db_, DB::Open(TinyOptions(&faulty_), "db"));
  ASSERT_STATUS(kCorruption, db_->CompactRange({.force_last_level = true}, Keyspace(),
                                               {.begin = "a", .end = "b"}));
  first_table_ = ".table";
  FailReads(true);
  WriteTable("z", "second");
  WriteTable("z", "third");
  EXPECT_STATUS(kIoError, db_->WaitForCompaction());
  const std::string error = db_->GetStats().background_error;
  EXPECT_NE(error.find("injected"), std::string::npos) << error;
  EXPECT_NE(error.find(damaged), std::string::npos) << error;
  FailReads(false);
  EXPECT_STATUS(kCorruption, db_->WaitForCompaction());
  EXPECT_EQ(db_->GetStats().background_error.find("injected"), std::string::npos);
}

// The one under way elsewhere changes nothing about the table in quarantine.
TEST_F(FailingCompactionTest, OnCallIsRefusedAtOnceWhereATableIsInQuarantine) {
  ASSERT_OK(db_->Close());
  db_.reset();
  const std::string path = "db/" + first_table_;
  ASSERT_OK_AND_ASSIGN(std::string bytes, test::ReadFile(fs_.get(), path));
  bytes[80] ^= 0x10;
  ASSERT_OK(test::WriteFile(fs_.get(), path, bytes));
  Options options = TinyOptions(&faulty_);
  options.tuning.level0_tables = 64;
  ASSERT_OK_AND_ASSIGN(db_, DB::Open(options, "db"));
  WriteTable("a", "second");
  const Keyspace keyspace;
  ASSERT_STATUS(kCorruption, db_->CompactRange({}, keyspace, {.begin = "a", .end = "b"}));
  EXPECT_NE(db_->GetStats().background_error, "") << "until the next open";
  HoldNextTable();
  std::thread other([&] {
    EXPECT_OK(db_->CompactRange({.force_last_level = true}, keyspace, {.begin = "z", .end = "zz"}));
  });
  WaitUntilHeld();
  EXPECT_STATUS(kCorruption, db_->CompactRange({}, keyspace, {.begin = "a", .end = "b"}));
  Release();
  other.join();
}

// The manifest's sync fails while a writer waits for the log's, which then says ok.
TEST(FailedSyncBeside, TheSyncOfTheLogAcknowledgesNothing) {
  const auto memory = FileSystem::InMemory();
  FaultyFileSystem files(memory.get());
  ASSERT_OK_AND_ASSIGN(const auto db, DB::Open(TinyOptions(&files), "db"));
  ASSERT_OK(db->Put({Durability::kPower}, "before", "v"));
  std::atomic<bool> manifest_waits{false}, log_waits{false};
  const auto wait_until = [](const std::function<bool()>& holds) {
    for (int i = 0; i < 10'000 && !holds(); ++i)
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    EXPECT_TRUE(holds());
  };
  std::atomic<bool> armed{true};
  files.SetFault([&](FileOp op, const std::string& path) {
    if (op != FileOp::kSync || !armed) return Status::Ok();
    if (path.ends_with(".manifest")) {
      manifest_waits = true;
      wait_until([&] { return log_waits.load(); });
      return Status::IoError("sync " + path + ": injected");
    }
    if (path.ends_with(".log") && manifest_waits) {
      log_waits = true;
      wait_until([&] { return db->GetStats().writes_stopped; });
    }
    return Status::Ok();
  });
  std::thread flush([&] { EXPECT_STATUS(kIoError, db->Flush()); });
  wait_until([&] { return manifest_waits.load(); });
  EXPECT_STATUS(kIoError, db->Put({Durability::kPower}, "beside", "v"));
  EXPECT_STATUS(kReadOnly, db->Put({}, "behind", "v"));
  flush.join();
  ASSERT_OK(db->WaitDurable(1)) << "what was durable before stays that";
  armed = false;
}

}  // namespace
}  // namespace logwood
