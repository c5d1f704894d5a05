// Session: opening, closing, crashing, maintenance and what the database says about itself.
#include <algorithm>
#include <utility>

#include "tests/metamorphic/session.h"
#include "tests/support/list_operators.h"

namespace logwood::test {

void Session::Open(bool with_stored_options) {
  Options options = with_stored_options ? Options() : set_.options;
  options.memory_budget_bytes = set_.options.memory_budget_bytes;
  // What the database has recorded of its operators is enough, where they are built in.
  options.keyspaces = KeyspacesOfLists(!with_stored_options);
  has_default_ttls_ = !with_stored_options;  // they are not recorded
  if (with_stored_options) options.tuning.memtable_bytes = set_.options.tuning.memtable_bytes;
  Result<std::unique_ptr<DB>> opened = DB::Open(place_.With(options), path_);
  if (!ExpectOk(opened.status(), "Open")) return;
  db_ = wrap_ ? wrap_(std::move(opened).value()) : std::move(opened).value();
  durable_seen_ = 0;
  if (!model_) {
    handles_[0] = Keyspace();
    return;
  }
  Expect(db_->LastPosition() == model_->last(), "LastPosition after open is " +
                                                    std::to_string(db_->LastPosition()) +
                                                    ", expected " + std::to_string(model_->last()));
  OpenKeyspaces();
}

void Session::OpenKeyspaces() {
  for (int slot = 1; slot < kKeyspaceSlots; ++slot) {
    const Result<Keyspace> opened = db_->OpenKeyspace(KeyspaceNameOf(slot));
    std::optional<Keyspace>& handle = handles_[static_cast<size_t>(slot)];
    if (IsLive(slot)) {
      if (!ExpectOk(opened.status(), "OpenKeyspace")) return;
      Expect(!handle || handle->number() == opened->number(), "a keyspace changed its number");
      handle = *opened;
      slots_[opened->number()] = slot;
    } else {
      Expect(opened.status().Is(StatusCode::kNotFound), "OpenKeyspace of what is not there");
      handle.reset();
    }
  }
}

void Session::ReleaseHandles() {
  for (HeldIterator& held : iterators_) held = {};
  for (HeldTransaction& held : transactions_) held = {};
  for (HeldSnapshot& held : snapshots_) held = {};
}

void Session::CheckClosedHandles() {
  for (HeldIterator& held : iterators_) {
    if (!held.iterator) continue;
    Expect(!held.iterator->Valid(), "an iterator is valid after Close");
    held.iterator->SeekToFirst();
    Expect(!held.iterator->Valid() && held.iterator->status().Is(StatusCode::kClosed),
           "an iterator after Close: " + held.iterator->status().ToString());
  }
  for (const HeldSnapshot& held : snapshots_)
    if (held.snapshot)
      Expect(held.snapshot->position() == held.at.position, "a snapshot after Close");
  for (const HeldTransaction& held : transactions_)
    if (held.transaction) CheckEnded(held.transaction.get(), StatusCode::kClosed);
  CheckHeldValues();
}

void Session::Reopen(bool with_stored_options) {
  if (!ExpectOk(db_->Close(), "Close")) return;
  CheckClosedHandles();
  Expect(db_->Put({}, "k", "v").status().Is(StatusCode::kClosed), "Put after Close");
  db_.reset();
  CheckClosedHandles();
  ReleaseHandles();
  Open(with_stored_options);
  if (db_ == nullptr || failed()) return;
  Expect(db_->GetRecoveryInfo().clean, "RecoveryInfo::clean after a clean close");
  Expect(db_->GetRecoveryInfo().unproven_tail_bytes == 0, "an unproven tail after a clean close");
  CheckHeldValues();
  CheckExpired(12);
}

std::optional<FileContents> Session::CopyOfDirectory() {
  Result<FileContents> copy = ReadLiveDirectory(place_.files(), path_);
  for (int i = 0; i < 10 && copy.status().Is(StatusCode::kBusy); ++i) {
    if (!ExpectOk(db_->WaitForCompaction(), "WaitForCompaction")) return std::nullopt;
    copy = ReadLiveDirectory(place_.files(), path_);
  }
  if (!ExpectOk(copy.status(), "copy of the directory")) return std::nullopt;
  return std::move(copy).value();
}

void Session::Crash() {
  const std::optional<FileContents> copy = CopyOfDirectory();
  if (!copy) return;
  ReleaseHandles();
  db_.reset();
  if (!ExpectOk(RemoveDirectoryFiles(place_.files(), path_), "removing the old directory")) return;
  path_ = place_.Join("db" + std::to_string(++copies_));
  if (!ExpectOk(WriteDirectory(place_.files(), path_, *copy), "writing the copy")) return;
  Open(false);
  CheckHeldValues();
  if (!failed()) CheckExpired(12);
}

void Session::CheckReadOnlyCopy() {
  const std::optional<FileContents> copy = CopyOfDirectory();
  if (!copy) return;
  const std::string path = place_.Join("copy" + std::to_string(++copies_));
  if (!ExpectOk(WriteDirectory(place_.files(), path, *copy), "writing the copy")) return;
  ReadOnlyOptions options;
  options.file_system = place_.files();
  options.keyspaces = KeyspacesOfLists(false);
  {
    Result<std::unique_ptr<DB>> opened = DB::OpenReadOnly(options, path);
    if (!ExpectOk(opened.status(), "OpenReadOnly")) return;
    DB* const db = opened->get();
    Expect(db->LastPosition() == model_->last(), "LastPosition of a read-only copy");
    for (int slot = 0; slot < kKeyspaceSlots; ++slot)
      if (IsLive(slot)) CheckKeyspace(db, slot, nullptr, model_->now());
    Expect(db->Put({}, "k", "v").status().Is(StatusCode::kReadOnly), "Put into a read-only copy");
  }
  const Result<FileContents> after = ReadDirectory(place_.files(), path);
  if (!ExpectOk(after.status(), "reading the copy")) return;
  const std::string difference = DifferenceOf(*copy, *after);
  Expect(difference.empty(), "a read-only open wrote: " + difference);
  ExpectOk(RemoveDirectoryFiles(place_.files(), path), "removing the copy");
}

// Before it is set back, a commit: no view was of a later time than it. Else what such a view took
// for expired may be there again for later ones, or be gone already, as compaction had time to.
void Session::MoveClock(int64_t by_us) {
  if (by_us < 0) {
    WriteBatch batch;
    batch.Note("clock");
    CheckWritten(db_->Write({}, batch), {}, Durability::kDefault);
  }
  clock_.Advance(std::chrono::microseconds(by_us));
  model_->SetWall(clock_.now_us());
  CheckExpired(3);
}

KeyRange Session::RangeOf(const Operation& operation) const {
  KeyRange range;
  if (operation.lower) range.begin = operation.lower->bytes();
  if (operation.upper) range.end = operation.upper->bytes();
  return range;
}

void Session::Maintain(const Operation& operation) {
  const std::optional<Keyspace>& handle = handles_[static_cast<size_t>(operation.keyspace)];
  const CompactOptions options{.force_last_level = operation.flag};
  switch (operation.kind) {
    case OperationKind::kFlush:
      ExpectOk(db_->Flush(), "Flush");
      break;
    case OperationKind::kCompactRange:
      if (!handle || !IsLive(operation.keyspace)) return;
      ExpectOk(db_->CompactRange(options, *handle, RangeOf(operation)), "CompactRange");
      break;
    case OperationKind::kCompactAll:
      ExpectOk(db_->CompactAll(options), "CompactAll");
      break;
    case OperationKind::kWaitForCompaction:
      ExpectOk(db_->WaitForCompaction(), "WaitForCompaction");
      break;
    case OperationKind::kWaitDurable:
      ExpectOk(db_->WaitDurable(model_->last()), "WaitDurable");
      Expect(db_->DurablePosition() == model_->last(), "DurablePosition after WaitDurable");
      break;
    case OperationKind::kEstimate:
      CheckEstimate(operation);
      break;
    case OperationKind::kVerify:
      Verify();
      break;
    default:
      CheckStats();
  }
  Expect(db_->LastPosition() == model_->last(), "maintenance changed LastPosition");
  if (operation.kind == OperationKind::kFlush || operation.kind == OperationKind::kCompactAll)
    CheckExpired(3);
  CheckDurable();
}

void Session::Verify() {
  uint64_t done = 0, all = 0;
  const auto report = [this](const Damage& damage) {
    Fail("Verify: " + damage.file + ": " + damage.what);
  };
  const auto progress = [&](uint64_t bytes, uint64_t bytes_in_all) {
    Expect(bytes >= done && bytes <= bytes_in_all, "Verify: progress goes back or too far");
    done = bytes;
    all = bytes_in_all;
  };
  ExpectOk(db_->Verify(report, progress), "Verify");
  Expect(all > 0, "Verify read nothing");
  Expect(done == all, "Verify: " + std::to_string(done) + " of " + std::to_string(all) + " bytes");
}

void Session::CheckDurable() {
  const LogPos durable = db_->DurablePosition();
  Expect(durable >= durable_seen_, "DurablePosition went back");
  Expect(durable <= db_->LastPosition(), "DurablePosition is above LastPosition");
  durable_seen_ = durable;
}

void Session::CheckEstimate(const Operation& operation) {
  const std::optional<Keyspace>& handle = handles_[static_cast<size_t>(operation.keyspace)];
  if (!handle || !IsLive(operation.keyspace)) return;
  const KeyRange range = RangeOf(operation);
  const RangeEstimate estimate = db_->Estimate(*handle, range);
  // Estimates may be off, but not absurd.
  Expect(estimate.entries <= 4 * model_->versions() + 1000,
         "Estimate: " + std::to_string(estimate.entries) + " entries of " +
             std::to_string(model_->versions()) + " versions");
  size_t live = 0;
  ModelCursor cursor(*model_->current(operation.keyspace), model_->now(),
                     {range.begin, range.end, ""});
  for (cursor.SeekToFirst(); cursor.Valid(); cursor.Next()) ++live;
  if (live < 1000) return;
  Expect(estimate.entries >= live / 4, "Estimate: " + std::to_string(estimate.entries) +
                                           " entries, there are " + std::to_string(live));
  Expect(estimate.bytes >= live, "Estimate: fewer bytes than keys");
}

void Session::CheckStats() {
  const Stats stats = db_->GetStats();
  Expect(stats.last_position == model_->last(), "Stats::last_position");
  Expect(stats.durable_position <= stats.last_position, "Stats::durable_position");
  Expect(!stats.writes_stopped && stats.background_error.empty(),
         "Stats::background_error: " + stats.background_error);
  uint32_t keyspaces = 0;
  for (int slot = 0; slot < kKeyspaceSlots; ++slot) keyspaces += IsLive(slot) ? 1 : 0;
  Expect(stats.keyspaces == keyspaces, "Stats::keyspaces is " + std::to_string(stats.keyspaces));
  // A transaction holds one, too.
  std::vector<LogPos> held_at;
  for (const HeldSnapshot& held : snapshots_)
    if (held.snapshot) held_at.push_back(held.at.position);
  for (const HeldTransaction& held : transactions_)
    if (held.transaction) held_at.push_back(held.model->position());
  Expect(stats.snapshots == held_at.size(), "Stats::snapshots");
  Expect(stats.oldest_snapshot ==
             (held_at.empty() ? 0 : *std::min_element(held_at.begin(), held_at.end())),
         "Stats::oldest_snapshot");
  Expect(stats.write_amplification >= 0 && stats.space_amplification >= 0 &&
             stats.read_amplification >= 0,
         "a negative amplification");
}

}  // namespace logwood::test
