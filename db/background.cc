#include "db/background.h"

#include <algorithm>

#include "compaction/plan_builder.h"
#include "db/file_names.h"
#include "db/flush_job.h"
#include "util/status_macros.h"

namespace logwood {

namespace {

constexpr uint64_t kTendDelayUs = 20'000;
constexpr uint64_t kTrimDelayUs = 1'000'000;
// Between two looks at what has expired, where something will: at least, and at most.
constexpr uint64_t kExpiryLookMinUs = 1'000'000;
constexpr uint64_t kExpiryLookMaxUs = 60'000'000;
// The log is synced behind the writers about every so many bytes, so that a flush or a durable
// write never finds much to sync.
constexpr uint64_t kUnsyncedBytesMax = 32 << 20;

uint64_t FirstNeeded(const std::vector<RetainedSegment>& segments, LogPos tables_position) {
  for (size_t i = 0; i + 1 < segments.size(); ++i) {
    if (segments[i].last_position > tables_position) return segments[i].number;
  }
  return segments.back().number;
}

}  // namespace

void Background::Start() {
  UpdateBacklog();
  CollectLog();
  // Most opens find nothing to do: then no thread is made for it.
  WatchExpiry();  // first: what is due meanwhile is seen below
  parts_.core->snapshots.WhenReleased(
      [this] { Arm(&expiry_watched_, kExpiryLookMinUs, &Background::LookForExpired); });
  if (SomethingDue()) Wake();
}

// Beside what runs.
bool Background::SomethingDue() const {
  if (parts_.tree->HasSealed()) return true;
  BusyTables busy;
  {
    MutexLock lock(mutex_);
    if (!failed_.empty()) return true;
    busy = busy_;
  }
  const std::shared_ptr<const Version> version = parts_.tree->version();
  return PickCompaction(version->shape(), SettingsFor(version->shape()), busy).has_value();
}

void Background::Wake() {
  MutexLock lock(mutex_);
  if (stopping() || parts_.errors->stopped()) return;
  ++wakes_;
  Executor* executor = parts_.core->executor.get();
  if (!flushing_ && parts_.tree->HasSealed() && MayTryLocked(ErrorState::Work::kFlush)) {
    flushing_ = true;
    executor->Schedule(JobPriority::kHigh, [this] { FlushLoop(); });
  }
  if (compactors_ < parts_.core->settings.background_threads && MayCompactLocked()) {
    ++compactors_;
    executor->Schedule(JobPriority::kLow, [this] { CompactLoop(); });
  }
}

void Background::Stop() {
  stopping_.store(true, std::memory_order_release);
  parts_.core->snapshots.WhenReleased(nullptr);
  MutexLock lock(mutex_);
  changed_.NotifyAll();
  while (flushing_ || compactors_ != 0 || running_ != 0) changed_.Wait(mutex_);
}

SinkOptions Background::MakeSink(uint64_t created_us, MemoryAccount* account) {
  const Settings& settings = parts_.core->settings;
  SinkOptions sink;
  sink.fs = parts_.core->fs;
  sink.directory = parts_.core->path;
  sink.table = settings.table_options();
  sink.next_number = [this] { return parts_.tree->versions().NewFileNumber(); };
  sink.cancelled = [this] { return stopping(); };
  // A device that loses what it was to write is trusted with nothing more (invariant 13); a full
  // one is waited for.
  sink.sync_failed = [this](const Status& status) {
    if (!status.Is(StatusCode::kNoSpace)) StopWrites(status, "sync of a table");
  };
  sink.created_us = created_us;
  sink.account = account;
  return sink;
}

SurvivalRules Background::MakeRules() const {
  SurvivalRules rules;
  // A drop that power failure may still undo must not have cost its keyspace anything; and
  // snapshots are read behind the drops: one that is taken later lies at or above every drop that
  // counts.
  const LogPos certain =
      std::min(parts_.log->durable(), parts_.core->visible.load(std::memory_order_acquire));
  rules.dropped_keyspaces = parts_.core->catalogue.Dropped();
  std::erase_if(rules.dropped_keyspaces,
                [certain](const auto& dropped) { return dropped.second > certain; });
  // The time first: a snapshot that is taken without being seen here is of a later one.
  rules.now_us = parts_.core->clock.Now();
  parts_.core->clock.Reach(rules.now_us);
  SnapshotList::Seen snapshots = parts_.core->snapshots.All();
  rules.snapshots = std::move(snapshots.positions);
  rules.snapshot_times = std::move(snapshots.times_us);
  // One may have been taken meanwhile, at a later time; the edit says this one.
  for (uint64_t& time_us : rules.snapshot_times) time_us = std::min(time_us, rules.now_us);
  rules.operators = &parts_.core->catalogue.operators();
  rules.merged_bytes_max = parts_.core->settings.batch_bytes_max;
  return rules;
}

void Background::FlushLoop() {
  for (;;) {
    Status status;
    while (status.ok() && parts_.tree->HasSealed() && !stopping()) {
      status = FlushOnce();
      if (status.ok()) FlushSucceeded();
    }
    if (status.ok()) {
      Wake();  // the compactions that it made due, before anybody sees it end
    } else {
      Fail(ErrorState::Work::kFlush, status, "flush");
      CollectTables();
    }
    MutexLock lock(mutex_);
    // Who seals meanwhile finds a flush running and leaves it to that one.
    if (status.ok() && parts_.tree->HasSealed() && !stopping()) continue;
    flushing_ = false;
    changed_.NotifyAll();
    return;
  }
}

Status Background::FlushOnce() {
  Core& core = *parts_.core;
  uint64_t begin = core.executor->NowNanos();
  std::vector<SealedMemtable> sealed = parts_.tree->Sealed();
  const TablesState end = sealed.back().end;
  // Invariant 6: the log is durable up to what a table holds before the table is installed.
  Status synced = parts_.log->SyncTo(end.position, kNoDeadline);
  // The edit below names the segment that recovery starts from: it must be there after a crash.
  const uint64_t first_segment = FirstNeeded(parts_.log->Segments(), end.position);
  if (synced.ok()) synced = parts_.log->SyncHeaders();
  if (!synced.ok()) {
    parts_.errors->StopWrites(synced);
    return synced;
  }
  MemoryAccount account(&core.cache, MemoryAccount::Of::kJob);
  const SurvivalRules rules = MakeRules();
  Result<SinkResult> flushed = RunFlush(sealed, rules, MakeSink(end.time_us, &account));
  // Memory that changed by itself stays as it is. The log has what was written; an open reads it.
  if (flushed.status().Is(StatusCode::kCorruption)) parts_.errors->StopWrites(flushed.status());
  ASSIGN_OR_RETURN(SinkResult result, std::move(flushed));
  Edit edit;
  edit.tables = end;
  if (result.expired != 0) edit.expired_us = rules.now_us;
  edit.first_segment = first_segment;
  edit.durable_segment = parts_.log->durable_segment();
  for (TableMeta& meta : result.tables) edit.added.emplace_back(0, std::move(meta));
  Event event;
  event.kind = EventKind::kFlush;
  event.position = end.position;
  event.tables_out = static_cast<uint32_t>(result.tables.size());
  event.bytes_out = result.bytes_written;
  event.entries_out = result.entries;
  event.level_out = 0;
  for (const auto& s : sealed) {
    event.bytes_in += s.memtable->raw_bytes();
    event.entries_in += s.memtable->entries();
  }
  const size_t count = sealed.size();
  sealed.clear();  // whoever still has one then reads it
  RETURN_IF_ERROR(CommitEdit(std::move(edit), count));
  core.statistics.expired.fetch_add(result.expired, std::memory_order_relaxed);
  ArmTrim();
  UpdateBacklog();
  CollectLog();
  CollectTables();
  core.statistics.flushes.fetch_add(1, std::memory_order_relaxed);
  core.statistics.flush_bytes.fetch_add(result.bytes_written, std::memory_order_relaxed);
  uint64_t nanos = core.executor->NowNanos() - begin;
  core.statistics.flush_time.Add(nanos);
  flush_throughput_.Add(event.bytes_in, nanos);
  event.micros = nanos / 1000;
  core.events->Emit(std::move(event));
  MutexLock lock(mutex_);
  changed_.NotifyAll();
  return Status::Ok();
}

Status Background::WaitForRoom() {
  Core& core = *parts_.core;
  uint64_t begin = core.executor->NowNanos();
  Wake();
  Status status;
  bool waited = false;
  {
    MutexLock lock(mutex_);
    while (parts_.tree->HasSealed() &&
           parts_.tree->memtable_bytes() >= core.settings.memtables_bytes_max) {
      status = parts_.errors->failure(ErrorState::Work::kFlush);
      if (status.ok() && stopping()) status = ClosedError(*parts_.core);
      if (!status.ok()) break;
      waited = true;
      changed_.Wait(mutex_);
    }
  }
  // What is refused at once is no stall. Told of each, EVENTS would take the room that a flush on a
  // full disk waits for.
  if (!waited) return status;
  uint64_t micros = (core.executor->NowNanos() - begin) / 1000;
  core.statistics.stall_us.fetch_add(micros, std::memory_order_relaxed);
  Event event;
  event.kind = EventKind::kStall;
  event.micros = micros;
  event.status = status;
  event.detail = "memtables are full and wait for a flush";
  core.events->Emit(std::move(event));
  return status;
}

Status Background::WaitFlushed(LogPos position) {
  const auto flush = static_cast<size_t>(ErrorState::Work::kFlush);
  uint64_t failures = 0;
  {
    // Somebody asks: what failed before, or is failing just now, is tried again, and only how that
    // ends counts.
    MutexLock lock(mutex_);
    backoff_[flush].Reset();
    failures = flush_failures_ + (flushing_ ? 1 : 0);
  }
  Wake();
  while (parts_.tree->flushed_position() < position) {
    MutexLock lock(mutex_);
    if (!parts_.tree->HasSealed()) break;
    if (flush_failures_ > failures || parts_.errors->stopped()) {
      RETURN_IF_ERROR(parts_.errors->failure(ErrorState::Work::kFlush));
      failures = flush_failures_;
    }
    if (stopping()) return ClosedError(*parts_.core);
    if (flushing_) {
      changed_.Wait(mutex_);
      continue;
    }
    backoff_[flush].Reset();
    // Not at every turn: it starts a compactor, whose end wakes who waits here.
    lock.Unlock();
    Wake();
  }
  // Who is told that it succeeded shall not still find the failure before.
  MutexLock lock(mutex_);
  while (flushing_ && !stopping() && !parts_.errors->failure(ErrorState::Work::kFlush).ok()) {
    changed_.Wait(mutex_);
  }
  return Status::Ok();
}

Status Background::WaitIdle(Deadline deadline) {
  {
    MutexLock lock(mutex_);
    for (Backoff& backoff : backoff_) backoff.Reset();
  }
  if (SomethingDue()) Wake();
  bool in_time = true, works = false;
  {
    MutexLock lock(mutex_);
    while (in_time && (flushing_ || compactors_ != 0 || running_ != 0)) {
      if (stopping()) return ClosedError(*parts_.core);
      in_time = changed_.WaitUntil(mutex_, deadline) || deadline == kNoDeadline;
    }
    works = flushing_ || running_ != 0;
  }
  // A compactor that will find nothing is no work.
  if (works || (!in_time && SomethingDue())) return Status::Timeout("compaction is still at work");
  CollectTables();
  return parts_.errors->any_failure();
}

void Background::UpdateBacklog() {
  {
    // Whoever comes last has the newest version.
    MutexLock backlog(backlog_mutex_);
    std::shared_ptr<const Version> version = parts_.tree->version();
    const LevelShape& shape = version->shape();
    std::set<uint64_t> stuck;
    {
      MutexLock lock(mutex_);
      stuck = busy_.quarantined;
    }
    // What no compaction can do away with, no waiting of writers can.
    stuck = StuckTables(shape, stuck);
    debt_.store(CompactionDebt(shape, parts_.core->settings.compaction(), stuck),
                std::memory_order_relaxed);
    level0_tables_.store(static_cast<uint32_t>(PressingLevel0Tables(shape, stuck)),
                         std::memory_order_relaxed);
  }
  UpdateDelay();
}

void Background::UpdateDelay() {
  const Settings& settings = parts_.core->settings;
  const uint64_t base_bytes = settings.compaction().base_bytes;
  BackpressureSettings limits;
  // One full memtable beside what waits is the ordinary state; what goes beyond it presses.
  limits.unflushed_bytes_max = settings.memtables_bytes_max - settings.memtable_bytes;
  limits.unflushed_bytes_soft =
      std::min(settings.memtable_bytes * 3 / 4, limits.unflushed_bytes_max / 2);
  limits.debt_bytes_soft = 3 * base_bytes;
  limits.debt_bytes_hard = 24 * base_bytes;
  limits.level0_tables_soft = 2 * settings.level0_tables;
  limits.level0_tables_hard = 6 * settings.level0_tables;
  MutexLock backlog(backlog_mutex_);
  BackpressureInputs now;
  const uint64_t memory = parts_.tree->memtable_bytes();
  now.unflushed_bytes = memory - std::min(memory, settings.memtable_bytes);
  now.debt_bytes = debt_.load(std::memory_order_relaxed);
  now.level0_tables = level0_tables_.load(std::memory_order_relaxed);
  now.flush_bytes_per_second = flush_throughput_.per_second();
  now.compaction_bytes_per_second = compaction_throughput_.per_second();
  BackpressureVerdict verdict = ComputeBackpressure(limits, now);
  delay_ns_per_byte_.store(verdict.delay_ns_per_byte, std::memory_order_relaxed);
  MutexLock lock(mutex_);
  delay_reason_ = std::move(verdict.why);
}

CompactionSettings Background::MakeSettings() const {
  CompactionSettings settings = parts_.core->settings.compaction();
  const SurvivalRules rules = MakeRules();
  settings.oldest_snapshot = rules.snapshots.empty() ? kPositionMax : rules.snapshots.front();
  settings.expired_us = rules.ExpiredBy(0);
  for (const auto& [number, dropped] : rules.dropped_keyspaces) {
    if (dropped <= settings.oldest_snapshot) settings.dropped_keyspaces.push_back(number);
  }
  return settings;
}

// The shape first, the snapshots second: those taken later lie at or above all that it holds.
CompactionSettings Background::SettingsFor(const LevelShape& shape) const {
  TableCache& tables = parts_.core->tables;
  CoverQuestions questions;
  questions.range_deletes = [&tables](const TableMeta& meta) {
    const auto reader = tables.Find(meta);
    return reader.ok() ? (*reader)->range_deletes() : nullptr;
  };
  questions.entries_within = [&tables](const TableMeta& meta, std::string_view begin,
                                       std::string_view end) -> uint64_t {
    const auto reader = tables.Find(meta);
    return reader.ok() ? (*reader)->ApproximateEntries(begin, end) : 0;
  };
  CompactionSettings settings = MakeSettings();
  settings.covered = FindCoveredTables(shape, parts_.core->snapshots.All().positions, questions);
  return settings;
}

std::string Background::delay_reason() const {
  MutexLock lock(mutex_);
  return delay_reason_;
}

// Names of new tables first, then the edit that refers to them (invariant 5). A failed sync of
// either proves nothing when it is tried again, so writes stop; a disk too full for the edit is
// waited for: a new manifest is written then.
Status Background::CommitEdit(Edit edit, size_t flushed) {
  Core& core = *parts_.core;
  // A proof beside the log's own marks, which a cut file loses with its commits. Where tables lack
  // rows by the word of the log, those of dropped keyspaces, a log that ends before it is damage.
  edit.durable = parts_.log->durable();
  const bool new_names = std::any_of(edit.added.begin(), edit.added.end(), [&](const auto& added) {
    return edit.Brings(added.second.number);
  });
  Status synced = new_names ? core.fs->SyncDirectory(core.path) : Status::Ok();
  // Whatever its code: it answers every later sync of the directory, too.
  if (!synced.ok()) StopWrites(synced, "sync of the directory");
  RETURN_IF_ERROR(std::move(synced));
  Status status = parts_.tree->Commit(std::move(edit), flushed);
  if (status.Is(StatusCode::kIoError)) StopWrites(status, "commit of an edit");
  WatchExpiry();
  const Status shortened = parts_.tree->versions().TakeShorteningFailure();
  if (shortened.Is(StatusCode::kIoError)) StopWrites(shortened, "shortening of the manifest");
  return status;
}

void Background::StopWrites(const Status& cause, const char* what) {
  if (parts_.errors->StopWrites(cause)) Fail(ErrorState::Work::kFlush, cause, what);
}

// At most one such job waits: it takes the flag back when it runs.
void Background::Arm(std::atomic<bool>* armed, uint64_t micros, void (Background::*job)()) {
  if (armed->exchange(true, std::memory_order_acq_rel)) return;
  MutexLock lock(mutex_);  // orders this against Stop
  if (!stopping()) parts_.core->executor->ScheduleAfter(micros, [this, job] { (this->*job)(); });
}

void Background::ArmIdle() { Arm(&idle_armed_, kTendDelayUs, &Background::TendLog); }

// Runs every few milliseconds while commits come, once more when they stop, and then no more.
void Background::TendLog() {
  if (stopping() || parts_.errors->stopped()) return;
  // Behind a sync that takes long this thread would wait, too, and nobody would tell of it.
  if (parts_.log->LookAtSync() > kTendDelayUs) {
    idle_armed_.store(false, std::memory_order_seq_cst);
    ArmIdle();
    return;
  }
  LogPos stored = parts_.log->stored();
  Status status;
  if (stored == idle_seen_ && stored != idle_marked_) {
    status = parts_.log->MarkIdle();
    idle_marked_ = stored;
    if (status.ok()) Wake();  // a dropped keyspace may go now that the drop is durable
  } else if (parts_.log->unsynced_bytes() > kUnsyncedBytesMax) {
    status = parts_.log->SyncTo(stored, kNoDeadline);
  }
  if (!status.ok()) StopWrites(status, "sync of the log");
  // Only helps to notice a lost file; a flush or the next round records it as well.
  if (status.ok()) static_cast<void>(RecordDurableSegment());
  bool quiet = stored == idle_marked_;
  idle_seen_ = stored;
  idle_armed_.store(false, std::memory_order_seq_cst);
  // A commit that came before the store above saw the timer armed: look once more.
  if (!quiet || parts_.log->stored() != stored) ArmIdle();
}

void Background::ArmTrim() { Arm(&trim_armed_, kTrimDelayUs, &Background::TrimMemory); }

// Runs every second while memtables that were flushed left memory behind that others may need.
void Background::TrimMemory() {
  trim_armed_.store(false, std::memory_order_release);
  if (stopping()) return;
  parts_.tree->TrimSpares();
  if (parts_.core->memtable_pages->spare_bytes() != 0) ArmTrim();
}

// Once a segment's header is durable the manifest says so: a file that vanishes is then noticed.
// Flushes record it in their edits; this is for logs that are not flushed for a while.
Status Background::RecordDurableSegment() {
  uint64_t number = parts_.log->durable_segment();
  if (number <= parts_.tree->versions().durable_segment()) return Status::Ok();
  Edit edit;
  edit.durable_segment = number;
  RETURN_IF_ERROR(CommitEdit(std::move(edit), 0));
  CollectLog();
  return Status::Ok();
}

// Only segments before the one that the manifest says is durable go (invariant 30).
void Background::CollectLog() {
  SegmentNeeds needs;
  needs.tables_position = parts_.tree->versions().tables_state().position;
  needs.retention = parts_.core->settings.log_retention;
  needs.now_us = parts_.core->executor->WallMicros();
  // The manifest's word bounds the decision: it relies on its first segment even if that one turned
  // out empty.
  const uint64_t relied_on = parts_.tree->versions().first_segment();
  const uint64_t durable = parts_.tree->versions().durable_segment();
  std::vector<RetainedSegment> segments = parts_.log->Segments();
  std::vector<KeepReason> reasons = DecideSegments(segments, needs);
  for (size_t i = 0; i < segments.size(); ++i) {
    if (reasons[i] == KeepReason::kNone) continue;
    uint64_t first = std::min(segments[i].number, durable);
    if (relied_on != 0) first = std::min(first, relied_on);
    // What cannot be removed now is removed after a later flush.
    static_cast<void>(parts_.log->RemoveBefore(first));
    return;
  }
}

void Background::CollectTables() {
  Core& core = *parts_.core;
  core.views.Reclaim();
  core.held.Recount();
  for (uint64_t number : parts_.tree->versions().TakeUnusedTables()) {
    core.tables.Erase(number);
    // What cannot be removed now is removed by the next open.
    static_cast<void>(core.fs->Remove(JoinPath(core.path, TableFileName(number))));
  }
  for (uint64_t manifest : parts_.tree->versions().TakeObsoleteManifests()) {
    static_cast<void>(core.fs->Remove(JoinPath(core.path, ManifestFileName(manifest))));
  }
}

// The job waits for the first of the snapshots to become old: those taken later become so later. It
// comes also where that one was released; where there are none none waits.
void Background::WatchSnapshots() {
  const auto left = parts_.core->snapshots.UntilOlderThan(parts_.snapshot_age_warning);
  if (!left) return;
  Arm(&snapshots_watched_, static_cast<uint64_t>(left->count()), &Background::WarnOldSnapshots);
}

void Background::WarnOldSnapshots() {
  snapshots_watched_.store(false, std::memory_order_release);
  if (stopping()) return;
  for (std::string& what : parts_.core->snapshots.NewlyOlderThan(parts_.snapshot_age_warning)) {
    Event event;
    event.kind = EventKind::kOldSnapshot;
    event.detail = std::move(what);
    parts_.core->events->Emit(std::move(event));
  }
  WatchSnapshots();
}

// No write may come that wakes a compaction. A look that is due far from now is made earlier: what
// comes meanwhile may be due before.
void Background::WatchExpiry() {
  const CompactionSettings settings = parts_.core->settings.compaction();
  const uint64_t now = parts_.core->clock.Now();
  std::optional<uint64_t> due;
  const std::shared_ptr<const Version> version = parts_.tree->version();
  for (const std::vector<TableMetaPtr>& tables : version->shape().levels) {
    for (const TableMetaPtr& table : tables) {
      const std::optional<uint64_t> at = ExpiryDue(*table, settings.tombstone_ratio, now);
      if (at && (!due || *at < *due)) due = at;
    }
  }
  if (!due) return;
  Arm(&expiry_watched_, std::clamp(*due - now, kExpiryLookMinUs, kExpiryLookMaxUs),
      &Background::LookForExpired);
}

void Background::LookForExpired() {
  expiry_watched_.store(false, std::memory_order_release);
  if (stopping()) return;
  WatchExpiry();  // first: what is due meanwhile is seen below
  if (SomethingDue()) Wake();
}

}  // namespace logwood
