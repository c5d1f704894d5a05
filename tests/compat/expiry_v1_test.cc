// A database of format version 1 with puts that expire in its log, its tables and its manifest
// (tests/testdata/golden/db_v1_expiry), which must stay readable for ever. LOGWOOD_REGENERATE=1
// writes it anew: only together with a new format version, format page and decision record.
#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>
#include <map>
#include <memory>
#include <string>

#include "db/manifest.h"
#include "db/recovery.h"
#include "logwood/db.h"
#include "logwood/simulated_file_system.h"
#include "tests/support/directory.h"
#include "tests/support/status_assert.h"
#include "tests/support/wall_clock.h"
#include "util/random.h"

namespace logwood {
namespace {

using std::chrono::hours;
using std::chrono::microseconds;
using std::chrono::minutes;
using std::chrono::seconds;

using ExpiryRows = std::map<std::string, std::string>;

const std::string kExpiryGolden =
    std::string(LOGWOOD_SOURCE_DIR) + "/tests/testdata/golden/db_v1_expiry";
constexpr uint64_t kGoldenTimeUs = 1'700'000'000'000'000;

// In a table of the last level: what lasts an hour, what is merged onto such a value, and no more
// what lasted ten seconds. In one of level 0 and in the log: more, of other times.
void RegenerateExpiry() {
  SeedIdsForTesting(5);
  test::WallClock clock(kGoldenTimeUs);
  SimulatedFileSystem fs;
  Options options;
  options.file_system = &fs;
  options.compression = Compression::kNone;
  options.tuning.level0_tables = 64;
  options.keyspaces["default"].merge_operator = MergeOperator::Append(",");
  ASSERT_OK_AND_ASSIGN(auto db, DB::Open(options, "db"));
  ASSERT_OK(db->Put({}, "always", "a"));
  ASSERT_OK(db->Put({.ttl = hours(1)}, "hour", "h"));
  ASSERT_OK(db->Put({.ttl = hours(1)}, "replaced", "old"));
  ASSERT_OK(db->Put({.ttl = seconds(10)}, "seconds", "s"));
  ASSERT_OK(db->Put({.ttl = hours(2)}, "merged", "m"));
  ASSERT_OK(db->Merge({}, "merged", "n"));
  ASSERT_OK(db->Put({.ttl = kTtlMax}, "longest", ""));
  clock.Advance(seconds(20));
  ASSERT_OK(db->CompactAll({}));
  ASSERT_OK(db->Put({.ttl = minutes(30)}, "replaced", "new"));
  ASSERT_OK(db->Put({.ttl = minutes(90)}, "flushed", "f"));
  ASSERT_OK(db->Flush());
  clock.Advance(seconds(10));
  WriteBatch batch;
  batch.PutExpiring("logged", "l", minutes(45));
  batch.PutExpiring("logged for ever", "e", kNoExpiry);
  batch.PutExpiring("merged", "M", minutes(15));
  batch.Merge("merged", "N");
  ASSERT_OK(db->Write({.durability = Durability::kPower}, batch));
  ASSERT_OK(db->Close());
  ASSERT_OK_AND_ASSIGN(test::FileContents contents, test::ReadDirectory(&fs, "db"));
  contents.erase("EVENTS");
  ASSERT_OK(test::WriteDirectory(FileSystem::Posix(), kExpiryGolden, contents));
}

// So long after it was begun.
ExpiryRows GoldenExpiryRows(microseconds after) {
  ExpiryRows rows = {{"always", "a"}, {"logged for ever", "e"}, {"longest", ""}, {"merged", "N"}};
  if (after < minutes(15) + seconds(30)) rows["merged"] = "M,N";
  if (after < minutes(30) + seconds(20)) rows["replaced"] = "new";
  if (after < minutes(45) + seconds(30)) rows["logged"] = "l";
  if (after < hours(1)) rows["hour"] = "h";
  if (after < minutes(90) + seconds(20)) rows["flushed"] = "f";
  return rows;
}

class ExpiryV1 : public testing::Test {
 protected:
  void SetUp() override {
    if (std::getenv("LOGWOOD_REGENERATE") != nullptr) RegenerateExpiry();
    ASSERT_OK_AND_ASSIGN(const test::FileContents golden,
                         test::ReadDirectory(FileSystem::Posix(), kExpiryGolden));
    ASSERT_OK(test::WriteDirectory(&fs_, "db", golden));
    clock_.Set(kGoldenTimeUs + 30'000'000);
  }
  void ExpectGolden(DB* db) {
    const ExpiryRows expected = GoldenExpiryRows(microseconds(clock_.now_us() - kGoldenTimeUs));
    ExpiryRows rows;
    const auto it = db->NewIterator({});
    for (it->SeekToFirst(); it->Valid(); it->Next()) rows.emplace(it->key(), it->value());
    EXPECT_OK(it->status());
    EXPECT_EQ(rows, expected) << clock_.now_us();
    for (const char* key : {"hour", "replaced", "seconds", "logged", "flushed", "merged"}) {
      std::string value;
      const Status status = db->Get({}, key, &value);
      EXPECT_EQ(status.ok(), expected.contains(key)) << key << status.ToString();
      if (status.ok()) {
        EXPECT_EQ(value, expected.at(key)) << key;
      }
    }
  }
  // Each row's last microsecond, and the next.
  void ExpectGoldenAtEachTime(DB* db) {
    ExpectGolden(db);
    for (const auto& after :
         {minutes(15) + seconds(30), minutes(30) + seconds(20), minutes(45) + seconds(30),
          seconds(hours(1)), minutes(90) + seconds(20), seconds(hours(100))}) {
      for (const int more : {-1, 0}) {
        clock_.Set(kGoldenTimeUs + static_cast<uint64_t>(microseconds(after).count() + more));
        ExpectGolden(db);
      }
    }
  }

  test::WallClock clock_;
  SimulatedFileSystem fs_;
};

TEST_F(ExpiryV1, TheGoldenDatabaseHasWhatItIsFor) {
  ASSERT_OK_AND_ASSIGN(const TreeState tree, LoadTree(&fs_, "db"));
  EXPECT_EQ(tree.expired_us, kGoldenTimeUs + 20'000'000) << "field 28";
  std::map<int, uint64_t> expiring;
  for (int level = 0; level < kLevels; ++level)
    for (const TableMetaPtr& table : tree.version->shape().levels[level])
      expiring[level] += table->expiry.entries;
  EXPECT_EQ(expiring[6], 3u) << "field 26: hour, longest, replaced";
  EXPECT_EQ(expiring[0], 2u) << "flushed, replaced";
}

TEST_F(ExpiryV1, IsReadAtEachTime) {
  ReadOnlyOptions options;
  options.file_system = &fs_;
  ASSERT_OK_AND_ASSIGN(const auto db, DB::OpenReadOnly(options, "db"));
  ExpectGoldenAtEachTime(db.get());
}

TEST_F(ExpiryV1, GoesOnAndIsCompacted) {
  Options options;
  options.file_system = &fs_;
  ASSERT_OK_AND_ASSIGN(const auto db, DB::Open(options, "db"));
  ExpectGolden(db.get());
  ASSERT_OK(db->CompactAll({}));
  ExpectGoldenAtEachTime(db.get());
  ASSERT_OK(db->CompactAll({.force_last_level = true}));
  ExpectGolden(db.get());
  EXPECT_EQ(db->GetStats().levels[6].entries, 4u + 1) << "the rows, and that of the operator";
}

// What a compaction let go of at 20 seconds does not come back, whatever the clock says.
TEST_F(ExpiryV1, UnderAnEarlierClockItIsOfTheTimeOfItsCompaction) {
  clock_.Set(kGoldenTimeUs + 5'000'000);
  Options options;
  options.file_system = &fs_;
  ASSERT_OK_AND_ASSIGN(const auto db, DB::Open(options, "db"));
  ExpectGolden(db.get());
  std::string value;
  EXPECT_STATUS(kNotFound, db->Get({}, "seconds", &value));
}

}  // namespace
}  // namespace logwood
