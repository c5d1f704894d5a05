// What transactions may take: memory, savepoints, and how long they keep others from writing.
#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "db/engine.h"
#include "db/read_set.h"
#include "tests/support/database_fixture.h"
#include "tests/support/directory.h"
#include "tests/support/environment.h"
#include "util/random.h"
#include "wal/segments.h"

namespace logwood::test {
namespace {

class TransactionRoom : public DatabaseTest {
 protected:
  TransactionRoom() {
    options_.memory_budget_bytes = 8 << 20;
    options_.tuning.memtable_bytes = 256 << 10;
  }
  std::unique_ptr<Transaction> Begin(Isolation isolation = Isolation::kSerializable) {
    Result<std::unique_ptr<Transaction>> begun = db_->BeginTransaction({.isolation = isolation});
    EXPECT_OK(begun.status());
    return std::move(begun).value();
  }
  bool LogHas(std::string_view bytes) {
    bool has = false;
    for (uint64_t number = 1; number < 10; ++number) {
      const auto log = ReadFile(options_.file_system, path_ + "/" + LogFileName(number));
      has |= log.ok() && log->find(bytes) != std::string::npos;
    }
    return has;
  }
  uint64_t UsedBytes() { return db_->GetStats().memory.used_bytes; }
  static std::string Key(int number) {
    const std::string digits = std::to_string(number);
    return std::string(6 - std::min<size_t>(digits.size(), 6), '0') + digits;
  }
};

// An iterator that is never made anew is held to the limit as gets are.
TEST_F(TransactionRoom, OfReadsThatAnIteratorDoesIsLimited) {
  Open();
  const auto transaction = Begin();
  const auto it = transaction->NewIterator({});
  const std::string long_key(60'000, 'k');
  int seeks = 0;
  for (; seeks < 1000 && it->status().ok(); ++seeks) {
    it->Seek(Key(seeks) + long_key);
    it->SeekForPrev(Key(seeks));
  }
  ASSERT_OK(it->status());  // all is one range
  for (int i = 0; i < 200; ++i) ASSERT_OK(db_->Put({}, Key(2 * i), "v"));
  const auto later = Begin();
  const auto hops = later->NewIterator({});
  for (seeks = 0; seeks < 200 && hops->status().ok(); ++seeks)
    hops->Seek(Key(2 * seeks).substr(0, 5) + std::to_string(2 * seeks % 10) + long_key);
  EXPECT_STATUS(kInvalidArgument, hops->status());
  EXPECT_GT(seeks, 10);
  EXPECT_FALSE(hops->Valid());
  hops->SeekToFirst();
  EXPECT_FALSE(hops->Valid());
  EXPECT_STATUS(kInvalidArgument, hops->status());
  std::string value;
  EXPECT_STATUS(kInvalidArgument, later->Get("a", &value));
  ASSERT_OK(later->Put("a", "1"));
  EXPECT_STATUS(kInvalidArgument, later->Commit({}).status());
}

// What counts no more is not remembered, and has no limit.
TEST_F(TransactionRoom, OfReadsIsTakenByNothingOnceItHasEnded) {
  Open();
  for (int i = 0; i < 200; ++i) ASSERT_OK(db_->Put({}, Key(2 * i), "v"));
  const auto transaction = Begin();
  const auto it = transaction->NewIterator({});
  transaction->Rollback();
  const uint64_t before = UsedBytes();
  const std::string long_key(60'000, 'k');
  for (int i = 0; i < 200; ++i) {
    it->Seek(Key(2 * i).substr(0, 5) + std::to_string(2 * i % 10) + long_key);
    ASSERT_OK(it->status());
    ASSERT_EQ(it->Valid(), i < 199);
  }
  EXPECT_LT(UsedBytes(), before + 100'000);
  it->SeekToFirst();
  ASSERT_TRUE(it->Valid());
  EXPECT_EQ(it->value(), "v");
}

TEST_F(TransactionRoom, IsOfTheMemoryBudget) {
  Open();
  const uint64_t before = UsedBytes();
  const std::string value(1000, 'v');
  std::vector<std::unique_ptr<Transaction>> transactions;
  Status status;
  while (status.ok() && transactions.size() < 100) {
    transactions.push_back(Begin());
    for (int i = 0; i < 1700 && status.ok(); ++i) status = transactions.back()->Put(Key(i), value);
    if (transactions.size() == 1) {
      ASSERT_OK(status);  // nobody is refused because of itself
      EXPECT_GT(UsedBytes(), before + 2 * 1700 * value.size());
      EXPECT_EQ(RowsOf(transactions[0]->NewIterator({}).get()).size(), 1700u);
    }
  }
  EXPECT_STATUS(kBusy, status);
  EXPECT_LT(transactions.size(), 10u);
  // What is small goes on, and so does all when there is room again.
  ASSERT_OK(db_->PutIfAbsent({}, Keyspace(), "small", "1"));
  const auto refused = std::move(transactions.back());
  transactions.clear();
  EXPECT_STATUS(kBusy, refused->Commit({}).status()) << "it lacks a write";
  const auto last = Begin();
  for (int i = 0; i < 1700; ++i) ASSERT_OK(last->Put(Key(i), value));
  ASSERT_OK(last->Commit({}).status());
}

TEST_F(TransactionRoom, OfReadsIsOfTheMemoryBudget) {
  Open();
  const uint64_t before = UsedBytes();
  {
    const auto transaction = Begin();
    std::string value;
    for (int i = 0; i < 5000; ++i) EXPECT_STATUS(kNotFound, transaction->Get(Key(i), &value));
    EXPECT_GT(UsedBytes(), before + 5000 * 64);
  }
  EXPECT_EQ(UsedBytes(), before);
}

// Iterators keep the writes that they show, also those that were gone back behind.
TEST_F(TransactionRoom, OfWritesGoneBackBehindCountsWhileIteratorsShowThem) {
  Open();
  const auto transaction = Begin();
  for (int i = 0; i < 5000; ++i) ASSERT_OK(transaction->Put(Key(i), "v"));
  const uint64_t before = UsedBytes();
  std::vector<std::unique_ptr<Iterator>> iterators;
  while (iterators.size() < 200) {
    iterators.push_back(transaction->NewIterator({}));
    if (!iterators.back()->status().ok()) break;
    const auto savepoint = transaction->SetSavepoint();
    ASSERT_OK(transaction->Put("z", "1"));
    ASSERT_OK(transaction->RollbackTo(savepoint));
  }
  EXPECT_STATUS(kBusy, iterators.back()->status());
  EXPECT_GT(iterators.size(), 3u);
  EXPECT_GT(UsedBytes(), before + (1 << 20));
  iterators.clear();
  EXPECT_LT(UsedBytes(), before + (1 << 20));
  ASSERT_OK(transaction->NewIterator({})->status());
}

TEST_F(TransactionRoom, SavepointsAreNumberedOnceAndHaveTheNote) {
  Open();
  const auto transaction = Begin();
  ASSERT_OK(transaction->Note("the first note"));
  const auto first = transaction->SetSavepoint();
  ASSERT_OK(transaction->Put("a", "1"));
  ASSERT_OK(transaction->Note("the second note"));
  const auto second = transaction->SetSavepoint();
  ASSERT_OK(transaction->RollbackTo(first));
  ASSERT_OK(transaction->Put("b", "1"));
  const auto third = transaction->SetSavepoint();
  EXPECT_NE(third, second);
  EXPECT_STATUS(kInvalidArgument, transaction->RollbackTo(second));
  EXPECT_STATUS(kInvalidArgument, transaction->RollbackTo(0));
  EXPECT_STATUS(kInvalidArgument, transaction->RollbackTo(third + 1));
  ASSERT_OK(transaction->RollbackTo(third));
  ASSERT_OK(transaction->RollbackTo(first));
  ASSERT_OK(transaction->Put("c", "1"));
  ASSERT_OK_AND_ASSIGN(const LogPos position, transaction->Commit({}));
  EXPECT_EQ(Entries(), "c=1");
  EXPECT_TRUE(LogHas("the first note"));
  EXPECT_FALSE(LogHas("the second note"));
  // Only a note, and that is gone: nothing is committed.
  const auto noted = Begin();
  const auto empty = noted->SetSavepoint();
  ASSERT_OK(noted->Note("gone"));
  ASSERT_OK(noted->RollbackTo(empty));
  ASSERT_OK_AND_ASSIGN(const LogPos read_at, noted->Commit({}));
  EXPECT_EQ(read_at, position);
  EXPECT_EQ(noted->SetSavepoint(), 0u);
}

TEST_F(TransactionRoom, OfSavepointsIsLimited) {
  Open();
  const auto transaction = Begin();
  ASSERT_OK(transaction->Note(std::string(60'000, 'n')));
  Transaction::Savepoint last = 0;
  int set = 0;
  for (; set < 1000; ++set) {
    const auto savepoint = transaction->SetSavepoint();
    if (savepoint == 0) break;
    last = savepoint;
  }
  EXPECT_GT(set, 10);
  EXPECT_LT(set, 50);
  EXPECT_STATUS(kInvalidArgument, transaction->Put("a", std::string(60'000, 'v')));
  ASSERT_OK(transaction->RollbackTo(last - 5));
  ASSERT_OK(transaction->Put("a", std::string(60'000, 'v')));
  ASSERT_OK(transaction->Commit({}).status());
}

// What many keys and ranges are held against, by what somebody else writes: the same as one by one.
TEST_F(TransactionRoom, ReadsOfAnySizeAreHeldAgainstWrites) {
  Open();
  for (int i = 0; i < 1000; ++i) ASSERT_OK(db_->Put({}, Key(i), "0"));
  Random random(EnvironmentNumber("LOGWOOD_SEED", 1));
  int conflicts = 0;
  for (int turn = 0; turn < 150; ++turn) {
    const auto transaction = Begin();
    std::set<int> read;
    std::string value;
    const int gets = static_cast<int>(random.Uniform(random.Uniform(3) == 0 ? 500 : 5));
    for (int i = 0; i < gets; ++i) {
      const int key = static_cast<int>(random.Uniform(1000));
      const Status found = transaction->Get(Key(key), &value);
      ASSERT_TRUE(found.ok() || found.Is(StatusCode::kNotFound)) << found.ToString();
      read.insert(key);
    }
    for (uint64_t scans = random.Uniform(4); scans > 0; --scans) {
      const int begin = static_cast<int>(random.Uniform(1000));
      const int end = begin + static_cast<int>(random.Uniform(random.Uniform(3) == 0 ? 400 : 20));
      IteratorOptions within;
      within.lower = Key(begin);
      within.upper = Key(end);
      RowsOf(transaction->NewIterator(within).get());
      for (int key = begin; key < end; ++key) read.insert(key);
    }
    ASSERT_OK(transaction->Put("result", "1"));
    bool conflict = false;
    for (uint64_t writes = random.Uniform(5); writes > 0; --writes) {
      const int begin = static_cast<int>(random.Uniform(1000));
      const bool range = random.Uniform(2) == 0;
      const int end = begin + (range ? 1 + static_cast<int>(random.Uniform(10)) : 1);
      if (range) {
        ASSERT_OK(db_->DeleteRange({}, Key(begin), Key(end)));
        for (int key = begin; key < end; ++key) conflict |= read.contains(key);
      } else {
        ASSERT_OK(db_->Put({}, Key(begin), "1"));
        conflict |= read.contains(begin);
      }
      if (random.Uniform(8) == 0) {
        ASSERT_OK(db_->Flush());
      }
    }
    conflicts += conflict;
    ASSERT_EQ(transaction->Commit({}).status().code(),
              conflict ? StatusCode::kConflict : StatusCode::kOk)
        << "turn " << turn;
    for (int i = 0; i < 1000 && turn % 10 == 0; ++i) ASSERT_OK(db_->Put({}, Key(i), "0"));
  }
  EXPECT_GT(conflicts, 10);
  EXPECT_LT(conflicts, 140);
}

// A transaction that relies on much is told of what comes in between its look and its turn.
TEST_F(TransactionRoom, WhatComesBehindTheLookIsTold) {
  Open();
  auto* const engine = static_cast<Engine*>(db_.get());
  const auto stored = [](std::string_view key) {
    return KeyspacePrefix(kDefaultKeyspace) + std::string(key);
  };
  const Catalogue names;
  ReadSet reads;
  reads.AddKey(stored("k"));
  reads.AddRange(stored("b"), stored("d"));
  const auto in_between = [&](const std::function<Status()>& other) {
    ReadWatch watch(&reads, db_->LastPosition(), &names);
    WriteBatch batch;
    batch.Put("own", "1");
    const std::function<Status()> condition = [&watch] { return watch.End(); };
    PendingWrite write;
    write.operations = batch.operations();
    write.operation_count = batch.count();
    write.joins_no_group = true;
    write.condition = &condition;
    return engine->CommitWatched({}, &write, &watch, other).status().code();
  };
  const auto put = [&](std::string_view key) {
    return in_between([&] { return db_->Put({}, key, "2").status(); });
  };
  const auto delete_range = [&](std::string_view begin, std::string_view end) {
    return in_between([&] { return db_->DeleteRange({}, begin, end).status(); });
  };
  for (const char* key : {"k", "b", "c", "cz"}) EXPECT_EQ(put(key), StatusCode::kConflict) << key;
  for (const char* key : {"a", "d", "kk", "j"}) EXPECT_EQ(put(key), StatusCode::kOk) << key;
  EXPECT_EQ(delete_range("a", "bb"), StatusCode::kConflict);
  EXPECT_EQ(delete_range("c", "cc"), StatusCode::kConflict);
  EXPECT_EQ(delete_range("cc", "e"), StatusCode::kConflict);
  EXPECT_EQ(delete_range("h", "z"), StatusCode::kConflict);
  EXPECT_EQ(delete_range("a", "b"), StatusCode::kOk);
  EXPECT_EQ(delete_range("d", "k"), StatusCode::kOk);
  // Its end is told of nothing more, and one that failed before its turn leaves nothing behind.
  EXPECT_EQ(in_between([] { return Status::Busy(""); }), StatusCode::kBusy);
  ASSERT_OK(db_->Put({}, "k", "3"));
}

// Each reads all and writes one more than the largest: no two of the same, if they are as if one
// came after the other. What comes in between the first look and the commit is told.
TEST_F(TransactionRoom, ConcurrentScansOfManyKeysLoseNothing) {
  Open();
  constexpr int kThreads = 4, kEach = 25, kKeys = 500;
  for (int i = 0; i < kKeys; ++i) ASSERT_OK(db_->Put({}, Key(i), "000000"));
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([this, t] {
      Random random(EnvironmentNumber("LOGWOOD_SEED", 1) + static_cast<uint64_t>(t));
      for (int done = 0; done < kEach;) {
        const auto transaction = Begin();
        std::string largest;
        const auto it = transaction->NewIterator({});
        for (it->SeekToFirst(); it->Valid(); it->Next())
          largest = std::max<std::string>(largest, std::string(it->value()));
        ASSERT_OK(it->status());
        const int key = static_cast<int>(random.Uniform(kKeys));
        ASSERT_OK(transaction->Put(Key(key), Key(std::stoi(largest) + 1)));
        const Status committed = transaction->Commit({}).status();
        if (committed.ok())
          ++done;
        else
          ASSERT_TRUE(committed.Is(StatusCode::kConflict)) << committed.ToString();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  std::string largest;
  for (const auto& [key, value] : RowsOf(db_->NewIterator({}).get()))
    largest = std::max(largest, value);
  EXPECT_EQ(largest, Key(kThreads * kEach));
}

}  // namespace
}  // namespace logwood::test
