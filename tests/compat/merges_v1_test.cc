// A database of format version 1 with merges in its log and its tables and with rows of operators
// (tests/testdata/golden/db_v1_merges), which must stay readable for ever. LOGWOOD_REGENERATE=1
// writes it anew: only together with a new format version, format page and decision record.
#include <gtest/gtest.h>

#include <cstdlib>
#include <map>
#include <memory>
#include <string>

#include "logwood/db.h"
#include "logwood/simulated_file_system.h"
#include "tests/support/directory.h"
#include "tests/support/status_assert.h"
#include "util/random.h"

namespace logwood {
namespace {

using MergeRows = std::map<std::string, std::string>;

const std::string kMergesGolden =
    std::string(LOGWOOD_SOURCE_DIR) + "/tests/testdata/golden/db_v1_merges";

// A list that no build has of its own.
class GoldenList : public MergeOperator {
 public:
  std::string_view name() const override { return "golden.list"; }
  uint32_t version() const override { return 7; }
  bool Merge(std::string_view older, std::string_view newer, std::string* result) const override {
    result->append(older).append("+").append(newer);
    return true;
  }
};

void AddGoldenMerges(DB* db, Keyspace lists, const std::string& word) {
  ASSERT_OK(db->Merge({}, "counter", EncodeInt64(static_cast<int64_t>(word.size()))));
  ASSERT_OK(db->Merge({}, "new-" + word, EncodeInt64(-1)));
  ASSERT_OK(db->Merge({}, lists, "on a value", word));
  ASSERT_OK(db->Merge({}, lists, "on nothing", word));
}

void RegenerateMerges() {
  SeedIdsForTesting(4);
  SimulatedFileSystem fs;
  Options options;
  options.file_system = &fs;
  options.compression = Compression::kNone;
  options.tuning.level0_tables = 64;
  options.keyspaces["default"].merge_operator = MergeOperator::AddInt64();
  options.keyspaces["lists"].merge_operator = std::make_shared<GoldenList>();
  ASSERT_OK_AND_ASSIGN(auto db, DB::Open(options, "db"));
  ASSERT_OK_AND_ASSIGN(const Keyspace lists, db->CreateKeyspace({}, "lists"));
  ASSERT_OK(db->Put({}, lists, "on a value", "v"));
  ASSERT_OK(db->CompactAll({}));
  // Snapshots keep merges of one table apart: the newer ones say since when.
  AddGoldenMerges(db.get(), lists, "a");
  ASSERT_OK_AND_ASSIGN(const auto first, db->GetSnapshot());
  AddGoldenMerges(db.get(), lists, "bb");
  AddGoldenMerges(db.get(), lists, "ccc");
  ASSERT_OK_AND_ASSIGN(const auto second, db->GetSnapshot());
  AddGoldenMerges(db.get(), lists, "dddd");
  ASSERT_OK(db->Flush());
  AddGoldenMerges(db.get(), lists, "eeeee");
  WriteBatch batch;
  batch.Put("batch", EncodeInt64(40));
  batch.Merge("batch", EncodeInt64(1));
  batch.Merge("batch", EncodeInt64(1));
  ASSERT_OK(db->Write({Durability::kPower}, batch));
  ASSERT_OK(db->Close());
  ASSERT_OK_AND_ASSIGN(test::FileContents contents, test::ReadDirectory(&fs, "db"));
  contents.erase("EVENTS");
  ASSERT_OK(test::WriteDirectory(FileSystem::Posix(), kMergesGolden, contents));
}

MergeRows RowsOf(DB* db, Keyspace keyspace) {
  MergeRows rows;
  const auto it = db->NewIterator({}, keyspace);
  for (it->SeekToFirst(); it->Valid(); it->Next()) rows.emplace(it->key(), it->value());
  EXPECT_OK(it->status());
  return rows;
}

void ExpectGoldenRows(DB* db) {
  const std::string less = EncodeInt64(-1);
  EXPECT_EQ(RowsOf(db, Keyspace()), (MergeRows{{"batch", EncodeInt64(42)},
                                               {"counter", EncodeInt64(1 + 2 + 3 + 4 + 5)},
                                               {"new-a", less},
                                               {"new-bb", less},
                                               {"new-ccc", less},
                                               {"new-dddd", less},
                                               {"new-eeeee", less}}));
  ASSERT_OK_AND_ASSIGN(const Keyspace lists, db->OpenKeyspace("lists"));
  EXPECT_EQ(RowsOf(db, lists), (MergeRows{{"on a value", "v+a+bb+ccc+dddd+eeeee"},
                                          {"on nothing", "a+bb+ccc+dddd+eeeee"}}));
}

TEST(MergesV1, TheGoldenDatabaseIsReadAndGoesOn) {
  if (std::getenv("LOGWOOD_REGENERATE") != nullptr) RegenerateMerges();
  SimulatedFileSystem fs;
  ASSERT_OK_AND_ASSIGN(const test::FileContents golden,
                       test::ReadDirectory(FileSystem::Posix(), kMergesGolden));
  ASSERT_OK(test::WriteDirectory(&fs, "db", golden));
  Options options;
  options.file_system = &fs;
  options.keyspaces["lists"].merge_operator = std::make_shared<GoldenList>();
  ReadOnlyOptions read_only;
  read_only.file_system = &fs;
  read_only.keyspaces = options.keyspaces;
  {
    ASSERT_OK_AND_ASSIGN(const auto db, DB::OpenReadOnly(read_only, "db"));
    ExpectGoldenRows(db.get());
  }
  ASSERT_OK_AND_ASSIGN(const auto db, DB::Open(options, "db"));
  ExpectGoldenRows(db.get());
  ASSERT_OK(db->CompactAll({}));
  ExpectGoldenRows(db.get());
}

}  // namespace
}  // namespace logwood
