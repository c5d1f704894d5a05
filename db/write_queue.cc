#include "db/write_queue.h"

#include "util/check.h"

namespace logwood {

namespace {

constexpr uint64_t kGroupBytesMax = 1 << 20;
constexpr size_t kGroupWritesMax = 256;
constexpr int kSpins = 400;

}  // namespace

bool WriteQueue::Join(PendingWrite* write) {
  if (last_ == nullptr) {
    first_ = last_ = write;
    return true;
  }
  last_->next_ = write;
  last_ = write;
  mutex_.Unlock();
  // Acquire pairs with the release in FinishGroup: position and status are set.
  const auto waits = [write] {
    return write->state_.load(std::memory_order_acquire) == PendingWrite::State::kWaiting;
  };
  for (int i = 0; i < kSpins && waits(); ++i) SpinPause();
  // Also when it is done already: the thread that finished the group may still be inside of it.
  mutex_.Lock();
  if (waits()) {
    CondVar wake;  // not in each write: most never sleep
    write->wake_ = &wake;
    while (waits()) wake.Wait(mutex_);
    write->wake_ = nullptr;
  }
  return write->state_.load(std::memory_order_relaxed) == PendingWrite::State::kLeads;
}

void WriteQueue::FinishGroup(size_t size) {
  for (size_t i = 0; i < size; ++i) {
    PendingWrite* done = first_;
    first_ = done->next_;
    CondVar* const wake = done->wake_;
    // A sleeping writer cannot run before we let go of the mutex; one that spins takes the mutex
    // before it returns. So `done` is alive until the mutex is free.
    done->state_.store(PendingWrite::State::kDone, std::memory_order_release);
    if (wake != nullptr) wake->NotifyOne();
  }
  if (first_ == nullptr) {
    last_ = nullptr;
    return;
  }
  first_->state_.store(PendingWrite::State::kLeads, std::memory_order_release);
  if (first_->wake_ != nullptr) first_->wake_->NotifyOne();
}

// The first in the queue, and those behind it that it takes along.
void WriteQueue::Gather() {
  group_.clear();
  uint64_t bytes = 0;
  for (PendingWrite* w = first_; w != nullptr && group_.size() < kGroupWritesMax; w = w->next_) {
    bytes += w->memory_bytes();
    if (!group_.empty() && (bytes > kGroupBytesMax || w->joins_no_group)) break;
    group_.push_back(w);
    if (w->joins_no_group) break;
  }
}

void WriteQueue::Run(PendingWrite* write) noexcept {
  {
    MutexLock lock(mutex_);
    write->next_ = nullptr;  // a write that was refused may come again
    write->state_.store(PendingWrite::State::kWaiting, std::memory_order_relaxed);
    if (!Join(write)) return;
    Gather();
  }
  commit_(group_);
  MutexLock lock(mutex_);
  FinishGroup(group_.size());
}

void WriteQueue::RunAlone(const std::function<void()>& action, bool if_idle) noexcept {
  PendingWrite place;
  place.joins_no_group = true;
  {
    MutexLock lock(mutex_);
    if (if_idle && first_ != nullptr) return;
    CHECK(Join(&place));
  }
  action();
  MutexLock lock(mutex_);
  FinishGroup(1);
}

}  // namespace logwood
