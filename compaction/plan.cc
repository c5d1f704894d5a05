// What plans and busy tables say about themselves.
#include <algorithm>
#include <cstdio>

#include "compaction/picker.h"
#include "compaction/plan_builder.h"
#include "util/check.h"
#include "util/escape.h"

namespace logwood {

std::string_view CompactionReasonName(CompactionReason reason) {
  switch (reason) {
    case CompactionReason::kLevel0Tables:
      return "level0 tables";
    case CompactionReason::kLevelSize:
      return "level size";
    case CompactionReason::kTombstones:
      return "tombstones";
    case CompactionReason::kManual:
      return "manual";
    case CompactionReason::kDroppedKeyspace:
      return "dropped keyspace";
    case CompactionReason::kCovered:
      return "covered by range deletes";
  }
  return "unknown";
}

uint64_t CompactionPlan::InputBytes() const { return BytesOf(inputs) + BytesOf(output_overlap); }

uint64_t CompactionPlan::InputEntries() const {
  uint64_t entries = 0;
  for (const TableMetaPtr& table : inputs) entries += table->entries;
  for (const TableMetaPtr& table : output_overlap) entries += table->entries;
  return entries;
}

std::string ToText(const CompactionPlan& plan) {
  char buffer[64];
  std::snprintf(buffer, sizeof(buffer), "L%d -> L%d ", plan.input_level, plan.output_level);
  std::string text = buffer;
  text += CompactionReasonName(plan.reason);
  text += ":";
  const auto append = [&](const std::vector<TableMetaPtr>& tables) {
    for (const TableMetaPtr& table : tables) {
      std::snprintf(buffer, sizeof(buffer), " %06llu",
                    static_cast<unsigned long long>(table->number));
      text += buffer;
    }
  };
  append(plan.inputs);
  if (!plan.output_overlap.empty()) {
    text += " +";
    append(plan.output_overlap);
  }
  std::snprintf(buffer, sizeof(buffer), " score %.2f", plan.score);
  text += " [" + Escape(plan.begin) + ", " + Escape(plan.end) + ")" + buffer;
  if (plan.bottom) text += " bottom";
  if (plan.trivial_move) text += " move";
  if (plan.only_waste) text += " only waste";
  return text;
}

void BusyTables::Add(const CompactionPlan& plan) {
  for (const TableMetaPtr& table : plan.inputs) tables.insert(table->number);
  for (const TableMetaPtr& table : plan.output_overlap) tables.insert(table->number);
  outputs.push_back({plan.output_level, plan.begin, plan.end});
}

void BusyTables::Remove(const CompactionPlan& plan) {
  for (const TableMetaPtr& table : plan.inputs) tables.erase(table->number);
  for (const TableMetaPtr& table : plan.output_overlap) tables.erase(table->number);
  const auto at =
      std::find(outputs.begin(), outputs.end(), Range{plan.output_level, plan.begin, plan.end});
  CHECK(at != outputs.end());
  outputs.erase(at);
}

}  // namespace logwood
