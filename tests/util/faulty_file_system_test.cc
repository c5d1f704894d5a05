#include "util/faulty_file_system.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "tests/support/status_assert.h"

namespace logwood {
namespace {

class FaultyFileSystemTest : public ::testing::Test {
 protected:
  const std::unique_ptr<FileSystem> base_ = FileSystem::InMemory();
  FaultyFileSystem files_{base_.get()};
};

TEST_F(FaultyFileSystemTest, FailsTheNthOperationAndOnlyThat) {
  files_.FailOperation(3);
  EXPECT_TRUE(files_.Exists("a").ok());
  auto file = files_.CreateWritable("a");
  ASSERT_TRUE(file.ok());
  const Status failed = (*file)->Append("lost");
  EXPECT_TRUE(failed.Is(StatusCode::kIoError));
  EXPECT_EQ(failed.message(), "append a: injected fault");
  EXPECT_TRUE((*file)->Append("kept").ok());
  EXPECT_EQ(*base_->FileSize("a"), 4U);
}

TEST_F(FaultyFileSystemTest, FromTheNthOperationOnTheDiskIsGoneUntilForgotten) {
  files_.FailFromOperation(2);
  EXPECT_TRUE(files_.CreateDirectory("d").ok());
  EXPECT_FALSE(files_.SyncDirectory("d").ok());
  EXPECT_FALSE(files_.List("d").ok());
  files_.FailOperation(0);
  EXPECT_TRUE(files_.List("d").ok());
}

TEST_F(FaultyFileSystemTest, TornFailureLeavesTheFirstPartOfItsBytesOnce) {
  ASSERT_OK_AND_ASSIGN(auto file, files_.OpenLogFile("log"));
  files_.TearAtFailure(50);
  files_.FailFromOperation(1);
  EXPECT_STATUS(kIoError, file->Store(0, "12345678"));
  EXPECT_STATUS(kIoError, file->Store(0, "abcdefgh"));
  ASSERT_OK_AND_ASSIGN(auto reader, base_->OpenRandomAccess("log"));
  char bytes[8];
  ASSERT_OK_AND_ASSIGN(const size_t got, reader->Read(0, sizeof(bytes), bytes));
  EXPECT_EQ(std::string_view(bytes, got), "1234");
}

TEST_F(FaultyFileSystemTest, FaultSeesOperationAndPathAndChoosesTheAnswer) {
  files_.SetFault([](FileOp op, const std::string& path) {
    return op == FileOp::kSync && path.ends_with(".log") ? Status::NoSpace("injected") : Status();
  });
  auto table = files_.CreateWritable("1.table");
  auto log = files_.OpenLogFile("2.log");
  EXPECT_TRUE((*table)->Sync().ok());
  EXPECT_TRUE((*log)->Sync().Is(StatusCode::kNoSpace));
  files_.SetFault({});
  EXPECT_TRUE((*log)->Sync().ok());
}

TEST_F(FaultyFileSystemTest, CountsEveryKindOfOperation) {
  char buffer[4];
  auto file = files_.CreateWritable("a");
  ASSERT_TRUE((*file)->Append("x").ok());
  ASSERT_TRUE((*file)->Sync().ok());
  ASSERT_TRUE((*file)->Close().ok());
  auto reader = files_.OpenRandomAccess("a");
  ASSERT_TRUE((*reader)->Read(0, 4, buffer).ok());
  ASSERT_TRUE((*reader)->Size().ok());
  ASSERT_TRUE(files_.OpenLogFile("log").ok());  // missing: created
  auto log = files_.OpenLogFile("log");         // there: opened
  ASSERT_TRUE((*log)->Reserve(10).ok());
  ASSERT_TRUE((*log)->Store(0, "x").ok());
  ASSERT_TRUE((*log)->Truncate(0).ok());
  ASSERT_TRUE(files_.Link("a", "b").ok());
  ASSERT_TRUE(files_.Rename("b", "c").ok());
  ASSERT_TRUE(files_.Remove("c").ok());
  ASSERT_TRUE(files_.List(".").ok());
  ASSERT_TRUE(files_.SyncDirectory(".").ok());
  ASSERT_TRUE(files_.Lock("LOCK", LockMode::kExclusive).ok());
  for (size_t op = 0; op < kFileOps; ++op) {
    const auto kind = static_cast<FileOp>(op);
    const uint64_t expected = kind == FileOp::kOpen || kind == FileOp::kCreate ? 2 : 1;
    EXPECT_EQ(files_.count(kind), expected) << FileOpName(kind);
  }
  EXPECT_EQ(files_.total(), kFileOps + 2);
  files_.ResetCounts();
  EXPECT_EQ(files_.total(), 0U);
}

}  // namespace
}  // namespace logwood
