// Level targets and compaction debt: how big levels should be, and how far they are from it.
#include <algorithm>

#include "compaction/picker.h"

namespace logwood {

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

uint64_t CompactionDebt(const LevelShape& shape, const CompactionSettings& settings) {
  const LevelTargets targets = ComputeTargets(shape, settings);
  double bytes[kLevels];
  for (int level = 0; level < kLevels; ++level) {
    bytes[level] = static_cast<double>(shape.LevelBytes(level));
  }
  double debt = 0;
  double carried = 0;  // into the level looked at, from above
  const double tables = static_cast<double>(shape.levels[0].size());
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
