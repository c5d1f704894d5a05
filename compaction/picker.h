// What to compact next, and how far writers are ahead of compaction: pure functions of the shape.
//
// Leveled with dynamically sized levels: the bytes below level 0 set the targets, each level
// 1/multiplier of the next, up to the base level, the first whose target is at least base_bytes;
// level 0 compacts into the base level, so a small database has two levels and space amplification
// stays near 1 + 1/multiplier + .... (Source of the idea: Dong et al., "Optimizing Space
// Amplification in RocksDB", CIDR 2017.) The choices are argued in
// docs/decisions/0004-compaction-picking.md.
//
// Why plans may run in parallel (invariant 3: newer versions above older ones). A plan from level i
// to level o is made only if
//  (a) no input is busy, and every level-0 table that is older than a level-0 input and overlaps it
//      is an input as well;
//  (b) no table and no running job's output in the levels between i and o overlaps its range;
//  (c) every table of level o that overlaps its range is an input and not busy, and no running job
//      writes into level o within its range.
// By (a) and (b) nothing older stays above what the plan writes; by (c) outputs stay disjoint. A
// job that starts later can not slip anything newer below: it would have to pass a level in which
// the running job's inputs or outputs overlap it. So jobs out of level 0 need no lock of their own:
// two of them run at once exactly when their ranges are disjoint.
//
// Quarantine. A table that cannot be read is never rewritten, so (c) keeps what lies right above it
// there. Level 0 is compacted around it: into the level above the one whose overlap holds it, which
// is empty in the range; what comes later is merged there, and what does not lie over the table
// goes on down. The table itself goes down unread, as deep as it can, as what is older makes way:
// so level 0 is stuck for long only over one that level 1 cannot be rid of.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "compaction/covered_tables.h"
#include "compaction/level_shape.h"
#include "util/internal_key.h"

namespace logwood {

struct CompactionSettings {
  uint32_t level0_tables = 4;  // level-0 tables that make a compaction due
  uint32_t level_multiplier = 10;
  uint64_t base_bytes = 64 << 20;   // smallest target of the base level
  uint64_t table_bytes = 32 << 20;  // size of output tables
  // Overlap with the level after next that ends an output table and forbids a move.
  uint64_t grandparent_bytes_max = 320 << 20;
  uint64_t job_bytes_max = 512 << 20;  // input of one job where it can be chosen
  // A plan that reads more than this and writes it anew is not made: the disk has no room. Moves
  // and removals need none.
  uint64_t room_bytes = ~uint64_t{0};
  // A table with more is compacted for its own sake, if nothing else is due.
  double tombstone_ratio = 0.3;
  // The oldest position somebody still reads at; kPositionMax when there is none. Tombstones of the
  // last level are only worth a rewrite when no snapshot keeps them: 0 leaves them alone.
  LogPos oldest_snapshot = 0;
  // What expired by then has done so for all who read.
  uint64_t expired_us = 0;
  // Numbers of keyspaces that no reader can reach any more: what they hold is waste.
  std::vector<uint32_t> dropped_keyspaces;
  // Of the shape, with the snapshots there are: what range deletes cover.
  CoveredTables covered;
};

enum class CompactionReason : uint8_t {
  kLevel0Tables,
  kLevelSize,
  kTombstones,
  kManual,
  kDroppedKeyspace,
  kCovered
};
std::string_view CompactionReasonName(CompactionReason reason);

// A decision; the job executes it.
struct CompactionPlan {
  CompactionReason reason = CompactionReason::kLevelSize;
  int input_level = 0;
  int output_level = 1;                      // may be input_level: rewritten in place
  std::vector<TableMetaPtr> inputs;          // of input_level, in its order
  std::vector<TableMetaPtr> output_overlap;  // of output_level, in key order
  std::vector<TableMetaPtr> grandparents;    // of output_level + 1, overlapping
  // No table needs rewriting: the inputs become tables of output_level as they are.
  bool trivial_move = false;
  // Nobody sees anything of the inputs, nor will: the tables go unread.
  bool only_waste = false;
  // No older version of any key of the range can be below output_level or in a level-0 table that
  // is not an input: tombstones that no snapshot needs may go.
  bool bottom = false;
  double score = 0;
  // Key range of all inputs: [begin, end).
  std::string begin, end;

  uint64_t InputBytes() const;  // of inputs and output_overlap
  uint64_t InputEntries() const;
};

// For people, events and text scripts:
// "L0 -> L6 level0 tables: 000007 000005 + 000002 [a, k) score 1.25 bottom".
std::string ToText(const CompactionPlan& plan);

// What running jobs hold: their tables must not be picked, and their output ranges must not be
// crossed within the level they write into. Moves count as running until their edit is committed.
struct BusyTables {
  std::set<uint64_t> tables;
  // Cannot be read: no plan rewrites them, whatever runs.
  std::set<uint64_t> quarantined;
  struct Range {
    int level;
    std::string begin, end;
    friend bool operator==(const Range&, const Range&) = default;
  };
  std::vector<Range> outputs;

  void Add(const CompactionPlan& plan);
  // REQUIRES: the plan was added.
  void Remove(const CompactionPlan& plan);
};

// What is in quarantine, and the tables that cannot leave their level because of it, whatever runs:
// they make nothing due, and are no debt.
std::set<uint64_t> StuckTables(const LevelShape& shape, const std::set<uint64_t>& quarantined);

// The tables of level 0 that press on writers: those that are not stuck, and, as each costs every
// read, those that are beyond kStuckLevel0Max.
inline constexpr size_t kStuckLevel0Max = 64;
size_t PressingLevel0Tables(const LevelShape& shape, const std::set<uint64_t>& stuck);

struct LevelTargets {
  int base_level = kLevels - 1;
  std::array<uint64_t, kLevels> bytes{};  // 0 above the base level and for level 0
};
LevelTargets ComputeTargets(const LevelShape& shape, const CompactionSettings& settings);

// The most urgent plan that does not touch what is busy; nullopt when nothing is due.
std::optional<CompactionPlan> PickCompaction(const LevelShape& shape,
                                             const CompactionSettings& settings,
                                             const BusyTables& busy);

// One step of a manual compaction of [begin, end) (empty end: no end): moves what overlaps one
// level down at a time until it is all in the last level that has data; call again until nullopt.
// With `force_last_level` the last level's tables whose number is below `rewrite_below` are
// rewritten in place once. Level-0 tables from number `rewrite_below` on (0: no limit) start no
// step, nor do deeper ones that hold only what is newer than `up_to`, so that writers going on do
// not keep it alive.
struct ManualRange {
  std::string begin, end;
  bool force_last_level = false;
  uint64_t rewrite_below = 0;
  LogPos up_to = kPositionMax;
  CompactionReason reason = CompactionReason::kManual;
};
// `blocked` is set when work remains but is busy now.
std::optional<CompactionPlan> PickManual(const LevelShape& shape,
                                         const CompactionSettings& settings, const BusyTables& busy,
                                         const ManualRange& range, bool* blocked);
// Bytes that all its steps will read, those read more than once counted each time; an estimate, for
// people who wait.
uint64_t ManualBytes(const LevelShape& shape, const ManualRange& range);

// Bytes compaction has to write before every level is within its target; an estimate:
//
//   level 0, when n >= level0_tables:  x0 = share * bytes(0),  share = (n - level0_tables + 1) / n
//                                      debt  = x0 + share * bytes(base)
//   level i >= base:                   x(i) = bytes(i) + x(i-1) - target(i)  if positive
//                                      debt += x(i) + x(i) / (bytes(i) + x(i-1)) * bytes(i+1)
//
// where the second term, and x(i) itself when level i+1 is empty (its tables move), is 0. Levels
// above the base level have target 0. 0 for a balanced shape, monotone in the bytes of level 0.
// Tables that are `stuck` (StuckTables) are left out.
uint64_t CompactionDebt(const LevelShape& shape, const CompactionSettings& settings,
                        const std::set<uint64_t>& stuck = {});

}  // namespace logwood
