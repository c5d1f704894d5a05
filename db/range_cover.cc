#include "db/range_cover.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "util/check.h"
#include "util/status_macros.h"

namespace logwood {

namespace {

// What a seek costs in steps: fewer entries are rather walked over.
constexpr int kHiddenBeforeSeek = 8;

CoveredStretch Meet(const CoveredStretch& a, const CoveredStretch& b) {
  CoveredStretch both;
  both.NarrowTo(a);
  both.NarrowTo(b);
  both.deleted_at = std::max(a.deleted_at, b.deleted_at);
  return both;
}

class HidingIterator final : public InternalIterator {
 public:
  HidingIterator(std::unique_ptr<InternalIterator> entries, std::shared_ptr<RangeCover> cover,
                 size_t newer, bool own)
      : entries_(std::move(entries)), cover_(std::move(cover)), newer_(newer), own_(own) {}

  void SeekToFirst() override {
    Begin();
    entries_->SeekToFirst();
    Find<true>();
  }
  void SeekToLast() override {
    Begin();
    entries_->SeekToLast();
    Find<false>();
  }
  void Seek(std::string_view key, uint64_t trailer) override {
    Begin();
    entries_->Seek(key, trailer);
    Find<true>();
  }
  void SeekForPrev(std::string_view key, uint64_t trailer) override {
    Begin();
    entries_->SeekForPrev(key, trailer);
    Find<false>();
  }
  void Next() override {
    DCHECK(valid_);
    entries_->Next();
    if (!ShowNeighbour<true>()) Find<true>();
  }
  void Prev() override {
    DCHECK(valid_);
    entries_->Prev();
    if (!ShowNeighbour<false>()) Find<false>();
  }
  Status status() const override { return status_.ok() ? entries_->status() : status_; }
  std::shared_ptr<const void> value_owner() const override { return entries_->value_owner(); }
  void Release() override {
    valid_ = false;
    entries_->Release();
  }

 private:
  void Begin() {
    valid_ = false;
    status_ = Status::Ok();
  }
  bool Knows(std::string_view key) const { return known_ && key >= lower_ && IsBelowUpper(key); }
  bool IsBelowUpper(std::string_view key) const { return upper_.empty() || key < upper_; }
  // False: it cannot be known.
  bool Learn(std::string_view key) {
    known_ = false;
    status_ = [&]() -> Status {
      ASSIGN_OR_RETURN(const CoveredStretch newer, cover_->Around(0, newer_, key));
      CoveredStretch all = newer;
      if (own_) {
        ASSIGN_OR_RETURN(const CoveredStretch own, cover_->AroundIn(newer_, key));
        all = Meet(newer, own);
        own_holds_newer_ = own.holds_newer;
        own_first_newer_.assign(own.first_newer);
        own_last_newer_.assign(own.last_newer);
      }
      lower_.assign(all.lower);
      upper_.assign(all.upper);
      newer_deleted_at_ = newer.deleted_at;
      deleted_at_ = all.deleted_at;
      return Status::Ok();
    }();
    known_ = status_.ok();
    return known_;
  }
  // As what the entry is to be shown: itself, a tombstone, or not at all; that too after an error.
  //
  // The first hidden one of a stretch is shown as the tombstone that it amounts to. To go on to
  // what is left could mean to walk over all that ever was deleted from here on, for a reader that
  // wants a smaller key of another source.
  std::optional<Entry> Shown() {
    Entry entry = entries_->entry();
    const bool new_stretch = !Knows(entry.key);
    if (new_stretch && !Learn(entry.key)) [[unlikely]]
      return std::nullopt;
    if (entry.position() >= deleted_at_) return entry;
    if (!new_stretch) return std::nullopt;
    entry.trailer = PackTrailer(entry.position(), EntryKind::kDelete);
    entry.value = {};
    return entry;
  }
  struct Target {
    std::string_view key;  // empty: nothing is left in this direction
    uint64_t trailer = ~uint64_t{0};
  };
  // Up to where nothing is shown from the hidden `key` on; nullopt: the next entry may be.
  std::optional<Target> Beyond(std::string_view key, bool forward) const {
    const Target end{forward ? upper_ : lower_};  // all versions of `lower_` come behind it
    if (newer_deleted_at_ != 0 || !own_holds_newer_) return end;
    if (own_first_newer_.empty() || own_last_newer_.empty()) return std::nullopt;
    if (forward) {
      if (key > own_last_newer_) return end;
      if (key >= own_first_newer_) return std::nullopt;
      return upper_.empty() || own_first_newer_ < upper_ ? Target{own_first_newer_} : end;
    }
    if (key < own_first_newer_) return end;
    if (key <= own_last_newer_) return std::nullopt;
    return own_last_newer_ >= lower_ ? Target{own_last_newer_, 0} : end;
  }
  // From where the entries stand.
  template <bool kForward>
  void Find() {
    valid_ = false;
    for (int hidden = 1; entries_->Valid(); ++hidden) {
      if (const auto shown = Shown()) {
        entry_ = *shown;
        valid_ = true;
        return;
      }
      if (!status_.ok()) return;
      const std::string_view key = entries_->entry().key;
      const auto target = hidden < kHiddenBeforeSeek ? std::nullopt : Beyond(key, kForward);
      if (!target) {
        cover_->NotePassed(key);
        kForward ? entries_->Next() : entries_->Prev();
        continue;
      }
      if (target->key.empty()) return entries_->Release();
      kForward ? entries_->Seek(target->key, target->trailer)
               : entries_->SeekForPrev(target->key, target->trailer);
      hidden = 0;
    }
  }
  // One step from an entry of the known stretch: whether it led to one of the same that is shown.
  template <bool kForward>
  bool ShowNeighbour() {
    if (!entries_->Valid()) return false;
    const Entry& entry = entries_->entry();
    if (entry.position() < deleted_at_) return false;
    if (!(kForward ? IsBelowUpper(entry.key) : entry.key >= lower_)) return false;
    entry_ = entry;
    return true;
  }

  const std::unique_ptr<InternalIterator> entries_;
  const std::shared_ptr<RangeCover> cover_;
  const size_t newer_;
  const bool own_;
  Status status_;
  // What is known: the stretch, and where its keys were deleted last, in a newer source or any.
  bool known_ = false;
  std::string lower_, upper_;
  LogPos newer_deleted_at_ = 0, deleted_at_ = 0;
  // And between which keys the own source may have entries that are not older (CoveredStretch).
  bool own_holds_newer_ = true;
  std::string own_first_newer_, own_last_newer_;
};

}  // namespace

void RangeCover::AddMemtable(const Memtable& memtable, std::string_view begin, std::string_view end,
                             LogPos position) {
  const CoveredStretch first = memtable.HiddenAround(begin, position);
  const bool nothing =
      first.deleted_at == 0 && (first.upper.empty() || (!end.empty() && first.upper >= end));
  if (!nothing) sources_.push_back({.memtable = &memtable, .position = position});
}

void RangeCover::AddTables(std::span<const TableMetaPtr> tables) {
  Source source;
  for (const TableMetaPtr& table : tables) {
    if (table->range_deletes != 0) source.tables.push_back(table);
  }
  if (!source.tables.empty()) sources_.push_back(std::move(source));
}

Result<CoveredStretch> RangeCover::AroundIn(Source* source, std::string_view stored_key) {
  if (source->memtable != nullptr)
    return source->memtable->HiddenAround(stored_key, source->position);
  const auto& tables = source->tables;
  const auto at =
      std::partition_point(tables.begin(), tables.end(),
                           [&](const TableMetaPtr& table) { return table->end <= stored_key; });
  CoveredStretch stretch;
  if (at != tables.begin()) stretch.lower = (*(at - 1))->end;
  if (at == tables.end()) return stretch;
  if (stored_key < (*at)->begin) {
    stretch.upper = (*at)->begin;
    return stretch;
  }
  ASSIGN_OR_RETURN(const auto reader, cache_->Find(**at));
  source->asked_last = reader->range_deletes();
  stretch.lower = (*at)->begin;
  stretch.upper = (*at)->end;
  stretch = Meet(stretch, source->asked_last->Around(stored_key, position_));
  stretch.holds_newer = reader->properties().max_position >= stretch.deleted_at;
  return stretch;
}

Result<CoveredStretch> RangeCover::Around(size_t first, size_t last, std::string_view stored_key) {
  CoveredStretch all;
  for (size_t i = first; i < last; ++i) {
    ASSIGN_OR_RETURN(const CoveredStretch stretch, AroundIn(&sources_[i], stored_key));
    all = Meet(all, stretch);
  }
  return all;
}

std::unique_ptr<InternalIterator> NewHidingIterator(std::unique_ptr<InternalIterator> entries,
                                                    std::shared_ptr<RangeCover> cover, size_t newer,
                                                    bool own) {
  if (newer == 0 && !own) return entries;
  return std::make_unique<HidingIterator>(std::move(entries), std::move(cover), newer, own);
}

}  // namespace logwood
