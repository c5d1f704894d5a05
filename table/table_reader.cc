#include "table/table_reader.h"

#include "table/table_iterator.h"
#include "table/table_state.h"
#include "util/expiring_value.h"
#include "util/merge_value.h"
#include "util/status_macros.h"

namespace logwood {

namespace {

// A block that lies in memory but in no cache line: what a search touches comes in all at once
// instead of one miss after the other. Covers heads and offsets of a block of some 40 entries.
void PrefetchArrays(const CachedBlock& block) {
  constexpr size_t kLineBytes = 64;
  constexpr size_t kPrefetchedBytes = 5 * kLineBytes;
  const size_t end = block.size() < kPrefetchedBytes ? block.size() : kPrefetchedBytes;
  for (size_t at = kLineBytes; at < end; at += kLineBytes) __builtin_prefetch(block.data() + at);
}

void CountOne(std::atomic<uint64_t>* counter) { counter->fetch_add(1, std::memory_order_relaxed); }

}  // namespace

Result<BlockRef> TableReader::State::ReadFromFile(const BlockHandle& handle) const {
  CountRead(handle.size);
  return ReadBlock(source, handle, BlockUse::kData);
}

Result<BlockRef> TableReader::State::LoadFromFile(const BlockHandle& handle,
                                                  bool fill_cache) const {
  Result<BlockRef> block = ReadFromFile(handle);
  if (!block.ok() || cache == nullptr) return block;
  if (fill_cache) return cache->Insert({cache_id, handle.offset}, std::move(block).value());
  cache->Adopt(*block);
  return block;
}

Result<BlockRef> TableReader::State::Load(const BlockHandle& handle, bool fill_cache) const {
  if (cache != nullptr) {
    if (BlockRef cached = cache->Lookup({cache_id, handle.offset})) {
      PrefetchArrays(*cached.get());
      return cached;
    }
  }
  return LoadFromFile(handle, fill_cache);
}

TableReader::TableReader(std::unique_ptr<State> state) : state_(std::move(state)) {}
TableReader::~TableReader() = default;

namespace {

// No newer entry of the key is in the table.
void FinishDeleted(LogPos deleted_at, LookupResult* result) {
  if (deleted_at == 0) return;
  result->finished = true;
  result->trailer = PackTrailer(deleted_at, EntryKind::kRangeDelete);
}

}  // namespace

Status TableReader::Get(const LookupKey& key, bool fill_cache, LookupResult* result) const {
  const State& s = *state_;
  LogPos deleted_at = 0;
  if (s.range_deletes != nullptr) [[unlikely]]
    deleted_at = s.range_deletes->Covering(key.stored, key.position);
  uint64_t trailer = SeekTrailer(key.position);
  if (s.position_override != 0) [[unlikely]] {
    if (s.position_override > key.position) return {};
    trailer = ~uint64_t{0};  // stored positions do not count
  }
  const bool filtered = !s.filter.empty();
  if (filtered) {
    const bool passed = s.filter.MayContain(key.hash);
    if (s.counters != nullptr) {
      CountOne(&s.counters->filter_checks);
      if (!passed) CountOne(&s.counters->filter_negatives);
    }
    if (!passed) {
      FinishDeleted(deleted_at, result);
      return {};
    }
  }
  // A block's separator is >= its entries and < those of the next: no second block is needed.
  const uint32_t number = s.index.Seek(key.stored, trailer);
  if (number < s.index.count()) {
    Result<BlockRef> loaded = s.Load(s.handle(number), fill_cache);
    if (!loaded.ok()) [[unlikely]]
      return std::move(loaded).status();
    const Block block(BlockPayload(*loaded->get()));
    const uint32_t at = block.Seek(key.stored, trailer);
    if (at < block.count()) {
      const BlockEntry entry = block.entry(at);
      if (block.KeyEquals(at, entry, key.stored)) {
        if (TrailerPosition(entry.trailer) < deleted_at) [[unlikely]] {
          FinishDeleted(deleted_at, result);
          return {};
        }
        if (TrailerKind(entry.trailer) == EntryKind::kMerge) [[unlikely]]
          return GetMerges(key, deleted_at, fill_cache, result);
        result->finished = true;
        result->trailer = s.position_override == 0
                              ? entry.trailer
                              : PackTrailer(s.position_override, TrailerKind(entry.trailer));
        std::string_view value = entry.value();
        if (TrailerKind(entry.trailer) == EntryKind::kPutExpiring) [[unlikely]] {
          result->expires_us = ExpiryOf(value);
          value = WithoutExpiry(value);
        }
        if (result->value == nullptr) return {};
        if (value.size() < kPinnedBytesMin) {
          result->value->Assign(value);
        } else {
          result->value->Pin(value, s.Hold(std::move(loaded).value()));
        }
        return {};
      }
    }
  }
  if (filtered && s.counters != nullptr) CountOne(&s.counters->filter_false_positives);
  FinishDeleted(deleted_at, result);
  return {};
}

// The key's newest visible entry is a merge: goes on through the others, over the ends of blocks.
Status TableReader::GetMerges(const LookupKey& key, LogPos deleted_at, bool fill_cache,
                              LookupResult* result) const {
  TableScanOptions scan;
  scan.fill_cache = fill_cache;
  const std::unique_ptr<InternalIterator> it = NewIterator(scan);
  for (it->Seek(key.stored, SeekTrailer(key.position));
       it->Valid() && it->entry().key == key.stored;) {
    const Entry& entry = it->entry();
    if (entry.position() < deleted_at) break;
    if (entry.kind() == EntryKind::kMerge) {
      const auto value = std::make_shared<const std::string>(entry.value);
      result->merges.push_back({*value, value});
      if (!MergeEndsLookup(*value)) {
        const uint64_t below = MergeBelow(*value, entry.position());
        do {
          it->Next();
        } while (it->Valid() && it->entry().key == key.stored && it->entry().trailer > below);
        continue;
      }
    }
    result->finished = true;
    result->trailer = entry.trailer;
    if (entry.kind() == EntryKind::kMerge) return {};
    const MergedOnto base = BaseOf(entry.kind(), entry.value);
    result->expires_us = base.expires_us;
    if (base.kind != MergeBase::kNothing && result->value != nullptr) {
      result->value->Assign(base.value);
    }
    return {};
  }
  RETURN_IF_ERROR(it->status());
  FinishDeleted(deleted_at, result);
  return {};
}

std::unique_ptr<InternalIterator> TableReader::NewIterator(const TableScanOptions& options) const {
  return std::make_unique<TableIterator>(shared_from_this(), options);
}

const RangeFragmentsPtr& TableReader::range_deletes() const { return state_->range_deletes; }
const TableProperties& TableReader::properties() const { return state_->properties; }
const Id128& TableReader::id() const { return state_->source.id; }
const std::string& TableReader::path() const { return state_->source.path; }
uint64_t TableReader::file_bytes() const { return state_->file_bytes; }
uint64_t TableReader::cache_id() const { return state_->cache_id; }

uint64_t TableReader::ApproximateOffset(std::string_view stored_key) const {
  const uint32_t number = state_->index.Seek(stored_key, ~uint64_t{0});
  if (number == state_->index.count()) return state_->data_end();
  return state_->handle(number).offset;
}

uint64_t TableReader::ApproximateEntries(std::string_view begin, std::string_view end) const {
  const uint64_t from = ApproximateOffset(begin), to = ApproximateOffset(end);
  if (to <= from) return 0;
  const double share = static_cast<double>(to - from) / static_cast<double>(state_->data_end());
  return static_cast<uint64_t>(share * static_cast<double>(state_->properties.entries));
}

uint64_t TableReader::memory_bytes() const {
  const State& s = *state_;
  return sizeof(*this) + sizeof(State) + s.index_block->charge() + s.filter.memory_bytes() +
         s.properties.smallest_key.capacity() + s.properties.largest_key.capacity() +
         (s.range_deletes ? s.range_deletes->memory_bytes() : 0) + s.source.path.capacity() +
         64 * s.properties.keyspace_entries.size();
}

}  // namespace logwood
