#include "compaction/picker.h"

#include <algorithm>
#include <utility>

#include "compaction/plan_builder.h"

namespace logwood {

namespace {

// A rewrite for tombstones' sake must meet at most this many entries below for each tombstone:
// scattered deletes wait for the ordinary compactions, which pay for them anyway.
constexpr uint64_t kEntriesPerTombstoneMax = 4;

struct Due {
  int level;
  double score;
};

class Picker {
 public:
  Picker(const LevelShape& shape, const CompactionSettings& settings, const BusyTables& busy)
      : settings_(settings),
        builder_(shape, settings, busy),
        stuck_(StuckTables(shape, busy.quarantined)),
        targets_(ComputeTargets(shape, settings)) {}

  std::optional<CompactionPlan> Pick() {
    // What goes unread makes the rest cheaper.
    if (auto plan = PickCovered()) return plan;
    // Moves cost an edit and keep level 0 short: always due.
    if (auto move = builder_.MoveLevel0(targets_.base_level)) return move;
    if (auto plan = builder_.SinkQuarantined(targets_.base_level)) return plan;
    if (auto plan = PickDue()) return plan;
    if (auto plan = PickTombstones()) return plan;
    if (auto plan = PickLastLevelTombstones()) return plan;
    return PickDropped();
  }

 private:
  // What counts for a level to be due: it may go, or could if nothing ran.
  bool IsIdle(const TableMeta& table) const {
    return !builder_.IsBusy(table) && stuck_.count(table.number) == 0;
  }

  uint64_t IdleBytes(int level) const {
    uint64_t bytes = 0;
    for (const TableMetaPtr& table : builder_.Tables(level)) {
      if (IsIdle(*table)) bytes += table->size;
    }
    return bytes;
  }

  double Score(int level) const {
    const double bytes = static_cast<double>(IdleBytes(level));
    if (level > 0) {
      const uint64_t target = targets_.bytes[static_cast<size_t>(level)];
      if (target != 0) return bytes / static_cast<double>(target);
      // Above the base level: has to drain, the more the more urgent.
      return bytes == 0
                 ? 0
                 : 1 + bytes / static_cast<double>(std::max<uint64_t>(settings_.base_bytes, 1));
    }
    size_t count = 0;
    for (const TableMetaPtr& table : builder_.Tables(0)) count += IsIdle(*table);
    const double tables = std::max<uint32_t>(settings_.level0_tables, 1);
    const double by_count = static_cast<double>(count) / tables;
    const double by_bytes =
        bytes / (tables * static_cast<double>(std::max<uint64_t>(settings_.base_bytes, 1)));
    return std::max(by_count, by_bytes);
  }

  std::vector<Due> DueLevels() const {
    std::vector<Due> due;
    for (int level = 0; level < kLevels - 1; ++level) {
      const double score = Score(level);
      if (level == 0 ? score >= 1 : score > 1) due.push_back({level, score});
    }
    std::stable_sort(due.begin(), due.end(),
                     [](const Due& a, const Due& b) { return a.score > b.score; });
    return due;
  }

  std::optional<CompactionPlan> PickDue() {
    bool level0_waits = false;
    for (const Due& due : DueLevels()) {
      // Level 0 needs most of the base level at once: jobs that would take tables of it again and
      // again could keep level 0 waiting for ever.
      const bool touches_base =
          due.level == targets_.base_level || due.level + 1 == targets_.base_level;
      if (level0_waits && touches_base) continue;
      std::optional<CompactionPlan> plan = due.level == 0 ? PickLevel0() : PickSize(due);
      if (plan) {
        plan->score = due.score;
        return plan;
      }
      if (due.level == 0) level0_waits = true;
    }
    return std::nullopt;
  }

  // From the oldest on: the first table whose group may go.
  std::optional<CompactionPlan> PickLevel0() const {
    const std::vector<TableMetaPtr>& tables = builder_.Tables(0);
    for (auto it = tables.rbegin(); it != tables.rend(); ++it) {
      if (builder_.IsBusy(**it)) continue;
      auto plan = builder_.MakeLevel0(CompactionReason::kLevel0Tables, targets_.base_level,
                                      (*it)->begin, (*it)->end);
      if (plan) return plan;
    }
    return std::nullopt;
  }

  // What goes without rewriting; else the table that drags the least along
  // (docs/decisions/0004-compaction-picking.md).
  std::optional<CompactionPlan> PickSize(const Due& due) const {
    const uint64_t target = targets_.bytes[static_cast<size_t>(due.level)];
    const uint64_t excess = IdleBytes(due.level) - target;
    auto move = builder_.MoveDown(CompactionReason::kLevelSize, due.level,
                                  builder_.Tables(due.level), excess);
    if (move) return move;
    for (const TableMetaPtr& table : ByOverlap(due.level)) {
      auto plan = builder_.Make(CompactionReason::kLevelSize, due.level, due.level + 1, {table});
      if (plan) return plan;
    }
    return std::nullopt;
  }

  // The idle tables of a level, smallest ratio of overlap below to own size first.
  std::vector<TableMetaPtr> ByOverlap(int level) const {
    const std::vector<TableMetaPtr>& next = builder_.Tables(level + 1);
    std::vector<std::pair<double, TableMetaPtr>> order;
    size_t first = 0;
    for (const TableMetaPtr& table : builder_.Tables(level)) {
      while (first < next.size() && next[first]->end <= table->begin) ++first;
      uint64_t bytes = 0;
      for (size_t i = first; i < next.size() && next[i]->begin < table->end; ++i) {
        bytes += next[i]->size;
      }
      if (builder_.IsBusy(*table)) continue;
      const double own = static_cast<double>(std::max<uint64_t>(table->size, 1));
      order.emplace_back(static_cast<double>(bytes) / own, table);
    }
    std::stable_sort(order.begin(), order.end(),
                     [](const auto& a, const auto& b) { return a.first < b.first; });
    std::vector<TableMetaPtr> tables;
    tables.reserve(order.size());
    for (auto& [ratio, table] : order) tables.push_back(std::move(table));
    return tables;
  }

  // Each such plan moves tombstones to a deeper level or drops them, so they come to an end.
  std::optional<CompactionPlan> PickTombstones() const {
    for (int level = 0; level < kLevels - 1; ++level) {
      std::vector<TableMetaPtr> tables = builder_.Tables(level);
      std::stable_sort(tables.begin(), tables.end(), [&](const auto& a, const auto& b) {
        return builder_.TombstoneWeight(*a) > builder_.TombstoneWeight(*b);
      });
      for (const TableMetaPtr& table : tables) {
        if (builder_.IsBusy(*table) || !builder_.ManyTombstones(*table)) continue;
        auto plan = level == 0
                        ? builder_.MakeLevel0(CompactionReason::kTombstones, targets_.base_level,
                                              table->begin, table->end)
                        : builder_.Make(CompactionReason::kTombstones, level, level + 1, {table});
        if (plan && WorthIt(*plan)) return plan;
      }
    }
    return std::nullopt;
  }

  bool WorthIt(const CompactionPlan& plan) const {
    uint64_t tombstones = 0, entries_below = 0;
    for (const TableMetaPtr& table : plan.inputs) tombstones += builder_.TombstoneWeight(*table);
    for (const TableMetaPtr& table : plan.output_overlap) entries_below += table->entries;
    return entries_below / kEntriesPerTombstoneMax <= tombstones;
  }

  // Tombstones that reached the last level while a snapshot needed them. Only once none does: the
  // rewrite then drops every one, so no table comes up twice. (Merges, when they come, may keep
  // tombstones below them: then this needs another look.)
  std::optional<CompactionPlan> PickLastLevelTombstones() const {
    const int last = kLevels - 1;
    for (const TableMetaPtr& table : builder_.Tables(last)) {
      if (table->max_position > settings_.oldest_snapshot) continue;
      if (settings_.oldest_snapshot == 0 || !builder_.ManyTombstones(*table)) continue;
      if (auto plan = builder_.Make(CompactionReason::kTombstones, last, last, {table}))
        return plan;
    }
    return std::nullopt;
  }

  std::optional<CompactionPlan> PickCovered() const {
    const std::set<uint64_t>& covered = settings_.covered.whole;
    if (covered.empty()) return std::nullopt;
    for (int level = kLevels - 1; level >= 0; --level) {
      std::vector<TableMetaPtr> tables = builder_.Tables(level);
      std::erase_if(tables, [&](const TableMetaPtr& table) {
        return covered.count(table->number) == 0 || builder_.IsBusy(*table);
      });
      if (!tables.empty())
        return builder_.MakeRemoval(CompactionReason::kCovered, level, std::move(tables));
    }
    return std::nullopt;
  }

  // Tables of dropped keyspaces go as they are. One that only begins or ends in such a keyspace is
  // compacted to the next level, in the last one rewritten: afterwards it begins or ends elsewhere,
  // so this comes to an end. One that spans a whole dropped keyspace cannot be told from one that
  // holds nothing of it; that is one a level, and waits for its turn like those of level 0.
  std::optional<CompactionPlan> PickDropped() const {
    for (const uint32_t number : settings_.dropped_keyspaces) {
      const std::string begin = KeyspacePrefix(number), end = KeyspaceEnd(number);
      for (int level = 0; level < kLevels; ++level) {
        std::vector<TableMetaPtr> inside;
        for (const TableMetaPtr& table : builder_.Overlapping(level, begin, end)) {
          if (builder_.IsBusy(*table)) continue;
          if (begin <= table->begin && table->end <= end) inside.push_back(table);
        }
        if (!inside.empty()) {
          return builder_.MakeRemoval(CompactionReason::kDroppedKeyspace, level, std::move(inside));
        }
        if (level == 0) continue;
        for (const TableMetaPtr& table : builder_.Overlapping(level, begin, end)) {
          if (table->begin < begin && end < table->end) continue;
          auto plan = builder_.Make(CompactionReason::kDroppedKeyspace, level,
                                    std::min(level + 1, kLevels - 1), {table});
          if (plan) return plan;
        }
      }
    }
    return std::nullopt;
  }

  const CompactionSettings& settings_;
  const PlanBuilder builder_;
  const std::set<uint64_t> stuck_;
  const LevelTargets targets_;
};

}  // namespace

std::optional<CompactionPlan> PickCompaction(const LevelShape& shape,
                                             const CompactionSettings& settings,
                                             const BusyTables& busy) {
  return Picker(shape, settings, busy).Pick();
}

}  // namespace logwood
