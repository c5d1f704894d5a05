#include "compaction/plan_builder.h"

#include <algorithm>
#include <utility>

namespace logwood {

void KeyHull::Add(std::string_view from, std::string_view to) {
  if (empty()) {
    begin = from;
    end = to;
    return;
  }
  if (from < begin) begin = from;
  if (to > end) end = to;
}

void KeyHull::Add(const std::vector<TableMetaPtr>& tables) {
  for (const TableMetaPtr& table : tables) Add(table->begin, table->end);
}

uint64_t BytesOf(const std::vector<TableMetaPtr>& tables) {
  uint64_t bytes = 0;
  for (const TableMetaPtr& table : tables) bytes += table->size;
  return bytes;
}

bool PlanBuilder::OutputBusy(int level, std::string_view begin, std::string_view end) const {
  return std::any_of(busy_.outputs.begin(), busy_.outputs.end(), [&](const auto& range) {
    return range.level == level && range.begin < end && begin < range.end;
  });
}

bool PlanBuilder::Occupied(int level, std::string_view begin, std::string_view end) const {
  const size_t index = shape_.FirstEndingAfter(level, begin);
  return (index < Tables(level).size() && Tables(level)[index]->begin < end) ||
         OutputBusy(level, begin, end);
}

bool PlanBuilder::AnyBusy(const std::vector<TableMetaPtr>& tables) const {
  return std::any_of(tables.begin(), tables.end(),
                     [&](const TableMetaPtr& table) { return IsBusy(*table); });
}

bool PlanBuilder::AnyQuarantined(const std::vector<TableMetaPtr>& tables) const {
  return std::any_of(tables.begin(), tables.end(),
                     [&](const TableMetaPtr& table) { return IsQuarantined(*table); });
}

// Level 0 is ordered newest first: what stands behind an input is older.
bool PlanBuilder::OlderLevel0Missing(const std::vector<TableMetaPtr>& inputs) const {
  std::set<uint64_t> numbers;
  for (const TableMetaPtr& input : inputs) numbers.insert(input->number);
  std::vector<const TableMeta*> newer_inputs;
  for (const TableMetaPtr& table : Tables(0)) {
    if (numbers.count(table->number) != 0) {
      newer_inputs.push_back(table.get());
      continue;
    }
    for (const TableMeta* input : newer_inputs) {
      if (input->Overlaps(table->begin, table->end)) return true;
    }
  }
  return false;
}

bool PlanBuilder::IsBottom(int output_level, std::string_view begin, std::string_view end) const {
  for (int level = output_level + 1; level < kLevels; ++level) {
    if (Occupied(level, begin, end)) return false;
  }
  return true;
}

std::optional<uint64_t> ExpiryDue(const TableMeta& table, double tombstone_ratio, uint64_t now_us) {
  if (table.expiry.entries == 0) return std::nullopt;
  const double bar = tombstone_ratio * static_cast<double>(table.entries);
  for (const uint64_t time_us : table.expiry.times_us) {
    const uint64_t weight = table.tombstones + table.expiry.ExpiredBy(time_us);
    if (static_cast<double>(weight) > bar && time_us > now_us) return time_us;
  }
  return std::nullopt;
}

uint64_t PlanBuilder::TombstoneWeight(const TableMeta& table) const {
  const uint64_t points = table.tombstones + table.expiry.ExpiredBy(settings_.expired_us);
  if (table.range_deletes == 0) return points;
  const auto covered = settings_.covered.entries.find(table.number);
  const uint64_t entries = covered == settings_.covered.entries.end() ? 0 : covered->second;
  return points + std::max(kTombstonesPerRangeDelete * table.range_deletes, entries);
}

bool PlanBuilder::ManyTombstones(const TableMeta& table) const {
  return static_cast<double>(TombstoneWeight(table)) >
         settings_.tombstone_ratio * static_cast<double>(table.entries);
}

// A move must not leave behind what a rewrite could drop, nor a table that is costly to move on.
bool PlanBuilder::MayMove(const TableMeta& table, int output_level) const {
  if (ManyTombstones(table) && IsBottom(output_level, table.begin, table.end)) return false;
  if (output_level + 1 >= kLevels) return true;
  return BytesOf(shape_.Overlapping(output_level + 1, table.begin, table.end)) <=
         settings_.grandparent_bytes_max;
}

void PlanBuilder::Complete(CompactionPlan* plan) const {
  KeyHull range;
  range.Add(plan->inputs);
  range.Add(plan->output_overlap);
  plan->bottom = IsBottom(plan->output_level, range.begin, range.end);
  if (plan->output_level + 1 < kLevels) {
    plan->grandparents = shape_.Overlapping(plan->output_level + 1, range.begin, range.end);
  }
  plan->begin = std::move(range.begin);
  plan->end = std::move(range.end);
}

CompactionPlan PlanBuilder::MakeMove(CompactionReason reason, int input_level, int output_level,
                                     std::vector<TableMetaPtr> inputs) const {
  CompactionPlan plan;
  plan.reason = reason;
  plan.input_level = input_level;
  plan.output_level = output_level;
  plan.inputs = std::move(inputs);
  plan.trivial_move = true;
  Complete(&plan);
  return plan;
}

CompactionPlan PlanBuilder::MakeRemoval(CompactionReason reason, int level,
                                        std::vector<TableMetaPtr> tables) const {
  CompactionPlan plan;
  plan.reason = reason;
  plan.input_level = plan.output_level = level;
  plan.inputs = std::move(tables);
  plan.only_waste = true;
  Complete(&plan);
  return plan;
}

// Widens the inputs to both sides as long as the same output tables take it all in.
void PlanBuilder::TakeNeighbours(int input_level, int output_level,
                                 std::vector<TableMetaPtr>* inputs,
                                 const std::vector<TableMetaPtr>& overlap) const {
  if (overlap.empty()) return;  // then it may be a move
  const std::vector<TableMetaPtr>& tables = Tables(input_level);
  uint64_t bytes = BytesOf(*inputs) + BytesOf(overlap);
  size_t first = shape_.FirstEndingAfter(input_level, inputs->front()->begin);
  size_t last = shape_.FirstEndingAfter(input_level, inputs->back()->begin);
  const auto free = [&](const TableMeta& table) {
    const std::string_view from = std::min<std::string_view>(table.begin, inputs->front()->begin);
    const std::string_view to = std::max<std::string_view>(table.end, inputs->back()->end);
    return !IsBusy(table) &&
           bytes + table.size <= std::min(settings_.job_bytes_max, settings_.room_bytes) &&
           shape_.Overlapping(output_level, from, to).size() == overlap.size() &&
           !OutputBusy(output_level, from, to);
  };
  while (first > 0 && free(*tables[first - 1])) {
    --first;
    bytes += tables[first]->size;
    inputs->insert(inputs->begin(), tables[first]);
  }
  while (last + 1 < tables.size() && free(*tables[last + 1])) {
    ++last;
    bytes += tables[last]->size;
    inputs->push_back(tables[last]);
  }
}

std::optional<CompactionPlan> PlanBuilder::Make(CompactionReason reason, int input_level,
                                                int output_level,
                                                std::vector<TableMetaPtr> inputs) const {
  if (inputs.empty() || AnyBusy(inputs)) return std::nullopt;
  if (input_level == 0 && OlderLevel0Missing(inputs)) return std::nullopt;
  KeyHull range;
  range.Add(inputs);
  for (int level = input_level + 1; level < output_level; ++level) {
    if (Occupied(level, range.begin, range.end)) return std::nullopt;
  }
  CompactionPlan plan;
  if (input_level != output_level) {
    plan.output_overlap = shape_.Overlapping(output_level, range.begin, range.end);
    if (AnyBusy(plan.output_overlap)) return std::nullopt;
    range.Add(plan.output_overlap);
  }
  if (OutputBusy(output_level, range.begin, range.end)) return std::nullopt;
  if (input_level != 0 && output_level == input_level + 1) {
    TakeNeighbours(input_level, output_level, &inputs, plan.output_overlap);
  }
  plan.reason = reason;
  plan.input_level = input_level;
  plan.output_level = output_level;
  plan.inputs = std::move(inputs);
  const bool one_run = input_level != 0 || plan.inputs.size() == 1;
  plan.trivial_move = input_level != output_level && plan.output_overlap.empty() && one_run &&
                      std::all_of(plan.inputs.begin(), plan.inputs.end(),
                                  [&](const auto& table) { return MayMove(*table, output_level); });
  Complete(&plan);
  if (!plan.trivial_move && plan.InputBytes() > settings_.room_bytes) return std::nullopt;
  return plan;
}

int PlanBuilder::ReachFromLevel0(int deepest, std::string_view begin, std::string_view end) const {
  int level = 1;
  while (level < deepest && !Occupied(level, begin, end)) ++level;
  return level;
}

// The tables of level 0 that overlap the range and may leave it now: from the oldest on, without
// those that are busy or right over quarantine, those beyond the job's size, and those above one
// that stays.
std::vector<TableMetaPtr> PlanBuilder::ClosedLevel0(const KeyHull& range) const {
  const std::vector<TableMetaPtr> tied = shape_.Overlapping(0, range.begin, range.end);
  std::vector<TableMetaPtr> chosen;
  std::vector<const TableMeta*> staying;
  uint64_t bytes = 0;
  for (auto it = tied.rbegin(); it != tied.rend(); ++it) {
    const TableMeta& table = **it;
    bool stays =
        IsBusy(table) || AnyQuarantined(shape_.Overlapping(1, table.begin, table.end)) ||
        (chosen.size() >= settings_.level0_tables && bytes + table.size > settings_.job_bytes_max);
    for (const TableMeta* below : staying) stays |= below->Overlaps(table.begin, table.end);
    if (stays) {
      staying.push_back(&table);
    } else {
      chosen.push_back(*it);
      bytes += table.size;
    }
  }
  std::reverse(chosen.begin(), chosen.end());
  return chosen;
}

std::optional<CompactionPlan> PlanBuilder::MakeLevel0(CompactionReason reason, int base_level,
                                                      std::string_view from,
                                                      std::string_view to) const {
  KeyHull range{std::string(from), std::string(to)};
  // Each round widens the range by at least one table, or ends.
  for (size_t round = 0; round <= shape_.TableCount(); ++round) {
    std::vector<TableMetaPtr> inputs = ClosedLevel0(range);
    if (inputs.empty()) return std::nullopt;
    KeyHull hull;
    hull.Add(inputs);
    int output_level = ReachFromLevel0(base_level, hull.begin, hull.end);
    KeyHull wide = hull;
    const auto overlap = shape_.Overlapping(output_level, hull.begin, hull.end);
    if (output_level > 1 && AnyQuarantined(overlap)) {
      --output_level;  // nothing is in its way there: what lies over the table stays above it
    } else {
      wide.Add(overlap);
    }
    // All that ties in would have to pass the table, one side of it need not.
    if (!AnyQuarantined(shape_.Overlapping(1, wide.begin, wide.end))) hull = wide;
    const bool inside = hull.begin >= range.begin && (range.empty() || hull.end <= range.end);
    if (inside) return Make(reason, 0, output_level, std::move(inputs));
    if (hull.begin < range.begin) range.begin = hull.begin;
    if (!range.empty() && hull.end > range.end) range.end = hull.end;
  }
  return std::nullopt;
}

int PlanBuilder::Reach(int level, const TableMeta& table) const {
  int reach = level;
  while (reach + 1 < kLevels && !Occupied(reach + 1, table.begin, table.end)) ++reach;
  return reach;
}

std::optional<CompactionPlan> PlanBuilder::MoveLevel0(int base_level) const {
  std::vector<TableMetaPtr> movable;
  int output_level = 0;
  const std::vector<TableMetaPtr>& tables = Tables(0);
  for (auto it = tables.rbegin(); it != tables.rend(); ++it) {
    const TableMeta& table = **it;
    if (IsBusy(table) || shape_.Overlapping(0, table.begin, table.end).size() != 1) continue;
    const int reach = Reach(0, table);
    if (reach < base_level || (output_level != 0 && reach != output_level)) continue;
    if (!MayMove(table, reach)) continue;
    output_level = reach;
    movable.push_back(*it);
  }
  if (movable.empty()) return std::nullopt;
  std::reverse(movable.begin(), movable.end());
  return MakeMove(CompactionReason::kLevel0Tables, 0, output_level, std::move(movable));
}

std::optional<CompactionPlan> PlanBuilder::SinkQuarantined(int base_level) const {
  for (int level = kLevels - 2; level >= 0; --level) {  // the lower one makes way first
    const auto reason = level == 0 ? CompactionReason::kLevel0Tables : CompactionReason::kLevelSize;
    for (const TableMetaPtr& table : Tables(level)) {
      if (!IsQuarantined(*table) || IsRunning(*table)) continue;
      if (level == 0 && OlderLevel0Missing({table})) {
        if (auto plan = MakeLevel0(reason, base_level, table->begin, table->end)) return plan;
      } else if (const int reach = Reach(level, *table); reach > level) {
        return MakeMove(reason, level, reach, {table});
      }
    }
  }
  return std::nullopt;
}

std::optional<CompactionPlan> PlanBuilder::MoveDown(CompactionReason reason, int level,
                                                    const std::vector<TableMetaPtr>& tables,
                                                    uint64_t bytes) const {
  std::vector<TableMetaPtr> movable;
  uint64_t sum = 0;
  for (const TableMetaPtr& table : tables) {
    if (sum >= bytes) break;
    if (IsBusy(*table) || Occupied(level + 1, table->begin, table->end)) continue;
    if (!MayMove(*table, level + 1)) continue;
    movable.push_back(table);
    sum += table->size;
  }
  if (movable.empty()) return std::nullopt;
  return MakeMove(reason, level, level + 1, std::move(movable));
}

}  // namespace logwood
