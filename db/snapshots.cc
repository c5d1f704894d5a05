#include "db/snapshots.h"

#include <algorithm>

#include "db/core.h"
#include "util/escape.h"

namespace logwood {

SnapshotImpl::~SnapshotImpl() {
  // In a child made by fork the list's lock may be held for ever.
  if (!core_->in_child.load(std::memory_order_relaxed)) core_->snapshots.Release(this);
}

std::chrono::microseconds SnapshotImpl::age() const { return AgeAt(core_->executor->Now()); }

std::shared_ptr<const Snapshot> SnapshotList::Take(std::shared_ptr<Core> core,
                                                   std::string_view owner) {
  auto snapshot = std::make_shared<SnapshotImpl>();
  snapshot->core_ = std::move(core);
  snapshot->owner_ = owner;
  snapshot->made_ = snapshot->core_->executor->Now();
  MutexLock lock(mutex_);
  Core& of = *snapshot->core_;
  do {  // a time before the next commit's
    snapshot->position_ = of.visible.load(std::memory_order_acquire);
    snapshot->time_us_ = of.clock.Now();
  } while (of.visible.load(std::memory_order_acquire) != snapshot->position_);
  of.clock.Reach(snapshot->time_us_);  // no later view sees what has expired for this one
  snapshot->number_ = ++taken_;
  live_[{snapshot->position_, snapshot->number_}] = snapshot.get();
  return snapshot;
}

void SnapshotList::Release(SnapshotImpl* snapshot) {
  MutexLock lock(mutex_);
  live_.erase({snapshot->position_, snapshot->number_});
  if (snapshot->number_ <= told_ && released_ != nullptr) released_();
}

void SnapshotList::WhenReleased(std::function<void()> released) {
  MutexLock lock(mutex_);
  released_ = std::move(released);
}

Deadline SnapshotList::NowLocked() const { return live_.begin()->second->core_->executor->Now(); }

SnapshotList::Seen SnapshotList::All() const {
  MutexLock lock(mutex_);
  told_ = taken_;
  Seen seen;
  for (const auto& [place, snapshot] : live_) {
    if (!seen.positions.empty() && seen.positions.back() == place.first) continue;
    seen.positions.push_back(place.first);
    seen.times_us.push_back(snapshot->time_us_);
  }
  return seen;
}

size_t SnapshotList::count() const {
  MutexLock lock(mutex_);
  return live_.size();
}

LogPos SnapshotList::oldest() const {
  MutexLock lock(mutex_);
  return live_.empty() ? 0 : live_.begin()->first.first;
}

std::vector<std::string> SnapshotList::NewlyOlderThan(std::chrono::seconds age) {
  MutexLock lock(mutex_);
  std::vector<std::string> old;
  if (live_.empty()) return old;
  const Deadline now = NowLocked();
  for (const auto& [place, snapshot] : live_) {
    const std::chrono::microseconds own = snapshot->AgeAt(now);
    // In seconds: the largest age is more than microseconds can say.
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(own);
    if (snapshot->warned_ || seconds < age) continue;
    snapshot->warned_ = true;
    old.push_back("position " + std::to_string(place.first) + ", owner \"" +
                  Escape(snapshot->owner_) + "\", age " +
                  HumanMicros(static_cast<uint64_t>(own.count())));
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
  if (live_.empty()) return left;
  const Deadline now = NowLocked();
  for (const auto& [place, snapshot] : live_) {
    if (snapshot->warned_) continue;
    const microseconds own = std::max(limit - snapshot->AgeAt(now), microseconds(0));
    left = std::min(left.value_or(own), own);
  }
  return left;
}

}  // namespace logwood
