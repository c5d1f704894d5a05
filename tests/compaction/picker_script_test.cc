// Runs tests/testdata/compaction/*.txt. A case is a command, its body, "----", and the expected
// output up to an empty line; LOGWOOD_UPDATE_EXPECTED=1 rewrites the files.
//
//   define        settings, tables and what is busy; stays until the next define. Lines:
//                   set level0=4 multiplier=10 base=64 table=32 grandparent=320 job=512 snapshot=7
//                       now=50
//                   L0 12 a..f 10 @5-9 entries=100 tombstones=40     (bytes; positions optional)
//                   L0 13 a..f 10 expiring=40 q1=10 q2=20 q3=30 q4=40      (times of the quarters)
//                   busy 12                                          (a table)
//                   quarantined 12                                   (a table)
//                   output 6 a..f                                    (a running job's range)
//                 prints what Validate finds and the shape
//   targets, debt, stuck, pick
//   settle        picks until nothing is due, each plan applied; prints the shape, too
//   pick-manual   FROM..TO [force below=N up_to=P] (".." everything): all steps until the end, each
//                 applied; what they read, and what was expected
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "compaction/picker.h"
#include "tests/compaction/shape_simulation.h"

namespace logwood {
namespace {

struct Case {
  std::string comment;  // lines before the command, kept as they are
  std::string command;
  std::vector<std::string> body;
  std::string expected;
};

std::vector<Case> ReadCases(const std::filesystem::path& path) {
  std::vector<Case> cases;
  std::ifstream in(path);
  std::string line, comment;
  while (std::getline(in, line)) {
    if (line.empty() || line[0] == '#') {
      comment += line + "\n";
      continue;
    }
    Case one;
    one.comment = std::exchange(comment, "");
    one.command = line;
    while (std::getline(in, line) && line != "----") one.body.push_back(line);
    while (std::getline(in, line) && !line.empty()) one.expected += line + "\n";
    comment = "\n";
    cases.push_back(std::move(one));
  }
  return cases;
}

std::pair<std::string, std::string> SplitRange(const std::string& text) {
  const size_t dots = text.find("..");
  return {text.substr(0, dots), text.substr(dots + 2)};
}

// "name=value" words; the rest is left alone.
uint64_t Named(const std::string& line, const std::string& name, uint64_t otherwise) {
  const size_t at = line.find(" " + name + "=");
  return at == std::string::npos ? otherwise
                                 : std::strtoull(line.c_str() + at + name.size() + 2, nullptr, 10);
}

class Script {
 public:
  std::string Run(const Case& one) {
    std::istringstream words(one.command);
    std::string command;
    words >> command;
    if (command == "define") return Define(one.body);
    if (command == "targets") return Targets();
    if (command == "debt") return Debt();
    if (command == "stuck") return Stuck();
    if (command == "pick") return Pick();
    if (command == "settle") return Settle();
    if (command == "pick-manual") return PickManually(one.command);
    return "unknown command\n";
  }

 private:
  std::string Define(const std::vector<std::string>& body) {
    shape_ = {};
    settings_ = {};
    busy_ = {};
    settings_.base_bytes = 64;
    settings_.table_bytes = 32;
    settings_.grandparent_bytes_max = 320;
    settings_.job_bytes_max = 512;
    for (const std::string& line : body) DefineLine(line);
    std::stable_sort(
        shape_.levels[0].begin(), shape_.levels[0].end(),
        [](const auto& a, const auto& b) { return a->max_position > b->max_position; });
    const Status status = shape_.Validate();
    return (status.ok() ? "" : status.ToString() + "\n") + ToText(shape_);
  }

  void DefineLine(const std::string& line) {
    std::istringstream words(line);
    std::string word, range;
    words >> word;
    if (word == "set") {
      settings_.level0_tables = static_cast<uint32_t>(Named(line, "level0", 4));
      settings_.level_multiplier = static_cast<uint32_t>(Named(line, "multiplier", 10));
      settings_.base_bytes = Named(line, "base", 64);
      settings_.table_bytes = Named(line, "table", 32);
      settings_.grandparent_bytes_max = Named(line, "grandparent", 320);
      settings_.job_bytes_max = Named(line, "job", 512);
      settings_.oldest_snapshot = Named(line, "snapshot", 0);
      settings_.expired_us = Named(line, "now", 0);
    } else if (word == "dropped") {
      uint32_t number = 0;
      while (words >> number) settings_.dropped_keyspaces.push_back(number);
    } else if (word == "busy") {
      uint64_t number = 0;
      while (words >> number) busy_.tables.insert(number);
    } else if (word == "quarantined") {
      uint64_t number = 0;
      while (words >> number) busy_.quarantined.insert(number);
    } else if (word == "output") {
      int level = 0;
      words >> level >> range;
      const auto [begin, end] = SplitRange(range);
      busy_.outputs.push_back({level, begin, end});
    } else {
      auto meta = std::make_shared<TableMeta>();
      words >> meta->number >> range >> meta->size;
      std::tie(meta->begin, meta->end) = SplitRange(range);
      meta->entries = Named(line, "entries", meta->size);
      meta->tombstones = Named(line, "tombstones", 0);
      meta->expiry.entries = Named(line, "expiring", 0);
      for (size_t i = 0; i < 4; ++i)
        meta->expiry.times_us[i] = Named(line, "q" + std::to_string(i + 1), 0);
      meta->min_position = meta->max_position = meta->number;
      if (words >> word && word[0] == '@') {
        meta->min_position = std::strtoull(word.c_str() + 1, nullptr, 10);
        meta->max_position = std::strtoull(word.c_str() + word.find('-') + 1, nullptr, 10);
      }
      shape_.levels[static_cast<size_t>(line[1] - '0')].push_back(std::move(meta));
    }
  }

  std::string Targets() const {
    const LevelTargets targets = ComputeTargets(shape_, settings_);
    std::string text = "base L" + std::to_string(targets.base_level) + ":";
    for (const uint64_t bytes : targets.bytes) text += " " + std::to_string(bytes);
    return text + "\n";
  }

  std::string Debt() const {
    const auto stuck = StuckTables(shape_, busy_.quarantined);
    return std::to_string(CompactionDebt(shape_, settings_, stuck)) + "\n";
  }

  std::string Stuck() const {
    std::string text;
    for (const uint64_t number : StuckTables(shape_, busy_.quarantined)) {
      text += (text.empty() ? "" : " ") + std::to_string(number);
    }
    return text + "\n";
  }

  static std::string Show(const CompactionPlan& plan) {
    std::string text = ToText(plan);
    if (!plan.grandparents.empty()) {
      text += " grandparents";
      for (const auto& table : plan.grandparents) text += " " + std::to_string(table->number);
    }
    return text + "\n";
  }

  std::string Pick() const {
    const auto plan = PickCompaction(shape_, settings_, busy_);
    return plan ? Show(*plan) : "nothing\n";
  }

  std::string Settle() const {
    std::string text;
    LevelShape shape = shape_;
    uint64_t next_number = 100;
    for (int step = 0; step < 50; ++step) {
      const auto plan = PickCompaction(shape, settings_, busy_);
      if (!plan) return text + ToText(shape);
      text += Show(*plan);
      shape = testing::ApplyBySizes(shape, *plan, settings_, &next_number);
    }
    return text + "does not end\n";
  }

  std::string PickManually(const std::string& command) const {
    std::istringstream words(command);
    std::string word, text;
    ManualRange range;
    words >> word >> word;
    std::tie(range.begin, range.end) = SplitRange(word);
    range.force_last_level = command.find(" force") != std::string::npos;
    range.rewrite_below = Named(command, "below", 0);
    range.up_to = Named(command, "up_to", kPositionMax);
    LevelShape shape = shape_;
    uint64_t next_number = 100, read = 0;
    for (int step = 0; step < 50; ++step) {
      bool blocked = false;
      const auto plan = PickManual(shape, settings_, busy_, range, &blocked);
      if (!plan) {
        return text + (blocked ? "blocked" : "done") + ", read " + std::to_string(read) +
               " of an expected " + std::to_string(ManualBytes(shape_, range)) + "\n";
      }
      text += Show(*plan);
      if (!plan->trivial_move) read += plan->InputBytes();
      shape = testing::ApplyBySizes(shape, *plan, settings_, &next_number);
    }
    return text + "does not end\n";
  }

  LevelShape shape_;
  CompactionSettings settings_;
  BusyTables busy_;
};

TEST(PickerScript, OutputIsAsExpected) {
  const bool update = std::getenv("LOGWOOD_UPDATE_EXPECTED") != nullptr;
  const auto directory =
      std::filesystem::path(LOGWOOD_SOURCE_DIR) / "tests" / "testdata" / "compaction";
  size_t count = 0;
  for (const auto& file : std::filesystem::directory_iterator(directory)) {
    if (file.path().extension() != ".txt") continue;
    std::vector<Case> cases = ReadCases(file.path());
    Script script;
    std::string rewritten;
    for (Case& one : cases) {
      const std::string actual = script.Run(one);
      if (!update) {
        EXPECT_EQ(actual, one.expected) << file.path().filename() << one.comment << one.command;
      }
      rewritten += one.comment + one.command + "\n";
      for (const std::string& line : one.body) rewritten += line + "\n";
      rewritten += "----\n" + actual;
      ++count;
    }
    if (update) std::ofstream(file.path()) << rewritten;
  }
  EXPECT_GT(count, 20u);
}

}  // namespace
}  // namespace logwood
