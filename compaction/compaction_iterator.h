// CompactionIterator: which entries survive. Input: a merge of tables or memtables in internal
// order. Output: the same order, without what no reader can see.
//
// With snapshots s1 < s2 < ... (positions that must stay readable; "now" is the last): of the
// entries of one key, within each stretch (s[i-1], s[i]] only the newest survives; entries newer
// than the last snapshot likewise. A tombstone that is the oldest thing left of its key at the
// bottom, and at or below the first snapshot, goes. At the bottom, a surviving entry at or below
// every snapshot gets position 0 ("at or before this table's largest") when zero_positions is set.
// Entries of a dropped keyspace go when no snapshot is older than the drop.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "util/internal_iterator.h"

namespace logwood {

struct SurvivalRules {
  std::vector<LogPos> snapshots;   // ascending; empty: only the newest version of each key is seen
  bool bottom = false;
  bool zero_positions = false;     // needs bottom
  // (number, position of the drop), ascending by number.
  std::vector<std::pair<uint32_t, LogPos>> dropped_keyspaces;
};

class CompactionIterator {
 public:
  // `input` outlives this; it is positioned by SeekToFirst or Seek.
  CompactionIterator(InternalIterator* input, SurvivalRules rules);

  void SeekToFirst();
  void Next();
  bool Valid() const { return valid_; }
  // The bytes stay until Next.
  const Entry& entry() const { return entry_; }
  Status status() const { return input_->status(); }

  uint64_t entries_in() const { return entries_in_; }
  uint64_t entries_dropped() const { return entries_dropped_; }

 private:
  void FindSurvivor();

  InternalIterator* input_;
  SurvivalRules rules_;
  Entry entry_;
  bool valid_ = false;
  std::string key_;               // the key being decided
  bool has_key_ = false;
  size_t stretch_ = 0;            // of the last survivor of key_
  uint64_t entries_in_ = 0;
  uint64_t entries_dropped_ = 0;
};

}  // namespace logwood
