// What has expired goes from the tables though nobody writes, and by no job more than that takes.
#include <gtest/gtest.h>

#include "db/fold.h"
#include "tests/db/background_fixture.h"
#include "util/batch_codec.h"

namespace logwood {
namespace {

using std::chrono::microseconds;
using std::chrono::minutes;
using std::chrono::seconds;

class ExpiryInBackground : public test::BackgroundFixture {
 protected:
  static Options WithoutLevel0Work() {
    Options options;
    options.tuning.level0_tables = 64;
    return options;
  }
  ExpiryInBackground() : test::BackgroundFixture(WithoutLevel0Work()) {}

  // Commits to the tree's memtable what lasts so long from now; 0: for ever.
  void Write(int count, microseconds ttl) {
    for (int i = 0; i < count; ++i) {
      std::string operations;
      AppendPutExpiring(&operations, kDefaultKeyspace, "key" + std::to_string(position_), "v",
                        static_cast<uint64_t>(ttl.count()));
      ++position_;
      CommitRecord record;
      record.position = position_;
      record.time_us = executor_->wall_us;
      record.operation_count = 1;
      record.operations = operations;
      log_->Add(&record);
      ASSERT_OK(log_->Store());
      ASSERT_OK(InsertFolded(operations, {position_, executor_->wall_us}, tree_->active()));
      core_->visible = position_;
    }
  }
  void Flush() {
    tree_->Seal({position_, executor_->wall_us, log_->history_hash()});
    background_->Wake();
    executor_->RunJobs();
  }
  void Pass(microseconds time) {
    executor_->wall_us += static_cast<uint64_t>(time.count());
    executor_->Advance(time);
    executor_->RunJobs();
  }
  // Looks that wait, once what a flush or a compaction has to tidy up behind it is done.
  size_t Looks() {
    Pass(seconds(2));
    return executor_->delayed();
  }
  uint64_t Entries() const {
    uint64_t entries = 0;
    for (const auto& tables : tree_->version()->shape().levels)
      for (const TableMetaPtr& table : tables) entries += table->entries;
    return entries;
  }

  LogPos position_ = 0;
};

TEST_F(ExpiryInBackground, WhatHasExpiredGoesWithoutAnyWrite) {
  Start();
  Write(100, minutes(10));
  Write(10, microseconds(0));
  Flush();
  ASSERT_EQ(Entries(), 110u);
  EXPECT_EQ(Looks(), 1u);
  Pass(minutes(10) - seconds(3));
  EXPECT_EQ(Entries(), 110u);
  // Within a minute.
  Pass(minutes(1) + seconds(1));
  EXPECT_EQ(Entries(), 10u);
  EXPECT_EQ(core_->statistics.expired, 100u);
  EXPECT_EQ(Looks(), 0u) << "still looks, and nothing expires any more";
}

TEST_F(ExpiryInBackground, WhereNothingWillExpireNobodyLooks) {
  Start();
  Write(100, microseconds(0));
  Flush();
  ASSERT_EQ(Entries(), 100u);
  EXPECT_EQ(Looks(), 0u);
  // Nor where too little will, for a compaction to be worth it.
  Write(30, minutes(1));
  Write(70, microseconds(0));
  Flush();
  EXPECT_EQ(Looks(), 0u);
  Pass(minutes(5));
  EXPECT_EQ(Entries(), 200u);
}

// One look for all, and those that come while it waits are not due later than it.
TEST_F(ExpiryInBackground, WhatComesLaterAndExpiresEarlierIsSeen) {
  Start();
  Write(10, std::chrono::hours(5));
  Flush();
  Write(10, minutes(2));
  Flush();
  EXPECT_EQ(Looks(), 1u);
  Pass(minutes(3));
  EXPECT_EQ(Entries(), 10u);
  Pass(std::chrono::hours(5));
  EXPECT_EQ(Entries(), 0u);
  EXPECT_EQ(Looks(), 0u);
}

// Of the time of day no more is known than that somebody sets it.
TEST_F(ExpiryInBackground, ASetClockIsSeenWithinAMinute) {
  Start();
  Write(10, std::chrono::hours(24 * 365));
  Flush();
  executor_->wall_us += uint64_t{366} * 24 * 3600 * 1'000'000;
  Pass(minutes(1));
  EXPECT_EQ(Entries(), 0u);
}

TEST_F(ExpiryInBackground, ASnapshotKeepsWhatItSees) {
  Start();
  Write(10, minutes(2));
  Flush();
  auto snapshot = core_->snapshots.Take(core_, "test");
  Pass(minutes(10));
  EXPECT_EQ(Entries(), 10u);
  snapshot.reset();
  Pass(minutes(1));
  EXPECT_EQ(Entries(), 0u) << "nobody looked, though what kept it has gone";
  EXPECT_EQ(Looks(), 0u);
}

TEST_F(ExpiryInBackground, ASnapshotThatKeptNothingIsFollowedByNoLook) {
  Start();
  Write(10, microseconds(0));
  Flush();
  ASSERT_EQ(Looks(), 0u);
  for (int i = 0; i < 10; ++i) core_->snapshots.Take(core_, "test").reset();
  EXPECT_EQ(executor_->delayed(), 0u);
  // Several that were seen, one look.
  const auto first = core_->snapshots.Take(core_, "test");
  auto second = core_->snapshots.Take(core_, "test");
  auto third = core_->snapshots.Take(core_, "test");
  Write(10, microseconds(0));
  Flush();
  Looks();
  second.reset();
  third.reset();
  EXPECT_EQ(executor_->delayed(), 1u);
  EXPECT_EQ(Looks(), 0u);
  background_->Stop();
}

TEST_F(ExpiryInBackground, ASnapshotMayOutliveTheWork) {
  Start();
  const auto snapshot = core_->snapshots.Take(core_, "test");
  Write(10, minutes(2));
  Flush();
  background_->Stop();
  background_.reset();
}

TEST_F(ExpiryInBackground, AnOpenFindsWhatExpiresInItsTables) {
  Start();
  Write(10, minutes(2));
  Flush();
  background_->Stop();
  Pass(minutes(10));
  EXPECT_EQ(Entries(), 10u) << "it has stopped";
  EXPECT_EQ(executor_->delayed(), 0u);
  Start();
  executor_->RunJobs();
  EXPECT_EQ(Entries(), 0u);
}

}  // namespace
}  // namespace logwood
