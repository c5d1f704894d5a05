// Writer: positions without a hole, nothing visible before it is stored, nothing of what was
// refused; room made, delays paid and memtables sealed in between.
#include "db/writer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <thread>

#include "db/file_names.h"
#include "tests/db/core_support.h"
#include "tests/db/recording_listener.h"
#include "tests/support/directory.h"
#include "util/batch_codec.h"
#include "util/faulty_file_system.h"
#include "wal/replay.h"

namespace logwood {
namespace {

class WriterTest : public testing::Test {
 protected:
  WriterTest() {
    tree_ = std::make_unique<Tree>(core_.get(), test::NewVersionSet(&fs_),
                                   std::vector<SealedMemtable>(),
                                   std::make_shared<Memtable>(core_->memtable_pages));
    log_ = test::NewCommitLog(core_.get(), tree_.get());
    background_ = std::make_unique<Background>(
        Background::Parts{core_.get(), tree_.get(), log_.get(), &errors_, {}, [] {}});
    writer_ = std::make_unique<Writer>(
        Writer::Parts{core_.get(), tree_.get(), log_.get(), background_.get(), &errors_});
  }

  static Options WithListener(const std::shared_ptr<test::RecordingListener>& listener) {
    Options options;
    options.tuning.memtable_bytes = 256 << 10;
    options.tuning.log_segment_bytes = 16 << 20;
    options.listeners = {listener};
    return options;
  }
  static std::string OnePut(const std::string& key, size_t bytes, uint32_t keyspace = 1) {
    std::string operations;
    AppendOperation(&operations, EntryKind::kPut, keyspace, key, std::string(bytes, 'v'));
    return operations;
  }
  // Position of the commit of these operations.
  Result<LogPos> Commit(const std::string& operations, uint32_t flags = 0) {
    PendingWrite write;
    write.operations = operations;
    write.operation_count = 1;
    write.data_bytes = 7;
    write.flags = flags;
    write.check_keyspaces = flags == 0;
    writer_->Commit(&write);
    if (write.status.ok()) return write.position;
    EXPECT_EQ(write.position, 0u) << "refused, and has a position";
    return write.status;
  }
  Result<LogPos> Put(const std::string& key, size_t bytes = 10) {
    return Commit(OnePut(key, bytes));
  }
  bool Holds(const std::string& key) {
    const std::string stored = "\x01" + key;
    LookupResult result;
    const LookupKey lookup{stored, Hash64(stored), core_->visible.load()};
    EXPECT_OK(core_->views.Share()->Get(&core_->tables, lookup, true, &result));
    return result.finished;
  }
  // The positions of the records that a replay finds.
  std::vector<LogPos> InTheLog() {
    ReplayOptions options;
    options.directory = "db";
    options.history_id = {1, 2};
    options.instance_id = {3, 4};
    for (const std::string& name : *fs_.List("db")) {
      if (auto number = ParseLogFileName(name)) options.segments.push_back(*number);
    }
    std::vector<LogPos> positions;
    const auto replay = ReplayLog(&fs_, options, [&](const CommitRecord& record) {
      positions.push_back(record.position);
      return Status::Ok();
    });
    EXPECT_OK(replay);
    EXPECT_OK(replay->damage);
    return positions;
  }
  // Fails stores into the log, and only these.
  void FailStores(StatusCode code) {
    fs_.SetFault([code](FileOp op, const std::string& path) {
      const bool hit = op == FileOp::kStore && path.ends_with(".log");
      return hit ? Status(code, "injected") : Status();
    });
  }
  size_t Told(EventKind kind) const {
    return static_cast<size_t>(
        std::count_if(listener_->events.begin(), listener_->events.end(),
                      [kind](const Event& event) { return event.kind == kind; }));
  }
  // Writes without any flush until a write has to wait.
  void WriteUntilDelayed() {
    for (int i = 0; executor_->slept_us == 0; ++i) {
      ASSERT_LT(i, 1000) << "no flush ran, and writers were never delayed";
      ASSERT_OK(Put("k" + std::to_string(i), 10'000));
    }
  }

  std::unique_ptr<FileSystem> base_ = FileSystem::InMemory();
  FaultyFileSystem fs_{base_.get()};
  std::shared_ptr<test::RecordingListener> listener_ = std::make_shared<test::RecordingListener>();
  test::ManualExecutor* executor_ = new test::ManualExecutor;  // the core's
  std::shared_ptr<Core> core_ =
      test::NewCore(&fs_, std::unique_ptr<Executor>(executor_), WithListener(listener_));
  ErrorState errors_;
  std::unique_ptr<Tree> tree_;
  std::unique_ptr<CommitLog> log_;
  std::unique_ptr<Background> background_;
  std::unique_ptr<Writer> writer_;
};

using LogPositions = std::vector<LogPos>;

TEST_F(WriterTest, ARefusalLeavesNoHoleAndNoTrace) {
  EXPECT_EQ(*Put("a"), 1u);
  EXPECT_STATUS(kInvalidArgument, Commit(OnePut("b", 10) + OnePut("c", 10, 4711)));
  EXPECT_EQ(*Put("d"), 2u);
  EXPECT_EQ(InTheLog(), (LogPositions{1, 2}));
  EXPECT_FALSE(Holds("b")) << "half of a refused batch";
  EXPECT_TRUE(Holds("d"));
  EXPECT_EQ(core_->statistics.commits, 2u);
  EXPECT_EQ(core_->statistics.user_bytes, 14u);
}

TEST_F(WriterTest, NothingIsVisibleBeforeItIsStored) {
  ASSERT_OK(Put("a"));
  bool stored = false;
  fs_.SetFault([&](FileOp op, const std::string&) {
    if (op == FileOp::kStore) {
      EXPECT_EQ(core_->visible.load(), 1u);
      EXPECT_EQ(tree_->active()->entries(), 1u);
      stored = true;
    }
    return Status();
  });
  EXPECT_EQ(*Put("b"), 2u);
  EXPECT_TRUE(stored);
  EXPECT_EQ(core_->visible.load(), 2u);
  EXPECT_TRUE(Holds("b"));
}

TEST_F(WriterTest, AStoreThatFailsLeavesNothingAndItsPositionToTheNext) {
  ASSERT_OK(Put("a"));
  FailStores(StatusCode::kNoSpace);
  EXPECT_STATUS(kNoSpace, Put("b"));
  const std::string create = Catalogue::CreateOperations("more", 2);
  EXPECT_STATUS(kNoSpace, Commit(create, kFlagCatalogue));
  EXPECT_EQ(core_->visible.load(), 1u);
  EXPECT_FALSE(Holds("b"));
  EXPECT_FALSE(core_->catalogue.Live(2));
  EXPECT_EQ(core_->statistics.commits, 1u);
  EXPECT_EQ(Told(EventKind::kResumed), 0u);
  fs_.SetFault({});
  EXPECT_EQ(*Commit(create, kFlagCatalogue), 2u);
  EXPECT_TRUE(core_->catalogue.Live(2));
  EXPECT_EQ(*Commit(OnePut("c", 10, 2)), 3u);
  EXPECT_EQ(Told(EventKind::kResumed), 1u) << "once, after a full disk";
  EXPECT_EQ(InTheLog(), (LogPositions{1, 2, 3}));
}

TEST_F(WriterTest, StoppedWritesTouchNeitherLogNorMemtables) {
  ASSERT_OK(Put("a"));
  errors_.StopWrites(Status::IoError("a sync"));
  fs_.ResetCounts();
  EXPECT_STATUS(kReadOnly, Put("b"));
  EXPECT_STATUS(kReadOnly, writer_->SealActive());
  EXPECT_EQ(fs_.total(), 0u);
  EXPECT_FALSE(tree_->HasSealed());
  EXPECT_EQ(core_->visible.load(), 1u);
}

TEST_F(WriterTest, TheTimeOfCommitsNeverGoesBack) {
  ASSERT_OK(Put("a"));
  const uint64_t first = log_->last_time_us();
  EXPECT_EQ(first, executor_->wall_us.load());
  executor_->wall_us -= 5'000'000;
  ASSERT_OK(Put("b"));
  EXPECT_EQ(log_->last_time_us(), first);
  executor_->wall_us += 6'000'000;
  ASSERT_OK(Put("c"));
  EXPECT_EQ(log_->last_time_us(), first + 1'000'000);
}

TEST_F(WriterTest, AFullMemtableIsSealedWhereItsSegmentEnds) {
  LogPos last = 0;
  for (int i = 0; !tree_->HasSealed(); ++i) {
    ASSERT_LT(i, 1000);
    ASSERT_OK_AND_ASSIGN(last, Put("k" + std::to_string(i), 10'000));
  }
  const SealedMemtable sealed = tree_->Sealed().front();
  EXPECT_GE(sealed.memtable->bytes_used(), core_->settings.memtable_bytes);
  EXPECT_EQ(sealed.end.position, last - 1);
  EXPECT_EQ(sealed.memtable->last_position(), last - 1);
  EXPECT_EQ(tree_->active()->first_position(), last);
  EXPECT_EQ(log_->Segments().back().first_position, last);
}

TEST_F(WriterTest, SealActiveSealsWhatThereIsOnce) {
  EXPECT_EQ(*writer_->SealActive(), 0u);
  EXPECT_FALSE(tree_->HasSealed());
  ASSERT_OK(Put("a"));
  EXPECT_EQ(*writer_->SealActive(), 1u);
  ASSERT_EQ(tree_->Sealed().size(), 1u);
  EXPECT_EQ(tree_->Sealed()[0].end.position, 1u);
  // However often somebody asks before a flush is through, as on a full disk.
  const size_t segments = log_->Segments().size();
  EXPECT_EQ(*writer_->SealActive(), 1u);
  EXPECT_EQ(tree_->Sealed().size(), 1u);
  EXPECT_EQ(log_->Segments().size(), segments);
}

// Its segment can go only when the tables' position passes it.
TEST_F(WriterTest, SealActiveSealsCommitsThatPutNothingIntoAMemtable) {
  PendingWrite note;
  note.note = "only a note";
  writer_->Commit(&note);
  ASSERT_OK(note.status);
  EXPECT_EQ(*writer_->SealActive(), 1u);
  ASSERT_EQ(tree_->Sealed().size(), 1u);
  EXPECT_EQ(tree_->Sealed()[0].end.position, 1u);
  EXPECT_TRUE(tree_->Sealed()[0].memtable->empty());
  executor_->RunJobs();
  EXPECT_FALSE(tree_->HasSealed());
  EXPECT_EQ(*writer_->SealActive(), 1u);
  EXPECT_FALSE(tree_->HasSealed());
}

TEST_F(WriterTest, AFlushThatCatchesUpEndsTheDelayAtOnce) {
  WriteUntilDelayed();
  EXPECT_EQ(core_->statistics.stall_us.load(), executor_->slept_us.load());
  ASSERT_EQ(Told(EventKind::kStall), 1u);
  EXPECT_NE(listener_->events.back().detail.find("flush"), std::string::npos)
      << listener_->events.back().detail;
  // At this price 200 KB are some 50 ms or more.
  executor_->slept_us = 0;
  int turns = 0;
  executor_->on_sleep = [&] {
    ++turns;
    executor_->RunJobs();
  };
  ASSERT_OK(Put("large", 200'000));
  EXPECT_EQ(turns, 1);
  EXPECT_FALSE(tree_->HasSealed());
  EXPECT_EQ(background_->delay_ns_per_byte(), 0);
}

TEST_F(WriterTest, ADelayedWriterDoesNotSleepOnWhenWritesAreStopped) {
  WriteUntilDelayed();
  int turns = 0;
  executor_->on_sleep = [&] {
    ++turns;
    errors_.StopWrites(Status::IoError("a sync"));
  };
  static_cast<void>(Put("large", 200'000));
  EXPECT_EQ(turns, 1);
}

// At the wall: what only a flush can free is refused when flushes fail, and accepted again after
// the next that succeeds.
TEST_F(WriterTest, WritesThatNeedRoomShareTheFailureOfTheFlush) {
  errors_.SetFailure(ErrorState::Work::kFlush, Status::NoSpace("flush"));
  Result<LogPos> put = LogPos{0};
  LogPos last = 0;
  for (int i = 0; put.ok(); ++i) {
    ASSERT_LT(i, 1000) << "memory without end";
    last = *put;
    put = Put("k" + std::to_string(i), 10'000);
  }
  EXPECT_STATUS(kNoSpace, put);
  EXPECT_GE(tree_->memtable_bytes(), core_->settings.memtables_bytes_max);
  EXPECT_LE(tree_->memtable_bytes(), core_->settings.memtables_bytes_max * 3 / 2);
  EXPECT_EQ(log_->stored(), last);
  executor_->RunJobs();
  EXPECT_EQ(*Put("next"), last + 1);
  EXPECT_EQ(Told(EventKind::kResumed), 2u) << "flushes, and writes";
}

TEST_F(WriterTest, ConcurrentRefusalsAndCommitsShareOneOrderWithoutHoles) {
  constexpr int kThreads = 4, kWrites = 300;
  std::vector<LogPositions> given(kThreads);
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < kWrites; ++i) {
        const bool good = i % 3 != t % 3;
        const std::string key = std::to_string(t) + "." + std::to_string(i);
        const Result<LogPos> put = Commit(OnePut(key, 10, good ? 1 : 4711));
        ASSERT_EQ(put.ok(), good);
        if (!good) continue;
        given[static_cast<size_t>(t)].push_back(*put);
        ASSERT_GE(core_->visible.load(), *put) << "a writer does not find its own write";
        ASSERT_TRUE(Holds(key));
      }
    });
  }
  for (auto& thread : threads) thread.join();
  LogPositions all, dense;
  for (const LogPositions& each : given) {
    EXPECT_TRUE(std::is_sorted(each.begin(), each.end()));
    all.insert(all.end(), each.begin(), each.end());
  }
  std::sort(all.begin(), all.end());
  for (LogPos position = 1; position <= all.size(); ++position) dense.push_back(position);
  EXPECT_EQ(all, dense);
  EXPECT_EQ(InTheLog(), dense);
  EXPECT_EQ(core_->visible.load(), dense.size());
  EXPECT_EQ(core_->statistics.commits, dense.size());
  EXPECT_LE(core_->statistics.write_groups, core_->statistics.commits);
}

}  // namespace
}  // namespace logwood
