// Transactions: what they see, what is refused, and what they leave.
#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "logwood/simulated_file_system.h"
#include "tests/support/database_fixture.h"
#include "util/random.h"

namespace logwood::test {
namespace {

class Transactions : public DatabaseTest {
 protected:
  using Rows = std::map<std::string, std::string>;

  std::unique_ptr<Transaction> Begin(Isolation isolation = Isolation::kSerializable) {
    Result<std::unique_ptr<Transaction>> begun = db_->BeginTransaction({.isolation = isolation});
    EXPECT_OK(begun.status());
    return std::move(begun).value();
  }
  static std::string Seen(Transaction* transaction, std::string_view key) {
    std::string value;
    const Status status = transaction->Get(key, &value);
    return status.ok() ? value : "<" + std::string(StatusCodeName(status.code())) + ">";
  }
  static Rows Scanned(Transaction* transaction, bool forward = true) {
    return RowsOf(transaction->NewIterator({}).get(), forward);
  }
};

TEST_F(Transactions, SeeTheirSnapshotAndTheirOwnWrites) {
  options_.keyspaces["default"].merge_operator = MergeOperator::Append(",");
  Open();
  ASSERT_OK(db_->Put({}, "a", "1"));
  ASSERT_OK(db_->Put({}, "b", "1"));
  ASSERT_OK(db_->Put({}, "d", "1"));
  const auto transaction = Begin();
  ASSERT_OK(db_->Put({}, "a", "2"));
  ASSERT_OK(db_->Put({}, "c", "2"));
  EXPECT_EQ(Seen(transaction.get(), "a"), "1");
  EXPECT_EQ(Seen(transaction.get(), "c"), "<NotFound>");
  ASSERT_OK(transaction->Put("a", "own"));
  ASSERT_OK(transaction->Delete("b"));
  ASSERT_OK(transaction->Merge("d", "own"));
  ASSERT_OK(transaction->Merge("e", "own"));
  EXPECT_EQ(Seen(transaction.get(), "a"), "own");
  EXPECT_EQ(Seen(transaction.get(), "b"), "<NotFound>");
  EXPECT_EQ(Seen(transaction.get(), "d"), "1,own");
  const Rows rows{{"a", "own"}, {"d", "1,own"}, {"e", "own"}};
  EXPECT_EQ(Scanned(transaction.get()), rows);
  EXPECT_EQ(Scanned(transaction.get(), false), rows);
  ASSERT_OK(transaction->DeleteRange("a", "e"));
  ASSERT_OK(transaction->Put("b", "again"));
  const Rows fewer{{"b", "again"}, {"e", "own"}};
  EXPECT_EQ(Scanned(transaction.get()), fewer);
  EXPECT_EQ(Scanned(transaction.get(), false), fewer);
  EXPECT_EQ(Value("a"), "2");
  EXPECT_EQ(Value("b"), "1");
}

TEST_F(Transactions, AreOneCommitOrNone) {
  Open();
  ASSERT_OK(db_->Put({}, "a", "1"));
  auto transaction = Begin();
  ASSERT_OK(transaction->Put("a", "2"));
  ASSERT_OK(transaction->Put("b", "2"));
  const LogPos before = db_->LastPosition();
  ASSERT_OK_AND_ASSIGN(const LogPos position, transaction->Commit({}));
  EXPECT_EQ(position, before + 1);
  EXPECT_EQ(Value("a"), "2");
  EXPECT_EQ(Value("b"), "2");
  EXPECT_STATUS(kInvalidArgument, transaction->Put("a", "3"));
  EXPECT_STATUS(kInvalidArgument, transaction->Commit({}).status());
  // Refused, and no position is lost.
  transaction = Begin();
  EXPECT_EQ(Seen(transaction.get(), "a"), "2");
  ASSERT_OK(transaction->Put("c", "3"));
  ASSERT_OK(db_->Put({}, "a", "4"));
  const Status refused = transaction->Commit({}).status();
  EXPECT_STATUS(kConflict, refused);
  EXPECT_NE(refused.message().find("key \"a\" "), std::string_view::npos) << refused.ToString();
  EXPECT_NE(refused.message().find("position " + std::to_string(position + 1)),
            std::string_view::npos);
  EXPECT_EQ(db_->LastPosition(), position + 1);
  EXPECT_EQ(Value("c"), "<NotFound>");
  // Left alone, too; and one that only reads takes none.
  ASSERT_OK(Begin()->Put("d", "1"));
  transaction = Begin();
  EXPECT_EQ(Seen(transaction.get(), "a"), "4");
  ASSERT_OK(db_->Put({}, "a", "5"));
  ASSERT_OK_AND_ASSIGN(const LogPos read_at, transaction->Commit({}));
  EXPECT_EQ(read_at, position + 1);
  EXPECT_EQ(Value("d"), "<NotFound>");
  Reopen();
  EXPECT_EQ(Value("a"), "5");
  EXPECT_EQ(Value("b"), "2");
}

class TransactionPairs : public Transactions {
 protected:
  enum Read {
    kGet,
    kFirst,
    kLast,
    kSeek,
    kSeekForPrev,
    kExpect,
    kOtherKey,
    kOtherKeyspace,
    kReads
  };
  enum Write { kPut, kDelete, kDeleteRange, kMerge, kPutOther, kDrop, kWrites };

  static Status Do(Read read, Transaction* transaction, Keyspace rows) {
    std::string value;
    IteratorOptions within;
    within.lower = "k";
    within.upper = "n";
    const auto it = transaction->NewIterator(within, rows);
    if (read == kGet) return transaction->Get(rows, "m", &value);
    if (read == kExpect) return transaction->Expect(rows, "m");
    if (read == kOtherKey) return transaction->Get(rows, "b", &value);
    if (read == kOtherKeyspace) return transaction->Get("b", &value);
    if (read == kFirst) it->SeekToFirst();
    if (read == kLast) it->SeekToLast();
    if (read == kSeek) it->Seek("l");
    if (read == kSeekForPrev) it->SeekForPrev("mm");
    return it->status();
  }
  Status Do(Write write, Keyspace rows) {
    if (write == kPut) return db_->Put({}, rows, "m", "2").status();
    if (write == kDelete) return db_->Delete({}, rows, "m").status();
    if (write == kDeleteRange) return db_->DeleteRange({}, rows, "c", "n").status();
    if (write == kMerge) return db_->Merge({}, rows, "m", "2").status();
    if (write == kPutOther) return db_->Put({}, rows, "x", "2").status();
    return db_->DropKeyspace({}, "rows").status();
  }
};

// Each pair is one transaction's read and what somebody else writes meanwhile.
TEST_F(TransactionPairs, AreHeldAgainstEachKindOfWrite) {
  options_.keyspaces["rows"].merge_operator = MergeOperator::Append(",");
  for (int pair = 0; pair < 2 * kReads * kWrites; ++pair) {
    const bool flushed = pair % 2 != 0;
    const auto read = static_cast<Read>(pair / 2 % kReads);
    const auto write = static_cast<Write>(pair / 2 / kReads);
    SCOPED_TRACE(std::to_string(write) + " " + std::to_string(read) + (flushed ? " flushed" : ""));
    Open();
    ASSERT_OK_AND_ASSIGN(const Keyspace rows, db_->CreateKeyspace({}, "rows"));
    for (const char* key : {"b", "m", "x"}) ASSERT_OK(db_->Put({}, rows, key, "1"));
    ASSERT_OK(db_->Put({}, "b", "1"));
    ASSERT_OK(db_->Flush());
    const auto transaction =
        Begin(read == kExpect ? Isolation::kSnapshot : Isolation::kSerializable);
    ASSERT_OK(Do(read, transaction.get(), rows));
    ASSERT_OK(transaction->Put("other", "1"));
    ASSERT_OK(Do(write, rows));
    if (flushed) {
      ASSERT_OK(db_->Flush());
      ASSERT_OK(db_->CompactAll({}));
    }
    const bool relies =
        read != kOtherKeyspace && (write == kDrop || (write != kPutOther && read != kOtherKey));
    EXPECT_EQ(relies ? StatusCode::kConflict : StatusCode::kOk,
              transaction->Commit({}).status().code());
    Close();
    ASSERT_OK(DB::Destroy(options_, path_));
  }
}

TEST_F(Transactions, ReadOnBehindADropButRelyOnNothingOfIt) {
  Open();
  ASSERT_OK_AND_ASSIGN(const Keyspace rows, db_->CreateKeyspace({}, "rows"));
  ASSERT_OK(db_->Put({}, rows, "k", "1"));
  const auto only_reads = Begin(), writes = Begin(), puts = Begin(Isolation::kSnapshot);
  ASSERT_OK_AND_ASSIGN(const LogPos dropped, db_->DropKeyspace({}, "rows"));
  for (const auto& transaction : {only_reads.get(), writes.get()}) {
    std::string value;
    ASSERT_OK(transaction->Get(rows, "k", &value));
    EXPECT_EQ(value, "1");
    const auto it = transaction->NewIterator({}, rows);
    EXPECT_EQ(RowsOf(it.get()), (Rows{{"k", "1"}}));
  }
  ASSERT_OK(only_reads->Commit({}).status());
  ASSERT_OK(writes->Put("copy", "1"));
  const Status refused = writes->Commit({}).status();
  EXPECT_STATUS(kConflict, refused);
  EXPECT_NE(refused.message().find("keyspace \"rows\" was dropped at position " +
                                   std::to_string(dropped)),
            std::string_view::npos)
      << refused.ToString();
  ASSERT_OK(puts->Put(rows, "k", "2"));
  EXPECT_STATUS(kConflict, puts->Commit({}).status());
  // One that begins behind the drop has nothing to rely on.
  const auto later = Begin();
  ASSERT_OK(later->Put(rows, "k", "2"));
  EXPECT_STATUS(kInvalidArgument, later->Commit({}).status());
  EXPECT_EQ(db_->LastPosition(), dropped);
}

TEST_F(Transactions, OfSnapshotIsolationMaySkewButNotOverwrite) {
  Open();
  ASSERT_OK(db_->Put({}, "a", "1"));
  ASSERT_OK(db_->Put({}, "b", "1"));
  for (const Isolation isolation : {Isolation::kSnapshot, Isolation::kSerializable}) {
    const auto first = Begin(isolation), second = Begin(isolation);
    EXPECT_EQ(Seen(first.get(), "a"), Seen(second.get(), "a"));
    EXPECT_EQ(Seen(first.get(), "b"), Seen(second.get(), "b"));
    ASSERT_OK(first->Put("a", "2"));
    ASSERT_OK(second->Put("b", "2"));
    ASSERT_OK(first->Commit({}).status());
    EXPECT_EQ(second->Commit({}).status().code(),
              isolation == Isolation::kSnapshot ? StatusCode::kOk : StatusCode::kConflict);
  }
  const auto first = Begin(Isolation::kSnapshot), second = Begin(Isolation::kSnapshot);
  ASSERT_OK(first->Put("a", "3"));
  ASSERT_OK(second->DeleteRange("a", "c"));
  ASSERT_OK(first->Commit({}).status());
  EXPECT_STATUS(kConflict, second->Commit({}).status());
  const auto expects = Begin(Isolation::kSnapshot);
  ASSERT_OK(expects->Expect(Keyspace(), "a"));
  ASSERT_OK(expects->Put("z", "1"));
  ASSERT_OK(db_->Put({}, "a", "4"));
  EXPECT_STATUS(kConflict, expects->Commit({}).status());
}

// Though it writes elsewhere: what was read would not be there any more.
TEST_F(Transactions, AreRefusedWhenAKeyspaceThatTheyReadIsDropped) {
  Open();
  for (int read = 0; read < 3; ++read) {
    ASSERT_OK_AND_ASSIGN(const Keyspace side, db_->CreateKeyspace({}, "side"));
    ASSERT_OK(db_->Put({}, side, "a", "1"));
    const auto transaction = Begin(read == 2 ? Isolation::kSnapshot : Isolation::kSerializable);
    const auto it = transaction->NewIterator({}, side);
    std::string value;
    if (read == 1) {
      it->SeekToFirst();
    } else {
      EXPECT_OK(transaction->Get(side, "a", &value));
    }
    ASSERT_OK(transaction->Put("b", "1"));
    ASSERT_OK_AND_ASSIGN(const LogPos dropped, db_->DropKeyspace({}, "side"));
    const Status answer = transaction->Commit({}).status();
    // The other level holds no reads.
    if (read == 2) {
      EXPECT_OK(answer);
      continue;
    }
    EXPECT_STATUS(kConflict, answer);
    EXPECT_NE(answer.message().find("dropped at position " + std::to_string(dropped)),
              std::string_view::npos)
        << answer.ToString();
    // One that begins later reads that there is none.
    const auto later = Begin();
    EXPECT_STATUS(kInvalidArgument, later->Get(side, "a", &value));
    ASSERT_OK(later->Put("b", "2"));
    EXPECT_OK(later->Commit({}).status());
  }
}

TEST_F(Transactions, GoBackToASavepoint) {
  Open();
  const auto transaction = Begin();
  ASSERT_OK(transaction->Put("a", "1"));
  const auto first = transaction->SetSavepoint();
  ASSERT_OK(transaction->Put("a", "2"));
  ASSERT_OK(transaction->DeleteRange("a", std::nullopt));
  ASSERT_OK(transaction->Put("b", "2"));
  const auto second = transaction->SetSavepoint();
  const auto it = transaction->NewIterator({});
  ASSERT_OK(transaction->RollbackTo(first));
  EXPECT_STATUS(kInvalidArgument, transaction->RollbackTo(second));
  it->SeekToFirst();
  ASSERT_TRUE(it->Valid());
  EXPECT_EQ(it->key(), "b");  // made before
  EXPECT_EQ(Scanned(transaction.get()), (Rows{{"a", "1"}}));
  ASSERT_OK(transaction->Put("c", "3"));
  ASSERT_OK(transaction->RollbackTo(first));
  ASSERT_OK(transaction->Put("d", "4"));
  ASSERT_OK(transaction->Commit({}).status());
  EXPECT_EQ(Value("a"), "1");
  EXPECT_EQ(Value("b"), "<NotFound>");
  EXPECT_EQ(Value("c"), "<NotFound>");
  EXPECT_EQ(Value("d"), "4");
}

TEST_F(Transactions, AreRefusedWhenTheyGetTooLarge) {
  options_.memory_budget_bytes = 8 << 20;
  options_.tuning.memtable_bytes = 64 << 10;
  Open();
  const auto writer = Begin();
  const std::string value(64 << 10, 'v');
  Status status;
  int puts = 0;
  for (; puts < 1000 && status.ok(); ++puts) status = writer->Put(std::to_string(puts), value);
  EXPECT_STATUS(kInvalidArgument, status);
  EXPECT_GT(puts, 10);
  EXPECT_EQ(writer->Commit({}).status().ToString(), status.ToString());
  EXPECT_EQ(Value("0"), "<NotFound>");
  // Who goes back before the write that did not fit commits the others.
  const auto again = Begin();
  for (int i = 0; i < puts - 1; ++i) ASSERT_OK(again->Put(std::to_string(i), value));
  const Transaction::Savepoint fits = again->SetSavepoint();
  EXPECT_STATUS(kInvalidArgument, again->Put(std::to_string(puts - 1), value));
  ASSERT_OK(again->RollbackTo(fits));
  ASSERT_OK(again->Commit({}).status());
  EXPECT_EQ(Value(std::to_string(puts - 1)), "<NotFound>");
  EXPECT_EQ(Value(std::to_string(puts - 2)), value);
  ASSERT_OK(db_->Flush());  // or the memtable leaves no room
  const auto reader = Begin();
  std::string found;
  status = Status::Ok();
  for (int reads = 0; reads < 1'000'000 && (status.ok() || status.Is(StatusCode::kNotFound));
       ++reads)
    status = reader->Get("key that is long enough " + std::to_string(reads), &found);
  EXPECT_STATUS(kInvalidArgument, status);
}

// Half of what was meant is not what was meant.
TEST_F(Transactions, WithARefusedWriteCommitNothing) {
  options_.keyspaces["default"].merge_operator = MergeOperator::AddInt64();
  Open();
  const std::string too_long(kKeyBytesMax + 1, 'k');
  const std::string long_note(kNoteBytesMax + 1, 'n');
  const auto refused = [&](int write, Transaction* transaction) {
    switch (write) {
      case 0:
        return transaction->Put(too_long, "1");
      case 1:
        return transaction->Delete(too_long);
      case 2:
        return transaction->DeleteRange("b", "a");
      case 3:
        return transaction->Merge("n", "no number");
      default:
        return transaction->Note(long_note);
    }
  };
  const LogPos last = db_->LastPosition();
  for (int write = 0; write < 5; ++write) {
    SCOPED_TRACE(write);
    auto transaction = Begin();
    ASSERT_OK(transaction->Put("a", "1"));
    const Status first = refused(write, transaction.get());
    EXPECT_STATUS(kInvalidArgument, first);
    ASSERT_OK(transaction->Put("b", "1"));
    EXPECT_STATUS(kInvalidArgument, refused((write + 1) % 5, transaction.get()));
    EXPECT_EQ(transaction->Commit({}).status().ToString(), first.ToString());
    EXPECT_EQ(db_->LastPosition(), last);
    EXPECT_STATUS(kInvalidArgument, transaction->Put("a", "1"));
    // Without another write, too.
    transaction = Begin();
    EXPECT_STATUS(kInvalidArgument, refused(write, transaction.get()));
    EXPECT_STATUS(kInvalidArgument, transaction->Commit({}).status());
  }
}

TEST_F(Transactions, ASavepointFromBeforeARefusedWriteForgetsIt) {
  Open();
  const std::string too_long(kKeyBytesMax + 1, 'k');
  auto transaction = Begin();
  ASSERT_OK(transaction->Put("a", "1"));
  const Transaction::Savepoint before = transaction->SetSavepoint();
  EXPECT_STATUS(kInvalidArgument, transaction->Put(too_long, "1"));
  const Transaction::Savepoint behind = transaction->SetSavepoint();
  ASSERT_OK(transaction->Put("b", "1"));
  ASSERT_OK(transaction->RollbackTo(behind));
  ASSERT_OK(transaction->RollbackTo(before));
  ASSERT_OK(transaction->Commit({}));
  EXPECT_EQ(Value("a"), "1");
  transaction = Begin();
  EXPECT_STATUS(kInvalidArgument, transaction->Put(too_long, "1"));
  const Transaction::Savepoint later = transaction->SetSavepoint();
  ASSERT_OK(transaction->RollbackTo(later));
  EXPECT_STATUS(kInvalidArgument, transaction->Commit({}).status());
}

TEST_F(Transactions, ConflictsNameKeyspaceAndKey) {
  Open();
  ASSERT_OK_AND_ASSIGN(const Keyspace other, db_->CreateKeyspace({}, "ot\ther"));
  const auto said = [](const Result<LogPos>& refused) {
    EXPECT_STATUS(kConflict, refused.status());
    return std::string(refused.status().message());
  };
  ASSERT_OK(db_->Put({}, other, "", "1"));
  const std::string key = "key \"\" of keyspace \"ot\\ther\"";
  EXPECT_EQ(said(db_->PutIfAbsent({}, other, "", "2")), key + ": it is there");
  EXPECT_EQ(said(db_->CompareAndPut({}, other, "", "2", "3")), key + ": it has another value");
  EXPECT_EQ(said(db_->DeleteIf({}, Keyspace(), "none", "2")),
            "key \"none\" of keyspace \"default\": it is not there");
  const auto transaction = Begin();
  ASSERT_OK(transaction->Expect(other, ""));
  ASSERT_OK(transaction->Put("a", "1"));
  ASSERT_OK(db_->Put({}, other, "", "2"));
  EXPECT_EQ(said(transaction->Commit({})),
            key + " was written at position 3; the transaction reads at position 2");
}

TEST_F(Transactions, OutliveTheirDatabase) {
  Open();
  const auto transaction = Begin();
  ASSERT_OK(transaction->Put("a", "1"));
  Close();
  EXPECT_EQ(Seen(transaction.get(), "a"), "<Closed>");
  EXPECT_STATUS(kClosed, transaction->Put("a", "1"));
  EXPECT_STATUS(kClosed, transaction->Commit({}).status());
}

TEST_F(Transactions, OneCallForms) {
  Open();
  ASSERT_OK(db_->PutIfAbsent({}, Keyspace(), "a", "1"));
  EXPECT_STATUS(kConflict, db_->PutIfAbsent({}, Keyspace(), "a", "2").status());
  EXPECT_STATUS(kConflict, db_->CompareAndPut({}, Keyspace(), "a", "2", "3").status());
  ASSERT_OK(db_->CompareAndPut({}, Keyspace(), "a", "1", "3"));
  EXPECT_STATUS(kConflict, db_->CompareAndPut({}, Keyspace(), "none", "", "3").status());
  EXPECT_STATUS(kConflict, db_->DeleteIf({}, Keyspace(), "a", "1").status());
  ASSERT_OK(db_->DeleteIf({}, Keyspace(), "a", "3"));
  EXPECT_EQ(Value("a"), "<NotFound>");
  EXPECT_EQ(db_->LastPosition(), 3u);
}

TEST_F(Transactions, AreCounted) {
  Open();
  const auto counts = [this] {
    const Stats stats = db_->GetStats();
    return std::vector<uint64_t>{stats.transaction_commits, stats.transaction_conflicts,
                                 stats.conditions_refused};
  };
  using Counts = std::vector<uint64_t>;
  ASSERT_OK(db_->Put({}, "a", "1"));
  EXPECT_EQ(counts(), (Counts{0, 0, 0})) << "a write by itself is none";
  {
    const auto first = Begin(), second = Begin(), reader = Begin(), undone = Begin();
    for (Transaction* transaction : {first.get(), second.get(), reader.get(), undone.get()}) {
      EXPECT_EQ(Seen(transaction, "a"), "1");
    }
    for (Transaction* transaction : {first.get(), second.get(), undone.get()}) {
      ASSERT_OK(transaction->Put("a", "2"));
    }
    ASSERT_OK(first->Commit({}));
    EXPECT_STATUS(kConflict, second->Commit({}).status());
    EXPECT_STATUS(kInvalidArgument, second->Commit({}).status());
    ASSERT_OK(reader->Commit({}));
    undone->Rollback();
  }
  EXPECT_EQ(counts(), (Counts{1, 1, 0})) << "neither what wrote nothing nor what was rolled back";
  const auto skewed = Begin(Isolation::kSnapshot);
  ASSERT_OK(skewed->Put("a", "3"));
  ASSERT_OK(db_->Delete({}, "a"));
  EXPECT_STATUS(kConflict, skewed->Commit({}).status());
  EXPECT_EQ(counts(), (Counts{1, 2, 0}));

  ASSERT_OK(db_->PutIfAbsent({}, Keyspace(), "b", "1"));
  ASSERT_OK(db_->CompareAndPut({}, Keyspace(), "b", "1", "2"));
  EXPECT_STATUS(kConflict, db_->PutIfAbsent({}, Keyspace(), "b", "1").status());
  EXPECT_STATUS(kConflict, db_->CompareAndPut({}, Keyspace(), "b", "1", "2").status());
  EXPECT_STATUS(kConflict, db_->DeleteIf({}, Keyspace(), "b", "1").status());
  EXPECT_STATUS(kConflict, db_->DeleteIf({}, Keyspace(), "c", "1").status());
  ASSERT_OK(db_->DeleteIf({}, Keyspace(), "b", "2"));
  EXPECT_EQ(counts(), (Counts{4, 2, 4}));
  const Stats stats = db_->GetStats();
  EXPECT_EQ(stats.commits, 6u);
  EXPECT_EQ(stats.commits, stats.last_position);
}

// While it is asked for a value, somebody else writes to the key.
class Disturbed : public MergeOperator {
 public:
  std::string_view name() const override { return "test.disturbed"; }
  uint32_t version() const override { return 1; }
  bool Merge(std::string_view older, std::string_view, std::string* result) const override {
    result->assign(older);
    return true;
  }
  bool Finish(std::string*) const override {
    if (disturbances-- > 0) std::thread(disturb).join();
    return true;
  }
  mutable int disturbances = 0;
  std::function<void()> disturb;
};

TEST_F(Transactions, ThatOneCallTriesAgainCountAsConflicts) {
  const auto disturbed = std::make_shared<Disturbed>();
  options_.keyspaces["k"].merge_operator = disturbed;
  Open();
  ASSERT_OK_AND_ASSIGN(const Keyspace keyspace, db_->CreateKeyspace({}, "k"));
  ASSERT_OK(db_->Merge({}, keyspace, "a", "1"));
  disturbed->disturb = [&] { EXPECT_OK(db_->Merge({}, keyspace, "a", "x")); };
  disturbed->disturbances = 3;
  ASSERT_OK(db_->CompareAndPut({}, keyspace, "a", "1", "2"));
  const Stats stats = db_->GetStats();
  EXPECT_EQ(stats.transaction_commits, 1u);
  EXPECT_EQ(stats.transaction_conflicts, 3u);
  EXPECT_EQ(stats.conditions_refused, 0u);
}

TEST_F(Transactions, AreCountedWhereTheyAreInTheHistory) {
  SimulatedFileSystem disk;
  options_.file_system = &disk;
  Open();
  FileOp failing = FileOp::kStore;
  disk.SetFault([&failing](FileOp op, const std::string& path) {
    return op == failing && path.ends_with(".log") ? Status::NoSpace("full") : Status::Ok();
  });
  const auto commit = [this] {
    const auto transaction = Begin();
    EXPECT_OK(transaction->Put("a", "1"));
    return transaction->Commit({.durability = Durability::kPower}).status();
  };
  EXPECT_STATUS(kNoSpace, commit());
  EXPECT_EQ(db_->GetStats().transaction_commits, 0u) << "it could not be stored";
  std::string value;
  EXPECT_STATUS(kNotFound, db_->Get({}, "a", &value));
  failing = FileOp::kSync;
  EXPECT_STATUS(kNoSpace, commit());
  // As docs/guide/transactions.md says: it stays, and the next one is refused.
  EXPECT_EQ(Value("a"), "1");
  EXPECT_STATUS(kReadOnly, commit());
  const Stats stats = db_->GetStats();
  EXPECT_EQ(stats.transaction_commits, 1u) << "it was, and is not known to be durable";
  EXPECT_EQ(stats.commits, 1u);
  EXPECT_EQ(stats.transaction_conflicts, 0u);
  disk.SetFault({});
  db_.reset();
  Open();
  EXPECT_EQ(Value("a"), "1");
  EXPECT_EQ(db_->LastPosition(), 1u);
  db_.reset();
}

TEST_F(Transactions, ConcurrentCountersLoseNothing) {
  Open();
  ASSERT_OK(db_->Put({}, "n", EncodeInt64(0)));
  constexpr int kThreads = 4, kEach = 300;
  std::atomic<uint64_t> refused{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([this, &refused] {
      for (int i = 0; i < kEach;) {
        const auto transaction = Begin();
        std::string value;
        ASSERT_OK(transaction->Get("n", &value));
        ASSERT_OK(transaction->Put("n", EncodeInt64(*DecodeInt64(value) + 1)));
        const Status committed = transaction->Commit({}).status();
        if (committed.ok()) {
          ++i;
        } else {
          ASSERT_TRUE(committed.Is(StatusCode::kConflict)) << committed.ToString();
          ++refused;
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(DecodeInt64(Value("n")), kThreads * kEach);
  EXPECT_EQ(db_->LastPosition(), 1u + kThreads * kEach);
  const Stats stats = db_->GetStats();
  EXPECT_EQ(stats.transaction_commits, uint64_t{kThreads * kEach});
  EXPECT_EQ(stats.transaction_conflicts, refused.load());
}

}  // namespace
}  // namespace logwood::test
