// Stats::ToPrometheus: the text exposition format, version 0.0.4
// (https://prometheus.io/docs/instrumenting/exposition_formats/). Names are an interface. The path
// is not among the labels: what scrapes the page knows whom it asked.
#include "logwood/stats.h"
#include "util/json_writer.h"

namespace logwood {

namespace {

// Prometheus' base unit of time is the second.
double Seconds(uint64_t ns) { return static_cast<double>(ns) / 1e9; }

class Page {
 public:
  void Gauge(std::string_view name, std::string_view help, uint64_t value) {
    Begin(name, "gauge", help);
    Sample(name, "", std::to_string(value));
  }
  void Gauge(std::string_view name, std::string_view help, double value) {
    Begin(name, "gauge", help);
    Sample(name, "", JsonNumber(value));
  }
  void Counter(std::string_view name, std::string_view help, uint64_t value) {
    Begin(name, "counter", help);
    Sample(name, "", std::to_string(value));
  }
  void Begin(std::string_view name, std::string_view type, std::string_view help) {
    text_.append("# HELP logwood_").append(name).append(" ").append(help);
    text_.append("\n# TYPE logwood_").append(name).append(" ").append(type).append("\n");
  }
  // `labels` with its braces, or empty.
  void Sample(std::string_view name, std::string_view labels, std::string_view value) {
    text_.append("logwood_").append(name).append(labels).append(" ").append(value).append("\n");
  }
  void Summary(std::string_view name, std::string_view help, const OperationStats& operation) {
    const std::string base(name);
    Begin(name, "summary", help);
    Sample(name, "{quantile=\"0.5\"}", JsonNumber(Seconds(operation.p50_ns)));
    Sample(name, "{quantile=\"0.99\"}", JsonNumber(Seconds(operation.p99_ns)));
    Sample(name, "{quantile=\"0.999\"}", JsonNumber(Seconds(operation.p999_ns)));
    Sample(base + "_sum", "", JsonNumber(Seconds(operation.total_ns)));
    Sample(base + "_count", "", std::to_string(operation.count));
  }
  // One sample a level of the field that `value` takes.
  template <typename Value>
  void Levels(std::string_view name, std::string_view type, std::string_view help,
              const std::vector<LevelStats>& levels, Value value) {
    Begin(name, type, help);
    for (size_t i = 0; i < levels.size(); ++i) {
      Sample(name, "{level=\"" + std::to_string(i) + "\"}", std::to_string(levels[i].*value));
    }
  }
  std::string Finish() { return std::move(text_); }

 private:
  std::string text_;
};

void AddState(const Stats& stats, Page* page) {
  page->Gauge("last_position", "Newest commit.", stats.last_position);
  page->Gauge("durable_position", "Newest commit that survives power loss.",
              stats.durable_position);
  page->Gauge("keyspaces", "Keyspaces.", uint64_t{stats.keyspaces});
  page->Gauge("snapshots", "Snapshots held.", uint64_t{stats.snapshots});
  page->Gauge("log_segments", "Log segments on disk.", stats.log_segments);
  page->Gauge("log_bytes", "Bytes of log on disk.", stats.log_bytes);
  page->Gauge("table_bytes", "Bytes of live tables on disk.", stats.table_bytes);
  page->Gauge("obsolete_bytes", "Bytes of tables kept for readers only.", stats.obsolete_bytes);
  page->Gauge("compaction_debt_bytes", "Bytes compaction is behind.", stats.compaction_debt_bytes);
  page->Gauge("writes_stopped", "1 after an error that stopped writes.",
              uint64_t{stats.writes_stopped});
  page->Gauge("write_amplification", "Bytes written per user byte.", stats.write_amplification);
  page->Gauge("space_amplification", "Table bytes per byte of the last level.",
              stats.space_amplification);
  page->Gauge("read_amplification", "Sorted runs a read may look at.", stats.read_amplification);
  const auto& levels = stats.levels;
  page->Levels("level_tables", "gauge", "Tables of a level.", levels, &LevelStats::tables);
  page->Levels("level_bytes", "gauge", "Bytes of a level.", levels, &LevelStats::bytes);
  page->Levels("level_target_bytes", "gauge", "Bytes a level may hold.", levels,
               &LevelStats::target_bytes);
  page->Levels("level_expiring", "gauge", "Entries of a level that expire.", levels,
               &LevelStats::expiring);
  page->Levels("level_read_bytes_total", "counter", "Bytes read to write into a level.", levels,
               &LevelStats::bytes_read);
  page->Levels("level_written_bytes_total", "counter", "Bytes written into a level.", levels,
               &LevelStats::bytes_written);
}

void AddCounters(const Stats& stats, Page* page) {
  page->Counter("user_written_bytes_total", "Keys and values as given.", stats.user_bytes_written);
  page->Counter("log_written_bytes_total", "Written to the log.", stats.log_bytes_written);
  page->Counter("flush_written_bytes_total", "Written by flushes.", stats.flush_bytes_written);
  page->Counter("compaction_read_bytes_total", "Read by compactions.", stats.compaction_bytes_read);
  page->Counter("compaction_written_bytes_total", "Written by compactions.",
                stats.compaction_bytes_written);
  page->Counter("cache_hits_total", "Blocks found in the cache.", stats.cache_hits);
  page->Counter("cache_misses_total", "Blocks read from disk.", stats.cache_misses);
  page->Counter("filter_checks_total", "Tables asked through their filter.", stats.filter_checks);
  page->Counter("filter_negatives_total", "Of those, spared.", stats.filter_negatives);
  page->Counter("filter_false_positives_total", "Of those, read for nothing.",
                stats.filter_false_positives);
  page->Counter("commits_total", "Commits.", stats.commits);
  page->Counter("write_groups_total", "Groups of commits written together.", stats.write_groups);
  page->Counter("transaction_commits_total", "Commits of transactions.", stats.transaction_commits);
  page->Counter("transaction_conflicts_total", "Commits of transactions that were refused.",
                stats.transaction_conflicts);
  page->Counter("conditions_refused_total", "Writes of a key under a condition that did not hold.",
                stats.conditions_refused);
  page->Counter("log_syncs_total", "Syncs of the log.", stats.log_syncs);
  page->Counter("flushes_total", "Memtables that became tables.", stats.flushes);
  page->Counter("compactions_total", "Compactions.", stats.compactions);
  page->Counter("gets_total", "Point reads.", stats.gets);
  page->Counter("seeks_total", "Seeks of iterators.", stats.seeks);
  page->Counter("tombstones_skipped_total", "Deleted entries stepped over by iterators.",
                stats.tombstones_skipped);
  page->Counter("expired_total", "Expired values that flushes and compactions let go of.",
                stats.expired);
  page->Begin("stall_seconds_total", "counter", "Time writers were delayed.");
  page->Sample("stall_seconds_total", "", JsonNumber(static_cast<double>(stats.stall_us) / 1e6));
}

void AddMemory(const MemoryStats& memory, Page* page) {
  page->Gauge("memory_budget_bytes", "What all of the following may use.", memory.budget_bytes);
  page->Gauge("memory_used_bytes", "What counts against the budget.", memory.used_bytes);
  page->Begin("memory_bytes", "gauge", "Memory held, by use; pinned lies within the others.");
  const auto use = [page](std::string_view name, uint64_t bytes) {
    page->Sample("memory_bytes", std::string("{use=\"").append(name).append("\"}"),
                 std::to_string(bytes));
  };
  use("memtables", memory.memtable_bytes);
  use("cache", memory.cache_bytes);
  use("tables", memory.table_bytes);
  use("pinned", memory.pinned_bytes);
  use("jobs", memory.jobs_bytes);
  use("spare", memory.spare_bytes);
}

}  // namespace

std::string Stats::ToPrometheus() const {
  Page page;
  AddState(*this, &page);
  AddCounters(*this, &page);
  AddMemory(memory, &page);
  page.Summary("get_seconds", "Latency of Get and Contains.", get_latency);
  page.Summary("write_seconds", "Latency of writes.", write_latency);
  page.Summary("sync_seconds", "Latency of log syncs.", sync_latency);
  page.Summary("flush_seconds", "Duration of flushes.", flush_time);
  page.Summary("compaction_seconds", "Duration of compactions.", compaction_time);
  return page.Finish();
}

}  // namespace logwood
