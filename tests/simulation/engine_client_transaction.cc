// EngineClient: transactions, of both levels, that are refused and begin again.
#include <charconv>
#include <chrono>
#include <thread>
#include <utility>

#include "tests/simulation/engine_client.h"
#include "tests/simulation/scheduler.h"
#include "util/hash.h"
#include "util/status_macros.h"

namespace logwood::test {

namespace {

constexpr int kAttemptsMax = 4;

// Of the write that is in the way.
LogPos PositionIn(std::string_view message) {
  constexpr std::string_view kBefore = " at position ";
  const size_t at = message.find(kBefore);
  LogPos position = 0;
  if (at == std::string_view::npos) return 0;
  message.remove_prefix(at + kBefore.size());
  std::from_chars(message.data(), message.data() + message.size(), position);
  return position;
}

}  // namespace

void EngineClient::Transact() {
  for (int i = 0; i < kAttemptsMax && !stopped_ && !TransactOnce(); ++i) {
  }
}

bool EngineClient::TransactOnce() {
  const bool serializable = !random_.OneIn(3);
  const LogPos before = Visible();
  auto begun = db_->BeginTransaction(
      {.isolation = serializable ? Isolation::kSerializable : Isolation::kSnapshot});
  const TimeWindow time = history_->clock()->Since(looked_);
  if (!Check(begun.status(), "BeginTransaction")) return true;
  Transaction& transaction = **begun;
  History::Commit commit;
  commit.read_at = transaction.position();
  if (commit.read_at < before || commit.read_at > Visible()) {
    Scheduler::Mine()->Fail("client " + name_ + ": a transaction reads at " +
                            std::to_string(commit.read_at));
  }
  if (!ReadInTransaction(&transaction, time, &commit)) return true;
  // Of the other level it is what is written that counts.
  if (!serializable) commit.relies.clear();
  if (temper_.pause_us_max != 0 && random_.OneIn(2))
    std::this_thread::sleep_for(std::chrono::microseconds(random_.Uniform(temper_.pause_us_max)));
  bool of_keyspaces = false;
  const Status written = WriteInTransaction(&transaction, &commit, &of_keyspaces);
  if (!Check(written, "write in a transaction")) return true;
  if (!serializable) {
    for (const History::Change& change : commit.changes)
      if (!change.is_merge) commit.relies.push_back(change);
  }
  const bool power = random_.Uniform(100) < temper_.power_percent;
  const size_t id = history_->Issue(std::move(commit), Visible());
  const auto result =
      transaction.Commit({.durability = power ? Durability::kPower : Durability::kProcess});
  if (result.status().Is(StatusCode::kConflict)) {
    const LogPos position = PositionIn(result.status().message());
    Digest(position);
    history_->RefuseFor(id, position);
    if (position == 0) Scheduler::Mine()->Fail("no position: " + result.status().ToString());
    return false;
  }
  Finish(id, result, power, of_keyspaces);
  return true;
}

// Keys, and all of a range in either direction. False: the transaction is of no use.
bool EngineClient::ReadInTransaction(Transaction* transaction, const TimeWindow& time,
                                     History::Commit* commit) {
  const LogPos at = commit->read_at;
  for (uint64_t left = random_.Uniform(4); left > 0; --left) {
    const Keyspace keyspace = AnyKeyspace();
    auto observation = Reading(at, keyspace, "a transaction");
    observation.at_most = at;
    observation.time = time;
    Status status;
    if (random_.OneIn(4)) {
      const History::Change range = AnyRange(keyspace);
      IteratorOptions options;
      options.lower = range.key;
      options.upper = range.end;
      const bool backwards = random_.OneIn(2);
      const auto it = transaction->NewIterator(options, keyspace);
      backwards ? it->SeekToLast() : it->SeekToFirst();
      for (; it->Valid(); backwards ? it->Prev() : it->Next())
        observation.rows.emplace_back(it->key(), it->value());
      status = it->status();
      commit->relies.push_back(range);
    } else {
      const std::string key = AnyKey();
      PinnedValue value;
      status = transaction->Get(keyspace, key, &value);
      observation.rows = {{key, status.ok() ? std::optional(value.ToString()) : std::nullopt}};
      commit->relies.push_back({keyspace.number(), key, {}});
    }
    const bool usable = status.ok() || status.Is(StatusCode::kNotFound);
    Observe(std::move(observation), status);
    if (!usable) return false;
  }
  return true;
}

Status EngineClient::WriteInTransaction(Transaction* transaction, History::Commit* commit,
                                        bool* of_keyspaces) {
  for (uint64_t left = 1 + random_.Uniform(3); left > 0; --left) {
    const Keyspace keyspace = AnyKeyspace();
    *of_keyspaces |= keyspace.number() != Keyspace().number();
    History::Change change{keyspace.number(), AnyKey(), {}};
    if (random_.Uniform(100) < temper_.range_percent) {
      change = AnyRange(keyspace);
      RETURN_IF_ERROR(transaction->DeleteRange(keyspace, change.key, change.end));
    } else if (Merges(keyspace)) {
      change.value = NewValue();
      change.is_merge = true;
      RETURN_IF_ERROR(transaction->Merge(keyspace, change.key, *change.value));
    } else if (random_.OneIn(4)) {
      RETURN_IF_ERROR(transaction->Delete(keyspace, change.key));
    } else {
      change.value = NewValue();
      change.ttl_us = AnyTtl();
      RETURN_IF_ERROR(change.ttl_us == 0
                          ? transaction->Put(keyspace, change.key, *change.value)
                          : transaction->PutExpiring(keyspace, change.key, *change.value,
                                                     std::chrono::microseconds(change.ttl_us)));
    }
    commit->changes.push_back(std::move(change));
  }
  if (random_.OneIn(3)) {
    const auto savepoint = transaction->SetSavepoint();
    RETURN_IF_ERROR(transaction->Put("never", "written"));
    RETURN_IF_ERROR(transaction->RollbackTo(savepoint));
  }
  if (random_.OneIn(2)) return Status::Ok();
  // A counter: what is read counts at either level, since it is written, too.
  const std::string key = History::kCounter + std::to_string(random_.Uniform(2));
  std::string value = "0";
  const Status found = transaction->Get(key, &value);
  if (!found.ok() && !found.Is(StatusCode::kNotFound)) return found;
  commit->relies.push_back({Keyspace().number(), key, {}});
  value = std::to_string(std::stoull(value) + 1);
  commit->changes.push_back({Keyspace().number(), key, value});
  return transaction->Put(key, value);
}

}  // namespace logwood::test
