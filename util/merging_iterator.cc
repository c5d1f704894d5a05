#include "util/merging_iterator.h"

#include <algorithm>
#include <string>
#include <utility>

#include "util/check.h"

namespace logwood {

namespace {

// A binary heap of the valid children. Its top is replaced in place; while one child keeps winning
// (runs of keys from one level are the rule) a movement costs one comparison, because which of the
// top's two successors is better is remembered.
class MergingIterator final : public InternalIterator {
 public:
  explicit MergingIterator(std::vector<std::unique_ptr<InternalIterator>> children)
      : children_(std::move(children)) {
    heap_.reserve(children_.size());
  }

  void SeekToFirst() override {
    Rebuild<true>([](InternalIterator* child) { child->SeekToFirst(); });
  }
  void SeekToLast() override {
    Rebuild<false>([](InternalIterator* child) { child->SeekToLast(); });
  }
  void Seek(std::string_view key, uint64_t trailer) override {
    Rebuild<true>([=](InternalIterator* child) { child->Seek(key, trailer); });
  }
  void SeekForPrev(std::string_view key, uint64_t trailer) override {
    Rebuild<false>([=](InternalIterator* child) { child->SeekForPrev(key, trailer); });
  }

  void Next() override {
    DCHECK(valid_);
    if (!forward_) [[unlikely]] {
      Turn<true>();
      return;
    }
    heap_.front().child->Next();
    TopMoved<true>();
  }
  void Prev() override {
    DCHECK(valid_);
    if (forward_) [[unlikely]] {
      Turn<false>();
      return;
    }
    heap_.front().child->Prev();
    TopMoved<false>();
  }

  Status status() const override { return status_; }
  std::shared_ptr<const void> value_owner() const override {
    return valid_ ? heap_.front().child->value_owner() : nullptr;
  }
  void Release() override {
    for (const auto& child : children_) child->Release();
    heap_.clear();
    valid_ = false;
  }

 private:
  struct Node {
    uint64_t head;  // KeyHead of the child's key: most comparisons end here
    InternalIterator* child;
  };

  // Whether `a` comes before `b` in the direction of movement.
  template <bool kForward>
  static bool Before(const Node& a, const Node& b) {
    if (a.head != b.head) return kForward ? a.head < b.head : a.head > b.head;
    const Entry& x = a.child->entry();
    const Entry& y = b.child->entry();
    const int c = CompareInternal(x.key, x.trailer, y.key, y.trailer);
    return kForward ? c < 0 : c > 0;
  }

  // Moves every child with `move` and starts anew in that direction.
  template <bool kForward, typename Move>
  void Rebuild(Move move) {
    forward_ = kForward;
    status_ = Status();
    heap_.clear();
    for (const auto& child : children_) {
      move(child.get());
      if (!Admit(child.get())) return;
    }
    Heapify<kForward>();
    ShowTop();
  }

  // Changes direction. The others stand on the wrong side of the current entry: they seek it, and
  // as no two children hold the same entry (invariant 1) they land beyond it. (In damaged tables
  // two may: then it shows twice, and nothing worse.)
  template <bool kForward>
  void Turn() {
    InternalIterator* const current = heap_.front().child;
    const std::string key(entry_.key);  // its bytes go when the current child moves
    const uint64_t trailer = entry_.trailer;
    Rebuild<kForward>([&](InternalIterator* child) {
      if constexpr (kForward) {
        child == current ? child->Next() : child->Seek(key, trailer);
      } else {
        child == current ? child->Prev() : child->SeekForPrev(key, trailer);
      }
    });
  }

  // Puts a child at the heap's end if it has an entry; false when it failed, which ends the merge.
  bool Admit(InternalIterator* child) {
    if (child->Valid()) {
      heap_.push_back({KeyHead64(child->entry().key), child});
      return true;
    }
    return !Failed(child);
  }

  bool Failed(const InternalIterator* child) {
    Status status = child->status();
    if (status.ok()) return false;
    status_ = std::move(status);
    heap_.clear();
    valid_ = false;
    return true;
  }

  // Restores the heap after the top's child moved.
  template <bool kForward>
  void TopMoved() {
    Node& top = heap_.front();
    if (top.child->Valid()) [[likely]] {
      top.head = KeyHead64(top.child->entry().key);
    } else {
      if (Failed(top.child)) return;
      top = heap_.back();
      heap_.pop_back();
      better_ = 0;
    }
    if (heap_.size() > 1) SiftTop<kForward>();
    ShowTop();
  }

  template <bool kForward>
  void SiftTop() {
    if (better_ == 0) {
      better_ = heap_.size() > 2 && Before<kForward>(heap_[2], heap_[1]) ? 2 : 1;
    }
    if (!Before<kForward>(heap_[better_], heap_[0])) return;
    const size_t hole = better_;
    std::swap(heap_[0], heap_[hole]);
    better_ = 0;
    SiftDown<kForward>(hole);
  }

  template <bool kForward>
  void SiftDown(size_t at) {
    const Node moving = heap_[at];
    for (;;) {
      size_t next = 2 * at + 1;
      if (next >= heap_.size()) break;
      if (next + 1 < heap_.size() && Before<kForward>(heap_[next + 1], heap_[next])) ++next;
      if (!Before<kForward>(heap_[next], moving)) break;
      heap_[at] = heap_[next];
      at = next;
    }
    heap_[at] = moving;
  }

  template <bool kForward>
  void Heapify() {
    better_ = 0;
    for (size_t i = heap_.size() / 2; i-- > 0;) SiftDown<kForward>(i);
  }

  void ShowTop() {
    valid_ = !heap_.empty();
    if (valid_) entry_ = heap_.front().child->entry();
  }

  const std::vector<std::unique_ptr<InternalIterator>> children_;
  std::vector<Node> heap_;
  size_t better_ = 0;  // 1 or 2: the better successor of the top; 0: not known
  bool forward_ = true;
  Status status_;
};

}  // namespace

std::unique_ptr<InternalIterator> NewMergingIterator(
    std::vector<std::unique_ptr<InternalIterator>> children) {
  if (children.empty()) return NewEmptyIterator();
  if (children.size() == 1) return std::move(children.front());
  return std::make_unique<MergingIterator>(std::move(children));
}

}  // namespace logwood
