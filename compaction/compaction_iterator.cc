#include "compaction/compaction_iterator.h"

#include <algorithm>

#include "util/check.h"
#include "util/escape.h"

namespace logwood {

namespace {

constexpr uint64_t kCancelCheckEntries = 1024;  // a power of two
constexpr size_t kNoStretch = ~size_t{0};

// When a keyspace was made or dropped must stay known: the catalogue keeps its positions.
bool InCatalogue(std::string_view stored_key) {
  return !stored_key.empty() && stored_key[0] == static_cast<char>(kCatalogueKeyspace);
}

}  // namespace

CompactionIterator::CompactionIterator(InternalIterator* input, SurvivalRules rules)
    : input_(input), rules_(std::move(rules)) {
  CHECK(rules_.bottom || !rules_.zero_positions);
  CHECK(std::is_sorted(rules_.snapshots.begin(), rules_.snapshots.end()));
  CHECK(rules_.snapshot_times.empty() || rules_.snapshot_times.size() == rules_.snapshots.size());
  // A keyspace somebody can still see at a snapshot is not dropped yet.
  std::erase_if(rules_.dropped_keyspaces, [&](const auto& dropped) {
    return !rules_.snapshots.empty() && rules_.snapshots.front() < dropped.second;
  });
  if (rules_.range_deletes != nullptr) surviving_ranges_ = SurvivingRanges();
}

void CompactionIterator::SeekToFirst() {
  status_ = Status::Ok();
  has_key_ = false;
  fragment_ = 0;
  covering_ = nullptr;
  entries_in_ = entries_dropped_ = entries_expired_ = 0;
  merged_.clear();
  input_->SeekToFirst();
  FindSurvivor();
}

void CompactionIterator::Next() {
  DCHECK(valid_);
  // The input stands behind a key with merges already.
  if (next_merged_ < merged_.size()) return ShowMerged();
  if (merged_.empty()) input_->Next();
  merged_.clear();
  FindSurvivor();
}

// Once for each entry of the input. False: cancelled.
bool CompactionIterator::PassCancelCheck() {
  if ((++entries_in_ & (kCancelCheckEntries - 1)) != 0 || cancelled_ == nullptr || !*cancelled_ ||
      !(*cancelled_)()) {
    return true;
  }
  return Stop(Status::Cancelled("compaction was cancelled"));
}

void CompactionIterator::FindSurvivor() {
  while (input_->Valid()) {
    if (!PassCancelCheck()) return;
    if (Survives()) {
      valid_ = true;
      return;
    }
    if (!status_.ok()) return;
    ++entries_dropped_;
    input_->Next();
  }
  valid_ = false;
}

bool CompactionIterator::Stop(Status status) {
  status_ = std::move(status);
  valid_ = false;
  return false;
}

bool CompactionIterator::IsDropped(std::string_view stored_key) const {
  uint32_t keyspace = 0;
  std::string_view user_key;
  if (!SplitStoredKey(stored_key, &keyspace, &user_key)) return false;
  const auto& dropped = rules_.dropped_keyspaces;
  const auto at = std::lower_bound(dropped.begin(), dropped.end(), keyspace,
                                   [](const auto& pair, uint32_t n) { return pair.first < n; });
  return at != dropped.end() && at->first == keyspace;
}

RangeFragmentsPtr CompactionIterator::SurvivingRanges() const {
  RangeFragmentsBuilder surviving;
  for (const auto& fragment : rules_.range_deletes->fragments()) {
    if (IsDropped(fragment.begin)) continue;
    for (LogPos position : fragment.positions) {
      if (rules_.bottom && StretchOf(rules_.snapshots, position) == 0) continue;
      CHECK(surviving.Add(fragment.begin, fragment.end, position));
    }
  }
  return surviving.empty() ? nullptr : surviving.Finish();
}

// Keys come in order: so do the fragments that cover them.
void CompactionIterator::FindCovering() {
  const auto fragments = rules_.range_deletes->fragments();
  while (fragment_ < fragments.size() && fragments[fragment_].end <= key_) ++fragment_;
  const bool covers = fragment_ < fragments.size() && fragments[fragment_].begin <= key_;
  covering_ = covers ? &fragments[fragment_] : nullptr;
}

// Compares the input's key with the one before, and takes it over if it is another. False when the
// input is out of order.
bool CompactionIterator::StartKey() {
  const Entry& in = input_->entry();
  const int order = has_key_ ? key_.compare(in.key) : -1;
  if (order == 0) [[unlikely]] {
    if (in.position() < TrailerPosition(trailer_)) {
      trailer_ = in.trailer;
      return true;
    }
    return Stop(Status::Corruption("key " + Escape(key_) + ": position " +
                                   std::to_string(in.position()) + " follows position " +
                                   std::to_string(TrailerPosition(trailer_))));
  }
  if (order > 0) [[unlikely]] {
    return Stop(Status::Corruption("key " + Escape(in.key) + " follows key " + Escape(key_)));
  }
  key_.assign(in.key);
  has_key_ = true;
  trailer_ = in.trailer;
  stretch_ = kNoStretch;
  key_emitted_ = false;
  if (rules_.range_deletes != nullptr) [[unlikely]]
    FindCovering();
  key_dropped_ = !rules_.dropped_keyspaces.empty() && IsDropped(in.key);
  return true;
}

// Decides about the input's entry; sets entry_ when it survives. False as well after an error.
bool CompactionIterator::Survives() {
  if (!StartKey()) return false;
  const EntryKind kind = TrailerKind(trailer_);
  if (!IsEntryKind(kind)) [[unlikely]] {
    return Stop(Status::NotSupported("key " + Escape(key_) + ": entry kind " +
                                     std::to_string(static_cast<int>(kind)) + " is unknown"));
  }
  if (key_dropped_) [[unlikely]]
    return false;
  entry_ = input_->entry();
  const size_t stretch = StretchOf(rules_.snapshots, TrailerPosition(trailer_));
  if (stretch == stretch_) return false;  // hidden by a newer one
  if (covering_ != nullptr) [[unlikely]] {
    const LogPos position = TrailerPosition(trailer_);
    if (HasNewerInStretch(covering_->positions, position, stretch, rules_.snapshots)) return false;
  }
  stretch_ = stretch;
  const bool final = rules_.bottom && stretch == 0;  // nothing older is left, nobody reads before
  if (kind == EntryKind::kMerge) [[unlikely]] {
    if (!GatherMerges()) return false;
    ShowMerged();
    return true;
  }
  entries_expired_ += rules_.BuryExpired(stretch, &entry_);
  if (entry_.kind() == EntryKind::kDelete) {
    if (final) return false;
  } else if (final && rules_.zero_positions && !InCatalogue(entry_.key)) {
    entry_.trailer = PackTrailer(0, kind);
  }
  first_of_key_ = !key_emitted_;
  key_emitted_ = true;
  return true;
}

// The input's entry is a merge that survives: takes it and all that is older of its key. False
// after an error.
bool CompactionIterator::GatherMerges() {
  const std::span<const LogPos> deleted_at =
      covering_ == nullptr ? std::span<const LogPos>() : covering_->positions;
  KeyMerges merges(rules_, deleted_at);
  merges.Add(input_->entry());
  uint64_t taken = 1;
  for (input_->Next(); input_->Valid() && input_->entry().key == key_; input_->Next()) {
    if (!StartKey()) return false;
    if (!IsEntryKind(TrailerKind(trailer_))) break;  // met again, and told
    if (!PassCancelCheck()) return false;
    merges.Add(input_->entry());
    ++taken;
  }
  const MergeOperator* merge_operator =
      rules_.operators == nullptr ? nullptr : rules_.operators->FindFor(key_);
  const Status folded = merges.Finish(merge_operator, &merged_);
  if (!folded.ok()) return Stop(folded.WithContext("key " + Escape(key_)));
  entries_dropped_ += taken - merged_.size();
  entries_expired_ += merges.expired();
  next_merged_ = 0;
  return true;
}

// The next of what survived of a key with merges.
void CompactionIterator::ShowMerged() {
  const KeyMerges::Survivor& survivor = merged_[next_merged_++];
  trailer_ = PackTrailer(survivor.position, survivor.kind);
  entry_ = {key_, trailer_, survivor.value};
  // Of several pieces of one stretch only the last: no two entries of a key have one position.
  const bool is_oldest = next_merged_ == merged_.size();
  if (rules_.zero_positions && survivor.stretch == 0 && is_oldest &&
      survivor.kind != EntryKind::kDelete) {
    entry_.trailer = PackTrailer(0, survivor.kind);
  }
  first_of_key_ = !key_emitted_;
  key_emitted_ = true;
}

}  // namespace logwood
