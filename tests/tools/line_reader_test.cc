#include "tools/line_reader.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <span>
#include <string>
#include <vector>

#include "tests/support/sanitizers.h"

namespace logwood::tools {
namespace {

using Outcome = LineReader::Outcome;

// Gives out `text` in pieces of at most `piece` bytes.
LineReader::Source Pieces(const std::string& text, size_t piece) {
  return [text, piece, at = size_t{0}](char* buffer, size_t size) mutable -> Result<size_t> {
    const size_t count = std::min({piece, size, text.size() - at});
    std::memcpy(buffer, text.data() + at, count);
    at += count;
    return count;
  };
}

std::vector<std::string> AllLines(LineReader* reader) {
  std::vector<std::string> lines;
  std::span<char> line;
  while (reader->Next(&line) == Outcome::kLine) lines.emplace_back(line.begin(), line.end());
  return lines;
}

TEST(LineReader, SplitsAlikeHoweverSmallThePiecesAndTheReads) {
  const std::string text = "one\n\nthree is longer than a read\nfour";
  const std::vector<std::string> lines = {"one", "", "three is longer than a read", "four"};
  for (const size_t piece : {1, 2, 3, 7, 100}) {
    for (const size_t read : {1, 4, 5, 64}) {
      LineReader reader(Pieces(text, piece), 1000, read);
      EXPECT_EQ(AllLines(&reader), lines) << piece << " " << read;
      EXPECT_EQ(reader.line_number(), 4U);
      EXPECT_EQ(reader.bytes_consumed(), text.size());
    }
  }
}

TEST(LineReader, ANewlineAtTheEndBeginsNoLine) {
  LineReader reader(Pieces("a\nb\n", 3), 1000);
  EXPECT_EQ(AllLines(&reader), (std::vector<std::string>{"a", "b"}));
}

TEST(LineReader, AnEmptySourceHasNoLine) {
  LineReader reader(Pieces("", 3), 1000);
  EXPECT_TRUE(AllLines(&reader).empty());
  EXPECT_EQ(reader.line_number(), 0U);
}

TEST(LineReader, KeepsBytesOfAllValues) {
  std::string text;
  for (int byte = 0; byte < 256; ++byte) {
    if (byte != '\n') text.push_back(static_cast<char>(byte));
  }
  LineReader reader(Pieces(text + "\n" + text, 10), 1000, 16);
  EXPECT_EQ(AllLines(&reader), (std::vector<std::string>{text, text}));
}

TEST(LineReader, TheLongestLineAllowedIsReadWhole) {
  for (const size_t read : {1, 8, 100}) {
    const std::string text = std::string(50, 'x') + "\n" + std::string(51, 'y') + "\nz\n";
    LineReader reader(Pieces(text, 7), 50, read);
    std::span<char> line;
    ASSERT_EQ(reader.Next(&line), Outcome::kLine);
    EXPECT_EQ(line.size(), 50U);
    EXPECT_EQ(reader.Next(&line), Outcome::kTooLong);
    ASSERT_EQ(reader.Next(&line), Outcome::kLine);
    EXPECT_EQ(line[0], 'z');
  }
}

TEST(LineReader, StepsOverALineAboveTheLimitAndGoesOn) {
  for (const size_t piece : {1, 5, 1000}) {
    const std::string text = "a\n" + std::string(50, 'x') + "\nb\n" + std::string(50, 'y');
    LineReader reader(Pieces(text, piece), 10, 8);
    std::span<char> line;
    EXPECT_EQ(reader.Next(&line), Outcome::kLine);
    EXPECT_EQ(reader.Next(&line), Outcome::kTooLong);
    EXPECT_EQ(reader.line_number(), 2U);
    ASSERT_EQ(reader.Next(&line), Outcome::kLine);
    EXPECT_EQ(std::string(line.begin(), line.end()), "b");
    EXPECT_EQ(reader.line_number(), 3U);
    EXPECT_EQ(reader.Next(&line), Outcome::kTooLong);
    EXPECT_EQ(reader.Next(&line), Outcome::kEnd);
    EXPECT_EQ(reader.bytes_consumed(), text.size());
  }
}

TEST(LineReader, AFailedSourceIsAnErrorAndNotAnEnd) {
  int calls = 0;
  LineReader reader(
      [&calls](char* buffer, size_t) -> Result<size_t> {
        if (++calls > 1) return Status::IoError("gone");
        std::memcpy(buffer, "a\nb", 3);
        return size_t{3};
      },
      1000);
  std::span<char> line;
  EXPECT_EQ(reader.Next(&line), Outcome::kLine);
  EXPECT_EQ(reader.Next(&line), Outcome::kFailed);
  EXPECT_EQ(reader.status().message(), "gone");
}

TEST(LineReader, NoMemoryForTheLongestLineIsAnErrorAndReadsNothing) {
  if (test::kSanitized) GTEST_SKIP() << "sanitizers end the program where there is no memory";
  bool read = false;
  LineReader reader(
      [&read](char*, size_t) -> Result<size_t> {
        read = true;
        return size_t{0};
      },
      size_t{1} << 62);
  std::span<char> line;
  for (int times = 0; times < 2; ++times) {
    EXPECT_EQ(reader.Next(&line), Outcome::kFailed);
    EXPECT_EQ(reader.status().code(), StatusCode::kBusy);
    EXPECT_EQ(reader.status().message(), "no memory for lines of up to 4611686018427387904 bytes");
  }
  EXPECT_FALSE(read);
}

}  // namespace
}  // namespace logwood::tools
