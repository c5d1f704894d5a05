// GuardedFileSystem: what a failed directory sync and a directory that is no longer at its path
// mean for everybody who shares it.
#include "db/guarded_file_system.h"

#include <gtest/gtest.h>

#include <functional>

#include "tests/support/directory.h"
#include "tests/support/status_assert.h"

namespace logwood {
namespace {

// Of a directory whose path may lead elsewhere, and whose syncs may fail.
class MovableDirectories final : public ForwardingFileSystem {
 public:
  using ForwardingFileSystem::ForwardingFileSystem;

  Result<std::unique_ptr<Directory>> OpenDirectory(const std::string& path) override {
    if (!open_status.ok()) return open_status;
    return std::unique_ptr<Directory>(std::make_unique<Opened>(this, path));
  }
  Status SyncDirectory(const std::string& directory) override {
    syncs += "by path:" + directory + " ";
    return sync ? sync() : Status();
  }

  Result<std::unique_ptr<WritableFile>> CreateWritable(const std::string& path) override {
    auto file = ForwardingFileSystem::CreateWritable(path);
    if (while_made) while_made();
    return file;
  }
  Result<std::unique_ptr<LogFile>> OpenLogFile(const std::string& path) override {
    auto file = ForwardingFileSystem::OpenLogFile(path);
    if (while_made) while_made();
    return file;
  }

  std::string syncs;  // what was synced, and how
  std::function<void()> while_made;
  std::function<Status()> sync;
  Status open_status, path_status;

 private:
  class Opened final : public Directory {
   public:
    Opened(MovableDirectories* owner, std::string path) : owner_(owner), path_(std::move(path)) {}
    Status Sync() override {
      owner_->syncs += "open:" + path_ + " ";
      return owner_->sync ? owner_->sync() : Status();
    }
    Status CheckPath() const override { return owner_->path_status; }

   private:
    MovableDirectories* const owner_;
    const std::string path_;
  };
};

class GuardedFileSystemTest : public testing::Test {
 protected:
  GuardedFileSystemTest() { EXPECT_OK(memory_->CreateDirectory("db")); }

  const std::unique_ptr<FileSystem> memory_ = FileSystem::InMemory();
  MovableDirectories base_{memory_.get()};
  GuardedFileSystem guarded_{&base_};
};

TEST_F(GuardedFileSystemTest, TheGuardedDirectoryIsSyncedThroughItsDescriptorOthersByPath) {
  EXPECT_OK(guarded_.SyncDirectory("db"));
  ASSERT_OK(guarded_.Guard("db"));
  EXPECT_OK(guarded_.SyncDirectory("db"));
  EXPECT_OK(guarded_.SyncDirectory("other"));
  EXPECT_EQ(base_.syncs, "by path:db open:db by path:other ");
}

TEST_F(GuardedFileSystemTest, ADirectoryThatCannotBeOpenedIsNotGuarded) {
  base_.open_status = Status::IoError("no descriptors");
  EXPECT_STATUS(kIoError, guarded_.Guard("db"));
}

TEST_F(GuardedFileSystemTest, TheFirstFailedSyncIsTheAnswerForEver) {
  ASSERT_OK(guarded_.Guard("db"));
  base_.sync = [] { return Status::IoError("first"); };
  EXPECT_EQ(guarded_.SyncDirectory("db").message(), "first");
  base_.sync = [] { return Status::NoSpace("second"); };
  base_.syncs.clear();
  EXPECT_EQ(guarded_.SyncDirectory("db").message(), "first");
  base_.sync = nullptr;
  EXPECT_EQ(guarded_.SyncDirectory("db").message(), "first");
  EXPECT_EQ(guarded_.SyncDirectory("other").message(), "first");
  EXPECT_EQ(base_.syncs, "") << "the disk was asked again";
}

// The one that failed may have taken the names the other was to write.
TEST_F(GuardedFileSystemTest, ASyncBesideOneThatFailsFailsToo) {
  ASSERT_OK(guarded_.Guard("db"));
  Status inner;
  int depth = 0;
  base_.sync = [&] {
    if (++depth == 2) return Status::IoError("beside it");
    inner = guarded_.SyncDirectory("db");  // as another thread would, meanwhile
    return Status();
  };
  EXPECT_EQ(guarded_.SyncDirectory("db").message(), "beside it");
  EXPECT_EQ(inner.message(), "beside it");
}

TEST_F(GuardedFileSystemTest, FilesAreUntouchedWhereTheDirectoryIsNoLongerTheOne) {
  ASSERT_OK(guarded_.Guard("db"));
  ASSERT_OK(test::WriteFile(memory_.get(), "db/file", "of another database"));
  base_.path_status = Status::IoError("moved");
  EXPECT_STATUS(kIoError, guarded_.CreateWritable("db/file"));
  EXPECT_STATUS(kIoError, guarded_.CreateWritable("db/new"));
  EXPECT_STATUS(kIoError, guarded_.OpenLogFile("db/new.log"));
  EXPECT_STATUS(kIoError, guarded_.Remove("db/file"));
  EXPECT_STATUS(kIoError, guarded_.Rename("db/file", "db/renamed"));
  EXPECT_STATUS(kIoError, guarded_.Link("db/file", "db/linked"));
  ASSERT_OK_AND_ASSIGN(const auto names, memory_->List("db"));
  EXPECT_EQ(names, std::vector<std::string>{"file"});
  EXPECT_EQ(*test::ReadFile(memory_.get(), "db/file"), "of another database");
  base_.path_status = Status();
  EXPECT_OK(guarded_.Rename("db/file", "db/renamed"));
}

// Made where another database has the path meanwhile, a file is none of ours.
TEST_F(GuardedFileSystemTest, AFileThatIsMadeWhileTheDirectoryGoesIsNotHandedOut) {
  ASSERT_OK(guarded_.Guard("db"));
  EXPECT_OK(guarded_.CreateWritable("db/1").status());
  base_.while_made = [this] { base_.path_status = Status::IoError("moved"); };
  EXPECT_STATUS(kIoError, guarded_.CreateWritable("db/2"));
  base_.path_status = Status();
  EXPECT_STATUS(kIoError, guarded_.OpenLogFile("db/3"));
}

TEST_F(GuardedFileSystemTest, ReadingNeedsNoPathOfItsOwn) {
  ASSERT_OK(guarded_.Guard("db"));
  ASSERT_OK(test::WriteFile(memory_.get(), "db/file", "bytes"));
  base_.path_status = Status::IoError("moved");
  EXPECT_OK(guarded_.OpenRandomAccess("db/file"));
  EXPECT_OK(guarded_.List("db"));
}

}  // namespace
}  // namespace logwood
