// RangeFragments: deleted ranges of stored keys as pieces that do not overlap, each with the
// positions at which it was deleted. What a table keeps of them, and what flush and compaction work
// with. Never changes once it is made; safe for any number of threads.
//
//   RangeFragmenter fragmenter;
//   fragmenter.Add("b", "f", 7);
//   fragmenter.Add("d", "h", 9);
//   auto fragments = fragmenter.Finish();   // [b,d) at 7; [d,f) at 9, 7; [f,h) at 9
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "logwood/types.h"

namespace logwood {

// For all keys in [lower, upper) the newest range delete at or below the position asked for is at
// `deleted_at`; 0: there is none. No upper: to the end of all keys.
struct CoveredStretch {
  std::string_view lower, upper;
  LogPos deleted_at = 0;
  // Whether its source may have entries in it, at or below the position asked for, that are not
  // older than that. If so, only from the one key to the other, both among them; an empty one: no
  // bound.
  bool holds_newer = true;
  std::string_view first_newer, last_newer;

  bool Contains(std::string_view key) const {
    return key >= lower && (upper.empty() || key < upper);
  }
  void NarrowTo(const CoveredStretch& other) {
    lower = std::max(lower, other.lower);
    if (upper.empty() || (!other.upper.empty() && other.upper < upper)) upper = other.upper;
  }
};

class RangeFragments {
 public:
  struct Fragment {
    std::string_view begin, end;
    std::span<const LogPos> positions;  // descending, at least one
  };

  // Ascending and disjoint.
  std::span<const Fragment> fragments() const { return fragments_; }
  // Of all fragments, each position counted.
  size_t positions() const { return positions_.size(); }
  // REQUIRES for these: not empty.
  std::string_view begin() const { return fragments_.front().begin; }
  std::string_view end() const { return fragments_.back().end; }
  LogPos min_position() const { return *std::min_element(positions_.begin(), positions_.end()); }
  LogPos max_position() const { return *std::max_element(positions_.begin(), positions_.end()); }
  uint64_t memory_bytes() const;

  // The newest position at or below `position` at which the key was deleted; 0: none.
  LogPos Covering(std::string_view stored_key, LogPos position) const {
    return Around(stored_key, position).deleted_at;
  }
  // Around the key, as of `position`. Its keys lie in here.
  CoveredStretch Around(std::string_view stored_key, LogPos position) const;

 private:
  friend class RangeFragmentsBuilder;

  std::vector<Fragment> fragments_;
  std::vector<LogPos> positions_;
  std::string keys_;
};
using RangeFragmentsPtr = std::shared_ptr<const RangeFragments>;

// Puts fragments together that are known to be right: ascending, disjoint.
class RangeFragmentsBuilder {
 public:
  // False where that does not hold: an empty range, one before the end of the last, positions that
  // do not descend. Then nothing was added.
  // The same begin and end as the one before adds an older position to it.
  bool Add(std::string_view begin, std::string_view end, LogPos position);
  bool empty() const { return pieces_.empty(); }
  size_t positions() const { return positions_.size(); }
  // About what they take in a table: begin and end stand there with each position.
  uint64_t block_bytes() const { return block_bytes_; }
  uint64_t memory_bytes() const {
    return keys_.capacity() + positions_.capacity() * sizeof(LogPos) +
           pieces_.capacity() * sizeof(Piece);
  }
  RangeFragmentsPtr Finish();

 private:
  struct Piece {
    size_t begin_bytes, end_bytes, positions;
  };
  std::string keys_;
  std::vector<LogPos> positions_;
  std::vector<Piece> pieces_;
  uint64_t block_bytes_ = 0;
};

// Cuts ranges in any order, at any positions, into fragments; neighbours differ in what they keep.
class RangeFragmenter {
 public:
  // The keys must live until Finish. REQUIRES: begin < end.
  void Add(std::string_view begin, std::string_view end, LogPos position) {
    ranges_.push_back({begin, end, position});
  }
  void Add(const RangeFragments& fragments);
  bool empty() const { return ranges_.empty(); }
  // Of the positions of a fragment that no snapshot tells apart only the newest is kept: s1 < s2 <
  // ... tell positions up to s1 from those up to s2 and so on. Takes n log n for n ranges, and for
  // each fragment as much for each snapshot.
  RangeFragmentsPtr Finish(std::span<const LogPos> snapshots) const;
  // All positions are kept.
  RangeFragmentsPtr Finish() const;

 private:
  struct Range {
    std::string_view begin, end;
    LogPos position;
  };
  template <typename Keep>
  RangeFragmentsPtr Sweep(const Keep& keep) const;

  std::vector<Range> ranges_;
};

}  // namespace logwood
