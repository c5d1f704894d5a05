#include "tests/simulation/engine_client.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <iterator>
#include <optional>
#include <string_view>
#include <thread>
#include <utility>

#include "tests/simulation/scheduler.h"
#include "util/hash.h"

namespace logwood::test {

namespace {

constexpr std::array<const char*, 3> kNames = {"a", "b", "c"};

uint64_t AnyOf(Random* random, std::initializer_list<uint64_t> values) {
  return values.begin()[random->Uniform(values.size())];
}

}  // namespace

bool IsTrouble(const Status& status) {
  switch (status.code()) {
    case StatusCode::kIoError:
    case StatusCode::kNoSpace:
    case StatusCode::kReadOnly:
    case StatusCode::kClosed:
      return true;
    default:
      return false;
  }
}

EngineTemper::EngineTemper(uint64_t seed) {
  Random random(seed ^ 0x7e3be6);
  clients = static_cast<uint32_t>(2 + random.Uniform(4));
  operations = static_cast<uint32_t>(20 + random.Uniform(40));
  lives = static_cast<uint32_t>(2 + random.Uniform(3));
  keys = AnyOf(&random, {3, 10, 40, 200});
  value_bytes_max = AnyOf(&random, {20, 200, 1000, 4000});
  power_percent = static_cast<uint32_t>(AnyOf(&random, {5, 30, 80}));
  range_percent = static_cast<uint32_t>(AnyOf(&random, {0, 3, 15}));
  maintenance_percent = static_cast<uint32_t>(AnyOf(&random, {2, 6, 15}));
  pause_us_max = AnyOf(&random, {0, 20, 1000, 30'000});
  operation_us_max = AnyOf(&random, {0, 10, 100});
  sync_us_max = AnyOf(&random, {0, 500, 8000});
  failed_sync = static_cast<SimulatedFileSystem::FailedSync>(random.Uniform(3));
  transaction_percent = static_cast<uint32_t>(AnyOf(&random, {0, 5, 20, 50}));
  merge_percent = static_cast<uint32_t>(AnyOf(&random, {0, 20, 60}));
  expiring_percent = static_cast<uint32_t>(AnyOf(&random, {0, 0, 20, 70}));
  ttl_us_max = AnyOf(&random, {200, 20'000, 2'000'000});
  // Not the default one: a commit of the open would record it.
  for (const char* name : kNames)
    options.keyspaces[name].merge_operator = MergeOperator::Append(",");
  options.memory_budget_bytes = AnyOf(&random, {2 << 20, 4 << 20});
  options.compression = random.OneIn(2) ? Compression::kNone : Compression::kSnappy;
  options.tuning.memtable_bytes = AnyOf(&random, {4 << 10, 12 << 10, 40 << 10});
  options.tuning.table_bytes = AnyOf(&random, {1 << 10, 4 << 10, 16 << 10});
  options.tuning.block_bytes = static_cast<uint32_t>(AnyOf(&random, {256, 1024}));
  options.tuning.log_segment_bytes = AnyOf(&random, {4 << 10, 32 << 10});
  options.tuning.level0_tables = static_cast<uint32_t>(AnyOf(&random, {2, 4}));
  options.tuning.level_multiplier = 4;
  options.tuning.background_threads = static_cast<uint32_t>(AnyOf(&random, {1, 2, 3}));
  options.tuning.event_log_bytes = AnyOf(&random, {4 << 10, 1 << 20});
  if (random.OneIn(3)) options.tuning.cache_bytes = AnyOf(&random, {0, 16 << 10});
}

EngineClient::EngineClient(EngineWorld* world, uint64_t life, uint32_t number, uint64_t seed)
    : world_(world),
      db_(world->db),
      history_(world->history),
      temper_(*world->temper),
      name_(std::to_string(life) + "." + std::to_string(number)),
      number_(number),
      random_(seed) {}

void EngineClient::Run() {
  for (uint32_t i = 0; i < temper_.operations && !stopped_; ++i) {
    Step();
    if (temper_.pause_us_max != 0 && random_.OneIn(3)) {
      std::this_thread::sleep_for(std::chrono::microseconds(random_.Uniform(temper_.pause_us_max)));
    }
  }
  snapshots_.clear();
}

void EngineClient::Step() {
  if (random_.Uniform(100) < temper_.maintenance_percent) return Maintain();
  if (temper_.expiring_percent != 0 && random_.OneIn(12)) return SetTheClock();
  if (random_.Uniform(100) < temper_.transaction_percent) return Transact();
  const uint64_t what = random_.Uniform(100);
  if (what < 30) return WriteBatches();
  if (what < 55) return WriteOne();
  if (what < 75) return ReadOne();
  if (what < 80) return ReadMany();
  if (what < 85) return ReadAll();
  if (what < 93) return ReadSnapshot();
  if (what < 97 || number_ != 0) return WaitDurable();
  ChangeKeyspaces();
}

// ---- What all have in common

bool EngineClient::Check(const Status& status, const char* what) {
  Digest(static_cast<uint64_t>(status.code()));
  if (status.ok() || status.Is(StatusCode::kNotFound)) return true;
  if (status.Is(StatusCode::kClosed) && world_->closing) {
    stopped_ = true;
    return false;
  }
  if (!world_->trouble || !IsTrouble(status)) {
    Scheduler::Mine()->Fail("client " + name_ + ": " + what + ": " + status.ToString());
  }
  return false;
}

LogPos EngineClient::Visible() {
  looked_ = history_->clock()->Now();
  const LogPos visible = db_->LastPosition();
  if (visible < seen_) {
    Scheduler::Mine()->Fail("client " + name_ + ": position " + std::to_string(seen_) +
                            " was visible, and now " + std::to_string(visible) + " is the last");
  }
  seen_ = visible;
  return visible;
}

Keyspace EngineClient::AnyKeyspace() {
  MutexLock lock(world_->mutex);
  if (world_->keyspaces.empty() || random_.OneIn(3)) return Keyspace();
  auto it = world_->keyspaces.begin();
  std::advance(it, random_.Uniform(world_->keyspaces.size()));
  return it->second;
}

// Some keys, or all: but for the marks of batches, which begin with 'm'.
History::Change EngineClient::AnyRange(Keyspace keyspace) {
  History::Change range{keyspace.number(), AnyKey(), std::nullopt, true, AnyKey()};
  if (*range.end < range.key) std::swap(*range.end, range.key);
  if (*range.end == range.key || random_.OneIn(4)) range.end->push_back('\0');
  if (random_.OneIn(8)) range.key.clear();
  if (random_.OneIn(8)) range.end = "l";
  if (random_.OneIn(8) && keyspace.number() != Keyspace().number()) range.end.reset();
  return range;
}

std::string EngineClient::NewValue() {
  std::string value = name_ + "." + std::to_string(values_++) + ".";
  value.append(random_.Uniform(temper_.value_bytes_max), static_cast<char>('a' + values_ % 26));
  return value;
}

// While all work: on by what lasts, or back by half of it.
void EngineClient::SetTheClock() {
  const auto nanos = static_cast<int64_t>(1000 * (1 + random_.Uniform(temper_.ttl_us_max)));
  const int64_t by = random_.OneIn(3) ? -nanos / 2 : nanos;
  history_->clock()->Set([by] { Scheduler::Mine()->MoveWallClock(by); });
}

// ---- Writing

void EngineClient::Finish(size_t id, const Result<LogPos>& result, bool power, bool of_keyspaces) {
  if (result.ok()) {
    Digest(*result);
    history_->Acknowledge(id, *result);
    if (power) history_->NoteDurable(*result);
    seen_ = std::max(seen_, *result);
    return;
  }
  const Status& status = result.status();
  // Its keyspace was dropped meanwhile.
  if (status.Is(StatusCode::kInvalidArgument) && of_keyspaces) return history_->Refuse(id);
  if (status.Is(StatusCode::kClosed) || status.Is(StatusCode::kReadOnly)) history_->Refuse(id);
  Check(status, "write");
  if (status.Is(StatusCode::kNoSpace)) {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  } else {
    stopped_ = true;
  }
}

void EngineClient::WriteBatches() {
  WriteBatch batch;
  History::Commit commit;
  // Tells whether this batch is there, whatever comes later.
  const std::string mark = "m" + name_ + "." + std::to_string(values_);
  batch.Put(mark, name_);
  commit.changes.push_back({Keyspace().number(), mark, name_});
  bool of_keyspaces = false;
  for (uint64_t left = 1 + random_.Uniform(6); left > 0; --left) {
    const Keyspace keyspace = AnyKeyspace();
    of_keyspaces |= keyspace.number() != Keyspace().number();
    const std::string key = AnyKey();
    if (random_.Uniform(100) < temper_.range_percent) {
      commit.changes.push_back(AnyRange(keyspace));
      batch.DeleteRange(keyspace, commit.changes.back().key, commit.changes.back().end);
    } else if (Merges(keyspace)) {
      const std::string operand = NewValue();
      batch.Merge(keyspace, key, operand);
      commit.changes.push_back({keyspace.number(), key, operand, false, {}, true});
    } else if (random_.OneIn(3)) {
      batch.Delete(keyspace, key);
      commit.changes.push_back({keyspace.number(), key, {}});
    } else {
      const std::string value = NewValue();
      const uint64_t ttl_us = AnyTtl();
      if (ttl_us == 0) {
        batch.Put(keyspace, key, value);
      } else {
        batch.PutExpiring(keyspace, key, value, std::chrono::microseconds(ttl_us));
      }
      commit.changes.push_back({keyspace.number(), key, value, false, {}, false, ttl_us});
    }
  }
  const bool power = random_.Uniform(100) < temper_.power_percent;
  const size_t id = history_->Issue(std::move(commit), Visible());
  Finish(id, db_->Write({.durability = power ? Durability::kPower : Durability::kProcess}, batch),
         power, of_keyspaces);
}

void EngineClient::WriteOne() {
  const Keyspace keyspace = AnyKeyspace();
  const std::string key = AnyKey();
  const bool power = random_.Uniform(100) < temper_.power_percent;
  const WriteOptions options{.durability = power ? Durability::kPower : Durability::kProcess};
  const bool of_keyspaces = keyspace.number() != Keyspace().number();
  if (random_.Uniform(100) < temper_.range_percent) {
    const History::Change range = AnyRange(keyspace);
    const size_t id = history_->Issue({.changes = {range}}, Visible());
    return Finish(id, db_->DeleteRange(options, keyspace, range.key, range.end), power,
                  of_keyspaces);
  }
  if (Merges(keyspace)) {
    const History::Change merge{keyspace.number(), key, NewValue(), false, {}, true};
    const size_t id = history_->Issue({.changes = {merge}}, Visible());
    return Finish(id, db_->Merge(options, keyspace, key, *merge.value), power, of_keyspaces);
  }
  if (random_.OneIn(4)) {
    const size_t id = history_->Issue({.changes = {{keyspace.number(), key, {}}}}, Visible());
    return Finish(id, db_->Delete(options, keyspace, key), power, of_keyspaces);
  }
  const std::string value = NewValue();
  const uint64_t ttl_us = AnyTtl();
  WriteOptions lasting = options;
  lasting.ttl = std::chrono::microseconds(ttl_us);
  const size_t id = history_->Issue(
      {.changes = {{keyspace.number(), key, value, false, {}, false, ttl_us}}}, Visible());
  Finish(id, db_->Put(lasting, keyspace, key, value), power, of_keyspaces);
}

void EngineClient::WaitDurable() {
  const LogPos position = random_.OneIn(2) ? Visible() : history_->promises().acknowledged;
  const bool patient = random_.OneIn(2);
  const Deadline deadline =
      patient ? kNoDeadline : DeadlineAfter(std::chrono::microseconds(random_.Uniform(3000)));
  const Status status = db_->WaitDurable(position, deadline);
  if (status.ok()) history_->NoteDurable(position);
  if (!patient && status.Is(StatusCode::kTimeout)) return;
  Check(status, "WaitDurable");
  const LogPos durable = db_->DurablePosition();
  if (durable > Visible() || (status.ok() && durable < position)) {
    Scheduler::Mine()->Fail("client " + name_ + ": durable is " + std::to_string(durable));
  }
  history_->NoteDurable(durable);
}

void EngineClient::ChangeKeyspaces() {
  const std::string name = kNames[random_.Uniform(kNames.size())];
  std::optional<Keyspace> there;
  {
    MutexLock lock(world_->mutex);
    const auto found = world_->keyspaces.find(name);
    if (found != world_->keyspaces.end()) there = found->second;
  }
  const size_t id = history_->Issue(
      there ? History::Commit{.drops = name} : History::Commit{.creates = name}, Visible());
  Status status;
  Keyspace keyspace;
  if (there) {
    status = db_->DropKeyspace({}, name).status();
    keyspace = *there;
  } else {
    auto created = db_->CreateKeyspace({}, name);
    status = created.status();
    if (created.ok()) keyspace = *created;
  }
  if (!status.ok()) {
    if (status.Is(StatusCode::kClosed) || status.Is(StatusCode::kReadOnly)) history_->Refuse(id);
    Check(status, "keyspace");
    stopped_ = true;
    return;
  }
  history_->AcknowledgeKeyspace(id, keyspace.number());
  MutexLock lock(world_->mutex);
  if (there) {
    world_->keyspaces.erase(name);
  } else {
    world_->keyspaces[name] = keyspace;
  }
}

// ---- Reading

History::Observation EngineClient::Reading(LogPos before, Keyspace keyspace, const char* how) {
  History::Observation observation;
  observation.at_least = before;
  observation.time = history_->clock()->Since(looked_);
  observation.at_most = Visible();
  observation.keyspace = keyspace.number();
  observation.by = "client " + name_ + ", " + how + ",";
  return observation;
}

void EngineClient::Observe(History::Observation observation, const Status& status) {
  if (status.Is(StatusCode::kInvalidArgument) && observation.keyspace != Keyspace().number()) {
    Digest(1);
    observation.missing = true;
    observation.rows.clear();
  } else if (!Check(status, "read")) {
    return;
  }
  for (const auto& [key, value] : observation.rows) Digest(Hash64(value.value_or("")));
  history_->Observe(std::move(observation));
}

void EngineClient::ReadOne() {
  const Keyspace keyspace = AnyKeyspace();
  const std::string key = AnyKey();
  const LogPos before = Visible();
  ReadOptions options;
  if (random_.OneIn(4)) options.at_least = history_->promises().acknowledged;
  PinnedValue value;
  const Status status = db_->Get(options, keyspace, key, &value);
  auto observation = Reading(std::max(before, options.at_least), keyspace, "Get");
  observation.rows = {{key, status.ok() ? std::optional(value.ToString()) : std::nullopt}};
  Observe(std::move(observation), status);
}

void EngineClient::ReadMany() {
  const Keyspace keyspace = AnyKeyspace();
  std::vector<std::string> keys;
  for (int i = 0; i < 5; ++i) keys.push_back(AnyKey());
  const std::vector<std::string_view> views(keys.begin(), keys.end());
  std::vector<PinnedValue> values(keys.size());
  const LogPos before = Visible();
  const std::vector<Status> statuses = db_->MultiGet({}, keyspace, views, values);
  auto observation = Reading(before, keyspace, "MultiGet");
  Status first;
  for (size_t i = 0; i < keys.size(); ++i) {
    const Status& status = statuses[i];
    observation.rows.emplace_back(keys[i],
                                  status.ok() ? std::optional(values[i].ToString()) : std::nullopt);
    if (first.ok() && !status.ok() && !status.Is(StatusCode::kNotFound)) first = status;
  }
  Observe(std::move(observation), first);
}

void EngineClient::ReadAll() {
  const Keyspace keyspace = AnyKeyspace();
  const bool backwards = random_.OneIn(2), slowly = random_.OneIn(4);
  IteratorOptions options;
  HeldSnapshot held;
  if (!snapshots_.empty() && random_.OneIn(2)) {
    held = snapshots_[random_.Uniform(snapshots_.size())];
    options.snapshot = held.snapshot.get();
  }
  const LogPos before = Visible();
  auto it = db_->NewIterator(options, keyspace);
  auto observation =
      Reading(before, keyspace, held.snapshot ? "iterator of a snapshot" : "iterator");
  if (held.snapshot) {
    observation.at_least = observation.at_most = held.snapshot->position();
    observation.time = held.time;
  }
  if (it->status().ok()) {
    const LogPos at = it->position();
    if (at < observation.at_least || at > observation.at_most) {
      Scheduler::Mine()->Fail("client " + name_ + ": an iterator reads at " + std::to_string(at));
    }
    observation.at_least = observation.at_most = at;
  }
  observation.whole = true;
  backwards ? it->SeekToLast() : it->SeekToFirst();
  for (; it->Valid(); backwards ? it->Prev() : it->Next()) {
    observation.rows.emplace_back(it->key(), it->value());
    if (slowly && random_.OneIn(5)) std::this_thread::sleep_for(std::chrono::microseconds(50));
  }
  Observe(std::move(observation), it->status());
}

void EngineClient::ReadSnapshot() {
  const bool full = snapshots_.size() >= 3;
  if (full || (!snapshots_.empty() && random_.OneIn(4))) {
    snapshots_.erase(snapshots_.begin() +
                     static_cast<std::ptrdiff_t>(random_.Uniform(snapshots_.size())));
    return;
  }
  if (snapshots_.empty() || random_.OneIn(3)) {
    const LogPos before = Visible();
    auto snapshot = db_->GetSnapshot(name_);
    const TimeWindow time = history_->clock()->Since(looked_);
    if (!Check(snapshot.status(), "GetSnapshot")) return;
    const LogPos at = (*snapshot)->position();
    if (at < before || at > Visible()) {
      Scheduler::Mine()->Fail("client " + name_ + ": a snapshot is at " + std::to_string(at));
    }
    Digest(at);
    snapshots_.push_back({std::move(*snapshot), time});
    return;
  }
  const auto& [snapshot, time] = snapshots_[random_.Uniform(snapshots_.size())];
  const Keyspace keyspace = AnyKeyspace();
  const std::string key = AnyKey();
  ReadOptions options;
  options.snapshot = snapshot.get();
  PinnedValue value;
  const Status status = db_->Get(options, keyspace, key, &value);
  auto observation = Reading(0, keyspace, "Get of a snapshot");
  observation.time = time;
  observation.at_least = observation.at_most = snapshot->position();
  observation.rows = {{key, status.ok() ? std::optional(value.ToString()) : std::nullopt}};
  Observe(std::move(observation), status);
}

// ---- Maintenance

void EngineClient::Maintain() {
  switch (random_.Uniform(8)) {
    case 0:
    case 1:
    case 2:
      Check(db_->Flush(), "Flush");
      return;
    case 3:
      Check(db_->CompactAll({.force_last_level = random_.OneIn(2)}), "CompactAll");
      return;
    case 4: {
      const Keyspace keyspace = AnyKeyspace();
      const Status status = db_->CompactRange({}, keyspace, {AnyKey(), std::nullopt});
      // Dropped meanwhile.
      if (!status.Is(StatusCode::kInvalidArgument)) Check(status, "CompactRange");
      return;
    }
    case 5: {
      const Status status =
          db_->WaitForCompaction(DeadlineAfter(std::chrono::microseconds(random_.Uniform(20'000))));
      if (!status.Is(StatusCode::kTimeout)) Check(status, "WaitForCompaction");
      return;
    }
    case 6: {
      std::string damage;
      const Status status = db_->Verify(
          [&](const Damage& d) { damage += " " + d.file + ":" + std::to_string(d.offset); },
          [](uint64_t, uint64_t) {});
      // What the disk does not give is reported, too; the answer then is that of the disk.
      const bool whole = damage.empty() || status.Is(StatusCode::kIoError);
      Check(whole ? status : Status::Corruption(status.ToString() + damage), "Verify");
      return;
    }
    default:
      Digest(db_->GetStats().durable_position);
      Digest(db_->Estimate(AnyKeyspace(), {}).entries);
  }
}

}  // namespace logwood::test
