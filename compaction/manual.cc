// PickManual: the steps of a compaction somebody asked for.
//
// Why it ends: a step empties tables of the range out of a level into a deeper one, at most down to
// the last level, or replaces tables of the last level by ones with higher numbers.
#include <algorithm>
#include <utility>

#include "compaction/picker.h"
#include "compaction/plan_builder.h"

namespace logwood {

namespace {

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
  // Between the first and the last level each compaction gives new numbers, what was asked for
  // comes with what is newer, and only positions tell them apart.
  bool IsWanted(const TableMeta& table, int level, int output_level) const {
    const bool old = table.number < range_.rewrite_below;
    if (level == output_level) return old;
    return level == 0 ? old || range_.rewrite_below == 0 : table.min_position <= range_.up_to;
  }

  std::vector<TableMetaPtr> Wanted(int level, int output_level) const {
    std::vector<TableMetaPtr> tables = shape_.Overlapping(level, range_.begin, range_.end);
    std::erase_if(tables,
                  [&](const auto& table) { return !IsWanted(*table, level, output_level); });
    return tables;
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

}  // namespace logwood
