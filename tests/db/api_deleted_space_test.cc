// What large range deletes leave behind: their space comes back by itself, and who steps over much
// that is deleted is told.
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "tests/db/recording_listener.h"
#include "tests/support/database_fixture.h"

namespace logwood::test {
namespace {

class DeletedSpace : public DatabaseTest {
 protected:
  DeletedSpace() { options_.listeners = {listener_}; }

  static std::string KeyOf(int n) { return "key" + std::to_string(100'000 + n); }
  void Fill(int from, int to) {
    WriteBatch batch;
    for (; from < to; ++from) {
      batch.Put(KeyOf(from), std::string(50, 'v'));
      if (batch.count() < 100 && from + 1 < to) continue;
      ASSERT_OK(db_->Write({}, batch).status());
      batch.Clear();
    }
  }
  uint64_t Entries() const {
    uint64_t entries = 0;
    for (const auto& level : db_->GetStats().levels) entries += level.entries;
    return entries;
  }
  uint64_t RangeDeletes() const {
    uint64_t ranges = 0;
    for (const auto& level : db_->GetStats().levels) ranges += level.range_deletes;
    return ranges;
  }
  void FlushAndWait() {
    ASSERT_OK(db_->Flush());
    ASSERT_OK(db_->WaitForCompaction());
  }
  uint64_t Count() {
    const auto it = db_->NewIterator({});
    uint64_t count = 0;
    for (it->SeekToFirst(); it->Valid(); it->Next()) ++count;
    EXPECT_OK(it->status());
    return count;
  }
  std::vector<Event> Of(EventKind kind) const {
    std::vector<Event> some;
    for (const Event& event : listener_->events)
      if (event.kind == kind) some.push_back(event);
    return some;
  }

  const std::shared_ptr<RecordingListener> listener_ = std::make_shared<RecordingListener>();
};

TEST_F(DeletedSpace, ComesBackByItselfAndNextToNothingIsRead) {
  Open();
  Fill(0, 20'000);
  ASSERT_OK(db_->CompactAll({}));
  ASSERT_OK(db_->DeleteRange({}, KeyOf(100), KeyOf(18'000)).status());
  const uint64_t read = db_->GetStats().compaction_bytes_read;
  FlushAndWait();
  EXPECT_LT(Entries(), 2'200u + 1'000u) << "the tables at its ends hold some";
  EXPECT_LT(db_->GetStats().compaction_bytes_read - read, 20u * options_.tuning.table_bytes);
  EXPECT_EQ(Count(), 2'100u);
  Reopen();
  EXPECT_EQ(Count(), 2'100u);
}

// A table is much larger than what a thousand tombstones pay for.
TEST_F(DeletedSpace, OfPartOfATableComesBackToo) {
  options_.tuning.memtable_bytes = 8 << 20;
  options_.tuning.table_bytes = 8 << 20;
  Open();
  Fill(0, 20'000);
  ASSERT_OK(db_->CompactAll({}));
  ASSERT_OK(db_->DeleteRange({}, KeyOf(100), KeyOf(12'000)).status());
  FlushAndWait();
  EXPECT_EQ(Entries(), 8'100u);
  EXPECT_EQ(RangeDeletes(), 0u);
  EXPECT_EQ(Count(), 8'100u);
}

TEST_F(DeletedSpace, WaitsForTheSnapshotThatSeesIt) {
  Open();
  Fill(0, 20'000);
  ASSERT_OK(db_->CompactAll({}));
  ASSERT_OK_AND_ASSIGN(auto snapshot, db_->GetSnapshot("reader"));
  ASSERT_OK(db_->DeleteRange({}, "", std::nullopt).status());
  FlushAndWait();
  EXPECT_GE(Entries(), 20'000u);
  EXPECT_EQ(Value(KeyOf(777), snapshot.get()), std::string(50, 'v'));
  const auto held = db_->NewIterator({.snapshot = snapshot.get()});
  held->SeekToFirst();
  snapshot.reset();
  FlushAndWait();
  EXPECT_EQ(Entries(), 0u);
  EXPECT_EQ(RangeDeletes(), 0u);
  uint64_t count = 0;
  for (; held->Valid(); held->Next()) ++count;
  EXPECT_EQ(count, 20'000u) << "an iterator keeps its tables";
}

TEST_F(DeletedSpace, ManyDeletedEntriesInOneStepAreToldWithTheirKeysOnceASecond) {
  options_.tuning.memtable_bytes = 8 << 20;
  Open();
  Fill(0, 25'000);
  for (int i = 100; i < 9'000; ++i) ASSERT_OK(db_->Delete({}, KeyOf(i)).status());
  for (int round = 0; round < 3; ++round) EXPECT_EQ(Count(), 16'100u);
  EXPECT_EQ(Of(EventKind::kSteppedOverDeleted).size(), 0u);
  EXPECT_EQ(db_->GetStats().tombstones_skipped, 3u * 8'900u);
  // Those before are noted with the first of these, and gone by in one seek.
  for (int i = 9'000; i < 24'000; ++i) ASSERT_OK(db_->Delete({}, KeyOf(i)).status());
  for (int round = 0; round < 3; ++round) EXPECT_EQ(Count(), 1'100u);
  const std::vector<Event> told = Of(EventKind::kSteppedOverDeleted);
  ASSERT_GE(told.size(), 1u);
  EXPECT_LE(told.size(), 2u) << "at most one a second";
  EXPECT_EQ(told[0].first_keyspace, "default");
  EXPECT_EQ(told[0].last_keyspace, "default");
  EXPECT_EQ(told[0].first_key, KeyOf(100));
  EXPECT_GT(told[0].last_key, KeyOf(23'900));
  EXPECT_LT(told[0].last_key, KeyOf(24'000));
  EXPECT_NEAR(static_cast<double>(told[0].entries_in), 15'000, 10);
  EXPECT_NE(told[0].detail.find("compact"), std::string::npos);
  EXPECT_NEAR(static_cast<double>(db_->GetStats().tombstones_skipped), 3 * (8'900 + 15'000), 30);
}

// A newer entry at either end of a range: all that lies between is stepped over.
TEST_F(DeletedSpace, EntriesThatARangeDeleteHidesCountWhereTheyAreSteppedOver) {
  options_.tuning.memtable_bytes = 8 << 20;
  Open();
  Fill(0, 15'000);
  ASSERT_OK(db_->DeleteRange({}, KeyOf(0), KeyOf(14'000)).status());
  EXPECT_EQ(Count(), 1'000u);
  EXPECT_LE(db_->GetStats().tombstones_skipped, 10u) << "gone by in one seek";
  Fill(50, 51);
  Fill(13'950, 13'951);
  EXPECT_EQ(Count(), 1'002u);
  const std::vector<Event> told = Of(EventKind::kSteppedOverDeleted);
  ASSERT_EQ(told.size(), 1u);
  EXPECT_NEAR(static_cast<double>(told[0].entries_in), 13'900, 70);
  EXPECT_GE(told[0].first_key, KeyOf(50));
  EXPECT_GE(db_->GetStats().tombstones_skipped, 13'900u);
}

}  // namespace
}  // namespace logwood::test
