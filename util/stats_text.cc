// Stats::ToText: a page for people. Its looks may change; programs read ToJson.
#include <algorithm>
#include <cstdarg>
#include <cstdio>

#include "logwood/stats.h"
#include "util/escape.h"

namespace logwood {

namespace {

[[gnu::format(printf, 2, 3)]] void AppendFormat(std::string* to, const char* format, ...) {
  char line[1024];
  va_list arguments;
  va_start(arguments, format);
  const int length = std::vsnprintf(line, sizeof(line), format, arguments);
  va_end(arguments);
  if (length > 0) to->append(line, std::min<size_t>(static_cast<size_t>(length), sizeof(line) - 1));
}

// "97.3 %", or "-" of nothing.
std::string Percent(uint64_t part, uint64_t whole) {
  if (whole == 0) return "-";
  char text[32];
  std::snprintf(text, sizeof(text), "%.1f %%",
                100 * static_cast<double>(part) / static_cast<double>(whole));
  return text;
}

// "1.05", or "-" of nothing.
std::string Ratio(double value) {
  if (value <= 0) return "-";
  char text[32];
  std::snprintf(text, sizeof(text), "%.2f", value);
  return text;
}

std::string HumanNanos(uint64_t ns) {
  if (ns < 10'000) return WithCommas(ns) + " ns";
  return HumanMicros(ns / 1000);
}

void AddState(const Stats& stats, std::string* to) {
  to->append("database    ").append(Escape(stats.path)).append("\n");
  to->append("history     ").append(stats.history_id.ToString());
  to->append("   instance ").append(stats.instance_id.ToString());
  to->append("   epoch ").append(std::to_string(stats.epoch)).append("\n");
  to->append("position    ").append(WithCommas(stats.last_position));
  to->append("   durable ").append(WithCommas(stats.durable_position)).append("\n");
  to->append("holds       ").append(Counted(stats.keyspaces, "keyspace"));
  to->append(", ").append(Counted(stats.snapshots, "snapshot"));
  if (stats.oldest_snapshot != 0) {
    to->append(" (oldest at ").append(WithCommas(stats.oldest_snapshot)).append(")");
  }
  to->append("\n");
  AppendFormat(to, "on disk     tables %s, kept for readers %s, log %s in %s\n",
               HumanBytes(stats.table_bytes).c_str(), HumanBytes(stats.obsolete_bytes).c_str(),
               HumanBytes(stats.log_bytes).c_str(), Counted(stats.log_segments, "segment").c_str());
  if (stats.writes_stopped || !stats.background_error.empty()) {
    AppendFormat(to, "ERROR       %s", stats.writes_stopped ? "writes are stopped: " : "");
    to->append(stats.background_error).append("\n");
  }
}

void AddLevels(const std::vector<LevelStats>& levels, std::string* to) {
  AppendFormat(to, "\n%-6s %7s %11s %11s %13s %11s %7s %11s %6s %11s %11s\n", "level", "tables",
               "size", "target", "entries", "tombstones", "ranges", "expiring", "jobs", "read",
               "written");
  LevelStats sum;
  const auto row = [to](const char* name, const LevelStats& level) {
    AppendFormat(to, "%-6s %7u %11s %11s %13s %11s %7s %11s %6llu %11s %11s\n", name, level.tables,
                 HumanBytes(level.bytes).c_str(),
                 level.target_bytes == 0 ? "-" : HumanBytes(level.target_bytes).c_str(),
                 WithCommas(level.entries).c_str(), WithCommas(level.tombstones).c_str(),
                 WithCommas(level.range_deletes).c_str(), WithCommas(level.expiring).c_str(),
                 static_cast<unsigned long long>(level.compactions),
                 HumanBytes(level.bytes_read).c_str(), HumanBytes(level.bytes_written).c_str());
  };
  for (size_t i = 0; i < levels.size(); ++i) {
    const LevelStats& level = levels[i];
    row(std::to_string(i).c_str(), level);
    sum.tables += level.tables;
    sum.bytes += level.bytes;
    sum.entries += level.entries;
    sum.tombstones += level.tombstones;
    sum.range_deletes += level.range_deletes;
    sum.expiring += level.expiring;
    sum.compactions += level.compactions;
    sum.bytes_read += level.bytes_read;
    sum.bytes_written += level.bytes_written;
  }
  row("all", sum);
}

void AddWork(const Stats& stats, std::string* to) {
  AppendFormat(to, "\namplification  write %s, space %s, read %.1f\n",
               Ratio(stats.write_amplification).c_str(), Ratio(stats.space_amplification).c_str(),
               stats.read_amplification);
  AppendFormat(to, "written        user %s, log %s, flush %s, compaction %s (read %s)\n",
               HumanBytes(stats.user_bytes_written).c_str(),
               HumanBytes(stats.log_bytes_written).c_str(),
               HumanBytes(stats.flush_bytes_written).c_str(),
               HumanBytes(stats.compaction_bytes_written).c_str(),
               HumanBytes(stats.compaction_bytes_read).c_str());
  AppendFormat(to, "commits        %s in %s groups, %s log syncs, %s flushes, %s compactions\n",
               WithCommas(stats.commits).c_str(), WithCommas(stats.write_groups).c_str(),
               WithCommas(stats.log_syncs).c_str(), WithCommas(stats.flushes).c_str(),
               WithCommas(stats.compactions).c_str());
  AppendFormat(to, "transactions   %s commits, %s, %s refused\n",
               WithCommas(stats.transaction_commits).c_str(),
               Counted(stats.transaction_conflicts, "conflict").c_str(),
               Counted(stats.conditions_refused, "condition").c_str());
  AppendFormat(to, "reads          %s gets, %s seeks, %s tombstones skipped\n",
               WithCommas(stats.gets).c_str(), WithCommas(stats.seeks).c_str(),
               WithCommas(stats.tombstones_skipped).c_str());
  AppendFormat(to, "expired        %s let go of by flushes and compactions\n",
               Counted(stats.expired, "value").c_str());
  const uint64_t blocks = stats.cache_hits + stats.cache_misses;
  AppendFormat(to, "cache          hit rate %s of %s blocks\n",
               Percent(stats.cache_hits, blocks).c_str(), WithCommas(blocks).c_str());
  // Of the keys that were not there, those the filter let through.
  const uint64_t absent = stats.filter_negatives + stats.filter_false_positives;
  AppendFormat(to, "filters        spared %s of %s checks, false positive rate %s\n",
               Percent(stats.filter_negatives, stats.filter_checks).c_str(),
               WithCommas(stats.filter_checks).c_str(),
               Percent(stats.filter_false_positives, absent).c_str());
  AppendFormat(to, "back-pressure  writers delayed %s, compaction debt %s\n",
               HumanMicros(stats.stall_us).c_str(),
               HumanBytes(stats.compaction_debt_bytes).c_str());
}

void AddMemory(const MemoryStats& memory, std::string* to) {
  AppendFormat(to, "\nmemory         %s of %s (%s)\n", HumanBytes(memory.used_bytes).c_str(),
               HumanBytes(memory.budget_bytes).c_str(),
               Percent(memory.used_bytes, memory.budget_bytes).c_str());
  AppendFormat(to,
               "               memtables %s (and %s for the next), cache %s, tables %s, jobs %s; "
               "readers hold %s\n",
               HumanBytes(memory.memtable_bytes).c_str(), HumanBytes(memory.spare_bytes).c_str(),
               HumanBytes(memory.cache_bytes).c_str(), HumanBytes(memory.table_bytes).c_str(),
               HumanBytes(memory.jobs_bytes).c_str(), HumanBytes(memory.pinned_bytes).c_str());
}

void AddLatencies(const Stats& stats, std::string* to) {
  AppendFormat(to, "\n%-15s %12s %10s %10s %10s %10s %10s\n", "time", "count", "mean", "p50", "p99",
               "p99.9", "max");
  const auto row = [to](const char* name, const OperationStats& operation) {
    const uint64_t mean = operation.count == 0 ? 0 : operation.total_ns / operation.count;
    AppendFormat(to, "%-15s %12s %10s %10s %10s %10s %10s\n", name,
                 WithCommas(operation.count).c_str(), HumanNanos(mean).c_str(),
                 HumanNanos(operation.p50_ns).c_str(), HumanNanos(operation.p99_ns).c_str(),
                 HumanNanos(operation.p999_ns).c_str(), HumanNanos(operation.max_ns).c_str());
  };
  row("get (1 in 64)", stats.get_latency);
  row("write (1 in 16)", stats.write_latency);
  row("log sync", stats.sync_latency);
  row("flush", stats.flush_time);
  row("compaction", stats.compaction_time);
}

void AddSettings(const std::vector<Setting>& settings, std::string* to) {
  if (settings.empty()) return;
  to->append("\nsettings\n");
  for (const Setting& setting : settings) {
    AppendFormat(to, "  %-28s %-20s %s\n", setting.name.c_str(), setting.value.c_str(),
                 setting.source.c_str());
  }
}

}  // namespace

std::string Stats::ToText() const {
  std::string text;
  AddState(*this, &text);
  AddLevels(levels, &text);
  AddWork(*this, &text);
  AddMemory(memory, &text);
  AddLatencies(*this, &text);
  AddSettings(settings, &text);
  return text;
}

}  // namespace logwood
