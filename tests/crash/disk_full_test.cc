// A disk that fills up, at nine sizes: writes fail with kNoSpace and nothing acknowledged is lost,
// reads go on, retries are bounded, and when there is room again the database goes on by itself,
// without being opened again, and says so. On a simulated disk, and on a tmpfs where one may be
// mounted.
#include <gtest/gtest.h>
#include <sys/mount.h>

#include <cerrno>
#include <cstring>
#include <functional>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "logwood/db.h"
#include "logwood/simulated_file_system.h"
#include "tests/db/crash_support.h"
#include "tests/support/directory.h"
#include "tests/support/generators.h"
#include "util/random.h"
#include "util/sync.h"

namespace logwood::test {
namespace {

constexpr uint64_t kKiB = 1024;
constexpr uint64_t kNever = ~uint64_t{0};

struct Listener : EventListener {
  void OnEvent(const Event& event) override {
    MutexLock lock(mutex);
    if (event.kind == EventKind::kBackgroundError) ++failures;
    if (event.kind == EventKind::kResumed) ++resumed;
    changed.NotifyAll();
  }
  uint64_t Failures() {
    MutexLock lock(mutex);
    return failures;
  }
  uint64_t Resumed() {
    MutexLock lock(mutex);
    return resumed;
  }
  // Until there are so many of one of the two; false: neither comes. It takes seconds at most.
  bool WaitFor(uint64_t failures_wanted, uint64_t resumed_wanted) {
    const Deadline deadline = DeadlineAfter(std::chrono::seconds(100));
    MutexLock lock(mutex);
    while (failures < failures_wanted && resumed < resumed_wanted) {
      if (!changed.WaitUntil(mutex, deadline)) return false;
    }
    return true;
  }
  Mutex mutex;
  CondVar changed;
  uint64_t failures GUARDED_BY(mutex) = 0;
  uint64_t resumed GUARDED_BY(mutex) = 0;
};

// A disk of some size that can be made larger.
struct Disk {
  FileSystem* files = nullptr;
  std::string path;
  std::function<void()> make_room;
};

// Rows that are only ever added, each with a value of its own: what was acknowledged is a list of
// numbers.
class Filler {
 public:
  explicit Filler(const Disk& disk) : disk_(disk), listener_(std::make_shared<Listener>()) {
    options_ = TinyOptions(disk.files);
    options_.compression = Compression::kNone;
    options_.listeners = {listener_};
  }

  void Run() {
    ASSERT_OK(Open());
    Fill();
    KnockOnTheFullDisk();
    if (testing::Test::HasFailure()) return;
    Look();
    LookFromOutside();
    disk_.make_room();
    GoOn();
  }
  uint64_t acknowledged() const { return acknowledged_.size(); }
  uint64_t refused() const { return refused_; }

 private:
  Status Open() {
    ASSIGN_OR_RETURN(db_, DB::Open(options_, disk_.path));
    return Status::Ok();
  }

  static std::string KeyOf(uint64_t number) { return "row" + std::to_string(1'000'000 + number); }
  std::string ValueOfRow(uint64_t number) const {
    return ValueOf(static_cast<uint32_t>(number), 500 + static_cast<uint32_t>(number * 37 % 3000));
  }

  Status Write() {
    const uint64_t number = next_++;
    const Durability durability = number % 5 == 0 ? Durability::kPower : Durability::kProcess;
    const Status status = db_->Put({durability}, KeyOf(number), ValueOfRow(number)).status();
    if (status.ok()) {
      acknowledged_.push_back(number);
    } else {
      ++refused_;
      EXPECT_STATUS(kNoSpace, status);
    }
    return status;
  }

  void Fill() {
    while (Write().ok()) ASSERT_LT(next_, 100'000u) << "the disk does not fill up";
  }

  // Going on trying costs no more and more room, time or writing.
  void KnockOnTheFullDisk() {
    // What others remove may be room for some more, now and then.
    int refused_in_a_row = 0;
    for (int i = 0; refused_in_a_row < 50; ++i) {
      ASSERT_LT(i, 20'000) << "the disk does not stay full";
      refused_in_a_row = Write().ok() ? 0 : refused_in_a_row + 1;
      if (i % 25 == 0) {
        const Status flushed = db_->Flush();
        EXPECT_TRUE(flushed.ok() || flushed.Is(StatusCode::kNoSpace)) << flushed.ToString();
      }
    }
    EXPECT_FALSE(db_->GetStats().writes_stopped);
    // What failed in the background is tried again now and then; each time it may write what it
    // has to write, and no more.
    const uint64_t before = listener_->Failures(), resumed = listener_->Resumed();
    if (db_->GetStats().background_error.empty()) return;
    const Stats first = db_->GetStats();
    ASSERT_TRUE(listener_->WaitFor(before + 2, resumed + 1))
        << "not tried again: " << first.background_error;
    if (listener_->Resumed() != resumed) return;  // what others removed was room enough
    const Stats later = db_->GetStats();
    EXPECT_EQ(later.compaction_bytes_written, first.compaction_bytes_written);
    ASSERT_OK_AND_ASSIGN(const std::vector<std::string> names, disk_.files->List(disk_.path));
    EXPECT_LT(names.size(), 400u) << "files pile up";
  }

  void Look() {
    std::string value;
    for (const uint64_t number : acknowledged_) {
      ASSERT_OK(db_->Get({}, KeyOf(number), &value));
      ASSERT_EQ(value, ValueOfRow(number)) << number;
    }
    const std::unique_ptr<Iterator> iterator = db_->NewIterator({});
    iterator->SeekToFirst();
    for (const uint64_t number : acknowledged_) {
      ASSERT_TRUE(iterator->Valid()) << iterator->status().ToString();
      ASSERT_EQ(iterator->key(), KeyOf(number));
      iterator->Next();
    }
    EXPECT_FALSE(iterator->Valid());
    EXPECT_OK(iterator->status());
    EXPECT_EQ(db_->LastPosition(), acknowledged_.size());
  }

  // Others may read what is there, too.
  void LookFromOutside() {
    ReadOnlyOptions options;
    options.file_system = disk_.files;
    options.ignore_writer = true;
    ASSERT_OK_AND_ASSIGN(const std::unique_ptr<DB> reader, DB::OpenReadOnly(options, disk_.path));
    EXPECT_EQ(reader->LastPosition(), acknowledged_.size());
  }

  void GoOn() {
    // Not at once where a flush must come first, which is tried again in its time.
    for (;;) {
      const uint64_t seen = listener_->Resumed();
      const Status written = Write();
      if (!db_->GetStats().background_error.empty()) {
        ASSERT_TRUE(listener_->WaitFor(kNever, seen + 1));
      } else if (written.ok()) {
        break;
      }
    }
    ASSERT_TRUE(listener_->WaitFor(kNever, 1));
    // An attempt that began on the full disk may fail only now; one that is asked for comes behind.
    ASSERT_OK(db_->Flush());
    for (int i = 0; i < 50; ++i) ASSERT_OK(Write());
    ASSERT_OK(db_->Flush());
    ASSERT_OK(db_->CompactAll({}));
    ASSERT_OK(db_->Verify({}));
    EXPECT_EQ(db_->GetStats().background_error, "");
    Look();
    ASSERT_OK(db_->Close());
    ASSERT_OK(Open());
    EXPECT_TRUE(db_->GetRecoveryInfo().clean);
    Look();
    ASSERT_OK(db_->Close());
  }

  const Disk disk_;
  const std::shared_ptr<Listener> listener_;
  Options options_;
  std::unique_ptr<DB> db_;
  uint64_t next_ = 1;
  uint64_t refused_ = 0;
  std::vector<uint64_t> acknowledged_;
};

void Report(const Filler& filler) {
  std::cout << "    acknowledged: " << filler.acknowledged() << ", refused: " << filler.refused()
            << "\n";
}

class DiskFull : public testing::TestWithParam<uint64_t> {};

TEST_P(DiskFull, OnASimulatedDiskLosesNothingAndGoesOnByItself) {
  const uint64_t bytes = GetParam() * kKiB;
  SimulatedFileSystem::Settings settings;
  settings.capacity_bytes = bytes;
  SimulatedFileSystem disk(settings);
  Filler filler({&disk, "db", [&] { disk.SetCapacity(8 * bytes); }});
  filler.Run();
  Report(filler);
}

// A tmpfs of some size. Not mounted() where that is not allowed.
class MountedTmpfs {
 public:
  explicit MountedTmpfs(uint64_t bytes) : mounted_(Mount(bytes, 0)), error_(errno) {}
  ~MountedTmpfs() {
    if (mounted_) umount2(directory_.path().c_str(), MNT_DETACH);
  }
  MountedTmpfs(const MountedTmpfs&) = delete;
  MountedTmpfs& operator=(const MountedTmpfs&) = delete;
  bool mounted() const { return mounted_; }
  std::string error() const { return std::strerror(error_); }
  std::string Join(const std::string& name) const { return directory_.Join(name); }
  bool Resize(uint64_t bytes) { return Mount(bytes, MS_REMOUNT); }

 private:
  bool Mount(uint64_t bytes, unsigned long flags) {
    const std::string size = "size=" + std::to_string(bytes);
    return mount("logwood_test", directory_.path().c_str(), "tmpfs", flags, size.c_str()) == 0;
  }
  const TempDirectory directory_;
  const bool mounted_;
  const int error_;
};

TEST_P(DiskFull, OnATmpfsLosesNothingAndGoesOnByItself) {
  // A log takes room by the MiB while there is so much.
  const uint64_t bytes = 4 * GetParam() * kKiB;
  MountedTmpfs disk(bytes);
  if (!disk.mounted()) GTEST_SKIP() << "no tmpfs can be mounted here: " << disk.error();
  Filler filler(
      {FileSystem::Posix(), disk.Join("db"), [&] { ASSERT_TRUE(disk.Resize(8 * bytes)); }});
  filler.Run();
  Report(filler);
}

INSTANTIATE_TEST_SUITE_P(KiB, DiskFull,
                         testing::Values(256, 320, 400, 512, 700, 1024, 1500, 2048, 4096),
                         testing::PrintToStringParamName());

// A database that was killed on a full disk and does not find the room to open says so, changes
// nothing that matters, and opens when there is room.
TEST(DiskFullOpen, IsRefusedAndChangesNothingUntilThereIsRoom) {
  SimulatedFileSystem disk;
  Life life;
  ASSERT_OK(life.Open(TinyOptions(&disk)));
  for (int i = 0; i < 60; ++i) ASSERT_OK(life.Write(Durability::kProcess, 3000));
  auto killed = disk.KilledState();
  ASSERT_OK(life.Close());
  ASSERT_OK_AND_ASSIGN(const FileContents contents, ReadDirectory(killed.get(), Life::kPath));
  uint64_t used = 0;
  for (const auto& [name, bytes] : contents) used += bytes.size();
  uint64_t refused = 0;
  // From nothing to all that opening needs, tables of what is replayed included.
  for (uint64_t spare = 0;; spare += 500) {
    ASSERT_LT(spare, 4u << 20);
    SCOPED_TRACE("spare bytes: " + std::to_string(spare));
    auto full = killed->KilledState();
    full->SetCapacity(used + spare);
    Life again = life.AfterKill();
    const Status opened = again.OpenUnseen(TinyOptions(full.get()));
    if (!opened.ok()) {
      ++refused;
      ASSERT_STATUS(kNoSpace, opened);
      full->SetCapacity(uint64_t{1} << 40);
      ASSERT_OK(again.Open(TinyOptions(full.get())));
    } else {
      again.Check();
    }
    static_cast<void>(again.Close());
    if (opened.ok()) break;
  }
  EXPECT_GT(refused, 0u);
  std::cout << "    refused: " << refused << "\n";
}

// A disk of which the log reserves a large part ahead.
SimulatedFileSystem::Settings LargeSteps(uint64_t capacity_bytes) {
  SimulatedFileSystem::Settings settings;
  settings.capacity_bytes = capacity_bytes;
  settings.reserve_step_bytes = 1024 * kKiB;
  return settings;
}

TEST(DiskFullRoom, OfASegmentThatIsFullItsSuccessorGets) {
  constexpr uint64_t kDiskBytes = 3072 * kKiB;
  SimulatedFileSystem disk(LargeSteps(kDiskBytes));
  Options options = TinyOptions(&disk);
  options.tuning.memtable_bytes = 4 << 20;
  options.tuning.log_segment_bytes = 64 * kKiB;
  ASSERT_OK_AND_ASSIGN(const std::unique_ptr<DB> db, DB::Open(options, "db"));
  const std::string value(1000, 'v');
  uint64_t stored_bytes = 0;
  Status written;
  while (written.ok()) {
    written = db->Put({}, "key" + std::to_string(stored_bytes), value).status();
    if (written.ok()) stored_bytes += value.size();
  }
  EXPECT_STATUS(kNoSpace, written);
  EXPECT_GT(stored_bytes, kDiskBytes / 3 * 2) << "what is reserved and not used fills the disk";
  disk.SetCapacity(2 * kDiskBytes);
  EXPECT_OK(db->Put({}, "key", value));
}

TEST(DiskFullRoom, OfTheLogAFlushGetsThatFoundNone) {
  constexpr uint64_t kDiskBytes = 8192 * kKiB;
  SimulatedFileSystem disk(LargeSteps(kDiskBytes));
  Options options = TinyOptions(&disk);
  options.compression = Compression::kNone;
  const auto listener = std::make_shared<Listener>();
  options.listeners = {listener};
  options.tuning.memtable_bytes = 4 << 20;
  options.tuning.log_segment_bytes = 4 << 20;
  options.tuning.table_bytes = 4 << 20;
  options.tuning.level0_tables = 8;  // no compaction
  ASSERT_OK_AND_ASSIGN(const std::unique_ptr<DB> db, DB::Open(options, "db"));
  for (uint32_t i = 0; i < 900; ++i) {
    ASSERT_OK(db->Put({}, "key" + std::to_string(i), ValueOf(i, 1000)));
  }
  // The table and what the next segment reserves do not both fit, without the latter's unused
  // part the table does.
  disk.SetCapacity(2400 * kKiB);
  static_cast<void>(db->Flush());  // perhaps it is tried twice
  ASSERT_TRUE(listener->WaitFor(1, kNever)) << "there was room";
  EXPECT_OK(db->Flush());
  EXPECT_EQ(db->GetStats().background_error, "");
}

}  // namespace
}  // namespace logwood::test
