// Entries in vectors, and iterators over them, for tests of compaction.
#pragma once

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "compaction/level_shape.h"
#include "util/internal_iterator.h"
#include "util/random.h"

namespace logwood::testing {

struct OwnedEntry {
  std::string key;
  uint64_t trailer = 0;
  std::string value;

  LogPos position() const { return TrailerPosition(trailer); }
  EntryKind kind() const { return TrailerKind(trailer); }
  friend bool operator==(const OwnedEntry&, const OwnedEntry&) = default;
  friend bool operator<(const OwnedEntry& a, const OwnedEntry& b) {
    return CompareInternal(a.key, a.trailer, b.key, b.trailer) < 0;
  }
};
using Entries = std::vector<OwnedEntry>;

inline OwnedEntry Put(std::string key, LogPos position, std::string value = "v") {
  return {std::move(key), PackTrailer(position, EntryKind::kPut), std::move(value)};
}
inline OwnedEntry Delete(std::string key, LogPos position) {
  return {std::move(key), PackTrailer(position, EntryKind::kDelete), ""};
}

// Hands out copies that die at each movement, so that a stale view is noticed by the sanitizer.
// Fails when it gets to entry number `fail_at`.
class VectorIterator final : public InternalIterator {
 public:
  explicit VectorIterator(Entries entries, size_t fail_at = ~size_t{0})
      : entries_(std::move(entries)), fail_at_(fail_at) {}
  void SeekToFirst() override { Show(0); }
  void SeekToLast() override { Show(entries_.size() - 1); }
  void Seek(std::string_view key, uint64_t trailer) override {
    const OwnedEntry target{std::string(key), trailer, ""};
    const auto at = std::lower_bound(entries_.begin(), entries_.end(), target);
    Show(static_cast<size_t>(at - entries_.begin()));
  }
  void SeekForPrev(std::string_view, uint64_t) override { std::abort(); }
  void Next() override { Show(index_ + 1); }
  void Prev() override { Show(index_ - 1); }
  Status status() const override { return status_; }

 private:
  void Show(size_t index) {
    index_ = index;
    current_.reset();
    valid_ = index < entries_.size();
    if (index >= fail_at_) {
      status_ = Status::IoError("injected");
      valid_ = false;
    }
    if (!valid_) return;
    current_ = std::make_unique<OwnedEntry>(entries_[index]);
    entry_ = {current_->key, current_->trailer, current_->value};
  }

  const Entries entries_;
  const size_t fail_at_;
  size_t index_ = 0;
  std::unique_ptr<OwnedEntry> current_;
  Status status_;
};

// Versions of a few keys at distinct positions, in internal order.
inline Entries RandomEntries(Random* random, uint64_t keys, size_t count,
                             std::string_view key_prefix = "") {
  Entries entries;
  for (size_t i = 0; i < count; ++i) {
    std::string key = std::string(key_prefix) + "k" + std::to_string(random->Uniform(keys));
    if (random->OneIn(3)) {
      entries.push_back(Delete(std::move(key), i + 1));
    } else {
      entries.push_back(Put(std::move(key), i + 1, "v" + std::to_string(i + 1)));
    }
  }
  std::sort(entries.begin(), entries.end());
  return entries;
}

// What a reader at `position` sees: key -> value. The model: looks at every entry, knows no order.
inline std::map<std::string, std::string> Visible(const Entries& entries, LogPos position) {
  std::map<std::string, const OwnedEntry*> newest;
  for (const OwnedEntry& entry : entries) {
    if (entry.position() > position) continue;
    const OwnedEntry*& best = newest[entry.key];
    if (best == nullptr || best->position() < entry.position()) best = &entry;
  }
  std::map<std::string, std::string> seen;
  for (const auto& [key, entry] : newest) {
    if (entry->kind() != EntryKind::kDelete) seen[key] = entry->value;
  }
  return seen;
}

}  // namespace logwood::testing
