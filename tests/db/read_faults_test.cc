// Every read of an open, of gets, scans, a verification and a compaction fails once, each in turn:
// the answer is exact, or an error that says what failed and where. A key that is there is never
// missed, a disk that says no is no damage, and without the fault all is there.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <functional>
#include <iostream>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tests/db/crash_support.h"

namespace logwood {
namespace {

using test::FileContents;
using test::TinyOptions;

constexpr uint64_t kReadsMax = 5000;
constexpr char kReadPath[] = "db";
using ReadRows = std::map<std::string, std::string>;

// A disk that fails the n-th thing it is asked to read: an open, a read, a size, a list.
class FailingReads {
 public:
  explicit FailingReads(const FileContents& contents) : base_(FileSystem::InMemory()) {
    EXPECT_OK(test::WriteDirectory(base_.get(), kReadPath, contents));
  }
  FileSystem* files() { return &faulty_; }

  void FailRead(uint64_t n) {
    reads_ = 0;
    faulty_.SetFault([this, n](FileOp op, const std::string& path) {
      if (IsChange(op) || op == FileOp::kLock || ++reads_ != n) return Status();
      return Status::IoError(std::string(FileOpName(op)) + " " + path + ": injected");
    });
  }
  void Heal() { faulty_.SetFault({}); }
  uint64_t reads() const { return reads_; }

 private:
  std::unique_ptr<FileSystem> base_;
  FaultyFileSystem faulty_{base_.get()};
  std::atomic<uint64_t> reads_{0};
};

class ReadFaults : public testing::Test {
 protected:
  void SetUp() override { ASSERT_NO_FATAL_FAILURE(Build()); }

  // Tables on three levels, keys that each of them has and deletes, a tail in the log.
  void Build() {
    const auto files = FileSystem::InMemory();
    ASSERT_OK_AND_ASSIGN(auto db, DB::Open(SmallTables(files.get()), kReadPath));
    ASSERT_NO_FATAL_FAILURE(Fill(db.get(), kKeys, 1));
    ASSERT_OK(db->CompactAll({.force_last_level = true}));
    // What is merged when depends on threads: as often as it takes.
    for (int round = 2; LevelsWithTables(db.get()) < 3; ++round) {
      ASSERT_LT(round, 40);
      ASSERT_NO_FATAL_FAILURE(Fill(db.get(), 12, round));
      ASSERT_OK(db->Flush());
      ASSERT_OK(db->WaitForCompaction());
    }
    ASSERT_NO_FATAL_FAILURE(Fill(db.get(), 3, 40));
    ASSERT_OK_AND_ASSIGN(killed_, test::ReadLiveDirectory(files.get(), kReadPath));
    ASSERT_OK(db->Close());
    ASSERT_OK_AND_ASSIGN(closed_, test::ReadDirectory(files.get(), kReadPath));
  }

  // `work` under a failing read, each in turn, on a database of its own that was just opened.
  void Sweep(const std::function<void(DB* db)>& work) const {
    for (uint64_t n = 1; n < kReadsMax && !HasFailure(); ++n) {
      SCOPED_TRACE("read " + std::to_string(n));
      FailingReads disk(closed_);
      ASSERT_OK_AND_ASSIGN(auto db, DB::Open(SmallTables(disk.files()), kReadPath));
      disk.FailRead(n);
      work(db.get());
      const bool got_through = disk.reads() < n;
      disk.Heal();
      ASSERT_NO_FATAL_FAILURE(CheckAll(db.get()));
      ASSERT_OK(db->Close());
      if (!got_through) continue;
      EXPECT_GT(n, 20u) << "the work reads next to nothing";
      std::cout << "    reads failed: " << n - 1 << "\n";
      return;
    }
    EXPECT_TRUE(HasFailure()) << "the work does not end";
  }

  void SweepOpen(const FileContents& contents) const {
    for (uint64_t n = 1; n < kReadsMax && !HasFailure(); ++n) {
      SCOPED_TRACE("read " + std::to_string(n));
      FailingReads disk(contents);
      disk.FailRead(n);
      auto db = DB::Open(SmallTables(disk.files()), kReadPath);
      const bool got_through = disk.reads() < n;
      disk.Heal();
      if (!db.ok()) {
        ExpectFailedRead(db.status());
        db = DB::Open(SmallTables(disk.files()), kReadPath);
        ASSERT_OK(db);
      }
      ASSERT_NO_FATAL_FAILURE(CheckAll(db->get()));
      ASSERT_OK((*db)->Close());
      if (!got_through) continue;
      std::cout << "    reads failed: " << n - 1 << "\n";
      return;
    }
    EXPECT_TRUE(HasFailure()) << "opening does not end";
  }

  // Not ok: the disk said no, and it is told where.
  static void ExpectFailedRead(const Status& status) {
    EXPECT_STATUS(kIoError, status);
    test::ExpectTold(status, kReadPath);
  }

  // What a get of `key` answers, exact or an error.
  void ExpectGot(const std::string& key, const Status& status, std::string_view value) const {
    const auto row = rows_.find(key);
    if (status.ok()) {
      EXPECT_TRUE(row != rows_.end() && row->second == value) << key;
    } else if (status.Is(StatusCode::kNotFound)) {
      EXPECT_TRUE(row == rows_.end()) << key << " is there, and was not found";
    } else {
      ExpectFailedRead(status);
    }
  }

  // What a scan came to: all, or so much of it as lies before an error.
  void ExpectScanned(const Status& status,
                     const std::vector<std::pair<std::string, std::string>>& seen,
                     bool backwards) const {
    std::vector<std::pair<std::string, std::string>> expected(rows_.begin(), rows_.end());
    if (backwards) std::reverse(expected.begin(), expected.end());
    if (!status.ok()) {
      ExpectFailedRead(status);
      ASSERT_LE(seen.size(), expected.size());
      expected.resize(seen.size());
    }
    EXPECT_EQ(seen, expected);
  }

  void ScanAll(DB* db, bool backwards) const {
    const auto it = db->NewIterator({}, Keyspace());
    std::vector<std::pair<std::string, std::string>> seen;
    for (backwards ? it->SeekToLast() : it->SeekToFirst(); it->Valid();
         backwards ? it->Prev() : it->Next()) {
      seen.emplace_back(it->key(), it->value());
    }
    ExpectScanned(it->status(), seen, backwards);
  }

  void CheckAll(DB* db) const {
    ASSERT_OK_AND_ASSIGN(const ReadRows found, test::Scan(db));
    ASSERT_EQ(found, rows_);
    std::string value;
    for (const std::string& key : Keys()) {
      const Status status = db->Get({}, key, &value);
      ASSERT_TRUE(status.ok() || status.Is(StatusCode::kNotFound)) << status.ToString();
      ExpectGot(key, status, value);
    }
  }

  // Some that are there and some that are not: between those that are, and outside of them.
  std::vector<std::string> Keys() const {
    std::vector<std::string> keys = {"a", "key", "z"};
    for (int i = 0; i < kKeys; i += 3) {
      keys.push_back(KeyOf(i));
      if (i % 2 == 0) keys.push_back(KeyOf(i) + "+");
    }
    return keys;
  }

 private:
  static constexpr int kKeys = 120;

  static Options SmallTables(FileSystem* files) {
    Options options = TinyOptions(files);
    options.memory_budget_bytes = 2 << 20;
    options.compression = Compression::kNone;
    options.tuning.memtable_bytes = 4 << 10;
    options.tuning.table_bytes = 3 << 10;
    options.tuning.block_bytes = 512;
    options.tuning.level_multiplier = 4;
    options.tuning.background_threads = 1;
    return options;
  }
  static std::string KeyOf(int i) { return "key" + std::to_string(100 + i); }

  static ptrdiff_t LevelsWithTables(DB* db) {
    const std::vector<LevelStats> levels = db->GetStats().levels;
    return std::count_if(levels.begin(), levels.end(),
                         [](const LevelStats& level) { return level.tables != 0; });
  }

  void Fill(DB* db, int commits, int round) {
    for (int i = 0; i < commits; ++i) {
      const std::string key = KeyOf(i * (2 * round - 1) % kKeys);
      if (round > 1 && i % 5 == 0) {
        ASSERT_OK(db->Delete({}, key));
        rows_.erase(key);
        continue;
      }
      const std::string value = std::to_string(round) + std::string(400, '.');
      ASSERT_OK(db->Put({}, key, value));
      rows_[key] = value;
    }
  }

  ReadRows rows_;
  FileContents closed_, killed_;

 protected:
  const FileContents& closed() const { return closed_; }
  const FileContents& killed() const { return killed_; }
};

TEST_F(ReadFaults, OfAnOpenAreToldAndTheNextOneFindsAll) {
  SweepOpen(closed());
  SweepOpen(killed());
}

TEST_F(ReadFaults, OfGetsAreToldAndHideNoKey) {
  const std::vector<std::string> keys = Keys();
  Sweep([&](DB* db) {
    for (const std::string& key : keys) {
      PinnedValue value;
      const Status status = db->Get({}, key, &value);
      ExpectGot(key, status, status.ok() ? value.view() : std::string_view());
    }
  });
}

TEST_F(ReadFaults, OfAMultiGetAreToldForTheKeysTheyConcern) {
  const std::vector<std::string> keys = Keys();
  const std::vector<std::string_view> views(keys.begin(), keys.end());
  Sweep([&](DB* db) {
    std::vector<PinnedValue> values(keys.size());
    const std::vector<Status> statuses = db->MultiGet({}, Keyspace(), views, values);
    ASSERT_EQ(statuses.size(), keys.size());
    for (size_t i = 0; i < keys.size(); ++i)
      ExpectGot(keys[i], statuses[i], statuses[i].ok() ? values[i].view() : std::string_view());
  });
}

TEST_F(ReadFaults, OfScansAreToldAndLeaveOutNothingBefore) {
  for (const bool backwards : {false, true}) {
    Sweep([&](DB* db) { ScanAll(db, backwards); });
  }
}

// It reports each part of a table that the disk does not give (db/table_check.h), with the keys
// there; that is what the report says, and the answer is that of the disk.
TEST_F(ReadFaults, OfAVerificationAreNoDamage) {
  Sweep([&](DB* db) {
    std::string told;
    const Status status = db->Verify([&](const Damage& damage) {
      told = damage.file;
      EXPECT_NE(damage.what.find("injected"), std::string::npos) << damage.ToString();
    });
    if (!status.ok()) ExpectFailedRead(status);
    EXPECT_TRUE(told.empty() || status.message().find(told) != std::string_view::npos) << told;
  });
}

TEST_F(ReadFaults, OfACompactionAreToldAndCostNothing) {
  Sweep([&](DB* db) {
    const Status status = db->CompactAll({.force_last_level = true});
    if (!status.ok()) ExpectFailedRead(status);
  });
}

}  // namespace
}  // namespace logwood
