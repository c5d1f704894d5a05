// Files of format version 1 that must stay readable for ever: a manifest, a ROOT and a whole small
// database (tests/testdata/golden). LOGWOOD_REGENERATE=1 writes them anew: only together with
// a new format version, format page and decision record.
#include <gtest/gtest.h>

#include <cstdlib>
#include <map>

#include "db/manifest.h"
#include "logwood/db.h"
#include "tests/support/directory.h"
#include "tests/support/hex_page.h"
#include "tests/support/status_assert.h"
#include "tests/support/written_by.h"
#include "util/random.h"

namespace logwood {
namespace {

using test::FileContents;

const std::string kSource = LOGWOOD_SOURCE_DIR;
const std::string kGolden = kSource + "/tests/testdata/golden";
constexpr uint64_t kManifest = 12;

bool Regenerate() { return std::getenv("LOGWOOD_REGENERATE") != nullptr; }

Root GoldenRoot() { return {kManifest, {0x11, 0x22}, {0x33, 0x44}}; }

TableMeta GoldenTable() {
  TableMeta meta;
  meta.number = 9;
  meta.id = {0x0123456789abcdef, 0xfedcba9876543210};
  meta.size = 4096;
  meta.hash = 0x5555555555555555;
  meta.begin =
      "\x01"
      "apple";
  meta.end =
      "\x01"
      "pear!";
  meta.min_position = 3;
  meta.max_position = 40;
  meta.entries = 38;
  meta.tombstones = 2;
  meta.raw_bytes = 9000;
  meta.created_us = 1'700'000'000'000'000;
  return meta;
}

Edit GoldenFirst() {
  Edit edit;
  edit.history_id = GoldenRoot().history_id;
  edit.instance_id = GoldenRoot().instance_id;
  edit.epochs = {{1, 0xaaaaaaaaaaaaaaaa, 1}};
  edit.settings = "block_bytes=4096\n";
  edit.next_file_number = 13;
  edit.tables = TablesState{0, 0, 0};
  edit.first_segment = 0;
  edit.durable = 0;
  return edit;
}

Edit GoldenSecond() {
  Edit edit;
  edit.next_file_number = 15;
  edit.tables = TablesState{40, 1'700'000'000'000'000, 0xcccccccccccccccc};
  edit.first_segment = 14;
  edit.durable_segment = 14;
  edit.added = {{0, GoldenTable()}};
  return edit;
}

Edit GoldenThird() {
  Edit edit;
  edit.next_file_number = 15;
  edit.removed = {{0, 9}};
  edit.added = {{6, GoldenTable()}};
  edit.clean_close = LogEnd{14, 13000, 41};
  return edit;
}

std::unique_ptr<FileSystem> WithDirectory() {
  auto fs = FileSystem::InMemory();
  EXPECT_OK(fs->CreateDirectory("db"));
  return fs;
}

void RegenerateManifestAndRoot() {
  SeedIdsForTesting(1);
  auto fs = WithDirectory();
  auto writer = ManifestWriter::Create(fs.get(), "db", kManifest, GoldenFirst());
  ASSERT_OK(writer);
  ASSERT_OK((*writer)->Append(GoldenSecond()));
  ASSERT_OK((*writer)->Append(GoldenThird()));
  ASSERT_OK((*writer)->Close());
  ASSERT_OK(WriteRoot(fs.get(), "db", GoldenRoot()));
  ASSERT_OK_AND_ASSIGN(const std::string manifest, test::ReadFile(fs.get(), "db/000012.manifest"));
  ASSERT_OK_AND_ASSIGN(const std::string root, test::ReadFile(fs.get(), "db/ROOT"));
  ASSERT_OK(test::WriteFile(FileSystem::Posix(), kGolden + "/manifest_v1.manifest",
                            test::WrittenBy(0, manifest)));
  ASSERT_OK(
      test::WriteFile(FileSystem::Posix(), kGolden + "/root_v1.root", test::WrittenBy(0, root)));
}

void ExpectGoldenManifest(const std::string& bytes) {
  auto fs = WithDirectory();
  ASSERT_OK(test::WriteFile(fs.get(), "db/000012.manifest", bytes));
  ASSERT_OK_AND_ASSIGN(const ManifestContents contents, ReadManifest(fs.get(), "db", kManifest));
  ASSERT_EQ(contents.edits.size(), 3u);
  EXPECT_EQ(contents.edits[0].Encode(), GoldenFirst().Encode());
  EXPECT_EQ(contents.edits[1].Encode(), GoldenSecond().Encode());
  EXPECT_EQ(contents.edits[2].Encode(), GoldenThird().Encode());
  EXPECT_EQ(contents.edits[1].added[0].second, GoldenTable());
  EXPECT_EQ(contents.tail_bytes, 0u);
}

TEST(DatabaseV1, TheGoldenManifestIsReadAndWrittenTheSame) {
  if (Regenerate()) RegenerateManifestAndRoot();
  ASSERT_OK_AND_ASSIGN(const std::string bytes,
                       test::ReadFile(FileSystem::Posix(), kGolden + "/manifest_v1.manifest"));
  ExpectGoldenManifest(bytes);
  // With the ids of then, this version writes the same bytes; those of then named no writer.
  SeedIdsForTesting(1);
  auto fs = WithDirectory();
  auto writer = ManifestWriter::Create(fs.get(), "db", kManifest, GoldenFirst());
  ASSERT_OK(writer);
  ASSERT_OK((*writer)->Append(GoldenSecond()));
  ASSERT_OK((*writer)->Append(GoldenThird()));
  ASSERT_OK_AND_ASSIGN(const std::string now, test::ReadFile(fs.get(), "db/000012.manifest"));
  EXPECT_EQ(test::WrittenBy(0, now), bytes);
}

// A table with range deletes beside one without.
Edit GoldenWithRanges() {
  Edit edit = GoldenSecond();
  edit.added.emplace_back(1, GoldenTable());
  edit.added.back().second.number = 10;
  edit.added.back().second.range_deletes = 300;
  return edit;
}

TEST(DatabaseV1, AGoldenManifestWithRangeDeletesIsReadAndWrittenTheSame) {
  SeedIdsForTesting(1);
  auto fs = WithDirectory();
  auto writer = ManifestWriter::Create(fs.get(), "db", kManifest, GoldenFirst());
  ASSERT_OK(writer);
  ASSERT_OK((*writer)->Append(GoldenWithRanges()));
  ASSERT_OK((*writer)->Close());
  ASSERT_OK_AND_ASSIGN(std::string now, test::ReadFile(fs.get(), "db/000012.manifest"));
  now = test::WrittenBy(0x000100, now);
  const std::string path = kGolden + "/manifest_v1_ranges.manifest";
  if (Regenerate()) {
    ASSERT_OK(test::WriteFile(FileSystem::Posix(), path, now));
  }
  ASSERT_OK_AND_ASSIGN(const std::string golden, test::ReadFile(FileSystem::Posix(), path));
  EXPECT_TRUE(golden == now) << "the bytes on disk changed: that needs a new format version";
  ASSERT_OK(test::WriteFile(fs.get(), "db/000012.manifest", golden));
  ASSERT_OK_AND_ASSIGN(const ManifestContents contents, ReadManifest(fs.get(), "db", kManifest));
  ASSERT_EQ(contents.edits.size(), 2u);
  EXPECT_EQ(contents.edits[1].added, GoldenWithRanges().added);
}

void ExpectGoldenRoot(const std::string& bytes) {
  auto fs = WithDirectory();
  ASSERT_OK(test::WriteFile(fs.get(), "db/ROOT", bytes));
  ASSERT_OK_AND_ASSIGN(const Root root, ReadRoot(fs.get(), "db"));
  EXPECT_EQ(root.manifest, kManifest);
  EXPECT_EQ(root.history_id, GoldenRoot().history_id);
  EXPECT_EQ(root.instance_id, GoldenRoot().instance_id);
}

TEST(DatabaseV1, TheGoldenRootIsRead) {
  ASSERT_OK_AND_ASSIGN(const std::string bytes,
                       test::ReadFile(FileSystem::Posix(), kGolden + "/root_v1.root"));
  ExpectGoldenRoot(bytes);
}

TEST(DatabaseV1, TheExampleOfThePageIsTheGoldenManifest) {
  ExpectGoldenManifest(test::HexOf("manifest_example"));
}

TEST(DatabaseV1, TheExampleOfThePageIsTheGoldenRoot) { ExpectGoldenRoot(test::HexOf("manifest")); }

// ---- A whole database: tables on two levels, a keyspace that lives, one that was dropped, commits
// that are only in the log.

using Rows = std::map<std::string, std::string>;

Rows GoldenRows() {
  Rows rows;
  for (int i = 0; i < 40; ++i) rows["key" + std::to_string(i)] = "value" + std::to_string(i);
  rows.erase("key7");
  rows["key8"] = std::string(5000, 'x');
  rows["log"] = "only here";
  return rows;
}
const Rows kGoldenUsers = {{"anna", "1"}, {"bert", std::string("\0\xff", 2)}};

constexpr LogPos kGoldenLast = 52;

Options GoldenOptions(FileSystem* fs) {
  Options options;
  options.file_system = fs;
  options.compression = Compression::kNone;
  options.tuning.level0_tables = 64;
  return options;
}

void RegenerateDatabase() {
  SeedIdsForTesting(2);
  auto fs = FileSystem::InMemory();
  ASSERT_OK_AND_ASSIGN(auto db, DB::Open(GoldenOptions(fs.get()), "db"));
  ASSERT_OK_AND_ASSIGN(const Keyspace users, db->CreateKeyspace({}, "users"));
  ASSERT_OK_AND_ASSIGN(const Keyspace gone, db->CreateKeyspace({}, "gone"));
  for (int i = 0; i < 40; ++i) {
    ASSERT_OK(db->Put({}, "key" + std::to_string(i), "value" + std::to_string(i)));
  }
  ASSERT_OK(db->Put({}, gone, "x", "never seen"));
  ASSERT_OK(db->CompactAll({}));
  ASSERT_OK(db->Delete({}, "key7"));
  ASSERT_OK(db->Put({}, "key8", std::string(5000, 'x')));
  ASSERT_OK(db->Put({}, users, "anna", "0"));
  ASSERT_OK(db->Flush());
  ASSERT_OK(db->DropKeyspace({}, "gone"));
  WriteBatch batch;
  batch.Put(users, "anna", "1");
  batch.Put(users, "bert", std::string("\0\xff", 2));
  batch.Put("log", "only here");
  batch.Note("a note");
  ASSERT_OK(db->Write({Durability::kPower}, batch));
  ASSERT_OK(db->Put({}, "key0", "changed"));
  ASSERT_OK(db->Put({}, "key0", "value0"));
  ASSERT_OK_AND_ASSIGN(const LogPos last, db->Put({}, "key1", "value1"));
  ASSERT_EQ(last, kGoldenLast - 1);
  ASSERT_OK(db->Delete({}, "never there"));
  ASSERT_OK(db->Close());
  ASSERT_OK_AND_ASSIGN(FileContents contents, test::ReadDirectory(fs.get(), "db"));
  contents.erase("EVENTS");
  ASSERT_OK(test::WriteDirectory(FileSystem::Posix(), kGolden + "/db_v1", contents));
}

// A copy to work with.
std::unique_ptr<FileSystem> CopyOfGolden() {
  if (Regenerate()) RegenerateDatabase();
  auto fs = FileSystem::InMemory();
  auto contents = test::ReadDirectory(FileSystem::Posix(), kGolden + "/db_v1");
  EXPECT_OK(contents);
  if (contents.ok()) {
    EXPECT_OK(test::WriteDirectory(fs.get(), "db", *contents));
  }
  return fs;
}

Rows Scan(DB* db, Keyspace keyspace) {
  Rows rows;
  auto it = db->NewIterator({}, keyspace);
  for (it->SeekToFirst(); it->Valid(); it->Next()) rows.emplace(it->key(), it->value());
  EXPECT_OK(it->status());
  return rows;
}

void ExpectGoldenContents(DB* db) {
  EXPECT_EQ(db->LastPosition(), kGoldenLast);
  EXPECT_EQ(Scan(db, Keyspace()), GoldenRows());
  ASSERT_OK_AND_ASSIGN(const Keyspace users, db->OpenKeyspace("users"));
  EXPECT_EQ(users.number(), 2u);
  EXPECT_EQ(Scan(db, users), kGoldenUsers);
  EXPECT_STATUS(kNotFound, db->OpenKeyspace("gone"));
  for (const auto& [key, value] : GoldenRows()) {
    std::string got;
    ASSERT_OK(db->Get({}, key, &got));
    EXPECT_EQ(got, value);
  }
  ASSERT_OK(db->Verify([](const Damage& damage) { ADD_FAILURE() << damage.file << damage.what; }));
}

TEST(DatabaseV1, TheGoldenDatabaseOpensForReadingAndStaysAsItIs) {
  auto fs = CopyOfGolden();
  ASSERT_OK_AND_ASSIGN(const FileContents before, test::ReadDirectory(fs.get(), "db"));
  ReadOnlyOptions options;
  options.file_system = fs.get();
  {
    ASSERT_OK_AND_ASSIGN(auto db, DB::OpenReadOnly(options, "db"));
    ExpectGoldenContents(db.get());
    EXPECT_TRUE(db->GetRecoveryInfo().clean);
  }
  ASSERT_OK_AND_ASSIGN(const FileContents after, test::ReadDirectory(fs.get(), "db"));
  EXPECT_EQ(test::DifferenceOf(before, after), "");
}

TEST(DatabaseV1, TheGoldenDatabaseOpensForWritingAndGoesOn) {
  auto fs = CopyOfGolden();
  Options options;
  options.file_system = fs.get();
  options.create_if_missing = false;
  {
    ASSERT_OK_AND_ASSIGN(auto db, DB::Open(options, "db"));
    ExpectGoldenContents(db.get());
    ASSERT_OK_AND_ASSIGN(const Keyspace next, db->CreateKeyspace({}, "gone"));
    EXPECT_EQ(next.number(), 4u) << "the number of the dropped one came again";
    ASSERT_OK(db->DropKeyspace({}, "gone"));
    ASSERT_OK(db->Put({}, "new", "value"));
    ASSERT_OK(db->CompactAll({true}));
    ASSERT_OK(db->Close());
  }
  ASSERT_OK_AND_ASSIGN(auto db, DB::Open(options, "db"));
  Rows rows = GoldenRows();
  rows["new"] = "value";
  EXPECT_EQ(Scan(db.get(), Keyspace()), rows);
  EXPECT_EQ(db->LastPosition(), kGoldenLast + 3);
}

}  // namespace
}  // namespace logwood
