// BlockCache: uncompressed blocks in memory, sharded, scan-resistant, strictly bounded
// (invariant 26); and the books of the memory budget.
//
// Capacity covers blocks in the cache, blocks that readers hold outside of it, and what other
// owners reserve (memtables, open tables, jobs). An insertion that does not fit even after eviction
// is refused: the caller keeps its block for itself, where it stays charged until it dies. All
// calls are thread safe.
//
// Invariants: a block that a reader holds is never evicted, so what is held stays charged; one
// counter holds all charges, and an insertion adds to it only below capacity. Only AdjustReserved,
// blocks held outside and SetCapacity can leave the counter above it: when all that could go has
// gone.
//
// What readers hold also counts as *pinned*, wherever it lies: it is what they can be asked to let
// go of (PinsCrowded) or refused (PinsFull).
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

// The counters behind a cache; they outlive it with its last block. Relaxed all: figures that
// publish nothing. Unsigned arithmetic wraps: adding a negative number subtracts.
struct CacheCharges {
  std::atomic<uint64_t> all{0};  // blocks in the cache and reserved
  std::atomic<uint64_t> reserved{0};
  std::atomic<uint64_t> held{0};  // of reserved: by readers, outside of the cache
  std::atomic<uint64_t> jobs{0};  // of reserved: by flush, compaction and their like
  // By readers, in the cache or not. A block that several iterators stand on counts for each.
  alignas(64) std::atomic<uint64_t> pinned{0};

  static void Add(std::atomic<uint64_t>& counter, uint64_t bytes) {
    counter.fetch_add(bytes, std::memory_order_relaxed);
  }
  void AddReserved(uint64_t bytes) {
    Add(reserved, bytes);
    Add(all, bytes);
  }
};

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
  size_t charge() const;
  void Ref() const { references_.fetch_add(1, std::memory_order_relaxed); }
  void Unref() const {
    // Release: what this holder did happens before the deletion; acquire: by whoever comes last.
    if (references_.fetch_sub(1, std::memory_order_acq_rel) == 1) Destroy();
  }
  // Whether somebody beside the caller, who holds a reference, holds one.
  bool shared() const { return references_.load(std::memory_order_acquire) > 1; }

 private:
  friend class BlockCache;
  explicit CachedBlock(size_t size) : size_(size) {}
  ~CachedBlock() = default;
  void Destroy() const;
  void Pin() const;
  void Unpin() const;

  mutable std::atomic<uint32_t> references_{1};
  mutable std::atomic<uint32_t> pins_{0};  // by values handed to the user
  // The size, and whether the block is charged as held. Both this and charges_ are set by the only
  // holder, before it shares the block.
  uint64_t size_ : 63;
  mutable uint64_t held_ : 1 = 0;
  mutable std::shared_ptr<CacheCharges> charges_;
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
  struct Limits {
    uint64_t capacity_bytes = 0;
    uint64_t blocks_bytes_max = ~uint64_t{0};  // of capacity: blocks in the cache
    uint64_t pins_bytes_max = ~uint64_t{0};    // beyond it readers are refused
  };
  explicit BlockCache(const Limits& limits);
  explicit BlockCache(uint64_t capacity_bytes) : BlockCache(Limits{capacity_bytes}) {}
  ~BlockCache();
  BlockCache(const BlockCache&) = delete;
  BlockCache& operator=(const BlockCache&) = delete;

  // Null when it is not there. A hit costs no allocation.
  BlockRef Lookup(const Key& key);
  // Returns the block now in the cache for the key (another thread's, if it came first), or `block`
  // itself when it was refused; it then counts as held until it dies.
  // REQUIRES: nobody else holds the block.
  BlockRef Insert(const Key& key, BlockRef block);
  // Counts a block that stays outside of the cache as held until it dies, which may be after this
  // cache. REQUIRES: nobody else holds the block.
  void Adopt(const BlockRef& block);
  // Blocks of a table that is gone; those that readers hold leave by ageing. Cost: a walk over what
  // the cache holds, without holding up lookups for long.
  void EraseTable(uint64_t table);

  // Counts (or, when negative, no longer counts) bytes somebody else holds against the capacity;
  // evicts to make room.
  void AdjustReserved(int64_t delta_bytes);
  // The same for bytes of readers, and of jobs.
  void AdjustHeld(int64_t delta_bytes);
  void AdjustJobs(int64_t delta_bytes);

  // Lets the caller hold a block of this cache for as long as it likes, as a pin, which may be
  // after this cache.
  std::shared_ptr<const void> Hold(BlockRef block);
  void AdjustPinned(int64_t delta_bytes) {
    CacheCharges::Add(charges_->pinned, static_cast<uint64_t>(delta_bytes));
  }
  uint64_t pinned_bytes() const { return charges_->pinned.load(std::memory_order_relaxed); }
  // Whether readers shall let go of what they can; and whether new pins are refused because of
  // those there are, without `own_bytes` of the caller's.
  bool PinsCrowded() const { return pinned_bytes() > pins_bytes_max_ / 4 * 3; }
  bool PinsFull(uint64_t own_bytes = 0) const {
    const uint64_t pinned = pinned_bytes();
    return pinned > pins_bytes_max_ && pinned - pins_bytes_max_ > own_bytes;
  }

  // Everything: blocks in the cache and what is reserved.
  uint64_t charged_bytes() const { return charges_->all.load(std::memory_order_relaxed); }
  uint64_t held_bytes() const { return charges_->held.load(std::memory_order_relaxed); }
  uint64_t jobs_bytes() const { return charges_->jobs.load(std::memory_order_relaxed); }
  // What is held and reserved beyond the capacity: the cache is empty then.
  uint64_t bytes_over_capacity() const {
    const uint64_t charged = charges_->all.load(std::memory_order_relaxed);
    const uint64_t capacity = capacity_bytes_.load(std::memory_order_relaxed);
    return charged > capacity ? charged - capacity : 0;
  }
  void SetCapacity(uint64_t capacity_bytes);

  struct Usage {
    uint64_t capacity_bytes = 0, block_bytes = 0, reserved_bytes = 0;
    uint64_t pinned_bytes = 0;  // of both: what readers hold, each block once
    uint64_t hits = 0, misses = 0, inserts = 0, evictions = 0, refused = 0;
  };
  Usage usage() const;

 private:
  class Shard;
  static constexpr size_t kShards = 16;
  Shard& ShardOf(uint64_t hash) const;
  // Adds to the charges if that stays below capacity, evicting for it.
  bool ChargeBlock(uint64_t bytes, Shard& home);
  // What blocks and reserved bytes may take while so much is reserved.
  uint64_t Room(uint64_t reserved) const;
  // Evicts one block from `first` or another shard; false when nothing can go.
  bool EvictOne(Shard& first);
  void EvictDownToCapacity();

  std::unique_ptr<Shard[]> shards_;
  // Relaxed, as all figures here.
  std::atomic<uint64_t> capacity_bytes_;
  const uint64_t blocks_bytes_max_, pins_bytes_max_;
  const std::shared_ptr<CacheCharges> charges_ = std::make_shared<CacheCharges>();
  std::atomic<uint64_t> refused_{0};
  std::atomic<uint32_t> hand_{0};  // whose turn it is to give room
};

}  // namespace logwood
