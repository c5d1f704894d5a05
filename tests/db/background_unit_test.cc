// Background work of an open database: failures of one kind of work do not pass for another's.
#include <gtest/gtest.h>

#include <thread>

#include "tests/db/crash_support.h"

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
  void Open() {
    auto db = DB::Open(TinyOptions(fs_.get()), "db");
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

// What Verify was told to read may be let go while it reads.
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

}  // namespace
}  // namespace logwood
