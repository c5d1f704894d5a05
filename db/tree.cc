#include "db/tree.h"

#include <algorithm>

#include "util/status_macros.h"

namespace logwood {

namespace {

// The cache and back-pressure learn of memtable growth in steps of at most this size.
constexpr uint64_t kChargeStepBytesMax = 256 << 10;

uint64_t SumBytes(const std::deque<SealedMemtable>& sealed) {
  uint64_t bytes = 0;
  for (const SealedMemtable& s : sealed) bytes += s.memtable->bytes_used();
  return bytes;
}

}  // namespace

Tree::Tree(Core* core, std::unique_ptr<VersionSet> versions, std::vector<SealedMemtable> sealed,
           std::shared_ptr<Memtable> active)
    : core_(core),
      charge_step_bytes_(std::min(kChargeStepBytesMax, core->settings.memtable_bytes / 16)),
      versions_(std::move(versions)),
      active_(active.get()) {
  MutexLock lock(mutex_);
  active_owner_ = std::move(active);
  sealed_.assign(std::make_move_iterator(sealed.begin()), std::make_move_iterator(sealed.end()));
  CountSealedLocked();
  flushed_.store(versions_->tables_state().position, std::memory_order_release);
  // The version is shown by the first Commit or this call, whichever comes first.
  version_ = versions_->current();
  active_bytes_.store(active_->bytes_used(), std::memory_order_relaxed);
  ChargeLocked();
  InstallLocked();
}

void Tree::CountSealedLocked() {
  sealed_bytes_.store(SumBytes(sealed_), std::memory_order_release);
  sealed_count_.store(sealed_.size(), std::memory_order_release);
}

void Tree::InstallLocked() {
  auto view = std::make_shared<View>();
  view->active = active_owner_;
  for (auto it = sealed_.rbegin(); it != sealed_.rend(); ++it) view->sealed.push_back(it->memtable);
  view->version = version_;
  core_->views.Install(std::move(view));
}

void Tree::Seal(const TablesState& end) {
  auto fresh = std::make_shared<Memtable>(core_->memtable_pages);
  MutexLock lock(mutex_);
  sealed_.push_back({std::move(active_owner_), end});
  CountSealedLocked();
  active_bytes_.store(0, std::memory_order_relaxed);
  active_owner_ = std::move(fresh);
  active_ = active_owner_.get();
  InstallLocked();
}

bool Tree::ChargeMemory() {
  uint64_t now = active_->bytes_used();
  uint64_t before = active_bytes_.load(std::memory_order_relaxed);
  if (now >= before && now - before < charge_step_bytes_) return false;
  active_bytes_.store(now, std::memory_order_relaxed);
  MutexLock lock(mutex_);
  ChargeLocked();
  return true;
}

void Tree::ChargeLocked() {
  uint64_t all = memtable_bytes() + core_->memtable_pages->spare_bytes();
  core_->cache.AdjustReserved(static_cast<int64_t>(all) - static_cast<int64_t>(charged_bytes_));
  charged_bytes_ = all;
}

std::vector<SealedMemtable> Tree::Sealed() const {
  MutexLock lock(mutex_);
  return {sealed_.begin(), sealed_.end()};
}

uint64_t Tree::memtable_bytes() const {
  return active_bytes_.load(std::memory_order_relaxed) +
         sealed_bytes_.load(std::memory_order_acquire);
}

std::shared_ptr<const Version> Tree::version() const {
  MutexLock lock(mutex_);
  return version_;
}

void Tree::TrimSpares() {
  core_->memtable_pages->Trim();
  MutexLock lock(mutex_);
  ChargeLocked();
}

Status Tree::Commit(Edit edit, size_t flushed) {
  return versions_->Commit(std::move(edit), [&](std::shared_ptr<const Version> next) {
    std::vector<SealedMemtable> gone;
    {
      MutexLock lock(mutex_);
      version_ = std::move(next);
      for (size_t i = 0; i < flushed; ++i) {
        gone.push_back(std::move(sealed_.front()));
        sealed_.pop_front();
      }
      sealed_bytes_.store(SumBytes(sealed_), std::memory_order_release);
      ChargeLocked();
      InstallLocked();
    }
    // Behind that: charged twice they would push blocks out of the cache.
    for (SealedMemtable& sealed : gone) core_->held.Add(std::move(sealed.memtable));
    MutexLock lock(mutex_);
    ChargeLocked();  // what of their memory is spare now
    // Last: who waits for a flush finds it shown and counted.
    CountSealedLocked();
    flushed_.store(versions_->tables_state().position, std::memory_order_release);
  });
}

}  // namespace logwood
