// PositionSet: a set of positions as ranges.
#pragma once

#include <algorithm>
#include <map>
#include <utility>
#include <vector>

#include "logwood/types.h"

namespace logwood {

class PositionSet {
 public:
  // Inclusive. REQUIRES: first <= last.
  void Add(LogPos first, LogPos last) {
    auto at = ranges_.upper_bound(first);
    if (at != ranges_.begin() && std::prev(at)->second + 1 >= first) --at;
    while (at != ranges_.end() && at->first <= last + 1) {
      first = std::min(first, at->first);
      last = std::max(last, at->second);
      at = ranges_.erase(at);
    }
    ranges_[first] = last;
  }
  // Those of [first, last] that are not in it, as ranges. An empty range has none.
  std::vector<std::pair<LogPos, LogPos>> Missing(LogPos first, LogPos last) const {
    std::vector<std::pair<LogPos, LogPos>> missing;
    auto at = ranges_.upper_bound(first);
    if (at != ranges_.begin()) --at;
    for (; at != ranges_.end(); ++at) {
      const auto& [begin, end] = *at;
      if (end < first) continue;
      if (begin > last || first > last) break;
      if (begin > first) missing.emplace_back(first, begin - 1);
      first = end + 1;
    }
    if (first <= last) missing.emplace_back(first, last);
    return missing;
  }
  // Those of it that are not in `other`, as ranges.
  std::vector<std::pair<LogPos, LogPos>> Lacking(const PositionSet& other) const {
    std::vector<std::pair<LogPos, LogPos>> lacking;
    for (const auto& [begin, end] : ranges_) {
      for (const auto& range : other.Missing(begin, end)) lacking.push_back(range);
    }
    return lacking;
  }
  LogPos last() const { return ranges_.empty() ? 0 : ranges_.rbegin()->second; }

 private:
  std::map<LogPos, LogPos> ranges_;  // disjoint, not even touching
};

}  // namespace logwood
