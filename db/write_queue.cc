#include "db/write_queue.h"

#include "util/check.h"

namespace logwood {

namespace {

constexpr uint64_t kGroupBytesMax = 1 << 20;
constexpr size_t kGroupWritesMax = 256;
constexpr int kSpins = 400;

}  // namespace

void WriteQueue::Join(PendingWrite* write) {
  MutexLock lock(mutex_);
  if (last_ == nullptr) {
    first_ = last_ = write;
    write->state_.store(PendingWrite::State::kLeads, std::memory_order_relaxed);
    return;
  }
  last_->next_ = write;
  last_ = write;
  lock.Unlock();
  // Acquire pairs with the release in FinishGroup: position and status are set.
  for (int i = 0; i < kSpins; ++i) {
    if (write->state_.load(std::memory_order_acquire) != PendingWrite::State::kWaiting) break;
    SpinPause();
  }
  // Also when it is done already: the thread that finished the group may still be inside of it.
  lock.Lock();
  write->sleeping_ = true;
  while (write->state_.load(std::memory_order_acquire) == PendingWrite::State::kWaiting) {
    write->wake_.Wait(mutex_);
  }
}

void WriteQueue::FinishGroup(size_t size) {
  for (size_t i = 0; i < size; ++i) {
    PendingWrite* done = first_;
    first_ = done->next_;
    bool sleeping = done->sleeping_;
    // A sleeping writer cannot run before we let go of the mutex; one that spins takes the mutex
    // before it returns. So `done` is alive until the mutex is free.
    done->state_.store(PendingWrite::State::kDone, std::memory_order_release);
    if (sleeping) done->wake_.NotifyOne();
  }
  if (first_ == nullptr) {
    last_ = nullptr;
    return;
  }
  first_->state_.store(PendingWrite::State::kLeads, std::memory_order_release);
  if (first_->sleeping_) first_->wake_.NotifyOne();
}

void WriteQueue::Lead(PendingWrite* leader) noexcept {
  group_.clear();
  {
    MutexLock lock(mutex_);
    CHECK(first_ == leader);
    uint64_t bytes = 0;
    for (PendingWrite* w = first_; w != nullptr && group_.size() < kGroupWritesMax; w = w->next_) {
      bytes += w->memory_bytes();
      if (!group_.empty() && (bytes > kGroupBytesMax || w->joins_no_group)) break;
      group_.push_back(w);
      if (w->joins_no_group) break;
    }
  }
  commit_(group_);
  MutexLock lock(mutex_);
  FinishGroup(group_.size());
}

void WriteQueue::Run(PendingWrite* write) {
  Join(write);
  if (write->state_.load(std::memory_order_relaxed) == PendingWrite::State::kLeads) Lead(write);
}

void WriteQueue::RunAlone(const std::function<void()>& action) noexcept {
  PendingWrite place;
  place.joins_no_group = true;
  Join(&place);
  CHECK(place.state_.load(std::memory_order_relaxed) == PendingWrite::State::kLeads);
  action();
  MutexLock lock(mutex_);
  FinishGroup(1);
}

}  // namespace logwood
