// RangeDeletes: what ranges of keys were deleted at which positions, for one inserter and any
// number of lock-free readers. Ranges that overlap are kept as fragments that do not, each with the
// positions that cover it, in a list that is never changed: an insertion publishes a new one.
#pragma once

#include <atomic>
#include <cstdint>
#include <span>
#include <string_view>

#include "logwood/types.h"
#include "util/arena.h"

namespace logwood {

class RangeDeletes {
 public:
  // Lists and keys lie in the arena until its end.
  explicit RangeDeletes(Arena* arena) : arena_(arena) {}
  RangeDeletes(const RangeDeletes&) = delete;
  RangeDeletes& operator=(const RangeDeletes&) = delete;

  // Of stored keys in [begin, end). Takes time and memory in proportion to the fragments there are.
  // REQUIRES: begin < end; position is no smaller than those before; the caller is the only
  // inserter.
  void Insert(std::string_view begin, std::string_view end, LogPos position);
  // The largest position at or below `position` at which a range that holds the key was deleted; 0:
  // there is none.
  LogPos Covering(std::string_view stored_key, LogPos position) const {
    const List* list = list_.load(std::memory_order_acquire);
    if (list == nullptr) [[likely]]
      return 0;
    return Covering(*list, stored_key, position);
  }

  struct Covers {
    LogPos position;
    const Covers* older;  // null: none
  };
  struct Fragment {
    std::string_view begin, end;
    const Covers* newest;
  };
  // As of now: ascending, disjoint; as long as the arena lives.
  std::span<const Fragment> fragments() const {
    const List* list = list_.load(std::memory_order_acquire);
    if (list == nullptr) return {};
    return {list->fragments, list->count};
  }

 private:
  struct List {
    const Fragment* fragments;  // ascending
    size_t count;
  };

  static LogPos Covering(const List& list, std::string_view stored_key, LogPos position);
  std::string_view Copy(std::string_view key);
  template <typename T>
  const T* Store(const T* from, size_t count);

  Arena* const arena_;
  std::atomic<const List*> list_{nullptr};
};

}  // namespace logwood
