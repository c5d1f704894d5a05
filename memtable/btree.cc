#include "memtable/btree.h"

#include <algorithm>
#include <new>
#include <utility>

#include "util/check.h"

namespace logwood {

namespace {

constexpr size_t kLineBytes = 64;
constexpr unsigned kNodesPerChunk = 16;

// The word `order`: sixteen nibbles; the highest is the count, the others are slots, sorted by the
// entries in them, the lowest first.
unsigned Count(uint64_t order) { return static_cast<unsigned>(order >> 60); }
unsigned SlotAt(uint64_t order, unsigned rank) {
  return static_cast<unsigned>(order >> (4 * rank)) & 15;
}
// The same with slot number Count(order) at `rank`.
uint64_t WithNewSlotAt(uint64_t order, unsigned rank) {
  const uint64_t count = order >> 60;
  const uint64_t slots = order & ~(uint64_t{15} << 60);
  const uint64_t below = slots & ((uint64_t{1} << (4 * rank)) - 1);
  const uint64_t above = slots >> (4 * rank) << (4 * rank);
  return (count + 1) << 60 | above << 4 | count << (4 * rank) | below;
}
// Slots 0, 1, 2, ... in this order: what ascending insertion leaves.
uint64_t AscendingOrder(unsigned count) {
  const uint64_t slots = 0x0edcba9876543210 & ((uint64_t{1} << (4 * count)) - 1);
  return uint64_t{count} << 60 | slots;
}

// The word `version`: incarnation (40 bits), whether an inner node (8 bits), skip (16 bits).
constexpr uint64_t kIncarnation = uint64_t{1} << 24;
constexpr uint64_t kInnerFlag = uint64_t{1} << 16;
constexpr size_t kSkipMax = 0xffff;
size_t Skip(uint64_t version) { return version & kSkipMax; }
bool IsInner(uint64_t version) { return (version & kInnerFlag) != 0; }

size_t SharedBytes(Record a, Record b) {
  if (a == nullptr || b == nullptr) return 0;
  const std::string_view x = RecordKey(a), y = RecordKey(b);
  const size_t end = std::min({x.size(), y.size(), kSkipMax});
  size_t shared = 0;
  while (shared < end && x[shared] == y[shared]) ++shared;
  return shared;
}

uint64_t RecordPrefix(Record record, size_t skip) {
  return record == nullptr ? 0 : KeyHead64(RecordKey(record), skip);
}

}  // namespace

// A leaf, and what an inner node begins with. Every field pairs release stores of the inserter with
// acquire loads of readers, as the proof says.
struct alignas(kLineBytes) BTree::Node {
  std::atomic<uint64_t> version{0};
  std::atomic<uint64_t> order{0};
  std::atomic<uint64_t> prefix[kSlots];
  std::atomic<Record> record[kSlots];

  uint64_t Version() const { return version.load(std::memory_order_acquire); }
  uint64_t Order() const { return order.load(std::memory_order_acquire); }
  uint64_t PrefixIn(unsigned slot) const { return prefix[slot].load(std::memory_order_acquire); }
  Record RecordIn(unsigned slot) const { return record[slot].load(std::memory_order_acquire); }
};

struct BTree::Inner : Node {
  std::atomic<Node*> child[kSlots];

  Node* ChildIn(unsigned slot) const { return child[slot].load(std::memory_order_acquire); }
};

struct BTree::Content {
  uint64_t version = 0;  // of the node that had it
  unsigned count = 0;
  Record record[kSlots + 1];
  uint64_t prefix[kSlots + 1];
  Node* child[kSlots + 1];

  explicit Content(const Node& node) : version(node.Version()) {
    const uint64_t order = node.Order();
    const auto* inner = IsInner(version) ? static_cast<const Inner*>(&node) : nullptr;
    for (count = 0; count < Count(order); ++count) {
      const unsigned slot = SlotAt(order, count);
      record[count] = node.RecordIn(slot);
      prefix[count] = node.PrefixIn(slot);
      child[count] = inner != nullptr ? inner->ChildIn(slot) : nullptr;
    }
  }
  void InsertAt(unsigned rank, Record new_record) {
    for (unsigned i = count++; i > rank; --i) {
      record[i] = record[i - 1];
      prefix[i] = prefix[i - 1];
    }
    record[rank] = new_record;
    prefix[rank] = RecordPrefix(new_record, Skip(version));
  }
};

// ---- Reading

unsigned BTree::CountUpTo(const Node& node, uint64_t version, uint64_t order, const IndexKey& key,
                          Bound bound) {
  const unsigned count = Count(order);
  const uint64_t prefix = KeyHead64(key.key, Skip(version));
  unsigned low = 0;
#pragma GCC unroll 4
  for (unsigned slot = 0; slot < count; ++slot) low += node.PrefixIn(slot) < prefix;
  // The records tell among equal prefixes.
  unsigned high = low;
  while (high < count && node.PrefixIn(SlotAt(order, high)) == prefix) ++high;
  while (low < high) {
    const unsigned middle = (low + high) / 2;
    const Record record = node.RecordIn(SlotAt(order, middle));
    const int c = record == nullptr ? -1 : CompareRecord(record, key);
    if (c < 0 || (c == 0 && bound == Bound::kAtOrBefore)) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low;
}

bool BTree::TryDescend(const IndexKey* key, Bound bound, Leaf* leaf) const {
  const Node* node = root_.load(std::memory_order_acquire);
  uint64_t version = node->Version();
  if (root_.load(std::memory_order_acquire) != node) return false;
  Record end = nullptr;
  while (IsInner(version)) {
    const auto* inner = static_cast<const Inner*>(node);
    const uint64_t order = inner->Order();
    const unsigned count =
        key == nullptr ? Count(order) : CountUpTo(*inner, version, order, *key, bound);
    const unsigned rank = count == 0 ? 0 : count - 1;  // 0 only when the check below will fail
    const unsigned slot = SlotAt(order, rank);
    if (rank + 1 < Count(order)) end = inner->RecordIn(SlotAt(order, rank + 1));
    const Node* child = inner->ChildIn(slot);
    const char* lines = reinterpret_cast<const char*>(child);
    for (size_t line = 1; line < 4; ++line) __builtin_prefetch(lines + line * kLineBytes);
    const uint64_t child_version = child->Version();
    if (inner->Order() != order || inner->ChildIn(slot) != child || inner->Version() != version) {
      return false;
    }
    node = child;
    version = child_version;
  }
  *leaf = {const_cast<Node*>(node), version, end};
  return true;
}

Record BTree::FindFirstAtOrAfter(const IndexKey& key) const {
  for (;;) {
    Leaf leaf;
    if (!TryDescend(&key, Bound::kAtOrBefore, &leaf)) continue;
    const uint64_t order = leaf.node->Order();
    const unsigned rank = CountUpTo(*leaf.node, leaf.version, order, key, Bound::kBefore);
    const Record record = rank < Count(order) ? leaf.node->RecordIn(SlotAt(order, rank)) : leaf.end;
    if (leaf.node->Version() == leaf.version) return record;
  }
}

unsigned BTree::Cursor::Load(const IndexKey* key, Bound descend, Bound count) {
  for (;;) {
    Leaf leaf;
    if (!tree_.TryDescend(key, descend, &leaf)) continue;
    const uint64_t order = leaf.node->Order();
    count_ = Count(order);
    end_ = leaf.end;
    for (unsigned rank = 0; rank < count_; ++rank) {
      records_[rank] = leaf.node->RecordIn(SlotAt(order, rank));
      __builtin_prefetch(records_[rank]);
    }
    const unsigned result =
        key == nullptr ? count_ : CountUpTo(*leaf.node, leaf.version, order, *key, count);
    if (leaf.node->Version() == leaf.version) return result;
  }
}

void BTree::Cursor::Seek(const IndexKey& key) {
  at_ = Load(&key, Bound::kAtOrBefore, Bound::kBefore);
  // Behind the leaf's last entry: the answer is `end`, the first entry of the next leaf.
  if (at_ == count_ && end_ != nullptr) {
    const IndexKey end = RecordIndexKey(end_);
    at_ = Load(&end, Bound::kAtOrBefore, Bound::kBefore);
  }
}

// Proof, 8.
void BTree::Cursor::LeaveForwards() {
  const IndexKey last = RecordIndexKey(records_[count_ - 1]);
  if (CompareRecord(end_, last) <= 0) {
    at_ = Load(&last, Bound::kAtOrBefore, Bound::kAtOrBefore);
    if (at_ < count_ || end_ == nullptr) return;
  }
  Seek(RecordIndexKey(end_));
}

void BTree::Cursor::SeekLast(const IndexKey* key, Bound bound) {
  // A leaf holds its separator, so that only the first one can have no entry before the key.
  const unsigned before = Load(key, bound, bound);
  at_ = before == 0 ? count_ : before - 1;
}

void BTree::Cursor::SeekToLast() { SeekLast(nullptr, Bound::kAtOrBefore); }

void BTree::Cursor::Prev() {
  if (at_ > 0) {
    --at_;
    return;
  }
  const IndexKey first = RecordIndexKey(records_[0]);
  SeekLast(&first, Bound::kBefore);
}

// ---- Inserting

BTree::BTree(Arena* arena) : arena_(arena) {
  root_.store(TakeNode(false), std::memory_order_release);
}

void BTree::Insert(Record record) {
  const IndexKey key = RecordIndexKey(record);
  const bool in_finger = use_finger_ && finger_.node != nullptr &&
                         (finger_.begin == nullptr || CompareRecord(finger_.begin, key) < 0) &&
                         (finger_.end == nullptr || CompareRecord(finger_.end, key) > 0);
  if (!in_finger || Count(finger_.node->Order()) == kSlots) {
    const Place place = FindPlace(key);
    use_finger_ = finger_.node == nullptr ? use_finger_ : place.node == finger_.node;
    finger_ = place;
  }
  Node* leaf = finger_.node;
  const uint64_t order = leaf->Order();
  const unsigned count = Count(order);
  unsigned rank = count;
  if (!in_finger || count == 0 ||
      CompareRecord(leaf->RecordIn(SlotAt(order, count - 1)), key) >= 0) {
    rank = CountUpTo(*leaf, leaf->Version(), order, key, Bound::kBefore);
  }
  if (rank < count) {
    const unsigned slot = SlotAt(order, rank);
    CHECK(leaf->PrefixIn(slot) != KeyHead64(key.key, Skip(leaf->Version())) ||
          CompareRecord(leaf->RecordIn(slot), key) != 0);
  }
  if (count < kSlots) {
    InsertIntoLeaf(leaf, rank, record);
  } else {
    SplitLeaf(finger_, rank, record);
    finger_ = {};  // use_finger_ stays: the pattern of insertion is the same
  }
}

// Splits every full inner node on the way, so that there is always room for one more child above.
BTree::Place BTree::FindPlace(const IndexKey& key) {
  Place place{.node = root_.load(std::memory_order_relaxed)};
  while (IsInner(place.node->Version())) {
    auto* inner = static_cast<Inner*>(place.node);
    const uint64_t order = inner->Order();
    if (Count(order) == kSlots) {
      SplitInner(place);
      place = {.node = root_.load(std::memory_order_relaxed)};
      continue;
    }
    const unsigned rank = CountUpTo(*inner, inner->Version(), order, key, Bound::kAtOrBefore) - 1;
    if (const Record begin = inner->RecordIn(SlotAt(order, rank))) place.begin = begin;
    if (rank + 1 < Count(order)) place.end = inner->RecordIn(SlotAt(order, rank + 1));
    place.parent = inner;
    place.slot = SlotAt(order, rank);
    place.node = inner->ChildIn(place.slot);
    const char* lines = reinterpret_cast<const char*>(place.node);
    for (size_t line = 1; line < 4; ++line) __builtin_prefetch(lines + line * kLineBytes);
  }
  return place;
}

void BTree::InsertIntoLeaf(Node* leaf, unsigned rank, Record record) {
  const uint64_t order = leaf->Order();
  const unsigned slot = Count(order);
  leaf->prefix[slot].store(RecordPrefix(record, Skip(leaf->Version())), std::memory_order_release);
  leaf->record[slot].store(record, std::memory_order_release);
  leaf->order.store(WithNewSlotAt(order, rank), std::memory_order_release);
}

void BTree::SplitLeaf(const Place& place, unsigned rank, Record record) {
  Content content(*place.node);
  content.InsertAt(rank, record);
  // Where keys came in ascending order, more of them will: the left node stays full.
  const bool ascending = rank == kSlots && place.node->Order() == AscendingOrder(kSlots);
  ReplaceByHalves(place, content, ascending ? kSlots : (kSlots + 1) / 2);
}

void BTree::SplitInner(const Place& place) {
  const bool ascending = place.end == nullptr && place.node->Order() == AscendingOrder(kSlots);
  ReplaceByHalves(place, Content(*place.node), ascending ? kSlots - 1 : kSlots / 2);
}

// Steps (a), (b), (c) of the proof.
void BTree::ReplaceByHalves(const Place& place, const Content& content, unsigned left_count) {
  DCHECK(left_count < content.count);
  Inner* parent = place.parent;
  unsigned slot = place.slot;
  if (parent == nullptr) {
    parent = GrowRoot(place.node);
    slot = 0;
  }
  const Record separator = content.record[left_count];
  Node* left = BuildNode(content, 0, left_count, place.begin, separator);
  Node* right = BuildNode(content, left_count, content.count - left_count, separator, place.end);
  AddChild(parent, separator, right);
  parent->child[slot].store(left, std::memory_order_release);
  Retire(place.node);
}

BTree::Inner* BTree::GrowRoot(Node* root) {
  auto* grown = static_cast<Inner*>(TakeNode(true));
  grown->version.store((grown->Version() / kIncarnation) * kIncarnation | kInnerFlag,
                       std::memory_order_release);
  grown->prefix[0].store(0, std::memory_order_release);
  grown->record[0].store(nullptr, std::memory_order_release);
  grown->child[0].store(root, std::memory_order_release);
  grown->order.store(AscendingOrder(1), std::memory_order_release);
  root_.store(grown, std::memory_order_release);
  return grown;
}

BTree::Node* BTree::BuildNode(const Content& content, unsigned first, unsigned count, Record begin,
                              Record end) {
  const bool is_inner = IsInner(content.version);
  Node* node = TakeNode(is_inner);
  // Prefixes that still tell most keys apart are kept: making new ones touches every record.
  size_t skip = Skip(content.version);
  const bool tired = (content.prefix[first] ^ content.prefix[first + count - 1]) >> 32 == 0;
  if (tired) skip = std::max(skip, SharedBytes(begin, end));
  const bool same_skip = skip == Skip(content.version);
  node->version.store(
      (node->Version() / kIncarnation) * kIncarnation | (is_inner ? kInnerFlag : 0) | skip,
      std::memory_order_release);
  for (unsigned i = 0; i < count; ++i) {
    const Record record = content.record[first + i];
    node->prefix[i].store(same_skip ? content.prefix[first + i] : RecordPrefix(record, skip),
                          std::memory_order_release);
    node->record[i].store(record, std::memory_order_release);
    if (is_inner) {
      static_cast<Inner*>(node)->child[i].store(content.child[first + i],
                                                std::memory_order_release);
    }
  }
  node->order.store(AscendingOrder(count), std::memory_order_release);
  return node;
}

void BTree::AddChild(Inner* parent, Record separator, Node* child) {
  const uint64_t order = parent->Order();
  const unsigned slot = Count(order);
  CHECK(slot < kSlots);
  const unsigned rank =
      CountUpTo(*parent, parent->Version(), order, RecordIndexKey(separator), Bound::kBefore);
  parent->prefix[slot].store(RecordPrefix(separator, Skip(parent->Version())),
                             std::memory_order_release);
  parent->record[slot].store(separator, std::memory_order_release);
  parent->child[slot].store(child, std::memory_order_release);
  parent->order.store(WithNewSlotAt(order, rank), std::memory_order_release);
}

BTree::Node* BTree::TakeNode(bool inner) {
  Node*& spare = inner ? spare_inner_ : spare_leaf_;
  if (spare != nullptr) return std::exchange(spare, nullptr);
  static_assert(sizeof(Node) == 4 * kLineBytes && sizeof(Inner) == 6 * kLineBytes);
  const size_t bytes = inner ? sizeof(Inner) : sizeof(Node);
  if (fresh_count_[inner] == 0) {
    fresh_count_[inner] = kNodesPerChunk;
    char* chunk = arena_->Allocate(kNodesPerChunk * bytes + kLineBytes - 1);
    const size_t padding = (0 - reinterpret_cast<uintptr_t>(chunk)) % kLineBytes;
    fresh_[inner] = chunk + padding;
  }
  --fresh_count_[inner];
  char* memory = std::exchange(fresh_[inner], fresh_[inner] + bytes);
  return inner ? new (memory) Inner : new (memory) Node;
}

void BTree::Retire(Node* node) {
  const uint64_t version = node->Version();
  node->version.store(version + kIncarnation, std::memory_order_release);
  Node*& spare = IsInner(version) ? spare_inner_ : spare_leaf_;
  CHECK(spare == nullptr);
  spare = node;
}

}  // namespace logwood
