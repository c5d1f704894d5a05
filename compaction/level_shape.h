// LevelShape: which tables are in which level. Immutable; db's Version wraps one.
//
// Level 0: tables may overlap; ordered by max_position descending, newest first, and where two
// overlap all positions of the newer are above those of the older. Levels 1 and up: ordered by key,
// disjoint, and no stored key's versions are split between two tables of a level (invariant 2: it
// follows from exclusive ends). Across levels: every version of a key in a level is newer than
// those in deeper levels (invariant 3).
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "logwood/status.h"
#include "table/table_meta.h"

namespace logwood {

inline constexpr int kLevels = 7;

struct LevelShape {
  std::array<std::vector<TableMetaPtr>, kLevels> levels;

  uint64_t LevelBytes(int level) const;
  uint64_t TotalBytes() const;
  size_t TableCount() const;
  // The deepest level that has a table; 0 when there is none.
  int LastLevel() const;
  // Tables of `level` that overlap [from, to), in the level's order; an empty `to` means no end.
  std::vector<TableMetaPtr> Overlapping(int level, std::string_view from,
                                        std::string_view to) const;
  // Index of the first table of `level` (>= 1) that ends after the key, or the size of the level.
  size_t FirstEndingAfter(int level, std::string_view key) const;
  // Index of the one table of `level` (>= 1) that may hold the key, or the size of the level.
  size_t FindTable(int level, std::string_view stored_key) const;
  // The order and disjointness above; the message names tables.
  Status Validate() const;
};

// A sorted picture for people and text scripts, one line a table:
// "L1 000012 a..f 2.0 MiB 1000 entries".
std::string ToText(const LevelShape& shape);

}  // namespace logwood
