// Range deletes through the whole engine: whatever lies in memtables and tables, each way to read
// says what a map says.
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "logwood/simulated_file_system.h"
#include "tests/db/db_test_support.h"
#include "tests/support/database_fixture.h"
#include "util/random.h"

namespace logwood {
namespace {

class RangeDelete : public testing::Test {
 protected:
  using Rows = std::map<std::string, std::string>;

  void SetUp() override { OpenAnew(); }
  void OpenAnew() {
    if (db_ != nullptr) {
      ASSERT_OK(db_->Close());
    }
    Options options;
    options.file_system = fs_.get();
    ASSERT_OK_AND_ASSIGN(db_, DB::Open(options, "db"));
  }
  Rows Read(const Snapshot* snapshot, bool forward) {
    IteratorOptions options;
    options.snapshot = snapshot;
    return test::RowsOf(db_->NewIterator(options).get(), forward);
  }
  void ExpectRows(const Rows& rows, const Snapshot* snapshot = nullptr) {
    EXPECT_EQ(Read(snapshot, true), rows);
    EXPECT_EQ(Read(snapshot, false), rows);
    ReadOptions reading;
    reading.snapshot = snapshot;
    for (int n = 0; n < 40; ++n) {
      std::string value;
      const std::string key = Key(n);
      const auto at = rows.find(key);
      const Status status = Lookup(reading, key, &value);
      if (at == rows.end()) {
        EXPECT_STATUS(kNotFound, status) << key;
      } else {
        EXPECT_OK(status);
        EXPECT_EQ(value, at->second) << key;
      }
    }
  }
  Status Lookup(const ReadOptions& reading, const std::string& key, std::string* value) {
    PinnedValue pinned;
    Status status = db_->Get(reading, Keyspace(), key, &pinned);
    *value = pinned.ToString();
    return status;
  }
  Status Compact() { return db_->CompactRange({}, Keyspace(), {}); }
  static std::string Key(uint64_t n) { return std::string(1, static_cast<char>('A' + n)); }

  std::unique_ptr<FileSystem> fs_ = std::make_unique<SimulatedFileSystem>();
  std::unique_ptr<DB> db_;
};

TEST_F(RangeDelete, HidesWhatIsBelowItWhereverItLies) {
  ASSERT_OK(db_->Put({}, "A", "1"));
  ASSERT_OK(db_->Put({}, "B", "2"));
  ASSERT_OK(db_->Put({}, "C", "3"));
  ASSERT_OK(db_->Flush());
  ASSERT_OK(db_->DeleteRange({}, "A", "C"));
  ExpectRows({{"C", "3"}});
  ASSERT_OK(db_->Flush());
  ExpectRows({{"C", "3"}});
  ASSERT_OK(db_->Put({}, "B", "new"));
  ExpectRows({{"B", "new"}, {"C", "3"}});
  ASSERT_OK(db_->Flush());
  ExpectRows({{"B", "new"}, {"C", "3"}});
  ASSERT_OK(Compact());
  ExpectRows({{"B", "new"}, {"C", "3"}});
  ASSERT_OK(db_->DeleteRange({}, "", std::nullopt));
  ExpectRows({});
  ASSERT_OK(Compact());
  ExpectRows({});
}

TEST_F(RangeDelete, AMillionKeysOnTheWayCostASeek) {
  for (int n = 0; n < 20'000; ++n) ASSERT_OK(db_->Put({}, "m" + std::to_string(100'000 + n), "v"));
  ASSERT_OK(db_->Put({}, "z", "last"));
  ASSERT_OK(db_->Flush());
  ASSERT_OK(db_->DeleteRange({}, "m", "n"));
  const auto it = db_->NewIterator({});
  it->SeekToFirst();
  ASSERT_TRUE(it->Valid());
  EXPECT_EQ(it->key(), "z");
  it->Prev();
  EXPECT_FALSE(it->Valid());
  EXPECT_OK(it->status());
}

// While a snapshot needs them they are read. (In this order: what a snapshot kept compaction drops
// by itself once it is gone, and reads it for that.)
TEST_F(RangeDelete, TablesThatItCoversGoUnread) {
  Random random(1);
  const auto fill = [&] {
    for (int n = 0; n < 2'000; ++n) {
      std::string value(500, ' ');
      for (char& c : value) c = static_cast<char>(random.Uniform(256));
      ASSERT_OK(db_->Put({}, "m" + std::to_string(100'000 + n), value));
    }
    ASSERT_OK(Compact());
    ASSERT_OK(db_->WaitForCompaction());
  };
  const auto delete_and_compact = [&]() -> uint64_t {
    const uint64_t before = db_->GetStats().compaction_bytes_read;
    EXPECT_OK(db_->DeleteRange({}, "m", "n"));
    EXPECT_OK(Compact());
    return db_->GetStats().compaction_bytes_read - before;
  };
  fill();
  EXPECT_LT(delete_and_compact(), 10'000u);
  EXPECT_EQ(db_->GetStats().table_bytes, 0u);
  fill();
  ASSERT_OK_AND_ASSIGN(const auto snapshot, db_->GetSnapshot());
  EXPECT_GT(delete_and_compact(), 900'000u) << "the snapshot reads it";
  EXPECT_EQ(Read(snapshot.get(), true).size(), 2'000u);
  ExpectRows({});
}

// Every kind of write, flushes, compactions, reopening and snapshots, against maps.
TEST_F(RangeDelete, AgreesWithAMap) {
  for (uint64_t seed = 1; seed <= 25; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    db_.reset();
    fs_ = std::make_unique<SimulatedFileSystem>();
    OpenAnew();
    Random random(seed);
    Rows rows;
    std::vector<std::pair<std::shared_ptr<const Snapshot>, Rows>> snapshots;
    for (int step = 0; step < 150; ++step) {
      WriteBatch batch;
      for (uint64_t n = random.Uniform(4); n > 0; --n) {
        std::string key = Key(random.Uniform(40));
        if (random.OneIn(3)) {
          std::string end = Key(random.Uniform(40));
          if (end < key) std::swap(key, end);
          batch.DeleteRange(key, end);
          rows.erase(rows.lower_bound(key), rows.lower_bound(end));
        } else if (random.OneIn(6)) {
          batch.Delete(key);
          rows.erase(key);
        } else {
          const std::string value = std::to_string(step) + "." + std::to_string(n);
          batch.Put(key, value);
          rows[key] = value;
        }
      }
      ASSERT_OK(db_->Write({}, batch));
      ASSERT_OK(random.OneIn(12) ? db_->Flush() : Status::Ok());
      ASSERT_OK(random.OneIn(40) ? Compact() : Status::Ok());
      if (random.OneIn(15)) {
        ASSERT_OK_AND_ASSIGN(auto snapshot, db_->GetSnapshot());
        snapshots.emplace_back(std::move(snapshot), rows);
      }
      if (!snapshots.empty() && random.OneIn(20))
        snapshots.erase(snapshots.begin() +
                        static_cast<ptrdiff_t>(random.Uniform(snapshots.size())));
      if (random.OneIn(60)) {
        snapshots.clear();
        OpenAnew();
      }
      if (random.OneIn(5)) {
        ExpectRows(rows);
        for (const auto& [snapshot, seen] : snapshots) ExpectRows(seen, snapshot.get());
      }
      if (HasFailure()) return;
    }
    ASSERT_OK(db_->Verify({}, {}));
  }
}

}  // namespace
}  // namespace logwood
