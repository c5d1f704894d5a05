// What to compact next, and how far writers are ahead of compaction: pure functions of the shape.
//
// Leveled with dynamically sized levels: the last level's size sets the targets above it, each
// 1/multiplier of the next, down to the base level, the first whose target is at least
// base_bytes; level 0 compacts into the base level, so a small database has two levels and space
// amplification stays near 1 + 1/multiplier + .... (Source of the idea: Dong et al., "Optimizing
// Space Amplification in RocksDB", CIDR 2017.)
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "compaction/level_shape.h"

namespace logwood {

struct CompactionSettings {
  uint32_t level0_tables = 4;          // level-0 tables that make a compaction due
  uint32_t level_multiplier = 10;
  uint64_t base_bytes = 64 << 20;      // smallest target of the base level
  uint64_t table_bytes = 32 << 20;     // size of output tables
  uint64_t grandparent_bytes_max = 320 << 20;  // overlap with the level after next that ends a table
  uint64_t job_bytes_max = 512 << 20;  // input of one job where it can be chosen
  double tombstone_ratio = 0.3;        // a table with more is compacted for its own sake, if nothing else is due
};

enum class CompactionReason : uint8_t {
  kLevel0Tables, kLevelSize, kTombstones, kManual, kDroppedKeyspace
};
std::string_view CompactionReasonName(CompactionReason reason);

// A decision; the job executes it.
struct CompactionPlan {
  CompactionReason reason = CompactionReason::kLevelSize;
  int input_level = 0;
  int output_level = 1;
  std::vector<TableMetaPtr> inputs;         // of input_level
  std::vector<TableMetaPtr> output_overlap; // of output_level
  std::vector<TableMetaPtr> grandparents;   // of output_level + 1, overlapping
  // No table needs rewriting: the inputs become tables of output_level as they are.
  bool trivial_move = false;
  // No older version of any key of the range can be below output_level or in a level-0 table that
  // is not an input: tombstones that no snapshot needs may go.
  bool bottom = false;
  double score = 0;

  uint64_t InputBytes() const;
  // Key range of all inputs: [begin, end).
  std::string begin, end;
};

// What running jobs hold: their tables must not be picked, and their output ranges must not be
// crossed within the level they write into.
struct BusyTables {
  std::set<uint64_t> tables;
  struct Range { int level; std::string begin, end; };
  std::vector<Range> outputs;
  bool level0 = false;    // a job out of level 0 is running
};

struct LevelTargets {
  int base_level = kLevels - 1;
  std::array<uint64_t, kLevels> bytes{};   // 0 above the base level and for level 0
};
LevelTargets ComputeTargets(const LevelShape& shape, const CompactionSettings& settings);

// The most urgent plan that does not touch what is busy; nullopt when nothing is due.
// `round_robin` (in/out) holds where the last pick in each level ended.
std::optional<CompactionPlan> PickCompaction(const LevelShape& shape,
                                             const CompactionSettings& settings,
                                             const BusyTables& busy,
                                             std::array<std::string, kLevels>* round_robin);

// One step of a manual compaction of [begin, end) (empty end: no end): moves what overlaps one level
// down at a time until it is all in the last level that has data (or was asked for); call again
// until nullopt. With `force_last_level` the last level's tables whose number is below
// `rewrite_below` are rewritten in place once.
struct ManualRange {
  std::string begin, end;
  bool force_last_level = false;
  uint64_t rewrite_below = 0;
};
// `blocked` is set when work remains but is busy now.
std::optional<CompactionPlan> PickManual(const LevelShape& shape, const CompactionSettings& settings,
                                         const BusyTables& busy, const ManualRange& range,
                                         bool* blocked);

// Bytes compaction has to write before every level is within its target.
uint64_t CompactionDebt(const LevelShape& shape, const CompactionSettings& settings);

}  // namespace logwood
