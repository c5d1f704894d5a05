// ForwardingDb: a database that passes every call on to another one. For planting a fault in one of
// them.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "logwood/db.h"

namespace logwood::test {

class ForwardingDb : public DB {
 public:
  explicit ForwardingDb(std::unique_ptr<DB> base) : base_(std::move(base)) {}

  using DB::Delete;
  using DB::DeleteRange;
  using DB::Get;
  using DB::Merge;
  using DB::Put;
  Status Close() override { return base_->Close(); }
  Result<LogPos> Write(const WriteOptions& options, const WriteBatch& batch) override {
    return base_->Write(options, batch);
  }
  Result<LogPos> Put(const WriteOptions& options, Keyspace keyspace, std::string_view key,
                     std::string_view value) override {
    return base_->Put(options, keyspace, key, value);
  }
  Result<LogPos> Delete(const WriteOptions& options, Keyspace keyspace,
                        std::string_view key) override {
    return base_->Delete(options, keyspace, key);
  }
  Result<LogPos> Merge(const WriteOptions& options, Keyspace keyspace, std::string_view key,
                       std::string_view operand) override {
    return base_->Merge(options, keyspace, key, operand);
  }
  Result<LogPos> DeleteRange(const WriteOptions& options, Keyspace keyspace, std::string_view begin,
                             std::optional<std::string_view> end) override {
    return base_->DeleteRange(options, keyspace, begin, end);
  }
  Result<LogPos> PutIfAbsent(const WriteOptions& options, Keyspace keyspace, std::string_view key,
                             std::string_view value) override {
    return base_->PutIfAbsent(options, keyspace, key, value);
  }
  Result<LogPos> CompareAndPut(const WriteOptions& options, Keyspace keyspace, std::string_view key,
                               std::string_view expected, std::string_view value) override {
    return base_->CompareAndPut(options, keyspace, key, expected, value);
  }
  Result<LogPos> DeleteIf(const WriteOptions& options, Keyspace keyspace, std::string_view key,
                          std::string_view expected) override {
    return base_->DeleteIf(options, keyspace, key, expected);
  }
  Result<std::unique_ptr<Transaction>> BeginTransaction(
      const TransactionOptions& options) override {
    return base_->BeginTransaction(options);
  }
  Status WaitDurable(LogPos position, Deadline deadline) override {
    return base_->WaitDurable(position, deadline);
  }
  LogPos LastPosition() const override { return base_->LastPosition(); }
  LogPos DurablePosition() const override { return base_->DurablePosition(); }
  Status Get(const ReadOptions& options, Keyspace keyspace, std::string_view key,
             PinnedValue* value) override {
    return base_->Get(options, keyspace, key, value);
  }
  std::vector<Status> MultiGet(const ReadOptions& options, Keyspace keyspace,
                               std::span<const std::string_view> keys,
                               std::span<PinnedValue> values) override {
    return base_->MultiGet(options, keyspace, keys, values);
  }
  Result<bool> Contains(const ReadOptions& options, Keyspace keyspace,
                        std::string_view key) override {
    return base_->Contains(options, keyspace, key);
  }
  std::unique_ptr<Iterator> NewIterator(const IteratorOptions& options,
                                        Keyspace keyspace) override {
    return base_->NewIterator(options, keyspace);
  }
  Result<std::shared_ptr<const Snapshot>> GetSnapshot(std::string_view owner) override {
    return base_->GetSnapshot(owner);
  }
  Result<Keyspace> CreateKeyspace(const WriteOptions& options, std::string_view name,
                                  LogPos* position) override {
    return base_->CreateKeyspace(options, name, position);
  }
  Result<Keyspace> OpenKeyspace(std::string_view name) override {
    return base_->OpenKeyspace(name);
  }
  Result<Keyspace> OpenOrCreateKeyspace(const WriteOptions& options, std::string_view name,
                                        LogPos* position) override {
    return base_->OpenOrCreateKeyspace(options, name, position);
  }
  Result<std::vector<KeyspaceInfo>> ListKeyspaces() override { return base_->ListKeyspaces(); }
  Result<LogPos> DropKeyspace(const WriteOptions& options, std::string_view name) override {
    return base_->DropKeyspace(options, name);
  }
  Status Flush() override { return base_->Flush(); }
  Status CompactRange(const CompactOptions& options, Keyspace keyspace,
                      const KeyRange& range) override {
    return base_->CompactRange(options, keyspace, range);
  }
  Status CompactAll(const CompactOptions& options) override { return base_->CompactAll(options); }
  Status WaitForCompaction(Deadline deadline) override {
    return base_->WaitForCompaction(deadline);
  }
  Status Verify(const std::function<void(const Damage&)>& report,
                const std::function<void(uint64_t, uint64_t)>& progress) override {
    return base_->Verify(report, progress);
  }
  RangeEstimate Estimate(Keyspace keyspace, const KeyRange& range) override {
    return base_->Estimate(keyspace, range);
  }
  Stats GetStats() override { return base_->GetStats(); }
  RecoveryInfo GetRecoveryInfo() const override { return base_->GetRecoveryInfo(); }
  const std::string& path() const override { return base_->path(); }

 protected:
  DB* base() const { return base_.get(); }

 private:
  const std::unique_ptr<DB> base_;
};

}  // namespace logwood::test
