// Session: transactions. Each slot's one is told apart from other writes only by the order in which
// operations come; whether its commit is refused is what the model found in the way.
#include <charconv>
#include <utility>

#include "tests/metamorphic/session.h"
#include "tests/support/list_operators.h"
#include "util/escape.h"

namespace logwood::test {

namespace {

// Reads and writes stop there: with the largest key and value on top, both are within what the
// smallest budget allows.
constexpr uint64_t kTransactionBytesMax = 48 << 10;

// What stands behind `name`; nullopt: nothing.
std::optional<LogPos> NumberBehind(std::string_view text, std::string_view name) {
  const size_t at = text.find(name);
  if (at == std::string_view::npos) return std::nullopt;
  text.remove_prefix(at + name.size());
  LogPos number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc()) return std::nullopt;
  return number;
}

// Whether the refusal tells of this one: keyspace, position, and a key where both meet.
bool Names(const Status& refused, const ModelTransaction::Conflict& conflict, int slot) {
  const std::string_view message = refused.message();
  const std::string keyspace = "keyspace \"" + Escape(KeyspaceNameOf(slot)) + "\" was ";
  if (conflict.write.is_drop) {
    return message.starts_with(keyspace + "dropped at position ") &&
           NumberBehind(message, " was dropped at position ") == conflict.write.position;
  }
  if (NumberBehind(message, " was written at position ") != conflict.write.position) return false;
  constexpr std::string_view kKey = "key \"";
  const size_t end = message.rfind("\" of " + keyspace + "written");
  if (!message.starts_with(kKey) || end == std::string_view::npos) return false;
  const std::optional<std::string> key = Unescape(message.substr(kKey.size(), end - kKey.size()));
  return key && *key >= conflict.begin && (!conflict.end || *key < *conflict.end);
}

}  // namespace

void Session::InTransaction(const Operation& operation) {
  using K = OperationKind;
  HeldTransaction& held = transactions_[static_cast<size_t>(operation.transaction)];
  if (operation.kind == K::kBegin) return Begin(operation);
  if (!held.transaction) return;
  switch (operation.kind) {
    case K::kPut:
    case K::kDelete:
    case K::kDeleteRange:
    case K::kMerge:
      return WriteInTransaction(operation, &held);
    case K::kGet:
      return GetInTransaction(operation, &held);
    case K::kExpect:
      return ExpectInTransaction(operation, &held);
    case K::kOpenIterator:
      return OpenIteratorInTransaction(operation, &held);
    case K::kSetSavepoint:
      Expect(held.transaction->SetSavepoint() == held.model->SetSavepoint(), "SetSavepoint");
      return;
    case K::kRollbackTo:
      return RollbackTo(operation, &held);
    case K::kCommit:
      return Commit(operation, &held);
    case K::kRollback:
      held.transaction->Rollback();
      CheckEnded(held.transaction.get(), StatusCode::kInvalidArgument);
      return EndTransaction(operation.transaction);
    default:
      return;
  }
}

void Session::Begin(const Operation& operation) {
  EndTransaction(operation.transaction);
  HeldTransaction& held = transactions_[static_cast<size_t>(operation.transaction)];
  const Isolation isolation = operation.flag ? Isolation::kSnapshot : Isolation::kSerializable;
  Result<std::unique_ptr<Transaction>> begun = db_->BeginTransaction({.isolation = isolation});
  if (!ExpectOk(begun.status(), "BeginTransaction")) return;
  held.transaction = std::move(begun).value();
  held.model.emplace(model_->now(), !operation.flag);
  Expect(held.transaction->position() == model_->last(), "Transaction::position");
}

void Session::EndTransaction(int slot) {
  // Iterators must not outlive it.
  for (HeldIterator& held : iterators_)
    if (held.transaction == slot) held = {};
  transactions_[static_cast<size_t>(slot)] = {};
}

void Session::WriteInTransaction(const Operation& operation, HeldTransaction* held) {
  const std::optional<Keyspace>& handle = handles_[static_cast<size_t>(operation.keyspace)];
  if (!handle || held->model->written_bytes() > kTransactionBytesMax) return;
  BatchItem item = ItemOf(operation);
  if (item.kind == BatchItem::Kind::kPut) item.ttl_us = operation.ttl_us;
  Transaction& transaction = *held->transaction;
  const std::string key = item.key.bytes();
  Status status;
  bool is_misused = IsRefusedMerge(item), is_nothing = false;
  if (item.is_range()) {
    const KeyBounds bounds = item.bounds();
    status = transaction.DeleteRange(*handle, bounds.begin, bounds.end);
    is_misused = bounds.is_backward();
    is_nothing = bounds.is_empty();
  } else if (item.kind == BatchItem::Kind::kDelete) {
    status = transaction.Delete(*handle, key);
  } else if (item.kind == BatchItem::Kind::kPut) {
    status = item.ttl_us == 0
                 ? transaction.Put(*handle, key, WrittenBytes(item))
                 : transaction.PutExpiring(*handle, key, WrittenBytes(item), TtlOf(item.ttl_us));
  } else {
    status = transaction.Merge(*handle, key, WrittenBytes(item));
  }
  if (is_misused) {
    Expect(status.Is(StatusCode::kInvalidArgument),
           "a misuse in a transaction was answered with " + status.ToString());
    held->model->Refuse();
    return;
  }
  if (!ExpectOk(status, "a write in a transaction") || is_nothing) return;
  // The handle may be that of one that was dropped.
  held->model->Write(model_->newest(operation.keyspace), handle->number(), item);
}

void Session::GetInTransaction(const Operation& operation, HeldTransaction* held) {
  const std::optional<Keyspace>& handle = handles_[static_cast<size_t>(operation.keyspace)];
  if (!handle || !IsLive(operation.keyspace)) return;
  if (held->model->relied_bytes() > kTransactionBytesMax) return;
  const ModelKeyspace& keyspace = *model_->current(operation.keyspace);
  const std::string key = operation.key.bytes();
  const std::string* const expected = held->model->Get(keyspace, key);
  held->model->ReadKey(keyspace, handle->number(), key);
  PinnedValue value;
  const Status status = held->transaction->Get(*handle, key, &value);
  const bool right = expected == nullptr ? status.Is(StatusCode::kNotFound)
                                         : status.ok() && value.view() == *expected;
  if (!Expect(right, "Get in a transaction of " + Shown(key) + " is " + status.ToString() +
                         (status.ok() ? ", got " + Shown(value.view()) : "") + ", expected " +
                         (expected == nullptr ? "nothing" : Shown(*expected))))
    return;
  Observe(status.ok() ? value.view() : std::string_view("\0none", 5));
  if (expected == nullptr || operations_run_ % 4 != 0) return;
  // It may outlive the transaction.
  Expect(held->transaction->Get(*handle, key, HoldValue(*expected)).ok(), "the same Get again");
}

void Session::ExpectInTransaction(const Operation& operation, HeldTransaction* held) {
  const std::optional<Keyspace>& handle = handles_[static_cast<size_t>(operation.keyspace)];
  if (!handle || !IsLive(operation.keyspace)) return;
  if (held->model->relied_bytes() > kTransactionBytesMax) return;
  const std::string key = operation.key.bytes();
  ExpectOk(held->transaction->Expect(*handle, key), "Expect");
  held->model->RelyOnKey(*model_->current(operation.keyspace), handle->number(), key);
}

void Session::OpenIteratorInTransaction(const Operation& operation, HeldTransaction* held) {
  HeldIterator& opened = iterators_[static_cast<size_t>(operation.slot) % kIteratorSlots];
  opened = {};
  const std::optional<Keyspace>& handle = handles_[static_cast<size_t>(operation.keyspace)];
  if (!handle || !IsLive(operation.keyspace)) return;
  if (held->model->relied_bytes() > kTransactionBytesMax) return;
  IteratorOptions options;
  // Of these two it says that they have no meaning.
  if (operation.snapshot >= 0)
    options.snapshot = snapshots_[static_cast<size_t>(operation.snapshot)].snapshot.get();
  options.at_least = operation.flag ? model_->last() + 1 : 0;
  if (operation.lower) options.lower = operation.lower->bytes();
  if (operation.upper) options.upper = operation.upper->bytes();
  if (operation.prefix) options.prefix = operation.prefix->bytes();
  opened.iterator = held->transaction->NewIterator(options, *handle);
  if (!Expect(opened.iterator != nullptr, "Transaction::NewIterator returned null")) return;
  Expect(!opened.iterator->Valid(), "a new iterator is valid before it is positioned");
  opened.at = held->model->at();
  Expect(opened.iterator->position() == opened.at.position, "Iterator::position in a transaction");
  const ModelCursor::Bounds bounds{options.lower, options.upper, options.prefix};
  opened.model.emplace(held->model->Cursor(*model_->current(operation.keyspace), bounds));
  opened.transaction = operation.transaction;
  opened.keyspace = handle->number();
  Walk(&opened, operation.steps);
}

void Session::TakeStepInTransaction(HeldIterator* held, const Step& step) {
  ModelTransaction& model = *transactions_[static_cast<size_t>(held->transaction)].model;
  if (model.relied_bytes() > kTransactionBytesMax) return;
  const bool is_relative = step.kind == Step::Kind::kNext || step.kind == Step::Kind::kPrev;
  if (is_relative && (!held->model->Valid() || step.count == 0)) return;
  const std::string before(is_relative ? held->model->key() : std::string_view());
  TakeStep(held, step);
  NoteWalked(*held, step, before);
}

void Session::NoteWalked(const HeldIterator& held, const Step& step, const std::string& before) {
  const ModelCursor& at = *held.model;
  ModelTransaction& model = *transactions_[static_cast<size_t>(held.transaction)].model;
  const std::string target = step.key.bytes();
  std::string begin = at.lower();
  std::optional<std::string> end = at.upper();
  const bool is_up = step.kind == Step::Kind::kFirst || step.kind == Step::Kind::kSeek ||
                     step.kind == Step::Kind::kNext;
  if (step.kind == Step::Kind::kSeek && target > begin) begin = target;
  if (step.kind == Step::Kind::kNext) begin = before;
  if (step.kind == Step::Kind::kSeekForPrev && (!end || target < *end)) end = target + '\0';
  if (step.kind == Step::Kind::kPrev) end = before;
  // No further than where it is now.
  if (at.Valid() && is_up) end = std::string(at.key()) + '\0';
  if (at.Valid() && !is_up) begin = at.key();
  model.ReadRange(at.keyspace(), held.keyspace, begin, end);
}

void Session::RollbackTo(const Operation& operation, HeldTransaction* held) {
  const Status status = held->transaction->RollbackTo(operation.savepoint);
  if (held->model->RollbackTo(operation.savepoint)) {
    ExpectOk(status, "RollbackTo");
  } else {
    Expect(status.Is(StatusCode::kInvalidArgument),
           "RollbackTo a savepoint that is none: " + status.ToString());
  }
}

void Session::Commit(const Operation& operation, HeldTransaction* held) {
  const ModelTransaction model = *held->model;
  const std::vector<BatchItem> items = model.items();
  if (operation.note_bytes != 0)
    ExpectOk(held->transaction->Note(std::string(operation.note_bytes, 'n')), "Transaction::Note");
  const Result<LogPos> result = held->transaction->Commit(WritingAs(operation));
  CheckEnded(held->transaction.get(), StatusCode::kInvalidArgument);
  EndTransaction(operation.transaction);
  if (model.is_refused()) return CheckMisused(result);
  if (items.empty() && operation.note_bytes == 0) {
    Expect(result.ok() && *result == model.position(), "a commit of a transaction without writes");
    Expect(db_->LastPosition() == model_->last(), "a commit without writes took a position");
    return;
  }
  const std::vector<ModelTransaction::Conflict> conflicts = model.Conflicts(*model_);
  if (!conflicts.empty()) return CheckCommitRefused(result.status(), conflicts, model.position());
  if (!model.IsWritable(*model_)) return CheckRefused("commit", result);
  CheckWritten(result, Lasting(items, operation.ttl_us), operation.durability);
}

void Session::CheckCommitRefused(const Status& refused,
                                 const std::vector<ModelTransaction::Conflict>& conflicts,
                                 LogPos read_at) {
  CheckConflict("a commit", refused);
  if (failed()) return;
  bool named = NumberBehind(refused.message(), "reads at position ") == read_at;
  bool known = false;
  for (const auto& conflict : conflicts) known |= Names(refused, conflict, slots_[conflict.number]);
  named &= known;
  const ModelWrite& write = conflicts.front().write;
  Expect(named, "a refusal names what is not in the way: " + refused.ToString() +
                    "; in the way is " +
                    (write.is_drop ? "a drop" : Shown(conflicts.front().begin)) + " at position " +
                    std::to_string(write.position));
}

void Session::CheckEnded(Transaction* transaction, StatusCode code) {
  std::string value;
  Expect(transaction->Get("k", &value).Is(code), "Get of a transaction that has ended");
  Expect(transaction->Put("k", "v").Is(code), "Put in a transaction that has ended");
  Expect(transaction->NewIterator({})->status().Is(code), "an iterator of an ended transaction");
  Expect(transaction->Commit({}).status().Is(code), "Commit of a transaction that has ended");
}

}  // namespace logwood::test
