#include "db/dead_ranges.h"

#include <algorithm>
#include <utility>

namespace logwood {

namespace {

// So many entries are looked at by the leader, for whom all writers wait. What is longer becomes
// known piece by piece.
constexpr int kEntriesLookedAt = 2048;

// Up to where nothing came in behind range.position, `end` at most.
std::string QuietUntil(const DeadRange& range, const CoveredStretch& known,
                       const Memtable& active) {
  std::string_view from = range.begin;
  if (known.deleted_at != 0 && !known.holds_newer) from = known.upper;
  const auto it = active.NewIterator();
  it->Seek(from, ~uint64_t{0});
  for (int looked = 0; it->Valid() && it->entry().key < range.end; it->Next()) {
    if (it->entry().position() > range.position || ++looked > kEntriesLookedAt)
      return std::string(it->entry().key);
  }
  return range.end;
}

}  // namespace

void DeadRangeOffers::Offer(DeadRange range) {
  MutexLock lock(mutex_);
  offered_ = std::move(range);
  pending_.store(true, std::memory_order_relaxed);
}

std::optional<DeadRange> DeadRangeOffers::Take() {
  MutexLock lock(mutex_);
  pending_.store(false, std::memory_order_relaxed);
  return std::exchange(offered_, std::nullopt);
}

void NoteDeadRange(const DeadRange& range, LogPos next, Memtable* active) {
  if (range.active.lock().get() != active) return;
  const CoveredStretch known = active->dead_ranges().Around(range.begin, kPositionMax);
  // By an iterator that is too old to see the note.
  const bool stale = range.position < known.deleted_at;
  if (known.deleted_at != 0 && known.upper >= range.end && (!known.holds_newer || stale)) return;
  const bool quiet = range.position + 1 == next;
  const std::string end = quiet ? range.end : QuietUntil(range, known, *active);
  if (range.begin < end) active->InsertDeadRange(range.begin, end, next);
}

}  // namespace logwood
