#include "compaction/covered_tables.h"

#include <algorithm>
#include <array>
#include <string>

#include "util/internal_key.h"

namespace logwood {

namespace {

class CoverSearch {
 public:
  CoverSearch(const LevelShape& shape, std::span<const LogPos> snapshots,
              const CoverQuestions& questions)
      : shape_(shape), snapshots_(snapshots), questions_(questions) {
    for (int level = 0; level < kLevels; ++level) {
      for (const TableMetaPtr& table : Tables(level)) {
        if (table->range_deletes == 0) continue;
        RangeFragmentsPtr ranges = questions_.range_deletes(*table);
        if (ranges == nullptr) continue;
        ranges_[table->number] = std::move(ranges);
        has_ranges_[static_cast<size_t>(level)] = true;
      }
    }
  }

  CoveredTables Find() {
    if (ranges_.empty()) return {};
    for (int level = 0; level < kLevels; ++level) {
      for (const TableMetaPtr& table : Tables(level)) {
        if (IsWhole(level, *table)) found_.whole.insert(table->number);
      }
    }
    for (int level = 0; level < kLevels; ++level) {
      for (const TableMetaPtr& table : Tables(level)) Weigh(level, *table);
    }
    return std::move(found_);
  }

 private:
  const std::vector<TableMetaPtr>& Tables(int level) const {
    return shape_.levels[static_cast<size_t>(level)];
  }

  // The newest position that a reader of the table's oldest entry need not see.
  LogPos SeenTogether(const TableMeta& table) const {
    const auto at = std::lower_bound(snapshots_.begin(), snapshots_.end(), table.min_position);
    return at == snapshots_.end() ? kPositionMax : *at;
  }

  // Where the range that holds `key` ends, if it deletes all that the table has of it; else `key`.
  std::string_view EndOf(const TableMeta& from, const TableMeta& table,
                         std::string_view key) const {
    if (from.range_deletes == 0 || !from.Contains(key)) return key;
    const auto ranges = ranges_.find(from.number);
    if (ranges == ranges_.end()) return key;
    const CoveredStretch stretch = ranges->second->Around(key, SeenTogether(table));
    return stretch.deleted_at > table.max_position ? stretch.upper : key;
  }

  // The farthest such end of any table down to `level`.
  std::string_view FarthestEnd(int level, const TableMeta& table, std::string_view key) const {
    std::string_view farthest = key;
    for (const TableMetaPtr& from : Tables(0)) {
      if (from->max_position <= table.max_position) break;  // newest first
      farthest = std::max(farthest, EndOf(*from, table, key));
    }
    for (int above = 1; above < level; ++above) {
      if (!has_ranges_[static_cast<size_t>(above)]) continue;
      const size_t at = shape_.FindTable(above, key);
      if (at < Tables(above).size())
        farthest = std::max(farthest, EndOf(*Tables(above)[at], table, key));
    }
    return farthest;
  }

  bool IsWhole(int level, const TableMeta& table) const {
    std::string_view covered_to = table.begin;
    for (size_t pieces = 0; pieces < kCoverPiecesMax; ++pieces) {
      const std::string_view end = FarthestEnd(level, table, covered_to);
      if (end == covered_to) return false;
      if (end >= table.end) return true;
      covered_to = end;
    }
    return false;
  }

  uint64_t EntriesOf(const RangeFragments::Fragment& range, const TableMeta& table) const {
    if (found_.whole.count(table.number) != 0) return 0;  // they go by themselves
    const LogPos together = SeenTogether(table);
    const bool covers = std::any_of(
        range.positions.begin(), range.positions.end(),
        [&](LogPos position) { return position > table.max_position && position <= together; });
    return covers ? questions_.entries_within(table, range.begin, range.end) : 0;
  }

  void Weigh(int level, const TableMeta& from) {
    const auto ranges = ranges_.find(from.number);
    if (ranges == ranges_.end()) return;
    uint64_t entries = 0;
    const auto fragments = ranges->second->fragments();
    for (const auto& range : fragments.first(std::min(fragments.size(), kCoverPiecesMax))) {
      if (level == 0) {
        for (const TableMetaPtr& table : Tables(0)) {
          if (table->Overlaps(range.begin, range.end)) entries += EntriesOf(range, *table);
        }
      }
      // Those between the first and the last are covered whole.
      for (int below = level + 1; below < kLevels; ++below) {
        const size_t first = shape_.FirstEndingAfter(below, range.begin);
        const auto& tables = Tables(below);
        if (first == tables.size() || tables[first]->begin >= range.end) continue;
        const auto end = static_cast<size_t>(
            std::partition_point(tables.begin() + static_cast<std::ptrdiff_t>(first), tables.end(),
                                 [&](const auto& table) { return table->begin < range.end; }) -
            tables.begin());
        entries += EntriesOf(range, *tables[first]);
        if (end - first > 1) entries += EntriesOf(range, *tables[end - 1]);
      }
      if (level == kLevels - 1) entries += questions_.entries_within(from, range.begin, range.end);
    }
    if (entries != 0) found_.entries[from.number] = entries;
  }

  const LevelShape& shape_;
  const std::span<const LogPos> snapshots_;
  const CoverQuestions& questions_;
  std::map<uint64_t, RangeFragmentsPtr> ranges_;
  std::array<bool, kLevels> has_ranges_{};
  CoveredTables found_;
};

}  // namespace

CoveredTables FindCoveredTables(const LevelShape& shape, std::span<const LogPos> snapshots,
                                const CoverQuestions& questions) {
  return CoverSearch(shape, snapshots, questions).Find();
}

}  // namespace logwood
