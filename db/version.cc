#include "db/version.h"

#include <algorithm>
#include <set>

#include "compaction/level_iterator.h"
#include "db/range_cover.h"
#include "util/merging_iterator.h"
#include "util/status_macros.h"

namespace logwood {

namespace {

std::string TableName(int level, uint64_t number) {
  return TableFileName(number) + " in level " + std::to_string(level);
}

bool Overlaps(const TableMeta& table, const StoredRange& range) {
  return table.end > range.begin && (range.end.empty() || table.begin < range.end);
}

bool Before(int level, const TableMeta& a, const TableMeta& b) {
  if (level > 0) return a.begin < b.begin;
  if (a.max_position != b.max_position) return a.max_position > b.max_position;
  return a.number > b.number;
}

}  // namespace

Result<std::shared_ptr<const Version>> Version::Apply(const Edit& edit,
                                                      std::vector<LiveTablePtr>* removed) const {
  auto next = std::make_shared<Version>();
  next->levels_ = levels_;
  std::vector<LiveTablePtr> moved;
  for (const auto& [level, number] : edit.removed) {
    auto& tables = next->levels_[level].tables;
    auto it = std::find_if(tables.begin(), tables.end(), [number = number](const LiveTablePtr& t) {
      return t->meta()->number == number;
    });
    if (it == tables.end()) {
      return Status::Corruption("edit removes " + TableName(level, number) +
                                ", which is not there");
    }
    moved.push_back(*it);
    tables.erase(it);
  }
  std::set<uint64_t> numbers;
  for (const Level& level : next->levels_) {
    for (const LiveTablePtr& table : level.tables) numbers.insert(table->meta()->number);
  }
  for (const auto& [level, meta] : edit.added) {
    if (!numbers.insert(meta.number).second) {
      return Status::Corruption("edit adds " + TableName(level, meta.number) +
                                ", whose number is taken");
    }
    // A table that only changes its level stays open.
    auto it = std::find_if(moved.begin(), moved.end(),
                           [&meta = meta](const LiveTablePtr& t) { return *t->meta() == meta; });
    LiveTablePtr table;
    if (it != moved.end()) {
      table = *it;
      moved.erase(it);
    } else {
      table = std::make_shared<LiveTable>(std::make_shared<const TableMeta>(meta));
    }
    next->levels_[level].tables.push_back(std::move(table));
  }
  auto shape = std::make_shared<LevelShape>();
  for (int level = 0; level < kLevels; ++level) {
    Level& l = next->levels_[level];
    std::sort(l.tables.begin(), l.tables.end(), [level](const auto& a, const auto& b) {
      return Before(level, *a->meta(), *b->meta());
    });
    l.end_prefixes.clear();
    for (const auto& table : l.tables) {
      shape->levels[level].push_back(table->meta());
      if (level > 0) l.end_prefixes.push_back(KeyHead64(table->meta()->end));
    }
  }
  RETURN_IF_ERROR(shape->Validate());
  next->shape_ = std::move(shape);
  if (removed != nullptr) *removed = std::move(moved);
  return std::shared_ptr<const Version>(std::move(next));
}

const LiveTablePtr* Version::Find(const Level& level, std::string_view stored_key) const {
  const auto& ends = level.end_prefixes;
  size_t at = static_cast<size_t>(
      std::lower_bound(ends.begin(), ends.end(), KeyHead64(stored_key)) - ends.begin());
  while (at < level.tables.size() && level.tables[at]->meta()->end <= stored_key) ++at;
  if (at == level.tables.size() || level.tables[at]->meta()->begin > stored_key) return nullptr;
  return &level.tables[at];
}

namespace {

Status GetFromTable(LiveTable& table, TableCache* cache, const LookupKey& key, bool fill_cache,
                    LookupResult* result) {
  std::shared_ptr<TableReader> hold;
  auto reader = table.Reader(cache, &hold);
  if (!reader.ok()) return std::move(reader).status();
  return (*reader)->Get(key, fill_cache, result);
}

}  // namespace

Status Version::Get(TableCache* cache, const LookupKey& key, bool fill_cache,
                    LookupResult* result) const {
  for (const auto& table : levels_[0].tables) {
    if (!table->meta()->Contains(key.stored)) continue;
    RETURN_IF_ERROR(GetFromTable(*table, cache, key, fill_cache, result));
    if (result->finished) return Status::Ok();
  }
  for (int level = 1; level < kLevels; ++level) {
    if (levels_[level].tables.empty()) continue;
    const LiveTablePtr* table = Find(levels_[level], key.stored);
    if (table == nullptr) continue;
    RETURN_IF_ERROR(GetFromTable(**table, cache, key, fill_cache, result));
    if (result->finished) return Status::Ok();
  }
  return Status::Ok();
}

std::vector<Version::Run> Version::Overlapping(const StoredRange& range) const {
  std::vector<Run> runs;
  runs.reserve(shape_->levels[0].size() + kLevels - 1);
  const auto overlaps = [&](const TableMetaPtr& table) { return Overlaps(*table, range); };
  for (const TableMetaPtr& table : shape_->levels[0]) {
    if (overlaps(table)) runs.push_back({0, {&table, 1}});
  }
  for (int level = 1; level < kLevels; ++level) {
    const std::vector<TableMetaPtr>& tables = shape_->levels[level];
    const auto first = std::find_if(tables.begin(), tables.end(), overlaps);
    const auto last = std::find_if_not(first, tables.end(), overlaps);
    if (first != last) runs.push_back({level, {first, last}});
  }
  return runs;
}

Status View::Get(TableCache* cache, const LookupKey& key, bool fill_cache,
                 LookupResult* result) const {
  if (active->Get(key, result)) return Status::Ok();
  for (const auto& memtable : sealed) {
    if (memtable->Get(key, result)) return Status::Ok();
  }
  return version->Get(cache, key, fill_cache, result);
}

std::unique_ptr<InternalIterator> View::NewIterator(TableCache* cache,
                                                    const TableScanOptions& options,
                                                    const StoredRange& range, LogPos position,
                                                    SteppedOver* passed) const {
  // Sources from the newest on: each is hidden from by those before it.
  const std::vector<Version::Run> runs = version->Overlapping(range);
  std::vector<std::unique_ptr<InternalIterator>> children;
  children.reserve(1 + sealed.size() + runs.size());
  std::shared_ptr<RangeCover> cover;  // made for the first source with range deletes
  const auto sources = [&] { return cover == nullptr ? 0 : cover->sources(); };
  const auto covers = [&]() -> RangeCover& {
    if (cover == nullptr) cover = std::make_shared<RangeCover>(cache, position, passed);
    return *cover;
  };
  const auto add = [&](std::unique_ptr<InternalIterator> entries, size_t newer) {
    children.push_back(NewHidingIterator(std::move(entries), cover, newer, sources() > newer));
  };
  const auto add_memtable = [&](const Memtable& memtable, LogPos seen) {
    const size_t newer = sources();
    if (memtable.hides()) covers().AddMemtable(memtable, range.begin, range.end, seen);
    add(memtable.NewIterator(), newer);
  };
  add_memtable(*active, own_position != 0 ? own_position : position);
  for (const auto& memtable : sealed) add_memtable(*memtable, position);
  LevelIteratorOptions within;
  within.scan = options;
  if (!range.end.empty()) {
    within.scan.bounds = std::make_shared<const TableScanBounds>(
        TableScanBounds{std::string(range.begin), std::string(range.end)});
  }
  const auto has_ranges = [](const TableMetaPtr& table) { return table->range_deletes != 0; };
  for (const auto& [level, tables] : runs) {
    const size_t newer = sources();
    if (std::any_of(tables.begin(), tables.end(), has_ranges)) covers().AddTables(tables);
    if (level == 0) {
      auto reader = cache->Find(*tables[0]);
      add(reader.ok() ? (*reader)->NewIterator(within.scan)
                      : NewEmptyIterator(std::move(reader).status()),
          newer);
    } else {
      add(NewLevelIterator({tables, version->shared_shape()}, cache, within), newer);
    }
  }
  return NewMergingIterator(std::move(children));
}

}  // namespace logwood
