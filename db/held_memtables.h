// HeldMemtables: flushed memtables that iterators or pinned values still read. They count against
// the memory budget until the last of those is gone. Thread safe.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "memtable/memtable.h"
#include "table/block_cache.h"
#include "util/sync.h"

namespace logwood {

class HeldMemtables {
 public:
  // `cache` gives up as much room as they take; it outlives this.
  explicit HeldMemtables(BlockCache* cache) : cache_(cache) {}

  // The tree no longer has it, and somebody may still read it. Else it is freed here.
  void Add(std::shared_ptr<const Memtable> memtable) {
    Held held{memtable, memtable->bytes_used()};
    memtable.reset();
    MutexLock lock(mutex_);
    held_.push_back(std::move(held));
    RecountLocked();
  }
  // Looks again which of them are gone.
  void Recount() {
    MutexLock lock(mutex_);
    if (!held_.empty()) RecountLocked();
  }
  uint64_t bytes() const { return bytes_.load(std::memory_order_relaxed); }

 private:
  struct Held {
    std::weak_ptr<const Memtable> memtable;
    uint64_t bytes;
  };
  void RecountLocked() REQUIRES(mutex_) {
    std::erase_if(held_, [](const Held& held) { return held.memtable.expired(); });
    uint64_t sum = 0;
    for (const Held& held : held_) sum += held.bytes;
    const uint64_t before = bytes_.exchange(sum, std::memory_order_relaxed);
    if (sum == before) return;
    cache_->AdjustReserved(static_cast<int64_t>(sum) - static_cast<int64_t>(before));
  }

  BlockCache* const cache_;
  Mutex mutex_;
  std::vector<Held> held_ GUARDED_BY(mutex_);
  std::atomic<uint64_t> bytes_{0};
};

}  // namespace logwood
