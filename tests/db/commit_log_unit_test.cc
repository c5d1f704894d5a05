// The commit log over a file system that records what is asked of it: rotation, the order of syncs,
// what may be called durable, and what a failed sync does.
#include "db/commit_log.h"

#include <gtest/gtest.h>

#include <thread>

#include "db/file_names.h"
#include "tests/db/recording_file_system.h"
#include "tests/support/directory.h"
#include "tests/support/forwarding_executor.h"
#include "tests/support/status_assert.h"
#include "util/batch_codec.h"
#include "util/random.h"

namespace logwood {
namespace {

using test::RecordingFileSystem;

// A thread pool whose latency clock stands still until it is told otherwise.
class StoppedClock final : public test::ForwardingExecutor {
 public:
  StoppedClock() : ForwardingExecutor(NewThreadPool(1)) {}
  uint64_t NowNanos() override { return nanos; }

  std::atomic<uint64_t> nanos{1'000'000'000};
};

class CommitLogTest : public testing::Test {
 protected:
  CommitLogTest() { EXPECT_OK(fs_.CreateDirectory("db")); }
  ~CommitLogTest() override { executor_->Shutdown(); }

  struct SlowSync {
    uint64_t micros;
    bool under_way;
    friend bool operator==(const SlowSync&, const SlowSync&) = default;
  };

  void Open(CommitLog::Start start = {}) {
    CommitLog::Options options;
    options.fs = &fs_;
    options.directory = "db";
    options.executor = executor_.get();
    options.statistics = &statistics_;
    options.next_header = [this] {
      SegmentHeader header;
      header.number = next_number_++;
      header.file_id = NewId();
      header.history_id = {1, 2};
      header.instance_id = {3, 4};
      header.epoch = 1;
      header.epoch_tag = 5;
      return header;
    };
    options.slow_sync = [this](uint64_t micros, bool under_way) {
      slow_syncs_.push_back({micros, under_way});
    };
    auto log = CommitLog::Open(std::move(options), start);
    ASSERT_OK(log);
    log_ = std::move(*log);
  }
  Status Commit(size_t bytes = 10) {
    std::string operations;
    AppendOperation(&operations, EntryKind::kPut, 1, "key", std::string(bytes, 'v'));
    CommitRecord record;
    record.position = log_->stored() + 1;
    record.time_us = 1000;
    record.operation_count = 1;
    record.operations = operations;
    log_->Add(&record);
    return log_->Store();
  }
  // Replays what is there.
  Result<ReplayResult> Replay() {
    ReplayOptions options;
    options.directory = "db";
    options.history_id = {1, 2};
    options.instance_id = {3, 4};
    auto names = fs_.List("db");
    for (const std::string& name : *names) {
      if (auto number = ParseLogFileName(name)) options.segments.push_back(*number);
    }
    return ReplayLog(&fs_, options, [](const CommitRecord&) { return Status::Ok(); });
  }

  RecordingFileSystem fs_;
  std::unique_ptr<Executor> executor_ = NewThreadPool(1);
  Statistics statistics_;
  uint64_t next_number_ = 5;
  std::vector<SlowSync> slow_syncs_;
  std::unique_ptr<CommitLog> log_;
};

TEST_F(CommitLogTest, StoredIsNotDurableUntilSynced) {
  Open();
  ASSERT_OK(Commit());
  ASSERT_OK(Commit());
  EXPECT_EQ(log_->stored(), 2u);
  EXPECT_EQ(log_->durable(), 0u);
  EXPECT_GT(log_->unsynced_bytes(), 0u);
  ASSERT_OK(log_->SyncTo(1, kNoDeadline));
  EXPECT_EQ(log_->durable(), 2u) << "one sync covers all that is stored";
  EXPECT_EQ(log_->unsynced_bytes(), 0u);
}

TEST_F(CommitLogTest, WhatIsDurableNeedsNoSecondSync) {
  Open();
  ASSERT_OK(Commit());
  ASSERT_OK(log_->SyncTo(1, kNoDeadline));
  fs_.Clear();
  ASSERT_OK(log_->SyncTo(1, kNoDeadline));
  ASSERT_OK(log_->SyncTo(0, kNoDeadline));
  EXPECT_EQ(fs_.Syncs(), "");
}

TEST_F(CommitLogTest, TheDirectoryIsSyncedBeforeTheFirstAcknowledgement) {
  Open();
  ASSERT_OK(Commit());
  fs_.Clear();
  ASSERT_OK(log_->SyncTo(1, kNoDeadline));
  EXPECT_EQ(fs_.Syncs(), "000005.log directory ");
  ASSERT_OK(Commit());
  fs_.Clear();
  ASSERT_OK(log_->SyncTo(2, kNoDeadline));
  EXPECT_EQ(fs_.Syncs(), "000005.log ") << "the name is durable already";
}

TEST_F(CommitLogTest, OlderSegmentsAreSyncedFirstThenTheDirectory) {
  Open();
  for (int i = 0; i < 3; ++i) {
    ASSERT_OK(Commit());
    ASSERT_OK(log_->Rotate());
  }
  ASSERT_OK(Commit());
  fs_.Clear();
  ASSERT_OK(log_->SyncTo(4, kNoDeadline));
  EXPECT_EQ(fs_.Syncs(), "000005.log 000006.log 000007.log 000008.log directory ");
  fs_.Clear();
  ASSERT_OK(Commit());
  ASSERT_OK(log_->SyncTo(5, kNoDeadline));
  EXPECT_EQ(fs_.Syncs(), "000008.log ") << "closed segments are synced once, for good";
}

TEST_F(CommitLogTest, RotationDoesNotSync) {
  Open();
  ASSERT_OK(Commit());
  fs_.Clear();
  ASSERT_OK(log_->Rotate());
  EXPECT_EQ(fs_.Syncs(), "");
  EXPECT_EQ(log_->active_number(), 6u);
}

// Each that is not synced keeps a descriptor.
TEST_F(CommitLogTest, RotationSyncsWhereManySegmentsAreNot) {
  Open();
  for (int i = 0; i < 100; ++i) {
    ASSERT_OK(Commit());
    ASSERT_OK(log_->Rotate());
  }
  EXPECT_GT(log_->durable(), 0u);
  EXPECT_GT(log_->stored(), log_->durable());
}

TEST_F(CommitLogTest, WhereThatSyncFailsNoSegmentIsBegun) {
  Open();
  fs_.FailSyncs(true);
  Status rotated;
  int rotations = 0;
  for (; rotated.ok() && rotations < 100; ++rotations) {
    ASSERT_OK(Commit());
    rotated = log_->Rotate();
  }
  EXPECT_STATUS(kIoError, rotated);
  EXPECT_EQ(log_->Segments().size(), static_cast<size_t>(rotations));
  EXPECT_EQ(log_->failure().ToString(), rotated.ToString());
}

TEST_F(CommitLogTest, ConcurrentlyRotationWaitsForTheSyncUnderWay) {
  Open();
  ASSERT_OK(Commit());
  fs_.HoldSyncs(true);
  std::thread syncer([&] { EXPECT_OK(log_->SyncTo(1, kNoDeadline)); });
  fs_.WaitUntilHeld();
  std::thread writer([&] {
    for (int i = 0; i < 100; ++i) {
      EXPECT_OK(log_->Rotate());
      EXPECT_OK(Commit());
    }
  });
  while (log_->Segments().size() < 64) std::this_thread::yield();
  EXPECT_EQ(log_->Segments().size(), 64u);
  EXPECT_EQ(log_->durable(), 0u);
  fs_.HoldSyncs(false);
  syncer.join();
  writer.join();
  EXPECT_EQ(log_->stored(), 101u);
  EXPECT_GT(log_->durable(), 1u) << "more than that sync covers";
}

TEST_F(CommitLogTest, SegmentsFollowEachOtherWithoutAHole) {
  Open();
  for (int i = 0; i < 20; ++i) {
    ASSERT_OK(Commit(200));
    if (log_->NeedsRotation(1'700)) {
      ASSERT_OK(log_->Rotate());
    }
  }
  const std::vector<RetainedSegment> segments = log_->Segments();
  ASSERT_GT(segments.size(), 1u);
  LogPos next = 1;
  for (const RetainedSegment& segment : segments) {
    EXPECT_EQ(segment.first_position, next);
    next = segment.last_position + 1;
  }
  EXPECT_EQ(next, 21u);
  ASSERT_OK_AND_ASSIGN(const ReplayResult replay, Replay());
  EXPECT_OK(replay.damage);
  EXPECT_EQ(replay.last_position, 20u);
  EXPECT_EQ(replay.history_hash, log_->history_hash());
}

TEST_F(CommitLogTest, DurableSegmentIsTheNewestWhoseNameAndHeaderAreSynced) {
  Open();
  EXPECT_EQ(log_->durable_segment(), 0u);
  ASSERT_OK(log_->SyncHeaders());
  EXPECT_EQ(log_->durable_segment(), 5u);
  ASSERT_OK(log_->Rotate());
  EXPECT_EQ(log_->durable_segment(), 5u);
  ASSERT_OK(log_->SyncHeaders());
  EXPECT_EQ(log_->durable_segment(), 6u);
  fs_.Clear();
  ASSERT_OK(log_->SyncHeaders());
  EXPECT_EQ(fs_.Syncs(), "");
}

TEST_F(CommitLogTest, SegmentsOfEarlierOpensAreNotOfThisOne) {
  CommitLog::Start start;
  start.last_position = 40;
  start.predecessor = 3;
  start.predecessor_length = 20'000;
  start.segments = {{3, 1, 40, 777, 9}};
  Open(start);
  EXPECT_EQ(log_->durable(), 40u);
  EXPECT_EQ(log_->durable_segment(), 0u);
  EXPECT_EQ(log_->Segments().size(), 2u);
  ASSERT_OK(Commit());
  EXPECT_EQ(log_->stored(), 41u);
}

TEST_F(CommitLogTest, AFailedSyncSticksAndIsNeverRetried) {
  Open();
  ASSERT_OK(Commit());
  ASSERT_OK(log_->SyncTo(1, kNoDeadline));
  ASSERT_OK(Commit());
  fs_.FailSyncs(true);
  const Status failed = log_->SyncTo(2, kNoDeadline);
  EXPECT_STATUS(kIoError, failed);
  fs_.FailSyncs(false);
  fs_.Clear();
  EXPECT_EQ(log_->SyncTo(2, kNoDeadline).ToString(), failed.ToString());
  EXPECT_STATUS(kIoError, log_->MarkIdle());
  EXPECT_EQ(log_->failure().ToString(), failed.ToString());
  EXPECT_OK(log_->SyncTo(1, kNoDeadline));  // that much is durable whatever happens
  EXPECT_EQ(log_->durable(), 1u);
  ASSERT_OK(log_->Rotate());
  EXPECT_STATUS(kIoError, log_->SyncHeaders());
  EXPECT_STATUS(kIoError, log_->Close());
  EXPECT_EQ(fs_.Syncs(), "") << "a sync was tried again";
  EXPECT_EQ(log_->durable(), 1u);
}

// Who writes may not know of it yet.
TEST_F(CommitLogTest, BehindAFailedSyncEachStoreIsRefusedAndLeavesNothing) {
  Open();
  ASSERT_OK(Commit());
  fs_.FailSyncs(true);
  EXPECT_STATUS(kIoError, log_->SyncTo(1, kNoDeadline));
  fs_.FailSyncs(false);
  EXPECT_STATUS(kIoError, Commit());
  EXPECT_STATUS(kIoError, Commit());
  ASSERT_OK(log_->Rotate());
  EXPECT_STATUS(kIoError, Commit());
  EXPECT_EQ(log_->stored(), 1u);
}

TEST_F(CommitLogTest, AFailedSyncOfAnOlderSegmentStopsBeforeTheNewer) {
  Open();
  ASSERT_OK(Commit());
  ASSERT_OK(log_->Rotate());
  ASSERT_OK(Commit());
  fs_.FailSyncs(true);
  fs_.Clear();
  EXPECT_STATUS(kIoError, log_->SyncTo(2, kNoDeadline));
  EXPECT_EQ(fs_.Syncs(), "000005.log ");
  EXPECT_EQ(log_->durable(), 0u);
}

TEST_F(CommitLogTest, AFailedDirectorySyncAcknowledgesNothing) {
  Open();
  ASSERT_OK(Commit());
  fs_.FailDirectorySyncs(true);
  EXPECT_STATUS(kIoError, log_->SyncTo(1, kNoDeadline));
  fs_.FailDirectorySyncs(false);
  EXPECT_STATUS(kIoError, log_->SyncTo(1, kNoDeadline));
  EXPECT_EQ(log_->durable(), 0u);
  EXPECT_EQ(log_->durable_segment(), 0u);
}

TEST_F(CommitLogTest, AnIdleLogRecordsItsEndDurably) {
  Open();
  ASSERT_OK(Commit());
  fs_.Clear();
  ASSERT_OK(log_->MarkIdle());
  EXPECT_EQ(fs_.Syncs(), "000005.log directory 000005.log ");
  ASSERT_OK_AND_ASSIGN(const ReplayResult replay, Replay());
  EXPECT_EQ(replay.durable_point, 1u);
}

TEST_F(CommitLogTest, ABusyLogStoresItsDurablePointNowAndThenAndRecordsTellTheRest) {
  auto clock = std::make_unique<StoppedClock>();
  std::atomic<uint64_t>& nanos = clock->nanos;
  executor_ = std::move(clock);
  Open();
  auto durable_point = [this] {
    auto replay = Replay();
    EXPECT_OK(replay);
    return replay.ok() ? replay->durable_point : ~LogPos{0};
  };
  ASSERT_OK(Commit());
  ASSERT_OK(log_->SyncTo(1, kNoDeadline));
  EXPECT_EQ(durable_point(), 1u) << "the first sync stores it";
  ASSERT_OK(Commit());
  ASSERT_OK(log_->SyncTo(2, kNoDeadline));
  EXPECT_EQ(durable_point(), 1u);
  ASSERT_OK(Commit());
  EXPECT_EQ(durable_point(), 2u) << "the record behind says it";
  ASSERT_OK(log_->SyncTo(3, kNoDeadline));
  EXPECT_EQ(durable_point(), 2u);
  nanos += 5'000'000;
  ASSERT_OK(Commit());
  ASSERT_OK(log_->SyncTo(4, kNoDeadline));
  EXPECT_EQ(durable_point(), 4u);
}

TEST_F(CommitLogTest, ConcurrentlyASyncThatTakesLongIsToldOnceUnderWayAndAtItsEnd) {
  auto clock = std::make_unique<StoppedClock>();
  std::atomic<uint64_t>& nanos = clock->nanos;
  executor_ = std::move(clock);
  Open();
  ASSERT_OK(Commit());
  EXPECT_EQ(log_->LookAtSync(), 0u);
  fs_.HoldSyncs(true);
  std::thread syncer([&] { EXPECT_OK(log_->SyncTo(1, kNoDeadline)); });
  fs_.WaitUntilHeld();
  EXPECT_EQ(log_->LookAtSync(), 0u) << "no time has passed";
  nanos += 999'999'000;
  EXPECT_EQ(log_->LookAtSync(), 999'999u);
  EXPECT_TRUE(slow_syncs_.empty());
  nanos += 1'000;
  EXPECT_EQ(log_->LookAtSync(), 1'000'000u);
  nanos += 1'000'000;
  EXPECT_EQ(log_->LookAtSync(), 1'001'000u);
  EXPECT_EQ(slow_syncs_, (std::vector<SlowSync>{{1'000'000, true}}));
  fs_.HoldSyncs(false);
  syncer.join();
  EXPECT_EQ(slow_syncs_, (std::vector<SlowSync>{{1'000'000, true}, {1'001'000, false}}));
  EXPECT_EQ(log_->LookAtSync(), 0u);
  ASSERT_OK(Commit());
  ASSERT_OK(log_->SyncTo(2, kNoDeadline));
  EXPECT_EQ(slow_syncs_.size(), 2u);
}

TEST_F(CommitLogTest, RemoveBeforeTakesFilesFromTheFront) {
  Open();
  for (int i = 0; i < 3; ++i) {
    ASSERT_OK(Commit());
    ASSERT_OK(log_->Rotate());
  }
  ASSERT_OK(log_->RemoveBefore(7));
  EXPECT_EQ(log_->Segments().front().number, 7u);
  EXPECT_FALSE(*fs_.Exists("db/000006.log"));
  EXPECT_TRUE(*fs_.Exists("db/000007.log"));
  ASSERT_OK(log_->SyncTo(3, kNoDeadline));
}

TEST_F(CommitLogTest, ASegmentWhoseFileCannotGoStaysAndOneThatIsGoneDoesNot) {
  Open();
  ASSERT_OK(Commit());
  ASSERT_OK(log_->Rotate());
  ASSERT_OK(log_->SyncTo(1, kNoDeadline));
  ASSERT_OK(fs_.Remove("db/000005.log"));
  ASSERT_OK(fs_.CreateDirectory("db/000005.log"));
  ASSERT_OK(test::WriteFile(&fs_, "db/000005.log/in the way", ""));
  EXPECT_FALSE(log_->RemoveBefore(6).ok());
  EXPECT_EQ(log_->Segments().front().number, 5u);
  ASSERT_OK(fs_.Remove("db/000005.log/in the way"));
  ASSERT_OK(fs_.Remove("db/000005.log"));
  EXPECT_OK(log_->RemoveBefore(6));
  EXPECT_EQ(log_->Segments().front().number, 6u);
}

TEST_F(CommitLogTest, CloseSealsAndSaysWhereTheLogEnds) {
  Open();
  ASSERT_OK(Commit());
  ASSERT_OK_AND_ASSIGN(const LogEnd end, log_->Close());
  EXPECT_EQ(end.segment, 5u);
  EXPECT_EQ(end.last_position, 1u);
  EXPECT_EQ(end.length, *fs_.FileSize("db/000005.log"));
  EXPECT_EQ(log_->durable(), 1u);
  ASSERT_OK_AND_ASSIGN(const ReplayResult replay, Replay());
  ASSERT_EQ(replay.segments.size(), 1u);
  EXPECT_TRUE(replay.segments[0].sealed);
}

// The promise itself, under threads: durable() never goes beyond what a finished sync covered, and
// whoever was told "durable" finds its position covered.
TEST_F(CommitLogTest, ConcurrentDurableIsNeverBeyondWhatWasSynced) {
  Open();
  std::atomic<bool> done{false};
  std::atomic<LogPos> stored{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 3; ++t) {
    threads.emplace_back([&] {
      while (!done.load()) {
        const LogPos wanted = stored.load();
        ASSERT_OK(log_->SyncTo(wanted, kNoDeadline));
        ASSERT_GE(log_->durable(), wanted);
        ASSERT_TRUE(fs_.AllSyncedUpTo(wanted)) << wanted;
      }
    });
  }
  threads.emplace_back([&] {
    while (!done.load()) {
      const LogPos durable = log_->durable();
      ASSERT_TRUE(fs_.AllSyncedUpTo(durable)) << durable;
      static_cast<void>(log_->Segments());
      static_cast<void>(log_->durable_segment());
    }
  });
  for (LogPos i = 1; i <= 2000; ++i) {
    ASSERT_OK(Commit());
    fs_.NoteCommit(i);
    stored.store(i);
    if (i % 50 == 0) {
      ASSERT_OK(log_->Rotate());
    }
  }
  done.store(true);
  for (auto& thread : threads) thread.join();
  ASSERT_OK(log_->SyncTo(2000, kNoDeadline));
  ASSERT_OK_AND_ASSIGN(const ReplayResult replay, Replay());
  EXPECT_EQ(replay.last_position, 2000u);
}

TEST_F(CommitLogTest, NoSyncBeginsBehindTheDeadline) {
  Open();
  ASSERT_OK(Commit());
  fs_.Clear();
  EXPECT_STATUS(kTimeout, log_->SyncTo(1, executor_->Now()));
  EXPECT_EQ(fs_.Syncs(), "");
  ASSERT_OK(log_->SyncTo(1, kNoDeadline));
  ASSERT_OK(log_->SyncTo(1, executor_->Now())) << "it is durable already";
}

TEST_F(CommitLogTest, ConcurrentWaitersGiveUpAtTheirDeadline) {
  Open();
  ASSERT_OK(Commit());
  fs_.HoldSyncs(true);
  std::thread syncer([&] { EXPECT_OK(log_->SyncTo(1, kNoDeadline)); });
  fs_.WaitUntilHeld();
  EXPECT_STATUS(kTimeout, log_->SyncTo(1, DeadlineAfter(std::chrono::milliseconds(20))));
  // Storing goes on beside a sync.
  ASSERT_OK(Commit());
  EXPECT_EQ(log_->stored(), 2u);
  fs_.HoldSyncs(false);
  syncer.join();
  EXPECT_EQ(log_->durable(), 1u) << "what was stored during the sync is not covered by it";
  ASSERT_OK(log_->SyncTo(2, kNoDeadline));
}

}  // namespace
}  // namespace logwood
