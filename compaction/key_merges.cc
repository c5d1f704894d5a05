#include "compaction/key_merges.h"

#include <algorithm>
#include <utility>

#include "util/status_macros.h"

namespace logwood {

size_t KeyMerges::StretchOf(LogPos position) const {
  return logwood::StretchOf(rules_.snapshots, position);
}

bool KeyMerges::IsDeletedBetween(LogPos older, LogPos newer) const {
  return std::any_of(deleted_at_.begin(), deleted_at_.end(),
                     [&](LogPos deleted_at) { return older < deleted_at && deleted_at <= newer; });
}

void KeyMerges::TakeIn(const Entry& entry, Chain* chain) {
  chain->bytes += entry.value.size();
  if (entry.kind() == EntryKind::kMerge) {
    chain->merges.emplace_back(entry.value);
    chain->is_ended = MergeEndsLookup(entry.value);
    chain->below = MergeBelow(entry.value, entry.position());
    return;
  }
  chain->is_ended = true;
  chain->base_kind = entry.kind();
  chain->base_value = entry.value;
}

void KeyMerges::Add(const Entry& original) {
  Entry entry = original;
  const LogPos position = entry.position();
  const size_t stretch = StretchOf(position);
  // By itself it may be left, below a chain that is full.
  expired_ += rules_.BuryExpired(stretch, &entry);
  bool survives = stretch != stretch_;
  for (Chain& chain : chains_) {
    if (chain.is_ended || chain.is_full || entry.trailer > chain.below ||
        StretchOf(chain.first()) != stretch) {
      continue;
    }
    const bool is_own = chain.newest.stretch == stretch;
    if (IsDeletedBetween(position, chain.newest.position)) {
      chain.is_ended = true;
      chain.base_kind = EntryKind::kDelete;
    } else if (is_own && chain.bytes + entry.value.size() > rules_.merged_bytes_max) {
      // What is older survives by itself.
      chain.is_full = survives = true;
    } else {
      TakeIn(entry, &chain);
    }
  }
  LogPos newest_of_stretch = kPositionMax;
  if (stretch < rules_.snapshots.size()) newest_of_stretch = rules_.snapshots[stretch];
  if (!survives || IsDeletedBetween(position, newest_of_stretch)) return;
  stretch_ = stretch;
  if (rules_.bottom && stretch == 0 && entry.kind() == EntryKind::kDelete) return;
  Chain& chain = chains_.emplace_back();
  chain.newest = {position, stretch, entry.kind(), {}};
  if (entry.kind() == EntryKind::kMerge) {
    TakeIn(entry, &chain);
  } else {
    chain.newest.value = entry.value;
  }
}

Status KeyMerges::Fold(const MergeOperator* merge_operator, Chain* chain) {
  if (!chain->is_ended && !chain->is_full && rules_.bottom && StretchOf(chain->first()) == 0) {
    chain->base_kind = EntryKind::kDelete;
  }
  MergedOnto base;
  if (chain->base_kind != EntryKind::kMerge) base = BaseOf(chain->base_kind, chain->base_value);
  const size_t stretch = chain->newest.stretch;
  const bool reaches_back = stretch > 0 && chain->first() <= rules_.snapshots[stretch - 1];
  const std::vector<std::string_view> merges(chain->merges.begin(), chain->merges.end());
  FoldedMerge folded;
  RETURN_IF_ERROR(FoldMerges(merge_operator, base, merges, reaches_back ? chain->first() : 0,
                             rules_.ExpiredBy(stretch), &folded));
  expired_ += folded.base_expired;
  chain->newest.kind = folded.kind;
  chain->newest.value = std::move(folded.value);
  return Status::Ok();
}

Status KeyMerges::Finish(const MergeOperator* merge_operator, std::vector<Survivor>* survivors) {
  survivors->clear();
  for (Chain& chain : chains_) {
    if (chain.newest.kind == EntryKind::kMerge) RETURN_IF_ERROR(Fold(merge_operator, &chain));
    survivors->push_back(std::move(chain.newest));
  }
  return Status::Ok();
}

}  // namespace logwood
