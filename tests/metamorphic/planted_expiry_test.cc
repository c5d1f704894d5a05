// The model test must fail: of puts that expire, with one planted fault.
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "tests/metamorphic/forwarding_db.h"
#include "tests/metamorphic/planted.h"
#include "tests/support/wall_clock.h"
#include "util/batch_codec.h"
#include "util/expiring_value.h"

namespace logwood::test {
namespace {

using std::chrono::microseconds;

uint64_t TimeOfDay() { return WallClock::Or(1); }
bool Lasts(microseconds ttl) { return ttl == microseconds(0) || ttl == kNoExpiry; }

// The keys whose newest version is a put by itself that expires: for all opens of a database.
struct Expiring {
  struct Written {
    std::string value;
    std::optional<std::string> replaced;
    uint64_t expires_us = 0;
    LogPos position = 0;
  };
  std::map<std::pair<uint32_t, std::string>, Written> puts;
};

struct KnowsExpiring : ForwardingDb {
  using DB::Delete;
  using DB::DeleteRange;
  using DB::Get;
  using DB::Merge;
  using DB::Put;
  KnowsExpiring(std::unique_ptr<DB> base, std::shared_ptr<Expiring> known)
      : ForwardingDb(std::move(base)), known_(std::move(known)), opened_at_(LastPosition()) {
    if (opened_at_ == 0) known_->puts.clear();  // another database
  }
  Result<LogPos> Put(const WriteOptions& options, Keyspace keyspace, std::string_view key,
                     std::string_view value) override {
    std::string replaced;
    const bool has_replaced = DB::Get({}, keyspace, key, &replaced).ok();
    Result<LogPos> position = base()->Put(options, keyspace, key, value);
    Forget(keyspace, key);
    if (!position.ok() || Lasts(options.ttl)) return position;
    Expiring::Written& written = known_->puts[{keyspace.number(), std::string(key)}];
    written = {std::string(value), std::nullopt,
               TimeOfDay() + static_cast<uint64_t>(options.ttl.count()), *position};
    if (has_replaced) written.replaced = std::move(replaced);
    return position;
  }
  Result<LogPos> Delete(const WriteOptions& options, Keyspace keyspace,
                        std::string_view key) override {
    Forget(keyspace, key);
    return base()->Delete(options, keyspace, key);
  }
  Result<LogPos> Merge(const WriteOptions& options, Keyspace keyspace, std::string_view key,
                       std::string_view operand) override {
    Forget(keyspace, key);
    return base()->Merge(options, keyspace, key, operand);
  }
  Result<LogPos> PutIfAbsent(const WriteOptions& options, Keyspace keyspace, std::string_view key,
                             std::string_view value) override {
    Forget(keyspace, key);
    return base()->PutIfAbsent(options, keyspace, key, value);
  }
  Result<LogPos> CompareAndPut(const WriteOptions& options, Keyspace keyspace, std::string_view key,
                               std::string_view expected, std::string_view value) override {
    Forget(keyspace, key);
    return base()->CompareAndPut(options, keyspace, key, expected, value);
  }
  Result<LogPos> DeleteIf(const WriteOptions& options, Keyspace keyspace, std::string_view key,
                          std::string_view expected) override {
    Forget(keyspace, key);
    return base()->DeleteIf(options, keyspace, key, expected);
  }
  Result<LogPos> DeleteRange(const WriteOptions& options, Keyspace keyspace, std::string_view begin,
                             std::optional<std::string_view> end) override {
    known_->puts.clear();
    return base()->DeleteRange(options, keyspace, begin, end);
  }
  Result<LogPos> Write(const WriteOptions& options, const WriteBatch& batch) override {
    BatchReader reader(batch.operations());
    for (BatchOperation operation; reader.Next(&operation);) {
      uint32_t number = 0;
      std::string_view key;
      SplitStoredKey(operation.stored_key, &number, &key);
      if (operation.kind == EntryKind::kRangeDelete) known_->puts.clear();
      known_->puts.erase({number, std::string(key)});
    }
    return base()->Write(options, batch);
  }
  Result<std::unique_ptr<Transaction>> BeginTransaction(
      const TransactionOptions& options) override {
    known_->puts.clear();
    return base()->BeginTransaction(options);
  }
  Result<LogPos> DropKeyspace(const WriteOptions& options, std::string_view name) override {
    known_->puts.clear();
    return base()->DropKeyspace(options, name);
  }

 protected:
  // Null: its newest version is nothing that expires.
  const Expiring::Written* Find(Keyspace keyspace, std::string_view key) const {
    const auto at = known_->puts.find({keyspace.number(), std::string(key)});
    return at == known_->puts.end() ? nullptr : &at->second;
  }
  const Expiring::Written* Expired(Keyspace keyspace, std::string_view key) const {
    const Expiring::Written* written = Find(keyspace, key);
    return written != nullptr && written->expires_us <= TimeOfDay() ? written : nullptr;
  }
  void Forget(Keyspace keyspace, std::string_view key) {
    known_->puts.erase({keyspace.number(), std::string(key)});
  }
  static Status Answer(const std::string& with, PinnedValue* value) {
    value->Assign(with);
    return Status::Ok();
  }
  LogPos opened_at() const { return opened_at_; }

 private:
  const std::shared_ptr<Expiring> known_;
  const LogPos opened_at_;
};

template <typename Faulty>
WrapDb PlantedWithMemory() {
  return [known = std::make_shared<Expiring>()](std::unique_ptr<DB> db) {
    return std::make_unique<Faulty>(std::move(db), known);
  };
}

struct UncoversWhatItReplaced final : KnowsExpiring {
  using DB::Get;
  using KnowsExpiring::KnowsExpiring;
  Status Get(const ReadOptions& options, Keyspace keyspace, std::string_view key,
             PinnedValue* value) override {
    const Status status = base()->Get(options, keyspace, key, value);
    const Expiring::Written* written = Expired(keyspace, key);
    if (!status.Is(StatusCode::kNotFound) || written == nullptr || !written->replaced ||
        options.snapshot != nullptr) {
      return status;
    }
    return Answer(*written->replaced, value);
  }
};

struct ExpiresAMomentLate final : KnowsExpiring {
  using DB::Get;
  using KnowsExpiring::KnowsExpiring;
  Status Get(const ReadOptions& options, Keyspace keyspace, std::string_view key,
             PinnedValue* value) override {
    const Status status = base()->Get(options, keyspace, key, value);
    const Expiring::Written* written = Expired(keyspace, key);
    if (!status.Is(StatusCode::kNotFound) || written == nullptr || options.snapshot != nullptr ||
        written->expires_us != TimeOfDay()) {
      return status;
    }
    return Answer(written->value, value);
  }
};

// Of the snapshot its position alone.
struct ReadsASnapshotByTheTimeOfNow final : ForwardingDb {
  using DB::Get;
  using ForwardingDb::ForwardingDb;
  Status Get(const ReadOptions& options, Keyspace keyspace, std::string_view key,
             PinnedValue* value) override {
    ReadOptions now = options;
    if (now.snapshot != nullptr && now.snapshot->position() == LastPosition())
      now.snapshot = nullptr;
    return base()->Get(now, keyspace, key, value);
  }
};

struct DecidesAnewAtEachStep final : ForwardingDb {
  using ForwardingDb::ForwardingDb;
  struct Deciding final : Iterator {
    Deciding(std::unique_ptr<Iterator> from, DB* db, Keyspace keyspace)
        : from_(std::move(from)), db_(db), keyspace_(keyspace) {}
    bool Valid() const override { return from_->Valid(); }
    void SeekToFirst() override { from_->SeekToFirst(), Pass(true); }
    void SeekToLast() override { from_->SeekToLast(), Pass(false); }
    void Seek(std::string_view target) override { from_->Seek(target), Pass(true); }
    void SeekForPrev(std::string_view target) override { from_->SeekForPrev(target), Pass(false); }
    void Next() override { from_->Next(), Pass(true); }
    void Prev() override { from_->Prev(), Pass(false); }
    std::string_view key() const override { return from_->key(); }
    std::string_view value() const override { return from_->value(); }
    Status status() const override { return from_->status(); }
    LogPos position() const override { return from_->position(); }

   private:
    // What it shows, and what is not there now although nothing was written.
    void Pass(bool forward) {
      while (Valid() && db_->LastPosition() == position()) {
        const Result<bool> there = db_->Contains({}, keyspace_, key());
        if (!there.ok() || *there) return;
        forward ? from_->Next() : from_->Prev();
      }
    }
    const std::unique_ptr<Iterator> from_;
    DB* const db_;
    const Keyspace keyspace_;
  };
  std::unique_ptr<Iterator> NewIterator(const IteratorOptions& options,
                                        Keyspace keyspace) override {
    auto from = base()->NewIterator(options, keyspace);
    if (options.snapshot != nullptr) return from;
    return std::make_unique<Deciding>(std::move(from), base(), keyspace);
  }
};

// Flushes and compactions go by the present, whatever snapshots there are.
struct ReclaimsWhatASnapshotSees final : KnowsExpiring {
  using DB::Get;
  using KnowsExpiring::KnowsExpiring;
  Status Get(const ReadOptions& options, Keyspace keyspace, std::string_view key,
             PinnedValue* value) override {
    const Expiring::Written* written = Find(keyspace, key);
    if (options.snapshot != nullptr && written != nullptr &&
        written->position <= options.snapshot->position() &&
        written->expires_us <= compacted_at_us_) {
      return Status::NotFound("reclaimed");
    }
    return base()->Get(options, keyspace, key, value);
  }
  Status Flush() override {
    compacted_at_us_ = TimeOfDay();
    return base()->Flush();
  }
  Status CompactAll(const CompactOptions& options) override {
    compacted_at_us_ = TimeOfDay();
    return base()->CompactAll(options);
  }
  uint64_t compacted_at_us_ = 0;
};

// Rewrites the puts of a batch that say how long they last.
struct ChangesTtls : ForwardingDb {
  using DB::Put;
  using ForwardingDb::ForwardingDb;
  Result<LogPos> Write(const WriteOptions& options, const WriteBatch& batch) override {
    if (!batch.status().ok()) return base()->Write(options, batch);
    WriteBatch changed;
    changed.Note(batch.note());
    BatchReader reader(batch.operations());
    for (BatchOperation operation; reader.Next(&operation);) {
      std::string value;
      if (operation.kind == EntryKind::kPutExpiring) {
        AppendExpiring(&value, TtlInstead(options, ExpiryOf(operation.value)),
                       WithoutExpiry(operation.value));
        operation.value = value;
      }
      AppendOperationTo(operation, batch.owner(), &changed);
    }
    Result<LogPos> position = base()->Write(options, changed);
    if (position.ok()) written_us_ = TimeOfDay();
    return position;
  }

 protected:
  // 0: for ever.
  virtual uint64_t TtlInstead(const WriteOptions& options, uint64_t ttl_us) = 0;
  uint64_t written_us_ = TimeOfDay();  // the last batch
};

struct CountsFromTheBatchBefore final : ChangesTtls {
  using ChangesTtls::ChangesTtls;
  uint64_t TtlInstead(const WriteOptions& /*options*/, uint64_t ttl_us) override {
    const uint64_t now_us = TimeOfDay(), passed_us = now_us - std::min(now_us, written_us_);
    return ttl_us == 0 ? 0 : std::max<uint64_t>(1, ttl_us - std::min(ttl_us, passed_us));
  }
};

struct AWriteOverridesItsBatch final : ChangesTtls {
  using ChangesTtls::ChangesTtls;
  uint64_t TtlInstead(const WriteOptions& options, uint64_t ttl_us) override {
    return Lasts(options.ttl) ? ttl_us : static_cast<uint64_t>(options.ttl.count());
  }
};

// Of a write that says the one time, as if it said the other.
template <microseconds::rep from, microseconds::rep to>
struct PutsWithAnotherTtl final : ForwardingDb {
  using DB::Put;
  using ForwardingDb::ForwardingDb;
  Result<LogPos> Put(const WriteOptions& options, Keyspace keyspace, std::string_view key,
                     std::string_view value) override {
    WriteOptions changed = options;
    if (changed.ttl == microseconds(from)) changed.ttl = microseconds(to);
    return base()->Put(changed, keyspace, key, value);
  }
};
using ForEverIsAsTheKeyspaceSays = PutsWithAnotherTtl<kNoExpiry.count(), 0>;
using ForgetsWhatTheKeyspaceSays = PutsWithAnotherTtl<0, kNoExpiry.count()>;

struct MergesOntoWhatExpired final : KnowsExpiring {
  using DB::Merge;
  using KnowsExpiring::KnowsExpiring;
  Result<LogPos> Merge(const WriteOptions& options, Keyspace keyspace, std::string_view key,
                       std::string_view operand) override {
    const Expiring::Written* written = Expired(keyspace, key);
    if (written == nullptr) return KnowsExpiring::Merge(options, keyspace, key, operand);
    WriteBatch batch;
    batch.PutExpiring(keyspace, key, written->value, kNoExpiry);
    batch.Merge(keyspace, key, operand);
    return Write(options, batch);
  }
};

struct WhatExpiredIsNotAbsent final : KnowsExpiring {
  using KnowsExpiring::KnowsExpiring;
  Result<LogPos> PutIfAbsent(const WriteOptions& options, Keyspace keyspace, std::string_view key,
                             std::string_view value) override {
    if (Expired(keyspace, key) != nullptr) return Status::Conflict("expired");
    return KnowsExpiring::PutIfAbsent(options, keyspace, key, value);
  }
};

// What was put before goes by the time of day alone, which may have been set back.
struct AnOpenGoesBackInTime final : KnowsExpiring {
  using DB::Get;
  using KnowsExpiring::KnowsExpiring;
  Status Get(const ReadOptions& options, Keyspace keyspace, std::string_view key,
             PinnedValue* value) override {
    const Status status = base()->Get(options, keyspace, key, value);
    const Expiring::Written* written = Find(keyspace, key);
    if (!status.Is(StatusCode::kNotFound) || written == nullptr || options.snapshot != nullptr ||
        written->position > opened_at() || written->expires_us <= TimeOfDay()) {
      return status;
    }
    return Answer(written->value, value);
  }
};

class PlantedExpiry : public testing::TestWithParam<PlantedFault> {};

TEST_P(PlantedExpiry, IsFoundAndReduced) { ExpectFound(GetParam()); }

INSTANTIATE_TEST_SUITE_P(
    Faults, PlantedExpiry,
    testing::Values(
        PlantedFault{"WhatItReplacedComesBack", PlantedWithMemory<UncoversWhatItReplaced>()},
        PlantedFault{"ItComesAMomentLate", PlantedWithMemory<ExpiresAMomentLate>()},
        PlantedFault{"ASnapshotsTimeIsNotKept", Planted<ReadsASnapshotByTheTimeOfNow>()},
        PlantedFault{"AnIteratorDecidesAnew", Planted<DecidesAnewAtEachStep>()},
        PlantedFault{"CompactionForgetsSnapshots", PlantedWithMemory<ReclaimsWhatASnapshotSees>()},
        PlantedFault{"ABatchCountsFromTheOneBefore", Planted<CountsFromTheBatchBefore>()},
        PlantedFault{"AWriteOverridesItsBatch", Planted<AWriteOverridesItsBatch>()},
        PlantedFault{"ForEverIsAsTheKeyspaceSays", Planted<ForEverIsAsTheKeyspaceSays>()},
        PlantedFault{"AKeyspacesTimeIsForgotten", Planted<ForgetsWhatTheKeyspaceSays>()},
        PlantedFault{"AnExpiredBaseCounts", PlantedWithMemory<MergesOntoWhatExpired>()},
        PlantedFault{"WhatExpiredIsNotAbsent", PlantedWithMemory<WhatExpiredIsNotAbsent>()},
        PlantedFault{"AnOpenGoesBackInTime", PlantedWithMemory<AnOpenGoesBackInTime>()}),
    [](const auto& fault) { return fault.param.name; });

TEST(PlantedExpiry, NoneIsFoundWhereNoneIs) { ExpectNoneFound(PlantedWithMemory<KnowsExpiring>()); }

}  // namespace
}  // namespace logwood::test
