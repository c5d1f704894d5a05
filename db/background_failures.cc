// What Background does about work that failed: who is told, when it is tried again, what goes on
// meanwhile.
#include <algorithm>

#include "db/background.h"

namespace logwood {

namespace {

// Failed work is looked at again so often; it is tried again as its Backoff says.
constexpr uint64_t kRetryPollUs = 500'000;
// Work that a full disk stopped is tried at once when so much room was made.
constexpr uint64_t kRoomMadeBytes = 1 << 20;

}  // namespace

void Background::Fail(ErrorState::Work work, const Status& status, const char* what) {
  if (stopping() || status.Is(StatusCode::kCancelled)) return;
  if (work != ErrorState::Work::kCompaction) {  // Finish noted those
    MutexLock lock(mutex_);
    parts_.errors->SetFailure(work, status);
    backoff_[static_cast<size_t>(work)].Failed(parts_.core->executor->NowNanos());
  }
  Event event;
  event.kind = EventKind::kBackgroundError;
  event.status = status;
  event.detail = what;
  parts_.core->events->Emit(std::move(event));
  const Core& core = *parts_.core;
  if (status.Is(StatusCode::kNoSpace)) parts_.give_back_room();  // for the next attempt
  const auto room = core.fs->FreeBytes(core.path);
  MutexLock lock(mutex_);
  if (work == ErrorState::Work::kFlush) ++flush_failures_;
  free_bytes_at_failure_[static_cast<size_t>(work)] =
      status.Is(StatusCode::kNoSpace) && room.ok() ? *room : ~uint64_t{0} - kRoomMadeBytes;
  changed_.NotifyAll();
  if (retry_armed_ || stopping()) return;
  retry_armed_ = true;
  core.executor->ScheduleAfter(kRetryPollUs, [this] { Retry(); });
}

bool Background::MayTryLocked(ErrorState::Work work) const {
  const Backoff& backoff = backoff_[static_cast<size_t>(work)];
  return !backoff.waiting() || backoff.MayTry(parts_.core->executor->NowNanos());
}

// A full disk fails them all; anything else only what failed (SetAsideLocked).
bool Background::MayCompactLocked() const {
  const auto compaction = ErrorState::Work::kCompaction;
  return MayTryLocked(compaction) || !parts_.errors->failure(compaction).Is(StatusCode::kNoSpace);
}

// Looks every so often while something failed; most times it only looks.
void Background::Retry() {
  const auto room = parts_.core->fs->FreeBytes(parts_.core->path);
  {
    MutexLock lock(mutex_);
    retry_armed_ = false;
    bool any = false;
    for (size_t work = 0; work < backoff_.size(); ++work) {
      any |= backoff_[work].waiting();
      if (room.ok() && *room >= free_bytes_at_failure_[work] + kRoomMadeBytes) {
        backoff_[work].Reset();
      }
    }
    if (stopping() || parts_.errors->stopped()) return;
    if (any) {
      retry_armed_ = true;
      parts_.core->executor->ScheduleAfter(kRetryPollUs, [this] { Retry(); });
    }
  }
  Wake();
}

// A compaction that cannot end must not take the room that commits and flushes live on: what all
// memtables can grow to, on a small disk a quarter of what is free.
uint64_t Background::RoomForCompaction() const {
  const Core& core = *parts_.core;
  const auto free = core.fs->FreeBytes(core.path);
  if (!free.ok()) return ~uint64_t{0};
  return *free - std::min(core.settings.memtables_bytes_max, *free / 4);
}

Status Background::CheckRoom(uint64_t bytes) const {
  const uint64_t room = RoomForCompaction();
  if (bytes <= room) return Status::Ok();
  return Status::NoSpace(
      parts_.core->path + ": a compaction writes up to " + std::to_string(bytes) +
      " bytes before it removes what it read; the disk has room for " + std::to_string(room));
}

void Background::FlushSucceeded() {
  const auto flush = ErrorState::Work::kFlush;
  if (!parts_.errors->ClearFailure(flush)) return;
  {
    MutexLock lock(mutex_);
    backoff_[static_cast<size_t>(flush)].Reset();
    changed_.NotifyAll();
  }
  TellResumed();
}

void Background::TellResumed() {
  Event event;
  event.kind = EventKind::kResumed;
  event.detail = "background work succeeds again";
  parts_.core->events->Emit(std::move(event));
}

bool Background::FailedPlan::Shares(const CompactionPlan& plan) const {
  const auto has = [this](const TableMetaPtr& table) { return tables.count(table->number) != 0; };
  return std::any_of(plan.inputs.begin(), plan.inputs.end(), has) ||
         std::any_of(plan.output_overlap.begin(), plan.output_overlap.end(), has);
}

void Background::NoteFailedLocked(const CompactionPlan& plan, const Status& status) {
  FailedPlan failed{{}, status, true};
  for (const auto* tables : {&plan.inputs, &plan.output_overlap}) {
    for (const TableMetaPtr& table : *tables) failed.tables.insert(table->number);
  }
  std::erase_if(failed_, [&](const FailedPlan& before) { return before.Shares(plan); });
  failed_.push_back(std::move(failed));
  const auto compaction = static_cast<size_t>(ErrorState::Work::kCompaction);
  backoff_[compaction].Failed(parts_.core->executor->NowNanos());
}

// What failed last of what still fails, and the tables in quarantine.
void Background::SetCompactionFailureLocked() {
  Status failure = failed_.empty() ? Status::Ok() : failed_.back().why;
  if (!quarantine_.empty()) {
    const Status quarantined = QuarantinedLocked();
    failure = failure.ok() ? quarantined
                           : Status(failure.code(), std::string(failure.message()) + "; " +
                                                        std::string(quarantined.message()));
  }
  parts_.errors->SetFailure(ErrorState::Work::kCompaction, failure);
}

// Tables of what failed count as busy, so that the rest goes on, until they are tried again: each
// once, not only the most urgent. True when there are such.
bool Background::SetAsideLocked(BusyTables* busy) {
  const bool again = MayTryLocked(ErrorState::Work::kCompaction);
  bool any = false;
  for (FailedPlan& failed : failed_) {
    failed.aside = failed.aside && !again;
    if (!failed.aside) continue;
    any = true;
    busy->tables.insert(failed.tables.begin(), failed.tables.end());
  }
  return any;
}

// Says so when no compaction fails any more, but for what is in quarantine: true when that is new.
bool Background::NoneFailsLocked() {
  if (!failed_.empty()) return false;
  backoff_[static_cast<size_t>(ErrorState::Work::kCompaction)].Reset();
  SetCompactionFailureLocked();
  changed_.NotifyAll();
  return true;
}

// Only of what took tables away from each one that failed it is known that it is not due any more.
void Background::CompactionSucceeded(const CompactionPlan& plan) {
  {
    MutexLock lock(mutex_);
    if (failed_.empty()) return;
    std::erase_if(failed_, [&](const FailedPlan& failed) { return failed.Shares(plan); });
    if (!NoneFailsLocked()) return;
  }
  TellResumed();
}

}  // namespace logwood
