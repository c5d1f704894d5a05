// A salvage that loses power leaves no database, or a whole one.
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>

#include "db/salvage.h"
#include "logwood/db.h"
#include "logwood/simulated_file_system.h"
#include "tests/support/status_assert.h"

namespace logwood::test {
namespace {

constexpr int kSourceKeys = 60;

Status MakeSource(SimulatedFileSystem* disk) {
  Options options;
  options.file_system = disk;
  options.tuning.table_bytes = 4 << 10;
  ASSIGN_OR_RETURN(const auto db, DB::Open(options, "db"));
  for (int i = 0; i < kSourceKeys; ++i) {
    RETURN_IF_ERROR(db->Put({}, "key" + std::to_string(i), std::string(300, 'v')).status());
    if (i == kSourceKeys / 2) RETURN_IF_ERROR(db->Flush());
  }
  return db->Close();
}

Status SalvageOn(SimulatedFileSystem* disk) {
  SalvageOptions options;
  options.fs = disk;
  options.source = "db";
  options.target = "new";
  options.memory_bytes = 2 << 20;
  options.report = [](const SalvageLoss&) {};
  return Salvage(options).status();
}

// How many keys it shows; -1: it is no database.
int KeysOf(SimulatedFileSystem* disk) {
  ReadOnlyOptions options;
  options.file_system = disk;
  const auto db = DB::OpenReadOnly(options, "new");
  if (!db.ok()) {
    EXPECT_TRUE(db.status().Is(StatusCode::kNotFound) || db.status().Is(StatusCode::kCorruption))
        << db.status().ToString();
    const auto has_root = disk->Exists("new/ROOT");
    EXPECT_TRUE(has_root.ok() && !*has_root) << db.status().ToString();
    return -1;
  }
  int keys = 0;
  const auto iterator = (*db)->NewIterator({});
  for (iterator->SeekToFirst(); iterator->Valid(); iterator->Next()) ++keys;
  EXPECT_OK(iterator->status());
  return keys;
}

TEST(SalvageCutOff, LeavesNoDatabaseOrAWholeOne) {
  SimulatedFileSystem disk;
  ASSERT_OK(MakeSource(&disk));
  int without = 0, whole = 0;
  bool finished = false;
  for (uint64_t change = 1; !finished; ++change) {
    const auto run = disk.KilledState();
    run->CutPowerAt(change);
    finished = SalvageOn(run.get()).ok();
    for (uint64_t seed = 0; seed < 4; ++seed) {
      const auto after = run->CrashState(seed);
      const int keys = KeysOf(after.get());
      (keys < 0 ? without : whole)++;
      EXPECT_TRUE(keys < 0 || keys == kSourceKeys) << keys << " at change " << change;
      EXPECT_TRUE(keys >= 0 || !finished) << "salvage answered ok";
    }
  }
  EXPECT_GT(without, 20);
  EXPECT_GT(whole, 3);
}

}  // namespace
}  // namespace logwood::test
