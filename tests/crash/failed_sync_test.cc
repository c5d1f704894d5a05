// After the first failed sync nothing is acknowledged any more, whichever file it was of; reads go
// on; and what was acknowledged before is there after a reopen and after a loss of power.
//
//   LOGWOOD_SYNC_POINTS=200 LOGWOOD_SEED=7 crash_tests --gtest_filter='FailedSync*'
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <iostream>
#include <memory>
#include <string>
#include <thread>

#include "logwood/simulated_file_system.h"
#include "tests/db/crash_support.h"
#include "tests/support/environment.h"
#include "tests/support/generators.h"
#include "util/random.h"

namespace logwood::test {
namespace {

constexpr uint64_t kSyncsMax = 5000;
constexpr int kTurnsMax = 10'000;

// Which syncs of files and directories fail: the n-th, or it and all after it.
struct PlannedFailure {
  uint64_t n = 1;
  StatusCode code = StatusCode::kIoError;
  bool for_ever = false;

  std::string ToString() const {
    return "sync " + std::to_string(n) + (for_ever ? " and all after it, " : ", ") +
           std::string(StatusCodeName(code));
  }
};

// Fails them, and knows which was the first.
class SyncFault {
 public:
  SyncFault(SimulatedFileSystem* disk, const PlannedFailure& planned) {
    disk->SetFault([this, planned](FileOp op, const std::string& path) {
      if (op != FileOp::kSync && op != FileOp::kSyncDirectory) return Status::Ok();
      const uint64_t sync = ++syncs_;
      if (planned.for_ever ? sync < planned.n : sync != planned.n) return Status::Ok();
      MutexLock lock(mutex_);
      if (path_.empty()) path_ = path;
      // A full disk is waited for by what is written anew somewhere else; not where the sync was to
      // acknowledge something, or made names durable.
      if (planned.code != StatusCode::kNoSpace || path.ends_with(".log") || path.ends_with("db"))
        stops_writes_ = true;
      failed_ = true;
      return Status(planned.code, std::string(FileOpName(op)) + " " + path + ": injected");
    });
  }
  bool failed() const { return failed_; }
  bool stops_writes() const { return stops_writes_; }
  std::string path() const {
    MutexLock lock(mutex_);
    return path_;
  }

 private:
  std::atomic<uint64_t> syncs_{0};
  std::atomic<bool> failed_{false}, stops_writes_{false};
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
      static_cast<void>(life->Flush());
    } else if (kind == 7) {
      static_cast<void>(life->CreateOrDropKeyspace());
    } else if (kind == 8) {
      static_cast<void>(life->CompactAll());
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
  bool Try(const PlannedFailure& planned) {
    SimulatedFileSystem::Settings settings;
    settings.failed_sync = GetParam();
    SimulatedFileSystem disk(settings);
    SyncFault fault(&disk, planned);
    Life life;
    Random random(MixSeeds(seed_, planned.n));
    LiveUntilASyncFails(&life, TinyOptions(&disk), fault, &random);
    SCOPED_TRACE(planned.ToString() + ", of " + fault.path() +
                 "; LOGWOOD_SEED=" + std::to_string(seed_));
    if (!fault.failed()) {
      const Status closed = life.Close();  // which may be what meets it
      if (!fault.failed()) {
        EXPECT_OK(closed);
        return false;
      }
    }
    if (life.is_open()) LookAtWhatIsOpen(&life, fault);
    static_cast<void>(life.Close());
    LookAgain(&life, &disk);
    return true;
  }

  void LookAtWhatIsOpen(Life* life, const SyncFault& fault) {
    const bool stopped = fault.stops_writes();
    // Until everybody has heard of it; the sync may have been one of the background.
    static_cast<void>(life->db()->WaitForCompaction());
    for (int turn = 0; stopped && turn < kTurnsMax && !life->db()->GetStats().writes_stopped;
         ++turn)
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    const LogPos before = life->acknowledged();
    for (int i = 0; i < 6; ++i) {
      const Status written = life->Write(i % 2 == 0 ? Durability::kPower : Durability::kProcess);
      if (stopped) {
        EXPECT_STATUS(kReadOnly, written);
      }
    }
    if (stopped) {
      EXPECT_EQ(life->acknowledged(), before);
      EXPECT_TRUE(life->db()->GetStats().writes_stopped);
      EXPECT_FALSE(life->Flush().ok());
    } else {
      ++waited_for_;
    }
    // Reads go on, also where the disk dropped the pages: what is not durable is in memtables
    // still, and a table is read only when its sync succeeded.
    life->Check();
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
    ASSERT_OK(again.Flush());
    ASSERT_OK(again.CompactAll());
    again.Check();
    ASSERT_OK(again.Close());
    LookAfterPowerLoss(again, *disk);
  }

  void LookAfterPowerLoss(const Life& life, const SimulatedFileSystem& disk) const {
    for (uint64_t state = 0; state < 2; ++state) {
      const auto after = disk.CrashState(seed_ + state);
      Life other = life.AfterPowerLoss();
      ASSERT_OK(other.Open(TinyOptions(after.get())));
      ASSERT_OK(other.Close());
    }
  }

  const uint64_t seed_ = EnvironmentNumber("LOGWOOD_SEED", 1);
  uint64_t waited_for_ = 0;  // lives in which nothing failed but for want of room, of a table or so
};

TEST_P(FailedSync, IsFollowedByNoAcknowledgement) {
  const uint64_t points = EnvironmentNumber("LOGWOOD_SYNC_POINTS", 40);
  uint64_t tried = 0;
  for (uint64_t n = 1; n <= std::min(points, kSyncsMax) && !HasFailure(); ++n) {
    for (const bool for_ever : {false, true}) {
      for (const StatusCode code : {StatusCode::kIoError, StatusCode::kNoSpace}) {
        if (Try({n, code, for_ever})) ++tried;
      }
    }
  }
  std::cout << "    failed syncs: " << tried << ", waited for: " << waited_for_ << "\n";
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
