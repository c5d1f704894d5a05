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
      std::vector<TableMetaPtr> tables = shape_.Overlapping(level, range_.begin, range_.end);
      if (level == 0) KeepAsked(&tables);
      if (tables.empty()) continue;
      auto plan = level == 0 ? StepLevel0(tables) : Step(level, level + 1, tables);
      // What is below waits for what is above: it would be rewritten twice.
      *blocked = !plan.has_value();
      return plan;
    }
    if (!range_.force_last_level || last == 0) return std::nullopt;
    std::vector<TableMetaPtr> tables = shape_.Overlapping(last, range_.begin, range_.end);
    if (std::none_of(tables.begin(), tables.end(), [&](const auto& t) { return ToRewrite(*t); })) {
      return std::nullopt;
    }
    auto plan = Step(last, last, tables);
    *blocked = !plan.has_value();
    return plan;
  }

 private:
  bool ToRewrite(const TableMeta& table) const { return table.number < range_.rewrite_below; }

  void KeepAsked(std::vector<TableMetaPtr>* tables) const {
    if (range_.rewrite_below == 0) return;
    std::erase_if(*tables, [&](const TableMetaPtr& table) { return !ToRewrite(*table); });
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
    const bool in_place = level == output_level;
    if (!in_place) {
      if (auto move = builder_.MoveDown(range_.reason, level, tables)) return move;
    }
    for (size_t first = 0; first < tables.size(); ++first) {
      std::vector<TableMetaPtr> run;
      uint64_t bytes = 0;
      for (size_t i = first; i < tables.size(); ++i) {
        const TableMeta& table = *tables[i];
        if (builder_.IsBusy(table) || (in_place && !ToRewrite(table))) break;
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
