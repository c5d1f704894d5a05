#include "bench/compare_engine.h"
#include "logwood/db.h"

namespace logwood::bench {

namespace {

void Check(const Status& status) {
  if (!status.ok()) CompareCheck(false, "logwood", status.ToString());
}

class Logwood final : public CompareEngine {
 public:
  Logwood(const std::string& path, const CompareSettings& settings) {
    Options options;
    options.memory_budget_bytes = settings.cache_bytes;
    options.compression = Compression::kSnappy;
    options.keyspaces["default"].merge_operator = MergeOperator::AddInt64();
    options.tuning.memtable_bytes = settings.write_buffer_bytes;
    options.tuning.filter_bits_per_key = static_cast<uint32_t>(settings.filter_bits_per_key);
    Result<std::unique_ptr<DB>> opened = DB::Open(options, path);
    Check(opened.status());
    db_ = std::move(opened).value();
  }
  ~Logwood() override { Check(db_->Close()); }

  void Put(std::string_view key, std::string_view value, bool sync) override {
    const WriteOptions options{.durability = sync ? Durability::kPower : Durability::kProcess};
    Check(db_->Put(options, key, value).status());
  }
  bool Get(std::string_view key, const std::function<void(std::string_view)>& use) override {
    const Status status = db_->Get({}, key, &value_);
    if (status.Is(StatusCode::kNotFound)) return false;
    Check(status);
    use(value_.view());
    return true;
  }
  void Add(std::string_view key, int64_t number) override {
    Check(db_->Merge({.durability = Durability::kProcess}, key, EncodeInt64(number)).status());
  }
  bool has_transactions() const override { return true; }
  bool AddInTransaction(std::string_view key, int64_t number) override {
    Result<std::unique_ptr<Transaction>> begun = db_->BeginTransaction({});
    Check(begun.status());
    PinnedValue value;
    const Status got = (*begun)->Get(key, &value);
    if (!got.Is(StatusCode::kNotFound)) Check(got);
    const int64_t before = got.ok() ? DecodeInt64(value.view()).value_or(0) : 0;
    Check((*begun)->Put(key, EncodeInt64(before + number)));
    const Status committed = (*begun)->Commit({.durability = Durability::kProcess}).status();
    if (committed.Is(StatusCode::kConflict)) return false;
    Check(committed);
    return true;
  }
  void Scan(bool forward,
            const std::function<void(std::string_view, std::string_view)>& use) override {
    const std::unique_ptr<Iterator> it = db_->NewIterator({});
    if (forward) {
      for (it->SeekToFirst(); it->Valid(); it->Next()) use(it->key(), it->value());
    } else {
      for (it->SeekToLast(); it->Valid(); it->Prev()) use(it->key(), it->value());
    }
    Check(it->status());
  }
  void Settle() override {
    Check(db_->CompactAll({}));
    Check(db_->WaitForCompaction());
  }

 private:
  std::unique_ptr<DB> db_;
  PinnedValue value_;
};

}  // namespace

std::unique_ptr<CompareEngine> OpenLogwood(const std::string& path,
                                           const CompareSettings& settings) {
  return std::make_unique<Logwood>(path, settings);
}

}  // namespace logwood::bench
