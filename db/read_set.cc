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

Status ConflictAt(std::string_view stored_key, LogPos written, LogPos read_at,
                  const Catalogue& names) {
  return Status::Conflict(names.KeyTextOf(stored_key) + " was written at position " +
                          std::to_string(written) + "; the transaction reads at position " +
                          std::to_string(read_at));
}

bool MayLook(ReadCheck* check) {
  if (check->looks_left == 0) return false;
  --check->looks_left;
  return true;
}

// Of the entries in [begin, end).
Status CheckEntries(InternalIterator* it, std::string_view begin, std::string_view end,
                    ReadCheck* check) {
  for (it->Seek(begin, SeekTrailer(kPositionMax)); it->Valid() && it->entry().key < end;
       it->Next()) {
    if (!MayLook(check)) break;
    const Entry& entry = it->entry();
    if (entry.position() > check->seen_to)
      return ConflictAt(entry.key, entry.position(), check->read_at, *check->names);
  }
  return it->status();
}

}  // namespace

void ReadSet::NoteKeyspace(std::string_view stored_key) {
  uint32_t keyspace = 0;
  std::string_view key;
  if (!SplitStoredKey(stored_key, &keyspace, &key) || keyspace == kDefaultKeyspace) return;
  if (keyspaces_.insert(keyspace).second) bytes_ += kNodeBytes;
}

void ReadSet::AddKey(std::string_view key) {
  if (!keys_.emplace(key).second) return;
  bytes_ += key.size() + kNodeBytes;
  NoteKeyspace(key);
}

void ReadSet::AddRange(std::string_view begin, std::string_view end) {
  if (begin >= end) return;
  NoteKeyspace(begin);
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

const ReadSet::Ranges::value_type* ReadSet::Overlapping(std::string_view begin,
                                                        std::string_view end) const {
  auto at = ranges_.upper_bound(begin);
  if (at != ranges_.begin() && std::prev(at)->second > begin) --at;
  return at != ranges_.end() && at->first < end ? &*at : nullptr;
}

std::optional<std::string_view> ReadSet::Touched(const BatchOperation& operation) const {
  const std::string_view begin = operation.stored_key;
  if (operation.kind != EntryKind::kRangeDelete) {
    if (keys_.contains(begin)) return begin;
    const auto at = ranges_.upper_bound(begin);
    if (at == ranges_.begin() || std::prev(at)->second <= begin) return std::nullopt;
    return begin;
  }
  const auto key = keys_.lower_bound(begin);
  if (key != keys_.end() && *key < operation.value) return *key;
  const auto* range = Overlapping(begin, operation.value);
  if (range == nullptr) return std::nullopt;
  return std::max<std::string_view>(range->first, begin);
}

Status ReadSet::CheckMemtable(const Memtable& memtable, ReadCheck* check) const {
  if (memtable.last_position() <= check->seen_to) return Status::Ok();
  for (const std::string& key : keys_) {
    if (!MayLook(check)) return Status::Ok();
    const auto newest = memtable.NewestBelow(key, kPositionMax);
    if (!newest || TrailerPosition(newest->trailer) <= check->seen_to) continue;
    return ConflictAt(key, TrailerPosition(newest->trailer), check->read_at, *check->names);
  }
  if (ranges_.empty()) return Status::Ok();
  const auto* deleted = memtable.range_deletes().newest();
  for (; deleted != nullptr && deleted->position > check->seen_to; deleted = deleted->previous) {
    if (!MayLook(check)) return Status::Ok();
    const auto* range = Overlapping(deleted->begin, deleted->end);
    if (range == nullptr) continue;
    return ConflictAt(std::max<std::string_view>(range->first, deleted->begin), deleted->position,
                      check->read_at, *check->names);
  }
  const std::unique_ptr<InternalIterator> it = memtable.NewIterator();
  for (const auto& [begin, end] : ranges_) {
    if (!MayLook(check)) break;
    RETURN_IF_ERROR(CheckEntries(it.get(), begin, end, check));
  }
  return Status::Ok();
}

Status ReadSet::CheckFragments(const RangeFragments& deleted, ReadCheck* check) const {
  for (const auto& fragment : deleted.fragments()) {
    if (fragment.positions.front() <= check->seen_to) continue;
    if (!MayLook(check)) break;
    const auto* range = Overlapping(fragment.begin, fragment.end);
    if (range == nullptr) continue;
    return ConflictAt(std::max<std::string_view>(range->first, fragment.begin),
                      fragment.positions.front(), check->read_at, *check->names);
  }
  return Status::Ok();
}

Status ReadSet::CheckTable(const TableMeta& table, TableCache* tables, ReadCheck* check) const {
  if (table.max_position <= check->seen_to || check->looks_left == 0) return Status::Ok();
  const auto first_key = keys_.lower_bound(table.begin);
  const bool has_keys = first_key != keys_.end() && *first_key < table.end;
  if (!has_keys && Overlapping(table.begin, table.end) == nullptr) return Status::Ok();
  ASSIGN_OR_RETURN(const auto reader, tables->Find(table));
  const std::unique_ptr<InternalIterator> it = reader->NewIterator({});
  const RangeFragments* deleted = reader->range_deletes().get();
  for (auto key = first_key; key != keys_.end() && *key < table.end && MayLook(check); ++key) {
    it->Seek(*key, SeekTrailer(kPositionMax));
    const bool is_there = it->Valid() && it->entry().key == *key;
    LogPos newest = is_there ? it->entry().position() : 0;
    if (deleted != nullptr) newest = std::max(newest, deleted->Covering(*key, kPositionMax));
    if (newest > check->seen_to) return ConflictAt(*key, newest, check->read_at, *check->names);
    RETURN_IF_ERROR(it->status());
  }
  if (deleted != nullptr && !ranges_.empty()) RETURN_IF_ERROR(CheckFragments(*deleted, check));
  for (auto range = Overlapping(table.begin, table.end); range != nullptr && MayLook(check);
       range = Overlapping(range->second, table.end)) {
    RETURN_IF_ERROR(CheckEntries(it.get(), range->first, range->second, check));
  }
  return Status::Ok();
}

// Numbers are not given again: what lives was never dropped.
Status ReadSet::CheckKeyspaces(LogPos read_at, const Core& core) const {
  for (const uint32_t number : keyspaces_) {
    if (core.catalogue.Live(number)) continue;
    const auto dropped = core.catalogue.FindDropped(number);
    if (!dropped || dropped->first <= read_at) continue;
    return Status::Conflict(core.catalogue.TextOf(number) + " was dropped at position " +
                            std::to_string(dropped->first) +
                            "; the transaction reads at position " + std::to_string(read_at));
  }
  return Status::Ok();
}

Status ReadSet::CheckUnchanged(ReadCheck* check, Core* core) const {
  check->names = &core->catalogue;
  RETURN_IF_ERROR(CheckKeyspaces(check->read_at, *core));
  const std::shared_ptr<const View> view = core->views.Share();
  RETURN_IF_ERROR(CheckMemtable(*view->active, check));
  for (const auto& sealed : view->sealed) RETURN_IF_ERROR(CheckMemtable(*sealed, check));
  for (const auto& level : view->version->shape().levels) {
    for (const TableMetaPtr& table : level) {
      RETURN_IF_ERROR(CheckTable(*table, &core->tables, check));
    }
  }
  return Status::Ok();
}

void ReadWatch::Committed(std::string_view operations, LogPos position) {
  if (ended_ || !conflict_.ok()) return;
  BatchReader reader(operations);
  BatchOperation operation;
  while (conflict_.ok() && reader.Next(&operation)) {
    const auto key = reads_->Touched(operation);
    if (key) conflict_ = ConflictAt(*key, position, read_at_, *names_);
  }
}

}  // namespace logwood
