// Two operations of one life fail, in every combination of ways, at places chosen by the seed: what
// handles a first failure may not fall over a second. Each answer says what failed, and where. Then
// the database is closed, or its process killed, and opened on what that leaves, and on what a loss
// of power leaves. In process, on a simulated disk, with each way a failed sync may leave the
// pages.
//
//   LOGWOOD_FAULT_PAIRS=20000 LOGWOOD_SEED=7 crash_tests --gtest_filter='FaultPairs*'
//   LOGWOOD_FAULT_PAIR=4711 crash_tests --gtest_filter='FaultPairs*'       one of them again
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <functional>
#include <iostream>
#include <memory>
#include <string>

#include "logwood/simulated_file_system.h"
#include "tests/db/crash_support.h"
#include "tests/support/environment.h"
#include "tests/support/generators.h"
#include "util/random.h"

namespace logwood::test {
namespace {

// One fault: the n-th operation, or it and all after it, until the life is over.
struct PlannedFault {
  uint64_t at = 0;
  bool for_ever = false;
  bool only_changes = false;
  StatusCode code = StatusCode::kIoError;
};

// How many operations a life makes without faults, and how many of them are changes: where the
// faults may lie.
struct Length {
  uint64_t operations = 0, changes = 0;
};

PlannedFault Plan(Random* random, const Length& length) {
  PlannedFault fault;
  fault.for_ever = random->OneIn(4);
  fault.only_changes = random->OneIn(2);
  fault.at = 1 + random->Uniform(fault.only_changes ? length.changes : length.operations);
  fault.code = random->OneIn(3) ? StatusCode::kNoSpace : StatusCode::kIoError;
  return fault;
}

// The two of one life: asked before each operation of its disk.
class PairOfFaults {
 public:
  explicit PairOfFaults(const std::array<PlannedFault, 2>& planned) : planned_(planned) {}

  Status Before(FileOp op, const std::string& path) {
    for (size_t i = 0; i < planned_.size(); ++i) {
      const PlannedFault& fault = planned_[i];
      if (fault.only_changes && !IsChange(op)) continue;
      const uint64_t count = ++counts_[i];
      if (count == fault.at || (fault.for_ever && count > fault.at)) {
        if (op == FileOp::kSync || op == FileOp::kSyncDirectory) sync_failed_ = true;
        return Status(fault.code, std::string(FileOpName(op)) + " " + path + ": injected");
      }
    }
    return Status();
  }
  bool both_met() const { return counts_[0] >= planned_[0].at && counts_[1] >= planned_[1].at; }
  // Whether a sync failed since this was asked before.
  bool TakeFailedSync() { return sync_failed_.exchange(false); }

 private:
  const std::array<PlannedFault, 2> planned_;
  std::array<std::atomic<uint64_t>, 2> counts_ = {0, 0};
  std::atomic<bool> sync_failed_{false};
};

class FaultPairs : public testing::Test {
 protected:
  static Length LengthOfALife(uint64_t story) {
    SimulatedFileSystem disk;
    std::atomic<uint64_t> operations = 0, changes = 0;
    disk.SetFault([&](FileOp op, const std::string&) {
      ++operations;
      changes += IsChange(op);
      return Status();
    });
    Life life;
    Live(&life, TinyOptions(&disk), story, [] { return false; });
    EXPECT_OK(life.Close());
    return {operations, changes};
  }

  // `both`: whether both faults were met.
  void Try(uint64_t seed, bool* both) {
    SCOPED_TRACE("LOGWOOD_FAULT_PAIR=" + std::to_string(seed));
    Random random(seed);
    const uint64_t story = random.Uniform(8);  // few stories: their lengths are known
    if (lengths_[story].operations == 0) lengths_[story] = LengthOfALife(story);
    PairOfFaults faults({Plan(&random, lengths_[story]), Plan(&random, lengths_[story])});
    SimulatedFileSystem::Settings settings;
    settings.failed_sync = static_cast<SimulatedFileSystem::FailedSync>(random.Uniform(3));
    const bool drops = settings.failed_sync == SimulatedFileSystem::FailedSync::kDrops;
    SimulatedFileSystem disk(settings);
    disk.SetFault([&](FileOp op, const std::string& path) { return faults.Before(op, path); });
    const auto lost = [&] { return drops && faults.TakeFailedSync(); };
    Life life;
    Live(&life, TinyOptions(&disk), story, lost);
    *both = faults.both_met();
    const bool killed = random.OneIn(3);
    if (!killed) static_cast<void>(life.Close());
    disk.SetFault({});
    if (lost()) life.LoseUnsynced();
    if (random.OneIn(2)) {
      const auto powerless = disk.CrashState(random.Next());
      LookAgain(life.AfterPowerLoss(), powerless.get(), &random);
    } else if (killed) {
      const auto left = disk.KilledState();
      LookAgain(life.AfterKill(), left.get(), &random);
      disk.CutPower();  // what is open there changes nothing any more
      life.Abandon();
    } else {
      LookAgain(life.AfterKill(), &disk, &random);
    }
  }

 private:
  // Opens and closes, writes, flushes, compacts; goes on as long as anything can be opened. `lost`:
  // whether a sync failed since that was asked before, and took with it what was not durable.
  static void Live(Life* life, const Options& options, uint64_t story,
                   const std::function<bool()>& lost) {
    Random random(MixSeeds(story, 17));
    for (int lives = 0; lives < 3; ++lives) {
      if (lives != 0) static_cast<void>(life->Close());
      if (lost()) life->LoseUnsynced();
      if (!life->OpenUnseen(options).ok()) continue;
      for (int step = 0; step < 14; ++step) {
        const uint64_t kind = random.Uniform(12);
        if (kind < 8) {
          const bool durable = kind % 4 == 0;
          static_cast<void>(
              life->Write(durable ? Durability::kPower : Durability::kProcess, kind * 700));
        } else if (kind < 10) {
          static_cast<void>(life->Flush());
        } else if (kind == 10) {
          static_cast<void>(life->CreateOrDropKeyspace());
        } else {
          static_cast<void>(life->CompactAll());
        }
      }
    }
  }

  // Without faults: all that must be there is, and it goes on from there. By dice it then loses
  // power, once more.
  static void LookAgain(Life life, SimulatedFileSystem* disk, Random* random) {
    ASSERT_OK(life.Open(TinyOptions(disk)));
    ASSERT_OK(life.Write(Durability::kPower));
    ASSERT_OK(life.Flush());
    ASSERT_OK(life.CompactAll());
    life.Check();
    ASSERT_OK(life.db()->Verify({}));
    if (random->OneIn(4)) {
      const auto powerless = disk->CrashState(random->Next());
      Life after = life.AfterPowerLoss();
      ASSERT_OK(after.Open(TinyOptions(powerless.get())));
      ASSERT_OK(after.Close());
    }
    ASSERT_OK(life.Close());
  }

  std::array<Length, 8> lengths_ = {};
};

TEST_F(FaultPairs, LoseNothingAndNeverHang) {
  const uint64_t one = EnvironmentNumber("LOGWOOD_FAULT_PAIR", 0);
  bool both = false;
  if (one != 0) return Try(one, &both);
  const uint64_t pairs = EnvironmentNumber("LOGWOOD_FAULT_PAIRS", 400);
  const uint64_t seed = EnvironmentNumber("LOGWOOD_SEED", 1);
  uint64_t tried = 0, met = 0;
  for (; met < pairs && !HasFailure(); ++tried) {
    ASSERT_LT(tried, 100 * pairs) << "few lives meet both";
    Try(MixSeeds(seed, tried), &both);
    met += both;
  }
  std::cout << "    fault pairs: " << met << ", lives: " << tried << "\n";
}

}  // namespace
}  // namespace logwood::test
