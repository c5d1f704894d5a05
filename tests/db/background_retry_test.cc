// Work that fails: how often it is tried again, what a full disk costs, what stops writes.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <memory>
#include <string>
#include <thread>

#include "db/backoff.h"
#include "tests/db/crash_support.h"
#include "util/faulty_file_system.h"
#include "util/forwarding_file_system.h"

namespace logwood {
namespace {

using test::TinyOptions;

TEST(BackoffTest, EachFailureDoublesTheWaitUpToALimit) {
  Backoff backoff;
  EXPECT_TRUE(backoff.MayTry(0));
  uint64_t wait = Backoff::kFirstNanos;
  for (int failure = 0; failure < 20; ++failure) {
    const uint64_t now = 1'000'000'000'000ULL * static_cast<uint64_t>(failure + 1);
    backoff.Failed(now);
    EXPECT_TRUE(backoff.waiting());
    EXPECT_FALSE(backoff.MayTry(now + wait - 1));
    EXPECT_TRUE(backoff.MayTry(now + wait));
    wait = std::min(2 * wait, Backoff::kLongestNanos);
  }
  EXPECT_EQ(wait, Backoff::kLongestNanos);
  backoff.Reset();
  EXPECT_FALSE(backoff.waiting());
  EXPECT_TRUE(backoff.MayTry(0));
}

// A disk that says how much room it has left.
class SmallDisk final : public ForwardingFileSystem {
 public:
  using ForwardingFileSystem::ForwardingFileSystem;
  Result<uint64_t> FreeBytes(const std::string&) override { return free_bytes.load(); }
  std::atomic<uint64_t> free_bytes{1ULL << 40};
};

class RetryTest : public testing::Test {
 protected:
  size_t Tables() {
    auto names = fs_->List("db");
    return static_cast<size_t>(
        std::count_if(names->begin(), names->end(),
                      [](const std::string& name) { return name.ends_with(".table"); }));
  }

  std::unique_ptr<FileSystem> fs_ = FileSystem::InMemory();
  FaultyFileSystem faulty_{fs_.get()};
  SmallDisk disk_{fs_.get()};
  std::atomic<bool> failing_{false};
  std::atomic<uint64_t> attempts_{0};
  std::unique_ptr<DB> db_;  // last: it uses all of them until it is gone
};

// As a service does that is started again and again where the log has no room for a new segment.
TEST_F(RetryTest, OpensThatFailLateLeaveNoMoreAndMoreFiles) {
  ASSERT_OK_AND_ASSIGN(db_, DB::Open(TinyOptions(&faulty_), "db"));
  for (int i = 0; i < 10; ++i) ASSERT_OK(db_->Put({}, "a", std::string(5000, 'x')));
  db_.reset();
  size_t files = 0;
  for (int attempt = 0; attempt < 6; ++attempt) {
    failing_.store(true);
    faulty_.SetFault([this](FileOp op, const std::string& path) {
      const bool creates = op == FileOp::kCreate || op == FileOp::kStore;
      return failing_.load() && creates && path.ends_with(".log") ? Status::NoSpace("injected")
                                                                  : Status::Ok();
    });
    EXPECT_STATUS(kNoSpace, DB::Open(TinyOptions(&faulty_), "db"));
    failing_.store(false);
    ASSERT_OK_AND_ASSIGN(const std::vector<std::string> names, fs_->List("db"));
    if (attempt == 1) files = names.size();
    if (attempt > 1) {
      EXPECT_LE(names.size(), files) << "after attempt " << attempt;
    }
  }
  ASSERT_OK_AND_ASSIGN(db_, DB::Open(TinyOptions(&faulty_), "db"));
  EXPECT_EQ(db_->LastPosition(), 10u);
}

TEST_F(RetryTest, ADirectorySyncThatFailsForWantOfRoomStopsWritesAndFillsNoDisk) {
  faulty_.SetFault([this](FileOp op, const std::string&) {
    return failing_.load() && op == FileOp::kSyncDirectory ? Status::NoSpace("injected")
                                                           : Status::Ok();
  });
  ASSERT_OK_AND_ASSIGN(db_, DB::Open(TinyOptions(&faulty_), "db"));
  ASSERT_OK(db_->Put({}, "a", "1"));
  ASSERT_OK(db_->WaitDurable(1));  // the segment's name is durable: the flush syncs for its table
  failing_.store(true);
  for (int i = 0; i < 20; ++i) EXPECT_FALSE(db_->Flush().ok());
  failing_.store(false);
  EXPECT_TRUE(db_->GetStats().writes_stopped);
  EXPECT_STATUS(kReadOnly, db_->Put({}, "b", "2"));
  EXPECT_LE(Tables(), 2u);
  std::string value;
  EXPECT_OK(db_->Get({}, "a", &value));
  db_.reset();
  ASSERT_OK_AND_ASSIGN(db_, DB::Open(TinyOptions(&faulty_), "db"));
  EXPECT_OK(db_->Get({}, "a", &value));
}

TEST_F(RetryTest, ACompactionWithoutRoomForItsOutputIsNotStarted) {
  ASSERT_OK_AND_ASSIGN(db_, DB::Open(TinyOptions(&disk_), "db"));
  for (int round = 0; round < 2; ++round) {
    for (int i = 0; i < 100; ++i) ASSERT_OK(db_->Put({}, std::to_string(i), std::string(100, 'v')));
    ASSERT_OK(db_->Flush());
  }
  ASSERT_OK(db_->WaitForCompaction());
  const uint64_t written = db_->GetStats().compaction_bytes_written;
  disk_.free_bytes.store(1000);
  EXPECT_STATUS(kNoSpace, db_->CompactAll({.force_last_level = true}));
  EXPECT_EQ(db_->GetStats().compaction_bytes_written, written);
  ASSERT_OK(db_->Put({}, "goes", "on"));
  ASSERT_OK(db_->Flush());
  disk_.free_bytes.store(1ULL << 40);
  EXPECT_OK(db_->CompactAll({.force_last_level = true}));
  EXPECT_GT(db_->GetStats().compaction_bytes_written, written);
}

// Replaying with little memory makes tables: those of an open that fails must not pile up.
TEST_F(RetryTest, AnOpenThatFailsAtItsManifestLeavesNoTables) {
  Options options = TinyOptions(&faulty_);
  options.memory_budget_bytes = 16 << 20;
  options.tuning.memtable_bytes = 4 << 20;
  ASSERT_OK_AND_ASSIGN(db_, DB::Open(options, "db"));
  for (int i = 0; i < 2000; ++i) ASSERT_OK(db_->Put({}, std::to_string(i), std::string(500, 'v')));
  ASSERT_OK(db_->Close());
  db_.reset();
  ASSERT_EQ(Tables(), 0u);
  options.tuning.memtable_bytes = 64 << 10;
  faulty_.SetFault([this](FileOp op, const std::string& path) {
    const bool hit = op == FileOp::kCreate && path.ends_with(".manifest");
    return failing_.load() && hit ? Status::NoSpace("injected") : Status::Ok();
  });
  failing_.store(true);
  for (int attempt = 0; attempt < 3; ++attempt) {
    EXPECT_STATUS(kNoSpace, DB::Open(options, "db"));
    EXPECT_EQ(Tables(), 0u);
  }
  failing_.store(false);
  ASSERT_OK_AND_ASSIGN(db_, DB::Open(options, "db"));
  EXPECT_GT(Tables(), 0u);
  std::string value;
  EXPECT_OK(db_->Get({}, "1999", &value));
}

TEST_F(RetryTest, OnAFullDiskADroppedKeyspaceStillGivesItsRoomBack) {
  ASSERT_OK_AND_ASSIGN(db_, DB::Open(TinyOptions(&disk_), "db"));
  ASSERT_OK_AND_ASSIGN(const Keyspace going, db_->CreateKeyspace({}, "going"));
  for (int i = 0; i < 1000; ++i)
    ASSERT_OK(db_->Put({}, going, std::to_string(i), std::string(100, 'v')));
  ASSERT_OK(db_->CompactAll({}));
  const size_t before = Tables();
  ASSERT_GT(before, 3u);
  disk_.free_bytes.store(1000);
  // Until a compaction is due that has no room.
  for (int round = 0; db_->GetStats().background_error.empty(); ++round) {
    ASSERT_LT(round, 1000);
    for (int i = 0; i < 50; ++i) ASSERT_OK(db_->Put({}, std::to_string(i), std::string(100, 'w')));
    ASSERT_OK(db_->Flush());
  }
  ASSERT_OK(db_->DropKeyspace({}, "going"));
  ASSERT_OK(db_->WaitDurable(db_->LastPosition()));
  const uint64_t waiting = db_->GetStats().table_bytes;
  while (db_->GetStats().table_bytes >= waiting)
    std::this_thread::sleep_for(std::chrono::milliseconds(10));  // ctest ends it if it never comes
}

// On a full disk EVENTS would take the room that was made for the flush.
TEST_F(RetryTest, WritesRefusedAtOnceAreNoEventsEach) {
  faulty_.SetFault([this](FileOp op, const std::string& path) {
    return failing_.load() && op == FileOp::kCreate && path.ends_with(".table")
               ? Status::NoSpace("injected")
               : Status::Ok();
  });
  ASSERT_OK_AND_ASSIGN(db_, DB::Open(TinyOptions(&faulty_), "db"));
  failing_.store(true);
  const auto refused = [this](uint64_t count) {
    for (uint32_t i = 0; count > 0 && i < 100'000; ++i) {
      count -= !db_->Put({}, std::to_string(i), std::string(1000, 'v')).ok();
    }
    return count == 0;
  };
  ASSERT_TRUE(refused(1));
  ASSERT_OK_AND_ASSIGN(const uint64_t before, fs_->FileSize("db/EVENTS"));
  ASSERT_TRUE(refused(2000));
  ASSERT_OK_AND_ASSIGN(const uint64_t after, fs_->FileSize("db/EVENTS"));
  EXPECT_LT(after - before, 50'000u);
  failing_.store(false);
}

TEST_F(RetryTest, AFailingFlushIsNotRepeatedByEveryWrite) {
  faulty_.SetFault([this](FileOp op, const std::string& path) {
    if (!failing_.load() || op != FileOp::kCreate || !path.ends_with(".table")) return Status::Ok();
    attempts_.fetch_add(1);
    return Status::IoError("injected");
  });
  ASSERT_OK_AND_ASSIGN(db_, DB::Open(TinyOptions(&faulty_), "db"));
  failing_.store(true);
  ASSERT_OK(db_->Put({}, "a", "1"));
  EXPECT_STATUS(kIoError, db_->Flush());
  // Beyond the memory for memtables, each write asks for a flush.
  uint64_t refused = 0;
  for (uint32_t i = 0; refused < 1000 && i < 100'000; ++i) {
    refused += !db_->Put({}, std::to_string(i), std::string(1000, 'v')).ok();
  }
  EXPECT_EQ(refused, 1000u);
  EXPECT_LT(attempts_.load(), 100u);
  failing_.store(false);
  // Asked for, it is tried at once.
  EXPECT_OK(db_->Flush());
  EXPECT_OK(db_->Put({}, "b", "2"));
  EXPECT_EQ(db_->GetStats().background_error, "");
}

TEST_F(RetryTest, CloseOnAFullDiskStillSyncsTheLogAndIsClean) {
  faulty_.SetFault([this](FileOp op, const std::string& path) {
    const bool grows = op == FileOp::kStore || op == FileOp::kReserve;
    return failing_.load() && grows && path.ends_with(".log") ? Status::NoSpace("injected")
                                                              : Status::Ok();
  });
  ASSERT_OK_AND_ASSIGN(db_, DB::Open(TinyOptions(&faulty_), "db"));
  ASSERT_OK(db_->Put({}, "a", "1"));
  failing_.store(true);
  EXPECT_STATUS(kNoSpace, db_->Put({}, "b", std::string(5000, 'v')));
  EXPECT_OK(db_->Close());
  failing_.store(false);
  ASSERT_OK_AND_ASSIGN(db_, DB::Open(TinyOptions(&faulty_), "db"));
  EXPECT_TRUE(db_->GetRecoveryInfo().clean);
  EXPECT_EQ(db_->LastPosition(), 1u);
}

}  // namespace
}  // namespace logwood
