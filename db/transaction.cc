#include "db/transaction.h"

#include <functional>
#include <utility>

#include "db/db_iterator.h"
#include "db/fold.h"
#include "util/batch_codec.h"
#include "util/check.h"
#include "util/status_macros.h"

namespace logwood {

// Remembers what was gone over: from where a seek looked to where the iterator came, with all
// between.
class ReadRecorder final : public Iterator {
 public:
  ReadRecorder(std::unique_ptr<Iterator> shown, ReadSet* reads, StoredBounds bounds, size_t prefix)
      : shown_(std::move(shown)), reads_(reads), bounds_(std::move(bounds)), prefix_(prefix) {}

  bool Valid() const override { return shown_->Valid(); }
  void SeekToFirst() override {
    shown_->SeekToFirst();
    WentUp(bounds_.lower);
  }
  void SeekToLast() override {
    shown_->SeekToLast();
    WentDown(bounds_.upper);
  }
  void Seek(std::string_view target) override {
    const std::string from = std::max(bounds_.lower, Stored(target));
    shown_->Seek(target);
    WentUp(from);
  }
  void SeekForPrev(std::string_view target) override {
    const std::string from = std::min(bounds_.upper, Stored(target) + '\0');
    shown_->SeekForPrev(target);
    WentDown(from);
  }
  void Next() override {
    if (!Valid()) return;
    const std::string from = Stored(key());
    shown_->Next();
    WentUp(from);
  }
  void Prev() override {
    if (!Valid()) return;
    const std::string from = Stored(key());
    shown_->Prev();
    WentDown(from);
  }
  std::string_view key() const override { return shown_->key(); }
  std::string_view value() const override { return shown_->value(); }
  Status status() const override { return shown_->status(); }
  LogPos position() const override { return shown_->position(); }

 private:
  std::string Stored(std::string_view key) const {
    return bounds_.lower.substr(0, prefix_).append(key);
  }
  void WentUp(const std::string& from) {
    reads_->AddRange(from, Valid() ? Stored(key()) + '\0' : bounds_.upper);
  }
  void WentDown(const std::string& from) {
    reads_->AddRange(Valid() ? Stored(key()) : bounds_.lower, from);
  }

  const std::unique_ptr<Iterator> shown_;
  ReadSet* const reads_;
  const StoredBounds bounds_;
  const size_t prefix_;
};

Status Transaction::Get(Keyspace keyspace, std::string_view key, std::string* value) {
  if (value == nullptr) return Status::InvalidArgument("value: it is null");
  PinnedValue pinned;
  RETURN_IF_ERROR(Get(keyspace, key, &pinned));
  value->assign(pinned.view());
  return Status::Ok();
}

TransactionImpl::TransactionImpl(Engine* engine, std::shared_ptr<Core> core,
                                 std::shared_ptr<const Snapshot> snapshot,
                                 const TransactionOptions& options)
    : engine_(engine),
      core_(std::move(core)),
      snapshot_(std::move(snapshot)),
      isolation_(options.isolation) {
  own_.position = kOwnPositionMin;
}

Status TransactionImpl::CheckLive() const {
  RETURN_IF_ERROR(CheckOpen(*core_));
  return ended_ ? Status::InvalidArgument("transaction: it has ended") : Status::Ok();
}

Status TransactionImpl::CheckReadsFit() const {
  const uint64_t limit = core_->settings.batch_bytes_max;
  if (reads_.memory_bytes() <= limit) [[likely]]
    return Status::Ok();
  return Status::InvalidArgument("transaction: to remember what it read takes " +
                                 std::to_string(reads_.memory_bytes()) + " bytes; the limit is " +
                                 std::to_string(limit));
}

Status TransactionImpl::Get(Keyspace keyspace, std::string_view key, PinnedValue* value) {
  RETURN_IF_ERROR(tracks_reads() ? Expect(keyspace, key) : CheckLive());
  return Reads(core_).Get(reading(), keyspace, key, value,
                          own_.memtable == nullptr ? nullptr : &own_);
}

Status TransactionImpl::Expect(Keyspace keyspace, std::string_view key) {
  RETURN_IF_ERROR(CheckLive());
  if (key.size() > kKeyBytesMax) {
    return Status::InvalidArgument("key: longer than " + std::to_string(kKeyBytesMax));
  }
  reads_.AddKey(StoredKeyBuffer(keyspace.number(), key).view());
  return CheckReadsFit();
}

std::unique_ptr<Iterator> TransactionImpl::NewIterator(const IteratorOptions& options,
                                                       Keyspace keyspace) {
  Status live = CheckLive();
  if (live.ok()) live = CheckReadsFit();
  if (!live.ok()) return NewErrorIterator(std::move(live));
  IteratorOptions within = options;
  within.snapshot = snapshot_.get();
  within.at_least = 0;
  auto shown =
      Reads(core_).NewIterator(within, keyspace, own_.memtable == nullptr ? nullptr : &own_);
  if (!tracks_reads()) return shown;
  return std::make_unique<ReadRecorder>(std::move(shown), &reads_,
                                        ResolveBounds(within, keyspace.number()),
                                        KeyspacePrefix(keyspace.number()).size());
}

uint64_t TransactionImpl::Time() const {
  return static_cast<const SnapshotImpl*>(snapshot_.get())->time_us();
}

void TransactionImpl::Show(std::string_view operations) {
  if (own_.memtable == nullptr) own_.memtable = std::make_shared<Memtable>();
  // These bytes were encoded a moment ago.
  CHECK(InsertFolded(operations, {++own_.position, Time()}, own_.memtable.get(),
                     &core_->catalogue.operators())
            .ok());
}

// Of several writes that are one, none is made without the other.
Status TransactionImpl::Refuse(Status why) {
  if (refused_.ok()) refused_ = why;
  return why;
}

Status TransactionImpl::Add(const WriteBatch& one) {
  RETURN_IF_ERROR(CheckLive());
  Status added = TryAdd(one);
  return added.ok() ? added : Refuse(std::move(added));
}

Status TransactionImpl::TryAdd(const WriteBatch& one) {
  RETURN_IF_ERROR(Status(one.status()));
  if (one.merge_count() != 0) RETURN_IF_ERROR(CheckMerges(*core_, one));
  if (one.empty()) return Status::Ok();
  if (one.owner() != 0 && one.owner() != core_->catalogue.owner()) {
    return Status::InvalidArgument("keyspace: the handle belongs to another database");
  }
  Size size = size_;
  size.operations_bytes += one.operations().size();
  size.data_bytes += one.data_bytes();
  size.count += one.count();
  size.range_count += one.range_count();
  const uint64_t memory = size.operations_bytes + note_.size() +
                          uint64_t{size.count} * kOperationMemoryBytes +
                          uint64_t{size.range_count} * kRangeDeleteMemoryBytes;
  if (memory > core_->settings.batch_bytes_max) {
    return Status::InvalidArgument("transaction: what it writes takes " + std::to_string(memory) +
                                   " bytes of memory; the limit is " +
                                   std::to_string(core_->settings.batch_bytes_max));
  }
  size_ = size;
  operations_ += one.operations();
  names_keyspaces_ |= one.owner() != 0;
  Show(one.operations());
  return Status::Ok();
}

Status TransactionImpl::Put(Keyspace keyspace, std::string_view key, std::string_view value) {
  WriteBatch one;
  one.Put(keyspace, key, value);
  return Add(one);
}

Status TransactionImpl::PutExpiring(Keyspace keyspace, std::string_view key, std::string_view value,
                                    std::chrono::microseconds ttl) {
  WriteBatch one;
  one.PutExpiring(keyspace, key, value, ttl);
  return Add(one);
}

Status TransactionImpl::Delete(Keyspace keyspace, std::string_view key) {
  WriteBatch one;
  one.Delete(keyspace, key);
  return Add(one);
}

Status TransactionImpl::DeleteRange(Keyspace keyspace, std::string_view begin,
                                    std::optional<std::string_view> end) {
  WriteBatch one;
  one.DeleteRange(keyspace, begin, end);
  return Add(one);
}

Status TransactionImpl::Merge(Keyspace keyspace, std::string_view key, std::string_view operand) {
  WriteBatch one;
  one.Merge(keyspace, key, operand);
  return Add(one);
}

Status TransactionImpl::Note(std::string_view note) {
  RETURN_IF_ERROR(CheckLive());
  WriteBatch one;
  one.Note(note);
  if (!one.status().ok()) return Refuse(one.status());
  note_ = note;
  return Status::Ok();
}

Transaction::Savepoint TransactionImpl::SetSavepoint() {
  savepoints_.push_back({size_, refused_});
  return savepoints_.size();
}

Status TransactionImpl::RollbackTo(Savepoint savepoint) {
  RETURN_IF_ERROR(CheckLive());
  if (savepoint == 0 || savepoint > savepoints_.size()) {
    return Status::InvalidArgument("savepoint: this transaction has none of this number");
  }
  savepoints_.resize(savepoint);
  size_ = savepoints_.back().size;
  refused_ = savepoints_.back().refused;
  operations_.resize(size_.operations_bytes);
  // Iterators keep the memtable that they show. Each operation has a position again.
  own_ = {nullptr, kOwnPositionMin};
  BatchReader reader(operations_);
  BatchOperation operation;
  for (size_t at = 0; reader.Next(&operation);) {
    const size_t end = operations_.size() - reader.remaining();
    Show(std::string_view(operations_).substr(at, end - at));
    at = end;
  }
  return Status::Ok();
}

// What the leader of the write queue asks, with no other write under way.
Status TransactionImpl::Conflicts() {
  return reads_.CheckUnchangedSince(snapshot_->position(), core_.get());
}

Result<LogPos> TransactionImpl::Commit(const WriteOptions& options) {
  RETURN_IF_ERROR(CheckLive());
  Status fits = CheckReadsFit();
  ended_ = true;
  RETURN_IF_ERROR(std::move(refused_));
  RETURN_IF_ERROR(std::move(fits));
  if (size_.count == 0 && note_.empty()) return snapshot_->position();
  if (isolation_ == Isolation::kSnapshot) RelyOnWrites();
  Result<LogPos> committed = CommitWrites(options);
  if (committed.status().Is(StatusCode::kConflict)) {
    core_->statistics.transaction_conflicts.fetch_add(1, std::memory_order_relaxed);
  }
  return committed;
}

Result<LogPos> TransactionImpl::CommitWrites(const WriteOptions& options) {
  // What is in the way already is told without stopping other writers.
  RETURN_IF_ERROR(Conflicts());
  const std::function<Status()> condition = [this] { return Conflicts(); };
  PendingWrite write;
  write.operations = operations_;
  write.note = note_;
  write.operation_count = size_.count;
  write.range_count = size_.range_count;
  write.data_bytes = size_.data_bytes;
  write.check_keyspaces = names_keyspaces_;
  write.joins_no_group = true;
  write.condition = &condition;
  Result<LogPos> committed = engine_->Commit(options, &write);
  // Counts where it is in the history, as Stats::commits does, also where its sync failed.
  if (write.position != 0) {
    core_->statistics.transaction_commits.fetch_add(1, std::memory_order_relaxed);
  }
  return committed;
}

void TransactionImpl::RelyOnWrites() {
  BatchReader reader(operations_);
  BatchOperation operation;
  while (reader.Next(&operation)) {
    if (operation.kind == EntryKind::kRangeDelete) {
      reads_.AddRange(operation.stored_key, operation.value);
    } else if (operation.kind != EntryKind::kMerge) {
      reads_.AddKey(operation.stored_key);
    }
  }
}

void TransactionImpl::Rollback() { ended_ = true; }

}  // namespace logwood
