// The engine's transactions, recorded and judged: with many threads, under flushes and compactions;
// and without validation, which must be noticed.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <memory>
#include <string>
#include <thread>

#include "logwood/db.h"
#include "tests/support/environment.h"
#include "tests/support/generators.h"
#include "tests/support/history_workload.h"
#include "tests/support/option_sets.h"
#include "tests/support/sanitizers.h"
#include "tests/support/status_assert.h"
#include "util/coding.h"

namespace logwood::test {
namespace {

std::string KeyBytes(uint64_t key) {
  std::string bytes;
  for (int shift = 56; shift >= 0; shift -= 8) bytes += static_cast<char>(key >> shift);
  return bytes;
}
uint64_t KeyNumber(std::string_view bytes) {
  uint64_t key = 0;
  for (const char byte : bytes) key = key << 8 | static_cast<uint8_t>(byte);
  return key;
}
std::vector<uint64_t> ListOf(std::string_view value) {
  std::vector<uint64_t> list;
  for (; value.size() >= 8; value.remove_prefix(8))
    list.push_back(LoadFixed<uint64_t>(value.data()));
  return list;
}

// A defect: what is promised is not what is asked of the engine.
enum class MissingCheck { kNone, kSnapshotOnly, kNoValidation };

class EngineStore : public TransactionalStore {
 public:
  EngineStore(DB* db, MissingCheck missing) : db_(db), missing_(missing) {}

  class Open : public Transaction {
   public:
    Open(DB* db, Isolation isolation, bool by_hand) : db_(db) {
      auto begun = db->BeginTransaction({.isolation = isolation});
      EXPECT_OK(begun.status());
      transaction_ = std::move(begun).value();
      if (by_hand) blind_ = std::make_unique<WriteBatch>();
    }
    LogPos snapshot() const override { return transaction_->position(); }
    std::vector<uint64_t> Get(uint64_t key) override {
      std::string value;
      const Status status = transaction_->Get(KeyBytes(key), &value);
      EXPECT_TRUE(status.ok() || status.Is(StatusCode::kNotFound)) << status.ToString();
      return ListOf(value);
    }
    std::vector<Row> Scan(uint64_t begin, uint64_t end) override {
      IteratorOptions within;
      within.lower = KeyBytes(begin);
      within.upper = KeyBytes(end);
      const auto it = transaction_->NewIterator(within);
      std::vector<Row> rows;
      for (it->SeekToFirst(); it->Valid(); it->Next()) {
        rows.emplace_back(KeyNumber(it->key()), ListOf(it->value()).back());
      }
      EXPECT_OK(it->status());
      return rows;
    }
    void Write(uint64_t key, uint64_t value) override { Set(key, {value}); }
    void Append(uint64_t key, uint64_t value) override {
      std::vector<uint64_t> list = Get(key);
      list.push_back(value);
      Set(key, list);
    }
    void Delete(uint64_t key) override {
      EXPECT_OK(transaction_->Delete(KeyBytes(key)));
      writes_ = true;
      if (blind_) blind_->Delete(KeyBytes(key));
    }
    void DeleteRange(uint64_t begin, uint64_t end) override {
      EXPECT_OK(transaction_->DeleteRange(KeyBytes(begin), KeyBytes(end)));
      writes_ |= begin < end;
      if (blind_) blind_->DeleteRange(KeyBytes(begin), KeyBytes(end));
    }
    HistoryOutcome Commit(LogPos* position) override {
      Result<LogPos> committed = blind_ == nullptr ? transaction_->Commit({})
                                 : blind_->empty() ? Result<LogPos>(transaction_->position())
                                                   : db_->Write({}, *blind_);
      if (committed.status().Is(StatusCode::kConflict)) return HistoryOutcome::kAborted;
      EXPECT_OK(committed.status());
      *position = writes_ ? *committed : 0;
      return HistoryOutcome::kCommitted;
    }
    void Rollback() override { transaction_->Rollback(); }

   private:
    void Set(uint64_t key, const std::vector<uint64_t>& list) {
      std::string value;
      for (const uint64_t element : list) PutFixed64(&value, element);
      EXPECT_OK(transaction_->Put(KeyBytes(key), value));
      if (blind_) blind_->Put(KeyBytes(key), value);
      writes_ = true;
    }

    DB* const db_;
    std::unique_ptr<logwood::Transaction> transaction_;
    std::unique_ptr<WriteBatch> blind_;  // committed in its place, without validation
    bool writes_ = false;
  };

  std::unique_ptr<Transaction> Begin(HistoryLevel level) override {
    const bool is_snapshot =
        level == HistoryLevel::kSnapshot || missing_ == MissingCheck::kSnapshotOnly;
    return std::make_unique<Open>(db_,
                                  is_snapshot ? Isolation::kSnapshot : Isolation::kSerializable,
                                  missing_ == MissingCheck::kNoValidation);
  }

 private:
  DB* const db_;
  const MissingCheck missing_;
};

HistoryReport RunOnEngine(const HistoryWorkload& workload, MissingCheck missing) {
  const auto fs = FileSystem::InMemory();
  Options options;
  options.file_system = fs.get();
  options.memory_budget_bytes = 32 << 20;
  options.tuning.memtable_bytes = 8 << 10;
  options.tuning.table_bytes = 8 << 10;
  auto db = DB::Open(options, "db");
  EXPECT_OK(db.status());
  std::atomic<bool> done{false};
  std::thread tends;
  if (workload.threads) {
    tends = std::thread([&] {
      for (int n = 0; !done.load(); ++n) {
        EXPECT_OK((*db)->Flush());
        if (n % 4 == 0) {
          EXPECT_OK((*db)->CompactAll({}));
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(2));
      }
    });
  }
  EngineStore store(db->get(), missing);
  const TransactionHistory history = RunWorkload(workload, &store);
  done.store(true);
  if (tends.joinable()) tends.join();
  return CheckHistory(history);
}

constexpr std::optional<HistoryLevel> kEngineLevels[] = {HistoryLevel::kSnapshot,
                                                         HistoryLevel::kSerializable, std::nullopt};

TEST(EngineHistory, OfConcurrentTransactionsIsWhatTheyAskedFor) {
  const uint64_t rounds = EnvironmentNumber("LOGWOOD_HISTORIES", kSanitized ? 1 : 4);
  const uint64_t first_seed = EnvironmentNumber("LOGWOOD_SEED", 1);
  uint64_t edges = 0;
  for (uint64_t i = 0; i < rounds; ++i) {
    for (const std::optional<HistoryLevel> level : kEngineLevels) {
      const uint64_t seed = MixSeeds(first_seed, i);
      const HistoryReport report =
          RunOnEngine({.seed = seed, .transactions = 150, .level = level, .threads = true},
                      MissingCheck::kNone);
      ASSERT_TRUE(report.ok()) << "seed " << seed << "\n" << report.Text();
      edges += report.edges;
    }
  }
  EXPECT_GT(edges, 1000u);
}

TEST(EngineHistory, OfTransactionsByTurnsIsWhatTheyAskedFor) {
  const uint64_t rounds = EnvironmentNumber("LOGWOOD_HISTORIES", kSanitized ? 4 : 20);
  const uint64_t first_seed = EnvironmentNumber("LOGWOOD_SEED", 1);
  for (uint64_t i = 0; i < rounds; ++i) {
    for (const std::optional<HistoryLevel> level : kEngineLevels) {
      const uint64_t seed = MixSeeds(first_seed, i);
      const HistoryReport report = RunOnEngine({.seed = seed, .level = level}, MissingCheck::kNone);
      ASSERT_TRUE(report.ok()) << "seed " << seed << "\n" << report.Text();
    }
  }
}

// Fewer checks than were promised must be noticed.
TEST(EngineHistory, WithoutValidationIsNoticed) {
  bool skew = false, lost = false;
  for (uint64_t seed = 1; seed <= 20 && !(skew && lost); ++seed) {
    const HistoryWorkload workload{.seed = seed};
    const HistoryReport snapshots = RunOnEngine(workload, MissingCheck::kSnapshotOnly);
    skew |= snapshots.Has(HistoryAnomaly::kG2Item) || snapshots.Has(HistoryAnomaly::kG2);
    const HistoryReport blind = RunOnEngine(workload, MissingCheck::kNoValidation);
    lost |= blind.Has(HistoryAnomaly::kLostUpdate);
  }
  EXPECT_TRUE(skew);
  EXPECT_TRUE(lost);
}

}  // namespace
}  // namespace logwood::test
