#include "util/range_fragments.h"

#include <algorithm>
#include <set>

#include "util/check.h"

namespace logwood {

uint64_t RangeFragments::memory_bytes() const {
  return sizeof(*this) + fragments_.capacity() * sizeof(Fragment) +
         positions_.capacity() * sizeof(LogPos) + keys_.capacity();
}

namespace {

LogPos NewestAtOrBelow(std::span<const LogPos> positions, LogPos position) {
  const auto at =
      std::lower_bound(positions.begin(), positions.end(), position, std::greater<LogPos>());
  return at == positions.end() ? 0 : *at;
}

}  // namespace

CoveredStretch RangeFragments::Around(std::string_view stored_key, LogPos position) const {
  const Fragment* const end = fragments_.data() + fragments_.size();
  const Fragment* at =
      std::upper_bound(fragments_.data(), end, stored_key,
                       [](std::string_view key, const Fragment& f) { return key < f.end; });
  CoveredStretch stretch;
  if (at != end && at->begin <= stored_key) {
    stretch.lower = at->begin;
    stretch.upper = at->end;
    stretch.deleted_at = NewestAtOrBelow(at->positions, position);
    return stretch;
  }
  if (at != fragments_.data()) stretch.lower = (at - 1)->end;
  if (at != end) stretch.upper = at->begin;
  return stretch;
}

// Of an entry in a block beside its keys.
static constexpr uint64_t kEntryBytes = 16;

bool RangeFragmentsBuilder::Add(std::string_view begin, std::string_view end, LogPos position) {
  if (begin >= end) return false;
  if (!pieces_.empty()) {
    Piece& last = pieces_.back();
    const auto last_key = [&](size_t from_end, size_t bytes) {
      return std::string_view(keys_).substr(keys_.size() - from_end, bytes);
    };
    const std::string_view last_begin =
        last_key(last.begin_bytes + last.end_bytes, last.begin_bytes);
    const std::string_view last_end = last_key(last.end_bytes, last.end_bytes);
    if (begin == last_begin && end == last_end) {
      if (position >= positions_.back()) return false;
      positions_.push_back(position);
      ++last.positions;
      block_bytes_ += begin.size() + end.size() + kEntryBytes;
      return true;
    }
    if (begin < last_end) return false;
  }
  keys_.append(begin).append(end);
  positions_.push_back(position);
  pieces_.push_back({begin.size(), end.size(), 1});
  block_bytes_ += begin.size() + end.size() + kEntryBytes;
  return true;
}

RangeFragmentsPtr RangeFragmentsBuilder::Finish() {
  auto made = std::make_shared<RangeFragments>();
  made->keys_ = std::move(keys_);
  made->positions_ = std::move(positions_);
  made->fragments_.reserve(pieces_.size());
  std::string_view keys = made->keys_;
  std::span<const LogPos> positions = made->positions_;
  for (const Piece& piece : pieces_) {
    made->fragments_.push_back({keys.substr(0, piece.begin_bytes),
                                keys.substr(piece.begin_bytes, piece.end_bytes),
                                positions.first(piece.positions)});
    keys.remove_prefix(piece.begin_bytes + piece.end_bytes);
    positions = positions.subspan(piece.positions);
  }
  pieces_.clear();
  block_bytes_ = 0;
  return made;
}

void RangeFragmenter::Add(const RangeFragments& fragments) {
  for (const auto& fragment : fragments.fragments()) {
    for (LogPos position : fragment.positions) Add(fragment.begin, fragment.end, position);
  }
}

namespace {

// Neighbours that say the same become one: of many deletes that begin at one key, as a queue's,
// the newest covers the others, which leave nothing but their ends.
class NeighbourJoiner {
 public:
  void Add(std::string_view begin, std::string_view end, std::vector<LogPos>* positions) {
    if (begin == end_ && *positions == positions_) {
      end_ = end;
      return;
    }
    Flush();
    begin_ = begin;
    end_ = end;
    positions_.swap(*positions);
  }
  RangeFragmentsPtr Finish() {
    Flush();
    return builder_.Finish();
  }

 private:
  void Flush() {
    for (const LogPos position : positions_) CHECK(builder_.Add(begin_, end_, position));
  }

  std::string_view begin_, end_;
  std::vector<LogPos> positions_;
  RangeFragmentsBuilder builder_;
};

}  // namespace

// From the smallest key on: between two bounds that follow each other the same ranges are open.
template <typename Keep>
RangeFragmentsPtr RangeFragmenter::Sweep(const Keep& keep) const {
  std::vector<const Range*> by_begin, by_end;
  for (const Range& range : ranges_) {
    CHECK(range.begin < range.end);
    by_begin.push_back(&range);
    by_end.push_back(&range);
  }
  std::sort(by_begin.begin(), by_begin.end(),
            [](const Range* a, const Range* b) { return a->begin < b->begin; });
  std::sort(by_end.begin(), by_end.end(),
            [](const Range* a, const Range* b) { return a->end < b->end; });
  NeighbourJoiner joiner;
  std::vector<LogPos> kept;
  std::multiset<LogPos, std::greater<LogPos>> open;
  std::string_view from;
  size_t begun = 0;
  for (size_t ended = 0; ended < by_end.size();) {
    std::string_view to = by_end[ended]->end;
    if (begun < by_begin.size()) to = std::min(to, by_begin[begun]->begin);
    kept.clear();
    if (from < to) keep(open, [&](LogPos position) { kept.push_back(position); });
    if (!kept.empty()) joiner.Add(from, to, &kept);
    for (; begun < by_begin.size() && by_begin[begun]->begin == to; ++begun)
      open.insert(by_begin[begun]->position);
    for (; ended < by_end.size() && by_end[ended]->end == to; ++ended)
      open.erase(open.find(by_end[ended]->position));
    from = to;
  }
  return joiner.Finish();
}

RangeFragmentsPtr RangeFragmenter::Finish(std::span<const LogPos> snapshots) const {
  CHECK(std::is_sorted(snapshots.begin(), snapshots.end()));
  return Sweep([&](const auto& open, const auto& add) {
    auto at = open.begin();
    while (at != open.end()) {
      add(*at);
      // The next that a snapshot tells from it: at or below the newest snapshot before it.
      const auto snapshot = std::lower_bound(snapshots.begin(), snapshots.end(), *at);
      if (snapshot == snapshots.begin()) return;
      at = open.lower_bound(*(snapshot - 1));
    }
  });
}

RangeFragmentsPtr RangeFragmenter::Finish() const {
  return Sweep([](const auto& open, const auto& add) {
    LogPos last = 0;
    for (LogPos position : open) {
      if (position != last) add(position);
      last = position;
    }
  });
}

}  // namespace logwood
