// PlanBuilder: makes plans that keep the invariants; PickCompaction and PickManual only choose what
// to ask it for. Internal to compaction/. Holds references for the length of one pick.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "compaction/picker.h"

namespace logwood {

// The smallest [begin, end) of stored keys that holds what was added; empty while nothing was
// (begin == end == "").
struct KeyHull {
  std::string begin, end;

  bool empty() const { return end.empty(); }
  void Add(std::string_view from, std::string_view to);
  void Add(const std::vector<TableMetaPtr>& tables);
};

uint64_t BytesOf(const std::vector<TableMetaPtr>& tables);

// A range delete counts as so many tombstones at least; as more where it is known to cover more
// (CompactionSettings::covered).
inline constexpr uint64_t kTombstonesPerRangeDelete = 1000;

// When, behind `now_us`, so much of the table will have expired that it is compacted for that sake,
// or still more; nullopt: no more will have.
std::optional<uint64_t> ExpiryDue(const TableMeta& table, double tombstone_ratio, uint64_t now_us);

class PlanBuilder {
 public:
  PlanBuilder(const LevelShape& shape, const CompactionSettings& settings, const BusyTables& busy)
      : shape_(shape), settings_(settings), busy_(busy) {}

  // Not to be rewritten now.
  bool IsBusy(const TableMeta& table) const { return IsRunning(table) || IsQuarantined(table); }
  const std::vector<TableMetaPtr>& Tables(int level) const {
    return shape_.levels[static_cast<size_t>(level)];
  }
  std::vector<TableMetaPtr> Overlapping(int level, std::string_view begin,
                                        std::string_view end) const {
    return shape_.Overlapping(level, begin, end);
  }

  // A plan for these tables of `input_level` (>= 1: neighbours), or nullopt when conditions (a) to
  // (c) of picker.h do not hold now. Takes in neighbours that cost no further output table.
  std::optional<CompactionPlan> Make(CompactionReason reason, int input_level, int output_level,
                                     std::vector<TableMetaPtr> inputs) const;

  // A plan out of level 0 for all that is tied to [from, to) by overlap (empty `to`: no end),
  // oldest first up to job_bytes_max, into the deepest level down to `base_level` that it can
  // reach; one level higher where a quarantined table is in the way.
  std::optional<CompactionPlan> MakeLevel0(CompactionReason reason, int base_level,
                                           std::string_view from, std::string_view to) const;

  // Level-0 tables that overlap nothing on their way to the same level, at or below `base_level`.
  std::optional<CompactionPlan> MoveLevel0(int base_level) const;
  // The next step that brings a quarantined table down, out of the way of what is newer.
  std::optional<CompactionPlan> SinkQuarantined(int base_level) const;
  // Those of `tables`, of `level` >= 1, that overlap nothing in the next one, until they add up to
  // `bytes`.
  std::optional<CompactionPlan> MoveDown(CompactionReason reason, int level,
                                         const std::vector<TableMetaPtr>& tables,
                                         uint64_t bytes = ~uint64_t{0}) const;

  // Takes these tables of `level` out of the tree, which nobody can read any more.
  CompactionPlan MakeRemoval(CompactionReason reason, int level,
                             std::vector<TableMetaPtr> tables) const;

  // Tombstones, and range deletes as what they cover.
  uint64_t TombstoneWeight(const TableMeta& table) const;
  // Whether a rewrite would do away with most of the table's tombstones' weight.
  bool ManyTombstones(const TableMeta& table) const;

 private:
  bool IsRunning(const TableMeta& table) const { return busy_.tables.count(table.number) != 0; }
  bool IsQuarantined(const TableMeta& table) const {
    return busy_.quarantined.count(table.number) != 0;
  }
  bool OutputBusy(int level, std::string_view begin, std::string_view end) const;
  bool Occupied(int level, std::string_view begin, std::string_view end) const;
  bool OlderLevel0Missing(const std::vector<TableMetaPtr>& inputs) const;
  bool AnyQuarantined(const std::vector<TableMetaPtr>& tables) const;
  bool AnyBusy(const std::vector<TableMetaPtr>& tables) const;
  bool IsBottom(int output_level, std::string_view begin, std::string_view end) const;
  int ReachFromLevel0(int deepest, std::string_view begin, std::string_view end) const;
  // The deepest level it can go to from `level` without meeting anything.
  int Reach(int level, const TableMeta& table) const;
  bool MayMove(const TableMeta& table, int output_level) const;
  std::vector<TableMetaPtr> ClosedLevel0(const KeyHull& range) const;
  void TakeNeighbours(int input_level, int output_level, std::vector<TableMetaPtr>* inputs,
                      const std::vector<TableMetaPtr>& overlap) const;
  CompactionPlan MakeMove(CompactionReason reason, int input_level, int output_level,
                          std::vector<TableMetaPtr> inputs) const;
  void Complete(CompactionPlan* plan) const;

  const LevelShape& shape_;
  const CompactionSettings& settings_;
  const BusyTables& busy_;
};

}  // namespace logwood
