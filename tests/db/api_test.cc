// What a user of include/logwood/db.h may rely on: writing, reading, snapshots, iterators,
// keyspaces, maintenance. Limits, opening, handles, damage and statistics have files of their own.
#include <gtest/gtest.h>

#include <filesystem>
#include <iterator>

#include <algorithm>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "logwood/db.h"
#include "logwood/simulated_file_system.h"
#include "tests/support/database_fixture.h"
#include "tests/support/directory.h"
#include "tests/support/generators.h"

namespace logwood::test {
namespace {

class Api : public DatabaseTest {
 protected:
  void SetUp() override { Open(); }
};

TEST_F(Api, NewDatabaseIsEmptyAndAtPositionZero) {
  EXPECT_EQ(db_->LastPosition(), 0u);
  EXPECT_EQ(db_->DurablePosition(), 0u);
  EXPECT_EQ(Value("key"), "<NotFound>");
  EXPECT_EQ(Entries(), "");
  EXPECT_EQ(db_->path(), path_);
  ASSERT_OK_AND_ASSIGN(const std::vector<KeyspaceInfo> keyspaces, db_->ListKeyspaces());
  ASSERT_EQ(keyspaces.size(), 1u);
  EXPECT_EQ(keyspaces[0].name, "default");
}

TEST_F(Api, EveryWriteReturnsTheNextPosition) {
  ASSERT_OK_AND_ASSIGN(const LogPos first, db_->Put({}, "a", "1"));
  ASSERT_OK_AND_ASSIGN(const LogPos second, db_->Delete({}, "nothing there"));
  WriteBatch batch;
  batch.Put("b", "2");
  batch.Put("c", "3");
  ASSERT_OK_AND_ASSIGN(const LogPos third, db_->Write({}, batch));
  EXPECT_EQ(first, 1u);
  EXPECT_EQ(second, 2u);
  EXPECT_EQ(third, 3u);
  EXPECT_EQ(db_->LastPosition(), 3u);
  EXPECT_EQ(Entries(), "a=1 b=2 c=3");
}

TEST_F(Api, LaterOperationsOfABatchWin) {
  WriteBatch batch;
  batch.Put("twice", "1");
  batch.Put("twice", "2");
  batch.Put("gone", "1");
  batch.Delete("gone");
  batch.Delete("back");
  batch.Put("back", "3");
  EXPECT_EQ(batch.count(), 6u);
  ASSERT_OK(db_->Write({}, batch));
  EXPECT_EQ(Entries(), "back=3 twice=2");
  Reopen();
  EXPECT_EQ(Entries(), "back=3 twice=2");
}

TEST_F(Api, BatchCanBeUsedAgain) {
  WriteBatch batch;
  batch.Put("a", "1");
  batch.Note("why");
  EXPECT_EQ(batch.note(), "why");
  ASSERT_OK(db_->Write({}, batch));
  ASSERT_OK(db_->Write({}, batch));
  batch.Clear();
  EXPECT_TRUE(batch.empty());
  EXPECT_EQ(batch.bytes(), 0u);
  batch.Put("b", "2");
  ASSERT_OK(db_->Write({}, batch));
  EXPECT_EQ(db_->LastPosition(), 3u);
  EXPECT_EQ(Entries(), "a=1 b=2");
}

TEST_F(Api, BatchSpansKeyspaces) {
  ASSERT_OK_AND_ASSIGN(const Keyspace audit, db_->CreateKeyspace({}, "audit"));
  WriteBatch batch;
  batch.Put("key", "default");
  batch.Put(audit, "key", "audit");
  ASSERT_OK(db_->Write({}, batch));
  EXPECT_EQ(Value("key"), "default");
  EXPECT_EQ(ValueIn(audit, "key"), "audit");
  EXPECT_EQ(Entries({}, audit), "key=audit");
}

TEST_F(Api, AnyBytesAreKeysAndValues) {
  const std::vector<std::string> keys = {"",
                                         std::string(1, '\0'),
                                         std::string("\0\0", 2),
                                         "a",
                                         std::string("a\0b", 3),
                                         "\x7f",
                                         "\x80",
                                         "\xff",
                                         "\xff\xff"};
  for (const std::string& key : keys) ASSERT_OK(db_->Put({}, key, key + std::string("\0v", 2)));
  ASSERT_OK(db_->Put({}, "empty value", ""));
  for (int round = 0; round < 2; ++round) {
    const auto iterator = db_->NewIterator({});
    std::vector<std::string> seen;
    for (iterator->SeekToFirst(); iterator->Valid(); iterator->Next())
      seen.emplace_back(iterator->key());
    EXPECT_TRUE(
        std::is_sorted(seen.begin(), seen.end()));  // bytewise: char_traits<char> is unsigned
    EXPECT_EQ(seen.size(), keys.size() + 1);
    for (const std::string& key : keys) EXPECT_EQ(Value(key), key + std::string("\0v", 2));
    EXPECT_EQ(Value("empty value"), "");
    ASSERT_OK(db_->Flush());
  }
}

TEST_F(Api, SnapshotKeepsItsAnswersThroughEverything) {
  for (int i = 0; i < 200; ++i) ASSERT_OK(db_->Put({}, KeyOf(3 + 8 * i), "old"));
  ASSERT_OK_AND_ASSIGN(const auto snapshot, db_->GetSnapshot("test"));
  EXPECT_EQ(snapshot->position(), 200u);
  EXPECT_EQ(snapshot->owner(), "test");
  EXPECT_GE(snapshot->age().count(), 0);
  const std::string before = Entries({.snapshot = snapshot.get()});
  for (int i = 0; i < 200; ++i) {
    if (i % 2 == 0) {
      ASSERT_OK(db_->Put({}, KeyOf(3 + 8 * i), "new"));
    } else {
      ASSERT_OK(db_->Delete({}, KeyOf(3 + 8 * i)));
    }
  }
  ASSERT_OK(db_->Flush());
  ASSERT_OK(db_->CompactAll({.force_last_level = true}));
  EXPECT_EQ(Entries({.snapshot = snapshot.get()}), before);
  EXPECT_EQ(Value(KeyOf(11), snapshot.get()), "old");
  EXPECT_EQ(Value(KeyOf(11)), "<NotFound>");
  EXPECT_EQ(Value(KeyOf(3)), "new");
  ASSERT_OK_AND_ASSIGN(const bool there,
                       db_->Contains({.snapshot = snapshot.get()}, Keyspace(), KeyOf(11)));
  EXPECT_TRUE(there);
}

TEST_F(Api, MultiGetAnswersInOrder) {
  ASSERT_OK(db_->Put({}, "a", "1"));
  ASSERT_OK(db_->Put({}, "c", "3"));
  const std::vector<std::string_view> keys = {"c", "b", "a", "c"};
  std::vector<PinnedValue> values(keys.size());
  const std::vector<Status> statuses = db_->MultiGet({}, Keyspace(), keys, values);
  ASSERT_EQ(statuses.size(), 4u);
  EXPECT_EQ(values[0].view(), "3");
  EXPECT_STATUS(kNotFound, statuses[1]);
  EXPECT_EQ(values[2].view(), "1");
  EXPECT_EQ(values[3].view(), "3");
  EXPECT_TRUE(db_->MultiGet({}, Keyspace(), {}, {}).empty());
}

TEST_F(Api, IteratorBoundsAndPrefixBothWays) {
  for (const char* key : {"a", "b", "b1", "b2", "c", "d"}) ASSERT_OK(db_->Put({}, key, key));
  IteratorOptions options;
  options.lower = "b";
  options.upper = "d";
  EXPECT_EQ(Entries(options), "b=b b1=b1 b2=b2 c=c");
  options.prefix = "b";
  EXPECT_EQ(Entries(options), "b=b b1=b1 b2=b2");
  const auto iterator = db_->NewIterator(options);
  EXPECT_FALSE(iterator->Valid());
  iterator->SeekToLast();
  EXPECT_EQ(iterator->key(), "b2");
  iterator->Prev();
  iterator->Prev();
  EXPECT_EQ(iterator->key(), "b");
  iterator->Prev();
  EXPECT_FALSE(iterator->Valid());
  EXPECT_OK(iterator->status());
  iterator->SeekForPrev("z");
  EXPECT_EQ(iterator->key(), "b2");
  iterator->Seek("a");
  EXPECT_EQ(iterator->key(), "b");
  iterator->Seek("b3");
  EXPECT_FALSE(iterator->Valid());
  options = {};
  options.lower = "c";
  options.upper = "b";
  EXPECT_EQ(Entries(options), "");
}

TEST_F(Api, IteratorDoesNotSeeLaterWrites) {
  ASSERT_OK(db_->Put({}, "a", "1"));
  const auto iterator = db_->NewIterator({});
  ASSERT_OK(db_->Put({}, "a", "2"));
  ASSERT_OK(db_->Put({}, "b", "2"));
  ASSERT_OK(db_->Flush());
  EXPECT_EQ(Entries(iterator.get()), "a=1");
  EXPECT_EQ(iterator->position(), 1u);
  EXPECT_EQ(Entries(), "a=2 b=2");
}

TEST_F(Api, IteratorCopiesItsBounds) {
  for (const char* key : {"a", "b", "c"}) ASSERT_OK(db_->Put({}, key, key));
  std::unique_ptr<Iterator> iterator;
  {
    IteratorOptions options;
    options.lower = std::string("b");
    options.upper = std::string("c");
    iterator = db_->NewIterator(options);
  }
  EXPECT_EQ(Entries(iterator.get()), "b=b");
}

TEST_F(Api, OpenOrCreateKeyspaceMakesItOnce) {
  std::vector<std::thread> threads;
  std::vector<uint32_t> numbers(4);
  for (uint32_t& number : numbers) {
    threads.emplace_back([this, &number] {
      const Result<Keyspace> keyspace = db_->OpenOrCreateKeyspace({}, "shared");
      ASSERT_OK(keyspace);
      number = keyspace->number();
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(std::set<uint32_t>(numbers.begin(), numbers.end()).size(), 1u);
  EXPECT_EQ(db_->LastPosition(), 1u);
  EXPECT_STATUS(kInvalidArgument, db_->OpenOrCreateKeyspace({}, ""));
}

TEST_F(Api, CreatingAndDroppingKeyspacesAreCommitsWithPositions) {
  ASSERT_OK(db_->Put({}, "a", "1"));
  LogPos created = 0, found = 0;
  ASSERT_OK(db_->CreateKeyspace({}, "one", &created));
  EXPECT_EQ(created, 2u);
  EXPECT_OK(db_->OpenOrCreateKeyspace({}, "one", &found));
  EXPECT_EQ(found, 2u);
  ASSERT_OK_AND_ASSIGN(const LogPos put, db_->Put({}, "b", "2"));
  EXPECT_EQ(put, 3u);
  EXPECT_OK(db_->OpenOrCreateKeyspace({}, "two", &found));
  EXPECT_EQ(found, 4u);
  ASSERT_OK_AND_ASSIGN(const LogPos dropped, db_->DropKeyspace({}, "one"));
  EXPECT_EQ(dropped, 5u);
  EXPECT_EQ(db_->LastPosition(), 5u);
  // What is refused takes no position and tells none.
  EXPECT_STATUS(kAlreadyExists, db_->CreateKeyspace({}, "two", &created));
  EXPECT_STATUS(kInvalidArgument, db_->OpenOrCreateKeyspace({}, "", &created));
  EXPECT_STATUS(kNotFound, db_->DropKeyspace({}, "one"));
  EXPECT_EQ(created, 2u);
  EXPECT_OK(db_->OpenOrCreateKeyspace({}, "default", &created));
  EXPECT_EQ(created, 0u);
  EXPECT_EQ(db_->LastPosition(), 5u);
  Reopen();
  EXPECT_OK(db_->OpenOrCreateKeyspace({}, "two", &found));
  EXPECT_EQ(found, 4u);
}

TEST_F(Api, KeyspacesAreCreatedAndDroppedAsDurablyAsAsked) {
  constexpr WriteOptions kUnsynced{.durability = Durability::kProcess};
  constexpr WriteOptions kSynced{.durability = Durability::kPower};
  ASSERT_OK(db_->CreateKeyspace(kSynced, "power"));
  EXPECT_EQ(db_->DurablePosition(), 1u);
  ASSERT_OK(db_->CreateKeyspace(kUnsynced, "found"));
  EXPECT_OK(db_->OpenOrCreateKeyspace(kSynced, "found")) << "made by somebody else";
  EXPECT_EQ(db_->DurablePosition(), 2u);
  EXPECT_OK(db_->OpenOrCreateKeyspace(kSynced, "missing"));
  EXPECT_EQ(db_->DurablePosition(), 3u);
  ASSERT_OK(db_->DropKeyspace(kSynced, "power"));
  EXPECT_EQ(db_->DurablePosition(), 4u);
  constexpr WriteOptions kNone{.durability = static_cast<Durability>(7)};
  EXPECT_STATUS(kInvalidArgument, db_->CreateKeyspace(kNone, "new"));
  EXPECT_STATUS(kInvalidArgument, db_->OpenOrCreateKeyspace(kNone, "found"));
  EXPECT_STATUS(kInvalidArgument, db_->DropKeyspace(kNone, "found"));
  EXPECT_EQ(db_->LastPosition(), 4u);
}

TEST_F(Api, KeyspacesOfPowerDurabilitySurviveTheLossOfIt) {
  SimulatedFileSystem disk;
  options_.file_system = &disk;
  ASSERT_OK_AND_ASSIGN(const auto db, DB::Open(options_, "db"));
  LogPos created = 0;
  ASSERT_OK(db->CreateKeyspace({.durability = Durability::kProcess}, "dropped"));
  ASSERT_OK(db->CreateKeyspace({.durability = Durability::kPower}, "kept", &created));
  ASSERT_OK(db->DropKeyspace({.durability = Durability::kPower}, "dropped"));
  const auto count = disk.ForEachCrashState({.states_max = 20}, [&](auto left) {
    options_.file_system = left.get();
    const auto after = DB::Open(options_, "db");
    EXPECT_OK(after);
    if (!after.ok()) return false;
    LogPos found = 0;
    EXPECT_OK((*after)->OpenKeyspace("kept"));
    EXPECT_OK((*after)->OpenOrCreateKeyspace({}, "kept", &found));
    EXPECT_EQ(found, created);
    EXPECT_STATUS(kNotFound, (*after)->OpenKeyspace("dropped"));
    EXPECT_EQ((*after)->LastPosition(), 3u);
    return true;
  });
  EXPECT_GT(count.states, 0u);
}

TEST_F(Api, KeyspacesAreApartAndComeBackAfterReopen) {
  ASSERT_OK_AND_ASSIGN(const Keyspace one, db_->CreateKeyspace({}, "one"));
  ASSERT_OK_AND_ASSIGN(const Keyspace two, db_->CreateKeyspace({}, "two"));
  EXPECT_STATUS(kAlreadyExists, db_->CreateKeyspace({}, "one"));
  EXPECT_STATUS(kAlreadyExists, db_->CreateKeyspace({}, "default"));
  EXPECT_STATUS(kNotFound, db_->OpenKeyspace("three"));
  ASSERT_OK(db_->Put({}, one, "key", "1"));
  ASSERT_OK(db_->Put({}, two, "key", "2"));
  EXPECT_EQ(Value("key"), "<NotFound>");
  Reopen();
  ASSERT_OK_AND_ASSIGN(const Keyspace again, db_->OpenKeyspace("two"));
  EXPECT_EQ(ValueIn(again, "key"), "2");
  ASSERT_OK_AND_ASSIGN(const Keyspace standard, db_->OpenKeyspace("default"));
  EXPECT_EQ(standard.number(), Keyspace().number());
  ASSERT_OK_AND_ASSIGN(const std::vector<KeyspaceInfo> listed, db_->ListKeyspaces());
  ASSERT_EQ(listed.size(), 3u);
  EXPECT_EQ(listed[1].name, "one");
  EXPECT_EQ(listed[1].created, 1u);
  EXPECT_EQ(listed[2].created, 2u);
}

TEST_F(Api, DroppedKeyspaceIsGoneAndItsNumberStaysUnused) {
  ASSERT_OK_AND_ASSIGN(const Keyspace before, db_->CreateKeyspace({}, "k"));
  ASSERT_OK(db_->Put({}, before, "key", "value"));
  ASSERT_OK(db_->DropKeyspace({}, "k"));
  EXPECT_STATUS(kNotFound, db_->OpenKeyspace("k"));
  EXPECT_STATUS(kNotFound, db_->DropKeyspace({}, "k"));
  EXPECT_STATUS(kInvalidArgument, db_->DropKeyspace({}, "default"));
  std::string value;
  EXPECT_FALSE(db_->Get({}, before, "key", &value).ok());
  const LogPos last = db_->LastPosition();
  EXPECT_FALSE(db_->Put({}, before, "key", "value").ok());
  EXPECT_EQ(db_->LastPosition(), last);
  ASSERT_OK_AND_ASSIGN(const Keyspace after, db_->CreateKeyspace({}, "k"));
  EXPECT_NE(after.number(), before.number());
  EXPECT_EQ(Entries({}, after), "");
  Reopen();
  ASSERT_OK_AND_ASSIGN(const Keyspace reopened, db_->OpenKeyspace("k"));
  EXPECT_EQ(reopened.number(), after.number());
  EXPECT_EQ(Entries({}, reopened), "");
}

TEST_F(Api, CompactionKeepsEverythingAndReclaimsTheDead) {
  for (uint32_t round = 0; round < 4; ++round)
    for (uint32_t i = 0; i < 500; ++i)
      ASSERT_OK(db_->Put({}, KeyOf(3 + 8 * i), ValueOf(round, 100)));
  for (uint32_t i = 0; i < 500; i += 2) ASSERT_OK(db_->Delete({}, KeyOf(3 + 8 * i)));
  const std::string before = Entries();
  ASSERT_OK(db_->Flush());
  ASSERT_OK(db_->CompactAll({}));
  ASSERT_OK(db_->WaitForCompaction());
  EXPECT_EQ(Entries(), before);
  uint64_t entries = 0;
  for (const LevelStats& level : db_->GetStats().levels) entries += level.entries;
  EXPECT_EQ(entries, 250u) << "old versions and tombstones are still there";
  for (uint32_t i = 1; i < 500; i += 2) ASSERT_OK(db_->Delete({}, KeyOf(3 + 8 * i)));
  ASSERT_OK(db_->CompactRange({.force_last_level = true}, Keyspace(), {}));
  EXPECT_EQ(Entries(), "");
  EXPECT_EQ(db_->GetStats().table_bytes, 0u);
  Reopen();
  EXPECT_EQ(Entries(), "");
}

TEST_F(Api, EstimateOfAMemtableIsRightHoweverManyEntriesItHolds) {
  options_.memory_budget_bytes = 256 << 20;
  options_.tuning = {};
  Reopen();
  ASSERT_OK_AND_ASSIGN(const Keyspace other, db_->CreateKeyspace({}, "other"));
  constexpr uint32_t kEntries = 250'000, kOthers = 1'000;
  for (uint32_t i = 0; i < kEntries;) {
    WriteBatch batch;
    for (const uint32_t end = i + 1000; i < end; ++i)
      batch.Put(std::to_string(1'000'000 + i), "value");
    ASSERT_OK(db_->Write({}, batch));
  }
  for (uint32_t i = 0; i < kOthers; ++i) ASSERT_OK(db_->Put({}, other, std::to_string(i), "v"));
  const RangeEstimate all = db_->Estimate(Keyspace(), {});
  EXPECT_NEAR(static_cast<double>(all.entries), kEntries, kEntries / 100.0);
  EXPECT_NEAR(static_cast<double>(all.bytes), kEntries * 13.0, kEntries * 13.0 / 10);
  EXPECT_EQ(db_->Estimate(other, {}).entries, kOthers);
  const RangeEstimate most = db_->Estimate(Keyspace(), {.begin = "1050000", .end = {}});
  EXPECT_NEAR(static_cast<double>(most.entries), 200'000, 3'000);
}

TEST_F(Api, EstimateFollowsTheData) {
  for (uint32_t i = 0; i < 1000; ++i) ASSERT_OK(db_->Put({}, KeyOf(3 + 8 * i), ValueOf(i, 100)));
  ASSERT_OK(db_->Flush());
  const RangeEstimate all = db_->Estimate(Keyspace(), {});
  EXPECT_GE(all.entries, 500u);
  EXPECT_LE(all.entries, 2000u);
  EXPECT_GT(all.bytes, 20'000u);
  const RangeEstimate half =
      db_->Estimate(Keyspace(), {.begin = KeyOf(3), .end = KeyOf(3 + 8 * 500)});
  EXPECT_LT(half.entries, all.entries);
  const RangeEstimate none = db_->Estimate(Keyspace(), {.begin = "z", .end = "a"});
  EXPECT_EQ(none.entries, 0u);
}

TEST_F(Api, EstimatesOfFewRecordsAreRightThoughABlockHoldsManyRanges) {
  std::vector<Keyspace> small;
  for (uint32_t i = 0; i < 12; ++i) {
    ASSERT_OK_AND_ASSIGN(small.emplace_back(), db_->CreateKeyspace({}, "s" + std::to_string(i)));
    for (uint32_t k = 0; k <= i; ++k) ASSERT_OK(db_->Put({}, small[i], std::to_string(k), "v"));
  }
  ASSERT_OK(db_->Put({}, "alone", "v"));
  ASSERT_OK(db_->Flush());
  for (uint32_t i = 0; i < 12; ++i) {
    const RangeEstimate found = db_->Estimate(small[i], {});
    EXPECT_EQ(found.entries, i + 1);
    EXPECT_GT(found.bytes, 0u);
  }
  EXPECT_EQ(db_->Estimate(Keyspace(), {}).entries, 1u);
  EXPECT_EQ(db_->Estimate(small[11], {.begin = "3", .end = "5"}).entries, 2u);
}

TEST_F(Api, DestroyRemovesADatabaseThatIsClosed) {
  ASSERT_OK(db_->Put({}, "k", "v"));
  EXPECT_STATUS(kBusy, DB::Destroy(options_, path_));
  EXPECT_EQ(Value("k"), "v");
  Close();
  EXPECT_OK(DB::Destroy(options_, path_));
  options_.create_if_missing = false;
  EXPECT_FALSE(DB::Open(options_, path_).ok());
  options_.create_if_missing = true;
  Open();
  EXPECT_EQ(Value("k"), "<NotFound>");
}

TEST_F(Api, DestroyThatWasCutShortCanBeRepeated) {
  ASSERT_OK(db_->Put({}, "k", "v"));
  Close();
  ASSERT_OK_AND_ASSIGN(const std::vector<std::string> names, place_.files()->List(path_));
  for (const std::string& name : names) {
    if (name == "LOCK" || name == "EVENTS") continue;
    ASSERT_OK(place_.files()->Remove(path_ + "/" + name));
  }
  EXPECT_OK(DB::Destroy(options_, path_));
  ASSERT_OK_AND_ASSIGN(const bool exists, place_.files()->Exists(path_));
  EXPECT_FALSE(exists);
}

TEST_F(Api, DestroyLeavesADirectoryThatIsNoDatabaseAlone) {
  Close();
  const std::string other = place_.Join("other");
  ASSERT_OK(place_.files()->CreateDirectory(other));
  for (const char* name : {"LOCK", "CURRENT"}) {
    ASSERT_OK(place_.files()->CreateWritable(other + "/" + name).status());
  }
  EXPECT_STATUS(kInvalidArgument, DB::Destroy(options_, other));
  ASSERT_OK_AND_ASSIGN(const std::vector<std::string> names, place_.files()->List(other));
  EXPECT_EQ(names.size(), 2u);
  Open();
}

TEST_F(Api, KeysOfAMultiGetMayLieInItsValues) {
  // A chain: the value of one key is the next key, long enough to be pinned where it lies.
  const auto link = [](int i) { return std::string(8000, static_cast<char>('a' + i)); };
  for (int i = 0; i < 4; ++i) ASSERT_OK(db_->Put({}, link(i), link(i + 1)));
  ASSERT_OK(db_->CompactAll({}));
  std::vector<PinnedValue> values(3);
  for (int i = 0; i < 3; ++i) ASSERT_OK(db_->Get({}, link(2 - i), &values[static_cast<size_t>(i)]));
  // values hold d, c, b; each is asked for with the key that another value holds.
  const std::vector<std::string_view> keys = {values[1].view(), values[2].view(), values[0].view()};
  const std::vector<Status> statuses = db_->MultiGet({}, Keyspace(), keys, values);
  for (const Status& status : statuses) EXPECT_OK(status);
  EXPECT_EQ(values[0].view(), link(3));
  EXPECT_EQ(values[1].view(), link(2));
  EXPECT_EQ(values[2].view(), link(4));
}

// What a call was given may lie in what it is to fill.
TEST_F(Api, KeysMayLieInValuesThatWereRead) {
  const std::string first(5000, 'k');
  ASSERT_OK(db_->Put({}, "chain", first));
  ASSERT_OK(db_->Put({}, first, "end"));
  ASSERT_OK(db_->CompactAll({}));
  PinnedValue value;
  ASSERT_OK(db_->Get({}, "chain", &value));
  ASSERT_OK(db_->Get({}, value.view(), &value));
  EXPECT_EQ(value.view(), "end");
  const std::unique_ptr<Iterator> it = db_->NewIterator({});
  for (it->SeekToLast(); it->Valid() && it->key() != "chain"; it->Prev()) continue;
  ASSERT_TRUE(it->Valid());
  it->Seek(it->value());
  ASSERT_TRUE(it->Valid());
  EXPECT_EQ(it->value(), "end");
}

TEST_F(Api, ADatabaseStaysWhereItWasOpenedWhereverTheProcessGoes) {
  const std::filesystem::path before = std::filesystem::current_path();
  const test::TempDirectory scratch;
  std::filesystem::current_path(scratch.path());
  auto opened = DB::Open({}, "relative");
  std::filesystem::current_path("/");
  EXPECT_OK(opened);
  EXPECT_OK((*opened)->Put({}, "a", "1"));
  EXPECT_OK((*opened)->Flush());
  EXPECT_OK((*opened)->Close());
  EXPECT_TRUE(std::filesystem::exists(scratch.Join("relative/ROOT")));
  std::filesystem::current_path(before);
}

TEST_F(Api, RetainedLogCostsNoDescriptors) {
  const auto open_files = [] {
    const std::filesystem::directory_iterator files("/proc/self/fd");
    return std::distance(std::filesystem::begin(files), std::filesystem::end(files));
  };
  const test::TempDirectory scratch;
  Options options;
  options.log_retention = LogRetention{.bytes_min = 1 << 30};
  options.tuning.log_segment_bytes = 4 << 10;
  ASSERT_OK_AND_ASSIGN(auto db, DB::Open(options, scratch.Join("db")));
  const auto before = open_files();
  for (int i = 0; i < 60; ++i) {
    ASSERT_OK(db->Put({Durability::kPower}, "key", std::string(4000, 'v')));
  }
  EXPECT_GT(db->GetStats().log_segments, 20u);
  EXPECT_LE(open_files(), before + 3);
}

}  // namespace
}  // namespace logwood::test
