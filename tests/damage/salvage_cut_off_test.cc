// A salvage that loses power leaves no database, or a whole one.
#include <gtest/gtest.h>

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

// How many keys it shows; -1: it is no database to anybody.
Result<int> KeysOf(SimulatedFileSystem* disk) {
  ReadOnlyOptions options;
  options.file_system = disk;
  const auto db = DB::OpenReadOnly(options, "new");
  if (!db.ok()) {
    ASSIGN_OR_RETURN(const bool has_root, disk->Exists("new/ROOT"));
    if (has_root) return db.status();
    return -1;
  }
  int keys = 0;
  const auto iterator = (*db)->NewIterator({});
  for (iterator->SeekToFirst(); iterator->Valid(); iterator->Next()) ++keys;
  RETURN_IF_ERROR(iterator->status());
  return keys;
}

// What is wrong when the power goes at any change of a salvage; empty: nothing.
std::string WrongWhenCutOff(bool without_its_syncs) {
  SimulatedFileSystem disk;
  if (const Status made = MakeSource(&disk); !made.ok()) return made.ToString();
  int without = 0, whole = 0;
  bool finished = false;
  for (uint64_t change = 1; !finished; ++change) {
    const auto run = disk.KilledState();
    if (without_its_syncs)
      run->SetLyingSyncs([](const std::string& path) { return path.ends_with("new"); });
    run->CutPowerAt(change);
    finished = SalvageOn(run.get()).ok();
    for (uint64_t seed = 0; seed < 6; ++seed) {
      const auto after = run->CrashState(seed);
      const Result<int> keys = KeysOf(after.get());
      if (!keys.ok()) return keys.status().ToString();
      (*keys < 0 ? without : whole)++;
      if (*keys >= 0 && *keys != kSourceKeys) return std::to_string(*keys) + " keys";
      if (*keys < 0 && finished) return "it answered ok";
    }
  }
  return without < 20 || whole < 3 ? "too few states" : "";
}

TEST(SalvageCutOff, LeavesNoDatabaseOrAWholeOne) {
  EXPECT_EQ(WrongWhenCutOff(false), "");
  EXPECT_NE(WrongWhenCutOff(true), "") << "the syncs of its directory are not needed";
}

}  // namespace
}  // namespace logwood::test
