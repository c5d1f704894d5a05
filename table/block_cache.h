// BlockCache: uncompressed blocks in memory, sharded, scan-resistant, strictly bounded.
//
// Capacity covers blocks in the cache, blocks pinned by readers, and what other owners reserve
// (filters and indexes of open tables, AdjustReserved). An insertion that does not fit even after
// eviction is refused: the caller keeps its block for itself. All calls are thread safe.
//
// Invariants: a block that a reader holds is never evicted, so what is held stays charged; one
// counter holds all charges, and an insertion adds to it only below capacity. Only AdjustReserved
// and SetCapacity can leave the counter above it: when all that could go has gone.
//
// Each shard evicts by S3-FIFO (Yang et al., "FIFO queues are all you need for cache eviction",
// SOSP 2023): new blocks wait in a small queue; those used again there, or again soon after they
// left it (their hash is remembered), go to the main queue. A scan passes through the small one.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <utility>

namespace logwood {

// One block of bytes, shared by the cache and by readers (intrusive count).
class CachedBlock {
 public:
  // Allocates `size` bytes; data() is writable until the block is shared. Null: there is no memory.
  static CachedBlock* Make(size_t size);
  char* data() { return reinterpret_cast<char*>(this + 1); }
  const char* data() const { return reinterpret_cast<const char*>(this + 1); }
  size_t size() const { return size_; }
  std::string_view view() const { return {data(), size_}; }
  // What it costs: bytes and bookkeeping.
  size_t charge() const { return size_ + sizeof(CachedBlock) + 64; }
  void Ref() const { references_.fetch_add(1, std::memory_order_relaxed); }
  void Unref() const;
  // Whether somebody beside the caller, who holds a reference, holds one.
  bool shared() const { return references_.load(std::memory_order_acquire) > 1; }

 private:
  explicit CachedBlock(size_t size) : size_(size) {}
  mutable std::atomic<uint32_t> references_{1};
  size_t size_;
};

// Owns one reference.
class BlockRef {
 public:
  BlockRef() = default;
  explicit BlockRef(const CachedBlock* adopted) : block_(adopted) {}
  BlockRef(const BlockRef& other) : block_(other.block_) {
    if (block_ != nullptr) block_->Ref();
  }
  BlockRef(BlockRef&& other) noexcept : block_(std::exchange(other.block_, nullptr)) {}
  BlockRef& operator=(BlockRef other) noexcept {
    std::swap(block_, other.block_);
    return *this;
  }
  ~BlockRef() {
    if (block_ != nullptr) block_->Unref();
  }
  explicit operator bool() const { return block_ != nullptr; }
  const CachedBlock* operator->() const { return block_; }
  const CachedBlock* get() const { return block_; }
  // For values handed to the user: keeps the block alive.
  std::shared_ptr<const void> ToShared() const;

 private:
  const CachedBlock* block_ = nullptr;
};

class BlockCache {
 public:
  struct Key {
    uint64_t table;  // unique for the life of the process, never reused
    uint64_t offset;
    friend bool operator==(const Key&, const Key&) = default;
  };
  explicit BlockCache(uint64_t capacity_bytes);
  ~BlockCache();
  BlockCache(const BlockCache&) = delete;
  BlockCache& operator=(const BlockCache&) = delete;

  // Null when it is not there. A hit costs no allocation.
  BlockRef Lookup(const Key& key);
  // Returns the block now in the cache for the key (another thread's, if it came first), or `block`
  // itself when it was refused.
  BlockRef Insert(const Key& key, BlockRef block);
  // Blocks of a table that is gone; those that readers hold leave by ageing. Cost: a walk over what
  // the cache holds, without holding up lookups for long.
  void EraseTable(uint64_t table);

  // Counts (or, when negative, no longer counts) bytes somebody else holds against the capacity;
  // evicts to make room.
  void AdjustReserved(int64_t delta_bytes);
  // The same for bytes of blocks that readers hold and that are not in the cache.
  void AdjustHeld(int64_t delta_bytes);
  // Lets the caller hold a block for as long as it likes. One that is not in the cache counts as
  // held until the result is gone, which may be after this cache.
  std::shared_ptr<const void> Hold(BlockRef block);
  // Blocks that readers hold and that are not in the cache.
  uint64_t held_bytes() const { return charges_->held.load(std::memory_order_relaxed); }
  // What is held and reserved beyond the capacity: the cache is empty then.
  uint64_t bytes_over_capacity() const {
    const uint64_t charged = charges_->all.load(std::memory_order_relaxed);
    const uint64_t capacity = capacity_bytes_.load(std::memory_order_relaxed);
    return charged > capacity ? charged - capacity : 0;
  }
  void SetCapacity(uint64_t capacity_bytes);

  struct Usage {
    uint64_t capacity_bytes = 0, block_bytes = 0, reserved_bytes = 0;
    uint64_t pinned_bytes = 0;  // of both: blocks that readers hold
    uint64_t hits = 0, misses = 0, inserts = 0, evictions = 0, refused = 0;
  };
  Usage usage() const;

 private:
  class Shard;
  static constexpr size_t kShards = 16;
  Shard& ShardOf(uint64_t hash) const;
  // Adds to the charges if that stays below capacity, evicting for it.
  bool ChargeBlock(uint64_t bytes, Shard& home);
  // Evicts one block from `first` or another shard; false when nothing can go.
  bool EvictOne(Shard& first);
  void EvictDownToCapacity();

  std::unique_ptr<Shard[]> shards_;
  // Relaxed all: figures that publish nothing.
  std::atomic<uint64_t> capacity_bytes_;
  struct Charges {
    std::atomic<uint64_t> all{0};  // blocks and reserved
    std::atomic<uint64_t> reserved{0};
    std::atomic<uint64_t> held{0};  // of reserved: blocks of readers
  };
  const std::shared_ptr<Charges> charges_ = std::make_shared<Charges>();
  std::atomic<uint64_t> refused_{0};
  std::atomic<uint32_t> hand_{0};  // whose turn it is to give room
};

}  // namespace logwood
