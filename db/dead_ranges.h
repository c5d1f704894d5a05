// Dead ranges: an iterator that stepped over a long run of deleted keys leaves a note of it in the
// active memtable, and those that come later pass the run in one seek. A queue whose consumer
// begins at its front would walk over all that was ever taken from it, else.
//
// The note is what a range delete is, without being one: nobody reads a key of the run, so that one
// more delete of all of it changes nothing. It lies in memory alone, and only iterators look at it.
// The leader of the write queue inserts it, as all else, once it has seen that nothing came into
// the run since the iterator's position.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <string>

#include "memtable/memtable.h"
#include "util/sync.h"

namespace logwood {

// At `position` no key in [begin, end) was there for anybody; commits behind it are in `active`.
struct DeadRange {
  std::weak_ptr<const Memtable> active;
  std::string begin, end;  // stored keys
  LogPos position = 0;
};

// What was left by readers and not taken yet: the newest alone, the run is walked again else.
// Thread safe.
class DeadRangeOffers {
 public:
  void Offer(DeadRange range);
  bool pending() const { return pending_.load(std::memory_order_relaxed); }
  std::optional<DeadRange> Take();

 private:
  Mutex mutex_;
  std::optional<DeadRange> offered_ GUARDED_BY(mutex_);
  std::atomic<bool> pending_{false};
};

// Notes of the range what still holds; nothing where another memtable is active by now. From the
// position of the next commit on: no iterator that there is may come to know of it, since it would
// go by it in one source and not in another.
// REQUIRES: the caller is the only inserter of `active`; nothing in it has the position `next`.
void NoteDeadRange(const DeadRange& range, LogPos next, Memtable* active);

}  // namespace logwood
