#include "table/block_cache.h"

#include <new>
#include <vector>

#include "table/block_cache_shard.h"
#include "table/block_memory.h"
#include "util/check.h"
#include "util/hash.h"

namespace logwood {

static_assert(sizeof(CachedBlock) == 32, "a block's bytes begin aligned to 16");

namespace {

// What the cache spends on an entry beside the block itself.
constexpr size_t kEntryBytes = 96;

}  // namespace

CachedBlock* CachedBlock::Make(size_t size) {
  try {
    return new (AllocateBlockMemory(sizeof(CachedBlock) + size)) CachedBlock(size);
  } catch (const std::bad_alloc&) {
    return nullptr;
  }
}

size_t CachedBlock::charge() const {
  return BlockMemoryBytes(sizeof(CachedBlock) + size_) + kEntryBytes;
}

void CachedBlock::Destroy() const {
  if (held_ != 0) {
    const uint64_t bytes = charge();
    CacheCharges::Add(charges_->held, -bytes);
    charges_->AddReserved(-bytes);
  }
  const size_t bytes = sizeof(CachedBlock) + size_;
  this->~CachedBlock();
  FreeBlockMemory(const_cast<CachedBlock*>(this), bytes);
}

void CachedBlock::Pin() const {
  if (pins_.fetch_add(1, std::memory_order_relaxed) != 0) return;
  CacheCharges::Add(charges_->pinned, charge());
}

void CachedBlock::Unpin() const {
  if (pins_.fetch_sub(1, std::memory_order_relaxed) != 1) return;
  CacheCharges::Add(charges_->pinned, -charge());
}

std::shared_ptr<const void> BlockRef::ToShared() const {
  if (block_ == nullptr) return nullptr;
  block_->Ref();
  return {block_->data(), [block = block_](const void*) { block->Unref(); }};
}

BlockCache::BlockCache(const Limits& limits)
    : shards_(std::make_unique<Shard[]>(kShards)),
      capacity_bytes_(limits.capacity_bytes),
      blocks_bytes_max_(limits.blocks_bytes_max),
      pins_bytes_max_(limits.pins_bytes_max) {}
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
  block->charges_ = charges_;
  if (!ChargeBlock(block->charge(), shard)) {
    refused_.fetch_add(1, std::memory_order_relaxed);
    block->held_ = 1;
    CacheCharges::Add(charges_->held, block->charge());
    charges_->AddReserved(block->charge());
    return block;
  }
  block->Ref();  // for the cache
  const CachedBlock* first = shard.Insert(key, hash, block.get());
  if (first == nullptr) return block;
  CacheCharges::Add(charges_->all, -block->charge());
  block->Unref();
  return BlockRef(first);
}

void BlockCache::Adopt(const BlockRef& block) {
  block->charges_ = charges_;
  block->held_ = 1;
  AdjustHeld(static_cast<int64_t>(block->charge()));
}

uint64_t BlockCache::Room(uint64_t reserved) const {
  const uint64_t capacity = capacity_bytes_.load(std::memory_order_relaxed);
  if (capacity < reserved || capacity - reserved < blocks_bytes_max_) return capacity;
  return reserved + blocks_bytes_max_;
}

bool BlockCache::ChargeBlock(uint64_t bytes, Shard& home) {
  uint64_t charged = charges_->all.load(std::memory_order_relaxed);
  for (;;) {
    const uint64_t reserved = charges_->reserved.load(std::memory_order_relaxed);
    const uint64_t room = Room(reserved);
    if (reserved > room || bytes > room - reserved) return false;
    if (charged <= room && bytes <= room - charged) {
      if (charges_->all.compare_exchange_weak(charged, charged + bytes,
                                              std::memory_order_relaxed)) {
        return true;
      }
      continue;
    }
    // A shard with more than its share gives first, so that all stay about the same.
    const bool has_share = home.bytes() >= (room - reserved) / kShards;
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
  charges_->AddReserved(static_cast<uint64_t>(delta_bytes));
  if (delta_bytes > 0) EvictDownToCapacity();
}

void BlockCache::AdjustHeld(int64_t delta_bytes) {
  CacheCharges::Add(charges_->held, static_cast<uint64_t>(delta_bytes));
  AdjustReserved(delta_bytes);
}

void BlockCache::AdjustJobs(int64_t delta_bytes) {
  CacheCharges::Add(charges_->jobs, static_cast<uint64_t>(delta_bytes));
  AdjustReserved(delta_bytes);
}

std::shared_ptr<const void> BlockCache::Hold(BlockRef block) {
  block->Pin();
  const char* data = block->data();
  return {data, [block = std::move(block)](const void*) { block->Unpin(); }};
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
