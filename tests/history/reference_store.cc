#include "tests/history/reference_store.h"

#include <algorithm>

namespace logwood::test {

class ReferenceStore::OpenTransaction : public Transaction {
 public:
  OpenTransaction(ReferenceStore* store, HistoryLevel level, LogPos snapshot) : store_(*store) {
    parts_.level = level;
    parts_.snapshot = snapshot;
  }

  LogPos snapshot() const override {
    return store_.defect_ == StoreDefect::kNoSnapshot ? kHistoryNever : parts_.snapshot;
  }

  List Get(uint64_t key) override {
    const MutexLock lock(store_.mutex_);
    store_.InstallPending();
    parts_.reads.insert(key);
    return store_.Seen(parts_, key);
  }

  std::vector<Row> Scan(uint64_t begin, uint64_t end) override {
    const MutexLock lock(store_.mutex_);
    store_.InstallPending();
    parts_.ranges.emplace_back(begin, end);
    std::vector<Row> rows;
    for (uint64_t key = begin; key < end; ++key) {
      const List list = store_.Seen(parts_, key);
      if (list.empty()) continue;
      rows.emplace_back(key, list.back());
      parts_.reads.insert(key);
    }
    return rows;
  }

  void Write(uint64_t key, uint64_t value) override { Set(key, {value}); }

  void Append(uint64_t key, uint64_t value) override {
    List list;
    {
      const MutexLock lock(store_.mutex_);
      const auto own = parts_.writes.find(key);
      list = own != parts_.writes.end() ? own->second : store_.Seen(parts_, key);
      parts_.reads.insert(key);  // it depends on what was there
    }
    list.push_back(value);
    Set(key, std::move(list));
  }

  void Delete(uint64_t key) override { Set(key, {}); }

  void DeleteRange(uint64_t begin, uint64_t end) override {
    for (uint64_t key = begin; key < end; ++key) Set(key, {});
    parts_.deleted.emplace_back(begin, end);
  }

  HistoryOutcome Commit(LogPos* position) override {
    const MutexLock lock(store_.mutex_);
    Forget();
    return store_.Commit(parts_, position);
  }

  void Rollback() override {
    const MutexLock lock(store_.mutex_);
    Forget();
  }

 private:
  void Set(uint64_t key, List list) {
    const MutexLock lock(store_.mutex_);
    if (store_.defect_ == StoreDefect::kDirtyReads) store_.dirty_[key] = {&parts_, list};
    parts_.writes[key] = std::move(list);
  }
  void Forget() REQUIRES(store_.mutex_) {
    std::erase_if(store_.dirty_, [&](const auto& at) { return at.second.first == &parts_; });
  }

  ReferenceStore& store_;
  Parts parts_;
};

std::unique_ptr<TransactionalStore::Transaction> ReferenceStore::Begin(HistoryLevel level) {
  const MutexLock lock(mutex_);
  LogPos snapshot = last_;
  if (defect_ == StoreDefect::kStaleSnapshots && random_.OneIn(4)) {
    snapshot -= std::min<LogPos>(snapshot, 4);
  }
  return std::make_unique<OpenTransaction>(this, level, snapshot);
}

const ReferenceStore::List& ReferenceStore::At(uint64_t key, LogPos position) const {
  static const List kNothing;
  const auto versions = versions_.find(key);
  if (versions == versions_.end()) return kNothing;
  const auto beyond = versions->second.upper_bound(position);
  return beyond == versions->second.begin() ? kNothing : std::prev(beyond)->second;
}

ReferenceStore::List ReferenceStore::Seen(const Parts& by, uint64_t key) const {
  const auto own = by.writes.find(key);
  if (own != by.writes.end() && defect_ != StoreDefect::kForgetfulReads) return own->second;
  const auto dirty = dirty_.find(key);
  if (dirty != dirty_.end()) return dirty->second.second;
  return At(key, defect_ == StoreDefect::kNoSnapshot ? last_ : by.snapshot);
}

bool ReferenceStore::IsNewer(uint64_t key, LogPos snapshot) const {
  const auto versions = versions_.find(key);
  return versions != versions_.end() && versions->second.rbegin()->first > snapshot;
}

bool ReferenceStore::IsNewer(const std::vector<Range>& ranges, LogPos snapshot) const {
  for (const auto& [begin, end] : ranges) {
    for (uint64_t key = begin; key < end; ++key) {
      if (IsNewer(key, snapshot)) return true;
    }
  }
  return false;
}

bool ReferenceStore::Conflicts(const Parts& of) const {
  if (defect_ == StoreDefect::kNoValidation) return false;
  for (const auto& [key, list] : of.writes) {
    if (IsNewer(key, of.snapshot)) return true;
  }
  if (IsNewer(of.deleted, of.snapshot)) return true;
  // What only read is as of its snapshot.
  if (of.level == HistoryLevel::kSnapshot || of.writes.empty()) return false;
  if (defect_ == StoreDefect::kNoReadValidation) return false;
  for (const uint64_t key : of.reads) {
    if (IsNewer(key, of.snapshot)) return true;
  }
  return defect_ != StoreDefect::kNoRangeValidation && IsNewer(of.ranges, of.snapshot);
}

void ReferenceStore::Install(uint64_t key, List list, LogPos position) {
  if (defect_ == StoreDefect::kSwappedElements && list.size() >= 2 && random_.OneIn(10)) {
    std::swap(list[list.size() - 2], list.back());
  }
  versions_[key][position] = std::move(list);
}

void ReferenceStore::InstallPending() {
  if (pending_calls_ > 0 && --pending_calls_ > 0) return;
  for (auto& [key, at] : pending_) Install(key, std::move(at.second), at.first);
  pending_.clear();
}

HistoryOutcome ReferenceStore::Commit(const Parts& of, LogPos* position) {
  pending_calls_ = 0;
  InstallPending();
  const bool conflicts = Conflicts(of);
  if (conflicts && defect_ != StoreDefect::kAbortedWrites) return HistoryOutcome::kAborted;
  if (of.writes.empty()) return HistoryOutcome::kCommitted;
  const bool unknown = unknown_one_in_ > 0 && random_.OneIn(unknown_one_in_);
  if (unknown && random_.OneIn(2)) return HistoryOutcome::kUnknown;
  *position = ++last_;
  if (defect_ != StoreDefect::kLostCommits || !random_.OneIn(20)) {
    size_t rest = of.writes.size();
    for (const auto& [key, list] : of.writes) {
      if (defect_ == StoreDefect::kTornCommits && rest-- <= of.writes.size() / 2) {
        pending_.push_back({key, {last_, list}});
        pending_calls_ = 4;
      } else {
        Install(key, list, last_);
      }
    }
  }
  if (defect_ == StoreDefect::kShiftedPositions) {
    // 1 2 3 4 5 6 are told as 2 1 4 3 6 5.
    *position = (last_ - 1) % 2 == 0 ? last_ + 1 : last_ - 1;
  }
  if (conflicts) return HistoryOutcome::kAborted;
  return unknown ? HistoryOutcome::kUnknown : HistoryOutcome::kCommitted;
}

}  // namespace logwood::test
