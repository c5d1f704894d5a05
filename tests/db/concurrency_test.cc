// Writers, readers, snapshots, iterators, flushes, compactions, keyspaces coming and going: all at
// once. What readers may rely on is checked while it happens. Made for ThreadSanitizer, too.
//
//   LOGWOOD_CONCURRENT_COMMITS=200000 db_tests --gtest_filter='*Concurrent*'
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "logwood/db.h"
#include "tests/support/environment.h"
#include "tests/support/generators.h"
#include "tests/support/option_sets.h"
#include "tests/support/status_assert.h"
#include "util/random.h"

namespace logwood::test {
namespace {

constexpr uint32_t kWriters = 3;
constexpr uint32_t kAccounts = 40;  // of each writer
constexpr int64_t kStartAmount = 1000;
constexpr LogPos kCommitsPerLook = 4;     // of a reader
constexpr uint64_t kTurnsMin = 10;        // of each of the others, while writers write
constexpr uint64_t kPatience = 20;        // so many times as much they write to come to that
constexpr LogPos kCommitsPerChange = 16;  // of who flushes, compacts, makes keyspaces

std::string AccountKey(uint32_t writer, uint32_t account) {
  return "account/" + std::to_string(writer) + "/" + std::to_string(100 + account);
}

// Money that only ever moves between accounts, kept alike in two keyspaces: at every position the
// sum is the same and the keyspaces are equal. Each writer owns some accounts, so it always knows
// what it must read.
class ConcurrentBank : public testing::TestWithParam<std::string> {
 protected:
  ConcurrentBank()
      : set_(OptionSetNamed(GetParam())), place_(set_.posix), path_(place_.Join("db")) {}

  void SetUp() override {
    ASSERT_OK_AND_ASSIGN(db_, DB::Open(place_.With(set_.options), path_));
    ASSERT_OK_AND_ASSIGN(left_, db_->CreateKeyspace({}, "left"));
    ASSERT_OK_AND_ASSIGN(right_, db_->CreateKeyspace({}, "right"));
    WriteBatch batch;
    for (uint32_t writer = 0; writer < kWriters; ++writer)
      for (uint32_t i = 0; i < kAccounts; ++i) Set(&batch, writer, i, kStartAmount);
    ASSERT_OK_AND_ASSIGN(const LogPos position, db_->Write({}, batch));
    commits_ = position;
  }

  void Set(WriteBatch* batch, uint32_t writer, uint32_t account, int64_t amount) const {
    for (const Keyspace keyspace : {left_, right_})
      batch->Put(keyspace, AccountKey(writer, account), std::to_string(amount));
  }

  void Transfer(uint32_t writer) {
    Random random(MixSeeds(seed_, writer));
    std::vector<int64_t> amounts(kAccounts, kStartAmount);
    LogPos before = 0;
    for (uint64_t i = 0;
         i < commits_of_writer_ || (i < kPatience * commits_of_writer_ && IsAnyBehind()); ++i) {
      const auto source = static_cast<uint32_t>(random.Uniform(kAccounts));
      const auto target = static_cast<uint32_t>(random.Uniform(kAccounts));
      const auto amount = static_cast<int64_t>(random.Uniform(50));
      amounts[source] -= amount;
      amounts[target] += amount;
      WriteBatch batch;
      Set(&batch, writer, source, amounts[source]);
      Set(&batch, writer, target, amounts[target]);
      const Durability durability = random.OneIn(100) ? Durability::kPower : Durability::kDefault;
      const Result<LogPos> position = db_->Write({.durability = durability}, batch);
      ASSERT_OK(position.status());
      ASSERT_GT(*position, before) << "positions of one writer must rise";
      before = *position;
      ++commits_;
      if (durability == Durability::kPower) {
        ASSERT_GE(db_->DurablePosition(), *position);
      }
      ReadOwnWrite(writer, target, amounts[target], *position);
      if (HasFatalFailure()) return;
    }
  }

  void ReadOwnWrite(uint32_t writer, uint32_t account, int64_t amount, LogPos position) {
    ASSERT_GE(db_->LastPosition(), position);
    std::string value;
    ASSERT_OK(db_->Get({.at_least = position}, right_, AccountKey(writer, account), &value));
    ASSERT_EQ(value, std::to_string(amount)) << "a write is not read by its writer";
  }

  using Content = std::map<std::string, std::string>;

  Content Scan(Keyspace keyspace, const Snapshot* snapshot, bool forward) {
    IteratorOptions options;
    options.snapshot = snapshot;
    options.fill_cache = forward;
    const std::unique_ptr<Iterator> it = db_->NewIterator(options, keyspace);
    Content content;
    for (forward ? it->SeekToFirst() : it->SeekToLast(); it->Valid();
         forward ? it->Next() : it->Prev())
      content.emplace(it->key(), it->value());
    EXPECT_OK(it->status());
    if (snapshot != nullptr) {
      EXPECT_EQ(it->position(), snapshot->position());
    }
    return content;
  }

  static int64_t SumOf(const Content& content) {
    int64_t sum = 0;
    for (const auto& [key, value] : content) sum += std::stoll(value);
    return sum;
  }

  void CheckBalance(const Content& content) {
    ASSERT_EQ(content.size(), kWriters * kAccounts);
    ASSERT_EQ(SumOf(content), int64_t{kWriters} * kAccounts * kStartAmount) << "half a transfer";
  }

  // Who does something beside the writers, and how often it began with that.
  enum Other : uint8_t { kSnapshots, kIterators, kManyKeys, kFlushes, kKeyspaces, kOthers };

  // Waits for some commits: to look again at what was just looked at takes the writers' processors
  // and shows little (with the default options it does so all the same). False: it is over.
  bool HasMore(Other who, LogPos* seen) {
    const LogPos commits =
        who == kFlushes || who == kKeyspaces ? kCommitsPerChange : kCommitsPerLook;
    for (; !stop_; std::this_thread::sleep_for(std::chrono::microseconds(50))) {
      const LogPos now = db_->LastPosition();
      if (waits_ && now < *seen + commits) continue;
      *seen = now;
      ++turns_[who];
      return true;
    }
    return false;
  }

  // Somebody had not enough turns: writers go on, however fast they are. Unless one gave up.
  bool IsAnyBehind() const {
    return !HasFailure() && std::any_of(std::begin(turns_), std::end(turns_),
                                        [](const auto& turns) { return turns < kTurnsMin; });
  }

  void ReadSnapshots() {
    for (LogPos seen = 0; HasMore(kSnapshots, &seen);) {
      ASSERT_OK_AND_ASSIGN(const std::shared_ptr<const Snapshot> snapshot,
                           db_->GetSnapshot("reader"));
      const Content left = Scan(left_, snapshot.get(), true);
      CheckBalance(left);
      ASSERT_EQ(left, Scan(right_, snapshot.get(), false)) << "keyspaces differ at one position";
      ASSERT_EQ(left, Scan(left_, snapshot.get(), true)) << "a snapshot changed";
      if (HasFatalFailure()) return;
    }
  }

  // Without a snapshot: an iterator is one position by itself.
  void ReadIterators() {
    LogPos before = 0;
    for (LogPos seen = 0; HasMore(kIterators, &seen);) {
      CheckBalance(Scan(left_, nullptr, true));
      CheckBalance(Scan(right_, nullptr, false));
      const LogPos now = db_->LastPosition();
      ASSERT_GE(now, before) << "LastPosition went back";
      const LogPos durable = db_->DurablePosition();  // first: the other may rise meanwhile
      ASSERT_LE(durable, db_->LastPosition());
      before = now;
      if (HasFatalFailure()) return;
    }
  }

  // MultiGet answers at one position.
  void ReadManyKeys() {
    std::vector<std::string> keys;
    for (uint32_t writer = 0; writer < kWriters; ++writer)
      for (uint32_t i = 0; i < kAccounts; ++i) keys.push_back(AccountKey(writer, i));
    const std::vector<std::string_view> views(keys.begin(), keys.end());
    std::vector<PinnedValue> values(keys.size());
    for (LogPos seen = 0; HasMore(kManyKeys, &seen);) {
      int64_t sum = 0;
      const std::vector<Status> statuses = db_->MultiGet({}, left_, views, values);
      for (size_t i = 0; i < keys.size(); ++i) {
        ASSERT_OK(statuses[i]);
        sum += std::stoll(values[i].ToString());
      }
      ASSERT_EQ(sum, int64_t{kWriters} * kAccounts * kStartAmount) << "MultiGet saw two positions";
    }
  }

  void FlushAndCompact() {
    Random random(MixSeeds(seed_, 1000));
    for (LogPos seen = 0; HasMore(kFlushes, &seen);) {
      ASSERT_OK(db_->Flush());
      const KeyRange range{.begin = AccountKey(1, 0), .end = AccountKey(2, 0)};
      if (random.OneIn(3)) {
        ASSERT_OK(db_->CompactRange({}, left_, range));
      }
      if (random.OneIn(5)) {
        ASSERT_OK(db_->CompactAll({.force_last_level = random.OneIn(2)}));
      }
      ASSERT_OK(db_->WaitDurable(db_->LastPosition()));
      ASSERT_EQ(db_->GetStats().background_error, "");
      static_cast<void>(db_->Estimate(left_, {}));
    }
  }

  void MakeAndDropKeyspaces() {
    Random random(MixSeeds(seed_, 2000));
    LogPos seen = 0;
    for (uint64_t i = 0; HasMore(kKeyspaces, &seen); ++i) {
      const std::string name = "temporary/" + std::to_string(i % 3);
      ASSERT_OK_AND_ASSIGN(const Keyspace made, db_->CreateKeyspace({}, name));
      ASSERT_OK(db_->Put({}, made, "key", ValueOf(1, 500)));
      ASSERT_OK_AND_ASSIGN(const bool there, db_->Contains({}, made, "key"));
      ASSERT_TRUE(there);
      ASSERT_OK_AND_ASSIGN(const std::vector<KeyspaceInfo> listed, db_->ListKeyspaces());
      ASSERT_EQ(listed.size(), 4u);
      ASSERT_OK(db_->DropKeyspace({}, name));
      commits_ += 3;
    }
  }

  void CheckAtTheEnd() {
    ASSERT_EQ(db_->LastPosition(), commits_) << "positions are not dense";
    const Content before = Scan(left_, nullptr, true);
    ASSERT_OK(db_->Close());
    db_.reset();
    ASSERT_OK_AND_ASSIGN(db_, DB::Open(place_.With(set_.options), path_));
    ASSERT_EQ(db_->LastPosition(), commits_);
    ASSERT_OK_AND_ASSIGN(left_, db_->OpenKeyspace("left"));
    ASSERT_OK_AND_ASSIGN(right_, db_->OpenKeyspace("right"));
    ASSERT_EQ(Scan(left_, nullptr, true), before);
    ASSERT_EQ(Scan(right_, nullptr, false), before);
    CheckBalance(before);
    ASSERT_OK(db_->Verify({}));
  }

  const OptionSet& set_;
  Place place_;
  const std::string path_;
  const uint64_t seed_ = EnvironmentNumber("LOGWOOD_SEED", 1);
  const uint64_t commits_of_writer_ =
      EnvironmentNumber("LOGWOOD_CONCURRENT_COMMITS", 6000) / kWriters;
  std::unique_ptr<DB> db_;
  Keyspace left_, right_;
  std::atomic<LogPos> commits_{0};
  std::atomic<bool> stop_{false};
  const bool waits_ = GetParam() != "default";
  std::atomic<uint64_t> turns_[kOthers] = {};
};

TEST_P(ConcurrentBank, InvariantsHoldWhileEverythingHappens) {
  SCOPED_TRACE("LOGWOOD_SEED=" + std::to_string(seed_));
  std::vector<std::thread> writers, others;
  for (uint32_t i = 0; i < kWriters; ++i) writers.emplace_back([this, i] { Transfer(i); });
  others.emplace_back([this] { ReadSnapshots(); });
  others.emplace_back([this] { ReadIterators(); });
  others.emplace_back([this] { ReadManyKeys(); });
  others.emplace_back([this] { FlushAndCompact(); });
  others.emplace_back([this] { MakeAndDropKeyspaces(); });
  for (std::thread& writer : writers) writer.join();
  stop_ = true;
  for (std::thread& other : others) other.join();
  if (HasFailure()) return;
  for (const auto& turns : turns_) EXPECT_GE(turns, kTurnsMin) << "of " << &turns - turns_;
  CheckAtTheEnd();
}

INSTANTIATE_TEST_SUITE_P(OptionSets, ConcurrentBank,
                         testing::Values("default", "memtable_4k_posix", "tiny_everything",
                                         "threads_4", "segment_4k", "power"),
                         [](const auto& test) { return test.param; });

class Concurrent : public testing::Test {
 protected:
  void SetUp() override {
    Options options = OptionSetNamed("memtable_4k").options;
    ASSERT_OK_AND_ASSIGN(db_, DB::Open(place_.With(options), place_.Join("db")));
  }
  static void RunThreads(uint32_t count, const std::function<void(uint32_t)>& run) {
    std::vector<std::thread> threads;
    for (uint32_t i = 0; i < count; ++i) threads.emplace_back(run, i);
    for (std::thread& thread : threads) thread.join();
  }
  Place place_;
  std::unique_ptr<DB> db_;
};

TEST_F(Concurrent, PositionsOfManyWritersAreEachGivenOnce) {
  constexpr uint32_t kThreads = 8, kCommits = 300;
  std::vector<std::vector<LogPos>> positions(kThreads);
  RunThreads(kThreads, [&](uint32_t thread) {
    for (uint32_t i = 0; i < kCommits; ++i) {
      const std::string key = std::to_string(thread) + "/" + std::to_string(i);
      const Result<LogPos> position = db_->Put({}, key, key);
      ASSERT_OK(position.status());
      positions[thread].push_back(*position);
    }
  });
  std::vector<LogPos> all;
  for (const std::vector<LogPos>& some : positions) all.insert(all.end(), some.begin(), some.end());
  std::sort(all.begin(), all.end());
  ASSERT_EQ(all.size(), size_t{kThreads} * kCommits);
  for (size_t i = 0; i < all.size(); ++i) ASSERT_EQ(all[i], i + 1);
  EXPECT_EQ(db_->LastPosition(), all.back());
}

// A refused batch among accepted ones leaves no hole and no trace.
TEST_F(Concurrent, RefusedBatchesTakeNoPosition) {
  constexpr uint32_t kCommits = 300;
  std::atomic<uint32_t> accepted{0};
  RunThreads(4, [&](uint32_t thread) {
    for (uint32_t i = 0; i < kCommits; ++i) {
      WriteBatch batch;
      batch.Put("key" + std::to_string(i), "value");
      if ((i + thread) % 3 == 0) batch.Put(std::string(kKeyBytesMax + 1, 'x'), "");
      const Result<LogPos> position = db_->Write({}, batch);
      if ((i + thread) % 3 == 0) {
        ASSERT_STATUS(kInvalidArgument, position);
      } else {
        ASSERT_OK(position.status());
        ++accepted;
      }
    }
  });
  EXPECT_EQ(db_->LastPosition(), accepted);
}

TEST_F(Concurrent, ReadersWaitForThePositionTheyAskFor) {
  constexpr LogPos kPositions = 300;
  RunThreads(4, [&](uint32_t thread) {
    if (thread == 0) {
      for (LogPos i = 1; i <= kPositions; ++i) ASSERT_OK(db_->Put({}, "key", std::to_string(i)));
      return;
    }
    std::string value;
    for (LogPos i = thread; i <= kPositions; i += 7) {
      ASSERT_OK(db_->Get({.at_least = i}, "key", &value));
      ASSERT_GE(std::stoull(value), i) << "older than the position asked for";
    }
  });
}

TEST_F(Concurrent, WaitDurableOfManyThreadsEnds) {
  RunThreads(6, [&](uint32_t thread) {
    for (uint32_t i = 0; i < 50; ++i) {
      const Durability durability = thread % 2 == 0 ? Durability::kPower : Durability::kProcess;
      const Result<LogPos> position =
          db_->Put({.durability = durability}, std::to_string(thread), "value");
      ASSERT_OK(position.status());
      if (durability == Durability::kProcess) {
        ASSERT_OK(db_->WaitDurable(*position));
      }
      ASSERT_GE(db_->DurablePosition(), *position);
    }
  });
}

TEST_F(Concurrent, CloseLetsEverybodyFinishWithClosed) {
  std::atomic<uint32_t> running{0};
  constexpr uint32_t kThreads = 5;
  const auto work = [&](uint32_t thread) {
    ++running;
    for (uint32_t i = 0;; ++i) {
      const std::string key = std::to_string(thread) + "/" + std::to_string(i % 100);
      Status status = db_->Put({}, key, ValueOf(i, 100)).status();
      std::string value;
      if (status.ok() && thread % 2 == 0) status = db_->Get({}, key, &value);
      if (status.ok() && i % 50 == 0) status = db_->Flush();
      if (status.ok() && i % 50 == 1) {
        const std::unique_ptr<Iterator> iterator = db_->NewIterator({});
        for (iterator->SeekToFirst(); iterator->Valid(); iterator->Next()) continue;
        status = iterator->status();
      }
      if (status.ok()) continue;
      ASSERT_STATUS(kClosed, status);
      return;
    }
  };
  std::vector<std::thread> threads;
  for (uint32_t i = 0; i < kThreads; ++i) threads.emplace_back(work, i);
  while (running < kThreads || db_->LastPosition() < 500) std::this_thread::yield();
  EXPECT_OK(db_->Close());
  for (std::thread& thread : threads) thread.join();
  EXPECT_STATUS(kClosed, db_->Close());
}

}  // namespace
}  // namespace logwood::test
