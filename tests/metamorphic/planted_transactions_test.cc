// The model test must fail: of transactions with one planted fault, and of the one-call forms.
#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "logwood/transaction.h"
#include "tests/metamorphic/forwarding_db.h"
#include "tests/metamorphic/planted.h"

namespace logwood::test {
namespace {

// Passes on to a transaction; `beside` is another one of the same moment (the test runs in one
// thread), which takes part in what a fault does wrongly.
class ForwardingTransaction : public Transaction {
 public:
  ForwardingTransaction(DB* db, std::unique_ptr<Transaction> base,
                        std::unique_ptr<Transaction> beside, std::shared_ptr<uint32_t> besides,
                        Isolation isolation)
      : db_(db),
        base_(std::move(base)),
        beside_(std::move(beside)),
        besides_(std::move(besides)),
        isolation_(isolation) {
    ++*besides_;
  }
  ~ForwardingTransaction() override { --*besides_; }

  LogPos position() const override { return base_->position(); }
  using Transaction::Get;
  Status Get(Keyspace keyspace, std::string_view key, PinnedValue* value) override {
    return base_->Get(keyspace, key, value);
  }
  std::unique_ptr<Iterator> NewIterator(const IteratorOptions& options,
                                        Keyspace keyspace) override {
    return base_->NewIterator(options, keyspace);
  }
  Status Expect(Keyspace keyspace, std::string_view key) override {
    return base_->Expect(keyspace, key);
  }
  Status Put(Keyspace keyspace, std::string_view key, std::string_view value) override {
    static_cast<void>(beside_->Put(keyspace, key, value));
    return base_->Put(keyspace, key, value);
  }
  Status PutExpiring(Keyspace keyspace, std::string_view key, std::string_view value,
                     std::chrono::microseconds ttl) override {
    static_cast<void>(beside_->PutExpiring(keyspace, key, value, ttl));
    return base_->PutExpiring(keyspace, key, value, ttl);
  }
  Status Delete(Keyspace keyspace, std::string_view key) override {
    static_cast<void>(beside_->Delete(keyspace, key));
    return base_->Delete(keyspace, key);
  }
  Status DeleteRange(Keyspace keyspace, std::string_view begin,
                     std::optional<std::string_view> end) override {
    static_cast<void>(beside_->DeleteRange(keyspace, begin, end));
    return base_->DeleteRange(keyspace, begin, end);
  }
  Status Merge(Keyspace keyspace, std::string_view key, std::string_view operand) override {
    static_cast<void>(beside_->Merge(keyspace, key, operand));
    return base_->Merge(keyspace, key, operand);
  }
  Status Note(std::string_view note) override { return base_->Note(note); }
  Savepoint SetSavepoint() override {
    beside_->SetSavepoint();
    return base_->SetSavepoint();
  }
  Status RollbackTo(Savepoint savepoint) override {
    static_cast<void>(beside_->RollbackTo(savepoint));
    return base_->RollbackTo(savepoint);
  }
  Result<LogPos> Commit(const WriteOptions& options) override {
    beside_->Rollback();
    return base_->Commit(options);
  }
  void Rollback() override {
    beside_->Rollback();
    base_->Rollback();
  }

 protected:
  DB* const db_;
  const std::unique_ptr<Transaction> base_, beside_;
  const std::shared_ptr<uint32_t> besides_;  // how many there are
  const Isolation isolation_;
};

// A database with such transactions: the base of `isolation`, or as asked for.
template <typename Faulty>
struct WithTransactions : ForwardingDb {
  using ForwardingDb::ForwardingDb;
  Result<std::unique_ptr<Transaction>> BeginTransaction(
      const TransactionOptions& options) override {
    auto begun = base()->BeginTransaction(Faulty::BaseOptions(options));
    auto beside = base()->BeginTransaction({.isolation = Isolation::kSnapshot});
    if (!begun.ok()) return begun.status();
    if (!beside.ok()) return beside.status();
    return std::unique_ptr<Transaction>(std::make_unique<Faulty>(
        base(), std::move(*begun), std::move(*beside), besides_, options.isolation));
  }
  // Nobody asked for those beside.
  Stats GetStats() override {
    Stats stats = ForwardingDb::GetStats();
    stats.snapshots -= *besides_;
    return stats;
  }

 private:
  const std::shared_ptr<uint32_t> besides_ = std::make_shared<uint32_t>(0);
};

struct AsItIs : ForwardingTransaction {
  using ForwardingTransaction::ForwardingTransaction;
  static TransactionOptions BaseOptions(const TransactionOptions& options) { return options; }
};

struct ReadsAreNotHeld final : AsItIs {
  using AsItIs::AsItIs;
  static TransactionOptions BaseOptions(const TransactionOptions& /*options*/) {
    return {.isolation = Isolation::kSnapshot};
  }
};

struct ReadsAreHeldAlways final : AsItIs {
  using AsItIs::AsItIs;
  static TransactionOptions BaseOptions(const TransactionOptions& /*options*/) {
    return {.isolation = Isolation::kSerializable};
  }
};

struct AMissedKeyIsNotHeld final : AsItIs {
  using AsItIs::AsItIs;
  using Transaction::Get;
  Status Get(Keyspace keyspace, std::string_view key, PinnedValue* value) override {
    if (beside_->Get(keyspace, key, value).Is(StatusCode::kNotFound))
      return Status::NotFound("beside");
    return base_->Get(keyspace, key, value);
  }
};

struct ScansAreNotHeld final : AsItIs {
  using AsItIs::AsItIs;
  std::unique_ptr<Iterator> NewIterator(const IteratorOptions& options,
                                        Keyspace keyspace) override {
    return beside_->NewIterator(options, keyspace);
  }
};

// The keys that it shows, and not what lies between them.
struct OnlyShownKeysAreHeld final : AsItIs {
  using AsItIs::AsItIs;
  struct Showing final : Iterator {
    Showing(std::unique_ptr<Iterator> from, Transaction* base, Keyspace keyspace, bool holds)
        : from_(std::move(from)), base_(base), keyspace_(keyspace), holds_(holds) {}
    bool Valid() const override { return from_->Valid(); }
    void SeekToFirst() override { from_->SeekToFirst(), Hold(); }
    void SeekToLast() override { from_->SeekToLast(), Hold(); }
    void Seek(std::string_view target) override { from_->Seek(target), Hold(); }
    void SeekForPrev(std::string_view target) override { from_->SeekForPrev(target), Hold(); }
    void Next() override { from_->Next(), Hold(); }
    void Prev() override { from_->Prev(), Hold(); }
    std::string_view key() const override { return from_->key(); }
    std::string_view value() const override { return from_->value(); }
    Status status() const override { return from_->status(); }
    LogPos position() const override { return from_->position(); }

   private:
    void Hold() {
      if (holds_ && Valid()) static_cast<void>(base_->Expect(keyspace_, key()));
    }
    const std::unique_ptr<Iterator> from_;
    Transaction* const base_;
    const Keyspace keyspace_;
    const bool holds_;
  };
  std::unique_ptr<Iterator> NewIterator(const IteratorOptions& options,
                                        Keyspace keyspace) override {
    return std::make_unique<Showing>(beside_->NewIterator(options, keyspace), base_.get(), keyspace,
                                     isolation_ == Isolation::kSerializable);
  }
};

struct AWalkHoldsItsWholeKeyspace final : AsItIs {
  using AsItIs::AsItIs;
  std::unique_ptr<Iterator> NewIterator(const IteratorOptions& options,
                                        Keyspace keyspace) override {
    const auto all = base_->NewIterator({}, keyspace);
    for (all->SeekToFirst(); all->Valid();) all->Next();
    return base_->NewIterator(options, keyspace);
  }
};

// A put: it reads as if the key had what others see.
struct OwnWritesAreNotSeen final : AsItIs {
  using AsItIs::AsItIs;
  using Transaction::Get;
  Status Get(Keyspace keyspace, std::string_view key, PinnedValue* value) override {
    const Status seen = base_->Get(keyspace, key, value);
    return seen.ok() && key == own_ ? db_->Get({}, keyspace, key, value) : seen;
  }
  Status Put(Keyspace keyspace, std::string_view key, std::string_view value) override {
    const Status put = AsItIs::Put(keyspace, key, value);
    if (put.ok()) own_ = key;
    return put;
  }
  std::optional<std::string> own_;
};

// Until it writes itself.
struct ReadsNow final : AsItIs {
  using AsItIs::AsItIs;
  using Transaction::Get;
  Status Get(Keyspace keyspace, std::string_view key, PinnedValue* value) override {
    const Status held = base_->Get(keyspace, key, value);
    const bool lives = held.ok() || held.Is(StatusCode::kNotFound);
    return wrote_ || !lives ? held : db_->Get({}, keyspace, key, value);
  }
  Status Put(Keyspace keyspace, std::string_view key, std::string_view value) override {
    wrote_ = true;
    return base_->Put(keyspace, key, value);
  }
  bool wrote_ = false;
};

struct AnOwnPutLastsForEver final : AsItIs {
  using AsItIs::AsItIs;
  Status PutExpiring(Keyspace keyspace, std::string_view key, std::string_view value,
                     std::chrono::microseconds /*ttl*/) override {
    return AsItIs::PutExpiring(keyspace, key, value, kNoExpiry);
  }
};

struct ARollbackKeepsWrites final : AsItIs {
  using AsItIs::AsItIs;
  Status RollbackTo(Savepoint savepoint) override { return beside_->RollbackTo(savepoint); }
};

struct ARollbackTakesTooMuch final : AsItIs {
  using AsItIs::AsItIs;
  // The one before is what it goes back to.
  Status RollbackTo(Savepoint savepoint) override {
    Status status = base_->RollbackTo(savepoint);
    if (!status.ok() || savepoint == 1) return status;
    status = base_->RollbackTo(savepoint - 1);
    base_->SetSavepoint();
    return status;
  }
};

// What was read behind a savepoint.
struct ARollbackForgetsReads final : AsItIs {
  using AsItIs::AsItIs;
  using Transaction::Get;
  Status Get(Keyspace keyspace, std::string_view key, PinnedValue* value) override {
    return has_savepoint_ ? beside_->Get(keyspace, key, value) : base_->Get(keyspace, key, value);
  }
  Savepoint SetSavepoint() override {
    has_savepoint_ = true;
    return AsItIs::SetSavepoint();
  }
  bool has_savepoint_ = false;
};

struct MergesConflict final : AsItIs {
  using AsItIs::AsItIs;
  Status Merge(Keyspace keyspace, std::string_view key, std::string_view operand) override {
    const Status status = AsItIs::Merge(keyspace, key, operand);
    return status.ok() ? base_->Expect(keyspace, key) : status;
  }
};

struct AnExpectedKeyIsNotHeld final : AsItIs {
  using AsItIs::AsItIs;
  Status Expect(Keyspace keyspace, std::string_view key) override {
    return beside_->Expect(keyspace, key);
  }
};

// Changes what a refusal says.
template <char from, char to>
struct ARefusalSays final : AsItIs {
  using AsItIs::AsItIs;
  Result<LogPos> Commit(const WriteOptions& options) override {
    Result<LogPos> result = AsItIs::Commit(options);
    if (!result.status().Is(StatusCode::kConflict)) return result;
    std::string message(result.status().message());
    const size_t at = message.find(from == 'p' ? "at position " : "key ");
    message.insert(at + (from == 'p' ? 12 : 4), 1, to);
    return Status::Conflict(message);
  }
};

struct ARefusalTakesAPosition final : AsItIs {
  using AsItIs::AsItIs;
  Result<LogPos> Commit(const WriteOptions& options) override {
    Result<LogPos> result = AsItIs::Commit(options);
    if (result.status().Is(StatusCode::kConflict))
      static_cast<void>(db_->Write(options, WriteBatch()));
    return result;
  }
};

struct ItDoesNotEnd final : AsItIs {
  using AsItIs::AsItIs;
  Status Put(Keyspace keyspace, std::string_view key, std::string_view value) override {
    const Status status = AsItIs::Put(keyspace, key, value);
    return status.Is(StatusCode::kInvalidArgument) ? Status::Ok() : status;
  }
};

// It shows what was written since it was made.
struct IteratorsShowLaterWrites final : AsItIs {
  using AsItIs::AsItIs;
  struct Renewed final : Iterator {
    Renewed(Transaction* base, IteratorOptions options, Keyspace keyspace)
        : base_(base), options_(std::move(options)), keyspace_(keyspace) {
      Renew();
    }
    bool Valid() const override { return from_->Valid(); }
    void SeekToFirst() override { Renew(), from_->SeekToFirst(); }
    void SeekToLast() override { Renew(), from_->SeekToLast(); }
    void Seek(std::string_view target) override { Renew(), from_->Seek(target); }
    void SeekForPrev(std::string_view target) override { Renew(), from_->SeekForPrev(target); }
    void Next() override { from_->Next(); }
    void Prev() override { from_->Prev(); }
    std::string_view key() const override { return from_->key(); }
    std::string_view value() const override { return from_->value(); }
    Status status() const override { return from_->status(); }
    LogPos position() const override { return from_->position(); }

   private:
    void Renew() { from_ = base_->NewIterator(options_, keyspace_); }
    Transaction* const base_;
    const IteratorOptions options_;
    const Keyspace keyspace_;
    std::unique_ptr<Iterator> from_;
  };
  std::unique_ptr<Iterator> NewIterator(const IteratorOptions& options,
                                        Keyspace keyspace) override {
    return std::make_unique<Renewed>(base_.get(), options, keyspace);
  }
};

// ---- Of the one-call forms

struct PutsWhatIsThere final : ForwardingDb {
  using DB::PutIfAbsent;
  using ForwardingDb::ForwardingDb;
  Result<LogPos> PutIfAbsent(const WriteOptions& options, Keyspace keyspace, std::string_view key,
                             std::string_view value) override {
    return base()->Put(options, keyspace, key, value);
  }
};

struct ComparesSizes final : ForwardingDb {
  using DB::CompareAndPut;
  using ForwardingDb::ForwardingDb;
  Result<LogPos> CompareAndPut(const WriteOptions& options, Keyspace keyspace, std::string_view key,
                               std::string_view expected, std::string_view value) override {
    std::string there;
    if (base()->Get({}, keyspace, key, &there).ok() && there.size() == expected.size())
      return base()->Put(options, keyspace, key, value);
    return base()->CompareAndPut(options, keyspace, key, expected, value);
  }
};

struct DeletesWhateverItIs final : ForwardingDb {
  using DB::DeleteIf;
  using ForwardingDb::ForwardingDb;
  Result<LogPos> DeleteIf(const WriteOptions& options, Keyspace keyspace, std::string_view key,
                          std::string_view expected) override {
    std::string there;
    if (!base()->Get({}, keyspace, key, &there).ok())
      return base()->DeleteIf(options, keyspace, key, expected);
    return base()->Delete(options, keyspace, key);
  }
};

template <typename Faulty>
WrapDb PlantedIn() {
  return Planted<WithTransactions<Faulty>>();
}

class PlantedTransactions : public testing::TestWithParam<PlantedFault> {};

TEST_P(PlantedTransactions, AreFoundAndTheirListsMadeShort) { ExpectFound(GetParam()); }

INSTANTIATE_TEST_SUITE_P(
    Each, PlantedTransactions,
    testing::Values(
        PlantedFault{"ReadsAreNotHeld", PlantedIn<ReadsAreNotHeld>()},
        PlantedFault{"ReadsAreHeldAlways", PlantedIn<ReadsAreHeldAlways>()},
        PlantedFault{"AMissedKeyIsNotHeld", PlantedIn<AMissedKeyIsNotHeld>()},
        PlantedFault{"ScansAreNotHeld", PlantedIn<ScansAreNotHeld>()},
        PlantedFault{"OnlyShownKeysAreHeld", PlantedIn<OnlyShownKeysAreHeld>()},
        PlantedFault{"AWalkHoldsItsWholeKeyspace", PlantedIn<AWalkHoldsItsWholeKeyspace>()},
        PlantedFault{"OwnWritesAreNotSeen", PlantedIn<OwnWritesAreNotSeen>()},
        PlantedFault{"ReadsNow", PlantedIn<ReadsNow>()},
        PlantedFault{"AnOwnPutLastsForEver", PlantedIn<AnOwnPutLastsForEver>()},
        PlantedFault{"ARollbackKeepsWrites", PlantedIn<ARollbackKeepsWrites>()},
        PlantedFault{"ARollbackTakesTooMuch", PlantedIn<ARollbackTakesTooMuch>()},
        PlantedFault{"ARollbackForgetsReads", PlantedIn<ARollbackForgetsReads>()},
        PlantedFault{"MergesConflict", PlantedIn<MergesConflict>()},
        PlantedFault{"AnExpectedKeyIsNotHeld", PlantedIn<AnExpectedKeyIsNotHeld>()},
        PlantedFault{"ARefusalNamesAnotherKey", PlantedIn<ARefusalSays<'k', '~'>>()},
        PlantedFault{"ARefusalNamesAnotherPosition", PlantedIn<ARefusalSays<'p', '1'>>()},
        PlantedFault{"ARefusalTakesAPosition", PlantedIn<ARefusalTakesAPosition>()},
        PlantedFault{"ItDoesNotEnd", PlantedIn<ItDoesNotEnd>()},
        PlantedFault{"IteratorsShowLaterWrites", PlantedIn<IteratorsShowLaterWrites>()},
        PlantedFault{"PutIfAbsentPutsWhatIsThere", Planted<PutsWhatIsThere>()},
        PlantedFault{"CompareAndPutComparesSizes", Planted<ComparesSizes>()},
        PlantedFault{"DeleteIfDeletesWhateverItIs", Planted<DeletesWhateverItIs>()}),
    [](const auto& fault) { return fault.param.name; });

TEST(PlantedTransaction, NoneIsFoundWhereNoneIs) { ExpectNoneFound(PlantedIn<AsItIs>()); }

}  // namespace
}  // namespace logwood::test
