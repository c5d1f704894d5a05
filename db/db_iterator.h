// DbIterator: the user's iterator. Collapses versions, hides tombstones, stops at bounds.
//
// Going forward the inner iterator stands on the entry shown, whose bytes are shown as they lie.
// Going backward the versions of a key arrive oldest first, so the inner iterator stands before the
// key shown and key and value are copies (large values are pinned instead).
#pragma once

#include <memory>
#include <string>

#include "db/core.h"
#include "logwood/iterator.h"
#include "util/internal_iterator.h"

namespace logwood {

class DbIterator final : public Iterator {
 public:
  struct Source {
    std::shared_ptr<Core> core;
    std::shared_ptr<const View> view;
    std::unique_ptr<InternalIterator> inner;
    LogPos position = 0;
    size_t prefix_bytes = 0;   // of the keyspace, cut off the front of stored keys
    std::string lower, upper;  // stored keys: lower <= key < upper
  };
  explicit DbIterator(Source source) : source_(std::move(source)), inner_(source_.inner.get()) {}

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
  bool Closed() const { return source_.core->closed.load(std::memory_order_acquire); }
  bool BeginSeek();
  // From the inner iterator's place on: the first visible key. `skip_` is a key already shown.
  void FindForward(bool skipping);
  // From the inner iterator's place back: the last visible key.
  void FindBackward();
  void SeekBefore(std::string_view stored_key);
  void KeepValue(const Entry& entry);
  void SkipOlderVersions();
  void CountTombstone();

  const Source source_;
  InternalIterator* const inner_;
  bool valid_ = false;
  bool forward_ = true;
  std::string_view key_, value_;       // shown
  std::string skip_;                   // forward: key whose other versions are passed over
  std::string key_copy_, value_copy_;  // backward: what key_ and value_ point to
  std::shared_ptr<const void> pin_;    // backward: keeps a large value
  uint64_t tombstones_ = 0;
};

// Shows nothing but a status.
std::unique_ptr<Iterator> NewErrorIterator(Status status);

}  // namespace logwood
