#include "db/transaction.h"

#include <algorithm>
#include <functional>
#include <utility>

#include "db/db_iterator.h"
#include "db/fold.h"
#include "util/batch_codec.h"
#include "util/check.h"
#include "util/status_macros.h"

namespace logwood {

namespace {

// What a commit looks at while others wait is no more: who relies on more is told of what is
// committed meanwhile.
constexpr uint64_t kLooksMax = 256;
// As much a transaction may hold whatever others do: what is small is not refused for their sake.
constexpr uint64_t kSmallBytes = 16 << 10;

}  // namespace

// Remembers what was gone over: from where a seek looked to where the iterator came, with all
// between.
class ReadRecorder final : public Iterator {
 public:
  ReadRecorder(std::unique_ptr<Iterator> shown, TransactionImpl* transaction, StoredBounds bounds,
               size_t prefix)
      : shown_(std::move(shown)),
        transaction_(transaction),
        bounds_(std::move(bounds)),
        prefix_(prefix) {}

  bool Valid() const override { return refusal_.ok() && shown_->Valid(); }
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
  // Also of a key whose merges are refused.
  std::string_view key() const override {
    return refusal_.ok() ? shown_->key() : std::string_view();
  }
  std::string_view value() const override { return Valid() ? shown_->value() : std::string_view(); }
  Status status() const override { return refusal_.ok() ? shown_->status() : Status(refusal_); }
  LogPos position() const override { return shown_->position(); }

 private:
  std::string Stored(std::string_view key) const {
    return bounds_.lower.substr(0, prefix_).append(key);
  }
  void WentUp(const std::string& from) {
    const bool valid = shown_->Valid();
    refusal_ = transaction_->AddRead(from, valid ? Stored(shown_->key()) + '\0' : bounds_.upper);
  }
  void WentDown(const std::string& from) {
    refusal_ = transaction_->AddRead(
        shown_->Valid() ? Stored(shown_->key()) : std::string(bounds_.lower), from);
  }

  const std::unique_ptr<Iterator> shown_;
  TransactionImpl* const transaction_;
  const StoredBounds bounds_;
  const size_t prefix_;
  Status refusal_;  // what was gone over could not be remembered
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
      isolation_(options.isolation),
      held_(core_) {
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

Status TransactionImpl::CheckRoom() const {
  if (own_.held_bytes <= kSmallBytes || !core_->PinsExceedBudget(own_.held_bytes)) return {};
  return TooManyPins(*core_);
}

void TransactionImpl::Recount() {
  held_.Set(operations_.capacity() + note_.size() + savepoint_bytes_ + reads_.memory_bytes());
  if (own_memtable_ != nullptr) own_memtable_->Recount();
  own_.held_bytes =
      held_.told_bytes() + (own_memtable_ == nullptr ? 0 : own_memtable_->held_bytes());
}

Status TransactionImpl::Get(Keyspace keyspace, std::string_view key, PinnedValue* value) {
  RETURN_IF_ERROR(tracks_reads() ? Expect(keyspace, key) : CheckLive());
  return Reads(core_).Get(reading(), keyspace, key, value, &own_);
}

Status TransactionImpl::Expect(Keyspace keyspace, std::string_view key) {
  RETURN_IF_ERROR(CheckLive());
  if (key.size() > kKeyBytesMax) {
    return Status::InvalidArgument("key: longer than " + std::to_string(kKeyBytesMax));
  }
  RETURN_IF_ERROR(CheckReadsFit());
  RETURN_IF_ERROR(CheckRoom());
  reads_.AddKey(StoredKeyBuffer(keyspace.number(), key).view());
  Recount();
  return CheckReadsFit();
}

Status TransactionImpl::AddRead(std::string_view begin, std::string_view end) {
  if (ended_) return Status::Ok();  // it relies on nothing any more
  RETURN_IF_ERROR(CheckReadsFit());
  RETURN_IF_ERROR(CheckRoom());
  reads_.AddRange(begin, end);
  Recount();
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
  auto shown = Reads(core_).NewIterator(within, keyspace, &own_);
  if (!tracks_reads()) return shown;
  return std::make_unique<ReadRecorder>(std::move(shown), this,
                                        ResolveBounds(within, keyspace.number()),
                                        KeyspacePrefix(keyspace.number()).size());
}

void TransactionImpl::Show(std::string_view operations) {
  if (own_.memtable == nullptr)
    own_.memtable = own_memtable_ = std::make_shared<OwnMemtable>(core_);
  // These bytes were encoded a moment ago.
  const uint64_t time_us = static_cast<const SnapshotImpl&>(*snapshot_).time_us();
  CHECK(InsertFolded(operations, {++own_.position, time_us}, own_.memtable.get(),
                     &core_->catalogue.operators())
            .ok());
}

// Of several writes that are one, none is made without the other.
Status TransactionImpl::Refuse(Status why) {
  if (refused_.ok()) refused_ = why;
  return why;
}

uint64_t TransactionImpl::MemoryOf(const Size& size, size_t note_bytes) const {
  return size.operations_bytes + note_bytes + uint64_t{size.count} * kOperationMemoryBytes +
         uint64_t{size.range_count} * kRangeDeleteMemoryBytes + savepoint_bytes_;
}

Status TransactionImpl::CheckWritesFit(uint64_t memory_bytes) const {
  const uint64_t limit = core_->settings.batch_bytes_max;
  if (memory_bytes <= limit) [[likely]]
    return Status::Ok();
  return Status::InvalidArgument("transaction: what it writes takes " +
                                 std::to_string(memory_bytes) + " bytes of memory; the limit is " +
                                 std::to_string(limit));
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
  RETURN_IF_ERROR(CheckWritesFit(MemoryOf(size, note_.size())));
  RETURN_IF_ERROR(CheckRoom());
  size_ = size;
  operations_ += one.operations();
  names_keyspaces_ |= one.owner() != 0;
  Show(one.operations());
  Recount();
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
  Status fits = one.status();
  if (fits.ok()) fits = CheckWritesFit(MemoryOf(size_, note.size()));
  if (!fits.ok()) return Refuse(std::move(fits));
  note_ = note;
  Recount();
  return Status::Ok();
}

Transaction::Savepoint TransactionImpl::SetSavepoint() {
  const uint64_t bytes = sizeof(Saved) + note_.size();
  if (!CheckLive().ok() || !CheckWritesFit(MemoryOf(size_, note_.size()) + bytes).ok()) return 0;
  savepoints_.push_back({++last_savepoint_, size_, note_, refused_});
  savepoint_bytes_ += bytes;
  Recount();
  return last_savepoint_;
}

Status TransactionImpl::RollbackTo(Savepoint savepoint) {
  RETURN_IF_ERROR(CheckLive());
  const auto at = std::ranges::lower_bound(savepoints_, savepoint, {}, &Saved::number);
  if (at == savepoints_.end() || at->number != savepoint) {
    return Status::InvalidArgument("savepoint: this transaction has none of this number");
  }
  while (savepoints_.back().number != savepoint) {
    savepoint_bytes_ -= sizeof(Saved) + savepoints_.back().note.size();
    savepoints_.pop_back();
  }
  note_ = savepoints_.back().note;
  refused_ = savepoints_.back().refused;
  if (size_.operations_bytes != savepoints_.back().size.operations_bytes) {
    size_ = savepoints_.back().size;
    operations_.resize(size_.operations_bytes);
    ShowAgain();
  }
  Recount();
  return Status::Ok();
}

// Iterators keep the memtable that they show. Each operation has a position again.
void TransactionImpl::ShowAgain() {
  own_memtable_.reset();
  own_.memtable.reset();
  own_.position = kOwnPositionMin;
  BatchReader reader(operations_);
  BatchOperation operation;
  for (size_t at = 0; reader.Next(&operation);) {
    const size_t end = operations_.size() - reader.remaining();
    Show(std::string_view(operations_).substr(at, end - at));
    at = end;
  }
}

Result<LogPos> TransactionImpl::Commit(const WriteOptions& options) {
  RETURN_IF_ERROR(CheckLive());
  Result<LogPos> committed = CommitWrites(options);
  if (committed.status().Is(StatusCode::kConflict)) {
    core_->statistics.transaction_conflicts.fetch_add(1, std::memory_order_relaxed);
  }
  Rollback();
  return committed;
}

Result<LogPos> TransactionImpl::CommitWrites(const WriteOptions& options) {
  RETURN_IF_ERROR(Status(refused_));
  RETURN_IF_ERROR(CheckReadsFit());
  if (size_.count == 0 && note_.empty()) return snapshot_->position();
  if (isolation_ == Isolation::kSnapshot) RelyOnWrites();
  PendingWrite write;
  Result<LogPos> committed = CommitPending(options, &write);
  // Counts where it is in the history, as Stats::commits does, also where its sync failed.
  if (write.position != 0) {
    core_->statistics.transaction_commits.fetch_add(1, std::memory_order_relaxed);
  }
  return committed;
}

Result<LogPos> TransactionImpl::CommitPending(const WriteOptions& options, PendingWrite* write) {
  write->operations = operations_;
  write->note = note_;
  write->operation_count = size_.count;
  write->range_count = size_.range_count;
  write->data_bytes = size_.data_bytes;
  write->check_keyspaces = names_keyspaces_;
  write->joins_no_group = true;
  // What is in the way already is told without stopping other writers. The position before the
  // view: all up to there is looked at, and needs no look by the leader.
  const LogPos read_at = snapshot_->position();
  const LogPos seen_to = core_->visible.load(std::memory_order_acquire);
  ReadCheck first{read_at, read_at, kLooksMax};
  RETURN_IF_ERROR(reads_.CheckUnchanged(&first, core_.get()));
  if (first.looks_left == 0) return CommitWatched(options, write);
  // Compaction may have put what was seen beside what is newer: then it is too much for the leader.
  bool saw_all = true;
  const std::function<Status()> condition = [this, read_at, seen_to, &saw_all] {
    ReadCheck second{read_at, seen_to, kLooksMax};
    RETURN_IF_ERROR(reads_.CheckUnchanged(&second, core_.get()));
    saw_all = second.looks_left != 0;
    return saw_all ? Status::Ok() : Status::Busy("transaction: the leader did not see all");
  };
  write->condition = &condition;
  Result<LogPos> committed = engine_->Commit(options, write);
  if (saw_all) return committed;
  write->operations = operations_;  // not those with times to live, which are gone
  return CommitWatched(options, write);
}

Result<LogPos> TransactionImpl::CommitWatched(const WriteOptions& options, PendingWrite* write) {
  const LogPos read_at = snapshot_->position();
  ReadWatch watch(&reads_, read_at, &core_->catalogue);
  const std::function<Status()> condition = [this, &watch, read_at] {
    RETURN_IF_ERROR(watch.End());
    return reads_.CheckKeyspaces(read_at, *core_);
  };
  write->condition = &condition;
  return engine_->CommitWatched(options, write, &watch, [this, read_at] {
    ReadCheck all{read_at, read_at};
    return reads_.CheckUnchanged(&all, core_.get());
  });
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

// Who keeps it for longer keeps nothing else.
void TransactionImpl::Rollback() {
  ended_ = true;
  operations_ = std::string();
  note_ = std::string();
  own_ = {};
  own_memtable_.reset();
  savepoints_ = std::vector<Saved>();
  savepoint_bytes_ = 0;
  reads_ = {};
  Recount();
}

}  // namespace logwood
