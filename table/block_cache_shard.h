// One shard of the block cache: a hash table and the two queues of S3-FIFO. See block_cache.h.
#pragma once

#include <cstdint>
#include <vector>

#include "table/block_cache.h"
#include "util/sync.h"

namespace logwood {

// On lines of its own. Blocks it returns carry a reference for the caller, who lets go of them
// outside the lock.
class alignas(64) BlockCache::Shard {
 public:
  Shard();
  ~Shard();
  Shard(const Shard&) = delete;
  Shard& operator=(const Shard&) = delete;

  const CachedBlock* Lookup(const Key& key, uint64_t hash) EXCLUDES(mutex_);
  // Adopts the reference of `block` and returns null; or, when the key is there, returns that
  // block and leaves `block` to the caller.
  const CachedBlock* Insert(const Key& key, uint64_t hash, const CachedBlock* block)
      EXCLUDES(mutex_);
  // The reference the cache had; null when nothing can go.
  const CachedBlock* Evict() EXCLUDES(mutex_);
  // Takes unheld blocks of the table out into `removed`, looking at [*from, *from + limit) of what
  // is there; advances *from. False when it came to the end.
  bool TakeTable(uint64_t table, uint32_t* from, std::vector<const CachedBlock*>* removed)
      EXCLUDES(mutex_);
  // Adds its part; a walk over its blocks, in pieces.
  void AddUsage(Usage* usage) EXCLUDES(mutex_);
  // May be stale.
  uint64_t bytes() const { return bytes_.load(std::memory_order_relaxed); }

 private:
  static constexpr uint32_t kNone = UINT32_MAX;
  static constexpr uint32_t kWalkPiece = 1024;
  static constexpr uint8_t kHitsMax = 3;
  // So many entries are looked at before hits no longer protect one, and before giving up is as
  // many again: what is done under the lock is bounded.
  static constexpr uint32_t kExaminedMax = 64;

  enum class In : uint8_t { kNowhere, kSmall, kMain };
  struct Entry {
    Key key{};
    const CachedBlock* block = nullptr;
    uint32_t chain = kNone;                 // next in the bucket, or in the list of free ones
    uint32_t newer = kNone, older = kNone;  // in its queue
    uint8_t hits = 0;
    In in = In::kNowhere;
  };
  struct Queue {
    uint32_t newest = kNone, oldest = kNone, count = 0;
    uint64_t bytes = 0;
  };

  Queue& QueueOf(In in) REQUIRES(mutex_) { return in == In::kSmall ? small_ : main_; }
  uint32_t Find(const Key& key, uint64_t hash) const REQUIRES(mutex_);
  void Push(uint32_t at, In in) REQUIRES(mutex_);
  void Unlink(uint32_t at) REQUIRES(mutex_);
  const CachedBlock* Remove(uint32_t at, uint64_t hash) REQUIRES(mutex_);
  const CachedBlock* EvictFrom(In in) REQUIRES(mutex_);
  void Grow() REQUIRES(mutex_);

  Mutex mutex_;
  std::vector<uint32_t> buckets_ GUARDED_BY(mutex_);  // a power of two, as ghosts_
  std::vector<Entry> entries_ GUARDED_BY(mutex_);
  // Hashes of blocks that left the small queue unused; each new one takes an old one's place.
  std::vector<uint64_t> ghosts_ GUARDED_BY(mutex_);
  uint32_t free_ GUARDED_BY(mutex_) = kNone;
  Queue small_ GUARDED_BY(mutex_);
  Queue main_ GUARDED_BY(mutex_);
  uint64_t hits_ GUARDED_BY(mutex_) = 0;
  uint64_t misses_ GUARDED_BY(mutex_) = 0;
  uint64_t inserts_ GUARDED_BY(mutex_) = 0;
  uint64_t evictions_ GUARDED_BY(mutex_) = 0;
  std::atomic<uint64_t> bytes_{0};  // of both queues, for who has no lock; relaxed
};

}  // namespace logwood
