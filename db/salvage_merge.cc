#include "db/salvage_merge.h"

#include <algorithm>

#include "db/damage.h"
#include "util/status_macros.h"

namespace logwood {

namespace {

class TableStream final : public SalvageStream {
 public:
  TableStream(FileSystem* fs, std::vector<SalvageTable> tables, SalvageTableRead read)
      : fs_(fs), tables_(std::move(tables)), read_(std::move(read)) {}

  bool Next() override {
    while (status_.ok()) {
      if (NextInRange()) return true;
      EndTable();
      if (!status_.ok() || next_ == tables_.size()) return false;
      const SalvageTable& table = tables_[next_++];
      auto opened = DamagedTable::Open(fs_, table.path, table.meta ? &*table.meta : nullptr);
      if (opened.ok()) {
        open_ = std::move(*opened);
      } else if (read_ && IsDamage(opened.status())) {
        read_(table, nullptr, opened.status());
      } else {
        status_ = opened.status();
      }
    }
    return false;
  }
  const Entry& entry() const override { return open_->entry(); }
  uint64_t rank() const override { return tables_[next_ - 1].number; }
  Status status() const override { return status_; }

 private:
  bool NextInRange() {
    if (open_ == nullptr) return false;
    const SalvageTable& table = tables_[next_ - 1];
    while (open_->Next()) {
      const std::string_view key = open_->entry().key;
      if (table.smallest <= key && key <= table.largest) return true;
    }
    return false;
  }
  void EndTable() {
    if (open_ == nullptr) return;
    status_ = open_->status();
    if (status_.ok() && read_) read_(tables_[next_ - 1], open_.get(), Status::Ok());
    open_.reset();
  }

  FileSystem* const fs_;
  const std::vector<SalvageTable> tables_;
  const SalvageTableRead read_;
  size_t next_ = 0;
  std::unique_ptr<DamagedTable> open_;
  Status status_;
};

class IteratorStream final : public SalvageStream {
 public:
  IteratorStream(std::unique_ptr<InternalIterator> iterator, std::shared_ptr<const void> owner)
      : owner_(std::move(owner)), iterator_(std::move(iterator)) {}

  bool Next() override {
    if (started_) {
      iterator_->Next();
    } else {
      iterator_->SeekToFirst();
    }
    started_ = true;
    return iterator_->Valid();
  }
  const Entry& entry() const override { return iterator_->entry(); }
  uint64_t rank() const override { return kSalvageLogRank; }
  Status status() const override { return iterator_->status(); }

 private:
  const std::shared_ptr<const void> owner_;
  const std::unique_ptr<InternalIterator> iterator_;
  bool started_ = false;
};

// For a heap whose top comes first in key order, newest first.
bool ComesLater(const SalvageStream* a, const SalvageStream* b) {
  const Entry& left = a->entry();
  const Entry& right = b->entry();
  if (const int order = left.key.compare(right.key); order != 0) return order > 0;
  if (left.position() != right.position()) return left.position() < right.position();
  return a->rank() < b->rank();
}

}  // namespace

std::unique_ptr<SalvageStream> NewTableStream(FileSystem* fs, std::vector<SalvageTable> tables,
                                              SalvageTableRead read) {
  return std::make_unique<TableStream>(fs, std::move(tables), std::move(read));
}

std::unique_ptr<SalvageStream> NewIteratorStream(std::unique_ptr<InternalIterator> iterator,
                                                 std::shared_ptr<const void> owner) {
  return std::make_unique<IteratorStream>(std::move(iterator), std::move(owner));
}

std::vector<std::vector<SalvageTable>> GroupTables(std::vector<SalvageTable> tables) {
  std::sort(tables.begin(), tables.end(),
            [](const auto& a, const auto& b) { return a.smallest < b.smallest; });
  std::vector<std::vector<SalvageTable>> rows;
  for (SalvageTable& table : tables) {
    const auto row = std::find_if(rows.begin(), rows.end(),
                                  [&](const auto& r) { return r.back().largest < table.smallest; });
    if (row == rows.end()) {
      rows.emplace_back();
      rows.back().push_back(std::move(table));
    } else {
      row->push_back(std::move(table));
    }
  }
  return rows;
}

Status MergeStreams(const std::vector<std::unique_ptr<SalvageStream>>& streams,
                    const std::function<Status(const SalvageStream&)>& visit) {
  std::vector<SalvageStream*> heap;
  for (const auto& stream : streams) {
    if (stream->Next()) heap.push_back(stream.get());
    RETURN_IF_ERROR(stream->status());
  }
  std::make_heap(heap.begin(), heap.end(), ComesLater);
  while (!heap.empty()) {
    std::pop_heap(heap.begin(), heap.end(), ComesLater);
    SalvageStream* const stream = heap.back();
    RETURN_IF_ERROR(visit(*stream));
    if (stream->Next()) {
      std::push_heap(heap.begin(), heap.end(), ComesLater);
    } else {
      RETURN_IF_ERROR(stream->status());
      heap.pop_back();
    }
  }
  return Status::Ok();
}

}  // namespace logwood
