// Log segments of format version 1 that must stay readable for ever: one that does not say which
// release wrote it, the same one of 0.1.0, which does, and one that has both slots from the start.
#include <gtest/gtest.h>

#include <string>

#include "tests/support/directory.h"
#include "tests/support/status_assert.h"
#include "util/file_header.h"
#include "wal/log_dump.h"
#include "wal/log_format.h"

namespace logwood {
namespace {

// Lines about each part of the golden segment. REQUIRES: both its headers name `writer`.
std::string LinesOfSegment(const std::string& name, uint32_t writer) {
  const std::string path = std::string(LOGWOOD_SOURCE_DIR) + "/tests/testdata/golden/" + name;
  auto bytes = test::ReadFile(FileSystem::Posix(), path);
  EXPECT_OK(bytes);
  if (!bytes.ok()) return "";
  for (const uint64_t offset : {uint64_t{0}, kHeaderCopyOffset}) {
    auto header = DecodeFileHeader(bytes->substr(offset, kFileHeaderBytes), FileKind::kLog, name,
                                   /*for_writing=*/true);
    EXPECT_OK(header);
    if (!header.ok()) return "";
    EXPECT_EQ(header->version, 1u);
    EXPECT_EQ(header->id, (Id128{0xabcd0001, 0x9876543211}));
    EXPECT_EQ(header->writer, writer);
  }
  std::string lines;
  auto summary = DumpSegment(FileSystem::Posix(), path, {},
                             [&](std::string_view line) { lines.append(line).append("\n"); });
  EXPECT_OK(summary);
  if (!summary.ok()) return "";
  EXPECT_OK(summary->damage);
  EXPECT_EQ(summary->records, 3u);
  EXPECT_TRUE(summary->sealed);
  return lines;
}

TEST(LogV1, ASegmentSaysWhichReleaseWroteItAndIsReadLikeOneThatDoesNot) {
  EXPECT_EQ(LinesOfSegment("log_v1_writer.log", 0x000100), LinesOfSegment("log_v1.log", 0));
}

TEST(LogV1, ASegmentHasBothSlotsFromTheStartOrTheOneThatWasMarked) {
  const std::string slot_b = "slot  offset 8192  segment 1  durable 0\n";
  std::string lines = LinesOfSegment("log_v1_slots.log", 0x000100);
  const size_t at = lines.find(slot_b);
  ASSERT_NE(at, std::string::npos) << lines;
  EXPECT_EQ(lines.erase(at, slot_b.size()), LinesOfSegment("log_v1.log", 0));
}

}  // namespace
}  // namespace logwood
