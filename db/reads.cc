#include "db/reads.h"

#include <algorithm>
#include <numeric>
#include <optional>

#include "db/db_iterator.h"
#include "util/check.h"
#include "util/hash.h"
#include "util/merge_value.h"
#include "util/status_macros.h"

namespace logwood {

namespace {

// For estimates, entries of a range are counted one by one: of a memtable up to so many, of a table
// when they lie in so few blocks.
constexpr uint64_t kCountedEntriesMax = 100'000;
constexpr uint64_t kCountedBlocks = 16;

// Latency is measured for one lookup in so many.
constexpr uint32_t kLookupSample = 64;

const SnapshotImpl* Impl(const Snapshot* snapshot) {
  return static_cast<const SnapshotImpl*>(snapshot);
}

// With the budget for pins used up, a value is the caller's own copy.
void CopyWherePinsExceedBudget(Core& core, PinnedValue* value) {
  if (value == nullptr || !value->pinned() || !core.PinsExceedBudget()) [[likely]]
    return;
  auto copy = std::make_shared<const std::string>(value->view());
  value->Pin(*copy, copy);
}

// A shared "not there": a Status with a message would allocate.
const Status& NotFoundStatus() {
  static const Status status = Status::NotFound("the key is not there");
  return status;
}

LogPos ReadPosition(const Core& core, const ReadOptions& options) {
  if (options.snapshot != nullptr) return options.snapshot->position();
  return core.visible.load(std::memory_order_acquire);
}

// What is read of: a position, and a time before the next one. What expired later may have been put
// again in between.
struct Moment {
  LogPos position = 0;
  uint64_t time_us = 0;
};
// REQUIRES: the view was taken before (ReadPosition).
Moment ReadMoment(Core& core, const ReadOptions& options) {
  if (options.snapshot != nullptr) {
    return {options.snapshot->position(), Impl(options.snapshot)->time_us()};
  }
  Moment moment;
  do {
    moment.position = ReadPosition(core, options);
    moment.time_us = core.clock.Now();
  } while (ReadPosition(core, options) != moment.position);
  core.clock.Reach(moment.time_us);  // later ones are of no earlier time
  return moment;
}

// The time of a lookup, which is asked for only where something expires.
uint64_t ViewTime(const Core& core, const ReadOptions& options, std::optional<uint64_t>* now) {
  if (options.snapshot != nullptr) return Impl(options.snapshot)->time_us();
  if (!now->has_value()) *now = core.clock.Now();
  return **now;
}

TableScanOptions ScanOptions(const ReadOptions& options) {
  TableScanOptions scan;
  scan.fill_cache = options.fill_cache;
  return scan;
}

// What an iterator takes beside blocks: itself, and about as much for each child.
uint64_t IteratorBytes(const View& view) {
  constexpr uint64_t kOwnBytes = 1024, kChildBytes = 512;
  uint64_t children = 1 + view.sealed.size() + view.version->level(0).size();
  for (int level = 1; level < kLevels; ++level) children += !view.version->level(level).empty();
  return kOwnBytes + children * kChildBytes;
}

// How many entries of [from, to) the table has; nullopt: more than `most`, or they cannot be read.
std::optional<uint64_t> CountFew(TableReader& table, std::string_view from, std::string_view to,
                                 uint64_t most) {
  const std::unique_ptr<InternalIterator> it = table.NewIterator({});
  uint64_t count = 0;
  for (it->Seek(from, SeekTrailer(kPositionMax)); it->Valid() && it->entry().key < to; it->Next()) {
    if (++count > most) return std::nullopt;
  }
  return it->status().ok() ? std::optional(count) : std::nullopt;
}

// What a table's share of [from, to) is: by offsets of its index, and counted where it is no more
// than a few blocks, of which the first and the last may belong to the range in part. A table that
// cannot be opened counts whole, since nobody can say that it holds nothing.
void AddTableEstimate(Core& core, const TableMeta& meta, std::string_view from, std::string_view to,
                      RangeEstimate* sum) {
  uint64_t bytes = meta.size;
  if (meta.begin < from || to < meta.end) {
    auto reader = core.tables.Find(meta);
    if (!reader.ok()) {
      core.NoteDamage(reader.status());
      sum->bytes += meta.size;
      sum->entries += meta.entries;
      return;
    }
    uint64_t end = to >= meta.end ? meta.size : (*reader)->ApproximateOffset(to);
    uint64_t begin = from <= meta.begin ? 0 : (*reader)->ApproximateOffset(from);
    bytes = end > begin ? end - begin : 0;
    if (bytes <= kCountedBlocks * core.settings.block_bytes) {
      if (const auto few = CountFew(**reader, from, to, kCountedEntriesMax)) {
        sum->entries += *few;
        sum->bytes += *few * meta.size / std::max<uint64_t>(meta.entries, 1);
        return;
      }
    }
  }
  sum->bytes += bytes;
  sum->entries +=
      static_cast<uint64_t>(static_cast<double>(meta.entries) * static_cast<double>(bytes) /
                            static_cast<double>(std::max<uint64_t>(meta.size, 1)));
}

// Where a range holds more entries than are counted, those outside of it tell the rest.
void AddMemtableEstimate(const Memtable& memtable, std::string_view from, std::string_view to,
                         RangeEstimate* sum) {
  auto it = memtable.NewIterator();
  it->Seek(from, SeekTrailer(kPositionMax));
  uint64_t counted = 0, bytes = 0;
  for (; it->Valid() && it->entry().key < to && counted < kCountedEntriesMax; it->Next()) {
    ++counted;
    bytes += it->entry().key.size() + it->entry().value.size();
  }
  if (counted == kCountedEntriesMax) {
    uint64_t outside = 0;
    it->SeekForPrev(from, SeekTrailer(kPositionMax));
    for (; it->Valid() && outside < kCountedEntriesMax; it->Prev()) ++outside;
    it->Seek(to, SeekTrailer(kPositionMax));
    for (; it->Valid() && outside < 2 * kCountedEntriesMax; it->Next()) ++outside;
    const uint64_t all = memtable.entries();
    const uint64_t inside = std::max(counted, all - std::min(all, outside));
    bytes = static_cast<uint64_t>(static_cast<double>(bytes) * static_cast<double>(inside) /
                                  static_cast<double>(counted));
    counted = inside;
  }
  sum->entries += counted;
  sum->bytes += bytes;
}

}  // namespace

Status Reads::CheckKeyspace(Keyspace keyspace, LogPos at) const {
  if (keyspace.owner() != 0 && keyspace.owner() != core_->catalogue.owner()) {
    return Status::InvalidArgument("keyspace: the handle belongs to another database");
  }
  if (core_->catalogue.Live(keyspace.number())) return Status::Ok();
  if (const auto dropped = core_->catalogue.FindDropped(keyspace.number())) {
    if (at < dropped->first) return Status::Ok();  // a snapshot from before the drop
    return Status::InvalidArgument(core_->catalogue.TextOf(keyspace.number()) +
                                   " was dropped at position " + std::to_string(dropped->first));
  }
  return Status::InvalidArgument("keyspace: there is none with number " +
                                 std::to_string(keyspace.number()));
}

Status Reads::Begin(const ReadOptions& options) const {
  RETURN_IF_ERROR(CheckOpen(*core_));
  if (options.snapshot != nullptr) {
    if (Impl(options.snapshot)->core() != core_.get()) {
      return Status::InvalidArgument(
          "snapshot: it belongs to another database, or to an earlier open");
    }
    if (options.at_least > options.snapshot->position()) {
      return Status::InvalidArgument(
          "at_least: it lies behind the snapshot, which stays at position " +
          std::to_string(options.snapshot->position()));
    }
  }
  if (options.at_least > core_->visible.load(std::memory_order_acquire)) {
    RETURN_IF_ERROR(core_->WaitVisible(options.at_least, options.deadline));
  }
  return Status::Ok();
}

// Once the view is taken: a keyspace that was dropped before may be gone from it in part.

Status Reads::CheckKeyspaceOf(const ReadOptions& options, Keyspace keyspace) const {
  if (keyspace == Keyspace()) [[likely]]
    return Status::Ok();
  return CheckKeyspace(keyspace, options.snapshot ? options.snapshot->position() : kPositionMax);
}

Status Reads::EndLookup(const ReadOptions& options, std::string_view stored_key,
                        LookupResult* result, std::optional<uint64_t>* now, bool* found) const {
  const EntryKind kind = result->finished ? TrailerKind(result->trailer) : EntryKind::kDelete;
  if (result->merges.empty()) [[likely]] {
    *found = kind == EntryKind::kPut;
    if (kind != EntryKind::kPutExpiring) [[likely]]
      return Status::Ok();
    *found = result->expires_us > ViewTime(*core_, options, now);
    if (*found) return Status::Ok();
    // Of what one lookup found expired none that comes later finds it there. Rarely news: only of
    // what expires behind all that was found so before.
    core_->clock.Reach(result->expires_us);
    if (result->value != nullptr) result->value->Reset();
    return Status::Ok();
  }
  *found = true;
  if (result->value == nullptr) return Status::Ok();
  MergedOnto base;
  if (kind == EntryKind::kPut || kind == EntryKind::kPutExpiring) {
    base.kind = kind == EntryKind::kPut ? MergeBase::kValue : MergeBase::kExpiring;
    base.value = result->value->view();
    base.expires_us = result->expires_us;
  }
  std::vector<std::string_view> entries;
  for (const LookupResult::Merge& merge : result->merges) entries.push_back(merge.value);
  const uint64_t time_us = ViewTime(*core_, options, now);
  if (base.kind == MergeBase::kExpiring || MergeEndsLookup(entries.back()))
    core_->clock.Reach(time_us);
  std::string merged;
  RETURN_IF_ERROR(core_->ResolveMerges(stored_key, base, entries, time_us, &merged));
  if (merged.size() < kPinnedBytesMin) {
    result->value->Assign(merged);
  } else {
    const auto owner = std::make_shared<const std::string>(std::move(merged));
    result->value->Pin(*owner, owner);
  }
  return Status::Ok();
}

Status Reads::Lookup(const ReadOptions& options, Keyspace keyspace, std::string_view key,
                     PinnedValue* value, const OwnWrites* own, bool* found) const {
  RETURN_IF_ERROR(Begin(options));
  if (key.size() > kKeyBytesMax) {
    return Status::InvalidArgument("key: it has " + std::to_string(key.size()) +
                                   " bytes; the limit is " + std::to_string(kKeyBytesMax));
  }
  core_->statistics.gets.Add(1);
  const bool sampled = IsSampled<kLookupSample>();
  const uint64_t begin = sampled ? core_->executor->NowNanos() : 0;
  StoredKeyBuffer stored(keyspace.number(), key);
  LookupKey lookup{stored.view(), Hash64(stored.view()), 0};
  LookupResult result;
  result.value = value;
  std::optional<uint64_t> now;
  RETURN_IF_ERROR(LookupOnce(options, keyspace, own, &lookup, &result, &now, found));
  if (now && options.snapshot == nullptr && ReadPosition(*core_, options) != lookup.position)
      [[unlikely]] {
    // Anew, at a moment that was.
    result = LookupResult();
    result.value = value;
    RETURN_IF_ERROR(LookupOnce(options, keyspace, own, &lookup, &result, &now, found));
  }
  CopyWherePinsExceedBudget(*core_, value);
  if (sampled) {
    core_->statistics.get_latency.Add(core_->executor->NowNanos() - begin, kLookupSample);
  }
  return Status::Ok();
}

Status Reads::LookupOnce(const ReadOptions& options, Keyspace keyspace, const OwnWrites* own,
                         LookupKey* lookup, LookupResult* result, std::optional<uint64_t>* now,
                         bool* found) const {
  // The view first, the position second: everything at or below the position that the view could
  // lack was committed after the view was taken (invariant 9).
  ViewHolder::Guard view(core_->views);
  RETURN_IF_ERROR(CheckKeyspaceOf(options, keyspace));
  if (own != nullptr && own->memtable != nullptr) {
    lookup->position = own->position;
    if (own->memtable->Get(*lookup, result)) {
      return EndLookup(options, lookup->stored, result, now, found);
    }
  }
  if (now->has_value()) [[unlikely]] {
    const Moment moment = ReadMoment(*core_, options);
    lookup->position = moment.position;
    *now = moment.time_us;
  } else {
    lookup->position = ReadPosition(*core_, options);
  }
  RETURN_IF_ERROR(view->Get(&core_->tables, *lookup, options.fill_cache, result));
  return EndLookup(options, lookup->stored, result, now, found);
}

Status Reads::Get(const ReadOptions& options, Keyspace keyspace, std::string_view key,
                  PinnedValue* value, const OwnWrites* own) const {
  if (value == nullptr) return Status::InvalidArgument("value: it is null");
  // `key` may lie in what `value` holds: that goes last.
  bool found = false;
  Status status = Lookup(options, keyspace, key, value, own, &found);
  if (status.ok() && found) return status;
  value->Reset();
  if (status.ok()) return NotFoundStatus();
  core_->NoteDamage(status);
  return status;
}

Result<bool> Reads::Contains(const ReadOptions& options, Keyspace keyspace,
                             std::string_view key) const {
  bool found = false;
  Status status = Lookup(options, keyspace, key, nullptr, nullptr, &found);
  if (status.ok()) return found;
  core_->NoteDamage(status);
  return status;
}

std::vector<Status> Reads::MultiGet(const ReadOptions& options, Keyspace keyspace,
                                    std::span<const std::string_view> keys,
                                    std::span<PinnedValue> values) const {
  std::vector<Status> statuses(keys.size());
  const auto fail = [&](const Status& why) {
    for (PinnedValue& value : values) value.Reset();
    std::fill(statuses.begin(), statuses.end(), why);
    return statuses;
  };
  Status begun = Begin(options);
  if (begun.ok() && values.size() != keys.size()) {
    begun = Status::InvalidArgument("MultiGet: values and keys have different sizes");
  }
  if (!begun.ok()) return fail(begun);
  core_->statistics.gets.Add(keys.size());
  // In key order, so that neighbours find their blocks and fences in the processor's caches.
  std::vector<uint32_t> order(keys.size());
  std::iota(order.begin(), order.end(), 0);
  std::sort(order.begin(), order.end(), [&](uint32_t a, uint32_t b) { return keys[a] < keys[b]; });
  // All copied first: a key may lie in what some value holds.
  const std::string prefix = KeyspacePrefix(keyspace.number());
  std::string stored_keys;
  for (uint32_t i : order) {
    if (keys[i].size() <= kKeyBytesMax) stored_keys.append(prefix).append(keys[i]);
  }
  size_t stored_begin = 0;
  {
    ViewHolder::Guard view(core_->views);
    begun = CheckKeyspaceOf(options, keyspace);
    if (!begun.ok()) return fail(begun);
    const Moment moment = ReadMoment(*core_, options);
    std::optional<uint64_t> now = moment.time_us;
    for (uint32_t i : order) {
      values[i].Reset();
      if (keys[i].size() > kKeyBytesMax) {
        statuses[i] = Status::InvalidArgument("key: longer than " + std::to_string(kKeyBytesMax));
        continue;
      }
      const auto stored =
          std::string_view(stored_keys).substr(stored_begin, prefix.size() + keys[i].size());
      stored_begin += stored.size();
      LookupKey lookup{stored, Hash64(stored), moment.position};
      LookupResult result;
      result.value = &values[i];
      statuses[i] = view->Get(&core_->tables, lookup, options.fill_cache, &result);
      bool found = false;
      if (statuses[i].ok()) statuses[i] = EndLookup(options, stored, &result, &now, &found);
      if (statuses[i].ok() && !found) statuses[i] = NotFoundStatus();
      CopyWherePinsExceedBudget(*core_, &values[i]);
    }
  }
  for (const Status& status : statuses) core_->NoteDamage(status);
  return statuses;
}

StoredBounds ResolveBounds(const IteratorOptions& options, uint32_t keyspace) {
  const std::string prefix = KeyspacePrefix(keyspace);
  StoredBounds bounds{prefix + options.prefix, KeyspaceEnd(keyspace)};
  if (options.lower) bounds.lower = std::max(bounds.lower, prefix + *options.lower);
  if (options.upper) bounds.upper = std::min(bounds.upper, prefix + *options.upper);
  std::string prefix_end = PrefixEnd(prefix + options.prefix);
  if (!options.prefix.empty() && !prefix_end.empty()) {
    bounds.upper = std::min(bounds.upper, prefix_end);
  }
  return bounds;
}

std::unique_ptr<Iterator> Reads::NewIterator(const IteratorOptions& options, Keyspace keyspace,
                                             const OwnWrites* own) const {
  const ReadOptions reading = options.read_options();
  Status begun = Begin(reading);
  if (begun.ok() && core_->PinsExceedBudget(own == nullptr ? 0 : own->held_bytes))
    begun = TooManyPins(*core_);
  if (!begun.ok()) return NewErrorIterator(std::move(begun));
  DbIterator::Source source;
  source.core = core_;
  // The position must not be ahead of the view: commits after a seal lie in a memtable that an
  // older view lacks. Unchanged afterwards means that it was the current one when the position was
  // read.
  do {
    source.view = core_->views.Share();
    const Moment moment = ReadMoment(*core_, reading);
    source.position = moment.position;
    source.time_us = moment.time_us;
  } while (core_->views.Share() != source.view);
  source.newest = reading.snapshot == nullptr && own == nullptr && core_->grows;
  begun = CheckKeyspaceOf(reading, keyspace);
  if (!begun.ok()) return NewErrorIterator(std::move(begun));
  if (own != nullptr && own->memtable != nullptr) {
    auto with_own = std::make_shared<View>(*source.view);
    with_own->sealed.insert(with_own->sealed.begin(), with_own->active);
    with_own->active = own->memtable;
    with_own->own_position = own->position;
    source.view = std::move(with_own);
  }
  source.prefix_bytes = KeyspacePrefix(keyspace.number()).size();
  StoredBounds bounds = ResolveBounds(options, keyspace.number());
  source.lower = std::move(bounds.lower);
  source.upper = std::move(bounds.upper);
  source.account = std::make_unique<MemoryAccount>(&core_->cache, MemoryAccount::Of::kReader,
                                                   IteratorBytes(*source.view));
  TableScanOptions scan = ScanOptions(reading);
  scan.account = source.account.get();
  source.inner = source.view->NewIterator(&core_->tables, scan, {source.lower, source.upper},
                                          source.position, source.passed.get());
  return std::make_unique<DbIterator>(std::move(source));
}

Result<std::shared_ptr<const Snapshot>> Reads::GetSnapshot(std::string_view owner) const {
  RETURN_IF_ERROR(CheckOpen(*core_));
  return core_->snapshots.Take(core_, owner);
}

Result<Keyspace> Reads::OpenKeyspace(std::string_view name) const {
  RETURN_IF_ERROR(CheckOpen(*core_));
  auto info = core_->catalogue.Find(name);
  if (!info) return NoKeyspace(name);
  return info->keyspace;
}

Result<std::vector<KeyspaceInfo>> Reads::ListKeyspaces() const {
  RETURN_IF_ERROR(CheckOpen(*core_));
  return core_->catalogue.List();
}

RangeEstimate Reads::Estimate(Keyspace keyspace, const KeyRange& range) const {
  RangeEstimate sum;
  if (!CheckOpen(*core_).ok() || !CheckKeyspace(keyspace, kPositionMax).ok()) return sum;
  IteratorOptions options;
  options.lower = range.begin;
  options.upper = range.end;
  StoredBounds bounds = ResolveBounds(options, keyspace.number());
  if (bounds.lower >= bounds.upper) return sum;
  std::shared_ptr<const View> view = core_->views.Share();
  for (int level = 0; level < kLevels; ++level) {
    for (const auto& meta : view->version->shape().Overlapping(level, bounds.lower, bounds.upper)) {
      AddTableEstimate(*core_, *meta, bounds.lower, bounds.upper, &sum);
    }
  }
  AddMemtableEstimate(*view->active, bounds.lower, bounds.upper, &sum);
  for (const auto& memtable : view->sealed) {
    AddMemtableEstimate(*memtable, bounds.lower, bounds.upper, &sum);
  }
  return sum;
}

}  // namespace logwood
