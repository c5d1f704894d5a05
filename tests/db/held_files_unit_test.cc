// HeldFiles: what was held stays readable when its name is gone; everything else is the base's.
#include "db/held_files.h"

#include <gtest/gtest.h>

#include "tests/db/db_test_support.h"

namespace logwood {
namespace {

// A process that may open few files.
class FewDescriptors final : public ForwardingFileSystem {
 public:
  FewDescriptors(FileSystem* base, uint64_t files_max)
      : ForwardingFileSystem(base), files_max_(files_max) {}
  uint64_t OpenFilesMax() const override { return files_max_; }

 private:
  const uint64_t files_max_;
};

class HeldFilesTest : public testing::Test {
 protected:
  HeldFilesTest() { EXPECT_OK(base_->CreateDirectory("db")); }
  void Write(const std::string& path, const std::string& bytes) {
    ASSERT_OK(test::WriteFile(base_.get(), path, bytes));
  }

  std::unique_ptr<FileSystem> base_ = FileSystem::InMemory();
  HeldFiles files_{base_.get()};
};

TEST_F(HeldFilesTest, AHeldFileStaysReadableWhenItIsRemoved) {
  Write("db/a", "held");
  Write("db/b", "not held");
  ASSERT_OK(files_.Hold("db/a"));
  ASSERT_OK(base_->Remove("db/a"));
  ASSERT_OK(base_->Remove("db/b"));
  EXPECT_EQ(*test::ReadFile(&files_, "db/a"), "held");
  EXPECT_EQ(*test::ReadFile(&files_, "db/a"), "held") << "as often as one likes";
  ASSERT_OK_AND_ASSIGN(const uint64_t size, files_.FileSize("db/a"));
  EXPECT_EQ(size, 4u);
  EXPECT_STATUS(kNotFound, files_.OpenRandomAccess("db/b"));
  EXPECT_STATUS(kNotFound, files_.FileSize("db/b"));
}

TEST_F(HeldFilesTest, AHeldFileIsNotTakenForALaterOneOfItsName) {
  Write("db/a", "first");
  ASSERT_OK(files_.Hold("db/a"));
  ASSERT_OK(base_->Remove("db/a"));
  Write("db/a", "the second");
  EXPECT_EQ(*test::ReadFile(&files_, "db/a"), "first");
  EXPECT_EQ(*files_.FileSize("db/a"), 5u);
  EXPECT_EQ(*test::ReadFile(base_.get(), "db/a"), "the second");
}

TEST_F(HeldFilesTest, WhatIsNotThereCannotBeHeld) {
  EXPECT_STATUS(kNotFound, files_.Hold("db/a"));
  Write("db/a", "later");
  EXPECT_EQ(*test::ReadFile(&files_, "db/a"), "later");
}

TEST_F(HeldFilesTest, ClosingOneReaderLeavesTheOthersTheirFile) {
  Write("db/a", "held");
  ASSERT_OK(files_.Hold("db/a"));
  ASSERT_OK(base_->Remove("db/a"));
  ASSERT_OK_AND_ASSIGN(auto one, files_.OpenRandomAccess("db/a"));
  ASSERT_OK_AND_ASSIGN(auto other, files_.OpenRandomAccess("db/a"));
  one.reset();
  char buffer[8];
  ASSERT_OK_AND_ASSIGN(const size_t read, other->Read(1, sizeof(buffer), buffer));
  EXPECT_EQ(std::string(buffer, read), "eld");
}

// The rest of the process needs descriptors, too.
TEST_F(HeldFilesTest, HoldsNoMoreThanAFairShareOfTheDescriptors) {
  constexpr uint64_t kOpenFilesMax = 20;
  FewDescriptors few(base_.get(), kOpenFilesMax);
  HeldFiles files(&few);
  for (uint64_t i = 0; i < kOpenFilesMax; ++i) {
    const std::string path = "db/" + std::to_string(i);
    Write(path, "x");
    ASSERT_OK(files.Hold(path));
    EXPECT_EQ(*test::ReadFile(&files, path), "x");
  }
  EXPECT_STATUS(kNotFound, files.Hold("db/none")) << "whether it is there is told all the same";
  uint64_t held = 0;
  for (uint64_t i = 0; i < kOpenFilesMax; ++i) {
    const std::string path = "db/" + std::to_string(i);
    ASSERT_OK(base_->Remove(path));
    held += files.OpenRandomAccess(path).ok();
  }
  EXPECT_GT(held, 0u);
  EXPECT_LE(held, kOpenFilesMax / 2);
}

}  // namespace
}  // namespace logwood
