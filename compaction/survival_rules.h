// SurvivalRules: what a flush or a compaction must leave, and which versions of a key readers can
// tell apart. CompactionIterator goes by them.
#pragma once

#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "util/internal_iterator.h"
#include "util/keyspace_operators.h"
#include "util/range_fragments.h"

namespace logwood {

struct SurvivalRules {
  std::vector<LogPos> snapshots;  // ascending; empty: only the newest version of each key is seen
  // The record time of each of them, and of the newest view there is; none, and 0: nothing has
  // expired.
  std::vector<uint64_t> snapshot_times{};
  uint64_t now_us = 0;
  bool bottom = false;
  bool zero_positions = false;  // needs bottom
  // (number, position of the drop), ascending by number.
  std::vector<std::pair<uint32_t, LogPos>> dropped_keyspaces;
  // Of all inputs, cut with these snapshots (RangeFragmenter::Finish); null: there are none.
  RangeFragmentsPtr range_deletes{};
  // Of the keyspaces; null: none is known, and merges become lists of their operands.
  const KeyspaceOperators* operators = nullptr;
  // Merges of a key become no larger entry: as large as a commit may be.
  size_t merged_bytes_max = kBatchBytesMax;

  // What expires at or before this has done so for all who see an entry of the stretch.
  uint64_t ExpiredBy(size_t stretch) const {
    if (stretch == snapshots.size()) return now_us;
    return snapshot_times.empty() ? 0 : snapshot_times[stretch];
  }
  // Makes a tombstone of an entry of the stretch that has expired so. False: it has not.
  bool BuryExpired(size_t stretch, Entry* entry) const;
};

// Which stretch the position is in: readers see of two in one both or neither, but for the newer
// one hiding the older. 0: at or below the first snapshot, or there is none.
size_t StretchOf(std::span<const LogPos> snapshots, LogPos position);
// Whether one of these positions, which descend, is newer than `position` and in the stretch.
bool HasNewerInStretch(std::span<const LogPos> positions, LogPos position, size_t stretch,
                       std::span<const LogPos> snapshots);

}  // namespace logwood
