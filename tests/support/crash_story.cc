#include "tests/support/crash_story.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <sstream>
#include <thread>
#include <utility>

#include "util/status_macros.h"
#include "wal/segment_probe.h"

namespace logwood::test {

namespace {

constexpr std::array<std::string_view, 3> kFailedSyncNames = {"forgets", "drops", "keeps"};

Status Broken(const std::string& what) { return Status::Corruption(what); }

void RaiseTo(std::atomic<LogPos>* mark, LogPos position) {
  LogPos seen = mark->load();
  while (seen < position && !mark->compare_exchange_weak(seen, position)) {
  }
}

}  // namespace

const std::vector<CrashProfile>& CrashProfiles() {
  static const std::vector<CrashProfile> profiles = {
      {"ordinary", 16 << 10, 8 << 10, 0},
      {"tiny-segments", 512 << 10, 4 << 10, 0},    // many unsynced ones, no flush
      {"retention", 16 << 10, 4 << 10, 16 << 20},  // of all the log there is
      {"tiny-memtables", 4 << 10, 32 << 10, 0},    // a replay does not fit: it makes tables
  };
  return profiles;
}

const std::vector<CrashProfile>& CrashLookProfiles() {
  static const std::vector<CrashProfile> profiles = [] {
    std::vector<CrashProfile> all = {{"lazy", 512 << 10, 64 << 10, 0, 32}};
    all.insert(all.end(), CrashProfiles().begin(), CrashProfiles().end());
    return all;
  }();
  return profiles;
}

// As little as may be: memory for it is what an open costs most.
Options CrashOptions(const CrashProfile& profile) {
  Options options;
  options.memory_budget_bytes = 2 << 20;
  if (profile.log_retention_bytes != 0) {
    options.log_retention = LogRetention{.bytes_min = profile.log_retention_bytes};
  }
  options.tuning.memtable_bytes = profile.memtable_bytes;
  options.tuning.table_bytes = 8 << 10;
  options.tuning.log_segment_bytes = profile.log_segment_bytes;
  options.tuning.level0_tables = profile.level0_tables;
  options.tuning.background_threads = 1;
  return options;
}

bool IsEventLog(const std::string& path) {
  return path.ends_with("/EVENTS") || path.ends_with("/EVENTS.old");
}

std::string_view FailedSyncName(SimulatedFileSystem::FailedSync mode) {
  return kFailedSyncNames[static_cast<size_t>(mode)];
}

std::optional<SimulatedFileSystem::FailedSync> ParseFailedSync(std::string_view name) {
  for (size_t i = 0; i < kFailedSyncNames.size(); ++i) {
    if (kFailedSyncNames[i] == name) return static_cast<SimulatedFileSystem::FailedSync>(i);
  }
  return std::nullopt;
}

std::string CrashScript::ToString() const {
  std::string text = profile == 0 ? "" : "@" + std::string(CrashProfiles()[profile].name);
  for (const size_t step : steps)
    text.append(text.empty() ? "" : " ").append(CrashSteps()[step].name);
  return text;
}

std::optional<CrashScript> ParseScript(std::string_view text) {
  const auto place = [](const auto& table, std::string_view name) -> std::optional<size_t> {
    const auto found = std::find_if(table.begin(), table.end(),
                                    [&](const auto& entry) { return entry.name == name; });
    if (found == table.end()) return std::nullopt;
    return static_cast<size_t>(found - table.begin());
  };
  CrashScript script;
  std::istringstream words{std::string(text)};
  for (std::string word; words >> word;) {
    const bool is_profile = word[0] == '@';
    const auto found =
        is_profile ? place(CrashProfiles(), word.substr(1)) : place(CrashSteps(), word);
    if (!found) return std::nullopt;
    if (is_profile) {
      script.profile = *found;
    } else {
      script.steps.push_back(*found);
    }
  }
  return script;
}

CrashStory::CrashStory(CrashScript script, Settings settings)
    : script_(std::move(script)), settings_(std::move(settings)) {}

CrashStory::~CrashStory() {
  if (disk_ != nullptr) disk_->SetFault({});
  DropDatabase();
}

Status CrashStory::Run(CrashWatch* watch) {
  RETURN_IF_ERROR(Open(watch));
  while (steps_done_ < script_.steps.size()) RETURN_IF_ERROR(Step());
  return Close();
}

Status CrashStory::Open(CrashWatch* watch) {
  watch_ = watch;
  UseDisk(std::make_unique<SimulatedFileSystem>(settings_.disk));
  return OpenDatabase(script_.profile);
}

Status CrashStory::Step() {
  const CrashStep& step = CrashSteps()[script_.steps[steps_done_]];
  EnterPhase(SyncCall::Phase::kRunning);
  Status done = step.run(this);
  ++steps_done_;
  for (const Held& held : held_) {
    if (done.ok()) done = CheckSnapshot(held);
  }
  return done.WithContext("step " + std::to_string(steps_done_) + " " + std::string(step.name));
}

Status CrashStory::Close() {
  const LogPos position = db_->LastPosition();
  EnterPhase(SyncCall::Phase::kClosing);
  RETURN_IF_ERROR(db_->Close());
  NoteDurable(position);
  NoteProvenBesideLog(position);
  closed_cleanly_ = true;
  watch_->Closed(disk_.get());
  closed_cleanly_ = false;
  return Status::Ok();
}

CrashStory::Known CrashStory::known() const {
  Known known;
  known.durable = durable_;
  // What the database says is a promise, too.
  const DB* const db = open_db_;
  if (db != nullptr) known.durable = std::max(known.durable, db->DurablePosition());
  known.acknowledged = std::max<LogPos>(known.durable, acknowledged_);
  known.proven = proven_;
  known.proven_beside_log = proven_beside_log_;
  known.closed_cleanly = closed_cleanly_;
  return known;
}

void CrashStory::DropDatabase() {
  held_.clear();
  open_db_ = nullptr;
  db_.reset();
}

void CrashStory::UseDisk(std::unique_ptr<SimulatedFileSystem> disk) {
  disk_ = std::move(disk);
  SimulatedFileSystem* const raw = disk_.get();
  raw->SetFault([this, raw](FileOp op, const std::string& path) {
    if (IsChange(op)) watch_->BeforeChange(raw, op, path);
    if (op == FileOp::kStore && path.ends_with(".log")) syncs_before_log_store_ = log_syncs_.load();
    if (op != FileOp::kSync) return Status::Ok();
    MutexLock lock(mutex_);
    if (failing_sync_.empty() || !path.ends_with(failing_sync_)) return Status::Ok();
    failing_sync_.clear();
    return Status::IoError("sync " + path + ": injected");
  });
  // Asked by each sync while it is carried out, which makes it the place to count them.
  raw->SetLyingSyncs([this](const std::string& path) { return Lies(path); });
}

void CrashStory::EnterPhase(SyncCall::Phase phase) {
  MutexLock lock(mutex_);
  where_.phase = phase;
  const bool steps = phase == SyncCall::Phase::kRunning && steps_done_ < script_.steps.size();
  where_.step = steps ? CrashSteps()[script_.steps[steps_done_]].name : "";
  syncs_.clear();
}

bool CrashStory::Lies(const std::string& path) {
  if (path.ends_with(".log")) ++log_syncs_;
  if (path.ends_with(".manifest")) ++manifest_syncs_;
  MutexLock lock(mutex_);
  SyncCall call = where_;
  call.path = path;
  call.by_story = std::this_thread::get_id() == thread_;
  call.number = ++syncs_[path];
  call.after = std::exchange(synced_last_[std::this_thread::get_id()], path);
  return settings_.lying_syncs && settings_.lying_syncs(call);
}

Status CrashStory::OpenDatabase(size_t profile, bool with_operator) {
  Options options = CrashOptions(CrashProfiles()[profile]);
  // Who looks at what a crash left names none: what is recorded must do.
  const auto merge_operator = MergeOperator::Append(",");
  options.keyspaces[kMergingKeyspace].merge_operator = merge_operator;
  if (with_operator) options.keyspaces["default"].merge_operator = merge_operator;
  options.file_system = disk_.get();
  EnterPhase(SyncCall::Phase::kOpening);
  ASSIGN_OR_RETURN(db_, DB::Open(options, kPath));
  open_db_ = db_.get();
  EnterPhase(SyncCall::Phase::kRunning);
  // What a reader can see now must never go away again.
  const LogPos found = db_->LastPosition();
  oracle_.CutBehind(found);
  if (found < operator_at_) operator_at_ = 0;
  NoteAcknowledged(found, false);
  // But for a commit of the open itself.
  const LogPos recovered = with_operator && operator_at_ == 0 ? found - 1 : found;
  NoteDurable(recovered);
  NoteProvenBesideLog(recovered);
  return Status::Ok();
}

std::string CrashStory::Key(size_t n) const {
  return "key" + std::to_string((steps_done_ + n) % 5);
}

std::string CrashStory::Value(size_t bytes, size_t n) const {
  std::string value = "step " + std::to_string(steps_done_) + "/" + std::to_string(n) + " ";
  // Not one byte over and over: misplaced parts would look right.
  for (uint64_t at = value.size(); value.size() < bytes; ++at) value += std::to_string(at) + ' ';
  return value;
}

void CrashStory::NoteAcknowledged(LogPos position, bool durable) {
  RaiseTo(&acknowledged_, position);
  if (durable) RaiseTo(&durable_, position);
}

void CrashStory::NoteDurable(LogPos position) { RaiseTo(&durable_, position); }
void CrashStory::NoteProven(LogPos position) { RaiseTo(&proven_, position); }
void CrashStory::NoteProvenBesideLog(LogPos position) {
  NoteProven(position);
  RaiseTo(&proven_beside_log_, position);
}

Result<LogPos> CrashStory::Write(const CrashCommit& commit, Durability durability) {
  if (!commit.creates.empty()) {
    LogPos position = 0;
    RETURN_IF_ERROR(
        db_->CreateKeyspace({.durability = durability}, commit.creates, &position).status());
    return position;
  }
  if (!commit.drops.empty()) return db_->DropKeyspace({.durability = durability}, commit.drops);
  if (commit.in_transaction) return WriteInTransaction(commit, durability);
  WriteBatch batch;
  for (const CrashCommit::Change& change : commit.changes) {
    Keyspace keyspace;
    if (!change.keyspace.empty()) {
      ASSIGN_OR_RETURN(keyspace, db_->OpenKeyspace(change.keyspace));
    }
    if (change.is_range) {
      batch.DeleteRange(keyspace, change.key, change.end);
    } else if (change.is_merge) {
      batch.Merge(keyspace, change.key, *change.value);
    } else if (change.ttl.count() != 0) {
      batch.PutExpiring(keyspace, change.key, *change.value, change.ttl);
    } else if (change.value) {
      batch.Put(keyspace, change.key, *change.value);
    } else {
      batch.Delete(keyspace, change.key);
    }
  }
  if (!commit.note.empty()) batch.Note(commit.note);
  return db_->Write({.durability = durability}, batch);
}

namespace {

Status WriteChange(Transaction* transaction, Keyspace keyspace, const CrashCommit::Change& change) {
  PinnedValue read;
  const Status found = transaction->Get(keyspace, change.key, &read);
  if (!found.ok() && !found.Is(StatusCode::kNotFound)) return found;
  if (change.is_range) return transaction->DeleteRange(keyspace, change.key, change.end);
  if (change.is_merge) return transaction->Merge(keyspace, change.key, *change.value);
  if (change.ttl.count() != 0)
    return transaction->PutExpiring(keyspace, change.key, *change.value, change.ttl);
  if (change.value) return transaction->Put(keyspace, change.key, *change.value);
  return transaction->Delete(keyspace, change.key);
}

}  // namespace

Result<LogPos> CrashStory::WriteInTransaction(const CrashCommit& commit, Durability durability) {
  for (;;) {
    ASSIGN_OR_RETURN(const auto transaction, db_->BeginTransaction({}));
    for (const CrashCommit::Change& change : commit.changes) {
      Keyspace keyspace;
      if (!change.keyspace.empty()) {
        ASSIGN_OR_RETURN(keyspace, db_->OpenKeyspace(change.keyspace));
      }
      RETURN_IF_ERROR(WriteChange(transaction.get(), keyspace, change));
    }
    // What it goes back from is in no record.
    const Transaction::Savepoint savepoint = transaction->SetSavepoint();
    RETURN_IF_ERROR(transaction->Put("never", "written"));
    RETURN_IF_ERROR(transaction->RollbackTo(savepoint));
    if (!commit.note.empty()) RETURN_IF_ERROR(transaction->Note(commit.note));
    Result<LogPos> position = transaction->Commit({.durability = durability});
    if (!position.status().Is(StatusCode::kConflict)) return position;
  }
}

Status CrashStory::Commit(const CrashCommit& commit, Durability durability) {
  return CommitBy(commit, durability,
                  [&](const WriteOptions& /*options*/) { return Write(commit, durability); });
}

Status CrashStory::CommitBy(const CrashCommit& commit, Durability durability,
                            const WriteCall& write) {
  const LogPos expected = oracle_.Issue(commit);
  const LogPos durable_before = db_->DurablePosition();
  ASSIGN_OR_RETURN(const LogPos position, write({.durability = durability}));
  if (position != expected) return Broken("got position " + std::to_string(position));
  NoteAcknowledged(position, durability == Durability::kPower);
  // A record says what was durable when it was written, and this one is durable.
  if (durability == Durability::kPower) NoteProven(durable_before);
  return Status::Ok();
}

void CrashStory::LetTimePass(const LeftAfter& left) {
  const LogPos end = oracle_.last() + 1;
  passed_ += std::chrono::hours(2);
  watch_->BetweenLooks([&] {
    for (auto at = left.begin(); at != left.end(); ++at) {
      const auto next = std::next(at);
      oracle_.MayExpireBetween(at->first, next == left.end() ? end : next->first, at->second);
    }
    clock_.Advance(passed_);
  });
}

Status CrashStory::PassTime(const LeftAfter& left) {
  LetTimePass(left);
  CrashCommit after{.changes = left.rbegin()->second};
  after.changes.push_back({"", "clock", Value(20, 90)});
  return CommitBy(after, Durability::kPower, [&](const WriteOptions& options) {
    return db_->Put(options, "clock", Value(20, 90));
  });
}

void CrashStory::SetTimeBack() {
  watch_->BetweenLooks([&] { clock_.Advance(-passed_); });
}

Status CrashStory::CommitConcurrently(const CrashOracle::Writers& writers,
                                      Durability (*durability)(size_t writer, size_t n)) {
  oracle_.IssueConcurrently(writers);
  std::vector<Status> answers(writers.size());
  std::vector<std::thread> threads;
  for (size_t writer = 0; writer < writers.size(); ++writer) {
    threads.emplace_back([&, writer] {
      for (size_t n = 0; n < writers[writer].size() && answers[writer].ok(); ++n) {
        const Durability level = durability(writer, n);
        const LogPos durable_before = db_->DurablePosition();
        const Result<LogPos> position = Write(writers[writer][n], level);
        answers[writer] = position.status();
        if (!position.ok()) continue;
        oracle_.NotePosition(writer, n, *position);
        NoteAcknowledged(*position, level == Durability::kPower);
        if (level == Durability::kPower) NoteProven(durable_before);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const Status& answer : answers) RETURN_IF_ERROR(Status(answer));
  return oracle_.ConcludeConcurrent();
}

Status CrashStory::CommitUnsure(const CrashCommit& commit, Durability durability) {
  oracle_.Issue(commit);
  const Result<LogPos> position = Write(commit, durability);
  if (!position.ok()) oracle_.CutBehind(db_->LastPosition());
  return position.status();
}

Status CrashStory::CommitFails(const CrashCommit& commit, StatusCode code) {
  const LogPos before = oracle_.last();
  oracle_.Issue(commit);
  const Result<LogPos> position = Write(commit, Durability::kProcess);
  if (!position.status().Is(code)) {
    return Broken("a write that must fail says " + position.status().ToString());
  }
  oracle_.CutBehind(before);
  return Status::Ok();
}

Status CrashStory::Reopen(size_t profile) {
  RETURN_IF_ERROR(Close());
  DropDatabase();
  return OpenDatabase(profile);
}

Status CrashStory::ReopenWithOperator() {
  RETURN_IF_ERROR(Close());
  DropDatabase();
  if (operator_at_ == 0) oracle_.Issue({});
  const LogPos expected = oracle_.last();
  RETURN_IF_ERROR(OpenDatabase(script_.profile, true));
  if (operator_at_ == 0) operator_at_ = expected;
  if (db_->LastPosition() == expected) return Status::Ok();
  return Broken("an open with an operator is at position " + std::to_string(db_->LastPosition()));
}

Status CrashStory::Kill(size_t profile) {
  auto next = disk_->KilledState();
  disk_->SetFault({});
  disk_->CutPower();  // the dead process changes nothing any more
  DropDatabase();
  UseDisk(std::move(next));
  const LogPos before = acknowledged_, issued = oracle_.last();
  RETURN_IF_ERROR(OpenDatabase(profile));
  const LogPos found = db_->LastPosition();
  if (found >= before && found <= issued) return Status::Ok();
  return Broken("a kill changed the position from " + std::to_string(before) + " to " +
                std::to_string(found));
}

Status CrashStory::ReopenAfterFailure() {
  static_cast<void>(db_->Close());  // says what failed
  DropDatabase();
  // What read as written still does, but where the disk dropped it (FailNextSync).
  const LogPos least = acknowledged_, most = oracle_.last();
  RETURN_IF_ERROR(OpenDatabase(script_.profile));
  const LogPos found = db_->LastPosition();
  if (found < least || found > most) {
    return Broken("is at position " + std::to_string(found) + " after a failed sync, expected " +
                  std::to_string(least) + " to " + std::to_string(most));
  }
  acknowledged_ = found;
  return Status::Ok();
}

void CrashStory::FailNextSync(const std::string& end) {
  // What only a process remembers is lost with the pages.
  if (settings_.disk.failed_sync == SimulatedFileSystem::FailedSync::kDrops)
    acknowledged_ = durable_.load();
  MutexLock lock(mutex_);
  failing_sync_ = end;
}

bool CrashStory::LogIsMarked(LogPos position) const {
  const auto names = disk_->List(kPath);
  if (!names.ok()) return false;
  std::string newest;
  for (const std::string& name : *names) {
    if (name.ends_with(".log")) newest = std::max(newest, name);
  }
  const auto file = disk_->OpenRandomAccess(std::string(kPath) + "/" + newest);
  if (!file.ok()) return false;
  const auto probe = ProbeSegment(**file, newest);
  // In this order: the mark is stored behind the commits.
  return probe.ok() && probe->durable_point() >= position && log_syncs_ > syncs_before_log_store_;
}

Result<CrashStory::Held> CrashStory::TakeSnapshot() const {
  Held held;
  ASSIGN_OR_RETURN(held.keyspaces, db_->ListKeyspaces());
  ASSIGN_OR_RETURN(held.snapshot, db_->GetSnapshot("story"));
  held.content = oracle_.content();
  return held;
}

Status CrashStory::CheckSnapshot(const Held& held) const {
  ASSIGN_OR_RETURN(const CrashContent found,
                   ReadContent(db_.get(), {.snapshot = held.snapshot.get()}, held.keyspaces));
  if (found == *held.content) return Status::Ok();
  return Broken("a snapshot changed: " + ContentDifference(found, *held.content));
}

Status CrashStory::HoldSnapshot() {
  ASSIGN_OR_RETURN(Held held, TakeSnapshot());
  held_.push_back(std::move(held));
  return Status::Ok();
}

Status CrashStory::CheckReader(DB* reader) const {
  ASSIGN_OR_RETURN(const CrashContent found, ReadContent(reader));
  if (found == *oracle_.content()) return Status::Ok();
  return Broken("a reader sees something else: " + ContentDifference(found, *oracle_.content()));
}

}  // namespace logwood::test
