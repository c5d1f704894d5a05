// ReadWindow: which bytes a call hands out, how seldom the file is asked for them, and what is left
// of it all when the file or the memory fails.
#include "wal/read_window.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/sanitizers.h"
#include "util/random.h"

namespace logwood {
namespace {

constexpr uint64_t kChunk = kReadChunkBytes;

// A file that is a string, notes what it is asked and fails by order.
class WindowedFile final : public RandomAccessFile {
 public:
  explicit WindowedFile(std::string content) : bytes(std::move(content)) {}
  Result<size_t> Read(uint64_t offset, size_t size, char* buffer) const override {
    reads.emplace_back(offset, size);
    if (fails) return Status::IoError("read fails by order");
    return offset < bytes.size() ? bytes.copy(buffer, size, offset) : size_t{0};
  }
  Result<uint64_t> Size() const override { return uint64_t{bytes.size()}; }
  void Advise(Access) const override {}

  std::string bytes;
  bool fails = false;
  mutable std::vector<std::pair<uint64_t, uint64_t>> reads;
};

std::string NoZeros(size_t size) {
  Random random(size);
  std::string bytes(size, '\0');
  for (char& c : bytes) c = static_cast<char>(1 + random.Uniform(255));
  return bytes;
}

TEST(ReadWindowTest, AtLeastWhatIsAskedForIsThereUnlessEndOrFileComesBefore) {
  const WindowedFile file(NoZeros(3 * kChunk + 1000));
  ReadWindow window(&file);
  Random random(3);
  const uint64_t end = 3 * kChunk + 500;
  uint64_t largest = kChunk;
  for (int i = 0; i < 2'000; ++i) {
    const uint64_t offset = random.Uniform(end + 100);
    const uint64_t size = random.Skewed(20);
    largest = std::max(largest, size);
    std::string_view bytes;
    ASSERT_TRUE(window.Fetch(offset, size, end, &bytes).ok());
    const uint64_t left = end - std::min(offset, end);
    ASSERT_GE(bytes.size(), std::min(size, left));
    ASSERT_LE(bytes.size(), left);
    ASSERT_LE(bytes.size(), largest);
    if (!bytes.empty()) {
      ASSERT_EQ(bytes, std::string_view(file.bytes).substr(offset, bytes.size())) << offset;
    }
  }
}

TEST(ReadWindowTest, TheFilesEndMayComeBeforeTheEndGiven) {
  const WindowedFile file(NoZeros(1000));
  ReadWindow window(&file);
  std::string_view bytes;
  ASSERT_TRUE(window.Fetch(900, 500, 5000, &bytes).ok());
  EXPECT_EQ(bytes, std::string_view(file.bytes).substr(900));
  ASSERT_TRUE(window.Fetch(1000, 1, 5000, &bytes).ok());
  EXPECT_TRUE(bytes.empty());
  ASSERT_TRUE(window.Fetch(2000, 1, 5000, &bytes).ok());
  EXPECT_TRUE(bytes.empty());
}

TEST(ReadWindowTest, ReadingOnAsksForEachByteOnceAndInChunks) {
  const WindowedFile file(NoZeros(4 * kChunk));
  ReadWindow window(&file);
  for (uint64_t at = 0; at < file.bytes.size(); at += 100) {
    std::string_view bytes;
    ASSERT_TRUE(window.Fetch(at, 300, file.bytes.size(), &bytes).ok());
    ASSERT_EQ(bytes.substr(0, 300), std::string_view(file.bytes).substr(at, 300));
  }
  EXPECT_LE(file.reads.size(), 5u);
  uint64_t next = 0;
  for (const auto& [offset, size] : file.reads) {
    EXPECT_EQ(offset, next);
    next = offset + size;
  }
  EXPECT_EQ(next, file.bytes.size());
}

TEST(ReadWindowTest, NothingBehindTheEndIsRead) {
  const WindowedFile file(NoZeros(2 * kChunk));
  ReadWindow window(&file);
  std::string_view bytes;
  ASSERT_TRUE(window.Fetch(10, 5000, 1000, &bytes).ok());
  EXPECT_EQ(bytes.size(), 990u);
  ASSERT_TRUE(window.Fetch(1000, 1, 1000, &bytes).ok());
  EXPECT_TRUE(bytes.empty());
  for (const auto& [offset, size] : file.reads) EXPECT_LE(offset + size, 1000u);
}

TEST(ReadWindowTest, AnEndBeforeWhatWasReadAlreadyLosesNothing) {
  const WindowedFile file(NoZeros(2 * kChunk));
  ReadWindow window(&file);
  std::string_view bytes;
  ASSERT_TRUE(window.Fetch(0, 1, file.bytes.size(), &bytes).ok());
  for (const uint64_t end : {uint64_t{500}, kChunk}) {
    ASSERT_TRUE(window.Fetch(100, 2 * kChunk, end, &bytes).ok());
    ASSERT_GE(bytes.size(), end - 100);
    EXPECT_EQ(bytes, std::string_view(file.bytes).substr(100, bytes.size()));
  }
  uint64_t found = 0;
  ASSERT_TRUE(window.FindDataEnd(100, 500, &found).ok());
  EXPECT_EQ(found, 500u);
  for (const auto& [offset, size] : file.reads) EXPECT_LE(offset + size, kChunk);
}

TEST(ReadWindowTest, ALargerPieceKeepsWhatIsThereAlready) {
  const WindowedFile file(NoZeros(4 * kChunk));
  ReadWindow window(&file);
  std::string_view bytes;
  ASSERT_TRUE(window.Fetch(0, 1, file.bytes.size(), &bytes).ok());
  ASSERT_TRUE(window.Fetch(kChunk - 10, 3 * kChunk, file.bytes.size(), &bytes).ok());
  EXPECT_EQ(bytes, std::string_view(file.bytes).substr(kChunk - 10, 3 * kChunk));
  ASSERT_EQ(file.reads.size(), 2u);
  EXPECT_EQ(file.reads[1].first, kChunk) << "read again";
}

TEST(ReadWindowTest, AfterDropTheFileIsAskedAgain) {
  WindowedFile file(std::string(100, 'a'));
  ReadWindow window(&file);
  std::string_view bytes;
  ASSERT_TRUE(window.Fetch(0, 100, 200, &bytes).ok());
  file.bytes = std::string(200, 'b');
  window.Drop();
  ASSERT_TRUE(window.Fetch(50, 10, 200, &bytes).ok());
  EXPECT_EQ(bytes, std::string(150, 'b'));
}

TEST(ReadWindowTest, AFailedReadIsToldAndSpoilsNothing) {
  WindowedFile file(NoZeros(3 * kChunk));
  ReadWindow window(&file);
  const uint64_t end = file.bytes.size();
  std::string_view bytes;
  ASSERT_TRUE(window.Fetch(0, 1, end, &bytes).ok());
  for (const uint64_t size : {uint64_t{100}, kChunk + 1}) {  // in place, and with a larger buffer
    file.fails = true;
    const Status failed = window.Fetch(kChunk - 50, size, end, &bytes);
    EXPECT_TRUE(failed.Is(StatusCode::kIoError)) << failed.ToString();
    EXPECT_TRUE(bytes.empty());
    uint64_t found = 0;
    EXPECT_FALSE(window.FindDataEnd(kChunk, end, &found).ok());
    EXPECT_FALSE(window.FindDataBegin(kChunk, end, &found).ok());
    file.fails = false;
    ASSERT_TRUE(window.Fetch(kChunk - 50, size, end, &bytes).ok());
    ASSERT_GE(bytes.size(), size);
    EXPECT_EQ(bytes, std::string_view(file.bytes).substr(kChunk - 50, bytes.size()));
  }
}

TEST(ReadWindowTest, WhatMemoryCannotHoldIsBusyAndTheWindowGoesOn) {
  if (test::kSanitized) GTEST_SKIP() << "a sanitizer ends the program at such an allocation";
  const WindowedFile file(NoZeros(1000));
  ReadWindow window(&file);
  std::string_view bytes;
  ASSERT_TRUE(window.Fetch(0, 10, 1000, &bytes).ok());
  const uint64_t far = uint64_t{1} << 60;
  const Status refused = window.Fetch(500, far, 2 * far, &bytes);
  EXPECT_TRUE(refused.Is(StatusCode::kBusy)) << refused.ToString();
  EXPECT_TRUE(bytes.empty());
  ASSERT_TRUE(window.Fetch(400, 600, 1000, &bytes).ok());
  EXPECT_EQ(bytes, std::string_view(file.bytes).substr(400));
}

TEST(ReadWindowTest, FindsWhereDataBeginsAndEndsAlsoAtTheSeamsOfChunks) {
  const uint64_t size = 3 * kChunk + 77;
  const uint64_t begin = 5;
  for (const uint64_t first : {begin, begin + 1, begin + kChunk - 1, begin + kChunk, size - 1}) {
    for (const uint64_t last : {begin, begin + kChunk - 1, begin + kChunk, size - 2, size - 1}) {
      if (last < first) continue;
      SCOPED_TRACE(std::to_string(first) + " to " + std::to_string(last));
      WindowedFile file(std::string(size, '\0'));
      file.bytes[0] = file.bytes[begin - 1] = 'x';  // outside of what is looked at
      file.bytes[first] = file.bytes[last] = 'x';
      ReadWindow window(&file);
      uint64_t found = 0;
      ASSERT_TRUE(window.FindDataBegin(begin, size, &found).ok());
      EXPECT_EQ(found, first);
      ASSERT_TRUE(window.FindDataEnd(begin, size, &found).ok());
      EXPECT_EQ(found, last + 1);
      ASSERT_TRUE(window.FindDataEnd(begin, last, &found).ok());
      EXPECT_EQ(found, first < last ? first + 1 : begin) << "the last byte lies outside";
    }
  }
}

TEST(ReadWindowTest, WhereThereIsNoDataItEndsWhereItBeginsAndBeginsWhereItEnds) {
  const WindowedFile file(std::string(1000, '\0'));
  ReadWindow window(&file);
  for (const uint64_t end : {uint64_t{10}, uint64_t{700}, uint64_t{5000}}) {
    uint64_t found = 0;
    ASSERT_TRUE(window.FindDataEnd(10, end, &found).ok());
    EXPECT_EQ(found, 10u);
    ASSERT_TRUE(window.FindDataBegin(10, end, &found).ok());
    EXPECT_EQ(found, end);
  }
}

TEST(ReadWindowTest, OneByteAmongZerosIsFoundAtEachPlaceAndAlignment) {
  for (size_t skip = 0; skip < 9; ++skip) {
    for (size_t size = 0; size < 40; ++size) {
      std::string around(skip + size + 9, 'x');
      around.replace(skip, size, size, '\0');
      const std::string_view zeros = std::string_view(around).substr(skip, size);
      EXPECT_EQ(FirstNonZero(zeros), size);
      EXPECT_EQ(NonZeroEnd(zeros), 0u);
      for (size_t at = 0; at < size; ++at) {
        around[skip + at] = '\x80';
        ASSERT_EQ(FirstNonZero(zeros), at) << size;
        ASSERT_EQ(NonZeroEnd(zeros), at + 1) << size;
        around[skip + at] = '\0';
      }
    }
  }
}

}  // namespace
}  // namespace logwood
