// A database of format version 1 with range deletes in its log, its manifest and its tables
// (tests/testdata/golden/db_v1_ranges), which must stay readable for ever. LOGWOOD_REGENERATE=1
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

using RangeRows = std::map<std::string, std::string>;

const std::string kRangesGolden =
    std::string(LOGWOOD_SOURCE_DIR) + "/tests/testdata/golden/db_v1_ranges";

// a to z, each its own value; then in a table two ranges that overlap, and a key put again; in the
// log a range to the end of the keyspace, with what the same batch put before and behind it.
RangeRows GoldenRangeRows() {
  RangeRows rows;
  for (char c = 'a'; c <= 'z'; ++c) rows[std::string(1, c)] = std::string(3, c);
  rows.erase(rows.lower_bound("c"), rows.lower_bound("k"));
  rows["e"] = "again";
  rows.erase(rows.lower_bound("w"), rows.end());
  rows["x"] = "behind it";
  return rows;
}

void RegenerateRanges() {
  SeedIdsForTesting(3);
  SimulatedFileSystem fs;
  Options options;
  options.file_system = &fs;
  options.compression = Compression::kNone;
  options.tuning.level0_tables = 64;
  ASSERT_OK_AND_ASSIGN(auto db, DB::Open(options, "db"));
  ASSERT_OK_AND_ASSIGN(const Keyspace other, db->CreateKeyspace({}, "other"));
  for (char c = 'a'; c <= 'z'; ++c) ASSERT_OK(db->Put({}, std::string(1, c), std::string(3, c)));
  ASSERT_OK(db->Put({}, other, "d", "untouched"));
  ASSERT_OK(db->CompactAll({}));
  // The snapshot keeps the second one in its table, which is the last level.
  ASSERT_OK(db->DeleteRange({}, "c", "h"));
  ASSERT_OK_AND_ASSIGN(const auto snapshot, db->GetSnapshot());
  ASSERT_OK(db->DeleteRange({}, "f", "k"));
  ASSERT_OK(db->Put({}, "e", "again"));
  ASSERT_OK(db->Flush());
  WriteBatch batch;
  batch.Put("y", "before it");
  batch.DeleteRange("w", std::nullopt);
  batch.Put("x", "behind it");
  ASSERT_OK(db->Write({Durability::kPower}, batch));
  ASSERT_OK(db->Close());
  ASSERT_OK_AND_ASSIGN(test::FileContents contents, test::ReadDirectory(&fs, "db"));
  contents.erase("EVENTS");
  ASSERT_OK(test::WriteDirectory(FileSystem::Posix(), kRangesGolden, contents));
}

uint64_t RangeDeletesOf(DB& db) {
  uint64_t sum = 0;
  for (const LevelStats& level : db.GetStats().levels) sum += level.range_deletes;
  return sum;
}

TEST(RangeDeletesV1, TheGoldenDatabaseIsReadAndGoesOn) {
  if (std::getenv("LOGWOOD_REGENERATE") != nullptr) RegenerateRanges();
  SimulatedFileSystem fs;
  ASSERT_OK_AND_ASSIGN(const test::FileContents golden,
                       test::ReadDirectory(FileSystem::Posix(), kRangesGolden));
  ASSERT_OK(test::WriteDirectory(&fs, "db", golden));
  const auto expect_rows = [](DB* db) {
    RangeRows rows;
    const auto it = db->NewIterator({});
    for (it->SeekToFirst(); it->Valid(); it->Next()) rows.emplace(it->key(), it->value());
    EXPECT_OK(it->status());
    EXPECT_EQ(rows, GoldenRangeRows());
    for (char c = 'a'; c <= 'z'; ++c) {
      std::string value;
      const Status status = db->Get({}, std::string(1, c), &value);
      EXPECT_EQ(status.ok(), rows.contains(std::string(1, c))) << c << status.ToString();
    }
    ASSERT_OK_AND_ASSIGN(const Keyspace other, db->OpenKeyspace("other"));
    EXPECT_OK(db->Contains({}, other, "d"));
  };
  ReadOnlyOptions read_only;
  read_only.file_system = &fs;
  {
    ASSERT_OK_AND_ASSIGN(const auto db, DB::OpenReadOnly(read_only, "db"));
    EXPECT_EQ(RangeDeletesOf(*db), 2u);
    expect_rows(db.get());
  }
  Options options;
  options.file_system = &fs;
  ASSERT_OK_AND_ASSIGN(const auto db, DB::Open(options, "db"));
  expect_rows(db.get());
  ASSERT_OK(db->CompactAll({}));
  expect_rows(db.get());
  EXPECT_EQ(RangeDeletesOf(*db), 0u);
}

}  // namespace
}  // namespace logwood
