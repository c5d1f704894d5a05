#include "db/version.h"

#include <algorithm>
#include <set>

#include "compaction/level_iterator.h"
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

void Version::AddIterators(TableCache* cache, const TableScanOptions& options,
                           const StoredRange& range,
                           std::vector<std::unique_ptr<InternalIterator>>* to) const {
  for (const auto& table : levels_[0].tables) {
    if (!Overlaps(*table->meta(), range)) continue;
    auto reader = cache->Find(*table->meta());
    to->push_back(reader.ok() ? (*reader)->NewIterator(options)
                              : NewEmptyIterator(std::move(reader).status()));
  }
  for (int level = 1; level < kLevels; ++level) {
    const std::vector<TableMetaPtr>& tables = shape_->levels[level];
    auto first = std::find_if(tables.begin(), tables.end(),
                              [&](const TableMetaPtr& t) { return Overlaps(*t, range); });
    auto last = std::find_if(first, tables.end(),
                             [&](const TableMetaPtr& t) { return !Overlaps(*t, range); });
    if (first == last) continue;
    LevelIteratorOptions level_options;
    level_options.scan = options;
    to->push_back(NewLevelIterator({{first, last}, shape_}, cache, level_options));
  }
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
                                                    const StoredRange& range) const {
  std::vector<std::unique_ptr<InternalIterator>> children;
  children.push_back(active->NewIterator());
  for (const auto& memtable : sealed) children.push_back(memtable->NewIterator());
  TableScanOptions within = options;
  if (!range.end.empty()) {
    within.bounds = std::make_shared<const TableScanBounds>(
        TableScanBounds{std::string(range.begin), std::string(range.end)});
  }
  version->AddIterators(cache, within, range, &children);
  return NewMergingIterator(std::move(children));
}

}  // namespace logwood
