#include "db/snapshots.h"

#include <algorithm>

#include "db/core.h"
#include "util/escape.h"

namespace logwood {

SnapshotImpl::~SnapshotImpl() {
  // In a child made by fork the list's lock may be held for ever.
  if (!core_->in_child.load(std::memory_order_relaxed)) core_->snapshots.Release(this);
}

std::chrono::microseconds SnapshotImpl::age() const {
  return std::chrono::duration_cast<std::chrono::microseconds>(core_->executor->Now() - made_);
}

std::shared_ptr<const Snapshot> SnapshotList::Take(std::shared_ptr<Core> core,
                                                   std::string_view owner) {
  auto snapshot = std::make_shared<SnapshotImpl>();
  snapshot->core_ = std::move(core);
  snapshot->owner_ = owner;
  snapshot->made_ = snapshot->core_->executor->Now();
  MutexLock lock(mutex_);
  snapshot->position_ = snapshot->core_->visible.load(std::memory_order_acquire);
  live_.insert({snapshot->position_, snapshot.get()});
  return snapshot;
}

void SnapshotList::Release(SnapshotImpl* snapshot) {
  MutexLock lock(mutex_);
  live_.erase({snapshot->position_, snapshot});
}

std::vector<LogPos> SnapshotList::Positions() const {
  MutexLock lock(mutex_);
  std::vector<LogPos> positions;
  for (const auto& [position, snapshot] : live_) {
    if (positions.empty() || positions.back() != position) positions.push_back(position);
  }
  return positions;
}

size_t SnapshotList::count() const {
  MutexLock lock(mutex_);
  return live_.size();
}

LogPos SnapshotList::oldest() const {
  MutexLock lock(mutex_);
  return live_.empty() ? 0 : live_.begin()->first;
}

std::vector<std::string> SnapshotList::NewlyOlderThan(std::chrono::seconds age) {
  MutexLock lock(mutex_);
  std::vector<std::string> old;
  for (const auto& [position, snapshot] : live_) {
    // In seconds: the largest age is more than microseconds can say.
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(snapshot->age());
    if (snapshot->warned_ || seconds < age) continue;
    snapshot->warned_ = true;
    old.push_back("position " + std::to_string(position) + ", owner \"" + Escape(snapshot->owner_) +
                  "\", age " + HumanMicros(static_cast<uint64_t>(snapshot->age().count())));
  }
  return old;
}

std::optional<std::chrono::microseconds> SnapshotList::UntilOlderThan(
    std::chrono::seconds age) const {
  using std::chrono::microseconds;
  // The largest age is more than microseconds can say.
  const microseconds limit =
      std::min(age, std::chrono::duration_cast<std::chrono::seconds>(microseconds::max()));
  std::optional<microseconds> left;
  MutexLock lock(mutex_);
  for (const auto& [position, snapshot] : live_) {
    if (snapshot->warned_) continue;
    const microseconds own = std::max(limit - snapshot->age(), microseconds(0));
    left = std::min(left.value_or(own), own);
  }
  return left;
}

}  // namespace logwood
