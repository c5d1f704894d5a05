#include "util/file_header.h"

#include <gtest/gtest.h>

#include <string>

namespace logwood {
namespace {

FileHeader ExampleHeader() {
  FileHeader header;
  header.kind = FileKind::kTable;
  header.ignorable_flags = 0x80;
  header.id = {.high = 0x0102030405060708, .low = 0x090a0b0c0d0e0f10};
  return header;
}

Status Decode(const FileHeader& header, bool for_writing) {
  return DecodeFileHeader(header.Encode(), FileKind::kTable, "000007.table", for_writing).status();
}

TEST(FileHeader, ReadsBackWhatWasWritten) {
  const std::string bytes = ExampleHeader().Encode();
  ASSERT_EQ(bytes.size(), kFileHeaderBytes);
  EXPECT_EQ(bytes.substr(0, 8), "LOGWOODT");
  const auto decoded = DecodeFileHeader(bytes + "more", FileKind::kTable, "f", true);
  ASSERT_TRUE(decoded.ok()) << decoded.status().ToString();
  EXPECT_EQ(decoded->kind, FileKind::kTable);
  EXPECT_EQ(decoded->version, kFormatVersion);
  EXPECT_EQ(decoded->ignorable_flags, 0x80U);
  EXPECT_EQ(decoded->id, ExampleHeader().id);
}

TEST(FileHeader, AnyFlippedBitIsCorruption) {
  const std::string bytes = ExampleHeader().Encode();
  for (size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    std::string damaged = bytes;
    damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ 1 << bit % 8);
    const Status status = DecodeFileHeader(damaged, FileKind::kTable, "f", false).status();
    ASSERT_TRUE(status.Is(StatusCode::kCorruption)) << "bit " << bit << ": " << status.ToString();
  }
}

TEST(FileHeader, ThatIsCutOffIsCorruptionAndNamesTheFile) {
  const std::string bytes = ExampleHeader().Encode();
  for (size_t size = 0; size < bytes.size(); ++size) {
    const Status status =
        DecodeFileHeader(bytes.substr(0, size), FileKind::kTable, "000007.table", false).status();
    ASSERT_TRUE(status.Is(StatusCode::kCorruption)) << size;
    ASSERT_NE(status.message().find("000007.table"), std::string_view::npos);
  }
}

TEST(FileHeader, OfAnotherKindIsCorruption) {
  const Status status =
      DecodeFileHeader(ExampleHeader().Encode(), FileKind::kLog, "f", false).status();
  EXPECT_TRUE(status.Is(StatusCode::kCorruption));
}

TEST(FileHeader, NewerVersionIsNotSupported) {
  FileHeader header = ExampleHeader();
  header.version = kFormatVersion + 1;
  EXPECT_TRUE(Decode(header, false).Is(StatusCode::kNotSupported));
}

TEST(FileHeader, UnknownFlagsStopThoseTheyConcern) {
  FileHeader header = ExampleHeader();
  header.ignorable_flags = 0xffffffff;
  EXPECT_TRUE(Decode(header, true).ok());
  header.read_compatible_flags = 4;
  EXPECT_TRUE(Decode(header, false).ok());
  EXPECT_TRUE(Decode(header, true).Is(StatusCode::kNotSupported));
  header.incompatible_flags = 4;
  EXPECT_TRUE(Decode(header, false).Is(StatusCode::kNotSupported));
}

}  // namespace
}  // namespace logwood
