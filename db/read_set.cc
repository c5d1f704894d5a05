#include "db/read_set.h"

#include <algorithm>
#include <iterator>
#include <memory>
#include <utility>

#include "util/escape.h"
#include "util/status_macros.h"

namespace logwood {

namespace {

constexpr uint64_t kNodeBytes = 96;  // of a set or a map, with its strings

Status ConflictAt(std::string_view stored_key, LogPos written, LogPos position,
                  const Catalogue& names) {
  return Status::Conflict(names.KeyTextOf(stored_key) + " was written at position " +
                          std::to_string(written) + "; the transaction reads at position " +
                          std::to_string(position));
}

// A drop takes away all that was read of a keyspace.
Status CheckKeyspaceOf(std::string_view stored_key, LogPos position, const Catalogue& catalogue) {
  uint32_t keyspace = 0;
  std::string_view key;
  SplitStoredKey(stored_key, &keyspace, &key);
  if (catalogue.Live(keyspace)) [[likely]]
    return Status::Ok();
  for (const auto& [number, dropped] : catalogue.Dropped()) {
    if (number != keyspace || dropped <= position) continue;
    return Status::Conflict("keyspace number " + std::to_string(keyspace) +
                            " was dropped at position " + std::to_string(dropped) +
                            "; the transaction reads at position " + std::to_string(position));
  }
  return Status::Ok();
}

// Of the entries in [begin, end).
Status CheckEntries(InternalIterator* it, std::string_view begin, std::string_view end,
                    LogPos position, const Catalogue& names) {
  for (it->Seek(begin, SeekTrailer(kPositionMax)); it->Valid() && it->entry().key < end;
       it->Next()) {
    const Entry& entry = it->entry();
    if (entry.position() > position)
      return ConflictAt(entry.key, entry.position(), position, names);
  }
  return it->status();
}

}  // namespace

void ReadSet::AddKey(std::string_view key) {
  if (keys_.emplace(key).second) bytes_ += key.size() + kNodeBytes;
}

void ReadSet::AddRange(std::string_view begin, std::string_view end) {
  if (begin >= end) return;
  std::string from(begin), to(end);
  auto at = ranges_.upper_bound(begin);
  if (at != ranges_.begin() && std::prev(at)->second >= begin) --at;
  while (at != ranges_.end() && at->first <= to) {
    from = std::min(from, at->first);
    to = std::max(to, at->second);
    bytes_ -= at->first.size() + at->second.size() + kNodeBytes;
    at = ranges_.erase(at);
  }
  bytes_ += from.size() + to.size() + kNodeBytes;
  ranges_.emplace(std::move(from), std::move(to));
}

Status ReadSet::CheckMemtable(const Memtable& memtable, LogPos position,
                              const Catalogue& names) const {
  if (memtable.last_position() <= position) return Status::Ok();
  for (const std::string& key : keys_) {
    const auto newest = memtable.NewestBelow(key, kPositionMax);
    if (!newest || TrailerPosition(newest->trailer) <= position) continue;
    return ConflictAt(key, TrailerPosition(newest->trailer), position, names);
  }
  if (ranges_.empty()) return Status::Ok();
  const auto* deleted = memtable.range_deletes().newest();
  for (; deleted != nullptr && deleted->position > position; deleted = deleted->previous) {
    for (const auto& [begin, end] : ranges_) {
      if (deleted->begin >= end || begin >= deleted->end) continue;
      return ConflictAt(std::max<std::string_view>(begin, deleted->begin), deleted->position,
                        position, names);
    }
  }
  const std::unique_ptr<InternalIterator> it = memtable.NewIterator();
  for (const auto& [begin, end] : ranges_) {
    RETURN_IF_ERROR(CheckEntries(it.get(), begin, end, position, names));
  }
  return Status::Ok();
}

Status ReadSet::CheckTable(const TableMeta& table, LogPos position, Core* core) const {
  if (table.max_position <= position) return Status::Ok();
  ASSIGN_OR_RETURN(const auto reader, core->tables.Find(table));
  const std::unique_ptr<InternalIterator> it = reader->NewIterator({});
  const RangeFragments* deleted = reader->range_deletes().get();
  for (auto key = keys_.lower_bound(table.begin); key != keys_.end() && *key < table.end; ++key) {
    it->Seek(*key, SeekTrailer(kPositionMax));
    const bool is_there = it->Valid() && it->entry().key == *key;
    LogPos newest = is_there ? it->entry().position() : 0;
    if (deleted != nullptr) newest = std::max(newest, deleted->Covering(*key, kPositionMax));
    if (newest > position) return ConflictAt(*key, newest, position, core->catalogue);
    RETURN_IF_ERROR(it->status());
  }
  for (const auto& [begin, end] : ranges_) {
    if (!table.Overlaps(begin, end)) continue;
    RETURN_IF_ERROR(CheckEntries(it.get(), begin, end, position, core->catalogue));
    if (deleted == nullptr) continue;
    for (const auto& fragment : deleted->fragments()) {
      if (fragment.begin >= end || begin >= fragment.end) continue;
      const LogPos newest = fragment.positions.front();
      if (newest <= position) continue;
      return ConflictAt(std::max<std::string_view>(begin, fragment.begin), newest, position,
                        core->catalogue);
    }
  }
  return Status::Ok();
}

Status ReadSet::CheckUnchangedSince(LogPos position, Core* core) const {
  for (const std::string& key : keys_)
    RETURN_IF_ERROR(CheckKeyspaceOf(key, position, core->catalogue));
  for (const auto& [begin, end] : ranges_)
    RETURN_IF_ERROR(CheckKeyspaceOf(begin, position, core->catalogue));
  const std::shared_ptr<const View> view = core->views.Share();
  RETURN_IF_ERROR(CheckMemtable(*view->active, position, core->catalogue));
  for (const auto& sealed : view->sealed)
    RETURN_IF_ERROR(CheckMemtable(*sealed, position, core->catalogue));
  for (const auto& level : view->version->shape().levels) {
    for (const TableMetaPtr& table : level) {
      RETURN_IF_ERROR(CheckTable(*table, position, core));
    }
  }
  return Status::Ok();
}

}  // namespace logwood
