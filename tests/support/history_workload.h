// Random transactions on a store, recorded. The store is the engine or the reference of
// tests/history; the history is for CheckHistory.
//
//   const TransactionHistory history = RunWorkload({.seed = 7}, &store);
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "tests/support/history_checker.h"

namespace logwood::test {

// Keys hold lists of values, as in history_checker.h.
class TransactionalStore {
 public:
  using Row = HistoryRecorder::Session::Row;

  class Transaction {
   public:
    virtual ~Transaction() = default;
    virtual LogPos snapshot() const = 0;  // kHistoryNever: does not say
    virtual std::vector<uint64_t> Get(uint64_t key) = 0;
    virtual std::vector<Row> Scan(uint64_t begin, uint64_t end) = 0;
    virtual void Write(uint64_t key, uint64_t value) = 0;
    virtual void Append(uint64_t key, uint64_t value) = 0;
    virtual void Delete(uint64_t key) = 0;
    virtual void DeleteRange(uint64_t begin, uint64_t end) = 0;
    virtual HistoryOutcome Commit(LogPos* position) = 0;
    virtual void Rollback() = 0;
  };

  virtual ~TransactionalStore() = default;
  virtual std::unique_ptr<Transaction> Begin(HistoryLevel level) = 0;
};

struct HistoryWorkload {
  uint64_t seed = 1;
  uint32_t sessions = 5;
  uint32_t transactions = 60;   // of each session
  uint32_t keys = 8;            // even ones are registers, odd ones lists
  uint32_t operations_max = 6;  // of a transaction
  uint32_t rollback_one_in = 20;
  std::optional<HistoryLevel> level = HistoryLevel::kSerializable;  // nullopt: some of each
  bool scans = true;
  bool deletes = true;
  // Each session a thread of its own; else one thread, and the seed says whose turn it is.
  bool threads = false;
};

TransactionHistory RunWorkload(const HistoryWorkload& workload, TransactionalStore* store);

}  // namespace logwood::test
