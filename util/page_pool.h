// PagePool: pieces of memory of one size that are used again instead of going back and forth
// between the process and the system. For memory that is freed by the megabyte and soon wanted
// again: the next memtable takes what the last one had. Thread safe.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <utility>
#include <vector>

#include "util/fork_watch.h"
#include "util/pages.h"
#include "util/sync.h"

namespace logwood {

class PagePool {
 public:
  // A piece is kept for later when it and all others, used and kept, take at most `kept_bytes_max`.
  PagePool(size_t piece_bytes, size_t kept_bytes_max)
      : piece_bytes_(piece_bytes), kept_bytes_max_(kept_bytes_max) {}

  size_t piece_bytes() const { return piece_bytes_; }

  Pages Take() {
    used_pieces_.fetch_add(1, std::memory_order_relaxed);
    {
      MutexLock lock(mutex_);
      if (!spares_.empty()) {
        Pages piece = std::move(spares_.back());
        spares_.pop_back();
        unneeded_ = std::min(unneeded_, spares_.size());
        Count();
        return piece;
      }
    }
    return MakePages(piece_bytes_);
  }

  // REQUIRES: the piece came from Take.
  void Give(Pages piece) {
    const size_t used = used_pieces_.fetch_sub(1, std::memory_order_relaxed);
    if (in_child_.load(std::memory_order_relaxed)) [[unlikely]]
      return;  // the lock may be held there
    MutexLock lock(mutex_);
    if ((used + spares_.size()) * piece_bytes_ > kept_bytes_max_) return;
    spares_.push_back(std::move(piece));
    Count();
  }

  // Frees what nobody needed since the last call.
  void Trim() {
    std::vector<Pages> gone;  // freed after the lock
    MutexLock lock(mutex_);
    for (; unneeded_ > 0; --unneeded_) {
      gone.push_back(std::move(spares_.back()));
      spares_.pop_back();
    }
    unneeded_ = spares_.size();
    Count();
  }

  // What is kept and not used; a figure.
  size_t spare_bytes() const { return spare_bytes_.load(std::memory_order_relaxed); }

 private:
  void Count() REQUIRES(mutex_) {
    spare_bytes_.store(spares_.size() * piece_bytes_, std::memory_order_relaxed);
  }

  const size_t piece_bytes_, kept_bytes_max_;
  std::atomic<bool> in_child_{false};
  const ForkWatch fork_watch_{[](void* self) {
                                static_cast<PagePool*>(self)->in_child_.store(
                                    true, std::memory_order_relaxed);
                              },
                              this};
  std::atomic<size_t> used_pieces_{0};
  std::atomic<size_t> spare_bytes_{0};
  Mutex mutex_;
  std::vector<Pages> spares_ GUARDED_BY(mutex_);
  size_t unneeded_ GUARDED_BY(mutex_) = 0;  // the fewest spares since the last Trim
};

}  // namespace logwood
