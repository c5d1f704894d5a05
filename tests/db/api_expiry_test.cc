// Puts that expire, through the whole engine: what is read at which time, what a snapshot goes on
// seeing, and what is left on disk.
#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "logwood/transaction.h"
#include "tests/support/database_fixture.h"
#include "tests/support/wall_clock.h"

namespace logwood::test {
namespace {

using std::chrono::hours;
using std::chrono::microseconds;
using std::chrono::seconds;

class Expiry : public DatabaseTest {
 protected:
  void Put(std::string_view key, std::string_view value, microseconds ttl) {
    ASSERT_OK(db_->Put({.ttl = ttl}, key, value));
  }
  std::string Backward() {
    std::string text;
    for (const auto& [key, value] : RowsOf(db_->NewIterator({}, Keyspace()).get(), false)) {
      text += (text.empty() ? "" : " ") + key + "=" + value;
    }
    return text;
  }
  bool Contains(std::string_view key) {
    const Result<bool> found = db_->Contains({}, Keyspace(), key);
    EXPECT_OK(found.status());
    return found.ok() && *found;
  }
  std::string MultiGot(const std::vector<std::string_view>& keys) {
    std::vector<PinnedValue> values(keys.size());
    const std::vector<Status> statuses = db_->MultiGet({}, Keyspace(), keys, values);
    std::string text;
    for (size_t i = 0; i < keys.size(); ++i) {
      text += text.empty() ? "" : " ";
      text += statuses[i].ok() ? std::string(values[i].view()) : "-";
      if (!statuses[i].ok()) {
        EXPECT_TRUE(values[i].view().empty());
      }
    }
    return text;
  }
  // All ways to read agree.
  void ExpectShows(const std::string& entries) {
    EXPECT_EQ(Entries(), entries);
    EXPECT_EQ(Backward(), entries);
    for (const char* key : {"a", "b", "c"}) {
      const size_t at = (" " + entries).find(" " + std::string(key) + "=");
      const bool there = at != std::string::npos;
      EXPECT_EQ(Value(key) != "<NotFound>", there) << key;
      EXPECT_EQ(Contains(key), there) << key;
      EXPECT_EQ(MultiGot({key}) != "-", there) << key;
    }
  }
  // A lone table may be moved to the last level at any time: what went is certain once that was
  // rewritten.
  uint64_t EntriesOnDisk() {
    uint64_t entries = 0;
    for (const LevelStats& level : db_->GetStats().levels) entries += level.entries;
    return entries;
  }

  WallClock clock_;
};

TEST_F(Expiry, APutIsThereUntilItsTimeHasCome) {
  Open();
  Put("a", "1", seconds(10));
  Put("b", "2", seconds(0));
  Put("c", "3", seconds(20));
  for (const bool flushed : {false, true}) {
    ASSERT_OK(flushed ? db_->Flush() : Status::Ok());
    ExpectShows("a=1 b=2 c=3");
  }
  clock_.Advance(seconds(10) - microseconds(1));
  ExpectShows("a=1 b=2 c=3");
  clock_.Advance(microseconds(1));
  ExpectShows("b=2 c=3");
  Reopen();
  ExpectShows("b=2 c=3");
  clock_.Advance(seconds(10));
  ExpectShows("b=2");
  ASSERT_OK(db_->CompactAll({.force_last_level = true}));
  ExpectShows("b=2");
  EXPECT_EQ(EntriesOnDisk(), 1u);
}

TEST_F(Expiry, WhatAPutReplacedDoesNotComeBack) {
  Open();
  Put("a", "old", seconds(0));
  ASSERT_OK(db_->CompactAll({}));
  Put("a", "new", seconds(5));
  for (int step = 0; step < 4; ++step) {
    EXPECT_EQ(Value("a"), "new");
    ASSERT_OK(db_->Flush());
  }
  clock_.Advance(seconds(5));
  ExpectShows("");
  ASSERT_OK(db_->Flush());
  ExpectShows("");
  ASSERT_OK(db_->CompactAll({.force_last_level = true}));
  ExpectShows("");
  EXPECT_EQ(EntriesOnDisk(), 0u);
}

TEST_F(Expiry, ALaterPutIsNotTouched) {
  Open();
  Put("a", "1", seconds(5));
  ASSERT_OK(db_->Put({}, "a", "2"));
  clock_.Advance(hours(1));
  EXPECT_EQ(Value("a"), "2");
  Put("a", "3", seconds(5));
  Put("a", "4", hours(2));
  clock_.Advance(hours(1));
  ASSERT_OK(db_->CompactAll({}));
  EXPECT_EQ(Value("a"), "4");
}

TEST_F(Expiry, EachViewKeepsTheTimeAtWhichItWasMade) {
  Open();
  Put("a", "1", seconds(10));
  const auto snapshot = db_->GetSnapshot("test");
  ASSERT_OK(snapshot.status());
  const auto iterator = db_->NewIterator({}, Keyspace());
  clock_.Advance(seconds(30));
  EXPECT_EQ(Entries(iterator.get()), "a=1");
  EXPECT_EQ(Value("a", snapshot->get()), "1");
  EXPECT_EQ(Value("a"), "<NotFound>");
  ASSERT_OK(db_->CompactAll({}));
  EXPECT_EQ(Entries(iterator.get()), "a=1");
  EXPECT_EQ(Value("a", snapshot->get()), "1") << "compaction left what the snapshot sees";
  EXPECT_EQ(Entries({.snapshot = snapshot->get()}), "a=1");
  EXPECT_EQ(EntriesOnDisk(), 1u);
  const auto later = db_->GetSnapshot("test");
  ASSERT_OK(later.status());
  EXPECT_EQ(Value("a", later->get()), "<NotFound>");
}

// Two at one position: the first one counts for what may go.
TEST_F(Expiry, CompactionGoesByTheFirstSnapshotOfAPosition) {
  Open();
  Put("a", "1", seconds(10));
  const auto first = db_->GetSnapshot("test");
  clock_.Advance(seconds(30));
  const auto second = db_->GetSnapshot("test");
  ASSERT_OK(first.status());
  ASSERT_OK(second.status());
  ASSERT_EQ((*first)->position(), (*second)->position());
  ASSERT_OK(db_->CompactAll({}));
  EXPECT_EQ(Value("a", first->get()), "1");
  EXPECT_EQ(Value("a", second->get()), "<NotFound>");
}

TEST_F(Expiry, ASnapshotOfAnOlderPositionSeesItsOwn) {
  Open();
  Put("a", "1", seconds(10));
  const auto old = db_->GetSnapshot("test");
  ASSERT_OK(old.status());
  Put("a", "2", seconds(20));
  clock_.Advance(seconds(15));
  const auto middle = db_->GetSnapshot("test");
  ASSERT_OK(middle.status());
  clock_.Advance(seconds(15));
  ASSERT_OK(db_->CompactAll({}));
  EXPECT_EQ(Value("a", old->get()), "1");
  EXPECT_EQ(Value("a", middle->get()), "2");
  EXPECT_EQ(Value("a"), "<NotFound>");
}

TEST_F(Expiry, AKeyspaceHasADefaultAndAWriteItsOwn) {
  options_.keyspaces["sessions"].ttl = seconds(10);
  Open();
  const auto sessions = db_->OpenOrCreateKeyspace({}, "sessions");
  ASSERT_OK(sessions.status());
  ASSERT_OK(db_->Put({}, *sessions, "default", "1"));
  ASSERT_OK(db_->Put({.ttl = seconds(20)}, *sessions, "write", "2"));
  ASSERT_OK(db_->Put({.ttl = kNoExpiry}, *sessions, "for ever", "3"));
  ASSERT_OK(db_->Put({}, "another keyspace", "4"));
  WriteBatch batch;
  batch.Put(*sessions, "in a batch", "5");
  batch.PutExpiring(*sessions, "with its own", "6", seconds(20));
  batch.PutExpiring(*sessions, "always", "7", kNoExpiry);
  batch.Delete(*sessions, "nothing");
  ASSERT_OK(db_->Write({}, batch));
  EXPECT_EQ(Entries({}, *sessions),
            "always=7 default=1 for ever=3 in a batch=5 with its own=6 write=2");
  clock_.Advance(seconds(10));
  EXPECT_EQ(Entries({}, *sessions), "always=7 for ever=3 with its own=6 write=2");
  clock_.Advance(seconds(10));
  EXPECT_EQ(Entries({}, *sessions), "always=7 for ever=3");
  EXPECT_EQ(Entries(), "another keyspace=4");
  // The open that comes without it puts for ever; what was put keeps its own.
  ASSERT_OK(db_->Put({}, *sessions, "default", "8"));
  options_.keyspaces.clear();
  Reopen();
  ASSERT_OK(db_->Put({}, *sessions, "put later", "9"));
  EXPECT_EQ(Entries({}, *sessions), "always=7 default=8 for ever=3 put later=9");
  clock_.Advance(hours(1));
  EXPECT_EQ(Entries({}, *sessions), "always=7 for ever=3 put later=9");
}

TEST_F(Expiry, TimesThatAreNoneAreRefused) {
  Open();
  for (const microseconds ttl : {microseconds(-1), microseconds(kTtlMax + microseconds(1))}) {
    EXPECT_STATUS(kInvalidArgument, db_->Put({.ttl = ttl}, "a", "1").status());
    WriteBatch batch;
    batch.PutExpiring("a", "1", ttl);
    EXPECT_STATUS(kInvalidArgument, db_->Write({}, batch).status());
  }
  WriteBatch batch;
  batch.PutExpiring("a", "1", microseconds(0));
  EXPECT_STATUS(kInvalidArgument, db_->Write({}, batch).status());
  EXPECT_EQ(db_->LastPosition(), 0u);
  Put("a", "1", kTtlMax);
  EXPECT_EQ(Value("a"), "1");
  Close();
  options_.keyspaces["default"].ttl = microseconds(-1);
  EXPECT_STATUS(kInvalidArgument, DB::Open(options_, path_).status());
}

// A clock beyond what records may have (docs/format/log.md) is not believed, nor one before 1970.
TEST_F(Expiry, AClockThatSaysWhatCannotBeMovesNothing) {
  Open();
  Put("a", "1", seconds(10));
  const uint64_t before = clock_.now_us();
  for (const uint64_t time_us : {(uint64_t{1} << 55) + 1, ~uint64_t{0} - 5, ~uint64_t{0}}) {
    clock_.Set(time_us);
    EXPECT_EQ(Value("a"), "1");
    Put("b", "2", kTtlMax);
    EXPECT_TRUE(db_->GetSnapshot("test").ok());
    ASSERT_OK(db_->CompactAll({}));
    Reopen();
    ExpectShows("a=1 b=2");
  }
  clock_.Set(before + 10'000'000);
  ExpectShows("b=2");
}

// The time of records goes on from the largest there was: what expires comes late, not early.
TEST_F(Expiry, AClockThatGoesBackMakesNothingExpireEarly) {
  Open();
  Put("a", "1", seconds(10));
  clock_.Set(clock_.now_us() - 3'600'000'000);
  EXPECT_EQ(Value("a"), "1");
  Put("b", "2", seconds(10));
  EXPECT_EQ(Value("b"), "2");
  clock_.Advance(seconds(20));
  EXPECT_EQ(Value("b"), "2");
  clock_.Advance(hours(2));
  ExpectShows("");
}

// What a compaction let go of must not be decided anew by an earlier time.
TEST_F(Expiry, TimeStaysBehindWhatCompactionWentBy) {
  Open();
  Put("a", "1", seconds(10));
  Put("b", "2", hours(5));
  const uint64_t before = clock_.now_us();
  clock_.Advance(seconds(30));
  ASSERT_OK(db_->CompactAll({}));
  clock_.Set(before);
  ExpectShows("b=2");
  Put("c", "3", seconds(10));
  Reopen();
  ExpectShows("b=2 c=3");
  clock_.Set(before + 35'000'000);
  ExpectShows("b=2 c=3");
  clock_.Set(before + 40'000'000);
  ExpectShows("b=2");
}

// Also where nothing was committed since: what a view did not show any more no later one shows.
TEST_F(Expiry, NoViewIsOfAnEarlierTimeThanOneBefore) {
  options_.keyspaces["default"].merge_operator = MergeOperator::Append(",");
  Open();
  std::shared_ptr<const Snapshot> snapshot;
  const std::vector<std::function<void()>> views = {
      [&] { snapshot = std::move(db_->GetSnapshot("test")).value(); },
      [&] { EXPECT_TRUE(db_->NewIterator({}, Keyspace())->status().ok()); },
      [&] { EXPECT_EQ(Value("a"), "<NotFound>"); },
      [&] { EXPECT_EQ(Value("b"), "3"); },
      [&] { EXPECT_EQ(Value("c"), "3"); },
      [&] { EXPECT_FALSE(Contains("a")); },
      [&] {
        EXPECT_EQ(MultiGot({"b", "c"}), "3 3");
      },
      [&] { EXPECT_OK(db_->BeginTransaction({}).status()); },
  };
  for (size_t i = 0; i < views.size(); ++i) {
    SCOPED_TRACE(i);
    snapshot.reset();
    for (const char* key : {"a", "b", "c"}) Put(key, "2", seconds(30));
    ASSERT_OK(db_->Merge({}, "c", "3"));
    ASSERT_OK(db_->CompactAll({}));  // c keeps its base beside its operand
    ASSERT_OK(db_->Merge({}, "b", "3"));
    ExpectShows("a=2 b=2,3 c=2,3");
    const uint64_t before = clock_.now_us();
    clock_.Advance(seconds(50));
    views[i]();
    clock_.Set(before);
    ExpectShows("b=3 c=3");
    if (snapshot != nullptr) {
      EXPECT_EQ(Entries({.snapshot = snapshot.get()}), "b=3 c=3");
    }
    clock_.Set(before + 100'000'000);
  }
}

// A chain of merges that is full leaves what it is onto by itself.
TEST_F(Expiry, WhatExpiredBelowAFullChainOfMergesGoes) {
  options_.memory_budget_bytes = 4 << 20;
  options_.keyspaces["default"].merge_operator = MergeOperator::Append(",");
  Open();
  Put("a", std::string(700 << 10, 'v'), seconds(10));
  ASSERT_OK(db_->Flush());
  ASSERT_OK(db_->Merge({}, "a", std::string(400 << 10, 'm')));
  ASSERT_OK(db_->CompactAll({.force_last_level = true}));
  EXPECT_EQ(EntriesOnDisk(), 3u) << "with the row of the operator";
  clock_.Advance(seconds(10));
  ASSERT_OK(db_->CompactAll({.force_last_level = true}));
  EXPECT_EQ(EntriesOnDisk(), 2u);
  EXPECT_EQ(Value("a"), std::string(400 << 10, 'm'));
}

TEST_F(Expiry, AMergeGoesOnFromNothingOnceWhatItWasOntoHasExpired) {
  options_.keyspaces["default"].merge_operator = MergeOperator::Append(",");
  Open();
  Put("a", "x", seconds(10));
  ASSERT_OK(db_->Merge({}, "a", "y"));
  Put("b", "x", seconds(10));
  ASSERT_OK(db_->Flush());
  ASSERT_OK(db_->Merge({}, "b", "y"));
  const auto snapshot = db_->GetSnapshot("test");
  ASSERT_OK(snapshot.status());
  for (int step = 0; step < 2; ++step) {
    ExpectShows("a=x,y b=x,y");
    ASSERT_OK(db_->CompactAll({}));
  }
  clock_.Advance(seconds(10));
  for (int step = 0; step < 2; ++step) {
    ExpectShows("a=y b=y");
    EXPECT_EQ(Entries({.snapshot = snapshot->get()}), "a=x,y b=x,y");
    ASSERT_OK(db_->Merge({}, "c", "z"));
    ASSERT_OK(db_->Delete({}, "c"));
    ASSERT_OK(db_->CompactAll({}));
  }
  Reopen();
  ExpectShows("a=y b=y");
}

TEST_F(Expiry, ATransactionSeesItsOwnAndItsSnapshotsTime) {
  Open();
  Put("a", "1", seconds(10));
  auto transaction = db_->BeginTransaction({});
  ASSERT_OK(transaction.status());
  ASSERT_OK((*transaction)->PutExpiring("b", "2", seconds(5)));
  clock_.Advance(seconds(30));
  std::string value;
  ASSERT_OK((*transaction)->Get("a", &value));
  EXPECT_EQ(value, "1");
  ASSERT_OK((*transaction)->Get("b", &value));
  EXPECT_EQ(value, "2");
  EXPECT_EQ(Entries((*transaction)->NewIterator({}, Keyspace()).get()), "a=1 b=2");
  ASSERT_OK((*transaction)->Commit({}).status());
  ExpectShows("b=2");
  clock_.Advance(seconds(5));
  ExpectShows("");
}

// The lock that goes by itself.
TEST_F(Expiry, PutIfAbsentPutsWhereWhatWasThereHasExpired) {
  Open();
  const WriteOptions lease{.ttl = seconds(10)};
  ASSERT_OK(db_->PutIfAbsent(lease, Keyspace(), "lock", "anna").status());
  EXPECT_STATUS(kConflict, db_->PutIfAbsent(lease, Keyspace(), "lock", "ben").status());
  clock_.Advance(seconds(10));
  ASSERT_OK(db_->PutIfAbsent(lease, Keyspace(), "lock", "ben").status());
  EXPECT_EQ(Value("lock"), "ben");
  EXPECT_STATUS(kConflict, db_->DeleteIf({}, Keyspace(), "lock", "anna").status());
  ASSERT_OK(db_->CompareAndPut(lease, Keyspace(), "lock", "ben", "ben").status());
  clock_.Advance(seconds(10));
  EXPECT_EQ(Value("lock"), "<NotFound>");
}

TEST_F(Expiry, LargeValuesAndKeysOfAllSizes) {
  Open();
  std::map<std::string, std::string> rows;
  for (size_t size : {0, 1, 7, 8, 4095, 4096, 4097, 100'000}) {
    rows["k" + std::to_string(size)] = std::string(size, static_cast<char>('a' + size % 26));
  }
  for (const auto& [key, value] : rows) Put(key, value, hours(1));
  for (int step = 0; step < 3; ++step) {
    for (const auto& [key, value] : rows) EXPECT_EQ(Value(key), value);
    EXPECT_EQ(RowsOf(db_->NewIterator({}, Keyspace()).get()), rows);
    EXPECT_EQ(RowsOf(db_->NewIterator({}, Keyspace()).get(), false), rows);
    ASSERT_OK(step == 0 ? db_->Flush() : db_->CompactAll({}));
  }
  clock_.Advance(hours(1));
  EXPECT_EQ(Entries(), "");
}

}  // namespace
}  // namespace logwood::test
