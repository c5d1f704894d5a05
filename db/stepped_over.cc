#include "db/stepped_over.h"

#include <utility>

#include "db/core.h"
#include "db/damage.h"

namespace logwood {

void SteppedOver::Widen(std::string_view stored_key) {
  if (count_ == 1) {
    first_.assign(stored_key);
    last_.assign(stored_key);
  } else if (stored_key < first_) {
    first_.assign(stored_key);
  } else if (stored_key > last_) {
    last_.assign(stored_key);
  }
}

void TellSteppedOver(Core& core, const SteppedOver& passed) {
  const uint64_t now = core.executor->NowNanos();
  uint64_t not_before = core.stepped_over_told_from.load(std::memory_order_relaxed);
  if (now < not_before || !core.stepped_over_told_from.compare_exchange_strong(
                              not_before, now + kSteppedOverPauseNanos, std::memory_order_relaxed))
    return;
  Damage range;
  SetDamagedKeys(passed.first(), passed.last(), &core.catalogue, &range);
  Event event;
  event.kind = EventKind::kSteppedOverDeleted;
  event.position = core.visible.load(std::memory_order_relaxed);
  event.first_keyspace = std::move(range.first_keyspace);
  event.first_key = std::move(range.first_key);
  event.last_keyspace = std::move(range.last_keyspace);
  event.last_key = std::move(range.last_key);
  event.entries_in = passed.count();
  event.detail =
      "one movement of an iterator stepped over so many deleted entries: compact the range, or "
      "begin behind it";
  core.events->Emit(std::move(event));
}

}  // namespace logwood
