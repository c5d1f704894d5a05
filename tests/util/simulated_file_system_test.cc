// What a simulated disk holds after power failed: everything that was synced, and any part of the
// rest.
#include "logwood/simulated_file_system.h"

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

namespace logwood {
namespace {

using Settings = SimulatedFileSystem::Settings;
using Contents = std::map<std::string, std::string>;

Contents ContentsOf(FileSystem* files) {
  Contents contents;
  auto names = files->List("d");
  if (!names.ok()) return {{"", names.status().ToString()}};
  for (const std::string& name : *names) {
    auto file = files->OpenRandomAccess("d/" + name);
    EXPECT_TRUE(file.ok());
    std::string bytes((*file)->Size().value(), '\0');
    EXPECT_EQ((*file)->Read(0, bytes.size(), bytes.data()).value(), bytes.size());
    contents[name] = bytes;
  }
  return contents;
}

class SimulatedDiskTest : public ::testing::Test {
 protected:
  SimulatedDiskTest() { EXPECT_TRUE(disk_->CreateDirectory("d").ok()); }

  std::unique_ptr<WritableFile> Create(const std::string& name, std::string_view bytes) {
    auto file = disk_->CreateWritable("d/" + name);
    EXPECT_TRUE(file.ok());
    EXPECT_TRUE((*file)->Append(bytes).ok());
    return std::move(*file);
  }
  void CreateDurable(const std::string& name, std::string_view bytes) {
    ASSERT_TRUE(Create(name, bytes)->Sync().ok());
    ASSERT_TRUE(disk_->SyncDirectory("d").ok());
  }
  std::set<Contents> CrashStates(uint64_t max = 10'000) {
    std::set<Contents> states;
    count_ = disk_->ForEachCrashState({.states_max = max}, [&](auto after) {
      EXPECT_TRUE(states.insert(ContentsOf(after.get())).second) << "shown twice";
      return true;
    });
    EXPECT_EQ(count_.states, states.size());
    return states;
  }

  std::unique_ptr<SimulatedFileSystem> disk_ = std::make_unique<SimulatedFileSystem>();
  SimulatedFileSystem::CrashCount count_;
};

TEST_F(SimulatedDiskTest, WhatIsSyncedWithItsNameStays) {
  CreateDurable("a", "bytes");
  EXPECT_EQ(CrashStates(), (std::set<Contents>{{{"a", "bytes"}}}));
  EXPECT_TRUE(count_.complete);
}

TEST_F(SimulatedDiskTest, ANameThatIsNotSyncedMayBeGone) {
  ASSERT_TRUE(Create("a", "bytes")->Sync().ok());
  EXPECT_EQ(CrashStates(), (std::set<Contents>{{}, {{"a", "bytes"}}}));
}

TEST_F(SimulatedDiskTest, BytesThatAreNotSyncedAreThereInAnyPart) {
  CreateDurable("a", "");
  auto log = disk_->OpenLogFile("d/a");
  ASSERT_TRUE((*log)->Store(0, "ab").ok());
  ASSERT_TRUE((*log)->Store(2, "cd").ok());
  const std::set<Contents> states = CrashStates();
  for (const std::string bytes : {"", "ab", "abcd"}) {
    EXPECT_TRUE(states.contains({{"a", bytes}})) << bytes;
  }
  // Torn, and the later without the earlier.
  EXPECT_TRUE(states.contains({{"a", "a"}}));
  EXPECT_TRUE(states.contains({{"a", std::string("\0\0cd", 4)}}));
  EXPECT_TRUE(states.contains({{"a", std::string("ab\0\0", 4)}}));
}

TEST_F(SimulatedDiskTest, BytesThatDoNotChangeCannotTear) {
  CreateDurable("a", "0123456789");
  auto log = disk_->OpenLogFile("d/a");
  ASSERT_TRUE((*log)->Store(0, "0123456789").ok());
  EXPECT_EQ(CrashStates(), (std::set<Contents>{{{"a", "0123456789"}}}));
}

TEST_F(SimulatedDiskTest, ARenameIsThereWholeOrNotAtAll) {
  CreateDurable("a", "old");
  CreateDurable("b", "new");
  ASSERT_TRUE(disk_->Rename("d/b", "d/a").ok());
  EXPECT_EQ(CrashStates(), (std::set<Contents>{{{"a", "old"}, {"b", "new"}}, {{"a", "new"}}}));
  ASSERT_TRUE(disk_->SyncDirectory("d").ok());
  EXPECT_EQ(CrashStates(), (std::set<Contents>{{{"a", "new"}}}));
}

TEST_F(SimulatedDiskTest, ARemovalMayBeTakenBackAndReorderedWithOthers) {
  CreateDurable("a", "1");
  CreateDurable("b", "2");
  ASSERT_TRUE(disk_->Remove("d/a").ok());
  ASSERT_TRUE(disk_->Remove("d/b").ok());
  EXPECT_EQ(CrashStates(),
            (std::set<Contents>{{}, {{"a", "1"}}, {{"b", "2"}}, {{"a", "1"}, {"b", "2"}}}));
}

TEST_F(SimulatedDiskTest, ALinkIsASecondNameOfTheSameBytes) {
  CreateDurable("a", "1");
  ASSERT_TRUE(disk_->Link("d/a", "d/b").ok());
  EXPECT_EQ(CrashStates(), (std::set<Contents>{{{"a", "1"}}, {{"a", "1"}, {"b", "1"}}}));
}

TEST_F(SimulatedDiskTest, AKilledProcessLosesNothingAndPowerStillMayTakeIt) {
  Create("a", "bytes");
  const auto after = disk_->KilledState();
  EXPECT_EQ(ContentsOf(after.get()), (Contents{{"a", "bytes"}}));
  EXPECT_EQ(after->ContentHash(), disk_->ContentHash());
  bool empty = false;
  after->ForEachCrashState({}, [&](auto state) {
    empty |= ContentsOf(state.get()).empty();
    return true;
  });
  EXPECT_TRUE(empty);
  // It is a disk of its own.
  ASSERT_TRUE(disk_->Remove("d/a").ok());
  EXPECT_EQ(ContentsOf(after.get()), (Contents{{"a", "bytes"}}));
}

TEST_F(SimulatedDiskTest, PowerIsCutInTheMiddleOfAChange) {
  CreateDurable("a", "");
  auto log = disk_->OpenLogFile("d/a");
  disk_->CutPowerAt(2);
  ASSERT_TRUE((*log)->Store(0, "ab").ok());
  EXPECT_FALSE(disk_->power_is_cut());
  EXPECT_TRUE((*log)->Store(2, "cd").Is(StatusCode::kIoError));
  EXPECT_TRUE(disk_->power_is_cut());
  EXPECT_TRUE((*log)->Sync().Is(StatusCode::kIoError));
  EXPECT_TRUE(disk_->List("d").status().Is(StatusCode::kIoError));
  EXPECT_TRUE(CrashStates().contains({{"a", "abcd"}})) << "what was under way may be there";
  EXPECT_TRUE(CrashStates().contains({{"a", "abc"}}));
  EXPECT_TRUE(CrashStates().contains({{"a", ""}}));
}

TEST_F(SimulatedDiskTest, ReservedRoomReadsAsZerosUntilTheFileIsClosed) {
  auto log = disk_->OpenLogFile("d/a");
  ASSERT_TRUE((*log)->Reserve(10).ok());
  ASSERT_TRUE((*log)->Store(0, "ab").ok());
  EXPECT_EQ(*disk_->FileSize("d/a"), 4096u);
  ASSERT_TRUE((*log)->Close().ok());
  EXPECT_EQ(*disk_->FileSize("d/a"), 2u);
}

TEST(SimulatedFileSystemTest, AFailedSyncDoesWithTheBytesWhatItIsToldTo) {
  for (const auto kind :
       {SimulatedFileSystem::FailedSync::kForgets, SimulatedFileSystem::FailedSync::kDrops,
        SimulatedFileSystem::FailedSync::kKeeps}) {
    SimulatedFileSystem disk(Settings{.failed_sync = kind});
    ASSERT_TRUE(disk.CreateDirectory("d").ok());
    auto file = disk.CreateWritable("d/a");
    ASSERT_TRUE(disk.SyncDirectory("d").ok());
    ASSERT_TRUE((*file)->Append("bytes").ok());
    disk.FailChange(1);
    EXPECT_TRUE((*file)->Sync().Is(StatusCode::kIoError));
    const bool drops = kind == SimulatedFileSystem::FailedSync::kDrops;
    EXPECT_EQ(ContentsOf(&disk)["a"], drops ? "" : "bytes");
    // The next one says ok, as the kernel does.
    ASSERT_TRUE((*file)->Sync().ok());
    const bool keeps = kind == SimulatedFileSystem::FailedSync::kKeeps;
    EXPECT_EQ(ContentsOf(disk.CrashState(1).get())["a"], keeps ? "bytes" : "");
  }
}

TEST(SimulatedFileSystemTest, AFailedSyncOfADirectoryLosesNothing) {
  for (const auto kind :
       {SimulatedFileSystem::FailedSync::kForgets, SimulatedFileSystem::FailedSync::kDrops,
        SimulatedFileSystem::FailedSync::kKeeps}) {
    SimulatedFileSystem disk(Settings{.failed_sync = kind});
    ASSERT_TRUE(disk.CreateDirectory("d").ok());
    ASSERT_TRUE(disk.CreateWritable("d/a").ok());
    disk.FailChange(1);
    EXPECT_TRUE(disk.SyncDirectory("d").Is(StatusCode::kIoError));
    EXPECT_TRUE(ContentsOf(&disk).contains("a"));
    ASSERT_TRUE(disk.SyncDirectory("d").ok());
    disk.ForEachCrashState({}, [&](auto after) {
      EXPECT_TRUE(ContentsOf(after.get()).contains("a"));
      return true;
    });
  }
}

TEST(SimulatedFileSystemTest, LyingSyncsMakeNothingDurable) {
  SimulatedFileSystem disk(Settings{.lying_syncs = true});
  ASSERT_TRUE(disk.CreateDirectory("d").ok());
  auto file = disk.CreateWritable("d/a");
  ASSERT_TRUE((*file)->Append("bytes").ok());
  ASSERT_TRUE((*file)->Sync().ok());
  ASSERT_TRUE(disk.SyncDirectory("d").ok());
  bool lost = false;
  disk.ForEachCrashState({}, [&](auto after) {
    lost |= ContentsOf(after.get()).empty();
    return true;
  });
  EXPECT_TRUE(lost);
}

TEST(SimulatedFileSystemTest, SyncsLieByRule) {
  SimulatedFileSystem disk;
  ASSERT_TRUE(disk.CreateDirectory("d").ok());
  disk.SetLyingSyncs([](const std::string& path) { return path.ends_with("a"); });
  for (const std::string name : {"d/a", "d/b"}) {
    auto file = disk.CreateWritable(name);
    ASSERT_TRUE((*file)->Append("bytes").ok());
    ASSERT_TRUE((*file)->Sync().ok());
  }
  ASSERT_TRUE(disk.SyncDirectory("d").ok());
  disk.ForEachCrashState({}, [&](auto after) {
    EXPECT_EQ(ContentsOf(after.get())["b"], "bytes");
    return true;
  });
  EXPECT_EQ(disk.ForEachCrashState({}, [](auto) { return true; }).states > 1, true);
}

TEST(SimulatedFileSystemTest, AFullDiskSaysSoAndHasRoomAgainWhenFilesGo) {
  SimulatedFileSystem disk(Settings{.capacity_bytes = 10});
  ASSERT_TRUE(disk.CreateDirectory("d").ok());
  auto file = disk.CreateWritable("d/a");
  ASSERT_TRUE((*file)->Append("12345678").ok());
  EXPECT_TRUE((*file)->Append("9abc").Is(StatusCode::kNoSpace));
  EXPECT_EQ(*disk.FileSize("d/a"), 10u) << "what fits is stored";
  EXPECT_EQ(*disk.FreeBytes("d"), 0u);
  auto other = disk.CreateWritable("d/b");
  EXPECT_TRUE((*other)->Append("12345678").Is(StatusCode::kNoSpace));
  ASSERT_TRUE(disk.Remove("d/a").ok());
  EXPECT_TRUE((*other)->Append("12345678").ok());
}

TEST(SimulatedFileSystemTest, FaultsAreByNumberAndByRule) {
  SimulatedFileSystem disk;
  ASSERT_TRUE(disk.CreateDirectory("d").ok());
  disk.FailChange(2);
  EXPECT_TRUE(disk.CreateWritable("d/a").ok());
  EXPECT_TRUE(disk.CreateWritable("d/b").status().Is(StatusCode::kIoError));
  EXPECT_TRUE(disk.CreateWritable("d/b").ok());
  disk.SetFault([](FileOp op, const std::string& path) {
    return op == FileOp::kRemove && path == "d/b" ? Status::IoError("no") : Status::Ok();
  });
  EXPECT_TRUE(disk.Remove("d/a").ok());
  EXPECT_FALSE(disk.Remove("d/b").ok());
  EXPECT_FALSE(disk.Remove("./d//b").ok());
  disk.SetFault({});
  EXPECT_TRUE(disk.Remove("d/b").ok());
  EXPECT_EQ(disk.count(FileOp::kRemove), 4u);
}

TEST(SimulatedFileSystemTest, ASavedDiskIsTheSameDisk) {
  SimulatedFileSystem disk;
  ASSERT_TRUE(disk.CreateDirectory("d/e").ok());
  auto file = disk.CreateWritable("d/e/a");
  ASSERT_TRUE((*file)->Append(std::string("a\0b", 3)).ok());
  const std::string saved = disk.Save();
  auto loaded = SimulatedFileSystem::Load(saved);
  ASSERT_TRUE(loaded.ok());
  EXPECT_EQ((*loaded)->ContentHash(), disk.ContentHash());
  EXPECT_EQ((*loaded)->Save(), saved);
  for (size_t i = 0; i < saved.size(); ++i) {
    std::string damaged = saved;
    damaged[i] ^= 0x20;
    EXPECT_TRUE(SimulatedFileSystem::Load(damaged).status().Is(StatusCode::kCorruption)) << i;
    EXPECT_FALSE(SimulatedFileSystem::Load(saved.substr(0, i)).ok()) << i;
  }
}

TEST(SimulatedFileSystemTest, TheSameSeedIsTheSameCrash) {
  SimulatedFileSystem disk;
  ASSERT_TRUE(disk.CreateDirectory("d").ok());
  std::vector<std::unique_ptr<WritableFile>> files;
  for (int i = 0; i < 20; ++i) {
    files.push_back(*disk.CreateWritable("d/" + std::to_string(i)));
    ASSERT_TRUE(files.back()->Append(std::string(1000, static_cast<char>('a' + i))).ok());
  }
  std::set<uint64_t> hashes;
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    const uint64_t hash = disk.CrashState(seed)->ContentHash();
    EXPECT_EQ(disk.CrashState(seed)->ContentHash(), hash);
    hashes.insert(hash);
  }
  EXPECT_GT(hashes.size(), 15u);
}

}  // namespace
}  // namespace logwood
