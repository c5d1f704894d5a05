#include "db/db_iterator.h"

#include <algorithm>
#include <utility>

#include "util/lookup.h"
#include "util/merge_value.h"

namespace logwood {

namespace {

// How many older versions of a key are stepped over one by one before a seek is cheaper.
constexpr int kStepsBeforeSeek = 8;

// How many deleted entries that were stepped over go into the statistics at a time.
constexpr uint64_t kPassedTold = 64;

class ErrorIterator final : public Iterator {
 public:
  explicit ErrorIterator(Status status) : status_(std::move(status)) {}
  bool Valid() const override { return false; }
  void SeekToFirst() override {}
  void SeekToLast() override {}
  void Seek(std::string_view) override {}
  void SeekForPrev(std::string_view) override {}
  void Next() override {}
  void Prev() override {}
  std::string_view key() const override { return {}; }
  std::string_view value() const override { return {}; }
  Status status() const override { return status_; }
  LogPos position() const override { return 0; }

 private:
  Status status_;
};

}  // namespace

std::unique_ptr<Iterator> NewErrorIterator(Status status) {
  return std::make_unique<ErrorIterator>(std::move(status));
}

Status TooManyPins(const Core& core) {
  return Status::Busy(
      "readers hold too much of the memory budget: open iterators and pinned values " +
      std::to_string(core.cache.pinned_bytes()) + " bytes, of " +
      std::to_string(core.settings.pins_bytes_max) +
      " that they may; these and transactions outside of the cache " +
      std::to_string(core.cache.held_bytes() + core.held.bytes()) +
      ", flushed memtables included: let go of some, or raise memory_budget_bytes");
}

DbIterator::~DbIterator() { TellPassed(); }

Status DbIterator::status() const {
  if (Closed()) return ClosedError(*source_.core);
  if (!refusal_.ok()) return refusal_;
  Status status = inner_->status();
  source_.core->NoteDamage(status);
  return status;
}

void DbIterator::DropValue() {
  pin_.reset();
  if (kept_bytes_ == 0) return;
  account_->Replace(kept_bytes_, 0);
  kept_bytes_ = 0;
}

bool DbIterator::BeginSeek() {
  valid_ = false;
  refusal_ = Status::Ok();
  DropValue();
  if (Closed()) return false;
  source_.core->statistics.seeks.Add(1);
  TellPassed();
  return source_.lower < source_.upper;
}

void DbIterator::SeekToFirst() {
  if (!BeginSeek()) return;
  stand_ = Stand::kOnEntry;
  inner_->Seek(source_.lower, SeenTrailer());
  FindForward(false);
  Settle();
}

void DbIterator::SeekToLast() {
  if (!BeginSeek()) return;
  SeekBefore(source_.upper);
  Settle();
}

void DbIterator::Seek(std::string_view target) {
  const std::shared_ptr<const void> pin = pin_;  // `target` may lie in value()
  if (!BeginSeek()) return;
  stand_ = Stand::kOnEntry;
  // `target` may be what key() shows, which key_copy_ can own: build the stored key elsewhere.
  skip_.assign(source_.lower, 0, source_.prefix_bytes);
  skip_ += target;
  std::string_view from = std::max<std::string_view>(skip_, source_.lower);
  inner_->Seek(from, SeenTrailer());
  FindForward(false);
  Settle();
}

void DbIterator::SeekForPrev(std::string_view target) {
  const std::shared_ptr<const void> pin = pin_;
  if (!BeginSeek()) return;
  std::string before(source_.lower, 0, source_.prefix_bytes);
  before += target;
  before += '\0';  // the first key after target
  SeekBefore(std::min(before, source_.upper));
  Settle();
}

// Positions on the last visible key < stored_key.
void DbIterator::SeekBefore(std::string_view stored_key) {
  stand_ = Stand::kBeforeKey;
  // All versions of keys below come before (stored_key, highest trailer).
  inner_->SeekForPrev(stored_key, ~uint64_t{0});
  FindBackward();
}

void DbIterator::CountPassed() {
  OfferDeadRange();
  passed_untold_ += passed_->count();
  if (passed_untold_ >= kPassedTold) TellPassed();
  if (passed_->count() >= kSteppedOverTold) TellSteppedOver(*source_.core, *passed_);
  passed_->Clear();
}

void DbIterator::TellPassed() {
  if (passed_untold_ == 0) return;
  source_.core->statistics.tombstones_skipped.Add(std::exchange(passed_untold_, 0));
}

void DbIterator::OfferDeadRange() {
  const uint64_t run = std::exchange(run_, 0);
  if (run < source_.core->settings.dead_range_keys || !source_.newest) return;
  source_.core->dead_ranges.Offer(
      {source_.view->active, run_begin_, skip_ + '\0', source_.position});
}

void DbIterator::FindForward(bool skipping) {
  valid_ = false;
  while (inner_->Valid()) {
    const Entry& entry = inner_->entry();
    if (entry.key >= source_.upper) return;
    if (IsNewer(entry) || (skipping && entry.key == skip_)) {
      inner_->Next();
      continue;
    }
    if (entry.kind() == EntryKind::kPut) [[likely]] {
      key_ = entry.key;
      value_ = entry.value;
      valid_ = true;
      return;
    }
    if (entry.kind() == EntryKind::kMerge) return GatherMerges();
    if (IsThere(entry)) {
      key_ = entry.key;
      value_ = WithoutExpiry(entry.value);
      valid_ = true;
      return;
    }
    passed_->Note(entry.key);
    // Not what has expired: by which time is no matter of positions.
    run_ = entry.kind() == EntryKind::kDelete ? run_ + 1 : 0;
    if (run_ == 1) run_begin_.assign(entry.key);
    skip_.assign(entry.key);
    skipping = true;
    inner_->Next();
  }
}

// The inner iterator stands on a visible merge.
void DbIterator::GatherMerges() {
  key_copy_.assign(inner_->entry().key);
  pieces_.clear();
  uint64_t below = ~uint64_t{0};
  for (; inner_->Valid() && inner_->entry().key == key_copy_; inner_->Next()) {
    const Entry& entry = inner_->entry();
    if (entry.trailer > below || IsNewer(entry)) continue;  // it is in a newer one, or not seen
    pieces_.push_back({entry.kind(), entry.position(), std::string(entry.value)});
    if (entry.kind() != EntryKind::kMerge || MergeEndsLookup(entry.value)) break;
    below = MergeBelow(entry.value, entry.position());
  }
  stand_ = Stand::kBehindMerges;
  if (inner_->status().ok()) ShowMerged();
}

void DbIterator::ShowMerged() {
  MergedOnto base;
  std::vector<std::string_view> merges;
  for (const Piece& piece : pieces_) {
    if (piece.kind == EntryKind::kMerge) {
      merges.emplace_back(piece.value);
    } else {
      base = BaseOf(piece.kind, piece.value);
    }
  }
  DropValue();
  refusal_ = source_.core->ResolveMerges(key_copy_, base, merges, source_.time_us, &value_copy_);
  pieces_.clear();
  key_ = key_copy_;  // also where it has no value: who walks may go on behind it
  if (!refusal_.ok()) return;
  value_ = value_copy_;
  valid_ = true;
}

void DbIterator::SkipOlderVersions() {
  for (int step = 0; step < kStepsBeforeSeek; ++step) {
    inner_->Next();
    if (!inner_->Valid() || inner_->entry().key != skip_) return;
  }
  inner_->Seek(skip_, 0);  // the end of this key's versions
  if (inner_->Valid() && inner_->entry().key == skip_) inner_->Next();
}

void DbIterator::Next() {
  if (!Valid()) return;
  skip_.assign(key_);
  if (stand_ == Stand::kOnEntry) [[likely]] {
    SkipOlderVersions();
  } else if (stand_ == Stand::kBehindMerges) {
    stand_ = Stand::kOnEntry;
    if (inner_->Valid() && inner_->entry().key == skip_) SkipOlderVersions();
  } else {
    // The inner iterator stands before the key shown, or nowhere: go behind all its versions.
    stand_ = Stand::kOnEntry;
    DropValue();
    inner_->Seek(skip_, 0);
  }
  FindForward(true);
  Settle();
}

void DbIterator::Prev() {
  if (!Valid()) return;
  DropValue();
  if (stand_ == Stand::kBeforeKey) {
    FindBackward();
  } else {
    if (stand_ == Stand::kOnEntry) key_copy_.assign(key_);
    SeekBefore(key_copy_);
  }
  Settle();
}

void DbIterator::KeepValue(const Entry& entry) {
  DropValue();
  const std::string_view value = ValueOf(entry);
  if (value.size() >= kPinnedBytesMin) pin_ = inner_->value_owner();
  if (pin_ != nullptr) {
    value_ = value;
    // Nothing is owned where a memtable has it, which the view holds anyway.
    if (pin_.use_count() != 0) kept_bytes_ = value.size();
    account_->Replace(0, kept_bytes_);
    return;
  }
  value_copy_.assign(value);
  value_ = value_copy_;
}

// Keeps what is shown and nothing else.
void DbIterator::LetGo() {
  if (valid_ && stand_ == Stand::kOnEntry) {
    key_copy_.assign(key_);
    key_ = key_copy_;
    KeepValue(inner_->entry());
  }
  inner_->Release();
  stand_ = Stand::kNowhere;
  account_->ClearCrowded();
  if (kept_bytes_ == 0 || !source_.core->cache.PinsFull(account_->told_bytes())) return;
  refusal_ = TooManyPins(*source_.core);
  DropValue();
  valid_ = false;
}

// Going backward the versions of a key come oldest first, and those that are in a newer merge, or
// hidden by a newer version, go again.
void DbIterator::AddNewerPiece(const Entry& entry, bool have_value) {
  if (entry.kind() != EntryKind::kMerge || MergeEndsLookup(entry.value)) {
    pieces_.clear();
  } else if (pieces_.empty() && have_value) {
    pieces_.push_back({EntryKind::kPut, 0, std::string(value_)});
  }
  if (entry.kind() != EntryKind::kMerge) return;
  const uint64_t below = MergeBelow(entry.value, entry.position());
  while (!pieces_.empty() && pieces_.back().kind == EntryKind::kMerge &&
         PackTrailer(pieces_.back().position, EntryKind::kMerge) > below) {
    pieces_.pop_back();
  }
  pieces_.push_back({EntryKind::kMerge, entry.position(), std::string(entry.value)});
}

void DbIterator::FindBackward() {
  valid_ = false;
  pieces_.clear();
  bool have_value = false;  // of the newest version seen so far of key_copy_
  bool have_key = false;
  while (inner_->Valid()) {
    const Entry& entry = inner_->entry();
    if (entry.key < source_.lower) break;
    if (have_key && entry.key != key_copy_) {
      if (have_value) break;  // all versions of key_copy_ are behind us
      have_key = false;
    }
    if (!IsNewer(entry)) {
      if (!have_key) key_copy_.assign(entry.key);
      have_key = true;
      if (entry.kind() == EntryKind::kMerge || !pieces_.empty()) [[unlikely]]
        AddNewerPiece(entry, have_value);
      have_value = IsThere(entry);
      if (!have_value) {
        passed_->Note(entry.key);
      } else if (pieces_.empty()) {
        KeepValue(entry);
      }
    }
    inner_->Prev();
  }
  if (!have_value || !inner_->status().ok()) return;
  if (!pieces_.empty()) [[unlikely]] {
    std::reverse(pieces_.begin(), pieces_.end());
    return ShowMerged();
  }
  key_ = key_copy_;
  valid_ = true;
}

}  // namespace logwood
