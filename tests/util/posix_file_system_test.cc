// What only the machine's own file system can show.
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "logwood/file_system.h"
#include "tests/util/test_directory.h"
#include "util/posix_internal.h"

namespace logwood {
namespace {

TEST(PosixErrors, AreSortedAsTheContractSays) {
  using posix::ErrorFromErrno;
  EXPECT_TRUE(ErrorFromErrno("append", "f", ENOSPC).Is(StatusCode::kNoSpace));
  EXPECT_TRUE(ErrorFromErrno("append", "f", EDQUOT).Is(StatusCode::kNoSpace));
  EXPECT_TRUE(ErrorFromErrno("open", "f", ENOENT).Is(StatusCode::kNotFound));
  EXPECT_TRUE(ErrorFromErrno("link", "f", EEXIST).Is(StatusCode::kAlreadyExists));
  EXPECT_TRUE(ErrorFromErrno("read", "f", EIO).Is(StatusCode::kIoError));
  EXPECT_EQ(ErrorFromErrno("read", "dir/f", EIO).ToString(),
            "IoError: read dir/f: Input/output error");
}

// /dev/full refuses every write with ENOSPC.
TEST(PosixFiles, WriteToAFullDeviceIsNoSpace) {
  auto file = FileSystem::Posix()->CreateWritable("/dev/full");
  if (!file.ok()) GTEST_SKIP() << file.status().ToString();
  EXPECT_TRUE((*file)->Append("x").Is(StatusCode::kNoSpace));
  auto log = FileSystem::Posix()->OpenLogFile("/dev/full");
  ASSERT_TRUE(log.ok());
  EXPECT_TRUE((*log)->Store(0, "x").Is(StatusCode::kNoSpace));
}

// A device takes no fdatasync: EINVAL, the nearest thing to a disk that fails to sync.
TEST(PosixFiles, AfterAFailedSyncEveryFurtherSyncFails) {
  auto log = FileSystem::Posix()->OpenLogFile("/dev/full");
  if (!log.ok()) GTEST_SKIP() << log.status().ToString();
  EXPECT_TRUE((*log)->Sync().Is(StatusCode::kIoError));
  const Status again = (*log)->Sync();
  EXPECT_TRUE(again.Is(StatusCode::kIoError));
  EXPECT_NE(again.message().find("earlier"), std::string_view::npos);
}

// Each of these would wait for somebody at the other end of the pipe, for ever.
TEST(PosixFiles, APipeASocketOrADirectoryWhereAFileBelongsIsRefusedAtOnce) {
  const TestDirectory directory;
  ASSERT_EQ(::mkfifo((directory / "pipe").c_str(), 0600), 0);
  ASSERT_EQ(::mknod((directory / "socket").c_str(), S_IFSOCK | 0600, 0), 0);
  ASSERT_EQ(::mkdir((directory / "folder").c_str(), 0700), 0);
  FileSystem* const files = FileSystem::Posix();
  for (const std::string name : {"pipe", "socket", "folder"}) {
    const std::string path = directory / name;
    for (const Status& status :
         {files->OpenRandomAccess(path).status(), files->CreateWritable(path).status(),
          files->OpenLogFile(path).status(), files->Lock(path, LockMode::kShared).status(),
          files->Lock(path, LockMode::kExclusive).status()}) {
      EXPECT_TRUE(status.Is(StatusCode::kIoError)) << status.ToString();
      EXPECT_NE(status.message().find(path), std::string_view::npos) << status.ToString();
      EXPECT_NE(status.message().find("where a file belongs"), std::string_view::npos)
          << status.ToString();
    }
  }
  EXPECT_TRUE(files->SyncDirectory(directory / "folder").ok());
  EXPECT_FALSE(files->SyncDirectory(directory / "pipe").ok());
}

// A path through /proc may lead where its text, once resolved, does not.
TEST(PosixFiles, AnAbsolutePathIsAsGiven) {
  const TestDirectory directory;
  ASSERT_EQ(::symlink(".", (directory / "link").c_str()), 0);
  const std::vector<std::string> paths = {directory / "link/../x/", "/proc/self/cwd/x"};
  for (const std::string& path : paths) {
    const Result<std::string> absolute = FileSystem::Posix()->AbsolutePath(path);
    ASSERT_TRUE(absolute.ok());
    EXPECT_EQ(*absolute, path);
  }
}

TEST(PosixFiles, DirectoriesAboveAreThoseThatHoldThePathWhateverLeadsThere) {
  const TestDirectory directory;
  const auto above = [&](const std::string& path) {
    return FileSystem::Posix()->DirectoriesAbove(path);
  };
  const auto nearest = [&](const std::string& path) { return above(path).at(0); };
  ASSERT_EQ(::mkdir((directory / "a").c_str(), 0700), 0);
  ASSERT_EQ(::mkdir((directory / "a/b").c_str(), 0700), 0);
  ASSERT_EQ(::symlink("a/b", (directory / "link").c_str()), 0);
  ASSERT_EQ(::symlink("nowhere", (directory / "dangling").c_str()), 0);
  const std::string here = nearest(directory / "a");
  EXPECT_EQ(nearest(directory / "a/b"), here + "/a");
  EXPECT_EQ(nearest(directory / "a/b//"), here + "/a");
  EXPECT_EQ(nearest(directory / "a/."), here);
  EXPECT_EQ(nearest(directory / "a/../a/b/new/below"), here + "/a/b");
  EXPECT_EQ(nearest(directory / "link"), here + "/a");
  EXPECT_EQ(nearest(directory / "link/../new"), here + "/a");
  EXPECT_EQ(nearest(directory / "new/../a/new"), here + "/a");
  EXPECT_EQ(nearest(directory / "new/./../../new"), here.substr(0, here.rfind('/')));
  EXPECT_EQ(nearest(directory / "dangling/new"), here);
  const std::vector<std::string> all = above(directory / "link/new");
  EXPECT_EQ(all.at(1), here + "/a");
  EXPECT_EQ(all.at(2), here);
  EXPECT_EQ(all.back(), "/");
  EXPECT_EQ(above("/"), std::vector<std::string>{"/"});
  EXPECT_EQ(above("/nothing of this name"), std::vector<std::string>{"/"});
  EXPECT_EQ(above("nothing of this name"), above("./x"));
  // A file holds nothing; a ring of links leads nowhere.
  ASSERT_EQ(::mknod((directory / "file").c_str(), S_IFREG | 0600, 0), 0);
  ASSERT_EQ(::symlink("ring", (directory / "ring").c_str()), 0);
  EXPECT_EQ(nearest(directory / "file/below"), here + "/file");
  EXPECT_EQ(nearest(directory / "ring/below"), here);
}

TEST(PosixFiles, CloseGivesBackRoomThatWasReservedAndNotUsed) {
  const TestDirectory directory;
  const std::string path = directory / "log";
  auto log = FileSystem::Posix()->OpenLogFile(path);
  ASSERT_TRUE(log.ok());
  ASSERT_TRUE((*log)->Reserve(8 << 20).ok());
  ASSERT_TRUE((*log)->Store(0, "x").ok());
  ASSERT_TRUE((*log)->Close().ok());
  struct stat info;
  ASSERT_EQ(::stat(path.c_str(), &info), 0);
  EXPECT_EQ(info.st_size, 1);
  EXPECT_LT(info.st_blocks * 512, 1 << 20);
}

TEST(PosixFiles, ReservesAboutAsMuchAsTheFileHoldsAndLittleOnceItWasCut) {
  const TestDirectory directory;
  const std::string path = directory / "log";
  auto log = FileSystem::Posix()->OpenLogFile(path);
  ASSERT_TRUE(log.ok());
  const auto size_for = [&](uint64_t end) {
    EXPECT_TRUE((*log)->Reserve(end).ok());
    struct stat info = {};
    EXPECT_EQ(::stat(path.c_str(), &info), 0);
    return info.st_size;
  };
  EXPECT_EQ(size_for(1), 64 << 10);
  EXPECT_EQ(size_for(70'000), 128 << 10);
  EXPECT_EQ(size_for(600'000), 1 << 20);
  EXPECT_EQ(size_for(5'000'000), 5 << 20);
  ASSERT_TRUE((*log)->Truncate(4'000'000).ok());
  EXPECT_EQ(size_for(4'000'001), 62 << 16);
}

TEST(PosixFiles, StoreBeyondTheLargestOffsetIsRefused) {
  const TestDirectory directory;
  auto log = FileSystem::Posix()->OpenLogFile(directory / "log");
  ASSERT_TRUE(log.ok());
  EXPECT_TRUE((*log)->Store(~uint64_t{0} - 1, "xyz").Is(StatusCode::kIoError));
  EXPECT_TRUE((*log)->Truncate(~uint64_t{0}).Is(StatusCode::kIoError));
  EXPECT_TRUE((*log)->Reserve(~uint64_t{0}).Is(StatusCode::kIoError));
}

}  // namespace
}  // namespace logwood
