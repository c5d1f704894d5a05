// CompactionIterator: which entries survive. Input: a merge of tables or memtables in internal
// order. Output: the same order, without what no reader can see (invariant 4).
//
// With snapshots s1 < s2 < ... (positions that must stay readable; "now" is the last): of the
// entries of one key, within each stretch (s[i-1], s[i]] only the newest survives; entries newer
// than the last snapshot likewise. A tombstone that is the oldest thing left of its key at the
// bottom, and at or below the first snapshot, goes. At the bottom, a surviving entry at or below
// every snapshot gets position 0 ("at or before this table's largest") when zero_positions is set.
// Entries of a dropped keyspace go when no snapshot is older than the drop.
//
// A range delete is a version of every key it covers: within a stretch, what is older goes. Itself
// it goes where a tombstone would: at the bottom, at or below the first snapshot.
//
// A put that has expired for everybody who sees it is a tombstone: for now in the newest stretch,
// else for the snapshot at its stretch's end. Later snapshots were made later.
//
// A merge takes in what is older in its stretch, up to and with what it merges with: together they
// are one entry, at the position of the newest (compaction/key_merges.h).
//
// An entry of a kind this build does not know ends the iteration with kNotSupported: what it hides,
// and what of its key must stay, nobody can say. Input out of order ends it with kCorruption. After
// any error Valid() is false and status() is not ok: what was produced so far must not be
// installed.
//
// The snapshots must be read after the inputs were fixed (sealed, published, picked): a snapshot
// taken later then lies at or above every entry and loses nothing. One thread at a time.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "compaction/key_merges.h"
#include "compaction/survival_rules.h"
#include "util/internal_iterator.h"
#include "util/range_fragments.h"

namespace logwood {

class CompactionIterator {
 public:
  // `input` outlives this; it is positioned by SeekToFirst.
  CompactionIterator(InternalIterator* input, SurvivalRules rules);

  void SeekToFirst();
  // REQUIRES: Valid().
  void Next();
  bool Valid() const { return valid_; }
  // The bytes stay until Next.
  const Entry& entry() const { return entry_; }
  // Whether the current entry's key differs from that of the entry before: a table may end here.
  bool first_of_key() const { return first_of_key_; }
  // The position the current entry came with.
  LogPos source_position() const { return TrailerPosition(trailer_); }
  Status status() const { return status_.ok() ? input_->status() : status_; }
  // The range deletes that survive; null: none.
  const RangeFragmentsPtr& range_deletes() const { return surviving_ranges_; }

  // Asked every thousand entries or so, dropped ones included; true ends with kCancelled. The
  // function outlives its use.
  void set_cancelled(const std::function<bool()>* cancelled) { cancelled_ = cancelled; }

  uint64_t entries_in() const { return entries_in_; }
  uint64_t entries_dropped() const { return entries_dropped_; }
  // Those that are values no more because they had expired.
  uint64_t entries_expired() const { return entries_expired_; }

 private:
  void FindSurvivor();
  bool Survives();
  bool StartKey();
  bool GatherMerges();
  void ShowMerged();
  bool PassCancelCheck();
  bool Stop(Status status);
  bool IsDropped(std::string_view stored_key) const;
  RangeFragmentsPtr SurvivingRanges() const;
  void FindCovering();

  InternalIterator* input_;
  SurvivalRules rules_;
  const std::function<bool()>* cancelled_ = nullptr;
  Status status_;
  Entry entry_;
  bool valid_ = false;

  std::string key_;  // the key being decided
  bool has_key_ = false;
  uint64_t trailer_ = 0;      // of the entry last read, as it was
  bool key_dropped_ = false;  // of a dropped keyspace
  bool key_emitted_ = false;  // an entry of key_ survived
  bool first_of_key_ = false;
  size_t stretch_ = 0;                       // of the newest entry looked at last
  std::vector<KeyMerges::Survivor> merged_;  // of key_, those before next_merged_ are shown
  size_t next_merged_ = 0;
  RangeFragmentsPtr surviving_ranges_;
  size_t fragment_ = 0;                                 // the first that ends behind key_
  const RangeFragments::Fragment* covering_ = nullptr;  // key_; null: none does
  uint64_t entries_in_ = 0;
  uint64_t entries_dropped_ = 0;
  uint64_t entries_expired_ = 0;
};

}  // namespace logwood
