#include "db/view_holder.h"

#include <array>
#include <utility>

namespace logwood {

namespace {

struct alignas(64) Slot {
  std::atomic<const View*> view{nullptr};
  std::atomic<bool> taken{false};
};

// One a thread, for all databases of the process. Threads beyond this many take the lock instead.
constexpr size_t kSlots = 512;
std::array<Slot, kSlots> slots;

Slot* TakeSlot() {
  for (Slot& slot : slots) {
    bool expected = false;
    // Acquire pairs with the release of the thread that had it before.
    if (!slot.taken.load(std::memory_order_relaxed) &&
        slot.taken.compare_exchange_strong(expected, true, std::memory_order_acquire)) {
      return &slot;
    }
  }
  return nullptr;
}

// A thread's slot, from its first read to its end. Reads that come later (in destructors of static
// objects) have none.
struct ThreadSlot {
  ThreadSlot() { of_thread = TakeSlot(); }
  ~ThreadSlot() {
    if (Slot* slot = std::exchange(of_thread, nullptr)) {
      slot->taken.store(false, std::memory_order_release);
    }
  }
  // Not a member: readable when this object is gone.
  static thread_local Slot* of_thread;
};
thread_local Slot* ThreadSlot::of_thread = nullptr;

Slot* SlotOfThread() {
  thread_local const ThreadSlot slot;
  static_cast<void>(&slot);
  return ThreadSlot::of_thread;
}

bool Announced(const View* view) {
  for (const Slot& slot : slots) {
    if (slot.view.load(std::memory_order_seq_cst) == view) return true;
  }
  return false;
}

}  // namespace

ViewHolder::ViewHolder(std::shared_ptr<const View> first)
    : current_(first.get()), owner_(std::move(first)) {}

ViewHolder::~ViewHolder() = default;

void ViewHolder::Install(std::shared_ptr<const View> next) {
  {
    MutexLock lock(mutex_);
    current_.store(next.get(), std::memory_order_seq_cst);
    retired_.push_back(std::move(owner_));
    owner_ = std::move(next);
  }
  Reclaim();
}

void ViewHolder::Reclaim() {
  std::vector<std::shared_ptr<const View>> free;  // destroyed after the lock
  MutexLock lock(mutex_);
  for (size_t i = 0; i < retired_.size();) {
    if (Announced(retired_[i].get())) {
      ++i;
      continue;
    }
    free.push_back(std::move(retired_[i]));
    retired_[i] = std::move(retired_.back());
    retired_.pop_back();
  }
  lock.Unlock();
  free.clear();
  lock.Lock();
}

std::shared_ptr<const View> ViewHolder::Share() const {
  MutexLock lock(mutex_);
  return owner_;
}

ViewHolder::Guard::Guard(const ViewHolder& holder) : slot_(nullptr) {
  Slot* slot = SlotOfThread();
  if (slot == nullptr || slot->view.load(std::memory_order_relaxed) != nullptr) {
    shared_ = holder.Share();
    view_ = shared_.get();
    return;
  }
  slot_ = &slot->view;
  view_ = holder.current_.load(std::memory_order_acquire);
  while (true) {
    slot_->store(view_, std::memory_order_seq_cst);
    const View* again = holder.current_.load(std::memory_order_seq_cst);
    if (again == view_) return;
    view_ = again;
  }
}

ViewHolder::Guard::~Guard() {
  // Release: what was read through the view happens before its reclamation.
  if (slot_ != nullptr) slot_->store(nullptr, std::memory_order_release);
}

}  // namespace logwood
