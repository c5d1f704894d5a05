#include "table/block_cache.h"

#include <new>
#include <vector>

#include "table/block_cache_shard.h"
#include "util/check.h"
#include "util/hash.h"

namespace logwood {

static_assert(sizeof(CachedBlock) == 16 && __STDCPP_DEFAULT_NEW_ALIGNMENT__ >= 16,
              "a block's bytes begin aligned to 16");

CachedBlock* CachedBlock::Make(size_t size) {
  void* const room = ::operator new(sizeof(CachedBlock) + size, std::nothrow);
  return room != nullptr ? new (room) CachedBlock(size) : nullptr;
}

void CachedBlock::Unref() const {
  // Release: what this holder did happens before the deletion; acquire: by whoever comes last.
  if (references_.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
  this->~CachedBlock();
  ::operator delete(const_cast<CachedBlock*>(this));
}

std::shared_ptr<const void> BlockRef::ToShared() const {
  if (block_ == nullptr) return nullptr;
  block_->Ref();
  return {block_->data(), [block = block_](const void*) { block->Unref(); }};
}

BlockCache::BlockCache(uint64_t capacity_bytes)
    : shards_(std::make_unique<Shard[]>(kShards)), capacity_bytes_(capacity_bytes) {}
BlockCache::~BlockCache() = default;

// Shards by the high bits, buckets by the low ones.
BlockCache::Shard& BlockCache::ShardOf(uint64_t hash) const {
  return shards_[(hash >> 32) % kShards];
}

BlockRef BlockCache::Lookup(const Key& key) {
  const uint64_t hash = HashMix(key.table, key.offset);
  return BlockRef(ShardOf(hash).Lookup(key, hash));
}

BlockRef BlockCache::Insert(const Key& key, BlockRef block) {
  CHECK(block);
  const uint64_t hash = HashMix(key.table, key.offset);
  Shard& shard = ShardOf(hash);
  if (!ChargeBlock(block->charge(), shard)) {
    refused_.fetch_add(1, std::memory_order_relaxed);
    return block;
  }
  block->Ref();  // for the cache
  const CachedBlock* first = shard.Insert(key, hash, block.get());
  if (first == nullptr) return block;
  charges_->all.fetch_sub(block->charge(), std::memory_order_relaxed);
  block->Unref();
  return BlockRef(first);
}

bool BlockCache::ChargeBlock(uint64_t bytes, Shard& home) {
  uint64_t charged = charges_->all.load(std::memory_order_relaxed);
  for (;;) {
    const uint64_t capacity = capacity_bytes_.load(std::memory_order_relaxed);
    const uint64_t reserved = charges_->reserved.load(std::memory_order_relaxed);
    if (reserved > capacity || bytes > capacity - reserved) return false;
    if (charged <= capacity && bytes <= capacity - charged) {
      if (charges_->all.compare_exchange_weak(charged, charged + bytes,
                                              std::memory_order_relaxed)) {
        return true;
      }
      continue;
    }
    // A shard with more than its share gives first, so that all stay about the same.
    const bool has_share = home.bytes() >= (capacity - reserved) / kShards;
    const uint32_t turn = has_share ? 0 : hand_.fetch_add(1, std::memory_order_relaxed);
    if (!EvictOne(has_share ? home : shards_[turn % kShards])) return false;
    charged = charges_->all.load(std::memory_order_relaxed);
  }
}

bool BlockCache::EvictOne(Shard& first) {
  const auto begin = static_cast<size_t>(&first - shards_.get());
  for (size_t i = 0; i < kShards; ++i) {
    const CachedBlock* block = shards_[(begin + i) % kShards].Evict();
    if (block == nullptr) continue;
    const uint64_t bytes = block->charge();
    block->Unref();
    charges_->all.fetch_sub(bytes, std::memory_order_relaxed);
    return true;
  }
  return false;
}

void BlockCache::EvictDownToCapacity() {
  while (charges_->all.load(std::memory_order_relaxed) >
         capacity_bytes_.load(std::memory_order_relaxed)) {
    if (!EvictOne(shards_[hand_.fetch_add(1, std::memory_order_relaxed) % kShards])) return;
  }
}

void BlockCache::EraseTable(uint64_t table) {
  std::vector<const CachedBlock*> removed;
  for (size_t i = 0; i < kShards; ++i) {
    uint32_t from = 0;
    for (bool more = true; more;) {
      more = shards_[i].TakeTable(table, &from, &removed);
      for (const CachedBlock* block : removed) {
        charges_->all.fetch_sub(block->charge(), std::memory_order_relaxed);
        block->Unref();
      }
      removed.clear();
    }
  }
}

void BlockCache::AdjustReserved(int64_t delta_bytes) {
  // Unsigned arithmetic wraps: adding a negative number subtracts.
  const auto delta = static_cast<uint64_t>(delta_bytes);
  charges_->reserved.fetch_add(delta, std::memory_order_relaxed);
  charges_->all.fetch_add(delta, std::memory_order_relaxed);
  if (delta_bytes > 0) EvictDownToCapacity();
}

void BlockCache::AdjustHeld(int64_t delta_bytes) {
  charges_->held.fetch_add(static_cast<uint64_t>(delta_bytes), std::memory_order_relaxed);
  AdjustReserved(delta_bytes);
}

std::shared_ptr<const void> BlockCache::Hold(BlockRef block) {
  if (block->shared()) return block.ToShared();
  const uint64_t bytes = block->charge();
  AdjustHeld(static_cast<int64_t>(bytes));
  const char* data = block->data();
  return {data, [block = std::move(block), charges = charges_, bytes](const void*) {
            charges->held.fetch_sub(bytes, std::memory_order_relaxed);
            charges->reserved.fetch_sub(bytes, std::memory_order_relaxed);
            charges->all.fetch_sub(bytes, std::memory_order_relaxed);
          }};
}

void BlockCache::SetCapacity(uint64_t capacity_bytes) {
  capacity_bytes_.store(capacity_bytes, std::memory_order_relaxed);
  EvictDownToCapacity();
}

BlockCache::Usage BlockCache::usage() const {
  Usage usage;
  for (size_t i = 0; i < kShards; ++i) shards_[i].AddUsage(&usage);
  usage.capacity_bytes = capacity_bytes_.load(std::memory_order_relaxed);
  usage.reserved_bytes = charges_->reserved.load(std::memory_order_relaxed);
  usage.pinned_bytes += charges_->held.load(std::memory_order_relaxed);
  usage.refused = refused_.load(std::memory_order_relaxed);
  return usage;
}

}  // namespace logwood
