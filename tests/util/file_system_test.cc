// One contract, every implementation.
#include "logwood/file_system.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "tests/util/test_directory.h"
#include "util/faulty_file_system.h"
#include "util/random.h"

namespace logwood {
namespace {

enum class Backend { kPosix, kInMemory, kFaulty, kSimulated };

class FileSystemTest : public ::testing::TestWithParam<Backend> {
 protected:
  FileSystemTest() {
    if (GetParam() == Backend::kInMemory) {
      owned_ = FileSystem::InMemory();
      files_ = owned_.get();
      EXPECT_TRUE(files_->CreateDirectory(root_.path()).ok());
    } else if (GetParam() == Backend::kSimulated) {
      owned_ = std::make_unique<SimulatedFileSystem>();
      files_ = owned_.get();
      EXPECT_TRUE(files_->CreateDirectory(root_.path()).ok());
    } else if (GetParam() == Backend::kFaulty) {
      owned_ = std::make_unique<FaultyFileSystem>(FileSystem::Posix());
      files_ = owned_.get();
    } else {
      files_ = FileSystem::Posix();
    }
  }

  std::string At(const std::string& name) const { return root_ / name; }

  void Write(const std::string& name, std::string_view bytes) {
    auto file = files_->CreateWritable(At(name));
    ASSERT_TRUE(file.ok()) << file.status().ToString();
    ASSERT_TRUE((*file)->Append(bytes).ok());
    ASSERT_TRUE((*file)->Sync().ok());
    ASSERT_TRUE((*file)->Close().ok());
  }

  std::string Read(const std::string& name) {
    auto file = files_->OpenRandomAccess(At(name));
    if (!file.ok()) return file.status().ToString();
    const auto size = (*file)->Size();
    EXPECT_TRUE(size.ok());
    std::string bytes(*size + 10, '\0');
    const auto got = (*file)->Read(0, bytes.size(), bytes.data());
    EXPECT_TRUE(got.ok());
    EXPECT_EQ(*got, *size);
    bytes.resize(*got);
    return bytes;
  }

  std::vector<std::string> List(const std::string& name) {
    auto names = files_->List(At(name));
    EXPECT_TRUE(names.ok()) << names.status().ToString();
    return names.ok() ? *names : std::vector<std::string>();
  }

  TestDirectory root_;
  std::unique_ptr<FileSystem> owned_;
  FileSystem* files_ = nullptr;
};

using Names = std::vector<std::string>;

TEST_P(FileSystemTest, WrittenBytesAreReadableAtOnce) {
  auto file = files_->CreateWritable(At("a"));
  ASSERT_TRUE(file.ok());
  ASSERT_TRUE((*file)->Append("hello ").ok());
  ASSERT_TRUE((*file)->Append("").ok());
  ASSERT_TRUE((*file)->Append("world").ok());
  EXPECT_EQ(Read("a"), "hello world");  // neither synced nor closed
  EXPECT_EQ(*files_->FileSize(At("a")), 11U);
}

TEST_P(FileSystemTest, ReadIsShortOnlyWhereTheFileEnds) {
  Write("a", "0123456789");
  auto file = files_->OpenRandomAccess(At("a"));
  ASSERT_TRUE(file.ok());
  (*file)->Advise(RandomAccessFile::Access::kSequential);
  char buffer[20];
  EXPECT_EQ(*(*file)->Read(3, 4, buffer), 4U);
  EXPECT_EQ(std::string(buffer, 4), "3456");
  EXPECT_EQ(*(*file)->Read(8, 20, buffer), 2U);
  EXPECT_EQ(*(*file)->Read(10, 20, buffer), 0U);
  EXPECT_EQ(*(*file)->Read(~uint64_t{0}, 20, buffer), 0U);
  EXPECT_EQ(*(*file)->Read(0, 0, buffer), 0U);
}

TEST_P(FileSystemTest, CreateWritableEmptiesWhatIsThere) {
  Write("a", "old and long");
  Write("a", "new");
  EXPECT_EQ(Read("a"), "new");
}

TEST_P(FileSystemTest, MissingFileIsNotFoundAndTheMessageNamesIt) {
  const Status status = files_->OpenRandomAccess(At("missing")).status();
  EXPECT_TRUE(status.Is(StatusCode::kNotFound));
  EXPECT_NE(status.message().find(At("missing")), std::string_view::npos);
  EXPECT_NE(status.message().find("open"), std::string_view::npos);
  EXPECT_TRUE(files_->FileSize(At("missing")).status().Is(StatusCode::kNotFound));
  EXPECT_TRUE(files_->Remove(At("missing")).Is(StatusCode::kNotFound));
  EXPECT_TRUE(files_->Rename(At("missing"), At("b")).Is(StatusCode::kNotFound));
  EXPECT_TRUE(files_->Link(At("missing"), At("b")).Is(StatusCode::kNotFound));
  EXPECT_TRUE(files_->List(At("missing")).status().Is(StatusCode::kNotFound));
  EXPECT_TRUE(files_->SyncDirectory(At("missing")).Is(StatusCode::kNotFound));
  EXPECT_TRUE(files_->CreateWritable(At("missing/a")).status().Is(StatusCode::kNotFound));
  EXPECT_TRUE(files_->OpenLogFile(At("missing/a")).status().Is(StatusCode::kNotFound));
  EXPECT_FALSE(*files_->Exists(At("missing")));
  EXPECT_FALSE(*files_->Exists(At("missing/a")));
}

TEST_P(FileSystemTest, ListIsSortedAndHoldsOnlyTheDirectorysOwnNames) {
  ASSERT_TRUE(files_->CreateDirectory(At("db/sub/deep")).ok());
  for (const char* name : {"db/b", "db/a.b", "db/a", "db/sub/c", "db2"}) Write(name, "x");
  EXPECT_EQ(List("db"), (Names{"a", "a.b", "b", "sub"}));
  EXPECT_EQ(List("db/sub/"), (Names{"c", "deep"}));
  EXPECT_EQ(List("db/sub/deep"), Names());
}

TEST_P(FileSystemTest, CreateDirectoryMakesParentsAndAcceptsWhatIsThere) {
  ASSERT_TRUE(files_->CreateDirectory(At("x/y/z")).ok());
  EXPECT_TRUE(files_->CreateDirectory(At("x/y/z")).ok());
  EXPECT_TRUE(files_->CreateDirectory(At("x/y/z/")).ok());
  EXPECT_TRUE(*files_->Exists(At("x/y")));
  EXPECT_TRUE(files_->SyncDirectory(At("x/y")).ok());
  Write("file", "x");
  EXPECT_TRUE(files_->CreateDirectory(At("file")).Is(StatusCode::kIoError));
  EXPECT_FALSE(files_->CreateDirectory(At("file/below")).ok());
}

TEST_P(FileSystemTest, RemoveTakesFilesAndEmptyDirectoriesOnly) {
  ASSERT_TRUE(files_->CreateDirectory(At("db")).ok());
  Write("db/a", "x");
  EXPECT_TRUE(files_->Remove(At("db")).Is(StatusCode::kIoError));
  EXPECT_TRUE(files_->Remove(At("db/a")).ok());
  EXPECT_TRUE(files_->Remove(At("db")).ok());
  EXPECT_FALSE(*files_->Exists(At("db")));
}

TEST_P(FileSystemTest, OpenFileSurvivesItsRemoval) {
  Write("a", "still here");
  auto file = files_->OpenRandomAccess(At("a"));
  ASSERT_TRUE(file.ok());
  ASSERT_TRUE(files_->Remove(At("a")).ok());
  Write("a", "another");
  char buffer[10];
  ASSERT_EQ(*(*file)->Read(0, 10, buffer), 10U);
  EXPECT_EQ(std::string(buffer, 10), "still here");
}

TEST_P(FileSystemTest, RenameReplacesItsTarget) {
  Write("a", "new");
  Write("b", "old");
  auto old = files_->OpenRandomAccess(At("b"));
  ASSERT_TRUE(files_->Rename(At("a"), At("b")).ok());
  EXPECT_EQ(Read("b"), "new");
  EXPECT_FALSE(*files_->Exists(At("a")));
  char buffer[3];
  ASSERT_EQ(*(*old)->Read(0, 3, buffer), 3U);
  EXPECT_EQ(std::string(buffer, 3), "old");
  EXPECT_TRUE(files_->Rename(At("b"), At("b")).ok());
  EXPECT_EQ(Read("b"), "new");
}

TEST_P(FileSystemTest, RenameMovesADirectoryWithWhatItHolds) {
  ASSERT_TRUE(files_->CreateDirectory(At("from/sub")).ok());
  Write("from/sub/a", "x");
  ASSERT_TRUE(files_->Rename(At("from"), At("to")).ok());
  EXPECT_EQ(Read("to/sub/a"), "x");
  EXPECT_FALSE(*files_->Exists(At("from/sub/a")));
  ASSERT_TRUE(files_->CreateDirectory(At("empty")).ok());
  EXPECT_TRUE(files_->Rename(At("empty"), At("to")).Is(StatusCode::kIoError));
  EXPECT_TRUE(files_->Rename(At("to"), At("empty")).ok());
  EXPECT_FALSE(files_->Rename(At("empty"), At("empty/below")).ok());
  Write("file", "x");
  EXPECT_FALSE(files_->Rename(At("file"), At("empty")).ok());
  EXPECT_FALSE(files_->Rename(At("empty"), At("file")).ok());
}

TEST_P(FileSystemTest, LinkIsASecondNameOfOneFile) {
  Write("a", "shared");
  ASSERT_TRUE(files_->Link(At("a"), At("b")).ok());
  EXPECT_TRUE(files_->Link(At("a"), At("b")).Is(StatusCode::kAlreadyExists));
  ASSERT_TRUE(files_->Remove(At("a")).ok());
  EXPECT_EQ(Read("b"), "shared");
}

TEST_P(FileSystemTest, LogFileStoresAtOffsetsAndKeepsWhatItHolds) {
  {
    auto log = files_->OpenLogFile(At("log"));
    ASSERT_TRUE(log.ok());
    ASSERT_TRUE((*log)->Reserve(1 << 16).ok());
    ASSERT_TRUE((*log)->Store(0, "0123456789").ok());
    ASSERT_TRUE((*log)->Store(2, "ab").ok());
    ASSERT_TRUE((*log)->Store(12, "end").ok());
    ASSERT_TRUE((*log)->Sync().ok());
    ASSERT_TRUE((*log)->Close().ok());
  }
  EXPECT_EQ(Read("log"), std::string("01ab456789\0\0end", 15));
  auto log = files_->OpenLogFile(At("log"));
  ASSERT_TRUE(log.ok());
  ASSERT_TRUE((*log)->Truncate(4).ok());
  EXPECT_EQ(Read("log"), "01ab");
  ASSERT_TRUE((*log)->Store(4, "!").ok());
  EXPECT_EQ(Read("log"), "01ab!");
  // What the file held before counts as stored: closing does not cut it off.
  ASSERT_TRUE((*log)->Reserve(1 << 16).ok());
  ASSERT_TRUE((*log)->Store(1, "X").ok());
  ASSERT_TRUE((*log)->Close().ok());
  EXPECT_EQ(Read("log"), "0Xab!");
}

TEST_P(FileSystemTest, LogFileRandomStoresMatchAModel) {
  Random random(314);
  std::string model;
  auto log = files_->OpenLogFile(At("log"));
  ASSERT_TRUE(log.ok());
  for (int i = 0; i < 300; ++i) {
    if (random.OneIn(20)) {
      const uint64_t size = random.Uniform(model.size() + 1);
      model.resize(size);
      ASSERT_TRUE((*log)->Truncate(size).ok());
    }
    const uint64_t offset = random.Uniform(20'000);
    const std::string data(random.Skewed(12), static_cast<char>(random.Next()));
    if (data.empty()) continue;
    if (model.size() < offset + data.size()) model.resize(offset + data.size());
    model.replace(offset, data.size(), data);
    ASSERT_TRUE((*log)->Reserve(offset + data.size()).ok());
    ASSERT_TRUE((*log)->Store(offset, data).ok());
    // Room behind what was stored may be there while the file is open; it reads as zeros.
    const std::string found = Read("log");
    ASSERT_EQ(found.substr(0, model.size()), model);
    ASSERT_EQ(found.find_first_not_of('\0', model.size()), std::string::npos);
  }
  ASSERT_TRUE((*log)->Close().ok());
  EXPECT_EQ(Read("log"), model);
}

TEST_P(FileSystemTest, ClosedFileAnswersClosed) {
  auto file = files_->CreateWritable(At("a"));
  auto log = files_->OpenLogFile(At("log"));
  ASSERT_TRUE((*file)->Close().ok());
  ASSERT_TRUE((*log)->Close().ok());
  EXPECT_TRUE((*file)->Append("x").Is(StatusCode::kClosed));
  EXPECT_TRUE((*file)->Sync().Is(StatusCode::kClosed));
  EXPECT_TRUE((*file)->Close().Is(StatusCode::kClosed));
  EXPECT_TRUE((*log)->Store(0, "x").Is(StatusCode::kClosed));
  EXPECT_TRUE((*log)->Reserve(1).Is(StatusCode::kClosed));
  EXPECT_TRUE((*log)->Truncate(0).Is(StatusCode::kClosed));
  EXPECT_TRUE((*log)->Sync().Is(StatusCode::kClosed));
  EXPECT_TRUE((*log)->Close().Is(StatusCode::kClosed));
}

TEST_P(FileSystemTest, SecondOpenInSameProcessIsRefused) {
  auto first = files_->Lock(At("LOCK"), LockMode::kExclusive);
  ASSERT_TRUE(first.ok()) << first.status().ToString();
  EXPECT_TRUE(files_->Lock(At("LOCK"), LockMode::kExclusive).status().Is(StatusCode::kBusy));
  EXPECT_TRUE(files_->Lock(At("LOCK"), LockMode::kShared).status().Is(StatusCode::kBusy));
  // The refused ones took nothing away.
  EXPECT_TRUE(files_->Lock(At("LOCK"), LockMode::kExclusive).status().Is(StatusCode::kBusy));
  first->reset();
  EXPECT_TRUE(files_->Lock(At("LOCK"), LockMode::kExclusive).ok());
  EXPECT_TRUE(*files_->Exists(At("LOCK")));
}

TEST_P(FileSystemTest, LockIsOfTheFileWhateverItsName) {
  auto first = files_->Lock(At("LOCK"), LockMode::kExclusive);
  ASSERT_TRUE(first.ok());
  ASSERT_TRUE(files_->Link(At("LOCK"), At("other")).ok());
  EXPECT_TRUE(files_->Lock(At("other"), LockMode::kExclusive).status().Is(StatusCode::kBusy));
  EXPECT_TRUE(files_->Lock(At("./LOCK"), LockMode::kExclusive).status().Is(StatusCode::kBusy));
}

TEST_P(FileSystemTest, SharedLocksGoTogetherAndKeepOutAnExclusiveOne) {
  EXPECT_TRUE(files_->Lock(At("LOCK"), LockMode::kShared).status().Is(StatusCode::kNotFound));
  Write("LOCK", "");
  auto one = files_->Lock(At("LOCK"), LockMode::kShared);
  auto two = files_->Lock(At("LOCK"), LockMode::kShared);
  ASSERT_TRUE(one.ok() && two.ok());
  EXPECT_TRUE(files_->Lock(At("LOCK"), LockMode::kExclusive).status().Is(StatusCode::kBusy));
  one->reset();
  EXPECT_TRUE(files_->Lock(At("LOCK"), LockMode::kExclusive).status().Is(StatusCode::kBusy));
  two->reset();
  EXPECT_TRUE(files_->Lock(At("LOCK"), LockMode::kExclusive).ok());
}

TEST_P(FileSystemTest, FreeBytesIsThereForWhatExists) {
  EXPECT_TRUE(files_->FreeBytes(root_.path()).ok());
  EXPECT_TRUE(files_->FreeBytes(At("missing")).status().Is(StatusCode::kNotFound));
}

TEST_P(FileSystemTest, ConcurrentReadersOfOneFileSeeItsBytes) {
  std::string bytes(100'000, '\0');
  for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<char>(i * 7);
  Write("a", bytes);
  const auto file = files_->OpenRandomAccess(At("a"));
  ASSERT_TRUE(file.ok());
  std::vector<std::thread> threads;
  for (uint64_t t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      Random random(t);
      std::string buffer(1000, '\0');
      for (int i = 0; i < 500; ++i) {
        const uint64_t offset = random.Uniform(bytes.size());
        const auto got = (*file)->Read(offset, buffer.size(), buffer.data());
        ASSERT_TRUE(got.ok());
        ASSERT_EQ(std::string_view(buffer).substr(0, *got),
                  std::string_view(bytes).substr(offset, *got));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST_P(FileSystemTest, ConcurrentStoreAndSyncOfALogFile) {
  auto log = files_->OpenLogFile(At("log"));
  ASSERT_TRUE(log.ok());
  std::thread syncer([&] {
    for (int i = 0; i < 20; ++i) EXPECT_TRUE((*log)->Sync().ok());
  });
  for (uint64_t i = 0; i < 2000; ++i) ASSERT_TRUE((*log)->Store(i * 4, "abcd").ok());
  syncer.join();
  EXPECT_EQ(*files_->FileSize(At("log")), 8000U);
}

INSTANTIATE_TEST_SUITE_P(All, FileSystemTest,
                         ::testing::Values(Backend::kPosix, Backend::kInMemory, Backend::kFaulty,
                                           Backend::kSimulated),
                         [](const auto& backend) {
                           return backend.param == Backend::kPosix      ? "Posix"
                                  : backend.param == Backend::kInMemory ? "InMemory"
                                  : backend.param == Backend::kFaulty   ? "Faulty"
                                                                        : "Simulated";
                         });

TEST(InMemoryFileSystem, RelativePathsWorkAndObjectsAreApart) {
  const auto one = FileSystem::InMemory();
  const auto other = FileSystem::InMemory();
  ASSERT_TRUE(one->CreateWritable("a").ok());
  EXPECT_TRUE(*one->Exists("./a"));
  EXPECT_FALSE(*one->Exists("/a"));
  EXPECT_FALSE(*other->Exists("a"));
  EXPECT_EQ(*one->List("."), Names{"a"});
}

}  // namespace
}  // namespace logwood
