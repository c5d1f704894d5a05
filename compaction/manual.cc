// PickManual: the steps of a compaction somebody asked for.
//
// Why it ends: a step empties tables of the range out of a level into a deeper one, at most down to
// the last level, or replaces tables of the last level by ones with higher numbers.
#include <algorithm>
#include <set>
#include <utility>

#include "compaction/picker.h"
#include "compaction/plan_builder.h"

namespace logwood {

namespace {

// Between the first and the last level each compaction gives new numbers, what was asked for comes
// with what is newer, and only positions tell them apart.
bool IsWanted(const ManualRange& range, const TableMeta& table, int level, int output_level) {
  const bool old = table.number < range.rewrite_below;
  if (level == output_level) return old;
  return level == 0 ? old || range.rewrite_below == 0 : table.min_position <= range.up_to;
}

std::vector<TableMetaPtr> WantedTables(const LevelShape& shape, const ManualRange& range, int level,
                                       int output_level) {
  std::vector<TableMetaPtr> tables = shape.Overlapping(level, range.begin, range.end);
  std::erase_if(tables,
                [&](const auto& table) { return !IsWanted(range, *table, level, output_level); });
  return tables;
}

class ManualPicker {
 public:
  ManualPicker(const LevelShape& shape, const CompactionSettings& settings, const BusyTables& busy,
               const ManualRange& range)
      : shape_(shape),
        settings_(settings),
        range_(range),
        builder_(shape, settings, busy),
        base_level_(ComputeTargets(shape, settings).base_level) {}

  std::optional<CompactionPlan> Pick(bool* blocked) const {
    *blocked = false;
    const int last = shape_.LastLevel();
    for (int level = 0; level < std::max(last, 1); ++level) {
      const std::vector<TableMetaPtr> tables = Wanted(level, level + 1);
      if (tables.empty()) continue;
      auto plan = level == 0 ? StepLevel0(tables) : Step(level, level + 1, tables);
      // What is below waits for what is above: it would be rewritten twice.
      *blocked = !plan.has_value();
      return plan;
    }
    if (!range_.force_last_level || last == 0) return std::nullopt;
    const std::vector<TableMetaPtr> tables = Wanted(last, last);
    if (tables.empty()) return std::nullopt;
    auto plan = Step(last, last, tables);
    *blocked = !plan.has_value();
    return plan;
  }

 private:
  std::vector<TableMetaPtr> Wanted(int level, int output_level) const {
    return WantedTables(shape_, range_, level, output_level);
  }

  std::optional<CompactionPlan> StepLevel0(const std::vector<TableMetaPtr>& tables) const {
    for (auto it = tables.rbegin(); it != tables.rend(); ++it) {
      if (builder_.IsBusy(**it)) continue;
      auto plan = builder_.MakeLevel0(range_.reason, base_level_, (*it)->begin, (*it)->end);
      if (plan) return plan;
    }
    return std::nullopt;
  }

  // The first run of neighbours that may go, up to the size of a job.
  std::optional<CompactionPlan> Step(int level, int output_level,
                                     const std::vector<TableMetaPtr>& tables) const {
    if (level != output_level) {
      if (auto move = builder_.MoveDown(range_.reason, level, tables)) return move;
    }
    for (size_t first = 0; first < tables.size(); ++first) {
      std::vector<TableMetaPtr> run;
      uint64_t bytes = 0;
      for (size_t i = first; i < tables.size(); ++i) {
        const TableMeta& table = *tables[i];
        if (builder_.IsBusy(table) || (!run.empty() && !Adjacent(level, *run.back(), table))) break;
        bytes += Cost(table, level, output_level);
        if (!run.empty() && bytes > settings_.job_bytes_max) break;
        run.push_back(tables[i]);
      }
      while (!run.empty()) {
        if (auto plan = builder_.Make(range_.reason, level, output_level, run)) return plan;
        run.resize(run.size() / 2);
      }
    }
    return std::nullopt;
  }

  bool Adjacent(int level, const TableMeta& left, const TableMeta& right) const {
    return shape_.Overlapping(level, left.begin, right.end).size() == 2;
  }

  uint64_t Cost(const TableMeta& table, int level, int output_level) const {
    if (level == output_level) return table.size;
    return table.size + BytesOf(shape_.Overlapping(output_level, table.begin, table.end));
  }

  const LevelShape& shape_;
  const CompactionSettings& settings_;
  const ManualRange& range_;
  const PlanBuilder builder_;
  const int base_level_;
};

}  // namespace

std::optional<CompactionPlan> PickManual(const LevelShape& shape,
                                         const CompactionSettings& settings, const BusyTables& busy,
                                         const ManualRange& range, bool* blocked) {
  return ManualPicker(shape, settings, busy, range).Pick(blocked);
}

// As if each step took a whole level at once: what goes down is read with what it overlaps; what
// overlaps nothing moves unread, but for tables of level 0, which also overlap each other.
uint64_t ManualBytes(const LevelShape& shape, const ManualRange& range) {
  std::set<const TableMeta*> going, read;  // `going`: what was met on the way included
  const auto take = [&](int level, int output_level) {
    for (const auto& table : WantedTables(shape, range, level, output_level)) {
      going.insert(table.get());
    }
  };
  take(0, 1);
  uint64_t bytes = 0;
  const int last = std::max(shape.LastLevel(), 1);
  bool overlapping = going.size() > 1;
  for (int level = 1; level <= last; ++level) {
    if (level < last && shape.levels[static_cast<size_t>(level)].empty()) continue;
    std::set<const TableMeta*> merged;
    for (const TableMeta* table : going) {
      const auto met = shape.Overlapping(level, table->begin, table->end);
      if (overlapping || !met.empty()) merged.insert(table);
      for (const auto& other : met) merged.insert(other.get());
    }
    overlapping = false;
    for (const TableMeta* table : merged) bytes += table->size;
    going.insert(merged.begin(), merged.end());
    read.merge(merged);
    if (level < last) take(level, level + 1);
  }
  if (!range.force_last_level || shape.LastLevel() == 0) return bytes;
  take(last, last);
  for (const TableMeta* table : going) bytes += read.count(table) == 0 ? table->size : 0;
  return bytes;
}

}  // namespace logwood
