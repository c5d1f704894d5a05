#include "db/writer.h"

#include <algorithm>
#include <utility>

#include "db/fold.h"
#include "util/batch_codec.h"
#include "util/check.h"
#include "util/status_macros.h"
#include "wal/log_format.h"

namespace logwood {

namespace {

constexpr uint64_t kSleepMicrosMin = 500;
constexpr uint64_t kSleepMicrosMax = 20'000;
constexpr uint64_t kDelayToldEveryNanos = 1'000'000'000;

}  // namespace

Writer::Writer(Parts parts)
    : parts_(parts),
      queue_([this](const std::vector<PendingWrite*>& group) { CommitGroup(group); }) {}

Status Writer::CheckKeyspaces(const PendingWrite& write) const {
  BatchReader reader(write.operations);
  BatchOperation operation;
  while (reader.Next(&operation)) {
    uint32_t keyspace = 0;
    std::string_view key;
    if (!SplitStoredKey(operation.stored_key, &keyspace, &key) ||
        !parts_.core->catalogue.Live(keyspace)) {
      return Status::InvalidArgument("batch: " + parts_.core->catalogue.TextOf(keyspace) +
                                     " was dropped or never created");
    }
  }
  return Status::Ok();
}

Status Writer::RotateAndSeal(bool seal) {
  const TablesState end{parts_.log->stored(), parts_.log->last_time_us(),
                        parts_.log->history_hash()};
  const Status rotated = parts_.log->Rotate();
  if (const Status failed = parts_.log->failure(); !failed.ok()) {
    parts_.background->StopWrites(failed, "sync of the log");
  }
  RETURN_IF_ERROR(Status(rotated));
  if (!seal) return Status::Ok();
  parts_.tree->Seal(end);
  parts_.background->Wake();
  return Status::Ok();
}

// The first delay is told at once, then what has come together is, now and then.
void Writer::NoteDelay(uint64_t micros) {
  delay_untold_us_ += micros;
  const uint64_t now = parts_.core->executor->NowNanos();
  if (delay_told_at_ns_ != 0 && now - delay_told_at_ns_ < kDelayToldEveryNanos) return;
  delay_told_at_ns_ = now;
  Event event;
  event.kind = EventKind::kStall;
  event.position = parts_.core->visible.load(std::memory_order_relaxed);
  event.micros = std::exchange(delay_untold_us_, 0);
  event.detail = "writers are slowed down: " + parts_.background->delay_reason();
  parts_.core->events->Emit(std::move(event));
}

void Writer::Delay(uint64_t bytes) {
  double price = parts_.background->delay_ns_per_byte();
  if (price == 0) [[likely]]
    return;
  Executor* executor = parts_.core->executor.get();
  uint64_t now = executor->NowNanos();
  bucket_.Charge(bytes, price, now);
  // Sleeping costs more than it says; small debts wait until they are worth it.
  uint64_t wait_us = bucket_.WaitNs(now) / 1000;
  if (wait_us < kSleepMicrosMin) return;
  // In short turns: what is owed may be long, and the reason for it may go.
  while (wait_us != 0 && !parts_.errors->stopped() &&
         !parts_.core->closed.load(std::memory_order_relaxed)) {
    const uint64_t turn_us = std::min(wait_us, kSleepMicrosMax);
    parts_.core->statistics.stall_us.fetch_add(turn_us, std::memory_order_relaxed);
    executor->SleepMicros(turn_us);
    NoteDelay(turn_us);
    now = executor->NowNanos();
    const double price_now = parts_.background->delay_ns_per_byte();
    if (price_now < price) bucket_.Reduce(price_now / std::exchange(price, price_now), now);
    wait_us = bucket_.WaitNs(now) / 1000;
  }
}

Status Writer::PrepareRoom(uint64_t bytes) {
  RETURN_IF_ERROR(parts_.errors->WriteStatus());
  const Settings& settings = parts_.core->settings;
  if (parts_.tree->memtable_bytes() >= settings.memtables_bytes_max && parts_.tree->HasSealed()) {
    RETURN_IF_ERROR(parts_.background->WaitForRoom());
  }
  const bool full = parts_.tree->active()->bytes_used() >= settings.memtable_bytes;
  if (full || parts_.log->NeedsRotation(settings.log_segment_bytes)) [[unlikely]] {
    // A memtable that stayed empty (commits with notes only) is sealed with its segment, so that
    // the tables' position moves on and the segment can go.
    RETURN_IF_ERROR(RotateAndSeal(full || parts_.tree->active()->empty()));
  }
  // Behind the sealing: what ends the delay may be the flush of that very memtable.
  Delay(bytes);
  return Status::Ok();
}

void Writer::AddToLog(const std::vector<PendingWrite*>& group) {
  time_us_ = parts_.core->clock.Now();
  parts_.core->clock.Reach(time_us_);
  LogPos position = parts_.log->stored();
  accepted_.clear();
  for (PendingWrite* write : group) {
    // First: a keyspace that was read and dropped is a conflict, whatever is written.
    if (write->condition != nullptr) write->status = (*write->condition)();
    if (write->status.ok() && write->check_keyspaces) write->status = CheckKeyspaces(*write);
    if (!write->status.ok()) continue;
    CommitRecord record;
    record.position = write->position = ++position;
    record.time_us = time_us_;
    record.flags = write->flags;
    record.operation_count = write->operation_count;
    record.operations = write->operations;
    record.note = write->note;
    parts_.log->Add(&record);
    accepted_.push_back(write);
  }
}

void Writer::TakeDeadRange() {
  const auto offered = parts_.core->dead_ranges.Take();
  if (!offered) return;
  NoteDeadRange(*offered, parts_.log->stored() + 1, parts_.tree->active());
}

void Writer::Apply(const PendingWrite& write) {
  // These bytes were encoded by this process a moment ago: that they decode is our own promise.
  CHECK(InsertFolded(write.operations, {write.position, time_us_}, parts_.tree->active(),
                     &parts_.core->catalogue.operators())
            .ok());
  if (write.flags & kFlagCatalogue) {
    CHECK(parts_.core->catalogue.Apply(write.operations, write.position).ok());
  }
  for (CommitWatch* watch : watches_) watch->Committed(write.operations, write.position);
}

void Writer::NoteSpace(const Status& status) {
  if (status.Is(StatusCode::kNoSpace)) {
    out_of_space_ = true;
  } else if (status.ok() && out_of_space_) [[unlikely]] {
    out_of_space_ = false;
    Event event;
    event.kind = EventKind::kResumed;
    event.position = parts_.log->stored();
    event.detail = "writes succeed again";
    parts_.core->events->Emit(std::move(event));
  }
}

void Writer::CommitGroup(const std::vector<PendingWrite*>& group) {
  uint64_t bytes = 0;
  for (const PendingWrite* write : group) bytes += write->bytes();
  Status ready = PrepareRoom(bytes);
  if (!ready.ok()) {
    NoteSpace(ready);
    for (PendingWrite* write : group) write->status = ready;
    return;
  }
  if (parts_.core->dead_ranges.pending()) [[unlikely]]
    TakeDeadRange();
  AddToLog(group);
  if (accepted_.empty()) return;
  Status stored = parts_.log->Store();
  NoteSpace(stored);
  if (!stored.ok()) {
    for (PendingWrite* write : accepted_) {
      write->status = stored;
      write->position = 0;
    }
    return;
  }
  uint64_t user_bytes = 0;
  for (const PendingWrite* write : accepted_) {
    Apply(*write);
    user_bytes += write->data_bytes;
  }
  parts_.core->PublishVisible(accepted_.back()->position);
  if (parts_.tree->ChargeMemory()) parts_.background->UpdateDelay();
  Statistics& statistics = parts_.core->statistics;
  statistics.user_bytes.fetch_add(user_bytes, std::memory_order_relaxed);
  statistics.commits.fetch_add(accepted_.size(), std::memory_order_relaxed);
  statistics.write_groups.fetch_add(1, std::memory_order_relaxed);
}

void Writer::Watch(CommitWatch* watch) {
  queue_.RunAlone([&] { watches_.push_back(watch); });
}

void Writer::Unwatch(CommitWatch* watch) {
  queue_.RunAlone([&] { std::erase(watches_, watch); });
}

Result<LogPos> Writer::SealActive() {
  Status status;
  LogPos position = 0;
  queue_.RunAlone([&] {
    status = parts_.errors->WriteStatus();
    position = parts_.log->stored();
    // Not what is sealed and waits for its flush: asked for again and again while no flush gets
    // through, that would leave a segment each time. What is flushed meanwhile is in the tables.
    const std::vector<SealedMemtable> sealed = parts_.tree->Sealed();
    const LogPos sealed_to = sealed.empty() ? parts_.tree->versions().tables_state().position
                                            : sealed.back().end.position;
    bool something = !parts_.tree->active()->empty() || position > sealed_to;
    if (status.ok() && something) status = RotateAndSeal(true);
  });
  RETURN_IF_ERROR(std::move(status));
  return position;
}

}  // namespace logwood
