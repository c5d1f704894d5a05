// Lookup: what a point read asks of memtables and tables, and what they answer.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "logwood/pinned_value.h"
#include "util/internal_key.h"

namespace logwood {

// Values from this size on are pinned where they lie instead of copied.
inline constexpr size_t kPinnedBytesMin = 4096;

struct LookupKey {
  std::string_view stored;  // keyspace prefix and user's key
  uint64_t hash;            // Hash64(stored); computed once for all filters
  LogPos position;          // see entries at or below this
};

// Set by whoever finds the newest visible entry of the key.
struct LookupResult {
  PinnedValue* value = nullptr;  // in: where to put the value; null when only existence matters
  bool found = false;            // an entry was found; look at its kind
  uint64_t trailer = 0;
};

}  // namespace logwood
