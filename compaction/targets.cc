// Level targets and compaction debt: how big levels should be, and how far they are from it.
#include <algorithm>

#include "compaction/picker.h"

namespace logwood {

namespace {

// In level 0, from the oldest on: what is stuck keeps what is newer above it.
void AddStuckOfLevel0(const LevelShape& shape, std::set<uint64_t>* stuck) {
  const std::vector<TableMetaPtr>& tables = shape.levels[0];
  std::vector<const TableMeta*> staying;
  for (auto it = tables.rbegin(); it != tables.rend(); ++it) {
    const TableMeta& table = **it;
    const bool stays = stuck->count(table.number) != 0 ||
                       std::any_of(staying.begin(), staying.end(), [&](const TableMeta* below) {
                         return below->Overlaps(table.begin, table.end);
                       });
    if (!stays) continue;
    staying.push_back(&table);
    stuck->insert(table.number);
  }
}

}  // namespace

// What is stuck itself, not in quarantine, takes in what comes from above: only the level right
// above a table in quarantine is stuck. Level 0 stops one level higher where there is one.
std::set<uint64_t> StuckTables(const LevelShape& shape, const std::set<uint64_t>& quarantined) {
  std::set<uint64_t> stuck = quarantined;
  if (quarantined.empty()) return stuck;
  for (int level = 1; level < kLevels; ++level) {
    for (const TableMetaPtr& table : shape.levels[static_cast<size_t>(level)]) {
      if (quarantined.count(table->number) == 0) continue;
      for (const TableMetaPtr& above : shape.Overlapping(level - 1, table->begin, table->end)) {
        stuck.insert(above->number);
      }
    }
  }
  AddStuckOfLevel0(shape, &stuck);
  return stuck;
}

size_t PressingLevel0Tables(const LevelShape& shape, const std::set<uint64_t>& stuck) {
  const std::vector<TableMetaPtr>& tables = shape.levels[0];
  const auto count = std::count_if(tables.begin(), tables.end(), [&](const auto& table) {
    return stuck.count(table->number) != 0;
  });
  return tables.size() - std::min(static_cast<size_t>(count), kStuckLevel0Max);
}

LevelTargets ComputeTargets(const LevelShape& shape, const CompactionSettings& settings) {
  // All bytes below level 0, not only the last level's: draining a level into the next must not
  // change the targets, or the base level would swing to and fro.
  uint64_t target = 0;
  for (int level = 1; level < kLevels; ++level) target += shape.LevelBytes(level);
  LevelTargets targets;
  targets.bytes[kLevels - 1] = std::max(target, settings.base_bytes);
  const uint64_t multiplier = std::max<uint64_t>(settings.level_multiplier, 2);
  for (int level = kLevels - 2; level >= 1; --level) {
    target /= multiplier;
    if (target < settings.base_bytes || target == 0) break;
    targets.bytes[static_cast<size_t>(level)] = target;
    targets.base_level = level;
  }
  return targets;
}

uint64_t CompactionDebt(const LevelShape& shape, const CompactionSettings& settings,
                        const std::set<uint64_t>& stuck) {
  const LevelTargets targets = ComputeTargets(shape, settings);
  double bytes[kLevels];
  size_t level0_tables = 0;
  for (int level = 0; level < kLevels; ++level) {
    bytes[level] = 0;
    for (const TableMetaPtr& table : shape.levels[static_cast<size_t>(level)]) {
      if (stuck.count(table->number) != 0) continue;
      bytes[level] += static_cast<double>(table->size);
      level0_tables += level == 0;
    }
  }
  double debt = 0;
  double carried = 0;  // into the level looked at, from above
  const double tables = static_cast<double>(level0_tables);
  const double quota = static_cast<double>(settings.level0_tables) - 1;
  if (tables > quota && tables > 0) {
    const double share = (tables - quota) / tables;
    carried = share * bytes[0];
    debt += carried + share * bytes[targets.base_level];
  }
  for (int level = 1; level < kLevels - 1; ++level) {
    const double incoming = level < targets.base_level ? 0 : carried;
    const double held = bytes[level] + incoming;
    const double excess = held - static_cast<double>(targets.bytes[static_cast<size_t>(level)]);
    if (excess <= 0) {
      if (level >= targets.base_level) carried = 0;
      continue;
    }
    if (bytes[level + 1] > 0) debt += excess + excess / held * bytes[level + 1];
    // What drains from above the base level adds to what level 0 sends.
    carried = level < targets.base_level ? carried + excess : excess;
  }
  return static_cast<uint64_t>(debt);
}

}  // namespace logwood
