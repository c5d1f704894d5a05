#include "logwood/stats.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <set>
#include <sstream>
#include <string>

namespace logwood {
namespace {

Stats ExampleStats() {
  Stats stats;
  stats.path = "data/\"db\"";
  stats.last_position = 1'234'567;
  stats.levels.resize(3);
  stats.levels[1].tables = 4;
  stats.levels[1].bytes = 3 << 20;
  stats.levels[2].target_bytes = 1 << 30;
  stats.cache_hits = 3;
  stats.cache_misses = 1;
  stats.write_amplification = 2.25;
  stats.memory.budget_bytes = 256 << 20;
  stats.write_latency.count = 10;
  stats.write_latency.total_ns = 5000;
  stats.stall_us = 1'500'000;
  stats.settings.push_back({"cache_bytes", "1024", "derived from memory budget"});
  return stats;
}

bool Has(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

TEST(StatsText, ShowsLevelsRatesAndSettings) {
  const std::string text = ExampleStats().ToText();
  EXPECT_TRUE(Has(text, "1,234,567")) << text;
  EXPECT_TRUE(Has(text, "3.0 MiB")) << text;
  EXPECT_TRUE(Has(text, "hit rate 75.0 % of 4 blocks")) << text;
  EXPECT_TRUE(Has(text, "write 2.25")) << text;
  EXPECT_TRUE(Has(text, "500 ns")) << text;
  EXPECT_TRUE(Has(text, "derived from memory budget")) << text;
  EXPECT_FALSE(Has(text, "ERROR")) << text;
}

TEST(StatsText, OfNothingDividesByNothing) {
  const std::string text = Stats().ToText();
  EXPECT_FALSE(Has(text, "nan")) << text;
  EXPECT_FALSE(Has(text, "inf")) << text;
}

TEST(StatsText, SaysWhenWritesAreStopped) {
  Stats stats;
  stats.writes_stopped = true;
  stats.background_error = "IoError: sync 000003.log";
  EXPECT_TRUE(Has(stats.ToText(), "writes are stopped: IoError: sync 000003.log"));
}

TEST(StatsJson, IsOneObjectOfStableNames) {
  const std::string json = ExampleStats().ToJson();
  for (
      const char* part :
      {R"({"path":"data/\"db\"")", R"("levels":[{"tables":0,)", R"("write_amplification":2.25)",
       R"("writes_stopped":false)", R"("memory":{"budget_bytes":268435456,)",
       R"("write_latency":{"count":10,)",
       R"("settings":[{"name":"cache_bytes","value":"1024","source":"derived from memory budget"}])"}) {
    EXPECT_TRUE(Has(json, part)) << part << "\n" << json;
  }
  EXPECT_EQ(json.find('\n'), std::string::npos);
  EXPECT_EQ(json.back(), '}');
}

TEST(StatsPrometheus, EverySampleFollowsTheOneTypeLineOfItsName) {
  std::istringstream page(ExampleStats().ToPrometheus());
  std::set<std::string> families;
  std::string family;
  std::string line;
  size_t samples = 0;
  while (std::getline(page, line)) {
    if (line.starts_with("# HELP ")) continue;
    if (line.starts_with("# TYPE ")) {
      family = line.substr(7, line.find(' ', 7) - 7);
      EXPECT_TRUE(families.insert(family).second) << "twice: " << line;
      continue;
    }
    EXPECT_TRUE(line.starts_with(family)) << line;
    EXPECT_EQ(line.find(' '), line.rfind(' ')) << line;
    ++samples;
  }
  EXPECT_GT(samples, 50U);
  const std::string text = ExampleStats().ToPrometheus();
  EXPECT_TRUE(Has(text, "logwood_level_bytes{level=\"1\"} 3145728\n")) << text;
  EXPECT_TRUE(Has(text, "logwood_stall_seconds_total 1.5\n")) << text;
}

// ---- Completeness. Each field has a number of its own, and the whole of each form is compared
// with tests/testdata/util: one that is left out, or shown under another's name, shows up there.
// LOGWOOD_UPDATE_EXPECTED=1 rewrites the files.
//
// A field more or less in any of the structs, and these bindings do not compile. Then: the field
// belongs here, into stats_json.cc, and into stats_text.cc and stats_prometheus.cc if people or
// monitors can use it.

constexpr uint64_t kFirstFieldNumber = 101;

LevelStats NumberedLevel(uint64_t* next) {
  LevelStats level;
  auto& [tables, bytes, entries, tombstones, range_deletes, expiring, target, compactions,
         bytes_read, bytes_written] = level;
  tables = static_cast<uint32_t>((*next)++);
  for (uint64_t* field : {&bytes, &entries, &tombstones, &range_deletes, &expiring, &target,
                          &compactions, &bytes_read, &bytes_written}) {
    *field = (*next)++;
  }
  return level;
}

OperationStats NumberedOperation(uint64_t* next) {
  OperationStats operation;
  auto& [count, total_ns, p50_ns, p99_ns, p999_ns, max_ns] = operation;
  for (uint64_t* field : {&count, &p50_ns, &p99_ns, &p999_ns, &max_ns}) *field = (*next)++;
  total_ns = count * 1000 * count;  // so that means differ
  return operation;
}

MemoryStats NumberedMemory(uint64_t* next) {
  MemoryStats memory;
  auto& [budget, used, memtable, cache, table, pinned, jobs, spare] = memory;
  for (uint64_t* field : {&budget, &used, &memtable, &cache, &table, &pinned, &jobs, &spare}) {
    *field = (*next)++;
  }
  return memory;
}

// Numbers from kFirstFieldNumber on; `*end` is behind the last.
Stats NumberedStats(uint64_t* end) {
  Stats stats;
  uint64_t next = kFirstFieldNumber;
  auto& [path, history_id, instance_id, epoch, last_position, durable_position, keyspaces,
         snapshots, oldest_snapshot, levels, log_segments, log_bytes, table_bytes, obsolete_bytes,
         user_bytes, log_written, flush_written, compaction_read, compaction_written, write_amp,
         space_amp, read_amp, cache_hits, cache_misses, filter_checks, filter_negatives,
         filter_false_positives, commits, write_groups, transaction_commits, transaction_conflicts,
         conditions_refused, log_syncs, flushes, compactions, gets, seeks, tombstones_skipped,
         expired, stall_us, debt_bytes, writes_stopped, background_error, memory, get_latency,
         write_latency, sync_latency, flush_time, compaction_time, settings] = stats;
  path = "the/path";
  history_id = {0x11, 0x12};
  instance_id = {0x21, 0x22};
  keyspaces = static_cast<uint32_t>(next++);
  snapshots = static_cast<uint32_t>(next++);
  for (uint64_t* field : {&epoch,
                          &last_position,
                          &durable_position,
                          &oldest_snapshot,
                          &log_segments,
                          &log_bytes,
                          &table_bytes,
                          &obsolete_bytes,
                          &user_bytes,
                          &log_written,
                          &flush_written,
                          &compaction_read,
                          &compaction_written,
                          &cache_hits,
                          &cache_misses,
                          &filter_checks,
                          &filter_negatives,
                          &filter_false_positives,
                          &commits,
                          &write_groups,
                          &transaction_commits,
                          &transaction_conflicts,
                          &conditions_refused,
                          &log_syncs,
                          &flushes,
                          &compactions,
                          &gets,
                          &seeks,
                          &tombstones_skipped,
                          &expired,
                          &stall_us,
                          &debt_bytes}) {
    *field = next++;
  }
  write_amp = 1.25;
  space_amp = 2.25;
  read_amp = 3.25;
  writes_stopped = true;
  background_error = "IoError: the disk";
  levels = {NumberedLevel(&next), NumberedLevel(&next)};
  memory = NumberedMemory(&next);
  for (OperationStats* operation :
       {&get_latency, &write_latency, &sync_latency, &flush_time, &compaction_time}) {
    *operation = NumberedOperation(&next);
  }
  settings.emplace_back();
  auto& [name, value, source] = settings.back();
  name = "its_name";
  value = "its value";
  source = "its source";
  *end = next;
  return stats;
}

void ExpectIsFile(const std::string& name, const std::string& text) {
  const std::string path = std::string(LOGWOOD_SOURCE_DIR) + "/tests/testdata/util/" + name;
  if (std::getenv("LOGWOOD_UPDATE_EXPECTED") != nullptr) std::ofstream(path) << text;
  std::ifstream in(path);
  std::stringstream expected;
  expected << in.rdbuf();
  EXPECT_EQ(text, expected.str()) << "LOGWOOD_UPDATE_EXPECTED=1 rewrites " << path;
}

TEST(StatsComplete, JsonHasEveryFieldUnderItsName) {
  uint64_t end = 0;
  const std::string json = NumberedStats(&end).ToJson();
  for (uint64_t number = kFirstFieldNumber; number < end; ++number) {
    const std::string value = ":" + std::to_string(number);
    EXPECT_TRUE(Has(json, value + ",") || Has(json, value + "}")) << "no field has " << number;
  }
  std::string lines;  // a field a line, so that a difference can be read
  for (const char c : json) {
    lines += c;
    if (c == ',') lines += '\n';
  }
  ExpectIsFile("stats.json", lines + "\n");
}

TEST(StatsComplete, TextIsAsExpected) {
  uint64_t end = 0;
  ExpectIsFile("stats.txt", NumberedStats(&end).ToText());
}

TEST(StatsComplete, PrometheusPageIsAsExpected) {
  uint64_t end = 0;
  ExpectIsFile("stats.prometheus", NumberedStats(&end).ToPrometheus());
}

}  // namespace
}  // namespace logwood
