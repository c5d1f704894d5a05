// KeyMerges: what survives of a key that has merges. Given its entries, the newest first, from a
// merge on; what the rules of CompactionIterator leave of them becomes at most one entry for each
// stretch, where that is not too long.
//
// A merge takes in what is older in its stretch, up to and with what it merges with. One that
// already has what lies in older stretches (util/merge_value.h, `since`) goes on to the end of the
// stretch where that begins: the entry of that stretch takes in the same, and then nothing is left
// there that only one of them has.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "compaction/survival_rules.h"
#include "util/internal_iterator.h"
#include "util/merge_value.h"

namespace logwood {

class KeyMerges {
 public:
  // `deleted_at`: where a range that holds the key was deleted, descending. A chain of more than
  // rules.merged_bytes_max stays several entries of its stretch. Both outlive this.
  KeyMerges(const SurvivalRules& rules, std::span<const LogPos> deleted_at)
      : rules_(rules), deleted_at_(deleted_at) {}

  void Add(const Entry& original);

  struct Survivor {
    LogPos position = 0;
    size_t stretch = 0;
    EntryKind kind = EntryKind::kDelete;
    std::string value;
  };
  // How many of what merges were onto had expired; once it is finished.
  uint64_t expired() const { return expired_; }
  // Newest first. `merge_operator`: null: it is not known. kCorruption: a value is none.
  Status Finish(const MergeOperator* merge_operator, std::vector<Survivor>* survivors);

 private:
  // A survivor in the making.
  struct Chain {
    Survivor newest;                  // as it came
    bool is_ended = true;             // what it merges with is in it
    bool is_full = false;             // takes nothing in any more all the same
    uint64_t below = 0;               // of what it may take in, the largest trailer
    std::vector<std::string> merges;  // the newest first
    size_t bytes = 0;
    EntryKind base_kind = EntryKind::kMerge;  // of base_value; else it has none
    std::string base_value;
    LogPos first() const { return TrailerPosition(below + 1); }
  };

  size_t StretchOf(LogPos position) const;
  bool IsDeletedBetween(LogPos older, LogPos newer) const;
  static void TakeIn(const Entry& entry, Chain* chain);
  Status Fold(const MergeOperator* merge_operator, Chain* chain);

  const SurvivalRules& rules_;
  const std::span<const LogPos> deleted_at_;
  std::vector<Chain> chains_;
  uint64_t expired_ = 0;
  size_t stretch_ = ~size_t{0};  // of the newest version that counts, looked at last
};

}  // namespace logwood
