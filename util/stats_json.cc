// Stats::ToJson. The names are the fields' own and an interface: a tool may rely on them.
#include "logwood/stats.h"
#include "util/json_writer.h"

namespace logwood {

namespace {

std::string ToJson(const LevelStats& level) {
  return JsonObject()
      .Field("tables", level.tables)
      .Field("bytes", level.bytes)
      .Field("entries", level.entries)
      .Field("tombstones", level.tombstones)
      .Field("range_deletes", level.range_deletes)
      .Field("expiring", level.expiring)
      .Field("target_bytes", level.target_bytes)
      .Field("compactions", level.compactions)
      .Field("bytes_read", level.bytes_read)
      .Field("bytes_written", level.bytes_written)
      .Finish();
}

std::string ToJson(const OperationStats& operation) {
  return JsonObject()
      .Field("count", operation.count)
      .Field("total_ns", operation.total_ns)
      .Field("p50_ns", operation.p50_ns)
      .Field("p99_ns", operation.p99_ns)
      .Field("p999_ns", operation.p999_ns)
      .Field("max_ns", operation.max_ns)
      .Finish();
}

std::string ToJson(const MemoryStats& memory) {
  return JsonObject()
      .Field("budget_bytes", memory.budget_bytes)
      .Field("used_bytes", memory.used_bytes)
      .Field("memtable_bytes", memory.memtable_bytes)
      .Field("cache_bytes", memory.cache_bytes)
      .Field("table_bytes", memory.table_bytes)
      .Field("pinned_bytes", memory.pinned_bytes)
      .Field("jobs_bytes", memory.jobs_bytes)
      .Field("spare_bytes", memory.spare_bytes)
      .Finish();
}

std::string ToJson(const Setting& setting) {
  return JsonObject()
      .Field("name", setting.name)
      .Field("value", setting.value)
      .Field("source", setting.source)
      .Finish();
}

void AddState(const Stats& stats, JsonObject* json) {
  json->Field("path", stats.path)
      .Field("history_id", stats.history_id.ToString())
      .Field("instance_id", stats.instance_id.ToString())
      .Field("epoch", stats.epoch)
      .Field("last_position", stats.last_position)
      .Field("durable_position", stats.durable_position)
      .Field("keyspaces", stats.keyspaces)
      .Field("snapshots", stats.snapshots)
      .Field("oldest_snapshot", stats.oldest_snapshot)
      .Raw("levels", JsonArray(stats.levels, [](const LevelStats& l) { return ToJson(l); }))
      .Field("log_segments", stats.log_segments)
      .Field("log_bytes", stats.log_bytes)
      .Field("table_bytes", stats.table_bytes)
      .Field("obsolete_bytes", stats.obsolete_bytes);
}

void AddCounters(const Stats& stats, JsonObject* json) {
  json->Field("user_bytes_written", stats.user_bytes_written)
      .Field("log_bytes_written", stats.log_bytes_written)
      .Field("flush_bytes_written", stats.flush_bytes_written)
      .Field("compaction_bytes_read", stats.compaction_bytes_read)
      .Field("compaction_bytes_written", stats.compaction_bytes_written)
      .Raw("write_amplification", JsonRatio(stats.write_amplification))
      .Raw("space_amplification", JsonRatio(stats.space_amplification))
      .Field("read_amplification", stats.read_amplification)
      .Field("cache_hits", stats.cache_hits)
      .Field("cache_misses", stats.cache_misses)
      .Field("filter_checks", stats.filter_checks)
      .Field("filter_negatives", stats.filter_negatives)
      .Field("filter_false_positives", stats.filter_false_positives)
      .Field("commits", stats.commits)
      .Field("write_groups", stats.write_groups)
      .Field("transaction_commits", stats.transaction_commits)
      .Field("transaction_conflicts", stats.transaction_conflicts)
      .Field("conditions_refused", stats.conditions_refused)
      .Field("log_syncs", stats.log_syncs)
      .Field("flushes", stats.flushes)
      .Field("compactions", stats.compactions)
      .Field("gets", stats.gets)
      .Field("seeks", stats.seeks)
      .Field("tombstones_skipped", stats.tombstones_skipped)
      .Field("expired", stats.expired)
      .Field("stall_us", stats.stall_us)
      .Field("compaction_debt_bytes", stats.compaction_debt_bytes)
      .Field("writes_stopped", stats.writes_stopped)
      .Field("background_error", stats.background_error);
}

}  // namespace

std::string Stats::ToJson() const {
  JsonObject json;
  AddState(*this, &json);
  AddCounters(*this, &json);
  json.Raw("memory", logwood::ToJson(memory))
      .Raw("get_latency", logwood::ToJson(get_latency))
      .Raw("write_latency", logwood::ToJson(write_latency))
      .Raw("sync_latency", logwood::ToJson(sync_latency))
      .Raw("flush_time", logwood::ToJson(flush_time))
      .Raw("compaction_time", logwood::ToJson(compaction_time))
      .Raw("settings", JsonArray(settings, [](const Setting& s) { return logwood::ToJson(s); }));
  return json.Finish();
}

}  // namespace logwood
