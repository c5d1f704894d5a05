// Histories of transactions, recorded by many threads, and whether they are what an isolation level
// promises. After Adya ("Weak Consistency: A Generalized Theory and Optimistic Implementations for
// Distributed Transactions", MIT 1999: the levels and the names of the anomalies), Kingsbury and
// Alvaro ("Elle: Inferring Isolation Anomalies from Experimental Observations", PVLDB 14(3), 2020:
// values written once, and lists that show their own past, make the order of versions known), and
// Cerone and Gotsman ("Analysing Snapshot Isolation", PODC 2016: snapshot isolation has no cycle
// without two anti-dependencies in a row).
//
//   HistoryRecorder recorder(threads);
//   ... in each thread:
//   HistoryRecorder::Session& session = recorder.session(thread);
//   session.Begin(HistoryLevel::kSerializable);      // before the database is asked to
//   session.SetSnapshot(transaction->position());    // if it says so
//   session.Read(7, elements);                       // what Get(7) gave
//   const uint64_t value = session.NextValue();      // written nowhere else
//   session.Append(7, value);
//   session.Commit(position);                        // after the database answered; or Abort(),
//   ...
//   ... when all have ended:
//   const HistoryReport report = CheckHistory(recorder.Take());
//   EXPECT_TRUE(report.ok()) << report.Text();
//
// A key holds a list of values: Append adds one, Write makes it a list of one, so a register is a
// key that is only written. Keys are numbers in the order of the database's keys. The position of a
// commit is taken for the claimed order of the versions of each key, and held against what was
// read.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "logwood/types.h"

namespace logwood::test {

enum class HistoryLevel : uint8_t {
  kSnapshot,      // one position explains all reads; of two writers of a key at once one is refused
  kSerializable,  // and at its own position a transaction would have read the same
};

// kUnknown: it was under way when the process died, or its answer says nothing: may be there. If it
// is found out (the log is there to read), set it in the TransactionHistory.
enum class HistoryOutcome : uint8_t { kCommitted, kAborted, kUnknown };

inline constexpr uint64_t kHistoryNever = ~uint64_t{0};

struct TransactionHistory {
  enum class Kind : uint8_t { kRead, kScan, kWrite, kAppend, kDelete, kDeleteRange };
  struct Operation {
    Kind kind = Kind::kRead;
    uint64_t key = 0;    // of a range: its first
    uint64_t end = 0;    // of a range: beyond its last
    uint64_t value = 0;  // written
    // What was read, in `data`: the list; of a scan key and last element by turns.
    size_t data_begin = 0, data_size = 0;
  };
  struct Transaction {
    uint32_t session = 0;
    HistoryLevel level = HistoryLevel::kSerializable;
    HistoryOutcome outcome = HistoryOutcome::kUnknown;
    uint64_t begun = 0, ended = kHistoryNever;  // of one clock
    LogPos position = 0;                        // of its commit; 0: none or not known
    LogPos snapshot = kHistoryNever;  // it says it read there; kHistoryNever: says nothing
    size_t operations_begin = 0, operations_size = 0;
  };
  std::vector<Transaction> transactions;
  std::vector<Operation> operations;
  std::vector<uint64_t> data;

  std::span<const Operation> OperationsOf(const Transaction& transaction) const {
    return std::span(operations).subspan(transaction.operations_begin, transaction.operations_size);
  }
  std::span<const uint64_t> DataOf(const Operation& operation) const {
    return std::span(data).subspan(operation.data_begin, operation.data_size);
  }
};

// Cheap: a session is a buffer of its own, and shares only the clock, once at begin and end.
class HistoryRecorder {
 public:
  // One thread at a time; one transaction at a time.
  class Session {
   public:
    Session(std::atomic<uint64_t>& clock, uint32_t number) : clock_(clock), number_(number) {}
    // An open transaction becomes one of unknown outcome, which a crash leaves.
    void Begin(HistoryLevel level);
    void SetSnapshot(LogPos position);
    // Empty: it is not there.
    void Read(uint64_t key, std::span<const uint64_t> elements);
    using Row = std::pair<uint64_t, uint64_t>;  // key, last element
    void Scan(uint64_t begin, uint64_t end, std::span<const Row> rows);
    void Write(uint64_t key, uint64_t value);
    void Append(uint64_t key, uint64_t value);
    void Delete(uint64_t key);
    void DeleteRange(uint64_t begin, uint64_t end);
    void Commit(LogPos position);  // 0: it wrote nothing
    void Abort();
    void Unknown();
    // Not 0, and never the same twice in a recorder.
    uint64_t NextValue() { return ++values_ | (uint64_t{number_} + 1) << 40; }

   private:
    friend class HistoryRecorder;
    TransactionHistory::Operation& Add(TransactionHistory::Kind kind, uint64_t key, uint64_t end);
    void End(HistoryOutcome outcome, LogPos position);

    std::atomic<uint64_t>& clock_;
    const uint32_t number_;
    uint64_t values_ = 0;
    bool open_ = false;
    TransactionHistory history_;
  };

  explicit HistoryRecorder(uint32_t sessions);
  Session& session(uint32_t number) { return sessions_.at(number); }
  // Of all sessions. REQUIRES: their threads have ended or wait. The recorder is empty then, and
  // goes on with the same clock and values: append what it takes later to what it took before.
  TransactionHistory Take();

 private:
  std::atomic<uint64_t> clock_{0};
  std::deque<Session> sessions_;
};

enum class HistoryAnomaly : uint8_t {
  // A history that cannot be judged.
  kUnusable,  // a value written twice, a position given twice, or none for a commit that wrote
  // Of one read.
  kUnwritten,           // of what nobody wrote
  kAbortedRead,         // G1a
  kIntermediateRead,    // G1b
  kInternal,            // not what the transaction itself wrote or read before
  kIncompatibleOrders,  // two reads of a list, neither the beginning of the other
  kOrderOfPositions,    // a list is not what the commits up to a position make
  kStaleRead,           // of what was overwritten by a commit acknowledged before it began
  kLostCommit,          // the same or such a list, and nobody ever saw that commit
  // Of one transaction.
  kLostUpdate,     // it overwrote, by what it read before it, what another had committed
  kWrongSnapshot,  // at the snapshot's position is something else than it read
  kNoSnapshot,     // at no position is all it read
  kWriteConflict,  // a key it wrote was committed by another after its snapshot
  kCommitOrder,    // serializable, and what it read was overwritten before its own position
  // Cycles.
  kG0,            // of writes
  kG1c,           // of writes and reads of what was written
  kGSingle,       // with one anti-dependency: read skew
  kGNonadjacent,  // with several, no two in a row: not snapshot isolation either
  kG2Item,        // with two in a row: write skew
  kG2,            // the same, with keys that a scan did not find: phantoms
  kStrict,        // only together with the order of sessions or of real time
};
inline constexpr size_t kHistoryAnomalies = static_cast<size_t>(HistoryAnomaly::kStrict) + 1;
const char* NameOf(HistoryAnomaly anomaly);

struct HistoryPromise {
  enum class Level : uint8_t { kAsAsked, kSnapshot, kSerializable };
  Level level = Level::kAsAsked;  // by which all are judged
  // What ended before another began comes before it, in all sessions or in the same one.
  bool real_time = true;
  bool sessions = true;
};

struct HistoryReport {
  struct Violation {
    HistoryAnomaly anomaly;
    std::string text;  // of several lines, for people
  };
  std::vector<Violation> violations;  // some of each kind
  std::array<uint64_t, kHistoryAnomalies> counts{};
  uint64_t transactions = 0;  // that may be there
  uint64_t reads = 0;         // of one key, those of scans and of what is absent included
  uint64_t unresolved = 0;    // of these: absent, and it cannot be told by whose deletion
  uint64_t edges = 0;

  bool ok() const { return violations.empty(); }
  bool Has(HistoryAnomaly anomaly) const { return counts[static_cast<size_t>(anomaly)] > 0; }
  std::string Text() const;
};

// In about linear time: a million operations in a few seconds.
HistoryReport CheckHistory(const TransactionHistory& history, const HistoryPromise& promise = {});

}  // namespace logwood::test
