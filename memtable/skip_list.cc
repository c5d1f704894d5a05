#include "memtable/skip_list.h"

#include <new>

#include "util/check.h"

namespace logwood {

struct SkipList::Node {
  uint64_t prefix;
  Record record;
  std::atomic<Node*> next[1];  // as many as the node is high

  // Acquire: pairs with the release in Link.
  Node* Next(int level) const { return next[level].load(std::memory_order_acquire); }
  void Link(int level, Node* node) { next[level].store(node, std::memory_order_release); }
};

SkipList::SkipList(Arena* arena)
    : arena_(arena), random_(0x10c5), head_(NewNode(nullptr, kHeightMax)) {
  for (Node*& node : finger_) node = head_;
}

SkipList::Node* SkipList::NewNode(Record record, int height) {
  char* memory = arena_->AllocateAligned(sizeof(Node) + (static_cast<size_t>(height) - 1) * 8);
  Node* node = new (memory) Node;
  node->prefix = record == nullptr ? 0 : KeyPrefix(RecordKey(record), 0);
  node->record = record;
  for (int level = 0; level < height; ++level) {
    new (&node->next[level]) std::atomic<Node*>(nullptr);
  }
  return node;
}

int SkipList::RandomHeight() {
  int height = 1;
  while (height < kHeightMax && random_.OneIn(kBranching)) ++height;
  return height;
}

bool SkipList::Before(const Node* node, uint64_t prefix, const IndexKey& key) {
  if (node->prefix != prefix) return node->prefix < prefix;
  return CompareRecord(node->record, key) < 0;
}

void SkipList::FindSplice(uint64_t prefix, const IndexKey& key, Node** previous) const {
  Node* node = head_;
  for (int level = kHeightMax - 1; level >= 0; --level) {
    Node* next = node->Next(level);
    while (next != nullptr && Before(next, prefix, key)) {
      node = next;
      next = node->Next(level);
    }
    previous[level] = node;
  }
}

const SkipList::Node* SkipList::FindLastBefore(const IndexKey& key) const {
  const uint64_t prefix = KeyPrefix(key.key, 0);
  const Node* node = head_;
  // Relaxed: a stale height only makes the search longer.
  for (int level = height_.load(std::memory_order_relaxed) - 1; level >= 0; --level) {
    const Node* next = node->Next(level);
    while (next != nullptr && Before(next, prefix, key)) {
      node = next;
      next = node->Next(level);
    }
  }
  return node;
}

void SkipList::Insert(Record record) {
  const IndexKey key = RecordIndexKey(record);
  const uint64_t prefix = KeyPrefix(key.key, 0);
  // The finger holds when the new record falls right behind the last inserted one.
  const Node* last = finger_[0];
  const Node* after = last->Next(0);
  const bool ascending = last != head_ && Before(last, prefix, key) &&
                         (after == nullptr || !Before(after, prefix, key));
  if (!ascending) FindSplice(prefix, key, finger_);
  const Node* successor = finger_[0]->Next(0);
  CHECK(successor == nullptr || CompareRecord(successor->record, key) != 0);

  const int height = RandomHeight();
  Node* node = NewNode(record, height);
  if (height > height_.load(std::memory_order_relaxed)) {
    height_.store(height, std::memory_order_relaxed);
  }
  for (int level = 0; level < height; ++level) {
    node->Link(level, finger_[level]->Next(level));
    finger_[level]->Link(level, node);
    finger_[level] = node;
  }
}

Record SkipList::FindFirstAtOrAfter(const IndexKey& key) const {
  const Node* node = FindLastBefore(key)->Next(0);
  return node == nullptr ? nullptr : node->record;
}

Record SkipList::Cursor::record() const { return node_ == nullptr ? nullptr : node_->record; }

void SkipList::Cursor::SeekToFirst() { node_ = list_.head_->Next(0); }

void SkipList::Cursor::SeekToLast() {
  const Node* node = list_.head_;
  for (int level = kHeightMax - 1; level >= 0; --level) {
    while (const Node* next = node->Next(level)) node = next;
  }
  node_ = node == list_.head_ ? nullptr : node;
}

void SkipList::Cursor::Seek(const IndexKey& key) { node_ = list_.FindLastBefore(key)->Next(0); }

void SkipList::Cursor::SeekForPrev(const IndexKey& key) {
  const Node* node = list_.FindLastBefore(key);
  const Node* next = node->Next(0);
  if (next != nullptr && CompareRecord(next->record, key) == 0) node = next;
  node_ = node == list_.head_ ? nullptr : node;
}

void SkipList::Cursor::Next() { node_ = node_->Next(0); }

void SkipList::Cursor::Prev() {
  const Node* node = list_.FindLastBefore(RecordIndexKey(node_->record));
  node_ = node == list_.head_ ? nullptr : node;
}

}  // namespace logwood
