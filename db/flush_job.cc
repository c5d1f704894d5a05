#include "db/flush_job.h"

#include "db/damage.h"
#include "memtable/entry_checksum.h"
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
      AddRanges(sealed.memtable->range_deletes());
    }
    merged_ = NewMergingIterator(std::move(children));
  }

  // Null: there are none.
  RangeFragmentsPtr RangeDeletesFor(std::span<const LogPos> snapshots) const {
    return ranges_.empty() ? nullptr : ranges_.Finish(snapshots);
  }

  void SeekToFirst() override {
    read_ = ranges_read_;
    status_ = Status::Ok();
    merged_->SeekToFirst();
    Load();
  }
  void Next() override {
    merged_->Next();
    Load();
  }
  Status status() const override { return status_; }
  // Of a flush that failed: why, if memory that changed is why.
  Status WhyFailed(Status failed) {
    if (!IsDamage(failed) && !failed.Is(StatusCode::kNotSupported)) return failed;
    while (valid_) Next();
    return status_.ok() ? failed : status_;
  }

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
      if (!IsEntryKind(entry_.kind())) [[unlikely]]
        return Changed();
      read_ += EntryChecksum(entry_.key, entry_.trailer, entry_.value);
      return;
    }
    status_ = merged_->status();
    if (status_.ok() && read_ != inserted_) Changed();
  }
  void AddRanges(const RangeDeletes& deletes) {
    for (auto* range = deletes.newest(); range != nullptr; range = range->previous) {
      // What changed in memory is found by its checksum.
      if (range->begin < range->end) ranges_.Add(range->begin, range->end, range->position);
      ranges_read_ += EntryChecksum(
          range->begin, PackTrailer(range->position, EntryKind::kRangeDelete), range->end);
    }
  }
  void Changed() {
    valid_ = false;
    status_ = Status::Corruption(
        "a memtable's entries changed in memory before they were flushed; the log still has "
        "them: reopen the database, and test this machine's memory");
  }

  std::unique_ptr<InternalIterator> merged_;
  RangeFragmenter ranges_;
  uint64_t inserted_ = 0, read_ = 0, ranges_read_ = 0;
  Status status_;
};

}  // namespace

Result<SinkResult> RunFlush(std::span<const SealedMemtable> memtables, const SurvivalRules& rules,
                            const SinkOptions& options) {
  FlushInput input(memtables);
  SurvivalRules with_ranges = rules;
  with_ranges.range_deletes = input.RangeDeletesFor(rules.snapshots);
  CompactionIterator survivors(&input, std::move(with_ranges));
  survivors.SeekToFirst();
  Result<SinkResult> written = WriteTables(&survivors, options);
  // A value that cannot be read is met before the sums are compared.
  if (!written.ok()) return input.WhyFailed(written.status());
  return written;
}

}  // namespace logwood
