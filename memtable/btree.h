// BTree: an ordered index of records for one inserter and any number of lock-free readers.
//
// Nodes hold up to 15 entries: slots in order of arrival, and one word `order` that lists them
// sorted (the permutation of Masstree: Mao, Kohler, Morris, "Cache craftiness for fast multicore
// key-value storage", EuroSys 2012). Beside each record's address lie eight bytes of its key from
// `skip` on: all keys a node may ever hold lie between two separators and share what these share,
// so those bytes are skipped. Finding a place reads a node's prefixes without branches and touches
// a record only when prefixes tie. Children of inner nodes begin at their separator, which is an
// entry of the index itself (entries are never removed), or at minus infinity: a null record.
//
// Proof of publication (one writer W, readers R; all stores release, all loads acquire, so what
// follows only needs happens-before):
//  1. Records never change after W published their address. A loaded address is readable, for ever.
//  2. Insertion fills an unused slot, then stores `order`. R uses the slots its `order` names: it
//     sees the entry whole or not at all.
//  3. A full node N, child of P, is split by copying: W builds left and right aside (the new entry
//     included), then (a) adds right to P as in 2, (b) replaces N by left in P, (c) bumps N's
//     version: N is retired. Between (a) and (b) N still holds everything right took. The root gets
//     a parent of its own first, while it is its only child.
//  4. A retired node's memory is used again, for a node of the same kind; so N's slots are only
//     ever overwritten after N's version changed. If R loads version v, then slots, then version v
//     again, no slot it loaded was an overwritten one (that load would make the bump visible).
//  5. R descends from P to child c: loads `order` o of P, picks slot s, loads c, loads c's version
//     w, then checks that P has order o, child c in s, and the version R knows P by. Then at the
//     time of the check P was not retired and c was P's child for the range R wants: had W split c
//     before R loaded it from s, (a) would show as a changed `order`; had c been retired before R
//     loaded w, (b) would show. So w is the version of that c, and covers the wanted range until it
//     changes. By induction from the root (checked the same way against `root_`) R reaches a leaf
//     by a version w that was live after R began. It reads the leaf and checks w once more (4).
//  6. What R then has was the leaf's content at a time after R began: every entry published before
//     is in it. `begin` and `end` of the leaf come from checked nodes and are entries themselves.
//  7. A failed check means that W split a node on R's path meanwhile: R starts again. So the whole
//     makes progress always, and no reader waits for a writer that was stopped halfway.
//  8. A leaf read between (a) and (b) ends at the new separator, but still holds what right took:
//     what lies behind its last entry is not always its `end`. A cursor that leaves it goes to the
//     later of the two. A search by that last entry finds right, of which (a) told.
//  9. Unchecked values are harmless: slots always hold addresses of records or nodes of their kind
//     (leaf and inner memory are never exchanged; only the version, at the same place in both, is
//     read before the check), counts and slots are bounded by the word that holds them.
#pragma once

#include <atomic>
#include <cstdint>

#include "memtable/record.h"
#include "util/arena.h"

namespace logwood {

class BTree {
 public:
  explicit BTree(Arena* arena);
  BTree(const BTree&) = delete;
  BTree& operator=(const BTree&) = delete;

  // REQUIRES: no equal record is in it; the caller is the only inserter. Cheapest when it falls
  // into the node of the insertion before.
  void Insert(Record record);
  // The first record >= key, or null.
  Record FindFirstAtOrAfter(const IndexKey& key) const;

  class Cursor;

 private:
  static constexpr unsigned kSlots = 15;

  struct Node;
  struct Inner;
  // Where a search ends: the leaf, the version it was found by, and the range [begin, end) it
  // covers (null: without bound).
  struct Leaf {
    Node* node = nullptr;
    uint64_t version = 0;
    Record end = nullptr;
  };
  // A node on the inserter's way, and where it hangs.
  struct Place {
    Inner* parent = nullptr;
    unsigned slot = 0;
    Node* node = nullptr;
    Record begin = nullptr;
    Record end = nullptr;
  };
  // The sorted content of a node that is being split.
  struct Content;
  enum class Bound { kBefore, kAtOrBefore };

  // How many entries of the node are before (or at) the key; minus infinity counts.
  static unsigned CountUpTo(const Node& node, uint64_t version, uint64_t order, const IndexKey& key,
                            Bound bound);
  // One attempt to find the leaf of the last separator before (or at) the key, or, when key is
  // null, the last leaf. False: a node was split meanwhile.
  bool TryDescend(const IndexKey* key, Bound bound, Leaf* leaf) const;

  // The inserter's side.
  Place FindPlace(const IndexKey& key);
  Inner* GrowRoot(Node* root);
  void InsertIntoLeaf(Node* leaf, unsigned rank, Record record);
  void SplitLeaf(const Place& place, unsigned rank, Record record);
  void SplitInner(const Place& place);
  void ReplaceByHalves(const Place& place, const Content& content, unsigned left_count);
  Node* BuildNode(const Content& content, unsigned first, unsigned count, Record begin, Record end);
  void AddChild(Inner* parent, Record separator, Node* child);
  Node* TakeNode(bool inner);
  void Retire(Node* node);

  Arena* const arena_;
  std::atomic<Node*> root_{nullptr};
  // Below: the inserter's alone.
  // A split takes two nodes and retires one, so there is never more than one of a kind to use
  // again.
  Node* spare_leaf_ = nullptr;
  Node* spare_inner_ = nullptr;
  char* fresh_[2] = {};  // leaf and inner memory cut from the arena
  unsigned fresh_count_[2] = {};
  Place finger_;             // the leaf of the last insertion
  bool use_finger_ = false;  // the last two insertions fell into one leaf
};

// Moves over a copy of one leaf's entries at a time. Stays valid during insertions; entries
// inserted after the last movement between leaves may or may not be met.
class BTree::Cursor {
 public:
  explicit Cursor(const BTree& tree) : tree_(tree) {}

  // Null when at no record.
  Record record() const { return at_ < count_ ? records_[at_] : nullptr; }
  void SeekToFirst() { Seek({"", UINT64_MAX}); }
  void SeekToLast();
  void Seek(const IndexKey& key);
  void SeekForPrev(const IndexKey& key) { SeekLast(&key, Bound::kAtOrBefore); }
  // REQUIRES: record() != null.
  void Next() {
    if (++at_ == count_ && end_ != nullptr) LeaveForwards();
  }
  void Prev();

 private:
  // Copies the leaf the key belongs to; returns how many of its entries are before (or at) the key.
  unsigned Load(const IndexKey* key, Bound descend, Bound count);
  void LeaveForwards();
  void SeekLast(const IndexKey* key, Bound bound);

  const BTree& tree_;
  unsigned at_ = 0;
  unsigned count_ = 0;
  Record end_ = nullptr;  // the first entry behind the leaf
  Record records_[kSlots];
};

}  // namespace logwood
