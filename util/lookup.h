// Lookup: what a point read asks of memtables and tables, and what they answer.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "util/internal_key.h"

namespace logwood {

struct LookupKey {
  std::string_view stored;  // keyspace prefix and user's key
  uint64_t hash;            // Hash64(stored); computed once for all filters
  LogPos position;          // see entries at or below this
};

// The newest visible entry of the key, once found. `value` lies in `owner` when that is set,
// otherwise in the memtable or table asked, and lives as long as the view does.
struct LookupResult {
  bool found = false;
  uint64_t trailer = 0;
  std::string_view value;
  std::shared_ptr<const void> owner;
};

}  // namespace logwood
