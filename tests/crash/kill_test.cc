// SIGKILL at random moments of a process with four writer threads, again and again on one
// directory: nothing acknowledged is ever missing, nothing is half there, positions stay dense.
//
//   LOGWOOD_KILLS=50000 LOGWOOD_SEED=7 crash_tests --gtest_filter='*Kill*'    in all, over the
//   shards
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstring>
#include <iostream>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "logwood/db.h"
#include "tests/support/child_process.h"
#include "tests/support/crash_workload.h"
#include "tests/support/directory.h"
#include "tests/support/environment.h"
#include "tests/support/generators.h"
#include "tests/support/status_assert.h"
#include "util/random.h"

namespace logwood::test {
namespace {

constexpr uint32_t kWriters = 4;
constexpr uint64_t kAcksMax = 1 << 18;  // of a writer in one life
constexpr size_t kErrorBytes = 512;

// What the child tells, in memory both share: a store is seen by the parent whatever happens to the
// child afterwards, in the order made.
struct WriterAcks {
  std::atomic<uint64_t> first{0};   // number of the first batch of this life
  std::atomic<uint64_t> issued{0};  // number of the newest batch given to Write
  std::atomic<uint64_t> count{0};   // acknowledged in this life
  LogPos positions[kAcksMax];       // of so many; the rest is never touched
};
struct Shared {
  std::atomic<bool> writing{false};
  std::atomic<bool> failed{false};
  char error[kErrorBytes];
  WriterAcks writers[kWriters];
};

class SharedMemory {
 public:
  SharedMemory() {
    void* const memory = mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE,
                              MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) std::abort();
    shared_ = new (memory) Shared;
  }
  ~SharedMemory() { munmap(shared_, sizeof(Shared)); }
  SharedMemory(const SharedMemory&) = delete;
  SharedMemory& operator=(const SharedMemory&) = delete;
  Shared* operator->() const { return shared_; }
  Shared* get() const { return shared_; }

 private:
  Shared* shared_;
};

// Small tables and segments: a kill meets flushes, compactions and rotations under way.
Options KillOptions() {
  Options options;
  options.memory_budget_bytes = 32 << 20;
  options.tuning.memtable_bytes = 128 << 10;
  options.tuning.table_bytes = 64 << 10;
  options.tuning.log_segment_bytes = 256 << 10;
  options.tuning.level0_tables = 2;
  options.tuning.background_threads = 2;
  options.keyspaces = CrashKeyspaces::OptionsOfBoth();
  return options;
}

// The child's side. Never returns from Run.
class Victim {
 public:
  Victim(Shared* shared, std::string path, uint64_t seed)
      : shared_(shared), path_(std::move(path)), seed_(seed) {}

  [[noreturn]] void Run() {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    Result<std::unique_ptr<DB>> opened = DB::Open(KillOptions(), path_);
    if (!opened.ok()) Die(opened.status());
    DB* const db = opened->get();
    const Result<CrashKeyspaces> keyspaces = CrashKeyspaces::OpenOrCreate(db);
    if (!keyspaces.ok()) Die(keyspaces.status());
    std::vector<std::thread> writers;
    for (uint32_t i = 0; i < kWriters; ++i)
      writers.emplace_back([this, db, &keyspaces, i] { Write(db, *keyspaces, i); });
    shared_->writing = true;
    for (int round = 0;; ++round) {  // until killed
      Check(db->Flush());
      if (round % 4 == 0) Check(db->CompactAll({}));
      Check(db->WaitDurable(db->LastPosition()));
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
  }

 private:
  [[noreturn]] void Die(const Status& status) {
    if (!shared_->failed.exchange(true)) {
      const std::string text = status.ToString().substr(0, kErrorBytes - 1);
      std::memcpy(shared_->error, text.c_str(), text.size() + 1);
    }
    _exit(1);
  }
  void Check(const Status& status) {
    if (!status.ok()) Die(status);
  }

  void Write(DB* db, const CrashKeyspaces& keyspaces, uint32_t number) {
    const CrashStream stream(seed_, number);
    const Result<uint64_t> last = LastBatchOf(db, *keyspaces.left, stream);
    if (!last.ok()) Die(last.status());
    WriterAcks& acks = shared_->writers[number];
    acks.first = *last + 1;
    for (uint64_t i = *last + 1; i <= *last + kAcksMax; ++i) {
      WriteBatch batch;
      stream.Fill(i, keyspaces, &batch);
      acks.issued = i;
      const bool durable = stream.IsDurable(i, 2);
      const Result<LogPos> position =
          db->Write({.durability = durable ? Durability::kPower : Durability::kProcess}, batch);
      if (!position.ok()) Die(position.status());
      acks.positions[i - *last - 1] = *position;
      acks.count = i - *last;  // release: after its position
    }
  }

  Shared* const shared_;
  const std::string path_;
  const uint64_t seed_;
};

class Kill : public testing::Test {
 protected:
  // Lives a life and ends it. `delay` counts from when the writers began, or, when `early`, from
  // the start: recovery is killed, too.
  void LiveAndDie(Shared* shared, bool early, std::chrono::microseconds delay) {
    const pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) Victim(shared, path_, seed_).Run();
    int status = 0;
    bool ended = false;
    while (!early && !shared->writing && !ended) {
      std::this_thread::sleep_for(std::chrono::microseconds(200));
      ended = waitpid(child, &status, WNOHANG) == child;
    }
    std::this_thread::sleep_for(delay);
    if (!ended) {
      kill(child, SIGKILL);
      ASSERT_EQ(waitpid(child, &status, 0), child);
    }
    ASSERT_FALSE(shared->failed) << "the database failed before it was killed: " << shared->error;
    ASSERT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL)
        << "it ended by itself, with wait status " << status;
  }

  // Everything the child was told and everything the directory holds agree.
  void Verify(const Shared& shared, bool read_only) {
    const Result<std::unique_ptr<DB>> opened =
        read_only ? DB::OpenReadOnly({}, path_) : DB::Open(KillOptions(), path_);
    // Killed before the first file was whole: nothing was promised yet.
    if (read_only && opened.status().Is(StatusCode::kNotFound) && NothingIsThere(shared)) return;
    ASSERT_OK(opened.status());
    DB* const db = opened->get();
    ASSERT_OK(CheckCrashContent(db, &streams_));
    std::vector<LogPos> positions;
    for (uint32_t i = 0; i < kWriters; ++i) CollectAcks(shared.writers[i], i, &positions);
    CheckDense(positions, db->LastPosition());
    if (!read_only) {
      ASSERT_OK(db->Close());
    }
  }

  bool NothingIsThere(const Shared& shared) const {
    for (uint32_t i = 0; i < kWriters; ++i) {
      if (streams_[i].last() != 0 || shared.writers[i].count != 0) return false;
    }
    return true;
  }

  void CollectAcks(const WriterAcks& acks, uint32_t writer, std::vector<LogPos>* positions) {
    const uint64_t count = acks.count;  // acquire: its positions are there
    if (acks.first == 0) return;        // killed before this writer began
    EXPECT_GE(streams_[writer].last(), acks.first + count - 1)
        << "an acknowledged batch of writer " << writer << " is gone";
    EXPECT_LE(streams_[writer].last(), std::max<uint64_t>(acks.issued, acks.first - 1))
        << "a batch that was never issued";
    for (uint64_t i = 0; i < count; ++i) {
      positions->push_back(acks.positions[i]);
      if (i > 0) {
        EXPECT_GT(acks.positions[i], acks.positions[i - 1]);
      }
    }
    acknowledged_ += count;
  }

  // The acknowledged positions are distinct and, but for one batch under way per writer, all there
  // are from the first on.
  void CheckDense(std::vector<LogPos> positions, LogPos last) {
    if (positions.empty()) return;
    std::sort(positions.begin(), positions.end());
    EXPECT_EQ(std::adjacent_find(positions.begin(), positions.end()), positions.end())
        << "a position was given twice";
    EXPECT_LE(positions.back(), last);
    EXPECT_LE(last - positions.front() + 1, positions.size() + kWriters);
  }

  explicit Kill(uint64_t shard = 0, TempDirectory::Speed speed = TempDirectory::Speed::kFast)
      : seed_(EnvironmentNumber("LOGWOOD_SEED", 1) + shard * 1'000'003), directory_(speed) {}

  const uint64_t seed_;
  const TempDirectory directory_;
  const std::string path_ = directory_.Join("db");
  std::vector<CrashStream> streams_ = {{seed_, 0}, {seed_, 1}, {seed_, 2}, {seed_, 3}};
  uint64_t acknowledged_ = 0;
};

// Shards, so that they run side by side. The first writes to a disk that takes its time.
class KillShard : public Kill, public testing::WithParamInterface<uint64_t> {
 protected:
  KillShard()
      : Kill(GetParam(),
             GetParam() == 0 ? TempDirectory::Speed::kDisk : TempDirectory::Speed::kFast) {}

  // Most lives are short: what a kill meets is what a process does when it begins. Some are long
  // enough for every level of the tree.
  static std::chrono::microseconds LengthOfLife(bool early, Random* random) {
    if (early) return std::chrono::microseconds(random->Uniform(30'000));
    return std::chrono::microseconds(random->Uniform(random->OneIn(25) ? 800'000 : 40'000));
  }
};
constexpr uint64_t kShards = 4;

TEST_P(KillShard, NothingAcknowledgedIsLostOnOneDirectory) {
  const uint64_t kills = (EnvironmentNumber("LOGWOOD_KILLS", 320) + kShards - 1) / kShards;
  std::cout << "LOGWOOD_SEED=" << EnvironmentNumber("LOGWOOD_SEED", 1)
            << " LOGWOOD_KILLS=" << kills * kShards << "\n";
  Random random(MixSeeds(seed_, 99));
  for (uint64_t round = 0; round < kills; ++round) {
    SCOPED_TRACE("round " + std::to_string(round) +
                 ", LOGWOOD_SEED=" + std::to_string(EnvironmentNumber("LOGWOOD_SEED", 1)));
    const SharedMemory shared;
    const bool early = random.OneIn(5);
    LiveAndDie(shared.get(), early, LengthOfLife(early, &random));
    if (HasFatalFailure()) return;
    // Sometimes the next life recovers by itself, from what only a kill left.
    const uint64_t how = random.Uniform(4);
    if (how == 3) Verify(*shared.get(), true);
    if (how != 3 || HasFailure()) Verify(*shared.get(), false);
    if (HasFailure()) return;
  }
  EXPECT_GT(acknowledged_, 0u);
  std::cout << "    kills: " << kills << ", batches acknowledged: " << acknowledged_ << ", found: "
            << streams_[0].last() + streams_[1].last() + streams_[2].last() + streams_[3].last()
            << "\n";
}
INSTANTIATE_TEST_SUITE_P(Shards, KillShard, testing::Range<uint64_t>(0, kShards));

// A second open is refused while the first process lives, and its lock dies with it.
TEST_F(Kill, LockDiesWithTheProcess) {
  const SharedMemory shared;
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) Victim(shared.get(), path_, seed_).Run();
  while (!shared->writing && !shared->failed)
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  EXPECT_STATUS(kBusy, DB::Open(KillOptions(), path_));
  kill(child, SIGKILL);
  WaitForChild(child);
  EXPECT_OK(DB::Open(KillOptions(), path_));
}

}  // namespace
}  // namespace logwood::test
