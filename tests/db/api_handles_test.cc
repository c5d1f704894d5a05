// Handles used where they do not belong or after their time: an error or old bytes, nothing worse.
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "logwood/db.h"
#include "tests/support/database_fixture.h"
#include "tests/support/directory.h"
#include "tests/support/generators.h"
#include "tests/support/sanitizers.h"

namespace logwood::test {
namespace {

class Handles : public DatabaseTest {
 protected:
  void SetUp() override {
    Open();
    ASSERT_OK_AND_ASSIGN(other_, DB::Open(options_, place_.Join("other")));
    ASSERT_OK(db_->Put({}, "key", "value"));
    ASSERT_OK(other_->Put({}, "key", "other"));
  }
  std::unique_ptr<DB> other_;
};

TEST_F(Handles, SnapshotOfAnotherDatabaseIsRefused) {
  ASSERT_OK_AND_ASSIGN(const auto snapshot, other_->GetSnapshot());
  const ReadOptions options{.snapshot = snapshot.get()};
  std::string value;
  EXPECT_STATUS(kInvalidArgument, db_->Get(options, "key", &value));
  EXPECT_STATUS(kInvalidArgument, db_->Contains(options, Keyspace(), "key"));
  const std::vector<std::string_view> keys = {"key"};
  std::vector<PinnedValue> values(1);
  ASSERT_OK(db_->MultiGet({}, Keyspace(), keys, values).at(0));
  EXPECT_EQ(values[0].view(), "value");
  const std::vector<Status> statuses = db_->MultiGet(options, Keyspace(), keys, values);
  ASSERT_EQ(statuses.size(), 1u);
  EXPECT_STATUS(kInvalidArgument, statuses[0]);
  EXPECT_TRUE(values[0].view().empty()) << "of the call before";
  const auto iterator = db_->NewIterator(
      {.snapshot = options.snapshot, .at_least = options.at_least, .deadline = options.deadline});
  iterator->SeekToFirst();
  EXPECT_FALSE(iterator->Valid());
  EXPECT_STATUS(kInvalidArgument, iterator->status());
}

TEST_F(Handles, ASnapshotOlderThanWhatTheReadAsksForIsRefused) {
  ASSERT_OK_AND_ASSIGN(const auto snapshot, db_->GetSnapshot());
  ASSERT_OK_AND_ASSIGN(const LogPos newer, db_->Put({}, "key", "newer"));
  std::string value;
  ReadOptions options{.snapshot = snapshot.get(), .at_least = snapshot->position()};
  ASSERT_OK(db_->Get(options, "key", &value));
  EXPECT_EQ(value, "value");
  options.at_least = newer;
  EXPECT_STATUS(kInvalidArgument, db_->Get(options, "key", &value));
  EXPECT_STATUS(kInvalidArgument, db_->Contains(options, Keyspace(), "key"));
  const std::vector<std::string_view> keys = {"key"};
  std::vector<PinnedValue> values(1);
  EXPECT_STATUS(kInvalidArgument, db_->MultiGet(options, Keyspace(), keys, values).at(0));
  const auto iterator = db_->NewIterator({.snapshot = snapshot.get(), .at_least = newer});
  iterator->SeekToFirst();
  EXPECT_FALSE(iterator->Valid());
  EXPECT_STATUS(kInvalidArgument, iterator->status());
}

TEST_F(Handles, KeyspaceOfAnotherDatabaseIsRefused) {
  ASSERT_OK_AND_ASSIGN(const Keyspace foreign, other_->CreateKeyspace({}, "k"));
  ASSERT_OK_AND_ASSIGN(const Keyspace own, db_->CreateKeyspace({}, "k"));
  ASSERT_EQ(foreign.number(), own.number());  // only the owner tells them apart
  const LogPos last = db_->LastPosition();
  std::string value;
  EXPECT_STATUS(kInvalidArgument, db_->Put({}, foreign, "key", "value"));
  EXPECT_STATUS(kInvalidArgument, db_->Delete({}, foreign, "key"));
  EXPECT_STATUS(kInvalidArgument, db_->Get({}, foreign, "key", &value));
  EXPECT_STATUS(kInvalidArgument, db_->Contains({}, foreign, "key"));
  EXPECT_STATUS(kInvalidArgument, db_->CompactRange({}, foreign, {}));
  const auto iterator = db_->NewIterator({}, foreign);
  iterator->SeekToFirst();
  EXPECT_FALSE(iterator->Valid());
  EXPECT_STATUS(kInvalidArgument, iterator->status());
  WriteBatch batch;
  batch.Put(foreign, "key", "value");
  EXPECT_STATUS(kInvalidArgument, db_->Write({}, batch));
  WriteBatch mixed;
  mixed.Put(own, "key", "value");
  mixed.Put(foreign, "key", "value");
  EXPECT_STATUS(kInvalidArgument, mixed.status());
  EXPECT_STATUS(kInvalidArgument, db_->Write({}, mixed));
  EXPECT_EQ(db_->LastPosition(), last);
}

TEST_F(Handles, TheCatalogueIsNotWrittenByUsers) {
  WriteBatch batch;
  batch.Put(Keyspace(0, 0), "key", "value");
  EXPECT_STATUS(kInvalidArgument, db_->Write({}, batch));
  EXPECT_STATUS(kInvalidArgument, db_->Put({}, Keyspace(0, 0), "key", "value"));
  // A number nobody was ever given.
  EXPECT_FALSE(db_->Put({}, Keyspace(60'000, 0), "key", "value").ok());
  EXPECT_EQ(db_->LastPosition(), 1u);
}

TEST_F(Handles, KeyspaceOfAnEarlierOpenStillFits) {
  ASSERT_OK_AND_ASSIGN(const Keyspace keyspace, db_->CreateKeyspace({}, "k"));
  ASSERT_OK(db_->Put({}, keyspace, "key", "value"));
  Reopen();
  ASSERT_OK_AND_ASSIGN(const Keyspace again, db_->OpenKeyspace("k"));
  EXPECT_EQ(again.number(), keyspace.number());
  EXPECT_EQ(ValueIn(again, "key"), "value");
}

// Backups are copies of the directory: what is open there is another database.
TEST_F(Handles, KeyspaceOfTheOriginalIsRefusedByACopy) {
  ASSERT_OK_AND_ASSIGN(const Keyspace users, db_->CreateKeyspace({}, "users"));
  Close();
  ASSERT_OK_AND_ASSIGN(const FileContents files, ReadDirectory(place_.files(), path_));
  const std::string copy_path = path_ + ".copy";
  ASSERT_OK(WriteDirectory(place_.files(), copy_path, files));
  ASSERT_OK_AND_ASSIGN(const auto copy, DB::Open(options_, copy_path));
  EXPECT_STATUS(kInvalidArgument, copy->Put({}, users, "k", "v"));
  Open();
  EXPECT_OK(db_->Put({}, users, "k", "v"));
}

// Destructors of statics run when the main thread's own thread_local objects are gone; so do those
// of thread_local objects that are older than the first call.
TEST_F(Handles, CallsFromDestructorsAtAThreadsEndWork) {
  if (kSanitized) GTEST_SKIP() << "what is made that late is never freed: a leak to the sanitizer";
  struct Last {
    ~Last() {
      std::string value;
      if (db == nullptr) return;
      *answer = db->Put({}, "last", "written").ok() && db->Get({}, "last", &value).ok() &&
                value == "written" && db->NewIterator({}) != nullptr;
    }
    DB* db = nullptr;
    bool* answer = nullptr;
  };
  bool answer = false;
  std::thread([&] {
    static thread_local Last last;
    last.db = db_.get();
    last.answer = &answer;
    ASSERT_OK(db_->Put({}, "first", "1"));
    ASSERT_OK(db_->Put({}, "first", std::string(1000, 'x')));
    std::string value;
    ASSERT_OK(db_->Get({}, "first", &value));
  }).join();
  EXPECT_TRUE(answer);
  EXPECT_EQ(Value("last"), "written");
}

TEST_F(Handles, EveryCallAfterCloseIsClosed) {
  ASSERT_OK(db_->Close());
  std::string value;
  WriteBatch batch;
  batch.Put("k", "v");
  EXPECT_STATUS(kClosed, db_->Put({}, "k", "v"));
  EXPECT_STATUS(kClosed, db_->Delete({}, "k"));
  EXPECT_STATUS(kClosed, db_->Write({}, batch));
  EXPECT_STATUS(kClosed, db_->Get({}, "key", &value));
  EXPECT_STATUS(kClosed, db_->Contains({}, Keyspace(), "key"));
  const std::vector<std::string_view> keys = {"key", "k"};
  std::vector<PinnedValue> values(2);
  for (const Status& status : db_->MultiGet({}, Keyspace(), keys, values))
    EXPECT_STATUS(kClosed, status);
  EXPECT_STATUS(kClosed, db_->GetSnapshot());
  EXPECT_STATUS(kClosed, db_->NewIterator({})->status());
  EXPECT_STATUS(kClosed, db_->CreateKeyspace({}, "new"));
  EXPECT_STATUS(kClosed, db_->OpenOrCreateKeyspace({}, "default"));
  EXPECT_STATUS(kClosed, db_->OpenKeyspace("default"));
  EXPECT_STATUS(kClosed, db_->ListKeyspaces());
  EXPECT_STATUS(kClosed, db_->DropKeyspace({}, "none"));
  EXPECT_STATUS(kClosed, db_->Flush());
  EXPECT_STATUS(kClosed, db_->CompactAll({}));
  EXPECT_STATUS(kClosed, db_->CompactRange({}, Keyspace(), {}));
  EXPECT_STATUS(kClosed, db_->WaitForCompaction());
  EXPECT_STATUS(kClosed, db_->Verify({}));
  EXPECT_STATUS(kClosed, db_->WaitDurable(100));
  EXPECT_STATUS(kClosed, db_->Close());
  // These cannot say an error; they answer something.
  static_cast<void>(db_->Estimate(Keyspace(), {}));
  static_cast<void>(db_->GetStats().ToJson());
  static_cast<void>(db_->GetRecoveryInfo());
  EXPECT_EQ(db_->path(), path_);
}

TEST_F(Handles, IteratorsOutliveTheDatabase) {
  const auto positioned = db_->NewIterator({});
  positioned->SeekToFirst();
  ASSERT_TRUE(positioned->Valid());
  const auto fresh = db_->NewIterator({});
  Close();
  for (Iterator* iterator : {positioned.get(), fresh.get()}) {
    EXPECT_FALSE(iterator->Valid());
    EXPECT_STATUS(kClosed, iterator->status());
    iterator->SeekToFirst();
    EXPECT_FALSE(iterator->Valid());
    iterator->SeekForPrev("key");
    EXPECT_FALSE(iterator->Valid());
    EXPECT_STATUS(kClosed, iterator->status());
    EXPECT_EQ(iterator->position(), 1u);
  }
}

TEST_F(Handles, SnapshotsOutliveTheDatabase) {
  ASSERT_OK_AND_ASSIGN(std::shared_ptr<const Snapshot> snapshot, db_->GetSnapshot("owner"));
  Close();
  EXPECT_EQ(snapshot->position(), 1u);
  EXPECT_EQ(snapshot->owner(), "owner");
  EXPECT_GE(snapshot->age().count(), 0);
  Open();
  // A snapshot belongs to one open of a database.
  std::string value;
  EXPECT_STATUS(kInvalidArgument, db_->Get({.snapshot = snapshot.get()}, "key", &value));
  snapshot.reset();
}

TEST_F(Handles, PinnedValuesOutliveTheDatabase) {
  std::vector<std::pair<std::unique_ptr<PinnedValue>, std::string>> held;
  for (uint32_t i = 0; i < 20; ++i)
    ASSERT_OK(db_->Put({}, std::to_string(i), ValueOf(i, i * 1000)));
  for (int round = 0; round < 2; ++round) {  // from the memtable, from tables
    for (uint32_t i = 0; i < 20; ++i) {
      held.emplace_back(std::make_unique<PinnedValue>(), ValueOf(i, i * 1000));
      ASSERT_OK(db_->Get({}, std::to_string(i), held.back().first.get()));
    }
    ASSERT_OK(db_->Flush());
  }
  for (uint32_t i = 0; i < 20; ++i) ASSERT_OK(db_->Delete({}, std::to_string(i)));
  ASSERT_OK(db_->CompactAll({.force_last_level = true}));
  for (const auto& [value, expected] : held) ASSERT_EQ(value->view(), expected);
  Close();
  for (const auto& [value, expected] : held) ASSERT_EQ(value->view(), expected);
  held.clear();
}

// 4 MiB of budget, 12 MiB of values that each fill a block.
class Pins : public DatabaseTest {
 protected:
  static constexpr uint32_t kValues = 200;
  static constexpr size_t kBytes = 60'000;

  Pins() {
    options_.memory_budget_bytes = 4 << 20;
    options_.compression = Compression::kNone;
    options_.tuning = {};
  }
  static std::string Key(uint32_t i) { return std::to_string(1000 + i); }
  void Fill() {
    Open();
    for (uint32_t i = 0; i < kValues; ++i) ASSERT_OK(db_->Put({}, Key(i), ValueOf(i, kBytes)));
    ASSERT_OK(db_->Flush());
    ASSERT_OK(db_->CompactAll({}));
  }
  uint64_t Pinned() { return db_->GetStats().memory.pinned_bytes; }
};

TEST_F(Pins, ValuesBeyondTheBudgetAreCopiesAndAllAreRight) {
  Fill();
  std::vector<std::unique_ptr<PinnedValue>> held;
  for (uint32_t i = 0; i < kValues; ++i) {
    held.push_back(std::make_unique<PinnedValue>());
    ASSERT_OK(db_->Get({.fill_cache = i % 2 == 0}, Key(i), held.back().get()));
    EXPECT_LE(Pinned(), options_.memory_budget_bytes);
  }
  EXPECT_GT(Pinned(), options_.memory_budget_bytes / 4) << "the first ones are pinned";
  for (uint32_t i = 0; i < kValues; ++i) EXPECT_TRUE(held[i]->view() == ValueOf(i, kBytes));
  EXPECT_TRUE(Value(Key(1)) == ValueOf(1, kBytes));
  held.resize(1);
  EXPECT_LE(Pinned(), 2 * kBytes);
  Close();
  EXPECT_TRUE(held[0]->view() == ValueOf(0, kBytes));
}

TEST_F(Pins, IteratorsBeyondTheBudgetAreRefusedUntilOthersGo) {
  Fill();
  std::vector<std::unique_ptr<Iterator>> held;
  for (uint32_t i = 0; i < kValues; ++i) {
    auto it = db_->NewIterator({});
    if (it->status().Is(StatusCode::kBusy)) break;
    it->Seek(Key(i));
    ASSERT_OK(it->status());
    EXPECT_EQ(it->value(), ValueOf(i, kBytes));
    held.push_back(std::move(it));
  }
  ASSERT_LT(held.size(), kValues);
  ASSERT_GT(held.size(), 10u);
  EXPECT_LE(Pinned(), options_.memory_budget_bytes + 2 * kBytes) << "one may tip it over";
  // Those that are there go on.
  held.back()->SeekToFirst();
  for (uint32_t i = 0; i < kValues; ++i, held.back()->Next()) {
    ASSERT_TRUE(held.back()->Valid());
    EXPECT_TRUE(held.back()->value() == ValueOf(i, kBytes));
  }
  held.clear();
  EXPECT_EQ(Pinned(), 0u);
  EXPECT_OK(db_->NewIterator({})->status());
}

TEST_F(Pins, OneIteratorAloneWorksWhateverTheValues) {
  options_.memory_budget_bytes = 1 << 20;
  Open();
  for (const size_t bytes : {size_t{45'000}, size_t{120'000}, size_t{262'000}}) {
    SCOPED_TRACE(bytes);
    for (uint32_t i = 0; i < kValues; ++i) ASSERT_OK(db_->Put({}, Key(i), ValueOf(i, bytes)));
    for (int round = 0; round < 2; ++round) {  // as it is, and settled
      auto it = db_->NewIterator({});
      uint32_t seen = 0;
      for (it->SeekToFirst(); it->Valid(); it->Next()) seen += it->value().size() == bytes;
      EXPECT_OK(it->status());
      EXPECT_EQ(seen, kValues);
      for (it->SeekToLast(); it->Valid(); it->Prev()) seen -= it->value().size() == bytes;
      EXPECT_OK(it->status());
      EXPECT_EQ(seen, 0u);
      it.reset();
      ASSERT_OK(db_->WaitForCompaction());
    }
  }
}

TEST_F(Pins, WhereNothingIsHeldNothingIsRefused) {
  for (const uint64_t memtable_bytes : {uint64_t{16} << 10, uint64_t{2} << 20}) {
    SCOPED_TRACE(memtable_bytes);
    options_.tuning.cache_bytes = 0;
    options_.tuning.memtable_bytes = memtable_bytes;
    options_.tuning.table_bytes = 16 << 10;
    Open();
    for (uint32_t i = 0; i < 3000; ++i) {
      ASSERT_OK(db_->Put({}, Key(i), ValueOf(i, 2000)));
      if (i % 50 == 0) {
        ASSERT_OK(db_->NewIterator({})->status());
      }
    }
    ASSERT_OK(db_->CompactAll({}));
    EXPECT_OK(db_->NewIterator({})->status());
    Close();
  }
}

TEST_F(Pins, NullsAreRefused) {
  Open();
  EXPECT_STATUS(kInvalidArgument, db_->Get({}, "key", static_cast<std::string*>(nullptr)));
  EXPECT_STATUS(kInvalidArgument, db_->Get({}, "key", static_cast<PinnedValue*>(nullptr)));
  EXPECT_EQ(db_->NewIterator({})->key(), "");
  Close();
  options_.listeners.push_back(nullptr);
  Open();
}

TEST_F(Pins, MemtablesThatIteratorsReadCountUntilTheyGo) {
  options_.tuning.cache_bytes = 1 << 20;
  options_.tuning.memtable_bytes = 512 << 10;
  Open();
  std::vector<std::unique_ptr<Iterator>> held;
  for (uint32_t i = 0; i < 20; ++i) {
    for (uint32_t k = 0; k < 4; ++k) ASSERT_OK(db_->Put({}, Key(4 * i + k), ValueOf(i, kBytes)));
    held.push_back(db_->NewIterator({}));
    ASSERT_OK(db_->Flush());
    if (!held.back()->status().ok()) break;
  }
  EXPECT_STATUS(kBusy, held.back()->status());
  EXPECT_LE(db_->GetStats().memory.memtable_bytes, 2 * options_.memory_budget_bytes);
  held.clear();
  EXPECT_OK(db_->NewIterator({})->status()) << "also where nothing is written in between";
}

TEST_F(Handles, PinnedValueIsUsedAgain) {
  ASSERT_OK(db_->Put({}, "large", ValueOf(1, 50'000)));
  PinnedValue value;
  for (int i = 0; i < 3; ++i) {
    ASSERT_OK(db_->Get({}, "large", &value));
    EXPECT_EQ(value.view(), ValueOf(1, 50'000));
    ASSERT_OK(db_->Get({}, "key", &value));
    EXPECT_EQ(value.ToString(), "value");
    ASSERT_OK(db_->Flush());
  }
  value.Reset();
  EXPECT_EQ(value.size(), 0u);
  EXPECT_FALSE(value.pinned());
}

TEST_F(Handles, ClosingByDestructionIsAClose) {
  db_.reset();
  Open();
  EXPECT_TRUE(db_->GetRecoveryInfo().clean);
  EXPECT_EQ(Value("key"), "value");
}

}  // namespace
}  // namespace logwood::test
