// Two operations of one life fail, in every combination of ways, at places chosen by the seed: what
// handles a first failure may not fall over a second. In process, on a file system that fails.
//
//   LOGWOOD_FAULT_PAIRS=20000 LOGWOOD_SEED=7 crash_tests --gtest_filter='FaultPairs*'
//   LOGWOOD_FAULT_PAIR=4711 crash_tests --gtest_filter='FaultPairs*'       one of them again
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <iostream>
#include <memory>
#include <string>

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

class FaultPairs : public testing::Test {
 protected:
  static Length LengthOfALife(uint64_t seed) {
    auto base = FileSystem::InMemory();
    FaultyFileSystem files(base.get());
    std::atomic<uint64_t> changes = 0;
    files.SetFault([&](FileOp op, const std::string&) {
      changes += IsChange(op);
      return Status();
    });
    Life life;
    Live(&life, TinyOptions(&files), seed);
    EXPECT_OK(life.Close());
    return {files.total(), changes};
  }

  // `both`: whether both faults were met.
  void Try(uint64_t seed, bool* both) {
    SCOPED_TRACE("LOGWOOD_FAULT_PAIR=" + std::to_string(seed));
    Random random(seed);
    const uint64_t story = random.Uniform(8);  // few stories: their lengths are known
    if (lengths_[story].operations == 0) lengths_[story] = LengthOfALife(story);
    const std::array<PlannedFault, 2> faults = {Plan(&random, lengths_[story]),
                                                Plan(&random, lengths_[story])};
    auto base = FileSystem::InMemory();
    FaultyFileSystem files(base.get());
    std::array<std::atomic<uint64_t>, 2> counts = {0, 0};
    files.SetFault([&](FileOp op, const std::string& path) {
      for (size_t i = 0; i < faults.size(); ++i) {
        const PlannedFault& fault = faults[i];
        if (fault.only_changes && !IsChange(op)) continue;
        const uint64_t count = ++counts[i];
        if (count == fault.at || (fault.for_ever && count > fault.at))
          return Status(fault.code, std::string(FileOpName(op)) + " " + path + ": injected");
      }
      return Status();
    });
    Life life;
    Live(&life, TinyOptions(&files), story);
    static_cast<void>(life.Close());
    files.SetFault({});
    *both = counts[0] >= faults[0].at && counts[1] >= faults[1].at;
    // Without faults, in the same kernel, whose failed syncs kept their pages.
    ASSERT_OK(life.Open(TinyOptions(base.get())));
    ASSERT_OK(life.Write(Durability::kPower));
    ASSERT_OK(life.db()->Flush());
    ASSERT_OK(life.db()->CompactAll({}));
    life.Check();
    ASSERT_OK(life.db()->Verify({}));
    ASSERT_OK(life.Close());
  }

 private:
  // Opens and closes, writes, flushes, compacts; goes on as long as anything can be opened.
  static void Live(Life* life, const Options& options, uint64_t story) {
    Random random(MixSeeds(story, 17));
    for (int lives = 0; lives < 3; ++lives) {
      if (!life->OpenUnseen(options).ok()) continue;
      for (int step = 0; step < 14; ++step) {
        const uint64_t kind = random.Uniform(12);
        if (kind < 8) {
          const bool durable = kind % 4 == 0;
          static_cast<void>(
              life->Write(durable ? Durability::kPower : Durability::kProcess, kind * 700));
        } else if (kind < 10) {
          static_cast<void>(life->db()->Flush());
        } else if (kind == 10) {
          static_cast<void>(life->CreateOrDropKeyspace());
        } else {
          static_cast<void>(life->db()->CompactAll({}));
        }
      }
      static_cast<void>(life->Close());
    }
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
