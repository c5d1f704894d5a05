// After the first failed sync nothing is acknowledged any more, whichever file it was of; reads go
// on; and what was acknowledged before is there after a reopen and after a loss of power.
//
//   LOGWOOD_SYNC_POINTS=200 LOGWOOD_SEED=7 crash_tests --gtest_filter='FailedSync*'
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
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

constexpr uint64_t kSyncsMax = 5000;

// Fails the n-th sync of a file or directory, once.
class SyncFault {
 public:
  SyncFault(SimulatedFileSystem* disk, uint64_t n, StatusCode code) {
    disk->SetFault([this, n, code](FileOp op, const std::string& path) {
      if (op != FileOp::kSync && op != FileOp::kSyncDirectory) return Status::Ok();
      if (++syncs_ != n) return Status::Ok();
      MutexLock lock(mutex_);
      path_ = path;
      failed_ = true;
      return Status(code, std::string(FileOpName(op)) + " " + path + ": injected");
    });
  }
  bool failed() const { return failed_; }
  std::string path() const {
    MutexLock lock(mutex_);
    return path_;
  }

 private:
  std::atomic<uint64_t> syncs_{0};
  std::atomic<bool> failed_{false};
  mutable Mutex mutex_;
  std::string path_ GUARDED_BY(mutex_);
};

// Steps of a life, chosen by the seed, until a sync fails: syncs of the log by writers and in the
// background, of tables by flushes and compactions, of the manifest, ROOT and the directory.
void LiveUntilASyncFails(Life* life, const Options& options, const SyncFault& fault,
                         Random* random) {
  if (!life->OpenUnseen(options).ok()) return;
  for (int step = 0; step < 40 && !fault.failed(); ++step) {
    const uint64_t kind = random->Uniform(10);
    if (kind < 5) {
      static_cast<void>(life->Write(kind < 2 ? Durability::kPower : Durability::kProcess, 1500));
    } else if (kind < 7) {
      static_cast<void>(life->db()->Flush());
    } else if (kind == 7) {
      static_cast<void>(life->CreateOrDropKeyspace());
    } else if (kind == 8) {
      static_cast<void>(life->db()->CompactAll({}));
    } else if (life->Close().ok()) {
      if (!life->OpenUnseen(options).ok()) return;
    } else {
      return;
    }
  }
}

class FailedSync : public testing::TestWithParam<SimulatedFileSystem::FailedSync> {
 protected:
  // Whether a sync failed at all.
  bool Try(uint64_t n, StatusCode code) {
    SimulatedFileSystem::Settings settings;
    settings.failed_sync = GetParam();
    SimulatedFileSystem disk(settings);
    SyncFault fault(&disk, n, code);
    Life life;
    Random random(MixSeeds(seed_, n));
    LiveUntilASyncFails(&life, TinyOptions(&disk), fault, &random);
    SCOPED_TRACE("sync " + std::to_string(n) + " of seed " + std::to_string(seed_) + ", of " +
                 fault.path() + ", " + std::string(StatusCodeName(code)));
    if (!fault.failed()) {
      const Status closed = life.Close();  // which may be what meets it
      if (!fault.failed()) {
        EXPECT_OK(closed);
        return false;
      }
    }
    if (life.is_open()) LookAtWhatIsOpen(&life, fault, code);
    static_cast<void>(life.Close());
    LookAgain(&life, &disk);
    return true;
  }

  static void LookAtWhatIsOpen(Life* life, const SyncFault& fault, StatusCode code) {
    // Until everybody has heard of it.
    static_cast<void>(life->db()->WaitForCompaction());
    // A full disk is waited for, except where the sync was to acknowledge something.
    const bool acknowledges = fault.path().ends_with(".log") || fault.path().ends_with("db");
    if (code == StatusCode::kIoError || acknowledges) {
      const LogPos before = life->acknowledged();
      for (int i = 0; i < 6; ++i) {
        EXPECT_FALSE(life->Write(i % 2 == 0 ? Durability::kPower : Durability::kProcess).ok());
      }
      EXPECT_EQ(life->acknowledged(), before);
      EXPECT_TRUE(life->db()->GetStats().writes_stopped);
      EXPECT_FALSE(life->db()->Flush().ok());
    }
    if (GetParam() != SimulatedFileSystem::FailedSync::kDrops) life->Check();
  }

  // In the same kernel, which may still show what it will never write, and after it is gone.
  void LookAgain(Life* life, SimulatedFileSystem* disk) {
    disk->SetFault({});
    LookAfterPowerLoss(*life, *disk);
    // Where it drops what it could not write, a reopen finds no more than after a loss of power.
    const bool drops = GetParam() == SimulatedFileSystem::FailedSync::kDrops;
    Life again = drops ? life->AfterPowerLoss() : life->AfterKill();
    ASSERT_OK(again.Open(TinyOptions(disk)));
    ASSERT_OK(again.Write(Durability::kPower));
    LookAfterPowerLoss(again, *disk);
    ASSERT_OK(again.db()->Flush());
    ASSERT_OK(again.db()->CompactAll({}));
    again.Check();
    ASSERT_OK(again.Close());
    LookAfterPowerLoss(again, *disk);
  }

  void LookAfterPowerLoss(const Life& life, const SimulatedFileSystem& disk) const {
    for (uint64_t state = 0; state < 3; ++state) {
      const auto after = disk.CrashState(seed_ + state);
      Life other = life.AfterPowerLoss();
      ASSERT_OK(other.Open(TinyOptions(after.get())));
      ASSERT_OK(other.Close());
    }
  }

  const uint64_t seed_ = EnvironmentNumber("LOGWOOD_SEED", 1);
};

TEST_P(FailedSync, IsFollowedByNoAcknowledgement) {
  const uint64_t points = EnvironmentNumber("LOGWOOD_SYNC_POINTS", 60);
  uint64_t tried = 0;
  for (uint64_t n = 1; n <= std::min(points, kSyncsMax) && !HasFailure(); ++n) {
    if (Try(n, StatusCode::kIoError)) ++tried;
    if (Try(n, StatusCode::kNoSpace)) ++tried;
  }
  std::cout << "    failed syncs: " << tried << "\n";
  EXPECT_GT(tried, 0u);
}

std::string KernelName(const testing::TestParamInfo<SimulatedFileSystem::FailedSync>& mode) {
  constexpr const char* kNames[] = {"Forgets", "Drops", "Keeps"};
  return kNames[static_cast<size_t>(mode.param)];
}
INSTANTIATE_TEST_SUITE_P(Kernels, FailedSync,
                         testing::Values(SimulatedFileSystem::FailedSync::kForgets,
                                         SimulatedFileSystem::FailedSync::kDrops,
                                         SimulatedFileSystem::FailedSync::kKeeps),
                         KernelName);

}  // namespace
}  // namespace logwood::test
