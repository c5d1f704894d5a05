#include "logwood/stats.h"

#include <gtest/gtest.h>

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

}  // namespace
}  // namespace logwood
