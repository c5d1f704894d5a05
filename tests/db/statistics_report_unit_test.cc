// ReportStatistics: the figures derived from counters, and where each comes from.
#include "db/statistics_report.h"

#include <gtest/gtest.h>

#include "tests/db/core_support.h"
#include "tests/db/db_test_support.h"
#include "tests/db/handmade_database.h"

namespace logwood {
namespace {

class StatisticsReportTest : public testing::Test {
 protected:
  void Show(const Edit& edit) {
    ASSERT_OK_AND_ASSIGN(auto version, Version().Apply(edit, nullptr));
    auto view = std::make_shared<View>();
    view->active = std::make_shared<Memtable>();
    view->version = std::move(version);
    core_->views.Install(std::move(view));
  }
  Stats Report() { return ReportStatistics(*core_); }

  std::unique_ptr<FileSystem> fs_ = FileSystem::InMemory();
  std::shared_ptr<Core> core_ = test::NewCore(fs_.get(), std::make_unique<test::ManualExecutor>());
};

TEST_F(StatisticsReportTest, OfAnEmptyDatabaseNothingIsDividedByZero) {
  const Stats stats = Report();
  EXPECT_EQ(stats.write_amplification, 0);
  EXPECT_EQ(stats.space_amplification, 0);
  EXPECT_EQ(stats.read_amplification, 0);
  EXPECT_EQ(stats.table_bytes, 0u);
  EXPECT_EQ(stats.levels.size(), static_cast<size_t>(kLevels));
  EXPECT_EQ(stats.keyspaces, 1u) << "\"default\"";
  EXPECT_EQ(stats.write_latency.count, 0u);
}

TEST_F(StatisticsReportTest, SaysWhichDatabaseItIsAndWhereItStands) {
  core_->history_id = {1, 2};
  core_->instance_id = {3, 4};
  core_->recovery.epoch = 7;
  core_->visible = 40;
  EXPECT_OK(core_->catalogue.Apply(Catalogue::CreateOperations("more", 2), 3));
  const auto snapshot = core_->snapshots.Take(core_, "me");
  core_->visible = 42;
  const auto later = core_->snapshots.Take(core_, "me");
  const Stats stats = Report();
  EXPECT_EQ(stats.path, "db");
  EXPECT_EQ(stats.history_id, (Id128{1, 2}));
  EXPECT_EQ(stats.instance_id, (Id128{3, 4}));
  EXPECT_EQ(stats.epoch, 7u);
  EXPECT_EQ(stats.last_position, 42u);
  EXPECT_EQ(stats.keyspaces, 2u);
  EXPECT_EQ(stats.snapshots, 2u);
  EXPECT_EQ(stats.oldest_snapshot, 40u);
}

TEST_F(StatisticsReportTest, LevelsAddUpTheirTables) {
  Edit edit;
  edit.added = {{0, test::MetaOf(7, test::StoredKey("a"), test::StoredKey("c"))},
                {0, test::MetaOf(8, test::StoredKey("b"), test::StoredKey("d"))},
                {3, test::MetaOf(2, test::StoredKey("a"), test::StoredKey("b"))},
                {6, test::MetaOf(4, test::StoredKey("a"), test::StoredKey("b"))},
                {6, test::MetaOf(1, test::StoredKey("c"), test::StoredKey("d"))}};
  edit.added[3].second.expiry = {2, {1, 2, 3, 4}};
  edit.added[4].second.expiry = {1, {1, 1, 1, 1}};
  Show(edit);
  core_->statistics.levels[6].compactions = 5;
  core_->statistics.levels[6].bytes_read = 600;
  core_->statistics.levels[6].bytes_written = 500;
  const Stats stats = Report();
  EXPECT_EQ(stats.levels[0].tables, 2u);
  EXPECT_EQ(stats.levels[0].bytes, 1500u);
  EXPECT_EQ(stats.levels[0].target_bytes, 0u);
  EXPECT_EQ(stats.levels[1].tables, 0u);
  EXPECT_EQ(stats.levels[3].bytes, 200u);
  EXPECT_EQ(stats.levels[6].tables, 2u);
  EXPECT_EQ(stats.levels[6].entries, 4u + 1 + 3 + 3);
  EXPECT_EQ(stats.levels[6].tombstones, 2u);
  EXPECT_EQ(stats.levels[3].expiring, 0u);
  EXPECT_EQ(stats.levels[6].expiring, 3u);
  EXPECT_GT(stats.levels[6].target_bytes, 0u);
  EXPECT_EQ(stats.levels[6].compactions, 5u);
  EXPECT_EQ(stats.levels[6].bytes_read, 600u);
  EXPECT_EQ(stats.levels[6].bytes_written, 500u);
  EXPECT_EQ(stats.table_bytes, 2200u);
  EXPECT_DOUBLE_EQ(stats.space_amplification, 2200.0 / 500);
  EXPECT_DOUBLE_EQ(stats.read_amplification, 4) << "two of level 0, and two levels";
}

TEST_F(StatisticsReportTest, WriteAmplificationIsAllThatWasWrittenForAByteOfTheUsers) {
  core_->statistics.log_bytes = 1000;
  core_->statistics.flush_bytes = 200;
  core_->statistics.compaction_bytes_read = 999'999;
  core_->statistics.compaction_bytes_written = 300;
  EXPECT_EQ(Report().write_amplification, 0) << "segments have headers before anybody writes";
  core_->statistics.user_bytes = 100;
  EXPECT_DOUBLE_EQ(Report().write_amplification, 15);
}

TEST_F(StatisticsReportTest, EachCounterGoesToItsOwnFigure) {
  Statistics& from = core_->statistics;
  from.commits = 1;
  from.write_groups = 2;
  from.log_syncs = 3;
  from.flushes = 4;
  from.compactions = 5;
  from.gets.Add(6);
  from.seeks.Add(7);
  from.tombstones_skipped.Add(8);
  from.stall_us = 9;
  from.tables.filter_checks = 10;
  from.tables.filter_negatives = 11;
  from.tables.filter_false_positives = 12;
  from.transaction_commits = 13;
  from.transaction_conflicts = 14;
  from.conditions_refused = 15;
  from.expired = 16;
  from.write_latency.Add(13);
  from.sync_latency.Add(14, 2);
  from.flush_time.Add(15, 3);
  from.compaction_time.Add(16, 4);
  const Stats stats = Report();
  const std::vector<uint64_t> told = {stats.commits,
                                      stats.write_groups,
                                      stats.log_syncs,
                                      stats.flushes,
                                      stats.compactions,
                                      stats.gets,
                                      stats.seeks,
                                      stats.tombstones_skipped,
                                      stats.stall_us,
                                      stats.filter_checks,
                                      stats.filter_negatives,
                                      stats.filter_false_positives,
                                      stats.transaction_commits,
                                      stats.transaction_conflicts,
                                      stats.conditions_refused,
                                      stats.expired};
  EXPECT_EQ(told, (std::vector<uint64_t>{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}));
  EXPECT_EQ(stats.write_latency.total_ns, 13u);
  EXPECT_EQ(stats.sync_latency.total_ns, 28u);
  EXPECT_EQ(stats.flush_time.total_ns, 45u);
  EXPECT_EQ(stats.flush_time.count, 3u);
  EXPECT_EQ(stats.compaction_time.total_ns, 64u);
  EXPECT_EQ(stats.compaction_time.max_ns, 16u);
}

TEST_F(StatisticsReportTest, MemoryIsWhatTheCacheHasInItsBooks) {
  core_->cache.AdjustReserved(5000);
  core_->cache.AdjustJobs(300);
  const BlockRef block = core_->cache.Insert({1, 0}, BlockRef(CachedBlock::Make(4096)));
  static_cast<void>(core_->cache.Lookup({1, 0}));
  static_cast<void>(core_->cache.Lookup({1, 1}));
  static_cast<void>(core_->cache.Lookup({1, 2}));
  const Stats stats = Report();
  EXPECT_EQ(stats.memory.budget_bytes, core_->settings.memory_budget_bytes);
  EXPECT_EQ(stats.memory.jobs_bytes, 300u);
  EXPECT_EQ(stats.memory.cache_bytes, block->charge());
  EXPECT_EQ(stats.memory.used_bytes, 5300 + block->charge());
  EXPECT_EQ(stats.cache_hits, 1u);
  EXPECT_EQ(stats.cache_misses, 2u);
}

}  // namespace
}  // namespace logwood
