// Background work of an open database: failures of one kind of work do not pass for another's.
#include <gtest/gtest.h>

#include <algorithm>
#include <string_view>
#include <thread>

#include "db/recovery.h"
#include "tests/db/crash_support.h"
#include "util/sync.h"
#include "wal/segments.h"

namespace logwood {
namespace {

using test::TinyOptions;

// A table that a compaction cannot read: two overlapping level-0 tables, one of them damaged.
class BackgroundTest : public testing::Test {
 protected:
  void OpenWithDamagedTable() {
    Open();
    ASSERT_OK(db_->Put({}, "a", std::string(6000, 'x')));
    ASSERT_OK(db_->Put({}, "c", "1"));
    ASSERT_OK(db_->Flush());
    ASSERT_OK(db_->Close());
    ASSERT_OK_AND_ASSIGN(const std::vector<std::string> names, fs_->List("db"));
    for (const std::string& name : names) {
      if (!name.ends_with(".table")) continue;
      ASSERT_OK_AND_ASSIGN(std::string bytes, test::ReadFile(fs_.get(), "db/" + name));
      bytes[100] = static_cast<char>(bytes[100] ^ 1);
      ASSERT_OK(test::WriteFile(fs_.get(), "db/" + name, bytes));
    }
    Open();
  }
  void Open(uint32_t level0_tables = 2) {
    Options options = TinyOptions(fs_.get());
    options.tuning.level0_tables = level0_tables;
    auto db = DB::Open(options, "db");
    ASSERT_OK(db);
    db_ = std::move(*db);
  }

  std::unique_ptr<FileSystem> fs_ = FileSystem::InMemory();
  std::unique_ptr<DB> db_;
};

TEST_F(BackgroundTest, ACompactionThatMeetsDamageFailsNoFlushAndNoWrite) {
  OpenWithDamagedTable();
  for (int round = 0; round < 6; ++round) {
    ASSERT_OK(db_->Put({}, "b", std::string(70'000, 'y')));
    ASSERT_OK(db_->Put({}, "c", std::to_string(round)));
    ASSERT_OK(db_->Flush());
    static_cast<void>(db_->WaitForCompaction());
  }
  EXPECT_STATUS(kCorruption, db_->CompactAll({}));
  EXPECT_NE(db_->GetStats().background_error, "");
  for (int i = 0; i < 60; ++i) ASSERT_OK(db_->Put({}, "d", std::string(9000, 'z')));
  ASSERT_OK(db_->Flush());
  std::string value;
  EXPECT_OK(db_->Get({}, "c", &value));
  EXPECT_STATUS(kCorruption, db_->Get({}, "a", &value));
}

// What a flush does in which order, with the log going on to other segments meanwhile.
struct FlushTrace {
  Mutex mutex;
  std::vector<std::string> syncs GUARDED_BY(mutex);    // of log files and the directory
  std::vector<std::string> at_edit GUARDED_BY(mutex);  // those before the newest manifest append
  std::atomic<bool> hold_tables{false};
  std::atomic<bool> table_held{false};
  std::atomic<bool> break_stores{false};

  Status Note(FileOp op, const std::string& path) {
    if (op == FileOp::kCreate && path.ends_with(".table")) {
      table_held.store(true);
      while (hold_tables.load()) std::this_thread::yield();
    }
    if (path.ends_with(".log") && (op == FileOp::kStore || op == FileOp::kTruncate)) {
      if (break_stores.load()) return Status::IoError("injected " + path);
    }
    MutexLock lock(mutex);
    if (op == FileOp::kSync && path.ends_with(".log")) syncs.push_back(path);
    if (op == FileOp::kSyncDirectory) syncs.push_back("directory");
    if (op == FileOp::kAppend && path.ends_with(".manifest")) at_edit = syncs;
    return Status::Ok();
  }
};

TEST_F(BackgroundTest, ConcurrentRotationNeverLetsAFlushNameASegmentThatIsNotDurable) {
  FlushTrace trace;
  FaultyFileSystem faulty(fs_.get());
  faulty.SetFault([&](FileOp op, const std::string& path) { return trace.Note(op, path); });
  ASSERT_OK_AND_ASSIGN(db_, DB::Open(TinyOptions(&faulty), "db"));
  // Before what it uses goes.
  const std::unique_ptr<std::unique_ptr<DB>, void (*)(std::unique_ptr<DB>*)> closes(
      &db_, [](std::unique_ptr<DB>* db) { db->reset(); });
  ASSERT_OK(db_->Put({}, "a", "1"));
  trace.hold_tables.store(true);
  std::thread flusher([&] { EXPECT_OK(db_->Flush()); });
  while (!trace.table_held.load()) std::this_thread::yield();
  // The segment behind the sealed memtable breaks before anything is written to it.
  trace.break_stores.store(true);
  EXPECT_FALSE(db_->Put({}, "b", "2").ok());
  trace.break_stores.store(false);
  ASSERT_OK(db_->Put({}, "b", "3"));
  trace.hold_tables.store(false);
  flusher.join();
  ASSERT_OK(db_->WaitForCompaction());
  ASSERT_OK_AND_ASSIGN(const TreeState tree, LoadTree(fs_.get(), "db"));
  const std::string first = "db/" + LogFileName(tree.first_segment);
  {
    MutexLock lock(trace.mutex);
    const auto synced = std::find(trace.at_edit.begin(), trace.at_edit.end(), first);
    ASSERT_NE(synced, trace.at_edit.end()) << first << " was named but not synced";
    EXPECT_NE(std::find(synced, trace.at_edit.end(), "directory"), trace.at_edit.end());
  }
  ASSERT_OK_AND_ASSIGN(const bool there, fs_->Exists(first));
  EXPECT_TRUE(there);
  ASSERT_OK_AND_ASSIGN(const test::FileContents killed, test::ReadLiveDirectory(fs_.get(), "db"));
  ASSERT_OK(db_->Close());
  auto copy = FileSystem::InMemory();
  ASSERT_OK(test::WriteDirectory(copy.get(), "db", killed));
  ASSERT_OK_AND_ASSIGN(auto again, DB::Open(TinyOptions(copy.get()), "db"));
  EXPECT_EQ(test::Scan(again.get())->at("b"), "3");
}

// What Verify was told to read may be let go while it reads.
uint64_t TableEntries(DB& db) {
  uint64_t entries = 0;
  for (const LevelStats& level : db.GetStats().levels) entries += level.entries;
  return entries;
}

// Power failure may still undo a drop that is not durable: until then its keyspace keeps
// everything.
TEST_F(BackgroundTest, ConcurrentlyDroppedKeyspaceGoesByItselfOnceTheDropIsDurable) {
  std::atomic<bool> hold{false}, held{false};
  FaultyFileSystem faulty(fs_.get());
  faulty.SetFault([&](FileOp op, const std::string& path) {
    if (op == FileOp::kSync && path.ends_with(".log") && hold.load()) {
      held.store(true);
      while (hold.load()) std::this_thread::yield();
    }
    return Status::Ok();
  });
  ASSERT_OK_AND_ASSIGN(db_, DB::Open(TinyOptions(&faulty), "db"));
  ASSERT_OK_AND_ASSIGN(const Keyspace keyspace, db_->CreateKeyspace({}, "k"));
  ASSERT_OK(db_->Put({}, "stays", "1"));
  for (int i = 0; i < 1000; ++i) {
    ASSERT_OK(db_->Put({}, keyspace, std::to_string(i), std::string(100, 'v')));
  }
  ASSERT_OK(db_->Flush());
  ASSERT_OK(db_->CompactAll({}));
  const uint64_t before = TableEntries(*db_);
  ASSERT_GE(before, 1001u);

  hold.store(true);
  ASSERT_OK(db_->DropKeyspace({}, "k"));
  while (!held.load()) std::this_thread::yield();  // the idle log is about to be synced
  ASSERT_OK(db_->WaitForCompaction());
  EXPECT_EQ(TableEntries(*db_), before);
  const uint64_t read_before = db_->GetStats().compaction_bytes_read;
  hold.store(false);
  const Deadline deadline = DeadlineAfter(std::chrono::seconds(60));
  while (TableEntries(*db_) > before - 1000 && std::chrono::steady_clock::now() < deadline) {
    std::this_thread::yield();
  }
  EXPECT_EQ(TableEntries(*db_), before - 1000);
  EXPECT_LT(db_->GetStats().compaction_bytes_read - read_before, 30'000u)
      << "tables of the keyspace alone are not read";
  std::string value;
  EXPECT_OK(db_->Get({}, "stays", &value));
  ASSERT_OK(db_->Close());
}

TEST_F(BackgroundTest, WhoWaitsForACompactionIsToldHowFarItIs) {
  Open(64);  // nobody else compacts
  for (int table = 0; table < 3; ++table) {
    for (int i = table; i < 4000; i += 2) {
      ASSERT_OK(db_->Put({}, std::to_string(10'000 + i), "v"));
    }
    ASSERT_OK(db_->Flush());
  }
  std::vector<std::pair<uint64_t, uint64_t>> told;
  uint64_t while_it_ran = 0;  // jobs of which something was told before they ended
  uint64_t jobs = db_->GetStats().compactions, read = db_->GetStats().compaction_bytes_read;
  CompactOptions options{.force_last_level = true};
  options.progress = [&](uint64_t done, uint64_t all) {
    told.emplace_back(done, all);
    const Stats stats = db_->GetStats();
    while_it_ran += stats.compactions == jobs && stats.compaction_bytes_read > read;
    jobs = stats.compactions;
    read = stats.compaction_bytes_read;
  };
  ASSERT_OK(db_->CompactAll(options));
  EXPECT_GT(while_it_ran, 0u);
  ASSERT_GT(told.size(), 3u);
  EXPECT_EQ(told.front().first, 0u);
  EXPECT_GT(told.front().second, 0u);
  for (size_t i = 1; i < told.size(); ++i) {
    EXPECT_GE(told[i].first, told[i - 1].first);
    EXPECT_EQ(told[i].second, told[0].second);
    EXPECT_EQ(told[i].first == told[i].second, i + 1 == told.size());
  }
  told.clear();
  ASSERT_OK(db_->CompactRange(options, Keyspace(), {.begin = "2", .end = "1"}));
  EXPECT_TRUE(told.empty()) << "nothing to do";
}

TEST_F(BackgroundTest, ConcurrentFlushesRaiseNoFalseAlarmInVerify) {
  Open();
  std::atomic<bool> done{false};
  std::thread verifier([&] {
    while (!done.load()) EXPECT_OK(db_->Verify({}));
  });
  for (int i = 0; i < 300; ++i) {
    ASSERT_OK(db_->Put({}, "k" + std::to_string(i % 10), std::string(3000, 'v')));
    if (i % 3 == 0) {
      ASSERT_OK(db_->Flush());
    }
  }
  done.store(true);
  verifier.join();
}

// An iterator shows exactly the position it names, also when memtables change under it.
TEST_F(BackgroundTest, ConcurrentIteratorsShowThePositionTheyName) {
  Options options = TinyOptions(fs_.get());
  options.tuning.memtable_bytes = 4 << 10;
  ASSERT_OK_AND_ASSIGN(db_, DB::Open(options, "db"));
  std::atomic<bool> done{false};
  std::vector<std::thread> readers;
  for (int r = 0; r < 2; ++r) {
    readers.emplace_back([&] {
      while (!done.load()) {
        auto it = db_->NewIterator({});
        it->SeekToFirst();
        if (it->position() == 0) continue;
        ASSERT_TRUE(it->Valid()) << it->status().ToString();
        ASSERT_EQ(it->value().substr(0, it->value().find('.')), std::to_string(it->position()));
      }
    });
  }
  for (LogPos position = 1; position <= 1500; ++position) {
    ASSERT_OK(db_->Put({}, "counter", std::to_string(position) + std::string(700, '.')));
  }
  done.store(true);
  for (auto& reader : readers) reader.join();
}

// A failed sync of the directory or the manifest proves nothing when it is tried again.
TEST_F(BackgroundTest, AFailedSyncOfDirectoryOrManifestStopsWritesUntilTheNextOpen) {
  for (const FileOp broken : {FileOp::kSyncDirectory, FileOp::kSync}) {
    SCOPED_TRACE(FileOpName(broken));
    fs_ = FileSystem::InMemory();
    std::atomic<bool> fail{false};
    FaultyFileSystem faulty(fs_.get());
    faulty.SetFault([&](FileOp op, const std::string& path) {
      const bool hit =
          op == broken && (op == FileOp::kSyncDirectory || path.ends_with(".manifest"));
      return hit && fail.exchange(false) ? Status::IoError("injected") : Status::Ok();
    });
    ASSERT_OK_AND_ASSIGN(db_, DB::Open(TinyOptions(&faulty), "db"));
    ASSERT_OK(db_->Put({Durability::kPower}, "a", "1"));
    ASSERT_OK(db_->WaitForCompaction());
    fail.store(true);
    EXPECT_FALSE(db_->Flush().ok());
    EXPECT_STATUS(kReadOnly, db_->Put({Durability::kPower}, "b", "2"));
    EXPECT_TRUE(db_->GetStats().writes_stopped);
    static_cast<void>(db_->Close());
    ASSERT_OK_AND_ASSIGN(db_, DB::Open(TinyOptions(&faulty), "db"));
    std::string value;
    EXPECT_OK(db_->Get({}, "a", &value));
    EXPECT_OK(db_->Put({Durability::kPower}, "b", "2"));
    ASSERT_OK(db_->Close());
  }
}

// The manifest is written anew when it has grown. A disk that fails at it is trusted with nothing
// more; that no file can be made is tried again.
TEST_F(BackgroundTest, AFailedSyncOfAManifestWrittenAnewStopsWrites) {
  for (const FileOp broken : {FileOp::kCreate, FileOp::kSync}) {
    SCOPED_TRACE(FileOpName(broken));
    fs_ = FileSystem::InMemory();
    FaultyFileSystem faulty(fs_.get());
    ASSERT_OK_AND_ASSIGN(db_, DB::Open(TinyOptions(&faulty), "db"));
    ASSERT_OK_AND_ASSIGN(const std::vector<std::string> before, fs_->List("db"));
    std::atomic<int> hits{0};
    faulty.SetFault([&](FileOp op, const std::string& path) {
      const bool is_old = std::any_of(before.begin(), before.end(), [&](const std::string& name) {
        return path.ends_with(name);
      });
      const bool hit = op == broken && !is_old && path.ends_with(".manifest");
      return hit && ++hits > 0 ? Status::IoError("injected") : Status::Ok();
    });
    for (int i = 0; i < 100 && hits.load() < 3; ++i) {
      // Edits name the first and the last key of each table.
      const std::string key = std::to_string(1000 + i) + std::string(60'000, 'k');
      if (!db_->Put({}, key + "a", "v").ok() || !db_->Put({}, key + "b", "v").ok()) break;
      if (!db_->Flush().ok()) break;
    }
    EXPECT_GT(hits.load(), 0) << "the manifest stayed short";
    EXPECT_EQ(db_->GetStats().writes_stopped, broken == FileOp::kSync);
    static_cast<void>(db_->Close());
    db_.reset();
  }
}

uint64_t FilesEndingWith(FileSystem* fs, std::string_view suffix) {
  const auto names = fs->List("db");
  EXPECT_OK(names);
  return static_cast<uint64_t>(std::count_if(
      names->begin(), names->end(), [&](const auto& name) { return name.ends_with(suffix); }));
}

// Nor is the device trusted with more when it was a table that it could not sync; a full disk is
// waited for.
TEST_F(BackgroundTest, AFailedSyncOfATableStopsWritesUnlessTheDiskIsFull) {
  for (const StatusCode code : {StatusCode::kNoSpace, StatusCode::kIoError}) {
    auto base = FileSystem::InMemory();
    FaultyFileSystem faulty(base.get());
    test::Life life;
    ASSERT_OK(life.Open(TinyOptions(&faulty)));
    ASSERT_OK(life.Write());
    std::atomic<bool> failing{true};
    faulty.SetFault([&](FileOp op, const std::string& path) {
      if (op != FileOp::kSync || !path.ends_with(".table") || !failing) return Status();
      return Status(code, "sync " + path + ": injected");
    });
    EXPECT_FALSE(life.db()->Flush().ok());
    failing = false;
    if (code == StatusCode::kNoSpace) {
      EXPECT_OK(life.Write());
      EXPECT_OK(life.db()->Flush());
      ASSERT_OK(life.Close());
      continue;
    }
    const Status refused = life.Write(Durability::kPower);
    EXPECT_STATUS(kReadOnly, refused);
    EXPECT_NE(refused.message().find(".table"), std::string_view::npos) << refused.ToString();
    life.Check();
    static_cast<void>(life.Close());
    ASSERT_OK(life.Open(TinyOptions(base.get())));
    EXPECT_OK(life.Write());
  }
}

// The sync of a durable write stands still until somebody was told so.
TEST_F(BackgroundTest, ConcurrentlyASyncThatStandsStillIsToldWhileItDoes) {
  struct Listener : EventListener {
    void OnEvent(const Event& event) override {
      if (event.kind != EventKind::kSlowSync) return;
      MutexLock lock(mutex);
      events.push_back(event);
      told.NotifyAll();
    }
    Mutex mutex;
    CondVar told;
    std::vector<Event> events GUARDED_BY(mutex);
  };
  const auto listener = std::make_shared<Listener>();
  FaultyFileSystem faulty(fs_.get());
  std::atomic<bool> held{false};
  const std::thread::id me = std::this_thread::get_id();
  Options options = TinyOptions(&faulty);
  options.listeners = {listener};
  ASSERT_OK_AND_ASSIGN(const std::unique_ptr<DB> db, DB::Open(options, "db"));
  faulty.SetFault([&](FileOp op, const std::string& path) {
    // Not one of the thread that looks after the log: that one would tell of itself.
    const bool mine = std::this_thread::get_id() == me;
    if (mine && op == FileOp::kSync && path.ends_with(".log") && !held.exchange(true)) {
      MutexLock lock(listener->mutex);
      while (listener->events.empty()) listener->told.Wait(listener->mutex);
    }
    return Status();
  });
  while (!held) ASSERT_OK(db->Put({Durability::kPower}, "a", "1"));
  MutexLock lock(listener->mutex);  // let go before the database goes
  // Under way, and at its end. The latter may be told by whoever is telling the former.
  while (listener->events.size() < 2) listener->told.Wait(listener->mutex);
  for (const Event& event : listener->events) EXPECT_GE(event.micros, 1'000'000u);
  EXPECT_NE(listener->events[0].detail, listener->events[1].detail);
}

TEST_F(BackgroundTest, AFullDiskIsNotFilledByRetries) {
  std::atomic<uint64_t> refused{0};
  std::atomic<bool> full{false};
  FaultyFileSystem faulty(fs_.get());
  faulty.SetFault([&](FileOp op, const std::string& path) {
    if (!full.load() || op != FileOp::kAppend || !path.ends_with(".manifest")) return Status::Ok();
    refused.fetch_add(1);
    return Status::NoSpace("injected");
  });
  ASSERT_OK_AND_ASSIGN(db_, DB::Open(TinyOptions(&faulty), "db"));
  EXPECT_OK(db_->Put({}, "a", "1"));
  EXPECT_OK(db_->Flush());
  full.store(true);
  EXPECT_OK(db_->Put({}, "b", "2"));
  EXPECT_STATUS(kNoSpace, db_->Flush());
  while (refused.load() < 4) std::this_thread::yield();
  EXPECT_LE(FilesEndingWith(fs_.get(), ".table"), 4u);
  EXPECT_LE(FilesEndingWith(fs_.get(), ".manifest"), 2u);
  full.store(false);
  while (db_->Flush().Is(StatusCode::kNoSpace))
    std::this_thread::yield();  // until it was tried again
  EXPECT_OK(db_->CompactAll({}));
  EXPECT_LE(FilesEndingWith(fs_.get(), ".table"), 2u);
  EXPECT_LE(FilesEndingWith(fs_.get(), ".manifest"), 1u);
  ASSERT_OK(db_->Close());
}

TEST_F(BackgroundTest, TablesOfAnEarlierOpenGoWithTheCompactionThatReplacesThem) {
  Open();
  for (int i = 0; i < 200; ++i) ASSERT_OK(db_->Put({}, std::to_string(i), std::string(500, 'v')));
  ASSERT_OK(db_->Flush());
  ASSERT_OK(db_->CompactAll({}));
  ASSERT_OK(db_->Close());
  Open();
  for (int i = 0; i < 200; ++i) ASSERT_OK(db_->Delete({}, std::to_string(i)));
  ASSERT_OK(db_->Flush());
  ASSERT_OK(db_->CompactAll({}));
  ASSERT_OK(db_->WaitForCompaction());
  EXPECT_EQ(db_->GetStats().obsolete_bytes, 0u);
  ASSERT_OK(db_->Close());
  EXPECT_LE(FilesEndingWith(fs_.get(), ".table"), 1u);
}

TEST_F(BackgroundTest, MemtablesThatIteratorsReadCountAfterTheirFlush) {
  Open();
  ASSERT_OK(db_->Put({}, "a", std::string(50'000, 'v')));
  std::unique_ptr<Iterator> it = db_->NewIterator({});
  ASSERT_OK(db_->Flush());
  EXPECT_GE(db_->GetStats().memory.memtable_bytes, 50'000u);
  it.reset();
  ASSERT_OK(db_->Put({}, "b", "1"));
  ASSERT_OK(db_->Flush());
  EXPECT_LT(db_->GetStats().memory.memtable_bytes, 50'000u);
  ASSERT_OK(db_->Close());
}

}  // namespace
}  // namespace logwood
