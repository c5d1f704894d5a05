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

#include "util/internal_iterator.h"
#include "util/merge_value.h"

namespace logwood {

class KeyMerges {
 public:
  // Ascending snapshots; `bottom`: nothing older is left elsewhere. `deleted_at`: where a range
  // that holds the key was deleted, descending.
  // A chain of more than `bytes_max` stays several entries of its stretch.
  KeyMerges(std::span<const LogPos> snapshots, bool bottom, std::span<const LogPos> deleted_at,
            size_t bytes_max)
      : snapshots_(snapshots), bottom_(bottom), deleted_at_(deleted_at), bytes_max_(bytes_max) {}

  void Add(const Entry& entry);

  struct Survivor {
    LogPos position = 0;
    size_t stretch = 0;
    EntryKind kind = EntryKind::kDelete;
    std::string value;
  };
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
    MergedOnto base;
    std::string base_value;
    LogPos first() const { return TrailerPosition(below + 1); }
  };

  size_t StretchOf(LogPos position) const;
  bool IsDeletedBetween(LogPos older, LogPos newer) const;
  static void TakeIn(const Entry& entry, Chain* chain);
  Status Fold(const MergeOperator* merge_operator, Chain* chain) const;

  const std::span<const LogPos> snapshots_;
  const bool bottom_;
  const std::span<const LogPos> deleted_at_;
  const size_t bytes_max_;
  std::vector<Chain> chains_;
  size_t stretch_ = ~size_t{0};  // of the newest version that counts, looked at last
};

}  // namespace logwood
