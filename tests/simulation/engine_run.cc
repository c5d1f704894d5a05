#include "tests/simulation/engine_run.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "tests/simulation/engine_client.h"
#include "tests/simulation/history.h"

namespace logwood::test {

namespace {

constexpr char kPath[] = "db";

// How a life ends.
enum class Ending : uint8_t {
  kClosed,       // when the clients are done
  kClosedEarly,  // while they work
  kKilled,       // the process; what was written stays
  kPowerLost,    // between two operations of the disk
  kPowerCut,     // within one
  kErrors,       // some operations of the disk fail; then closed, killed or without power
  kFull,         // the disk, for a while
};
constexpr std::array<const char*, 7> kEndingNames = {
    "closed", "closed early", "killed", "power lost", "power cut", "errors", "full"};
constexpr uint64_t kEndings = kEndingNames.size();

// Keyspaces come and go with events that tell their positions.
struct KeyspaceEvents final : EventListener {
  explicit KeyspaceEvents(History* told) : history(told) {}
  void OnEvent(const Event& event) override {
    const bool created = event.kind == EventKind::kKeyspaceCreated;
    if (!created && event.kind != EventKind::kKeyspaceDropped) return;
    history->NoteKeyspaceEvent(created, event.detail, event.position);
  }
  History* const history;
};

class EngineRun {
 public:
  EngineRun(const EngineRunOptions& options, Notes* notes)
      : options_(options),
        notes_(*notes),
        random_(options.seed ^ 0xe5),
        temper_(options.seed),
        disk_random_(options.seed ^ 0xd15c) {
    SimulatedFileSystem::Settings settings;
    settings.failed_sync = temper_.failed_sync;
    settings.lying_syncs = options.lying_syncs;
    disk_ = std::make_unique<SimulatedFileSystem>(settings);
  }

  void Run() {
    for (uint32_t life = 0; life < temper_.lives; ++life) {
      Live(life, static_cast<Ending>(random_.Uniform(kEndings)));
    }
    Live(temper_.lives, Ending::kClosed);
    // What is there now was all durable.
    RunLastLook();
  }

 private:
  // Of what may fail as the disk does, and then says so.
  void CheckTrouble(const Status& status, const char* what) {
    if (!status.ok() && !IsTrouble(status)) Fail(what + (": " + status.ToString()));
  }
  [[noreturn]] void Fail(const std::string& what) {
    Scheduler::Mine()->Fail("life " + std::to_string(life_) + ": " + what + "\nbefore:" + story_);
  }
  void Live(uint32_t life, Ending ending);
  void RunLastLook();
  void SetTheClock();
  bool Open(Ending ending);
  History::State Look();
  void StartClients();
  void JoinClients();
  void EndLife(Ending ending);
  void EndByErrors();
  void EndWhenDiskWasFull();
  void SleepSomewhat();

  // What the disk does besides what it is asked for.
  void Arm(bool errors);
  Status BeforeOperation(FileOp op, const std::string& path);

  // The next life finds what a kill or a loss of power leaves of this one.
  void TakeKilled();
  void TakePowerLost();
  void Bury();
  void NoteFiles() {
    notes_["files"] = (notes_["files"] ^ disk_->ContentHash()) * 0x9E3779B97F4A7C15ULL;
  }

  const EngineRunOptions options_;
  Notes& notes_;
  Random random_;
  const EngineTemper temper_;
  uint32_t life_ = 0;
  std::string story_;  // of the lives so far
  History history_{[] { return Scheduler::Mine()->PeekWallNanos() / 1000; }};
  LogPos promised_ = 0;  // what the next life must hold
  std::unique_ptr<SimulatedFileSystem> disk_, next_disk_;
  std::unique_ptr<DB> db_;
  std::unique_ptr<EngineWorld> world_;
  std::vector<std::unique_ptr<EngineClient>> clients_;
  std::vector<std::thread> threads_;

  Mutex disk_mutex_;
  Random disk_random_ GUARDED_BY(disk_mutex_);
  uint64_t fails_one_in_ GUARDED_BY(disk_mutex_) = 0;
  bool fails_reads_ GUARDED_BY(disk_mutex_) = false;
  uint64_t injected_ GUARDED_BY(disk_mutex_) = 0;
};

// ---- The disk

Status EngineRun::BeforeOperation(FileOp op, const std::string& path) {
  const bool sync = op == FileOp::kSync || op == FileOp::kSyncDirectory;
  const uint64_t us_max = temper_.operation_us_max + (sync ? temper_.sync_us_max : 0);
  uint64_t us = 0;
  bool fails = false;
  {
    MutexLock lock(disk_mutex_);
    if (us_max != 0) us = disk_random_.Uniform(us_max);
    const bool reads = op == FileOp::kRead || op == FileOp::kOpen;
    if (fails_one_in_ != 0 && (reads ? fails_reads_ : IsChange(op))) {
      fails = disk_random_.OneIn(fails_one_in_);
    }
    if (fails) ++injected_;
  }
  if (us != 0) std::this_thread::sleep_for(std::chrono::microseconds(us));
  if (!fails) return Status::Ok();
  return Status::IoError(std::string(FileOpName(op)) + " " + path + ": injected");
}

void EngineRun::Arm(bool errors) {
  {
    MutexLock lock(disk_mutex_);
    fails_one_in_ = errors ? 10 + disk_random_.Uniform(300) : 0;
    fails_reads_ = disk_random_.OneIn(2);
  }
  disk_->SetFault([this](FileOp op, const std::string& path) { return BeforeOperation(op, path); });
}

void EngineRun::TakeKilled() {
  // Before the disk is looked at: what was told until then is there.
  promised_ = std::max(promised_, history_.promises().acknowledged);
  next_disk_ = disk_->KilledState();
}

void EngineRun::TakePowerLost() {
  promised_ = history_.promises().durable;
  next_disk_ = disk_->CrashState(random_.Next());
  ++notes_["crashes"];
}

// The old process does no more harm, and has to come to its end.
void EngineRun::Bury() {
  world_->trouble = world_->closing = true;
  disk_->SetFault({});
  disk_->CutPower();
  JoinClients();
  CheckTrouble(db_->Close(), "Close");
  db_.reset();
}

// ---- A life

// Somebody sets the clock while the database is closed: by a day or ten years, either way.
void EngineRun::SetTheClock() {
  constexpr int64_t kDayNanos = 86'400'000'000'000;
  const int64_t days = random_.OneIn(2) ? 1 : 3653;
  const int64_t nanos = random_.OneIn(2) ? days * kDayNanos : -days * kDayNanos;
  history_.clock()->Set([nanos] { Scheduler::Mine()->MoveWallClock(nanos); });
  ++notes_["clock_jumps"];
}

bool EngineRun::Open(Ending ending) {
  if (random_.OneIn(3)) SetTheClock();
  history_.ForgetTimes();
  Options options = temper_.options;
  options.file_system = disk_.get();
  options.listeners.push_back(std::make_shared<KeyspaceEvents>(&history_));
  // Sometimes the trouble comes while it opens.
  const bool cut = ending == Ending::kPowerCut && random_.OneIn(2);
  const bool errors = ending == Ending::kErrors && random_.OneIn(2);
  if (cut) disk_->CutPowerAt(1 + random_.Uniform(40));
  Arm(errors);
  auto opened = DB::Open(options, kPath);
  Arm(false);
  if (opened.ok() && disk_->power_is_cut()) {
    CheckTrouble((*opened)->Close(), "Close");
    opened = Status::IoError("cut");
  }
  disk_->CutPowerAt(0);
  if (opened.ok()) {
    db_ = std::move(*opened);
    return true;
  }
  // Neither a power that is cut nor an injected error is anything but an I/O error.
  if ((!cut && !errors) || !opened.status().Is(StatusCode::kIoError)) {
    Fail("does not open: " + opened.status().ToString());
  }
  ++notes_["failed_opens"];
  if (cut) {
    promised_ = std::min(promised_, history_.promises().durable);
    next_disk_ = disk_->CrashState(random_.Next());
  }
  return false;
}

History::State EngineRun::Look() {
  History::State state;
  const HistoryClock::Mark opened = history_.clock()->Now();
  state.position = db_->LastPosition();
  state.keyspaces.clear();
  state.content.clear();
  auto list = db_->ListKeyspaces();
  if (!list.ok()) Fail("ListKeyspaces: " + list.status().ToString());
  for (const KeyspaceInfo& info : *list) {
    state.keyspaces[info.name] = info.keyspace.number();
    History::Rows& rows = state.content[info.keyspace.number()];
    auto it = db_->NewIterator({}, info.keyspace);
    for (it->SeekToFirst(); it->Valid(); it->Next()) rows.emplace(it->key(), it->value());
    if (!it->status().ok()) Fail("after opening: " + it->status().ToString());
    if (info.name == "default") continue;
    MutexLock lock(world_->mutex);
    world_->keyspaces[info.name] = info.keyspace;
  }
  state.time = history_.clock()->Since(opened);
  return state;
}

void EngineRun::StartClients() {
  clients_.clear();
  for (uint32_t i = 0; i < temper_.clients; ++i) {
    clients_.push_back(std::make_unique<EngineClient>(world_.get(), life_, i, random_.Next()));
  }
  for (auto& client : clients_) threads_.emplace_back([&client] { client->Run(); });
}

void EngineRun::JoinClients() {
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
  for (const auto& client : clients_) {
    notes_["answers"] = (notes_["answers"] ^ client->digest()) * 0x9E3779B97F4A7C15ULL;
  }
  clients_.clear();
}

void EngineRun::SleepSomewhat() {
  const uint64_t us = uint64_t{1} << random_.Uniform(18);
  std::this_thread::sleep_for(std::chrono::microseconds(us + random_.Uniform(us)));
}

void EngineRun::Live(uint32_t life, Ending ending) {
  life_ = life;
  ++notes_["lives"];
  world_ = std::make_unique<EngineWorld>();
  world_->history = &history_;
  world_->temper = &temper_;
  if (Open(ending)) {
    const std::string wrong = history_.NextLife(Look(), promised_);
    if (!wrong.empty()) Fail(wrong);
    promised_ = history_.start().position;
    world_->db = db_.get();
    EndLife(ending);
  }
  const History::Promises promises = history_.promises();
  story_ += "\n  life " + std::to_string(life) + " " + kEndingNames[static_cast<size_t>(ending)] +
            ", from " + std::to_string(history_.start().position) + " to " +
            std::to_string(promises.acknowledged) + ", durable " +
            std::to_string(promises.durable) + ", promised " + std::to_string(promised_) +
            (next_disk_ != nullptr ? ", another disk" : "");
  if (next_disk_ != nullptr) disk_ = std::move(next_disk_);
  NoteFiles();
}

void EngineRun::EndLife(Ending ending) {
  if (ending == Ending::kPowerCut) {
    world_->trouble = true;
    disk_->CutPowerAt(1 + random_.Uniform(uint64_t{20} << random_.Uniform(6)));
  }
  if (ending == Ending::kErrors) return EndByErrors();
  if (ending == Ending::kFull) return EndWhenDiskWasFull();
  StartClients();
  switch (ending) {
    case Ending::kKilled:
      SleepSomewhat();
      TakeKilled();
      return Bury();
    case Ending::kPowerLost:
      SleepSomewhat();
      TakePowerLost();
      return Bury();
    case Ending::kClosedEarly:
      SleepSomewhat();
      world_->closing = true;
      break;
    default:
      JoinClients();
  }
  const Status closed = db_->Close();
  JoinClients();
  const Stats stats = db_->GetStats();
  notes_["flushes"] += stats.flushes;
  notes_["compactions"] += stats.compactions;
  db_.reset();
  if (disk_->power_is_cut()) return TakePowerLost();
  disk_->CutPowerAt(0);
  if (!closed.ok()) Fail("Close: " + closed.ToString());
  // All that was acknowledged is durable now.
  promised_ = history_.promises().acknowledged;
  if (random_.OneIn(3)) {
    history_.NoteDurable(promised_);
    TakePowerLost();
  }
}

void EngineRun::EndByErrors() {
  world_->trouble = true;
  Arm(true);
  StartClients();
  JoinClients();
  using FailedSync = SimulatedFileSystem::FailedSync;
  bool dies = random_.OneIn(2), power = random_.OneIn(2);
  // What a failed sync drops at once is gone for a process that is killed, too.
  if (temper_.failed_sync == FailedSync::kDrops) power = true;
  // Bytes that read as written and never will be are found by the next process on this disk only.
  const bool same_disk = !power && temper_.failed_sync == FailedSync::kForgets;
  if (same_disk) dies = false;
  if (!dies) CheckTrouble(db_->Close(), "Close");
  if (same_disk) {
    db_.reset();
    promised_ = std::max(promised_, history_.promises().acknowledged);
    disk_->SetFault({});
    return;
  }
  power ? TakePowerLost() : TakeKilled();
  Bury();
}

void EngineRun::EndWhenDiskWasFull() {
  world_->trouble = true;
  disk_->SetCapacity(1 << 10 << random_.Uniform(9));
  StartClients();
  SleepSomewhat();
  disk_->SetCapacity(uint64_t{1} << 40);
  // With room again, it goes on by itself.
  Status status;
  for (int turn = 0; turn < 100; ++turn) {
    const std::string key = "room" + std::to_string(life_) + "." + std::to_string(turn);
    const size_t id =
        history_.Issue({.changes = {{Keyspace().number(), key, key}}}, db_->LastPosition());
    auto position = db_->Put({}, key, key);
    status = position.status();
    if (position.ok()) {
      history_.Acknowledge(id, *position);
      break;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
  JoinClients();
  if (!status.ok()) Fail("with room again: " + status.ToString());
  const Status closed = db_->Close();
  if (status.ok() && !closed.ok()) Fail("Close with room again: " + closed.ToString());
  db_.reset();
  promised_ = closed.ok() ? history_.promises().acknowledged : promised_;
  if (!closed.ok()) TakeKilled();
}

void EngineRun::RunLastLook() {
  ++life_;
  world_ = std::make_unique<EngineWorld>();
  if (!Open(Ending::kClosed)) Fail("does not open");
  const std::string wrong = history_.NextLife(Look(), promised_);
  if (!wrong.empty()) Fail(wrong);
  const Status whole = db_->Verify([](const Damage&) {}, [](uint64_t, uint64_t) {});
  if (!whole.ok()) Fail("Verify: " + whole.ToString());
  const Status closed = db_->Close();
  if (!closed.ok()) Fail("Close: " + closed.ToString());
  db_.reset();
  NoteFiles();
  notes_["commits"] = history_.commits();
  notes_["observations"] = history_.observations();
  MutexLock lock(disk_mutex_);
  notes_["injected"] = injected_;
}

}  // namespace

SimulationReport SimulateEngine(const EngineRunOptions& options) {
  ScheduleOptions schedule = ScheduleOptions::FromSeed(options.seed);
  schedule.lost_notify = options.lost_notify;
  return Simulate(schedule, [&](Notes* notes) { EngineRun(options, notes).Run(); });
}

}  // namespace logwood::test
