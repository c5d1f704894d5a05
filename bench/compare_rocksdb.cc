#ifdef LOGWOOD_WITH_ROCKSDB

#include <rocksdb/cache.h>
#include <rocksdb/db.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/merge_operator.h>
#include <rocksdb/table.h>
#include <rocksdb/utilities/optimistic_transaction_db.h>
#include <rocksdb/utilities/transaction.h>

#include <memory>
#include <string>

#include "bench/compare_engine.h"
#include "logwood/merge_operator.h"

namespace logwood::bench {

namespace {

void Check(const rocksdb::Status& status) {
  if (!status.ok()) CompareCheck(false, "rocksdb", status.ToString());
}

rocksdb::Slice ToRocksDb(std::string_view bytes) { return {bytes.data(), bytes.size()}; }

class Sum final : public rocksdb::AssociativeMergeOperator {
 public:
  bool Merge(const rocksdb::Slice&, const rocksdb::Slice* older, const rocksdb::Slice& operand,
             std::string* sum, rocksdb::Logger*) const override {
    const auto number = DecodeInt64(operand.ToStringView());
    const auto before = older == nullptr ? 0 : DecodeInt64(older->ToStringView());
    if (!number || !before) return false;
    *sum = EncodeInt64(*before + *number);
    return true;
  }
  const char* Name() const override { return "sum"; }
};

class RocksDb final : public CompareEngine {
 public:
  RocksDb(const std::string& path, const CompareSettings& settings) {
    rocksdb::BlockBasedTableOptions table;
    table.block_cache = rocksdb::NewLRUCache(settings.cache_bytes);
    table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(settings.filter_bits_per_key));
    rocksdb::Options options;
    options.create_if_missing = true;
    options.write_buffer_size = settings.write_buffer_bytes;
    options.merge_operator = std::make_shared<Sum>();
    options.compression = rocksdb::kSnappyCompression;
    options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
    if (settings.transactions) {
      Check(rocksdb::OptimisticTransactionDB::Open(options, path, &transactions_));
      db_.reset(transactions_);
      return;
    }
    rocksdb::DB* db = nullptr;
    Check(rocksdb::DB::Open(options, path, &db));
    db_.reset(db);
  }

  void Put(std::string_view key, std::string_view value, bool sync) override {
    rocksdb::WriteOptions options;
    options.sync = sync;
    Check(db_->Put(options, ToRocksDb(key), ToRocksDb(value)));
  }
  bool Get(std::string_view key, const std::function<void(std::string_view)>& use) override {
    value_.Reset();
    const rocksdb::Status status =
        db_->Get(read_options_, db_->DefaultColumnFamily(), ToRocksDb(key), &value_);
    if (status.IsNotFound()) return false;
    Check(status);
    use({value_.data(), value_.size()});
    return true;
  }
  void Add(std::string_view key, int64_t number) override {
    Check(db_->Merge({}, ToRocksDb(key), EncodeInt64(number)));
  }
  bool has_transactions() const override { return true; }
  // GetForUpdate, with a snapshot, is what makes the read count.
  bool AddInTransaction(std::string_view key, int64_t number) override {
    rocksdb::OptimisticTransactionOptions with_snapshot;
    with_snapshot.set_snapshot = true;
    const std::unique_ptr<rocksdb::Transaction> transaction(
        transactions_->BeginTransaction({}, with_snapshot));
    rocksdb::ReadOptions at_snapshot;
    at_snapshot.snapshot = transaction->GetSnapshot();
    rocksdb::PinnableSlice value;
    const rocksdb::Status got = transaction->GetForUpdate(
        at_snapshot, transactions_->DefaultColumnFamily(), ToRocksDb(key), &value);
    if (!got.IsNotFound()) Check(got);
    const int64_t before = got.ok() ? DecodeInt64(value.ToStringView()).value_or(0) : 0;
    Check(transaction->Put(ToRocksDb(key), EncodeInt64(before + number)));
    const rocksdb::Status committed = transaction->Commit();
    // Busy: a conflict. TryAgain: what would tell is not in memtables any more.
    if (committed.IsBusy() || committed.IsTryAgain()) return false;
    Check(committed);
    return true;
  }
  void Scan(bool forward,
            const std::function<void(std::string_view, std::string_view)>& use) override {
    const std::unique_ptr<rocksdb::Iterator> it(db_->NewIterator(read_options_));
    if (forward) {
      for (it->SeekToFirst(); it->Valid(); it->Next())
        use(it->key().ToStringView(), it->value().ToStringView());
    } else {
      for (it->SeekToLast(); it->Valid(); it->Prev())
        use(it->key().ToStringView(), it->value().ToStringView());
    }
    Check(it->status());
  }
  void Settle() override { Check(db_->CompactRange({}, nullptr, nullptr)); }

 private:
  const rocksdb::ReadOptions read_options_;
  std::unique_ptr<rocksdb::DB> db_;
  rocksdb::OptimisticTransactionDB* transactions_ = nullptr;  // db_, where it is one
  rocksdb::PinnableSlice value_;
};

}  // namespace

std::unique_ptr<CompareEngine> OpenRocksDb(const std::string& path,
                                           const CompareSettings& settings) {
  return std::make_unique<RocksDb>(path, settings);
}

}  // namespace logwood::bench

#endif  // LOGWOOD_WITH_ROCKSDB
