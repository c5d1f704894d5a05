#include "memtable/memtable.h"

#include <atomic>
#include <utility>

#include "memtable/btree.h"
#include "memtable/entry_checksum.h"
#include "memtable/record.h"
#include "util/arena.h"
#include "util/check.h"
#include "util/expiring_value.h"
#include "util/merge_value.h"

namespace logwood {

namespace {

using OrderedIndex = BTree;

constexpr size_t kFirstBlockBytes = 4096;

// One thread writes: a relaxed load and store is enough, and cheaper than fetch_add.
void Add(std::atomic<uint64_t>& counter, uint64_t amount) {
  counter.store(counter.load(std::memory_order_relaxed) + amount, std::memory_order_relaxed);
}

class MemtableIterator final : public InternalIterator {
 public:
  explicit MemtableIterator(const OrderedIndex& index) : cursor_(index) {}

  void SeekToFirst() override {
    cursor_.SeekToFirst();
    Load();
  }
  void SeekToLast() override {
    cursor_.SeekToLast();
    Load();
  }
  void Seek(std::string_view key, uint64_t trailer) override {
    cursor_.Seek({key, trailer});
    Load();
  }
  void SeekForPrev(std::string_view key, uint64_t trailer) override {
    cursor_.SeekForPrev({key, trailer});
    Load();
  }
  void Next() override {
    DCHECK(valid_);
    cursor_.Next();
    Load();
  }
  void Prev() override {
    DCHECK(valid_);
    cursor_.Prev();
    Load();
  }
  Status status() const override { return {}; }
  // The bytes live as long as the memtable, which the caller holds.
  std::shared_ptr<const void> value_owner() const override {
    return {std::shared_ptr<const void>(), entry_.value.data()};
  }

 private:
  void Load() {
    const Record record = cursor_.record();
    valid_ = record != nullptr;
    if (!valid_) return;
    entry_.key = RecordKey(record);
    entry_.trailer = RecordTrailer(record);
    entry_.value = RecordValue(record);
  }

  OrderedIndex::Cursor cursor_;
};

}  // namespace

struct Memtable::Index {
  explicit Index(std::shared_ptr<PagePool> pool) : arena(kFirstBlockBytes, std::move(pool)) {}

  Arena arena;
  OrderedIndex order{&arena};
  RangeDeletes range_deletes{&arena}, dead_ranges{&arena};
  // The inserter's counters, on a line of their own: readers of the order do not share it.
  alignas(64) std::atomic<uint64_t> entries{0};
  std::atomic<uint64_t> tombstones{0};
  std::atomic<uint64_t> raw_bytes{0};
  std::atomic<uint64_t> checksum{0};
  std::atomic<LogPos> first_position{0};
  std::atomic<LogPos> last_position{0};
  LogPos last_entry_position = 0;  // of the entry inserted last; the inserter's

  void NotePosition(LogPos position) {
    const LogPos last = last_position.load(std::memory_order_relaxed);
    if (last == 0 || position < first_position.load(std::memory_order_relaxed)) {
      first_position.store(position, std::memory_order_relaxed);
    }
    if (position > last) last_position.store(position, std::memory_order_relaxed);
  }
};

Memtable::Memtable(std::shared_ptr<PagePool> pool)
    : index_(std::make_unique<Index>(std::move(pool))) {}
Memtable::~Memtable() = default;

void Memtable::Insert(std::string_view stored_key, uint64_t trailer, std::string_view value) {
  CHECK(stored_key.size() <= kStoredKeyBytesMax);
  CHECK(value.size() <= UINT32_MAX);
  Index& index = *index_;
  const Record record = MakeRecord(&index.arena, stored_key, trailer, value);
  index.range_deletes.NoteEntry(record);
  index.dead_ranges.NoteEntry(record);
  index.order.Insert(record);
  index.last_entry_position = TrailerPosition(trailer);

  index.NotePosition(TrailerPosition(trailer));
  Add(index.raw_bytes, stored_key.size() + value.size());
  Add(index.checksum, EntryChecksum(stored_key, trailer, value));
  if (TrailerKind(trailer) == EntryKind::kDelete) Add(index.tombstones, 1);
  Add(index.entries, 1);
}

void Memtable::InsertRangeDelete(std::string_view begin, std::string_view end, LogPos position) {
  Index& index = *index_;
  CHECK(index.last_entry_position < position);
  index.range_deletes.Insert(begin, end, position);
  index.NotePosition(position);
  Add(index.raw_bytes, begin.size() + end.size());
  Add(index.checksum, EntryChecksum(begin, PackTrailer(position, EntryKind::kRangeDelete), end));
}

void Memtable::InsertDeadRange(std::string_view begin, std::string_view end, LogPos position) {
  CHECK(last_position() < position);
  index_->dead_ranges.Insert(begin, end, position);
}

bool Memtable::Get(const LookupKey& key, LookupResult* result) const {
  const LogPos deleted_at = index_->range_deletes.Covering(key.stored, key.position);
  uint64_t trailer = SeekTrailer(key.position);
  while (true) {
    const Record record = index_->order.FindFirstAtOrAfter({key.stored, trailer});
    if (record == nullptr || RecordKey(record) != key.stored) break;
    trailer = RecordTrailer(record);
    if (TrailerPosition(trailer) < deleted_at) break;
    if (TrailerKind(trailer) == EntryKind::kMerge) [[unlikely]] {
      const std::string_view merge = RecordValue(record);
      result->merges.push_back({merge, shared_from_this()});
      if (!MergeEndsLookup(merge)) {
        trailer = MergeBelow(merge, TrailerPosition(trailer));
        continue;
      }
    }
    result->finished = true;
    result->trailer = trailer;
    std::string_view value = RecordValue(record);
    if (TrailerKind(trailer) != EntryKind::kPut) {
      if (TrailerKind(trailer) != EntryKind::kPutExpiring) return true;
      result->expires_us = ExpiryOf(value);
      value = WithoutExpiry(value);
    }
    if (result->value == nullptr) return true;
    if (value.size() >= kPinnedBytesMin) {
      result->value->Pin(value, shared_from_this());
    } else {
      result->value->Assign(value);
    }
    return true;
  }
  if (deleted_at == 0) return false;
  result->finished = true;
  result->trailer = PackTrailer(deleted_at, EntryKind::kRangeDelete);
  return true;
}

std::optional<Memtable::Version> Memtable::NewestBelow(std::string_view stored_key,
                                                       LogPos position) const {
  const LogPos deleted_at = index_->range_deletes.Covering(stored_key, position);
  const Record record = index_->order.FindFirstAtOrAfter({stored_key, SeekTrailer(position)});
  if (record != nullptr && RecordKey(record) == stored_key &&
      TrailerPosition(RecordTrailer(record)) >= deleted_at) {
    return Version{RecordTrailer(record), RecordValue(record)};
  }
  if (deleted_at == 0) return std::nullopt;
  return Version{PackTrailer(deleted_at, EntryKind::kRangeDelete), {}};
}

std::unique_ptr<InternalIterator> Memtable::NewIterator() const {
  return std::make_unique<MemtableIterator>(index_->order);
}

size_t Memtable::bytes_used() const {
  return sizeof(Memtable) + sizeof(Index) + index_->arena.bytes_used();
}
const RangeDeletes& Memtable::range_deletes() const { return index_->range_deletes; }
const RangeDeletes& Memtable::dead_ranges() const { return index_->dead_ranges; }

// What came behind the newer of the two is all that is left.
CoveredStretch Memtable::HiddenAround(std::string_view stored_key, LogPos position) const {
  const CoveredStretch deleted = range_deletes().Around(stored_key, position);
  if (dead_ranges().empty()) [[likely]]
    return deleted;
  const CoveredStretch dead = dead_ranges().Around(stored_key, position);
  CoveredStretch both = deleted.deleted_at >= dead.deleted_at ? deleted : dead;
  both.NarrowTo(deleted);
  both.NarrowTo(dead);
  return both;
}
uint64_t Memtable::entries() const { return index_->entries.load(std::memory_order_relaxed); }
uint64_t Memtable::tombstones() const { return index_->tombstones.load(std::memory_order_relaxed); }
uint64_t Memtable::checksum() const { return index_->checksum.load(std::memory_order_relaxed); }
uint64_t Memtable::raw_bytes() const { return index_->raw_bytes.load(std::memory_order_relaxed); }
LogPos Memtable::first_position() const {
  return index_->first_position.load(std::memory_order_relaxed);
}
LogPos Memtable::last_position() const {
  return index_->last_position.load(std::memory_order_relaxed);
}

}  // namespace logwood
