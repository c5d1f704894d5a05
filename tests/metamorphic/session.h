// Session: one database under test, its model, and the handles a list holds on it. Each method of a
// kind runs one operation on both and remembers the first difference.
#pragma once

#include <array>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "logwood/db.h"
#include "logwood/transaction.h"
#include "tests/metamorphic/runner.h"
#include "tests/support/model.h"
#include "tests/support/model_transaction.h"
#include "tests/support/operation.h"
#include "tests/support/option_sets.h"
#include "tests/support/wall_clock.h"

namespace logwood::test {

class Session {
 public:
  explicit Session(const OptionSet& set, WrapDb wrap = {});
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  void Run(const Operation& operation);

  // The first difference; empty: none so far.
  const std::string& difference() const { return difference_; }
  uint64_t digest() const { return digest_; }

 private:
  struct HeldSnapshot {
    std::shared_ptr<const Snapshot> snapshot;
    ModelMoment at;
  };
  struct HeldIterator {
    std::unique_ptr<Iterator> iterator;
    std::optional<ModelCursor> model;
    ModelMoment at;
    // Of which transaction, and the number of its keyspace; -1: of none.
    int transaction = -1;
    uint32_t keyspace = 0;
  };
  struct HeldTransaction {
    std::unique_ptr<Transaction> transaction;
    std::optional<ModelTransaction> model;
  };
  struct HeldValue {
    PinnedValue pinned;
    std::string expected;
  };

  // session_write.cc
  void Put(const Operation& operation);
  void Delete(const Operation& operation);
  void DeleteRange(const Operation& operation);
  void Merge(const Operation& operation);
  void Batch(const Operation& operation);
  void CreateKeyspace(int slot);
  void OpenOrCreateKeyspace(const Operation& operation);
  void CheckCreated(int slot, Keyspace created, LogPos position);
  void DropKeyspace(int slot);
  void ListKeyspaces();
  void CheckWritten(const Result<LogPos>& result, const std::vector<BatchItem>& items,
                    Durability durability);
  void CheckDurableUpTo(LogPos position, Durability durability);
  void CheckRefused(std::string_view what, const Result<LogPos>& result);
  void CheckMisused(const Result<LogPos>& result);
  void PutIfAbsent(const Operation& operation);
  void CompareAndPut(const Operation& operation);
  // Refused with kConflict, without a position.
  void CheckConflict(std::string_view what, const Status& refused);
  static WriteOptions WritingAs(const Operation& operation);
  // The items, each put with how long it lasts: as it says, as the write, as the keyspace.
  std::vector<BatchItem> Lasting(std::vector<BatchItem> items, int64_t ttl_us) const;
  // What a batch may hold now: known keyspaces and handles of dropped ones.
  std::vector<BatchItem> WritableItems(const std::vector<BatchItem>& items, bool* has_dropped);

  // session_read.cc
  void Get(const Operation& operation);
  void MultiGet(const Operation& operation);
  void Contains(const Operation& operation);
  void OpenIterator(const Operation& operation);
  void Walk(HeldIterator* held, const std::vector<Step>& steps);
  void TakeStep(HeldIterator* held, const Step& step);
  void CompareIterators(const HeldIterator& held, std::string_view after);
  void TakeSnapshot(int slot);
  void CheckAll();
  void CheckKeyspace(DB* db, int slot, const Snapshot* snapshot, const ModelMoment& at);
  void CompareScan(std::string_view what, Iterator* iterator, ModelCursor model, bool forward);
  // A new one, to be read into.
  PinnedValue* HoldValue(const std::string& expected);
  void CheckHeldValues();
  // Around both ends of a range that was deleted, now and in the snapshots.
  void CheckEnds(const BatchItem& range);
  void CheckEnd(const BatchItem& range, const std::string& end, const HeldSnapshot& at);
  // What expired last, now, in the snapshots and in iterators that are older.
  void CheckExpired(size_t most);
  void CheckExpiredKey(Keyspace handle, const ModelKeyspace& content, const std::string& key);
  // The value in the model; null: not there.
  const std::string* Expected(const Operation& operation, std::string_view key) const;
  ModelMoment ReadMoment(int snapshot_slot) const;
  ReadOptions ReadingAs(const Operation& operation) const;
  // Reads of a keyspace that was dropped: whatever a snapshot says, never a value of now.
  bool IsLive(int slot) const { return model_->current(slot) != nullptr; }

  // session_transaction.cc
  void InTransaction(const Operation& operation);
  void Begin(const Operation& operation);
  void WriteInTransaction(const Operation& operation, HeldTransaction* held);
  void GetInTransaction(const Operation& operation, HeldTransaction* held);
  void ExpectInTransaction(const Operation& operation, HeldTransaction* held);
  void OpenIteratorInTransaction(const Operation& operation, HeldTransaction* held);
  void TakeStepInTransaction(HeldIterator* held, const Step& step);
  // What the step that led from `before` to where the iterator is now went over.
  void NoteWalked(const HeldIterator& held, const Step& step, const std::string& before);
  void RollbackTo(const Operation& operation, HeldTransaction* held);
  void Commit(const Operation& operation, HeldTransaction* held);
  void CheckCommitRefused(const Status& refused,
                          const std::vector<ModelTransaction::Conflict>& conflicts, LogPos read_at);
  void CheckEnded(Transaction* transaction, StatusCode code);
  void EndTransaction(int slot);

  // session_life.cc
  void Open(bool with_stored_options);
  void OpenKeyspaces();
  void Reopen(bool with_stored_options);
  void Crash();
  void CheckReadOnlyCopy();
  void ReleaseHandles();
  void CheckClosedHandles();
  std::optional<FileContents> CopyOfDirectory();
  void MoveClock(int64_t by_us);
  void Maintain(const Operation& operation);
  void CheckEstimate(const Operation& operation);
  void CheckStats();
  void Verify();
  void CheckDurable();

  KeyRange RangeOf(const Operation& operation) const;

  // Remembers the first difference only.
  void Fail(const std::string& what);
  bool failed() const { return !difference_.empty(); }
  // Fails with `what` unless ok.
  bool Expect(bool condition, std::string_view what);
  bool ExpectOk(const Status& status, std::string_view what);
  void Observe(std::string_view bytes);
  void Observe(uint64_t number);

  WallClock clock_;  // that the database sees
  const OptionSet& set_;
  const WrapDb wrap_;
  Place place_;
  std::string path_;
  int copies_ = 0;
  std::unique_ptr<DB> db_;
  std::optional<Model> model_;
  LogPos durable_seen_ = 0;
  bool has_default_ttls_ = false;                                // this open was told of them
  std::array<std::optional<Keyspace>, kKeyspaceSlots> handles_;  // kept after a drop
  std::array<HeldSnapshot, kSnapshotSlots> snapshots_;
  std::array<HeldIterator, kIteratorSlots> iterators_;
  std::array<HeldTransaction, kTransactionSlots> transactions_;
  std::map<uint32_t, int> slots_{{Keyspace().number(), 0}};  // of keyspace numbers
  std::deque<HeldValue> values_;
  uint64_t operations_run_ = 0;
  std::string difference_;
  uint64_t digest_ = 0;
};

// Short, printable, for messages.
std::string Shown(std::string_view bytes);

}  // namespace logwood::test
