// Real file systems that are cut off in the middle of writing: ext4 and XFS on a loop device, shut
// down by ioctl at a random moment, with and without what their journal held in memory. Mounted
// again, the database opens, holds exactly the first so many batches, and nothing durable is lost.
//
//   LOGWOOD_CUTS=2000 LOGWOOD_SEED=7 crash_tests --gtest_filter='*CutOff*'
//
// Needs root, loop devices and mkfs.ext4 or mkfs.xfs (tools/setup --tests); skipped where they are
// not. The moment of a cut is random in time and so not replayable; what is written is.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "tests/crash/fault_run.h"
#include "tests/support/child_process.h"
#include "tests/support/directory.h"
#include "tests/support/environment.h"
#include "util/random.h"

namespace logwood::test {
namespace {

// <linux/ext4.h> and <xfs/xfs_fs.h> are not everywhere; both use one number.
constexpr unsigned long kShutDown = _IOR('X', 125, uint32_t);
enum class Cut : uint32_t {
  kLogFlushed = 1,    // the journal is written first
  kLogForgotten = 2,  // nothing is
};

struct CutKind {
  const char* name;
  const char* make;      // the program that makes one
  uint64_t image_bytes;  // sparse
  Cut cut;
};

int Command(const std::string& command) {
  return std::system((command + " >/dev/null 2>&1").c_str());
}

// A file system in a file, mounted while this lives and Unmount was not called.
class LoopMount {
 public:
  explicit LoopMount(const CutKind& kind) : kind_(kind) {
    std::ofstream(image_).close();
    if (truncate(image_.c_str(), static_cast<off_t>(kind.image_bytes)) != 0) std::abort();
    if (Command(std::string("command -v ") + kind.make) != 0) {
      problem_ = std::string(kind.make) + " is not installed";
    } else if (Command(std::string(kind.make) + " -q " + image_) != 0) {
      problem_ = std::string(kind.make) + " failed";
    } else if (Command("mkdir " + point_) != 0 || !Mount()) {
      problem_ = "a loop device cannot be mounted here";
    }
  }
  ~LoopMount() {
    if (mounted_) umount2(point_.c_str(), MNT_DETACH);
  }
  LoopMount(const LoopMount&) = delete;
  LoopMount& operator=(const LoopMount&) = delete;

  const std::string& problem() const { return problem_; }  // empty: it is mounted
  std::string Join(const std::string& name) const { return point_ + "/" + name; }
  bool Mount() {
    // By the command: it finds a free loop device, and frees it with the unmount.
    mounted_ =
        Command("mount -o loop -t " + std::string(kind_.name) + " " + image_ + " " + point_) == 0;
    return mounted_;
  }
  bool Unmount() {
    mounted_ = umount2(point_.c_str(), 0) != 0;
    return !mounted_;
  }
  bool ShutDown() const {
    const int fd = open(point_.c_str(), O_RDONLY | O_CLOEXEC);
    auto flags = static_cast<uint32_t>(kind_.cut);
    const bool done = fd >= 0 && ioctl(fd, kShutDown, &flags) == 0;
    close(fd);
    return done;
  }

 private:
  const CutKind kind_;
  // In memory where there is some: the loop device then costs no disk.
  const TempDirectory directory_{TempDirectory::Speed::kFast};
  const std::string image_ = directory_.Join("image");
  const std::string point_ = directory_.Join("mounted");
  std::string problem_;
  bool mounted_ = false;
};

// It may print as fast as it is read.
constexpr uint64_t kLinesMax = 10'000;

class CutOff : public testing::TestWithParam<CutKind> {
 protected:
  // Writes until the file system is gone.
  void LiveUntilCutOff(const LoopMount& disk, uint64_t lines) {
    ChildProcess child(
        {ProbePath(), "run", disk.Join("db"), std::to_string(seed_), "1000000000", "2"},
        {.environment = {"LOGWOOD_OPTION_SET=segment_16k_posix_retained"},
         .ends_after_seconds = 120});
    std::string line;
    while (lines > 0 && child.ReadLine(&line)) {
      --lines;
      Note(line);
    }
    ASSERT_EQ(lines, 0u) << "it ended before it was cut off: " << line;
    for (uint64_t more = 0; more < kLinesMax && child.ReadLineThatIsThere(&line); ++more)
      Note(line);
    // What comes from now on is not held against it: ext4 may answer a sync that races with the
    // shutdown and loses it as if all were well.
    const uint64_t durable_before = durable_;
    ASSERT_TRUE(disk.ShutDown());
    while (child.ReadLine(&line)) Note(line);
    durable_ = durable_before;
    EXPECT_EQ(child.Wait(), 2) << line;
    EXPECT_TRUE(line.starts_with("FAILED ")) << line;
  }

  void Note(const std::string& line) {
    std::istringstream fields(line);
    std::string letter;
    uint64_t batch = 0, position = 0;
    int durable = 0;
    if (!(fields >> letter >> batch >> position >> durable) || letter != "A") return;
    acknowledged_ = batch;
    if (durable == 1) durable_ = batch;
  }

  void Look(const std::string& path) {
    const Result<uint64_t> found = LastBatchIn(path, seed_);
    ASSERT_OK(found);
    EXPECT_GE(*found, durable_) << "durable batches are lost";
    // The one under way may be there although it was not acknowledged.
    EXPECT_LE(*found, acknowledged_ + 1);
    found_ += *found - std::min(*found, durable_);
    acknowledged_ = durable_ = *found;  // opening made it durable
  }

  const uint64_t seed_ = EnvironmentNumber("LOGWOOD_SEED", 1);
  uint64_t acknowledged_ = 0, durable_ = 0;
  uint64_t found_ = 0;  // batches that were there without having to be
};

TEST_P(CutOff, NothingDurableIsLostAndItOpens) {
  LoopMount disk(GetParam());
  if (!disk.problem().empty()) GTEST_SKIP() << disk.problem();
  const uint64_t cuts = EnvironmentNumber("LOGWOOD_CUTS", 8);
  Random random(seed_);
  for (uint64_t round = 0; round < cuts && !HasFailure(); ++round) {
    SCOPED_TRACE("cut " + std::to_string(round) + ", LOGWOOD_SEED=" + std::to_string(seed_));
    ASSERT_NO_FATAL_FAILURE(LiveUntilCutOff(disk, 1 + random.Uniform(400)));
    ASSERT_TRUE(disk.Unmount());
    ASSERT_TRUE(disk.Mount()) << "its journal cannot be replayed";
    Look(disk.Join("db"));
  }
  std::cout << "    cuts: " << cuts << ", batches: " << acknowledged_
            << ", found beyond the durable ones: " << found_ << "\n";
}

constexpr uint64_t kMiB = 1 << 20;
INSTANTIATE_TEST_SUITE_P(FileSystems, CutOff,
                         testing::Values(CutKind{"ext4", "mkfs.ext4", 128 * kMiB,
                                                 Cut::kLogForgotten},
                                         CutKind{"ext4", "mkfs.ext4", 128 * kMiB, Cut::kLogFlushed},
                                         CutKind{"xfs", "mkfs.xfs", 320 * kMiB, Cut::kLogForgotten},
                                         CutKind{"xfs", "mkfs.xfs", 320 * kMiB, Cut::kLogFlushed}),
                         [](const auto& kind) {
                           return std::string(kind.param.name) + (kind.param.cut == Cut::kLogFlushed
                                                                      ? "_log_flushed"
                                                                      : "_log_forgotten");
                         });

}  // namespace
}  // namespace logwood::test
