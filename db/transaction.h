// TransactionImpl: an optimistic transaction over an engine. Own writes lie, one after the other,
// in a memtable of its own, at positions that no commit has, which its reads see on top of a
// snapshot (View::own_position). What it relies on is a ReadSet, which the leader of the write
// queue holds against what was committed since.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "db/engine.h"
#include "db/read_set.h"
#include "logwood/transaction.h"

namespace logwood {

class TransactionImpl final : public Transaction {
 public:
  // `engine` is used by Commit alone.
  TransactionImpl(Engine* engine, std::shared_ptr<Core> core,
                  std::shared_ptr<const Snapshot> snapshot, const TransactionOptions& options);

  LogPos position() const override { return snapshot_->position(); }
  Status Get(Keyspace keyspace, std::string_view key, PinnedValue* value) override;
  std::unique_ptr<Iterator> NewIterator(const IteratorOptions& options, Keyspace keyspace) override;
  Status Expect(Keyspace keyspace, std::string_view key) override;
  Status Put(Keyspace keyspace, std::string_view key, std::string_view value) override;
  Status PutExpiring(Keyspace keyspace, std::string_view key, std::string_view value,
                     std::chrono::microseconds ttl) override;
  Status Delete(Keyspace keyspace, std::string_view key) override;
  Status DeleteRange(Keyspace keyspace, std::string_view begin,
                     std::optional<std::string_view> end) override;
  Status Merge(Keyspace keyspace, std::string_view key, std::string_view operand) override;
  Status Note(std::string_view note) override;
  Savepoint SetSavepoint() override;
  Status RollbackTo(Savepoint savepoint) override;
  Result<LogPos> Commit(const WriteOptions& options) override;
  void Rollback() override;

 private:
  // What was written, and how much.
  struct Size {
    size_t operations_bytes = 0, data_bytes = 0;
    uint32_t count = 0, range_count = 0;
  };
  bool tracks_reads() const { return isolation_ == Isolation::kSerializable; }
  Status CheckLive() const;
  Status CheckReadsFit() const;
  ReadOptions reading() const { return {.snapshot = snapshot_.get()}; }
  // What the transaction sees is of it.
  uint64_t Time() const;
  // Of one operation. What refuses it Commit answers, too.
  Status Add(const WriteBatch& one);
  Status TryAdd(const WriteBatch& one);
  Status Refuse(Status why);
  // Into the memtable of its own.
  void Show(std::string_view operations);
  Status Conflicts();
  void RelyOnWrites();
  Result<LogPos> CommitWrites(const WriteOptions& options);

  Engine* const engine_;
  const std::shared_ptr<Core> core_;
  const std::shared_ptr<const Snapshot> snapshot_;
  const Isolation isolation_;
  bool ended_ = false;
  std::string operations_;
  Size size_;
  bool names_keyspaces_ = false;  // beyond "default"
  std::string note_;
  OwnWrites own_;
  struct Point {
    Size size;
    Status refused;
  };
  std::vector<Point> savepoints_;
  Status refused_;  // the first write that was not taken
  ReadSet reads_;
};

}  // namespace logwood
