#include "db/engine.h"

#include <algorithm>
#include <chrono>
#include <optional>
#include <utility>

#include "db/statistics_report.h"
#include "db/transaction.h"
#include "db/verify.h"
#include "util/batch_codec.h"
#include "util/escape.h"
#include "util/status_macros.h"
#include "util/thread_scratch.h"
#include "wal/log_format.h"

namespace logwood {

namespace {

// Latency is measured for one write in so many.
constexpr uint32_t kLatencySample = 16;

// How often a close looks whether calls that saw no close have ended.
constexpr std::chrono::milliseconds kCallsLook{1};

Status CheckName(std::string_view name) {
  if (!name.empty() && name.size() <= kKeyspaceNameBytesMax) return Status::Ok();
  return Status::InvalidArgument("keyspace name: it has " + std::to_string(name.size()) +
                                 " bytes; it must have 1 to " +
                                 std::to_string(kKeyspaceNameBytesMax));
}

Status CheckDurability(Durability durability) {
  if (durability <= Durability::kPower) return Status::Ok();
  return Status::InvalidArgument("durability: " + std::to_string(static_cast<int>(durability)) +
                                 " is none of kDefault, kProcess, kPower");
}

}  // namespace

// Enter before looking at `closed`, leave at the end: Close sets `closed` first and waits second
// (invariant 22).
// Once the last call has left, the engine may be gone.
class Engine::Call {
 public:
  explicit Call(Engine* engine) : engine_(engine) {
    engine_->calls_.fetch_add(1, std::memory_order_seq_cst);
  }
  ~Call() {
    Core& core = *engine_->core_;
    // Who closes just now looks again soon.
    const bool tells = !is_open() && !core.in_child.load(std::memory_order_relaxed);
    if (!tells) {
      engine_->calls_.fetch_sub(1, std::memory_order_seq_cst);
      return;
    }
    MutexLock lock(engine_->close_mutex_);
    engine_->calls_.fetch_sub(1, std::memory_order_seq_cst);
    engine_->calls_ended_.NotifyAll();
  }
  Call(const Call&) = delete;
  Call& operator=(const Call&) = delete;
  bool is_open() const { return !engine_->core_->closed.load(std::memory_order_seq_cst); }

 private:
  Engine* engine_;
};

Engine::Engine(Parts parts)
    : core_(std::move(parts.core)),
      keyspaces_(std::move(parts.keyspaces)),
      ttls_(&core_->catalogue, keyspaces_),
      lock_(std::move(parts.lock)),
      tree_(std::move(parts.tree)),
      log_(std::move(parts.log)),
      background_({core_.get(), tree_.get(), log_.get(), &errors_, parts.snapshot_age_warning,
                   [this] { writer_.GiveBackRoom(); }}),
      writer_({core_.get(), tree_.get(), log_.get(), &background_, &errors_}),
      reads_(core_) {
  background_.Start();
}

Engine::~Engine() { static_cast<void>(Close()); }

void Engine::operator delete(Engine* engine, std::destroying_delete_t) {
  if (engine->core_->in_child.load(std::memory_order_relaxed)) return;
  engine->~Engine();
  ::operator delete(engine);
}

Status Engine::CloseLog() {
  if (errors_.stopped()) return errors_.any_failure();
  ASSIGN_OR_RETURN(LogEnd end, log_->Close());
  // Order: the log's end is durable, then the manifest says so.
  Edit edit;
  edit.clean_close = end;
  return tree_->versions().Commit(std::move(edit), nullptr);
}

Status Engine::Close() {
  {
    MutexLock lock(close_mutex_);
    if (core_->closed.exchange(true, std::memory_order_seq_cst)) return ClosedError(*core_);
  }
  background_.Stop();
  {
    MutexLock visible(core_->visible_mutex);
    core_->visible_changed.NotifyAll();
  }
  {
    MutexLock lock(close_mutex_);
    while (calls_.load(std::memory_order_seq_cst) != 0) {
      calls_ended_.WaitUntil(close_mutex_, DeadlineAfter(kCallsLook));
    }
  }
  core_->executor->Shutdown();
  Status status = CloseLog();
  background_.CollectTables();
  Event event;
  event.kind = EventKind::kClosed;
  event.position = LastPosition();
  event.status = status;
  core_->events->Emit(std::move(event));
  lock_.reset();
  return status;
}

Result<LogPos> Engine::Commit(const WriteOptions& options, PendingWrite* write) {
  const bool may_give = options.ttl.count() != 0 || ttls_.any();
  return may_give ? CommitWithTtls(options, write) : CommitAsItIs(options, write);
}

Result<LogPos> Engine::CommitWithTtls(const WriteOptions& options, PendingWrite* write) {
  if (options.ttl.count() != 0) RETURN_IF_ERROR(CheckTtl(options.ttl));
  if (write->flags & kFlagCatalogue) return CommitAsItIs(options, write);
  const std::string operations = ttls_.Give(write->operations, options.ttl);
  if (operations.size() + write->note.size() > kBatchBytesMax) {
    return Status::InvalidArgument("batch: with the times to live its " +
                                   std::to_string(operations.size() + write->note.size()) +
                                   " bytes are more than kBatchBytesMax");
  }
  write->operations = operations;
  return CommitAsItIs(options, write);
}

Result<LogPos> Engine::CommitAsItIs(const WriteOptions& options, PendingWrite* write) {
  Call call(this);
  if (!call.is_open()) return ClosedError(*core_);
  RETURN_IF_ERROR(CheckDurability(options.durability));
  RETURN_IF_ERROR(core_->events->CheckNotTelling());
  bool sampled = IsSampled<kLatencySample>();
  uint64_t begin = sampled ? core_->executor->NowNanos() : 0;
  writer_.Commit(write);
  RETURN_IF_ERROR(std::move(write->status));
  background_.NoteUnsynced();  // before a sync that may take long: who tends the log looks after it
  RETURN_IF_ERROR(MakeDurable(options.durability, write->position));
  if (sampled) {
    core_->statistics.write_latency.Add(core_->executor->NowNanos() - begin, kLatencySample);
  }
  return write->position;
}

Result<LogPos> Engine::CommitWatched(const WriteOptions& options, PendingWrite* write,
                                     CommitWatch* watch, const std::function<Status()>& check) {
  Call call(this);
  if (!call.is_open()) return ClosedError(*core_);
  RETURN_IF_ERROR(core_->events->CheckNotTelling());  // it may be the leader that tells
  writer_.Watch(watch);
  // Also where there is no memory in between: the watch is the caller's.
  const std::unique_ptr<CommitWatch, std::function<void(CommitWatch*)>> ends(
      watch, [this](CommitWatch* ended) { writer_.Unwatch(ended); });
  RETURN_IF_ERROR(check());
  return Commit(options, write);
}

Status Engine::MakeDurable(Durability durability, LogPos position) {
  if (durability == Durability::kDefault) durability = core_->settings.durability;
  if (durability != Durability::kPower) return Status::Ok();
  return SyncLog(position, kNoDeadline);
}

Status Engine::SyncLog(LogPos position, Deadline deadline) {
  Status synced = log_->SyncTo(position, deadline);
  // Another file's sync may have failed meanwhile: nothing is acknowledged behind that (invariant
  // 13). With its code, as the commit may well be there: kReadOnly says that one was refused.
  if (synced.ok()) return errors_.stopped() ? errors_.any_failure() : Status::Ok();
  if (!synced.Is(StatusCode::kTimeout)) background_.StopWrites(synced, "sync of the log");
  return synced;
}

Status Engine::TooLarge(const WriteBatch& batch) const {
  const uint64_t limit = core_->settings.batch_bytes_max;
  return Status::InvalidArgument(
      "batch: its " + std::to_string(batch.bytes()) + " bytes in " + std::to_string(batch.count()) +
      " operations take " + std::to_string(batch.memory_bytes()) +
      " bytes of memory; the limit is " + std::to_string(limit) +
      (limit == kBatchBytesMax ? " (kBatchBytesMax)" : " (a quarter of memory_budget_bytes)"));
}

Status CheckMerges(const Core& core, const WriteBatch& batch) {
  BatchReader reader(batch.operations());
  BatchOperation operation;
  while (reader.Next(&operation)) {
    if (operation.kind != EntryKind::kMerge) continue;
    uint32_t keyspace = 0;
    std::string_view key;
    SplitStoredKey(operation.stored_key, &keyspace, &key);
    const MergeOperator* merge_operator = core.catalogue.operators().Find(keyspace);
    if (merge_operator == nullptr) {
      return core.catalogue.operators().Missing(keyspace, core.catalogue.TextOf(keyspace));
    }
    const Status checked = merge_operator->Check(operation.value);
    if (!checked.ok()) {
      return checked.WithContext(core.catalogue.KeyTextOf(operation.stored_key));
    }
  }
  return Status::Ok();
}

Result<LogPos> Engine::Write(const WriteOptions& options, const WriteBatch& batch) {
  RETURN_IF_ERROR(Status(batch.status()));
  if (batch.owner() != 0 && batch.owner() != core_->catalogue.owner()) {
    return Status::InvalidArgument("batch: it names a keyspace of another database");
  }
  if (batch.memory_bytes() > core_->settings.batch_bytes_max) return TooLarge(batch);
  RETURN_IF_ERROR(CheckOpen(*core_));  // before any lock: in a child made by fork it may be held
  if (batch.merge_count() != 0) [[unlikely]]
    RETURN_IF_ERROR(CheckMerges(*core_, batch));
  PendingWrite write;
  write.operations = batch.operations();
  write.note = batch.note();
  write.operation_count = batch.count();
  write.range_count = batch.range_count();
  write.data_bytes = batch.data_bytes();
  write.check_keyspaces = batch.owner() != 0;
  return Commit(options, &write);
}

// One operation needs no batch object: its bytes are built in a buffer of the thread, which keeps
// its room for the next one as long as that is little. A listener that a write calls may itself
// write, to another database: that one gets a buffer of its own.
class Engine::OneOperation {
 public:
  OneOperation() : is_nested_(std::exchange(Busy(), true)) {}
  ~OneOperation() {
    if (is_nested_) return;
    // Nobody counts what a thread keeps, and it may be idle for long.
    constexpr size_t kKeptBytesMax = 32 << 10;  // about: room grows by doubling
    WriteBatch& batch = Kept();
    if (batch.bytes() > kKeptBytesMax) {
      batch = WriteBatch();
    } else {
      batch.Clear();
    }
    Busy() = false;
  }
  OneOperation(const OneOperation&) = delete;
  OneOperation& operator=(const OneOperation&) = delete;

  WriteBatch& batch() {
    if (!is_nested_) [[likely]]
      return Kept();
    if (!own_) own_.emplace();
    return *own_;
  }

 private:
  static WriteBatch& Kept() { return ThreadScratch<WriteBatch, struct KeptBatch>(); }
  static bool& Busy() {
    thread_local bool busy = false;
    return busy;
  }

  const bool is_nested_;
  std::optional<WriteBatch> own_;
};

Result<LogPos> Engine::Put(const WriteOptions& options, Keyspace keyspace, std::string_view key,
                           std::string_view value) {
  OneOperation operation;
  operation.batch().Put(keyspace, key, value);
  return Write(options, operation.batch());
}

Result<LogPos> Engine::Delete(const WriteOptions& options, Keyspace keyspace,
                              std::string_view key) {
  OneOperation operation;
  operation.batch().Delete(keyspace, key);
  return Write(options, operation.batch());
}

Result<LogPos> Engine::Merge(const WriteOptions& options, Keyspace keyspace, std::string_view key,
                             std::string_view operand) {
  OneOperation operation;
  operation.batch().Merge(keyspace, key, operand);
  return Write(options, operation.batch());
}

Result<LogPos> Engine::DeleteRange(const WriteOptions& options, Keyspace keyspace,
                                   std::string_view begin, std::optional<std::string_view> end) {
  OneOperation operation;
  operation.batch().DeleteRange(keyspace, begin, end);
  return Write(options, operation.batch());
}

Status Engine::WaitDurable(LogPos position, Deadline deadline) {
  Call call(this);
  if (!call.is_open()) return ClosedError(*core_);
  if (position > LastPosition()) {
    return Status::InvalidArgument("position " + std::to_string(position) +
                                   " was not given yet; the last is " +
                                   std::to_string(LastPosition()));
  }
  return position <= log_->durable() ? Status::Ok() : SyncLog(position, deadline);
}

LogPos Engine::LastPosition() const { return core_->visible.load(std::memory_order_acquire); }

// A sync may cover a group that is stored and not yet shown to reads.
LogPos Engine::DurablePosition() const { return std::min(log_->durable(), LastPosition()); }

Status Engine::Get(const ReadOptions& options, Keyspace keyspace, std::string_view key,
                   PinnedValue* value) {
  return reads_.Get(options, keyspace, key, value);
}

std::vector<Status> Engine::MultiGet(const ReadOptions& options, Keyspace keyspace,
                                     std::span<const std::string_view> keys,
                                     std::span<PinnedValue> values) {
  return reads_.MultiGet(options, keyspace, keys, values);
}

Result<bool> Engine::Contains(const ReadOptions& options, Keyspace keyspace, std::string_view key) {
  return reads_.Contains(options, keyspace, key);
}

std::unique_ptr<Iterator> Engine::NewIterator(const IteratorOptions& options, Keyspace keyspace) {
  return reads_.NewIterator(options, keyspace);
}

Result<std::shared_ptr<const Snapshot>> Engine::GetSnapshot(std::string_view owner) {
  Result<std::shared_ptr<const Snapshot>> snapshot = reads_.GetSnapshot(owner);
  if (snapshot.ok()) background_.NoteSnapshot();
  return snapshot;
}

Result<std::unique_ptr<Transaction>> Engine::BeginTransaction(const TransactionOptions& options) {
  if (options.isolation > Isolation::kSnapshot) {
    return Status::InvalidArgument("isolation: it is none of kSerializable, kSnapshot");
  }
  ASSIGN_OR_RETURN(auto snapshot, GetSnapshot("transaction"));
  return std::unique_ptr<Transaction>(
      std::make_unique<TransactionImpl>(this, core_, std::move(snapshot), options));
}

namespace {

// Again for as long as another write comes in between. kConflict: the condition does not hold.
Result<LogPos> CommitIf(
    Engine* engine, Core* core, const WriteOptions& options, Keyspace keyspace,
    std::string_view key,
    const std::function<Status(const Status& found, std::string_view value)>& condition,
    const std::function<Status(Transaction*)>& write) {
  PinnedValue value;
  for (;;) {
    ASSIGN_OR_RETURN(const auto transaction, engine->BeginTransaction({}));
    const Status found = transaction->Get(keyspace, key, &value);
    if (!found.ok() && !found.Is(StatusCode::kNotFound)) return found;
    const Status holds = condition(found, value.view());
    if (!holds.ok()) {
      core->statistics.conditions_refused.fetch_add(1, std::memory_order_relaxed);
      return holds.WithContext(
          core->catalogue.KeyTextOf(StoredKeyBuffer(keyspace.number(), key).view()));
    }
    RETURN_IF_ERROR(write(transaction.get()));
    Result<LogPos> committed = transaction->Commit(options);
    if (!committed.status().Is(StatusCode::kConflict)) return committed;
  }
}

std::function<Status(const Status&, std::string_view)> IsStill(std::string_view expected) {
  return [expected](const Status& found, std::string_view value) {
    if (!found.ok()) return Status::Conflict("it is not there");
    return value == expected ? Status::Ok() : Status::Conflict("it has another value");
  };
}

}  // namespace

Result<LogPos> Engine::PutIfAbsent(const WriteOptions& options, Keyspace keyspace,
                                   std::string_view key, std::string_view value) {
  const auto is_absent = [](const Status& found, std::string_view) {
    return found.ok() ? Status::Conflict("it is there") : Status::Ok();
  };
  return CommitIf(this, core_.get(), options, keyspace, key, is_absent,
                  [&](Transaction* transaction) { return transaction->Put(keyspace, key, value); });
}

Result<LogPos> Engine::CompareAndPut(const WriteOptions& options, Keyspace keyspace,
                                     std::string_view key, std::string_view expected,
                                     std::string_view value) {
  return CommitIf(this, core_.get(), options, keyspace, key, IsStill(expected),
                  [&](Transaction* transaction) { return transaction->Put(keyspace, key, value); });
}

Result<LogPos> Engine::DeleteIf(const WriteOptions& options, Keyspace keyspace,
                                std::string_view key, std::string_view expected) {
  return CommitIf(this, core_.get(), options, keyspace, key, IsStill(expected),
                  [&](Transaction* transaction) { return transaction->Delete(keyspace, key); });
}

Result<Keyspace> Engine::OpenKeyspace(std::string_view name) { return reads_.OpenKeyspace(name); }

Result<std::vector<KeyspaceInfo>> Engine::ListKeyspaces() { return reads_.ListKeyspaces(); }

Result<LogPos> Engine::CommitCatalogue(const std::string& operations) {
  PendingWrite write;
  write.operations = operations;
  write.flags = kFlagCatalogue;
  write.joins_no_group = true;
  BatchReader reader(operations);
  BatchOperation operation;
  while (reader.Next(&operation)) ++write.operation_count;
  return Commit({.durability = Durability::kProcess}, &write);
}

std::string Engine::OperatorRow(std::string_view name, uint32_t number) const {
  const auto at = keyspaces_.find(name);
  if (at == keyspaces_.end() || at->second.merge_operator == nullptr) return {};
  if (core_->catalogue.operators().RecordedOf(number)) return {};
  const MergeOperator& given = *at->second.merge_operator;
  return Catalogue::OperatorOperations(number, {std::string(given.name()), given.version()});
}

Status Engine::RecordOperators() {
  MutexLock lock(catalogue_mutex_);
  std::string rows;
  for (const auto& [name, options] : keyspaces_) {
    const std::optional<KeyspaceInfo> info = core_->catalogue.Find(name);
    if (info) rows += OperatorRow(name, info->keyspace.number());
  }
  return rows.empty() ? Status::Ok() : CommitCatalogue(rows).status();
}

Result<Keyspace> Engine::CreateKeyspace(const WriteOptions& options, std::string_view name,
                                        LogPos* position) {
  Call call(this);
  if (!call.is_open()) return ClosedError(*core_);
  RETURN_IF_ERROR(CheckDurability(options.durability));
  RETURN_IF_ERROR(core_->events->CheckNotTelling());
  RETURN_IF_ERROR(CheckName(name));
  std::optional<uint32_t> number;
  LogPos created = 0;
  {
    MutexLock lock(catalogue_mutex_);
    if (core_->catalogue.Find(name)) {
      return Status::AlreadyExists("keyspace " + Escape(name) + ": there is one with this name");
    }
    number = core_->catalogue.NextNumber();
    if (!number) {
      return Status::InvalidArgument("keyspaces: all " + std::to_string(kKeyspacesMax) +
                                     " numbers (kKeyspacesMax) are used up; those of dropped "
                                     "keyspaces are not given again");
    }
    ASSIGN_OR_RETURN(created, CommitCatalogue(Catalogue::CreateOperations(name, *number) +
                                              OperatorRow(name, *number)));
  }
  if (position != nullptr) *position = created;
  Event event;
  event.kind = EventKind::kKeyspaceCreated;
  event.position = created;
  event.detail = name;
  core_->events->Emit(std::move(event));
  RETURN_IF_ERROR(MakeDurable(options.durability, created));
  return Keyspace(*number, core_->catalogue.owner());
}

Result<Keyspace> Engine::OpenOrCreateKeyspace(const WriteOptions& options, std::string_view name,
                                              LogPos* position) {
  Call call(this);
  if (!call.is_open()) return ClosedError(*core_);
  RETURN_IF_ERROR(CheckDurability(options.durability));
  for (;;) {
    if (const std::optional<KeyspaceInfo> info = core_->catalogue.Find(name)) {
      // In the catalogue a moment before it is visible.
      RETURN_IF_ERROR(core_->WaitVisible(info->created, kNoDeadline));
      RETURN_IF_ERROR(MakeDurable(options.durability, info->created));
      if (position != nullptr) *position = info->created;
      return info->keyspace;
    }
    Result<Keyspace> created = CreateKeyspace(options, name, position);
    if (!created.status().Is(StatusCode::kAlreadyExists)) return created;
  }
}

Result<LogPos> Engine::DropKeyspace(const WriteOptions& options, std::string_view name) {
  Call call(this);
  if (!call.is_open()) return ClosedError(*core_);
  RETURN_IF_ERROR(CheckDurability(options.durability));
  RETURN_IF_ERROR(core_->events->CheckNotTelling());
  RETURN_IF_ERROR(CheckName(name));
  LogPos position = 0;
  {
    MutexLock lock(catalogue_mutex_);
    auto info = core_->catalogue.Find(name);
    if (!info) return NoKeyspace(name);
    uint32_t number = info->keyspace.number();
    if (number == kDefaultKeyspace) {
      return Status::InvalidArgument("keyspace: \"default\" cannot be dropped");
    }
    ASSIGN_OR_RETURN(position, CommitCatalogue(Catalogue::DropOperations(name, number)));
  }
  background_.Wake();
  Event event;
  event.kind = EventKind::kKeyspaceDropped;
  event.position = position;
  event.detail = name;
  core_->events->Emit(std::move(event));
  RETURN_IF_ERROR(MakeDurable(options.durability, position));
  return position;
}

Status Engine::Flush() {
  Call call(this);
  if (!call.is_open()) return ClosedError(*core_);
  RETURN_IF_ERROR(core_->events->CheckNotTelling());
  ASSIGN_OR_RETURN(LogPos position, writer_.SealActive());
  return background_.WaitFlushed(position);
}

Status Engine::CompactStored(const CompactOptions& options, std::string begin, std::string end) {
  Call call(this);
  RETURN_IF_ERROR(Flush());
  ManualRange range;
  range.begin = std::move(begin);
  range.end = std::move(end);
  range.force_last_level = options.force_last_level;
  return background_.CompactManually(std::move(range), options.progress);
}

Status Engine::CompactRange(const CompactOptions& options, Keyspace keyspace,
                            const KeyRange& range) {
  RETURN_IF_ERROR(CheckOpen(*core_));
  RETURN_IF_ERROR(reads_.CheckKeyspace(keyspace, kPositionMax));
  IteratorOptions bounds;
  bounds.lower = range.begin;
  bounds.upper = range.end;
  StoredBounds stored = ResolveBounds(bounds, keyspace.number());
  if (stored.lower >= stored.upper) return Status::Ok();  // an empty range is compact
  return CompactStored(options, std::move(stored.lower), std::move(stored.upper));
}

Status Engine::CompactAll(const CompactOptions& options) {
  RETURN_IF_ERROR(CheckOpen(*core_));
  return CompactStored(options, "", "");
}

Status Engine::WaitForCompaction(Deadline deadline) {
  Call call(this);
  if (!call.is_open()) return ClosedError(*core_);
  RETURN_IF_ERROR(core_->events->CheckNotTelling());
  return background_.WaitIdle(deadline);
}

Status Engine::Verify(const std::function<void(const Damage&)>& report,
                      const std::function<void(uint64_t, uint64_t)>& progress) {
  Call call(this);
  if (!call.is_open()) return ClosedError(*core_);
  VerifyInput input;
  // Position first: what it names is in the segments listed after it.
  input.last_position = LastPosition();
  input.segments = log_->Segments();
  input.durable_segment = log_->durable_segment();
  input.certain = [this] { return errors_.stopped() ? DurablePosition() : kPositionMax; };
  input.collected = [this](uint64_t number) { return number < log_->Segments().front().number; };
  return VerifyDatabase(*core_, input, report, progress);
}

RangeEstimate Engine::Estimate(Keyspace keyspace, const KeyRange& range) {
  return reads_.Estimate(keyspace, range);
}

Stats Engine::GetStats() {
  if (core_->in_child.load(std::memory_order_relaxed)) return {};
  Stats stats = ReportStatistics(*core_);
  if (!CheckOpen(*core_).ok()) return stats;
  stats.epoch = tree_->versions().current_epoch();
  stats.durable_position = DurablePosition();
  for (const RetainedSegment& segment : log_->Segments()) {
    ++stats.log_segments;
    stats.log_bytes += segment.bytes;
  }
  stats.obsolete_bytes = tree_->versions().obsolete_bytes();
  core_->held.Recount();
  stats.memory.memtable_bytes = tree_->memtable_bytes() + core_->held.bytes();
  stats.memory.spare_bytes = core_->memtable_pages->spare_bytes();
  stats.compaction_debt_bytes = background_.compaction_debt();
  stats.writes_stopped = errors_.stopped();
  Status background = errors_.any_failure();
  if (!background.ok()) stats.background_error = background.ToString();
  std::string delay = background_.delay_reason();
  if (!delay.empty()) stats.settings.push_back({"write_delay", delay, "back-pressure now"});
  return stats;
}

}  // namespace logwood
