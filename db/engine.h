// Engine: the live database. Coordinates only - each algorithm lives in the part named for it.
//
//   write   Writer -> CommitLog, Tree            read    Reads (over Core)
//   work    Background -> picker, jobs           state   Tree -> VersionSet -> manifest
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <new>
#include <string>
#include <string_view>

#include "db/background.h"
#include "db/commit_log.h"
#include "db/core.h"
#include "db/default_ttls.h"
#include "db/error_state.h"
#include "db/reads.h"
#include "db/tree.h"
#include "db/writer.h"
#include "logwood/db.h"

namespace logwood {

// Of the merges of a batch: kInvalidArgument where a keyspace's operator is not there, or refuses.
Status CheckMerges(const Core& core, const WriteBatch& batch);

class Engine final : public DB {
 public:
  struct Parts {
    std::shared_ptr<Core> core;
    std::unique_ptr<FileLock> lock;
    std::unique_ptr<Tree> tree;
    std::unique_ptr<CommitLog> log;
    std::chrono::seconds snapshot_age_warning{0};
    std::map<std::string, KeyspaceOptions, std::less<>> keyspaces;
  };
  explicit Engine(Parts parts);
  ~Engine() override;
  // In a child made by fork it does nothing: threads, locks and files belong to the parent.
  static void operator delete(Engine* engine, std::destroying_delete_t);
  Result<LogPos> Commit(const WriteOptions& options, PendingWrite* write);
  // The same once `check` is ok; from before that on `watch` is told of what others commit.
  Result<LogPos> CommitWatched(const WriteOptions& options, PendingWrite* write, CommitWatch* watch,
                               const std::function<Status()>& check);
  // Commits which merge operators keyspaces have from now on; the last step of an open.
  Status RecordOperators();
  Status Close() override;

  Result<LogPos> Write(const WriteOptions& options, const WriteBatch& batch) override;
  Result<LogPos> Put(const WriteOptions& options, Keyspace keyspace, std::string_view key,
                     std::string_view value) override;
  Result<LogPos> Delete(const WriteOptions& options, Keyspace keyspace,
                        std::string_view key) override;
  Result<LogPos> Merge(const WriteOptions& options, Keyspace keyspace, std::string_view key,
                       std::string_view operand) override;
  Result<LogPos> DeleteRange(const WriteOptions& options, Keyspace keyspace, std::string_view begin,
                             std::optional<std::string_view> end) override;
  Status WaitDurable(LogPos position, Deadline deadline) override;
  LogPos LastPosition() const override;
  LogPos DurablePosition() const override;

  Status Get(const ReadOptions& options, Keyspace keyspace, std::string_view key,
             PinnedValue* value) override;
  std::vector<Status> MultiGet(const ReadOptions& options, Keyspace keyspace,
                               std::span<const std::string_view> keys,
                               std::span<PinnedValue> values) override;
  Result<bool> Contains(const ReadOptions& options, Keyspace keyspace,
                        std::string_view key) override;
  std::unique_ptr<Iterator> NewIterator(const IteratorOptions& options, Keyspace keyspace) override;
  Result<std::shared_ptr<const Snapshot>> GetSnapshot(std::string_view owner) override;
  Result<std::unique_ptr<Transaction>> BeginTransaction(const TransactionOptions& options) override;
  Result<LogPos> PutIfAbsent(const WriteOptions& options, Keyspace keyspace, std::string_view key,
                             std::string_view value) override;
  Result<LogPos> CompareAndPut(const WriteOptions& options, Keyspace keyspace, std::string_view key,
                               std::string_view expected, std::string_view value) override;
  Result<LogPos> DeleteIf(const WriteOptions& options, Keyspace keyspace, std::string_view key,
                          std::string_view expected) override;

  Result<Keyspace> CreateKeyspace(const WriteOptions& options, std::string_view name,
                                  LogPos* position) override;
  Result<Keyspace> OpenKeyspace(std::string_view name) override;
  Result<Keyspace> OpenOrCreateKeyspace(const WriteOptions& options, std::string_view name,
                                        LogPos* position) override;
  Result<std::vector<KeyspaceInfo>> ListKeyspaces() override;
  Result<LogPos> DropKeyspace(const WriteOptions& options, std::string_view name) override;

  Status Flush() override;
  Status CompactRange(const CompactOptions& options, Keyspace keyspace,
                      const KeyRange& range) override;
  Status CompactAll(const CompactOptions& options) override;
  Status WaitForCompaction(Deadline deadline) override;
  Status Verify(const std::function<void(const Damage&)>& report,
                const std::function<void(uint64_t, uint64_t)>& progress) override;

  RangeEstimate Estimate(Keyspace keyspace, const KeyRange& range) override;
  Stats GetStats() override;
  RecoveryInfo GetRecoveryInfo() const override { return core_->recovery; }
  const std::string& path() const override { return core_->path; }

 private:
  class OneOperation;
  // Counts a call under way, so that Close waits for it.
  class Call;

  Status TooLarge(const WriteBatch& batch) const;
  Result<LogPos> CommitAsItIs(const WriteOptions& options, PendingWrite* write);
  Result<LogPos> CommitWithTtls(const WriteOptions& options, PendingWrite* write);
  // The row of a keyspace's operator; none: it is to have none, or has it.
  std::string OperatorRow(std::string_view name, uint32_t number) const;
  // Not yet durable.
  Result<LogPos> CommitCatalogue(const std::string& operations) REQUIRES(catalogue_mutex_);
  // Of a commit that was stored: as a write with this durability is.
  Status MakeDurable(Durability durability, LogPos position);
  Status SyncLog(LogPos position, Deadline deadline);
  Status CompactStored(const CompactOptions& options, std::string begin, std::string end);
  Status CloseLog();

  const std::shared_ptr<Core> core_;
  const std::map<std::string, KeyspaceOptions, std::less<>> keyspaces_;
  const DefaultTtls ttls_;
  std::unique_ptr<FileLock> lock_;
  const std::unique_ptr<Tree> tree_;
  const std::unique_ptr<CommitLog> log_;
  ErrorState errors_;
  Background background_;
  Writer writer_;
  const Reads reads_;
  Mutex catalogue_mutex_;  // one keyspace is created or dropped at a time
  std::atomic<uint64_t> calls_{0};
  Mutex close_mutex_;
  CondVar calls_ended_;
};

}  // namespace logwood
