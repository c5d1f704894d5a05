// RangeDeletes: what ranges of keys were deleted at which positions, for one inserter and any
// number of lock-free readers.
//
// Each insertion makes a new map of ranges that do not overlap, each with the newest position at
// which it was deleted, and keeps the old maps: they share all but the path to what changed (a
// treap, copied path by path: Driscoll, Sarnak, Sleator, Tarjan, "Making data structures
// persistent", 1989). So a reader of an older position finds the map of its position as it was, and
// an insertion costs the logarithm of what is there, in time and memory.
//
// Of each range it is known between which keys entries lie that came after it. A walk goes by the
// rest of the range in one seek: all of a queue's front that was taken, entry by entry else.
// Why that is enough for a reader as of position p. It finds the map of the last insertion at or
// below p. What came later than the next insertion is newer than p, and nothing to it; what came
// before was noted in this map, or in one before it, whose notes this one took over. And notes are
// made before the entry is there, entries before their position is published (memtable.h).
#pragma once

#include <atomic>
#include <cstdint>
#include <string_view>

#include "logwood/types.h"
#include "memtable/record.h"
#include "util/arena.h"
#include "util/range_fragments.h"

namespace logwood {

class RangeDeletes {
 public:
  // Maps and keys lie in the arena until its end.
  explicit RangeDeletes(Arena* arena) : arena_(arena) {}
  RangeDeletes(const RangeDeletes&) = delete;
  RangeDeletes& operator=(const RangeDeletes&) = delete;

  // Of stored keys in [begin, end).
  // REQUIRES: begin < end; position is no smaller than those before; the caller is the only
  // inserter.
  void Insert(std::string_view begin, std::string_view end, LogPos position);
  // An entry is about to come in; it lies in the same arena.
  // REQUIRES: its position is no smaller than those of the ranges; the caller is the only inserter.
  void NoteEntry(Record record) {
    if (!empty()) [[unlikely]]
      NoteNewer(record);
  }
  bool empty() const { return newest() == nullptr; }
  // The largest position at or below `position` at which a range that holds the key was deleted; 0:
  // there is none.
  LogPos Covering(std::string_view stored_key, LogPos position) const {
    if (empty()) [[likely]]
      return 0;
    return Around(stored_key, position).deleted_at;
  }
  CoveredStretch Around(std::string_view stored_key, LogPos position) const;

  // What was inserted, the newest first, until null. As long as the arena lives.
  struct Node;
  struct Insertion {
    std::string_view begin, end;
    LogPos position;
    const Insertion* previous;
    // What this and those before make together.
    const Node* map;
    // An earlier one, so that from anywhere an older one is found in logarithmic time.
    const Insertion* jump;
    uint64_t number;
  };
  const Insertion* newest() const { return newest_.load(std::memory_order_acquire); }

 private:
  struct Parts;
  struct Piece;
  void NoteNewer(Record record);
  static const Node* Find(const Node* map, std::string_view stored_key, CoveredStretch* gap);
  static const Insertion* AsOf(const Insertion* newest, LogPos position);
  std::string_view Copy(std::string_view key);
  template <typename T>
  const T* Store(const T& from);
  const Node* Range(std::string_view begin, std::string_view end, LogPos position,
                    Record first_newer, Record last_newer);
  const Node* With(const Node& node, const Node* left, const Node* right);
  Parts Split(const Node* map, std::string_view key);
  const Node* Join(const Node* left, const Node* right);
  const Node* CutLast(const Node* map, std::string_view end);

  Arena* const arena_;
  uint64_t nodes_ = 0;
  std::atomic<const Insertion*> newest_{nullptr};
};

}  // namespace logwood
