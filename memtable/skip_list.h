// SkipList: an ordered index of records. One thread inserts; any number read, without locks.
// Source: Pugh, "Skip lists: a probabilistic alternative to balanced trees", 1990.
//
// Proof of publication. A node's record, prefix and own links are written before the node is linked
// anywhere; every link is a release store, every step of a reader an acquire load, so whoever finds
// a node sees it whole. Nodes are never unlinked, changed in key or freed before the list. Level 0
// is linked first: it always holds every published node in order; higher levels only skip.
#pragma once

#include <atomic>
#include <cstdint>

#include "memtable/record.h"
#include "util/arena.h"
#include "util/random.h"

namespace logwood {

class SkipList {
 public:
  explicit SkipList(Arena* arena);
  SkipList(const SkipList&) = delete;
  SkipList& operator=(const SkipList&) = delete;

  // REQUIRES: no equal record is in it; the caller is the only inserter.
  void Insert(Record record);
  // The first record >= key, or null.
  Record FindFirstAtOrAfter(const IndexKey& key) const;

 private:
  struct Node;

 public:
  // Stays valid during insertions; entries inserted later may or may not be met.
  class Cursor {
   public:
    explicit Cursor(const SkipList& list) : list_(list) {}
    // Null when at no record.
    Record record() const;
    void SeekToFirst();
    void SeekToLast();
    void Seek(const IndexKey& key);
    void SeekForPrev(const IndexKey& key);
    void Next();
    void Prev();

   private:
    const SkipList& list_;
    const Node* node_ = nullptr;
  };

 private:
  static constexpr int kHeightMax = 12;
  static constexpr uint64_t kBranching = 4;

  Node* NewNode(Record record, int height);
  int RandomHeight();
  // Whether the node comes before the key.
  static bool Before(const Node* node, uint64_t prefix, const IndexKey& key);
  // Fills previous[0, kHeightMax) with the last nodes before the key.
  void FindSplice(uint64_t prefix, const IndexKey& key, Node** previous) const;
  // The last node before the key (head_ when there is none).
  const Node* FindLastBefore(const IndexKey& key) const;

  Arena* const arena_;
  Random random_;
  Node* const head_;
  std::atomic<int> height_{1};
  // The inserter's: the last nodes before the last inserted one, itself included, per level.
  Node* finger_[kHeightMax];
};

}  // namespace logwood
