#include "tests/metamorphic/runner.h"

#include <utility>

#include "tests/metamorphic/session.h"
#include "tests/support/generators.h"
#include "util/escape.h"
#include "util/hash.h"

namespace logwood::test {

std::string Shown(std::string_view bytes) {
  constexpr size_t kShownMax = 40;
  std::string text = "\"";
  text.append(Escape(bytes.substr(0, kShownMax))).append("\"");
  if (bytes.size() > kShownMax)
    text.append("... (").append(std::to_string(bytes.size())).append(" bytes)");
  return text;
}

Session::Session(const OptionSet& set, WrapDb wrap)
    : set_(set), wrap_(std::move(wrap)), place_(set.posix), path_(place_.Join("db0")) {
  Open(false);
  if (db_ == nullptr) return;
  model_.emplace(db_->LastPosition());
  model_->SetWall(clock_.now_us());
}

Session::~Session() {
  ReleaseHandles();
  db_.reset();
}

void Session::Fail(const std::string& what) {
  if (difference_.empty()) difference_ = what;
}

bool Session::Expect(bool condition, std::string_view what) {
  if (!condition) Fail(std::string(what));
  return condition;
}

bool Session::ExpectOk(const Status& status, std::string_view what) {
  return Expect(status.ok(), std::string(what) + ": " + status.ToString());
}

void Session::Observe(std::string_view bytes) { digest_ = Hash64(bytes, digest_); }
void Session::Observe(uint64_t number) { digest_ = MixSeeds(digest_, number); }

void Session::Run(const Operation& operation) {
  using K = OperationKind;
  ++operations_run_;
  const auto slot = static_cast<size_t>(operation.slot);
  if (operation.transaction >= 0) return InTransaction(operation);
  switch (operation.kind) {
    case K::kPut:
      return Put(operation);
    case K::kDelete:
      return Delete(operation);
    case K::kDeleteRange:
      return DeleteRange(operation);
    case K::kMerge:
      return Merge(operation);
    case K::kBatch:
      return Batch(operation);
    case K::kPutIfAbsent:
      return PutIfAbsent(operation);
    case K::kCompareAndPut:
    case K::kDeleteIf:
      return CompareAndPut(operation);
    case K::kGet:
      return Get(operation);
    case K::kMultiGet:
      return MultiGet(operation);
    case K::kContains:
      return Contains(operation);
    case K::kOpenIterator:
      return OpenIterator(operation);
    case K::kWalk:
      return Walk(&iterators_[slot % kIteratorSlots], operation.steps);
    case K::kCloseIterator:
      iterators_[slot % kIteratorSlots] = {};
      return;
    case K::kTakeSnapshot:
      return TakeSnapshot(operation.slot);
    case K::kReleaseSnapshot:
      snapshots_[slot] = {};
      return;
    case K::kCreateKeyspace:
      return CreateKeyspace(operation.keyspace);
    case K::kOpenOrCreateKeyspace:
      return OpenOrCreateKeyspace(operation);
    case K::kDropKeyspace:
      return DropKeyspace(operation.keyspace);
    case K::kListKeyspaces:
      return ListKeyspaces();
    case K::kReopen:
      return Reopen(operation.flag);
    case K::kCrash:
      return Crash();
    case K::kReadOnly:
      return CheckReadOnlyCopy();
    case K::kCheckAll:
      return CheckAll();
    case K::kClock:
      return MoveClock(operation.clock_us);
    case K::kBegin:
    case K::kCommit:
    case K::kRollback:
    case K::kSetSavepoint:
    case K::kRollbackTo:
    case K::kExpect:
      return;  // of no transaction
    default:
      return Maintain(operation);
  }
}

RunResult RunOperations(const OptionSet& set, const OperationList& list, const WrapDb& wrap) {
  RunResult result;
  Session session(set, wrap);
  for (size_t i = 0; i < list.size() && session.difference().empty(); ++i) {
    session.Run(list[i]);
    if (!session.difference().empty()) result.failure = RunFailure{i, session.difference()};
  }
  // A database that cannot even be opened differs before the first operation.
  if (!result.failure && !session.difference().empty())
    result.failure = RunFailure{0, session.difference()};
  result.digest = session.digest();
  return result;
}

}  // namespace logwood::test
