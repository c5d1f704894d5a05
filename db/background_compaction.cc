// The compaction half of Background: picking, running, committing.
#include "db/background.h"
#include "db/damage.h"
#include "db/table_check.h"
#include "util/status_macros.h"

namespace logwood {

namespace {

// How often who waits for another's compaction is told of it.
constexpr std::chrono::milliseconds kProgressLook{100};

}  // namespace

void Background::CompactLoop() {
  for (;;) {
    uint64_t wakes = 0;
    {
      MutexLock lock(mutex_);
      wakes = wakes_;
    }
    Status status;
    if (std::optional<CompactionPlan> plan = PickNext()) {
      Wake();  // another thread may find something beside this plan
      status = RunPlan(*plan, true);
      if (status.ok()) continue;
      Fail(ErrorState::Work::kCompaction, status, "compaction");
      if (!status.Is(StatusCode::kNoSpace)) continue;  // with what does not need its tables
    }
    CollectTables();  // what a look at an older version kept from going
    MutexLock lock(mutex_);
    // Who wakes meanwhile may find all compactors running, and leaves it to them.
    if (status.ok() && wakes != wakes_ && !stopping()) continue;
    --compactors_;
    changed_.NotifyAll();
    return;
  }
}

// Invariant 21: what is picked is busy before anybody else picks.
std::optional<CompactionPlan> Background::PickNext() {
  while (true) {
    BusyTables busy;
    uint64_t picks = 0;
    bool aside = false;
    {
      MutexLock lock(mutex_);
      if (stopping() || parts_.errors->stopped()) return std::nullopt;
      busy = busy_;
      picks = picks_;
      aside = SetAsideLocked(&busy);
    }
    std::shared_ptr<const Version> version = parts_.tree->version();
    CompactionSettings settings = SettingsFor(version->shape());
    settings.room_bytes = RoomForCompaction();
    auto plan = PickCompaction(version->shape(), settings, busy);
    if (!plan) {
      // What is due and has no room is tried, and fails, so that somebody is told.
      settings.room_bytes = ~uint64_t{0};
      plan = PickCompaction(version->shape(), settings, busy);
    }
    MutexLock lock(mutex_);
    if (stopping()) return std::nullopt;
    if (picks != picks_ || parts_.tree->version() != version) continue;  // decided on old facts
    if (plan) {
      MarkBusy(*plan);
      return plan;
    }
    if (aside || running_ != 0 || failed_.empty()) return std::nullopt;
    failed_.clear();  // nothing is due any more
    const bool resumed = NoneFailsLocked();
    lock.Unlock();
    if (resumed) TellResumed();
    return std::nullopt;
  }
}

void Background::MarkBusy(const CompactionPlan& plan) {
  ++picks_;
  ++running_;
  busy_.Add(plan);
}

void Background::ClearBusy(const CompactionPlan& plan) {
  ++picks_;
  --running_;
  busy_.Remove(plan);
}

Result<Edit> Background::Execute(const CompactionPlan& plan, ManualProgress* progress,
                                 JobResult* result) {
  Core& core = *parts_.core;
  Edit edit;
  for (const auto& table : plan.inputs) edit.removed.emplace_back(plan.input_level, table->number);
  if (plan.only_waste) return edit;
  if (plan.trivial_move) {
    for (const auto& table : plan.inputs) edit.added.emplace_back(plan.output_level, *table);
    return edit;
  }
  for (const auto& table : plan.output_overlap) {
    edit.removed.emplace_back(plan.output_level, table->number);
  }
  JobOptions job;
  MemoryAccount account(&core.cache, MemoryAccount::Of::kJob);
  job.tables = &core.tables;
  job.sink = MakeSink(0, &account);
  // A tenth of the share and more is the buffer of what is written.
  job.sink.lasting_bytes_max = core.settings.job_bytes_max / 8 * 5;
  job.readahead_bytes_all = core.settings.job_bytes_max / 4;
  const CompactionSettings settings = core.settings.compaction();
  job.sink.table_bytes_max = settings.table_bytes;
  job.sink.grandparent_bytes_max = settings.grandparent_bytes_max;
  job.sink.keyspace_apart_bytes = settings.table_bytes / 8;
  job.survival = MakeRules();
  job.survival.zero_positions = true;
  job.advance = [&core, progress](uint64_t bytes) {
    core.statistics.compaction_bytes_read.fetch_add(bytes, std::memory_order_relaxed);
    if (progress != nullptr) progress->Advance(bytes);
  };
  RETURN_IF_ERROR(CheckRoom(plan.InputBytes()));
  ASSIGN_OR_RETURN(*result, RunCompaction(plan, job));
  for (TableMeta& meta : result->output.tables) {
    edit.added.emplace_back(plan.output_level, std::move(meta));
  }
  if (result->output.expired != 0) edit.expired_us = job.survival.now_us;
  return edit;
}

Status Background::RunPlan(const CompactionPlan& plan, bool again, ManualProgress* progress) {
  uint64_t begin = parts_.core->executor->NowNanos();
  JobResult result;
  auto edit = Execute(plan, progress, &result);
  Status status = edit.ok() ? Status::Ok() : edit.status();
  if (status.ok()) status = CommitEdit(std::move(*edit), 0);
  if (status.ok()) {
    uint64_t nanos = parts_.core->executor->NowNanos() - begin;
    parts_.core->statistics.compaction_time.Add(nanos);
    compaction_throughput_.Add(result.output.bytes_written, nanos);
    ReportCompaction(plan, result, nanos / 1000);
    CompactionSucceeded(plan);
  }
  Finish(plan, status, again);
  return status;
}

// Reads the inputs of a compaction that met what it cannot read, reports the damage, and says which
// cannot be read; all of them where none shows why.
std::map<uint64_t, StatusCode> Background::UnreadableInputs(const CompactionPlan& plan,
                                                            const Status& status) {
  Core& core = *parts_.core;
  TableCheck check;
  check.fs = core.fs;
  check.directory = core.path;
  check.names = &core.catalogue;
  check.report = [&core](const Damage& damage) {
    Event event = EventOf(damage);
    event.detail += "; compaction leaves the table alone until the next open";
    core.events->Emit(std::move(event));
  };
  std::map<uint64_t, StatusCode> all, unreadable;
  for (const auto* tables : {&plan.inputs, &plan.output_overlap}) {
    for (const TableMetaPtr& table : *tables) {
      all[table->number] = status.code();
      const Status checked = stopping() ? Status::Ok() : CheckTable(check, *table);
      if (IsUnreadable(checked)) unreadable[table->number] = checked.code();
    }
  }
  if (!unreadable.empty() || stopping()) return unreadable;
  if (status.Is(StatusCode::kCorruption)) {
    core.events->Emit(
        EventOf(status, core.path,
                "a compaction met damage that its tables do not show; they are left alone until "
                "the next open"));
  }
  return all;
}

// One lock lets go of the tables and notes what failed: nobody does the work in between.
void Background::Finish(const CompactionPlan& plan, const Status& status, bool again) {
  std::map<uint64_t, StatusCode> unreadable;
  if (IsUnreadable(status)) unreadable = UnreadableInputs(plan, status);
  {
    MutexLock lock(mutex_);
    ClearBusy(plan);
    // The rest of the tree is compacted around them.
    for (const auto& [number, why] : unreadable) busy_.quarantined.insert(number);
    quarantine_.merge(unreadable);
    if (!status.ok() && !stopping() && !status.Is(StatusCode::kCancelled)) {
      if (again && !IsUnreadable(status)) NoteFailedLocked(plan, status);
      SetCompactionFailureLocked();
    }
    changed_.NotifyAll();
  }
  UpdateBacklog();
  CollectTables();
}

void Background::ReportCompaction(const CompactionPlan& plan, const JobResult& result,
                                  uint64_t micros) {
  Statistics& statistics = parts_.core->statistics;
  LevelCounters& level = statistics.levels[plan.output_level];
  level.compactions.fetch_add(1, std::memory_order_relaxed);
  level.bytes_read.fetch_add(result.bytes_read, std::memory_order_relaxed);
  level.bytes_written.fetch_add(result.output.bytes_written, std::memory_order_relaxed);
  statistics.compactions.fetch_add(1, std::memory_order_relaxed);
  statistics.expired.fetch_add(result.output.expired, std::memory_order_relaxed);
  statistics.compaction_bytes_written.fetch_add(result.output.bytes_written,
                                                std::memory_order_relaxed);
  Event event;
  event.kind = EventKind::kCompaction;
  event.position = parts_.core->visible.load(std::memory_order_relaxed);
  event.level_in = plan.input_level;
  event.level_out = plan.output_level;
  event.tables_in = static_cast<uint32_t>(plan.inputs.size() + plan.output_overlap.size());
  event.tables_out =
      static_cast<uint32_t>(plan.trivial_move ? plan.inputs.size() : result.output.tables.size());
  event.bytes_in = result.bytes_read;
  event.bytes_out = result.output.bytes_written;
  event.entries_in = plan.only_waste ? plan.InputEntries() : result.entries_in;
  event.entries_out = result.output.entries;
  event.micros = micros;
  event.detail = std::string(CompactionReasonName(plan.reason)) +
                 (plan.trivial_move ? ", moved without rewriting" : "") +
                 (plan.only_waste ? ", removed unread" : "");
  parts_.core->events->Emit(std::move(event));
}

Status Background::QuarantinedLocked() const {
  std::string names;
  bool damaged = false;
  for (const auto& [number, why] : quarantine_) {
    names += (names.empty() ? "" : ", ") + TableFileName(number);
    damaged |= why == StatusCode::kCorruption;
  }
  return {damaged ? StatusCode::kCorruption : StatusCode::kNotSupported,
          parts_.core->path + ": compaction leaves tables alone that it cannot read (" + names +
              "), and what they overlap"};
}

Result<std::optional<CompactionPlan>> Background::NextManual(const ManualRange& range,
                                                             ManualProgress* progress) {
  const auto& read = parts_.core->statistics.compaction_bytes_read;
  uint64_t seen = read.load(std::memory_order_relaxed);
  while (true) {
    if (stopping()) return ClosedError(*parts_.core);
    RETURN_IF_ERROR(parts_.errors->WriteStatus());
    BusyTables busy;
    uint64_t picks = 0;
    {
      MutexLock lock(mutex_);
      busy = busy_;
      picks = picks_;
    }
    std::shared_ptr<const Version> version = parts_.tree->version();
    if (progress->wanted()) {
      // What others did meanwhile, who waits would have had to do.
      const uint64_t now = read.load(std::memory_order_relaxed);
      progress->Advance(now - std::exchange(seen, now));
      progress->Expect(ManualBytes(version->shape(), range));
    }
    bool blocked = false;
    const CompactionSettings settings = MakeSettings();
    auto plan = PickManual(version->shape(), settings, busy, range, &blocked);
    bool for_good = false;
    if (blocked) {
      BusyTables quarantine;
      quarantine.quarantined = std::move(busy.quarantined);
      PickManual(version->shape(), settings, quarantine, range, &for_good);
    }
    MutexLock lock(mutex_);
    if (picks != picks_ || parts_.tree->version() != version) continue;
    if (plan) {
      MarkBusy(*plan);
      return plan;
    }
    if (!blocked) return plan;
    if (for_good) return QuarantinedLocked();
    changed_.WaitUntil(mutex_, progress->wanted() ? DeadlineAfter(kProgressLook) : kNoDeadline);
  }
}

Status Background::CompactManually(ManualRange range,
                                   const std::function<void(uint64_t, uint64_t)>& told) {
  ManualProgress progress(told);
  range.up_to = parts_.tree->versions().tables_state().position;
  range.rewrite_below = parts_.tree->versions().NewFileNumber();
  while (true) {
    ASSIGN_OR_RETURN(std::optional<CompactionPlan> plan, NextManual(range, &progress));
    if (!plan) break;
    Status status = RunPlan(*plan, false, &progress);
    if (status.Is(StatusCode::kCancelled)) return ClosedError(*parts_.core);
    RETURN_IF_ERROR(std::move(status));
  }
  CollectTables();
  Wake();
  progress.Finish();
  return Status::Ok();
}

}  // namespace logwood
