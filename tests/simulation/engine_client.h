// EngineClient: one of several threads that use a database at the same time, as its seed says, and
// tell the History what they asked for and what was answered.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "logwood/db.h"
#include "logwood/simulated_file_system.h"
#include "logwood/transaction.h"
#include "tests/simulation/history.h"
#include "util/random.h"
#include "util/sync.h"

namespace logwood::test {

// What a run's seed decides, for all its lives.
struct EngineTemper {
  explicit EngineTemper(uint64_t seed);

  uint32_t clients = 0;
  uint32_t operations = 0;  // of a client in a life
  uint32_t lives = 0;
  uint64_t keys = 0;
  uint64_t value_bytes_max = 0;
  uint32_t power_percent = 0;  // of the writes
  uint32_t range_percent = 0;  // of the writes delete a range
  uint32_t transaction_percent = 0;
  uint32_t merge_percent = 0;        // of the writes, where there is an operator
  uint32_t maintenance_percent = 0;  // flushes, compactions, verification
  uint32_t expiring_percent = 0;     // of the puts; where there are any, the clock is set besides
  uint64_t ttl_us_max = 0;
  uint64_t pause_us_max = 0;  // of a client between operations
  // What the disk takes.
  uint64_t operation_us_max = 0, sync_us_max = 0;
  SimulatedFileSystem::FailedSync failed_sync = SimulatedFileSystem::FailedSync::kForgets;
  Options options;
};

// What the clients of one life share.
struct EngineWorld {
  DB* db = nullptr;
  History* history = nullptr;
  const EngineTemper* temper = nullptr;
  std::atomic<bool> trouble{false};  // errors are to be expected
  std::atomic<bool> closing{false};  // kClosed, too

  Mutex mutex;
  std::map<std::string, Keyspace> keyspaces GUARDED_BY(mutex);
};

// Whether an operation may answer so while the disk fails, is full or gone: it says that, or that
// it is closed or stopped because of it. That bytes could not be read or written is no damage, and
// makes no call a wrong one.
bool IsTrouble(const Status& status);

class EngineClient {
 public:
  // Number 0 makes and drops keyspaces, besides.
  EngineClient(EngineWorld* world, uint64_t life, uint32_t number, uint64_t seed);
  // All of its operations, or as many as there are before the end of the life.
  void Run();
  // Of all answers.
  uint64_t digest() const { return digest_; }

 private:
  void Step();
  void WriteBatches();
  void WriteOne();
  // Until it commits, or was refused a few times.
  void Transact();
  bool TransactOnce();
  bool ReadInTransaction(Transaction* transaction, const TimeWindow& time, History::Commit* commit);
  Status WriteInTransaction(Transaction* transaction, History::Commit* commit, bool* of_keyspaces);
  void ReadOne();
  void ReadMany();
  void ReadAll();
  void ReadSnapshot();
  void WaitDurable();
  void ChangeKeyspaces();
  void SetTheClock();
  void Maintain();

  // Whether all is well. Fails the run for an error that is not to be expected.
  bool Check(const Status& status, const char* what);
  void Finish(size_t id, const Result<LogPos>& result, bool power, bool of_keyspaces);
  void Observe(History::Observation observation, const Status& status);
  // `before` was the last position when the read began: what Visible() then said.
  History::Observation Reading(LogPos before, Keyspace keyspace, const char* how);
  LogPos Visible();
  Keyspace AnyKeyspace();
  std::string AnyKey() { return "k" + std::to_string(random_.Uniform(temper_.keys)); }
  History::Change AnyRange(Keyspace keyspace);
  bool Merges(Keyspace keyspace) {
    return keyspace.number() != Keyspace().number() && random_.Uniform(100) < temper_.merge_percent;
  }
  std::string NewValue();
  // Of a put; 0: it does not expire.
  uint64_t AnyTtl() {
    const bool expires = random_.Uniform(100) < temper_.expiring_percent;
    return expires ? 1 + random_.Uniform(temper_.ttl_us_max) : 0;
  }
  void Digest(uint64_t value) { digest_ = (digest_ ^ value) * 0x9E3779B97F4A7C15ULL; }

  EngineWorld* const world_;
  DB* const db_;
  History* const history_;
  const EngineTemper& temper_;
  const std::string name_;
  const uint32_t number_;
  Random random_;
  bool stopped_ = false;
  uint64_t values_ = 0;
  LogPos seen_ = 0;            // the newest position it knows of
  HistoryClock::Mark looked_;  // when it asked for the last position
  struct HeldSnapshot {
    std::shared_ptr<const Snapshot> snapshot;
    TimeWindow time;
  };
  std::vector<HeldSnapshot> snapshots_;
  uint64_t digest_ = 0;
};

}  // namespace logwood::test
