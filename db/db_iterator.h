// DbIterator: the user's iterator. Collapses versions, hides tombstones, stops at bounds.
//
// Going forward the inner iterator stands on the entry shown, whose bytes are shown as they lie.
// Going backward the versions of a key arrive oldest first, so the inner iterator stands before the
// key shown and key and value are copies (large values are pinned instead).
//
// Merges are shown as what they become, which is a copy; going forward the inner iterator then
// stands behind those that were looked at.
//
// Where readers hold more blocks than the memory budget has for them, the iterator lets go of its
// own after each movement: it keeps key and value as it does going backward, and seeks anew for the
// next movement. A large value that does not fit at all is kBusy, never the end of the walk.
#pragma once

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "db/core.h"
#include "db/stepped_over.h"
#include "logwood/iterator.h"
#include "table/memory_account.h"
#include "util/expiring_value.h"
#include "util/internal_iterator.h"

namespace logwood {

class DbIterator final : public Iterator {
 public:
  struct Source {
    std::shared_ptr<Core> core;
    std::shared_ptr<const View> view;
    std::unique_ptr<MemoryAccount> account;  // of what `inner` holds; never null
    // What `inner` steps over.
    std::unique_ptr<SteppedOver> passed = std::make_unique<SteppedOver>();
    std::unique_ptr<InternalIterator> inner;
    LogPos position = 0;
    // Whether the view was the newest at the position, with nobody's own writes in it.
    bool newest = false;
    uint64_t time_us = 0;      // what has expired by then is not there
    size_t prefix_bytes = 0;   // of the keyspace, cut off the front of stored keys
    std::string lower, upper;  // stored keys: lower <= key < upper
  };
  explicit DbIterator(Source source)
      : source_(std::move(source)),
        account_(source_.account.get()),
        passed_(source_.passed.get()),
        inner_(source_.inner.get()) {}
  ~DbIterator() override;

  bool Valid() const override { return valid_ && !Closed(); }
  void SeekToFirst() override;
  void SeekToLast() override;
  void Seek(std::string_view target) override;
  void SeekForPrev(std::string_view target) override;
  void Next() override;
  void Prev() override;
  std::string_view key() const override {
    return key_.empty() ? key_ : key_.substr(source_.prefix_bytes);
  }
  std::string_view value() const override { return value_; }
  Status status() const override;
  LogPos position() const override { return source_.position; }

 private:
  // Where the inner iterator is.
  enum class Stand : uint8_t { kOnEntry, kBehindMerges, kBeforeKey, kNowhere };

  bool Closed() const { return source_.core->closed.load(std::memory_order_acquire); }
  // Whether it is newer than what is read: neither below the position, nor of the own writes.
  bool IsNewer(const Entry& entry) const {
    const LogPos position = entry.position();
    return position > source_.position &&
           (position < kOwnPositionMin || position > source_.view->own_position);
  }
  // Whether the entry is a value, or a merge, at the view's time.
  bool IsThere(const Entry& entry) const {
    if (entry.kind() == EntryKind::kPutExpiring) [[unlikely]]
      return ExpiryOf(entry.value) > source_.time_us;
    return entry.kind() != EntryKind::kDelete;
  }
  static std::string_view ValueOf(const Entry& entry) {
    if (entry.kind() == EntryKind::kPutExpiring) [[unlikely]]
      return WithoutExpiry(entry.value);
    return entry.value;
  }
  // From which entry of a key on some may be seen.
  uint64_t SeenTrailer() const {
    return SeekTrailer(std::max(source_.position, source_.view->own_position));
  }
  bool BeginSeek();
  // From the inner iterator's place on: the first visible key. `skip_` is a key already shown.
  void FindForward(bool skipping);
  // From the inner iterator's place back: the last visible key.
  void FindBackward();
  void SeekBefore(std::string_view stored_key);
  void KeepValue(const Entry& entry);
  // A version of the key that counts; of a merge and what lies below it, a copy.
  struct Piece {
    EntryKind kind = EntryKind::kDelete;
    LogPos position = 0;
    std::string value;
  };
  // Of pieces_, the newest first, and not empty.
  void ShowMerged();
  void GatherMerges();
  void AddNewerPiece(const Entry& entry, bool have_value);
  void DropValue();
  // Ends each movement.
  void Settle() {
    if (passed_->count() != 0) [[unlikely]]
      CountPassed();
    if (account_->crowded()) [[unlikely]]
      LetGo();
  }
  void LetGo();
  void SkipOlderVersions();
  void CountPassed();
  void TellPassed();
  void OfferDeadRange();

  const Source source_;
  MemoryAccount* const account_;
  SteppedOver* const passed_;  // by this movement, tombstones too
  InternalIterator* const inner_;
  bool valid_ = false;
  Status refusal_;  // of a value that could not be kept
  Stand stand_ = Stand::kNowhere;
  std::string_view key_, value_;       // shown
  std::string skip_;                   // forward: key whose other versions are passed over
  std::string key_copy_, value_copy_;  // not on the entry: what key_ and value_ point to
  std::shared_ptr<const void> pin_;    // the same: keeps a large value
  uint64_t kept_bytes_ = 0;            // of it, as the account knows
  uint64_t passed_untold_ = 0;         // by those before
  uint64_t run_ = 0;                   // keys deleted in a row, from run_begin_ to skip_
  std::string run_begin_;
  std::vector<Piece> pieces_;  // of the key that is looked at; empty where it has no merges
};

// kBusy: readers hold what the budget has for them.
Status TooManyPins(const Core& core);

// Shows nothing but a status.
std::unique_ptr<Iterator> NewErrorIterator(Status status);

}  // namespace logwood
