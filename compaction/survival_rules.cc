#include "compaction/survival_rules.h"

#include <algorithm>

#include "util/expiring_value.h"

namespace logwood {

bool SurvivalRules::BuryExpired(size_t stretch, Entry* entry) const {
  if (entry->kind() != EntryKind::kPutExpiring) [[likely]]
    return false;
  if (ExpiryOf(entry->value) > ExpiredBy(stretch)) return false;
  entry->trailer = PackTrailer(entry->position(), EntryKind::kDelete);
  entry->value = {};
  return true;
}

size_t StretchOf(std::span<const LogPos> snapshots, LogPos position) {
  if (snapshots.empty() || position <= snapshots.front()) return 0;
  if (position > snapshots.back()) return snapshots.size();
  const auto at = std::lower_bound(snapshots.begin(), snapshots.end(), position);
  return static_cast<size_t>(at - snapshots.begin());
}

bool HasNewerInStretch(std::span<const LogPos> positions, LogPos position, size_t stretch,
                       std::span<const LogPos> snapshots) {
  for (LogPos newer : positions) {
    if (newer <= position) return false;
    if (StretchOf(snapshots, newer) == stretch) return true;
  }
  return false;
}

}  // namespace logwood
