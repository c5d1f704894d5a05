#include "compaction/level_shape.h"

#include <algorithm>
#include <cstdio>

#include "util/escape.h"

namespace logwood {

namespace {

std::string Named(int level, const TableMeta& table) {
  return "level " + std::to_string(level) + ", " + TableFileName(table.number) + " [" +
         Escape(table.begin) + ", " + Escape(table.end) + ")";
}

Status ValidateLevel0(const std::vector<TableMetaPtr>& tables) {
  for (size_t i = 0; i < tables.size(); ++i) {
    const TableMeta& newer = *tables[i];
    if (i + 1 < tables.size() && newer.max_position < tables[i + 1]->max_position) {
      return Status::Corruption(Named(0, newer) + " stands before the newer " +
                                Named(0, *tables[i + 1]));
    }
    for (size_t j = i + 1; j < tables.size(); ++j) {
      const TableMeta& older = *tables[j];
      if (!newer.Overlaps(older.begin, older.end)) continue;
      if (newer.min_position != 0 && newer.min_position <= older.max_position) {
        return Status::Corruption(Named(0, newer) + " and " + Named(0, older) +
                                  " overlap in keys and positions");
      }
    }
  }
  return Status::Ok();
}

Status ValidateSorted(int level, const std::vector<TableMetaPtr>& tables) {
  for (size_t i = 1; i < tables.size(); ++i) {
    if (tables[i]->begin < tables[i - 1]->end) {
      return Status::Corruption(Named(level, *tables[i - 1]) + " and " + Named(level, *tables[i]) +
                                " overlap or are out of order");
    }
  }
  return Status::Ok();
}

}  // namespace

uint64_t LevelShape::LevelBytes(int level) const {
  uint64_t bytes = 0;
  for (const TableMetaPtr& table : levels[static_cast<size_t>(level)]) bytes += table->size;
  return bytes;
}

uint64_t LevelShape::TotalBytes() const {
  uint64_t bytes = 0;
  for (int level = 0; level < kLevels; ++level) bytes += LevelBytes(level);
  return bytes;
}

size_t LevelShape::TableCount() const {
  size_t count = 0;
  for (const auto& tables : levels) count += tables.size();
  return count;
}

int LevelShape::LastLevel() const {
  for (int level = kLevels - 1; level > 0; --level) {
    if (!levels[static_cast<size_t>(level)].empty()) return level;
  }
  return 0;
}

std::vector<TableMetaPtr> LevelShape::Overlapping(int level, std::string_view from,
                                                  std::string_view to) const {
  const std::vector<TableMetaPtr>& tables = levels[static_cast<size_t>(level)];
  std::vector<TableMetaPtr> found;
  if (level == 0) {
    for (const TableMetaPtr& table : tables) {
      if (from < table->end && (to.empty() || table->begin < to)) found.push_back(table);
    }
    return found;
  }
  for (size_t i = FirstEndingAfter(level, from); i < tables.size(); ++i) {
    if (!to.empty() && tables[i]->begin >= to) break;
    found.push_back(tables[i]);
  }
  return found;
}

size_t LevelShape::FirstEndingAfter(int level, std::string_view key) const {
  const std::vector<TableMetaPtr>& tables = levels[static_cast<size_t>(level)];
  const auto at = std::partition_point(
      tables.begin(), tables.end(), [&](const TableMetaPtr& table) { return table->end <= key; });
  return static_cast<size_t>(at - tables.begin());
}

size_t LevelShape::FindTable(int level, std::string_view stored_key) const {
  const std::vector<TableMetaPtr>& tables = levels[static_cast<size_t>(level)];
  const size_t index = FirstEndingAfter(level, stored_key);
  return index < tables.size() && tables[index]->begin <= stored_key ? index : tables.size();
}

Status LevelShape::Validate() const {
  for (int level = 0; level < kLevels; ++level) {
    const std::vector<TableMetaPtr>& tables = levels[static_cast<size_t>(level)];
    for (const TableMetaPtr& table : tables) {
      if (table->begin >= table->end) {
        return Status::Corruption(Named(level, *table) + " has an empty range");
      }
    }
    Status status = level == 0 ? ValidateLevel0(tables) : ValidateSorted(level, tables);
    if (!status.ok()) return status;
  }
  return Status::Ok();
}

std::string ToText(const LevelShape& shape) {
  std::string text;
  for (int level = 0; level < kLevels; ++level) {
    for (const TableMetaPtr& table : shape.levels[static_cast<size_t>(level)]) {
      char number[32];
      std::snprintf(number, sizeof(number), "L%d %06llu ", level,
                    static_cast<unsigned long long>(table->number));
      text += number + Escape(table->begin) + ".." + Escape(table->end) + " " +
              HumanBytes(table->size) + " " + std::to_string(table->entries) + " entries";
      if (table->tombstones != 0) text += " " + std::to_string(table->tombstones) + " tombstones";
      text += "\n";
    }
  }
  return text;
}

}  // namespace logwood
