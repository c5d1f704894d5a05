// Lookup: what a point read asks of memtables and tables, and what they answer.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

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

// One is carried through memtables and tables, the newest first, until one of them finishes it: by
// a put, a delete or a range delete of the key, or a merge that has its base. Another merge does
// not: what it merges with lies further down. Unfinished at the end: there is nothing below the
// merges, or no entry at all (docs/decisions/0016-how-lookups-will-carry-merges.md).
struct LookupResult {
  struct Merge {
    std::string_view value;             // of the entry (util/merge_value.h)
    std::shared_ptr<const void> owner;  // of these bytes
  };
  PinnedValue* value = nullptr;  // in: where to put the value; null when only existence matters
  bool finished = false;
  uint64_t trailer = 0;         // of what finished it; the value is set if that is a put
  uint64_t expires_us = 0;      // where that is a put that expires: when
  std::vector<Merge> merges{};  // those met, the newest first; none is in another
};

}  // namespace logwood
