#include "tests/support/written_by.h"

#include <gtest/gtest.h>

#include "logwood/version.h"
#include "util/coding.h"
#include "util/file_header.h"
#include "util/hash.h"
#include "wal/log_format.h"

namespace logwood::test {

namespace {

// The file with this header, and with the checksums that cover it: of ROOT and of a segment's
// header.
std::string WithFileHeader(const std::string& bytes, const FileHeader& header) {
  std::string file = header.Encode() + bytes.substr(kFileHeaderBytes);
  const auto seal = [&](size_t size, size_t seed_offset) {
    const uint64_t seed = ChecksumSeed(header.id, seed_offset);
    StoreFixed(file.data() + size, Hash64(std::string_view(file).substr(0, size), seed));
  };
  if (header.kind == FileKind::kRoot) seal(file.size() - sizeof(uint64_t), kFileHeaderBytes);
  if (header.kind == FileKind::kLog) {
    const size_t size = kSegmentHeaderBytes - sizeof(uint64_t);
    seal(size, size);
    file.replace(kHeaderCopyOffset, kSegmentHeaderBytes, file, 0, kSegmentHeaderBytes);
  }
  return file;
}

}  // namespace

std::string WrittenBy(uint32_t writer, const std::string& bytes) {
  const auto kind = static_cast<FileKind>(bytes.size() < kFileHeaderBytes ? 0 : bytes[7]);
  Result<FileHeader> header = DecodeFileHeader(bytes, kind, "the file just written", true);
  EXPECT_TRUE(header.ok()) << header.status().ToString();
  if (!header.ok()) return bytes;
  EXPECT_EQ(header->writer, WriterOfThisBuild());
  EXPECT_TRUE(WithFileHeader(bytes, *header) == bytes) << "reserved bytes, a checksum or the copy";
  header->writer = writer;
  return WithFileHeader(bytes, *header);
}

std::string NamesOtherWriter() {
  return "; written by Logwood 4.5.6, this is " + std::string(Version());
}

}  // namespace logwood::test
