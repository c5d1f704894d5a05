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

// Memory of a transaction, which the block cache gives room for. One thread.
class HeldBytes {
 public:
  explicit HeldBytes(std::shared_ptr<Core> core) : core_(std::move(core)) {}
  ~HeldBytes() { Tell(0); }
  HeldBytes(const HeldBytes&) = delete;
  HeldBytes& operator=(const HeldBytes&) = delete;

  // In steps, so that the counters all threads share are rarely written.
  void Set(uint64_t bytes) {
    if (bytes > told_bytes_ || told_bytes_ - bytes > 2 * kStepBytes) [[unlikely]]
      Tell((bytes + kStepBytes - 1) / kStepBytes * kStepBytes);
  }
  uint64_t told_bytes() const { return told_bytes_; }

 private:
  static constexpr uint64_t kStepBytes = 4096;
  void Tell(uint64_t bytes) {
    core_->cache.AdjustHeld(static_cast<int64_t>(bytes) - static_cast<int64_t>(told_bytes_));
    told_bytes_ = bytes;
  }

  const std::shared_ptr<Core> core_;
  uint64_t told_bytes_ = 0;
};

// Counted for as long as somebody reads it, be the transaction gone.
class OwnMemtable final : public Memtable {
 public:
  explicit OwnMemtable(std::shared_ptr<Core> core) : held_(std::move(core)) {}
  void Recount() { held_.Set(bytes_used()); }
  uint64_t held_bytes() const { return held_.told_bytes(); }

 private:
  HeldBytes held_;
};

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

  // Of stored keys that an iterator went over.
  Status AddRead(std::string_view begin, std::string_view end);

 private:
  // What was written, and how much.
  struct Size {
    size_t operations_bytes = 0, data_bytes = 0;
    uint32_t count = 0, range_count = 0;
  };
  // A state of the writes to go back to.
  struct Saved {
    Savepoint number;
    Size size;
    std::string note;
    Status refused;
  };
  bool tracks_reads() const { return isolation_ == Isolation::kSerializable; }
  Status CheckLive() const;
  Status CheckReadsFit() const;
  // kBusy: readers and other transactions hold what the budget has for them.
  Status CheckRoom() const;
  void Recount();
  ReadOptions reading() const { return {.snapshot = snapshot_.get()}; }
  // What that takes, with the savepoints there are.
  uint64_t MemoryOf(const Size& size, size_t note_bytes) const;
  Status CheckWritesFit(uint64_t memory_bytes) const;
  // Of one operation. What refuses it Commit answers, too.
  Status Add(const WriteBatch& one);
  Status TryAdd(const WriteBatch& one);
  Status Refuse(Status why);
  // Into the memtable of its own.
  void Show(std::string_view operations);
  // The operations there are, into a fresh one.
  void ShowAgain();
  void RelyOnWrites();
  Result<LogPos> CommitWrites(const WriteOptions& options);
  Result<LogPos> CommitWatched(const WriteOptions& options, PendingWrite* write);
  Result<LogPos> CommitPending(const WriteOptions& options, PendingWrite* write);

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
  Status refused_;                             // the first write that was not taken
  std::shared_ptr<OwnMemtable> own_memtable_;  // that of own_
  std::vector<Saved> savepoints_;
  uint64_t savepoint_bytes_ = 0;
  Savepoint last_savepoint_ = 0;
  ReadSet reads_;
  HeldBytes held_;  // of all that but the memtable
};

}  // namespace logwood
