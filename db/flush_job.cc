#include "db/flush_job.h"

#include "util/check.h"
#include "util/merging_iterator.h"

namespace logwood {

namespace {

// The entries of memtables from first to last. At the end it tells whether they still are what was
// inserted.
class FlushInput final : public InternalIterator {
 public:
  explicit FlushInput(std::span<const SealedMemtable> memtables) {
    std::vector<std::unique_ptr<InternalIterator>> children;
    for (const SealedMemtable& sealed : memtables) {
      children.push_back(sealed.memtable->NewIterator());
      inserted_ += sealed.memtable->checksum();
    }
    merged_ = NewMergingIterator(std::move(children));
  }

  void SeekToFirst() override {
    read_ = 0;
    status_ = Status::Ok();
    merged_->SeekToFirst();
    Load();
  }
  void Next() override {
    merged_->Next();
    Load();
  }
  Status status() const override { return status_; }

  void SeekToLast() override { CHECK(false); }
  void Seek(std::string_view, uint64_t) override { CHECK(false); }
  void SeekForPrev(std::string_view, uint64_t) override { CHECK(false); }
  void Prev() override { CHECK(false); }

 private:
  void Load() {
    valid_ = merged_->Valid();
    if (valid_) {
      entry_ = merged_->entry();
      // None was inserted of another kind: what reads on must not take it for one of a later
      // version.
      if (static_cast<uint8_t>(entry_.kind()) > kEntryKindMax) [[unlikely]]
        return Changed();
      read_ += EntryChecksum(entry_.key, entry_.trailer, entry_.value);
      return;
    }
    status_ = merged_->status();
    if (status_.ok() && read_ != inserted_) Changed();
  }
  void Changed() {
    valid_ = false;
    status_ = Status::Corruption(
        "a memtable's entries changed in memory before they were flushed; the log still has "
        "them: reopen the database, and test this machine's memory");
  }

  std::unique_ptr<InternalIterator> merged_;
  uint64_t inserted_ = 0, read_ = 0;
  Status status_;
};

}  // namespace

Result<SinkResult> RunFlush(std::span<const SealedMemtable> memtables, const SurvivalRules& rules,
                            const SinkOptions& options) {
  FlushInput input(memtables);
  CompactionIterator survivors(&input, rules);
  survivors.SeekToFirst();
  return WriteTables(&survivors, options);
}

}  // namespace logwood
