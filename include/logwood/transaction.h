// Transaction: reads at one position and writes that become one commit, if nothing that it relies
// on has changed meanwhile. Optimistic: it locks nothing, and is refused at its end instead.
//
//   logwood::Result<logwood::LogPos> Transfer(logwood::DB& db) {
//     for (;;) {
//       auto begun = db.BeginTransaction({});
//       if (!begun.ok()) return begun.status();
//       logwood::Transaction& transaction = **begun;
//       std::string from, to;
//       logwood::Status status = transaction.Get("balance/anna", &from);
//       if (status.ok()) status = transaction.Get("balance/ben", &to);
//       if (status.ok()) status = transaction.Put("balance/anna", Less(from, 30));
//       if (status.ok()) status = transaction.Put("balance/ben", More(to, 30));
//       if (!status.ok()) return status;
//       auto position = transaction.Commit({});
//       if (!position.status().Is(logwood::StatusCode::kConflict)) return position;
//     }  // somebody was quicker: read again
//   }
//
// A write that was refused refuses the commit, too: half of what was meant is never committed.
//
// A refused transaction has no position: history has no holes. A transaction holds a snapshot for
// as long as it lives: keep it short. It may outlive DB::Close; its calls then answer kClosed. One
// thread at a time.
//
// Levels as in Berenson et al., A Critique of ANSI SQL Isolation Levels, 1995; how reads are held
// against later writes as in Kung and Robinson, On Optimistic Methods for Concurrency Control,
// 1981.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "logwood/export.h"
#include "logwood/iterator.h"
#include "logwood/options.h"
#include "logwood/pinned_value.h"
#include "logwood/status.h"
#include "logwood/types.h"

namespace logwood {

enum class Isolation : uint8_t {
  // As if transactions ran one after the other, in the order of their positions: a commit is
  // refused if a key that was read, or a range that an iterator went over, was written since the
  // snapshot, or its keyspace dropped. What was written without reading it is no conflict.
  kSerializable,
  // Reads are not held against later writes; a commit is refused if a key that it puts or deletes,
  // or a range that it deletes, was written since the snapshot, or its keyspace dropped. Two
  // transactions that read what the
  // other one writes may both commit (write skew). Merges do not conflict.
  kSnapshot,
};

struct TransactionOptions {
  Isolation isolation = Isolation::kSerializable;
};

class LOGWOOD_EXPORT Transaction {
 public:
  virtual ~Transaction() = default;  // without Commit: as Rollback

  // What all reads see, but for the transaction's own writes.
  virtual LogPos position() const = 0;

  // As those of DB. Own writes are seen.
  virtual Status Get(Keyspace keyspace, std::string_view key, PinnedValue* value) = 0;
  Status Get(std::string_view key, PinnedValue* value) { return Get(Keyspace(), key, value); }
  Status Get(Keyspace keyspace, std::string_view key, std::string* value);
  Status Get(std::string_view key, std::string* value) { return Get(Keyspace(), key, value); }
  // Shows the own writes there were when it was made. Of the options `snapshot` and `at_least` have
  // no meaning here. Once the transaction has ended it goes on showing the same, and nothing is
  // held against it. It must not outlive the transaction object.
  virtual std::unique_ptr<Iterator> NewIterator(const IteratorOptions& options,
                                                Keyspace keyspace = Keyspace()) = 0;
  // Relies on the key although it is not read: for kSnapshot, where two transactions must not both
  // commit.
  virtual Status Expect(Keyspace keyspace, std::string_view key) = 0;

  // As those of WriteBatch; what that remembers is told at once here. kInvalidArgument, too, where
  // the transaction gets too large: its writes and savepoints are limited as a batch is, and what
  // it must remember of its reads to as much; an iterator becomes invalid then. kBusy: it is of
  // more than 16 KiB, and what readers and other transactions hold leaves no room in the memory
  // budget. The first that is not Ok is remembered: Commit answers it and writes nothing, unless
  // RollbackTo goes back before it. Note, too.
  virtual Status Put(Keyspace keyspace, std::string_view key, std::string_view value) = 0;
  virtual Status PutExpiring(Keyspace keyspace, std::string_view key, std::string_view value,
                             std::chrono::microseconds ttl) = 0;
  virtual Status Delete(Keyspace keyspace, std::string_view key) = 0;
  virtual Status DeleteRange(Keyspace keyspace, std::string_view begin,
                             std::optional<std::string_view> end) = 0;
  virtual Status Merge(Keyspace keyspace, std::string_view key, std::string_view operand) = 0;
  Status Put(std::string_view key, std::string_view value) { return Put(Keyspace(), key, value); }
  Status PutExpiring(std::string_view key, std::string_view value, std::chrono::microseconds ttl) {
    return PutExpiring(Keyspace(), key, value, ttl);
  }
  Status Delete(std::string_view key) { return Delete(Keyspace(), key); }
  Status DeleteRange(std::string_view begin, std::optional<std::string_view> end) {
    return DeleteRange(Keyspace(), begin, end);
  }
  Status Merge(std::string_view key, std::string_view operand) {
    return Merge(Keyspace(), key, operand);
  }
  // Travels with the commit; the last call wins (WriteBatch::Note).
  virtual Status Note(std::string_view note) = 0;

  // The writes and the note up to now, to go back to; one that was refused later is forgotten.
  // Reads that came later still count. No number is given twice; 0: the transaction is too large
  // for one more, or has ended.
  using Savepoint = uint64_t;
  virtual Savepoint SetSavepoint() = 0;
  // kInvalidArgument: none of this transaction, or one behind a point it went back to.
  virtual Status RollbackTo(Savepoint savepoint) = 0;

  // One commit, one record; its position. Without writes nothing is committed: the position that
  // was read at. kConflict: the message names the key, or the keyspace that was dropped, and the
  // position of the write that is in the way. Where a write was refused, its status, and nothing is
  // committed. Which other errors mean that nothing was committed, and which leave it open, as with
  // DB::Write: docs/guide/transactions.md. Ends the transaction, whatever it returns: later calls
  // are kInvalidArgument.
  virtual Result<LogPos> Commit(const WriteOptions& options) = 0;
  // Ends it without a trace.
  virtual void Rollback() = 0;
};

}  // namespace logwood
