#include "table/live_table.h"

#include "util/status_macros.h"

namespace logwood {

Result<const TableReader*> LiveTable::ReaderFromCache(TableCache* cache,
                                                      std::shared_ptr<TableReader>* hold) {
  ASSIGN_OR_RETURN(*hold, cache->Find(*meta_));
  const TableReader* reader = hold->get();
  // Acquire and release: attempts follow each other; a failed one wrote nothing.
  if (pinning_.exchange(true, std::memory_order_acquire)) return reader;
  std::shared_ptr<TableReader> pin = cache->TryPin(*hold);
  if (pin == nullptr) {
    pinning_.store(false, std::memory_order_release);
    return reader;
  }
  pin_ = std::move(pin);  // pinning_ stays true: nobody else comes here
  resident_.store(reader, std::memory_order_release);
  return reader;
}

}  // namespace logwood
