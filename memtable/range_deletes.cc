#include "memtable/range_deletes.h"

#include <cstring>
#include <memory>

#include "util/check.h"
#include "util/hash.h"

namespace logwood {

// What all copies of a node share.
struct RangeDeletes::Piece {
  const uint64_t priority;
  // The smallest and the largest key of entries that came in since the range was deleted; null:
  // none did. The inserter stores (release, so that the record is seen whole), readers load
  // (acquire); `last_newer` first, so that who finds the one finds the other.
  std::atomic<Record> first_newer, last_newer;
};

// Ordered by range; a heap by priority, which is random, so that the depth is logarithmic.
struct RangeDeletes::Node {
  std::string_view begin, end;
  LogPos position;
  Piece* piece;
  const Node* left;
  const Node* right;
};

struct RangeDeletes::Parts {
  const Node* before;
  const Node* from;
};

namespace {

using Node = RangeDeletes::Node;

const Node* Last(const Node* map) {
  while (map != nullptr && map->right != nullptr) map = map->right;
  return map;
}

}  // namespace

std::string_view RangeDeletes::Copy(std::string_view key) {
  if (key.empty()) return {};
  char* at = arena_->Allocate(key.size());
  std::memcpy(at, key.data(), key.size());
  return {at, key.size()};
}

template <typename T>
const T* RangeDeletes::Store(const T& from) {
  return new (arena_->AllocateAligned(sizeof(T))) T(from);
}

const Node* RangeDeletes::Range(std::string_view begin, std::string_view end, LogPos position,
                                Record first_newer, Record last_newer) {
  ++nodes_;
  const uint64_t priority =
      Hash64({reinterpret_cast<const char*>(&nodes_), sizeof(nodes_)}, position);
  Piece* const piece =
      new (arena_->AllocateAligned(sizeof(Piece))) Piece{priority, first_newer, last_newer};
  return Store(Node{begin, end, position, piece, nullptr, nullptr});
}

const Node* RangeDeletes::With(const Node& node, const Node* left, const Node* right) {
  Node changed = node;
  changed.left = left;
  changed.right = right;
  return Store(changed);
}

// By where ranges begin: before the key, or from it on.
RangeDeletes::Parts RangeDeletes::Split(const Node* map, std::string_view key) {
  if (map == nullptr) return {nullptr, nullptr};
  if (map->begin < key) {
    const Parts right = Split(map->right, key);
    return {With(*map, map->left, right.before), right.from};
  }
  const Parts left = Split(map->left, key);
  return {left.before, With(*map, left.from, map->right)};
}

// REQUIRES: all of `left` is before all of `right`.
const Node* RangeDeletes::Join(const Node* left, const Node* right) {
  if (left == nullptr) return right;
  if (right == nullptr) return left;
  if (left->piece->priority > right->piece->priority)
    return With(*left, left->left, Join(left->right, right));
  return With(*right, Join(left, right->left), right->right);
}

// The last range ends at `end` now.
const Node* RangeDeletes::CutLast(const Node* map, std::string_view end) {
  if (map->right != nullptr) return With(*map, map->left, CutLast(map->right, end));
  Node cut = *map;
  cut.end = end;
  return Store(cut);
}

void RangeDeletes::Insert(std::string_view begin, std::string_view end, LogPos position) {
  CHECK(begin < end);
  const Insertion* const previous = newest_.load(std::memory_order_relaxed);
  CHECK(previous == nullptr || previous->position <= position);
  begin = Copy(begin);
  end = Copy(end);
  Parts before = Split(previous == nullptr ? nullptr : previous->map, begin);
  const Parts behind = Split(before.from, end);
  // The last one that begins before `end` may reach beyond it, and is the same that reaches into
  // the range from before when none begins within.
  const Node* const reaching_in = Last(before.before);
  const Node* const reaching_out = behind.before != nullptr ? Last(behind.before) : reaching_in;
  const Node* tail = nullptr;
  if (reaching_out != nullptr && reaching_out->end > end) {
    const Piece& piece = *reaching_out->piece;
    tail = Range(end, reaching_out->end, reaching_out->position,
                 piece.first_newer.load(std::memory_order_relaxed),
                 piece.last_newer.load(std::memory_order_relaxed));
  }
  if (reaching_in != nullptr && reaching_in->end > begin)
    before.before = CutLast(before.before, begin);
  const Node* const front = Join(before.before, Range(begin, end, position, nullptr, nullptr));

  Insertion insertion{};
  insertion.begin = begin;
  insertion.end = end;
  insertion.position = position;
  insertion.previous = previous;
  insertion.map = Join(front, Join(tail, behind.from));
  // Twice as far as the one before, where the two before it jumped as far as each other (Myers,
  // "An applicative random-access stack", 1983).
  insertion.number = previous == nullptr ? 0 : previous->number + 1;
  insertion.jump = previous;
  if (previous != nullptr && previous->jump != nullptr && previous->jump->jump != nullptr) {
    const uint64_t last_jump = previous->number - previous->jump->number;
    const uint64_t jump_before = previous->jump->number - previous->jump->jump->number;
    if (last_jump == jump_before) insertion.jump = previous->jump->jump;
  }
  newest_.store(Store(insertion), std::memory_order_release);
}

// The newest at or below the position; null: none.
const RangeDeletes::Insertion* RangeDeletes::AsOf(const Insertion* newest, LogPos position) {
  while (newest != nullptr && newest->position > position) {
    const Insertion* jump = newest->jump;
    newest = jump != nullptr && jump->position > position ? jump : newest->previous;
  }
  return newest;
}

// Null: no range holds the key; then `gap` is where none does.
const Node* RangeDeletes::Find(const Node* map, std::string_view stored_key, CoveredStretch* gap) {
  while (map != nullptr) {
    if (stored_key < map->begin) {
      gap->upper = map->begin;
      map = map->left;
    } else if (stored_key >= map->end) {
      gap->lower = map->end;
      map = map->right;
    } else {
      return map;
    }
  }
  return nullptr;
}

void RangeDeletes::NoteNewer(Record record) {
  const Insertion& newest = *newest_.load(std::memory_order_relaxed);
  CHECK(TrailerPosition(RecordTrailer(record)) >= newest.position);
  CoveredStretch gap;
  const std::string_view key = RecordKey(record);
  const Node* const node = Find(newest.map, key, &gap);
  if (node == nullptr) return;
  Piece& piece = *node->piece;
  const Record first = piece.first_newer.load(std::memory_order_relaxed);
  if (first == nullptr || key > RecordKey(piece.last_newer.load(std::memory_order_relaxed)))
    piece.last_newer.store(record, std::memory_order_release);
  if (first == nullptr || key < RecordKey(first))
    piece.first_newer.store(record, std::memory_order_release);
}

CoveredStretch RangeDeletes::Around(std::string_view stored_key, LogPos position) const {
  const Insertion* as_of = AsOf(newest(), position);
  CoveredStretch gap;
  const Node* at = as_of == nullptr ? nullptr : Find(as_of->map, stored_key, &gap);
  if (at == nullptr) return gap;
  const Record first = at->piece->first_newer.load(std::memory_order_acquire);
  if (first == nullptr) return {at->begin, at->end, at->position, false, {}, {}};
  const Record last = at->piece->last_newer.load(std::memory_order_acquire);
  return {at->begin, at->end, at->position, true, RecordKey(first), RecordKey(last)};
}

}  // namespace logwood
