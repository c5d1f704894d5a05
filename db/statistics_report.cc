#include "db/statistics_report.h"

#include <algorithm>

namespace logwood {

namespace {

OperationStats Describe(const Histogram& histogram) {
  Histogram::Summary s = histogram.Summarize();
  return {s.count, s.sum, s.p50, s.p99, s.p999, s.max};
}

void ReportLevels(const Core& core, const Version& version, Stats* stats) {
  const LevelShape& shape = version.shape();
  const LevelTargets targets = ComputeTargets(shape, core.settings.compaction());
  for (int level = 0; level < kLevels; ++level) {
    LevelStats l;
    for (const TableMetaPtr& meta : shape.levels[level]) {
      ++l.tables;
      l.bytes += meta->size;
      l.entries += meta->entries;
      l.tombstones += meta->tombstones;
      l.range_deletes += meta->range_deletes;
      l.expiring += meta->expiry.entries;
    }
    l.target_bytes = targets.bytes[level];
    const LevelCounters& counters = core.statistics.levels[level];
    l.compactions = counters.compactions.load(std::memory_order_relaxed);
    l.bytes_read = counters.bytes_read.load(std::memory_order_relaxed);
    l.bytes_written = counters.bytes_written.load(std::memory_order_relaxed);
    stats->table_bytes += l.bytes;
    stats->levels.push_back(l);
  }
  uint64_t last = shape.LevelBytes(shape.LastLevel());
  if (last > 0) {
    stats->space_amplification =
        static_cast<double>(stats->table_bytes) / static_cast<double>(last);
  }
  size_t runs = shape.levels[0].size();
  for (int level = 1; level < kLevels; ++level) runs += !shape.levels[level].empty();
  stats->read_amplification = static_cast<double>(runs);
}

void ReportCounters(const Statistics& s, Stats* stats) {
  auto get = [](const std::atomic<uint64_t>& c) { return c.load(std::memory_order_relaxed); };
  stats->user_bytes_written = get(s.user_bytes);
  stats->log_bytes_written = get(s.log_bytes);
  stats->flush_bytes_written = get(s.flush_bytes);
  stats->compaction_bytes_read = get(s.compaction_bytes_read);
  stats->compaction_bytes_written = get(s.compaction_bytes_written);
  if (stats->user_bytes_written > 0) {
    uint64_t written =
        stats->log_bytes_written + stats->flush_bytes_written + stats->compaction_bytes_written;
    stats->write_amplification =
        static_cast<double>(written) / static_cast<double>(stats->user_bytes_written);
  }
  stats->filter_checks = get(s.tables.filter_checks);
  stats->filter_negatives = get(s.tables.filter_negatives);
  stats->filter_false_positives = get(s.tables.filter_false_positives);
  stats->commits = get(s.commits);
  stats->write_groups = get(s.write_groups);
  stats->transaction_commits = get(s.transaction_commits);
  stats->transaction_conflicts = get(s.transaction_conflicts);
  stats->conditions_refused = get(s.conditions_refused);
  stats->log_syncs = get(s.log_syncs);
  stats->flushes = get(s.flushes);
  stats->compactions = get(s.compactions);
  stats->gets = s.gets.Sum();
  stats->seeks = s.seeks.Sum();
  stats->tombstones_skipped = s.tombstones_skipped.Sum();
  stats->expired = get(s.expired);
  stats->stall_us = get(s.stall_us);
  stats->get_latency = Describe(s.get_latency);
  stats->write_latency = Describe(s.write_latency);
  stats->sync_latency = Describe(s.sync_latency);
  stats->flush_time = Describe(s.flush_time);
  stats->compaction_time = Describe(s.compaction_time);
}

}  // namespace

Stats ReportStatistics(const Core& core) {
  Stats stats;
  stats.path = core.path;
  stats.history_id = core.history_id;
  stats.instance_id = core.instance_id;
  stats.epoch = core.recovery.epoch;
  stats.last_position = core.visible.load(std::memory_order_acquire);
  stats.keyspaces = static_cast<uint32_t>(core.catalogue.List().size());
  stats.snapshots = static_cast<uint32_t>(core.snapshots.count());
  stats.oldest_snapshot = core.snapshots.oldest();
  ReportLevels(core, *core.views.Share()->version, &stats);
  ReportCounters(core.statistics, &stats);

  const BlockCache::Usage cache = core.cache.usage();
  stats.cache_hits = cache.hits;
  stats.cache_misses = cache.misses;
  stats.memory.budget_bytes = core.settings.memory_budget_bytes;
  stats.memory.used_bytes = core.cache.charged_bytes();
  stats.memory.cache_bytes = cache.block_bytes;
  stats.memory.pinned_bytes = cache.pinned_bytes;
  stats.memory.table_bytes = core.tables.memory_bytes();
  stats.memory.jobs_bytes = core.cache.jobs_bytes();
  stats.settings = core.settings.sources;
  return stats;
}

}  // namespace logwood
