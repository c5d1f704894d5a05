#include "compaction/level_iterator.h"

#include <algorithm>
#include <string>
#include <utility>

#include "util/check.h"

namespace logwood {

namespace {

class LevelIterator final : public InternalIterator {
 public:
  LevelIterator(LevelTables tables, TableCache* cache, const LevelIteratorOptions& options)
      : tables_(std::move(tables)), cache_(cache), options_(options) {}

  void SeekToFirst() override {
    status_ = Status::Ok();
    if (!Open(0)) return;
    BeginCount();
    child_->SeekToFirst();
    SettleForward();
  }

  void SeekToLast() override {
    status_ = Status::Ok();
    counting_ = false;
    if (tables_.tables.empty() || !Open(tables_.tables.size() - 1)) return End();
    child_->SeekToLast();
    SettleBackward();
  }

  void Seek(std::string_view key, uint64_t trailer) override {
    status_ = Status::Ok();
    counting_ = false;
    const auto all = tables_.tables;
    const auto at = std::partition_point(
        all.begin(), all.end(), [&](const TableMetaPtr& table) { return table->end <= key; });
    if (!Open(static_cast<size_t>(at - all.begin()))) return;
    child_->Seek(key, trailer);
    SettleForward();
  }

  void SeekForPrev(std::string_view key, uint64_t trailer) override {
    status_ = Status::Ok();
    counting_ = false;
    const auto all = tables_.tables;
    const auto at = std::partition_point(
        all.begin(), all.end(), [&](const TableMetaPtr& table) { return table->begin <= key; });
    if (at == all.begin() || !Open(static_cast<size_t>(at - all.begin()) - 1)) return End();
    child_->SeekForPrev(key, trailer);
    SettleBackward();
  }

  void Next() override {
    DCHECK(valid_);
    child_->Next();
    ++seen_;
    if (child_->Valid()) [[likely]] {
      entry_ = child_->entry();
      return;
    }
    SettleForward();
  }

  void Prev() override {
    DCHECK(valid_);
    counting_ = false;
    child_->Prev();
    if (child_->Valid()) [[likely]] {
      entry_ = child_->entry();
      return;
    }
    SettleBackward();
  }

  Status status() const override { return status_; }
  std::shared_ptr<const void> value_owner() const override {
    return valid_ ? child_->value_owner() : nullptr;
  }
  // The table's reader may be closed then, too.
  void Release() override {
    child_.reset();
    valid_ = false;
  }

 private:
  // Makes child_ the iterator of that table; false beyond the last one and after a failure.
  bool Open(size_t index) {
    valid_ = false;
    if (index >= tables_.tables.size()) return false;
    if (child_ != nullptr && index == index_) return true;
    child_.reset();
    Result<std::shared_ptr<TableReader>> reader = cache_->Find(*tables_.tables[index]);
    if (!reader.ok()) {
      status_ = reader.status();
      return false;
    }
    child_ = (*reader)->NewIterator(options_.scan);
    index_ = index;
    return true;
  }

  void End() { valid_ = false; }

  void BeginCount() {
    counting_ = options_.check_entries;
    seen_ = 0;
  }

  // The child has just been moved forward: goes on to the next tables where it is at its end.
  void SettleForward() {
    while (!child_->Valid()) {
      if (!Exhausted()) return End();
      if (!Open(index_ + 1)) return End();
      seen_ = 0;
      child_->SeekToFirst();
    }
    entry_ = child_->entry();
    valid_ = true;
  }

  void SettleBackward() {
    while (!child_->Valid()) {
      status_ = child_->status();
      if (!status_.ok() || index_ == 0 || !Open(index_ - 1)) return End();
      child_->SeekToLast();
    }
    entry_ = child_->entry();
    valid_ = true;
  }

  // Whether the child's end is a good one.
  bool Exhausted() {
    status_ = child_->status();
    if (!status_.ok()) return false;
    const TableMeta& meta = *tables_.tables[index_];
    if (!counting_ || seen_ == meta.entries) return true;
    status_ =
        Status::Corruption(TableFileName(meta.number) + ": " + std::to_string(seen_) +
                           " entries where the manifest says " + std::to_string(meta.entries));
    return false;
  }

  const LevelTables tables_;
  TableCache* const cache_;
  const LevelIteratorOptions options_;
  std::unique_ptr<InternalIterator> child_;
  size_t index_ = 0;  // of child_
  bool counting_ = false;
  uint64_t seen_ = 0;  // entries of child_ passed, while counting
  Status status_;
};

}  // namespace

std::unique_ptr<InternalIterator> NewLevelIterator(LevelTables tables, TableCache* cache,
                                                   const LevelIteratorOptions& options) {
  return std::make_unique<LevelIterator>(std::move(tables), cache, options);
}

}  // namespace logwood
