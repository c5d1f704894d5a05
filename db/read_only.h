// ReadOnlyDb: a database as its files stand, never written to. All reading is Reads over a Core, as
// in the live engine; everything that writes is kReadOnly.
#pragma once

#include <memory>
#include <vector>

#include "db/core.h"
#include "db/reads.h"
#include "logwood/db.h"
#include "wal/segments.h"

namespace logwood {

class ReadOnlyDb final : public DB {
 public:
  struct Parts {
    std::shared_ptr<Core> core;
    std::unique_ptr<FileLock> lock;  // null with ignore_writer
    std::vector<RetainedSegment> segments;
    LogPos durable = 0;
    uint64_t memtable_bytes = 0;
    std::optional<Damage> log_damage;  // with allow_damaged_log
    bool tables_missing = false;       // found with ignore_writer
    std::vector<Event> found = {};     // for TellOpened
  };
  explicit ReadOnlyDb(Parts parts) : parts_(std::move(parts)), reads_(parts_.core) {}
  ~ReadOnlyDb() override { static_cast<void>(Close()); }
  Status Close() override;
  // Once, by the open that gives it to the user: what was found, and that it is open.
  void TellOpened();
  bool tables_missing() const { return parts_.tables_missing; }
  bool log_damaged() const { return parts_.log_damage.has_value(); }

  Result<LogPos> Write(const WriteOptions&, const WriteBatch&) override { return Refuse(); }
  Result<LogPos> Put(const WriteOptions&, Keyspace, std::string_view, std::string_view) override {
    return Refuse();
  }
  Result<LogPos> Delete(const WriteOptions&, Keyspace, std::string_view) override {
    return Refuse();
  }
  Result<LogPos> Merge(const WriteOptions&, Keyspace, std::string_view, std::string_view) override {
    return Refuse();
  }
  Result<std::unique_ptr<Transaction>> BeginTransaction(const TransactionOptions&) override {
    return Refuse();
  }
  Result<LogPos> PutIfAbsent(const WriteOptions&, Keyspace, std::string_view,
                             std::string_view) override {
    return Refuse();
  }
  Result<LogPos> CompareAndPut(const WriteOptions&, Keyspace, std::string_view, std::string_view,
                               std::string_view) override {
    return Refuse();
  }
  Result<LogPos> DeleteIf(const WriteOptions&, Keyspace, std::string_view,
                          std::string_view) override {
    return Refuse();
  }
  Result<LogPos> DeleteRange(const WriteOptions&, Keyspace, std::string_view,
                             std::optional<std::string_view>) override {
    return Refuse();
  }
  Status WaitDurable(LogPos, Deadline) override { return Refuse(); }
  LogPos LastPosition() const override { return parts_.core->visible.load(); }
  LogPos DurablePosition() const override { return parts_.durable; }

  Status Get(const ReadOptions& options, Keyspace keyspace, std::string_view key,
             PinnedValue* value) override {
    return reads_.Get(options, keyspace, key, value);
  }
  std::vector<Status> MultiGet(const ReadOptions& options, Keyspace keyspace,
                               std::span<const std::string_view> keys,
                               std::span<PinnedValue> values) override {
    return reads_.MultiGet(options, keyspace, keys, values);
  }
  Result<bool> Contains(const ReadOptions& options, Keyspace keyspace,
                        std::string_view key) override {
    return reads_.Contains(options, keyspace, key);
  }
  std::unique_ptr<Iterator> NewIterator(const IteratorOptions& options,
                                        Keyspace keyspace) override {
    return reads_.NewIterator(options, keyspace);
  }
  Result<std::shared_ptr<const Snapshot>> GetSnapshot(std::string_view owner) override {
    return reads_.GetSnapshot(owner);
  }

  Result<Keyspace> CreateKeyspace(const WriteOptions&, std::string_view, LogPos*) override {
    return Refuse();
  }
  Result<Keyspace> OpenKeyspace(std::string_view name) override {
    return reads_.OpenKeyspace(name);
  }
  // Only opens: how durable it is, is the writer's.
  Result<Keyspace> OpenOrCreateKeyspace(const WriteOptions& options, std::string_view name,
                                        LogPos* position) override;
  Result<std::vector<KeyspaceInfo>> ListKeyspaces() override { return reads_.ListKeyspaces(); }
  Result<LogPos> DropKeyspace(const WriteOptions&, std::string_view) override { return Refuse(); }

  Status Flush() override { return Refuse(); }
  Status CompactRange(const CompactOptions&, Keyspace, const KeyRange&) override {
    return Refuse();
  }
  Status CompactAll(const CompactOptions&) override { return Refuse(); }
  Status WaitForCompaction(Deadline) override { return CheckOpen(*parts_.core); }
  Status Verify(const std::function<void(const Damage&)>& report,
                const std::function<void(uint64_t, uint64_t)>& progress) override;

  RangeEstimate Estimate(Keyspace keyspace, const KeyRange& range) override {
    return reads_.Estimate(keyspace, range);
  }
  Stats GetStats() override;
  RecoveryInfo GetRecoveryInfo() const override { return parts_.core->recovery; }
  const std::string& path() const override { return parts_.core->path; }

 private:
  Status Refuse() const;

  Parts parts_;
  const Reads reads_;
  bool told_opened_ = false;
};

}  // namespace logwood
