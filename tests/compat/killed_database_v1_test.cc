// A directory of format version 1 whose process died (tests/testdata/golden/db_v1_killed): what is
// in it must be found for ever, by the log and not only by the tables. LOGWOOD_REGENERATE=1 writes
// it anew: only together with a new format version, format page and decision record.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "db/directory_check.h"
#include "db/manifest.h"
#include "db/recovery.h"
#include "logwood/db.h"
#include "tests/support/directory.h"
#include "tests/support/status_assert.h"
#include "util/random.h"

namespace logwood {
namespace {

using test::FileContents;
using KilledRows = std::map<std::string, std::string>;

const std::string kKilledGolden =
    std::string(LOGWOOD_SOURCE_DIR) + "/tests/testdata/golden/db_v1_killed";

constexpr Id128 kKilledHistory = {0xb0cdabdae5668cc0, 0xa3fd1dea5e1864ee};
constexpr LogPos kKilledTables = 24;   // what the tables hold
constexpr LogPos kKilledDurable = 36;  // the last commit that was synced
constexpr LogPos kKilledLast = 37;     // the last one that is whole; of the next a part is there
constexpr uint64_t kKilledEpoch = 3;   // the process died three times

KilledRows KilledDefault() {
  KilledRows rows;
  for (int i = 0; i < 12; ++i) rows["key" + std::to_string(i)] = "value" + std::to_string(i);
  rows.erase("key3");                 // within the tables
  rows.erase("key5");                 // by the first log
  rows["key4"] = "changed in table";  // over another table
  rows["key6"] = "changed in log";
  rows["first log"] = "1";
  rows["second log"] = "2";
  rows["third log"] = "3";
  rows["never synced"] = "there all the same";
  return rows;
}
const KilledRows kKilledUsers = {{"anna", "1"}, {"bert", std::string("\0\xff", 2)}};
const KilledRows kKilledPhotos = {{"cat", "of the second log"}};

// The name of the log segment that was written to last.
std::string NewestLog(const FileContents& contents) {
  std::string newest;
  for (const auto& [name, bytes] : contents) {
    if (name.ends_with(".log")) newest = name;
  }
  return newest;
}

// A file system that holds these files only, as a kill would leave them.
std::unique_ptr<FileSystem> DirectoryOf(const FileContents& contents) {
  auto fs = FileSystem::InMemory();
  EXPECT_OK(test::WriteDirectory(fs.get(), "db", contents));
  return fs;
}

// Two tables, of which one moves to the last level, and the log goes on.
void FirstLife(DB* db) {
  ASSERT_OK_AND_ASSIGN(const Keyspace users, db->CreateKeyspace({}, "users"));
  ASSERT_OK_AND_ASSIGN(const Keyspace gone, db->CreateKeyspace({}, "gone"));
  ASSERT_OK_AND_ASSIGN(const Keyspace old, db->CreateKeyspace({}, "old"));
  for (int i = 0; i < 12; ++i) {
    ASSERT_OK(db->Put({}, "key" + std::to_string(i), "value" + std::to_string(i)));
  }
  ASSERT_OK(db->Put({}, gone, "x", "never seen"));
  ASSERT_OK(db->Put({}, old, "z", "never seen"));
  ASSERT_OK(db->Put({}, users, "carl", "0"));
  ASSERT_OK(db->Flush());
  ASSERT_OK(db->Delete({}, "key3"));
  ASSERT_OK(db->Put({Durability::kPower}, "key4", "changed in table"));
  ASSERT_OK(db->Put({}, users, "anna", "0"));
  ASSERT_OK(db->Delete({}, "never there"));
  ASSERT_OK(db->Put({}, gone, "y", "never seen"));
  ASSERT_OK_AND_ASSIGN(const LogPos tables, db->Put({}, "key6", "not the last word"));
  ASSERT_EQ(tables, kKilledTables);
  ASSERT_OK(db->Flush());
  WriteBatch batch;
  batch.Put(users, "anna", "1");
  batch.Put(users, "bert", std::string("\0\xff", 2));
  batch.Delete("key5");
  batch.Put("first log", "1");
  batch.Note("a note");
  ASSERT_OK(db->Write({Durability::kPower}, batch));
  ASSERT_OK(db->Delete({}, users, "carl"));
}

void SecondLife(DB* db) {
  ASSERT_OK_AND_ASSIGN(const Keyspace photos, db->CreateKeyspace({}, "photos"));
  ASSERT_OK(db->Put({}, photos, "cat", "of the second log"));
  ASSERT_OK(db->Put({}, photos, "dog", "deleted by the third"));
  ASSERT_OK(db->Put({Durability::kPower}, "second log", "2"));
  ASSERT_OK(db->DropKeyspace({}, "old"));
}

// The older table is written anew without each of the keyspaces that are dropped.
void ThirdLife(DB* db) {
  ASSERT_OK(db->WaitForCompaction());
  ASSERT_OK_AND_ASSIGN(const Keyspace photos, db->OpenKeyspace("photos"));
  ASSERT_OK(db->Put({}, "key6", "changed in log"));
  ASSERT_OK(db->DropKeyspace({}, "gone"));
  ASSERT_OK(db->Delete({Durability::kProcess}, photos, "dog"));
  ASSERT_OK(db->WaitDurable(db->LastPosition()));
  ASSERT_OK(db->WaitForCompaction());
  ASSERT_OK(db->Put({Durability::kProcess}, "third log", "3"));
  ASSERT_OK_AND_ASSIGN(const LogPos durable, db->Put({Durability::kPower}, "key1", "value1"));
  ASSERT_EQ(durable, kKilledDurable);
  ASSERT_OK(db->Put({Durability::kProcess}, "never synced", "there all the same"));
  ASSERT_OK(db->Put({Durability::kProcess}, "key1", "of a commit that is torn"));
}

void RegenerateKilled() {
  SeedIdsForTesting(3);
  FileContents contents;
  void (*const lives[])(DB*) = {FirstLife, SecondLife, ThirdLife};
  for (const auto& life : lives) {
    auto fs = DirectoryOf(contents);
    Options options;
    options.file_system = fs.get();
    options.compression = Compression::kNone;
    ASSERT_OK_AND_ASSIGN(auto db, DB::Open(options, "db"));
    ASSERT_NO_FATAL_FAILURE(life(db.get()));
    ASSERT_OK_AND_ASSIGN(contents, test::ReadLiveDirectory(fs.get(), "db"));
  }
  contents.erase("EVENTS");
  std::string& newest = contents.at(NewestLog(contents));
  newest.resize(newest.size() - 10);
  ASSERT_OK(test::RemoveDirectoryFiles(FileSystem::Posix(), kKilledGolden));
  ASSERT_OK(test::WriteDirectory(FileSystem::Posix(), kKilledGolden, contents));
}

class KilledDatabaseV1 : public testing::Test {
 protected:
  void SetUp() override { Load(); }
  void Load() {
    ASSERT_OK_AND_ASSIGN(golden_, test::ReadDirectory(FileSystem::Posix(), kKilledGolden));
    fs_ = DirectoryOf(golden_);
    newest_ = NewestLog(golden_);
  }

  static KilledRows Scan(DB* db, Keyspace keyspace) {
    KilledRows rows;
    auto it = db->NewIterator({}, keyspace);
    for (it->SeekToFirst(); it->Valid(); it->Next()) rows.emplace(it->key(), it->value());
    EXPECT_OK(it->status());
    return rows;
  }

  static void ExpectContents(DB* db) {
    EXPECT_EQ(db->LastPosition(), kKilledLast);
    ASSERT_OK_AND_ASSIGN(const std::vector<KeyspaceInfo> keyspaces, db->ListKeyspaces());
    std::vector<std::string> names;
    for (const KeyspaceInfo& info : keyspaces) names.push_back(info.name);
    std::sort(names.begin(), names.end());
    EXPECT_EQ(names, (std::vector<std::string>{"default", "photos", "users"}));
    EXPECT_EQ(Scan(db, Keyspace()), KilledDefault());
    ASSERT_OK_AND_ASSIGN(const Keyspace users, db->OpenKeyspace("users"));
    EXPECT_EQ(Scan(db, users), kKilledUsers);
    ASSERT_OK_AND_ASSIGN(const Keyspace photos, db->OpenKeyspace("photos"));
    EXPECT_EQ(Scan(db, photos), kKilledPhotos);
    for (const auto& [key, value] : KilledDefault()) {
      std::string got;
      ASSERT_OK(db->Get({}, key, &got));
      EXPECT_EQ(got, value);
    }
    EXPECT_OK(db->Verify([](const Damage& damage) { ADD_FAILURE() << damage.ToString(); }));
  }

  void ExpectRecovered(const RecoveryInfo& info) const {
    EXPECT_FALSE(info.clean);
    EXPECT_EQ(info.tables_position, kKilledTables);
    EXPECT_EQ(info.replayed_first, kKilledTables + 1);
    EXPECT_EQ(info.replayed_last, kKilledLast);
    EXPECT_EQ(info.replayed_commits, kKilledLast - kKilledTables);
    EXPECT_GT(info.replayed_bytes, 0u);
    EXPECT_EQ(info.segments, 3u);
    EXPECT_EQ(info.durable_point, kKilledDurable);
    EXPECT_EQ(info.unproven_tail_file, newest_);
    EXPECT_GT(info.unproven_tail_bytes, 0u);
    EXPECT_EQ(info.unproven_tail_offset + info.unproven_tail_bytes, golden_.at(newest_).size());
  }

  FileContents golden_;
  std::string newest_;
  std::unique_ptr<FileSystem> fs_;
};

// Else it would not be what it is for.
TEST_F(KilledDatabaseV1, HoldsWhatAKillLeaves) {
  if (std::getenv("LOGWOOD_REGENERATE") != nullptr) {
    ASSERT_NO_FATAL_FAILURE(RegenerateKilled());
    Load();
  }
  ASSERT_OK_AND_ASSIGN(const Root root, ReadRoot(fs_.get(), "db"));
  EXPECT_EQ(root.history_id, kKilledHistory);
  ASSERT_OK_AND_ASSIGN(const ManifestContents manifest,
                       ReadManifest(fs_.get(), "db", root.manifest));
  EXPECT_EQ(manifest.edits.size(), 3u);
  EXPECT_FALSE(manifest.edits.back().clean_close.has_value());
  ASSERT_OK_AND_ASSIGN(const TreeState tree, LoadTree(fs_.get(), "db"));
  ASSERT_OK_AND_ASSIGN(const DirectoryListing listing, ListDirectory(fs_.get(), "db"));
  std::string notes;
  ASSERT_OK(ReplayTree(fs_.get(), "db", listing, tree, [&notes](const CommitRecord& record) {
    notes += record.note;
    return Status::Ok();
  }));
  EXPECT_EQ(notes, "a note");
  size_t logs = 0, tables = 0, bytes = 0;
  for (const auto& [name, content] : golden_) {
    logs += name.ends_with(".log");
    tables += name.ends_with(".table");
    bytes += content.size();
  }
  EXPECT_EQ(logs, 3u);
  EXPECT_EQ(tables, 2u);
  EXPECT_LE(bytes, 40'000u);
}

TEST_F(KilledDatabaseV1, IsReadWithoutChangingAByte) {
  ReadOnlyOptions options;
  options.file_system = fs_.get();
  {
    ASSERT_OK_AND_ASSIGN(auto db, DB::OpenReadOnly(options, "db"));
    ExpectContents(db.get());
    ExpectRecovered(db->GetRecoveryInfo());
    EXPECT_EQ(db->GetRecoveryInfo().epoch, kKilledEpoch);
  }
  ASSERT_OK_AND_ASSIGN(const FileContents after, test::ReadDirectory(fs_.get(), "db"));
  EXPECT_EQ(test::DifferenceOf(golden_, after), "");
}

TEST_F(KilledDatabaseV1, IsRecoveredAndGoesOn) {
  Options options;
  options.file_system = fs_.get();
  options.create_if_missing = false;
  {
    ASSERT_OK_AND_ASSIGN(auto db, DB::Open(options, "db"));
    ExpectContents(db.get());
    ExpectRecovered(db->GetRecoveryInfo());
    EXPECT_EQ(db->GetRecoveryInfo().epoch, kKilledEpoch + 1);
    ASSERT_OK_AND_ASSIGN(const Keyspace next, db->CreateKeyspace({}, "gone"));
    EXPECT_EQ(next.number(), 6u) << "the number of the dropped one came again";
    EXPECT_TRUE(Scan(db.get(), next).empty());
    ASSERT_OK(db->DropKeyspace({}, "gone"));
    ASSERT_OK(db->Put({}, "new", "value"));
    ASSERT_OK(db->CompactAll({true}));
    ASSERT_OK(db->Close());
  }
  ASSERT_OK_AND_ASSIGN(const Root root, ReadRoot(fs_.get(), "db"));
  EXPECT_EQ(root.history_id, kKilledHistory);
  ASSERT_OK_AND_ASSIGN(auto db, DB::Open(options, "db"));
  KilledRows rows = KilledDefault();
  rows["new"] = "value";
  EXPECT_EQ(Scan(db.get(), Keyspace()), rows);
  EXPECT_EQ(db->LastPosition(), kKilledLast + 3);
}

// Before the recovery and after it.
TEST_F(KilledDatabaseV1, IsNotDamaged) {
  std::vector<Damage> notes;
  DirectoryCheckOptions check;
  check.fs = fs_.get();
  check.path = "db";
  check.damage = [](const Damage& damage) { ADD_FAILURE() << damage.ToString(); };
  check.note = [&notes](const Damage& note) { notes.push_back(note); };
  ASSERT_OK_AND_ASSIGN(const DirectoryCheckSummary before, CheckDirectory(check));
  EXPECT_TRUE(before.manifest_is_certain);
  EXPECT_EQ(before.last_position, kKilledLast);
  EXPECT_EQ(before.durable_point, kKilledDurable);
  EXPECT_EQ(before.segments, 3u);
  ASSERT_EQ(notes.size(), 1u);
  EXPECT_EQ(notes[0].file, newest_);
  EXPECT_EQ(notes[0].first_position, kKilledLast + 1);
  EXPECT_EQ(before.unproven_tail_bytes, golden_.at(newest_).size() - notes[0].offset);
  Options options;
  options.file_system = fs_.get();
  ASSERT_OK_AND_ASSIGN(auto db, DB::Open(options, "db"));
  ASSERT_OK(db->Close());
  notes.clear();
  ASSERT_OK_AND_ASSIGN(const DirectoryCheckSummary after, CheckDirectory(check));
  EXPECT_EQ(after.last_position, kKilledLast);
  EXPECT_EQ(after.unproven_tail_bytes, 0u);
  EXPECT_TRUE(notes.empty());
}

}  // namespace
}  // namespace logwood
