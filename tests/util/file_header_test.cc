#include "util/file_header.h"

#include <gtest/gtest.h>

#include <string>
#include <tuple>
#include <utility>

#include "logwood/version.h"

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
  EXPECT_EQ(decoded->writer, WriterOfThisBuild());
}

TEST(FileHeader, SaysWhichLogwoodWroteIt) {
  EXPECT_EQ(FileHeader().writer, uint32_t{LOGWOOD_VERSION_MAJOR} << 16 |
                                     uint32_t{LOGWOOD_VERSION_MINOR} << 8 |
                                     uint32_t{LOGWOOD_VERSION_PATCH});
  for (const uint32_t writer : {0U, 0x000100U, 0x010203U, 0xffffffffU}) {
    FileHeader header = ExampleHeader();
    header.writer = writer;
    const auto decoded = DecodeFileHeader(header.Encode(), FileKind::kTable, "f", true);
    ASSERT_TRUE(decoded.ok()) << decoded.status().ToString();
    EXPECT_EQ(decoded->writer, writer);
    EXPECT_EQ(decoded->Encode(), header.Encode());
  }
  FileHeader header = ExampleHeader();
  header.writer = 0x010203;
  // Little-endian behind the id; the rest of the reserved bytes stays zero.
  EXPECT_EQ(header.Encode().substr(40, 16), std::string("\x03\x02\x01\0", 4) + std::string(12, 0));
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

TEST(FileHeader, RefusalsNameWhatWroteTheFile) {
  FileHeader version = ExampleHeader(), incompatible = version, read_compatible = version;
  version.version = 2;
  incompatible.incompatible_flags = 4;
  read_compatible.read_compatible_flags = 5;
  const std::string build = "; this build (" + std::string(Version()) + ") ";
  for (const auto& [writer, by] : {std::pair{0U, ""},
                                   {0x000200U, ", written by Logwood 0.2.0"},
                                   {0x010203U, ", written by Logwood 1.2.3"},
                                   {0xffffffffU, ", written by Logwood 65535.255.255"}}) {
    for (const auto& [example, begin, end] :
         {std::tuple{version, "format version 2", "reads up to 1"},
          {incompatible, "unknown incompatible flags 4", "cannot read the file"},
          {read_compatible, "unknown read-compatible flags 5",
           "may read the file and not write it"}}) {
      FileHeader header = example;
      header.writer = writer;
      const Status status = Decode(header, /*for_writing=*/true);
      EXPECT_TRUE(status.Is(StatusCode::kNotSupported));
      EXPECT_EQ(status.message(),
                std::string("000007.table:0: file header: ") + begin + by + build + end);
    }
  }
}

TEST(FileHeader, ARefusalWithinTheFileNamesWhatWroteIt) {
  const Status refusal = Status::NotSupported("000007.table:64: entry kind 9 is unknown");
  const Status named = WithWriter(refusal, 0x000300);
  EXPECT_TRUE(named.Is(StatusCode::kNotSupported));
  EXPECT_EQ(named.message(), std::string(refusal.message()) +
                                 "; written by Logwood 0.3.0, this is " + std::string(Version()));
  const Status not_said = WithWriter(refusal, 0);
  EXPECT_TRUE(not_said.Is(StatusCode::kNotSupported));
  EXPECT_EQ(not_said.message(),
            std::string(refusal.message()) + "; a newer version of Logwood wrote it");
  const Status damage = Status::Corruption("000007.table:64: block too short");
  EXPECT_EQ(WithWriter(damage, 0x000300).ToString(), damage.ToString());
  EXPECT_TRUE(WithWriter(Status::Ok(), 0x000300).ok());
}

}  // namespace
}  // namespace logwood
