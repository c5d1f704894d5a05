#ifdef LOGWOOD_WITH_LEVELDB

#include <leveldb/cache.h>
#include <leveldb/db.h>
#include <leveldb/filter_policy.h>

#include "bench/compare_engine.h"

namespace logwood::bench {

namespace {

void Check(const leveldb::Status& status) {
  if (!status.ok()) CompareCheck(false, "leveldb", status.ToString());
}

leveldb::Slice ToLevelDb(std::string_view bytes) { return {bytes.data(), bytes.size()}; }
std::string_view ToView(const leveldb::Slice& bytes) { return {bytes.data(), bytes.size()}; }

class LevelDb final : public CompareEngine {
 public:
  LevelDb(const std::string& path, const CompareSettings& settings)
      : cache_(leveldb::NewLRUCache(settings.cache_bytes)),
        filter_(leveldb::NewBloomFilterPolicy(settings.filter_bits_per_key)) {
    leveldb::Options options;
    options.create_if_missing = true;
    options.write_buffer_size = settings.write_buffer_bytes;
    options.block_cache = cache_.get();
    options.filter_policy = filter_.get();
    options.compression = leveldb::kSnappyCompression;
    leveldb::DB* db = nullptr;
    Check(leveldb::DB::Open(options, path, &db));
    db_.reset(db);
  }

  void Put(std::string_view key, std::string_view value, bool sync) override {
    leveldb::WriteOptions options;
    options.sync = sync;
    Check(db_->Put(options, ToLevelDb(key), ToLevelDb(value)));
  }
  bool Get(std::string_view key, const std::function<void(std::string_view)>& use) override {
    const leveldb::Status status = db_->Get({}, ToLevelDb(key), &value_);
    if (status.IsNotFound()) return false;
    Check(status);
    use(value_);
    return true;
  }
  void Scan(bool forward,
            const std::function<void(std::string_view, std::string_view)>& use) override {
    const std::unique_ptr<leveldb::Iterator> it(db_->NewIterator({}));
    if (forward) {
      for (it->SeekToFirst(); it->Valid(); it->Next()) use(ToView(it->key()), ToView(it->value()));
    } else {
      for (it->SeekToLast(); it->Valid(); it->Prev()) use(ToView(it->key()), ToView(it->value()));
    }
    Check(it->status());
  }
  void Settle() override { db_->CompactRange(nullptr, nullptr); }

 private:
  std::unique_ptr<leveldb::Cache> cache_;
  std::unique_ptr<const leveldb::FilterPolicy> filter_;
  std::unique_ptr<leveldb::DB> db_;
  std::string value_;
};

}  // namespace

std::unique_ptr<CompareEngine> OpenLevelDb(const std::string& path,
                                           const CompareSettings& settings) {
  return std::make_unique<LevelDb>(path, settings);
}

}  // namespace logwood::bench

#endif  // LOGWOOD_WITH_LEVELDB
