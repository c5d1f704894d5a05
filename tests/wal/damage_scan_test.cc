// Records behind damage are found whatever the bytes between them look like; the work is bounded
// whatever they are made to look like.
#include "wal/damage_scan.h"

#include <gtest/gtest.h>

#include "tests/support/sanitizers.h"
#include "tests/wal/log_test_support.h"
#include "util/coding.h"
#include "util/random.h"

namespace logwood {
namespace {

class DamageScanTest : public testing::Test {
 protected:
  DamageEvidence Scan(const std::string& bytes) {
    WriteWhole(log_.fs(), LogPath(1), bytes);
    const auto file = log_.fs()->OpenRandomAccess(LogPath(1));
    EXPECT_TRUE(file.ok());
    ReadWindow window(file->get());
    const SegmentHeader& header = log_.segments()[0].header;
    const uint64_t begin = log_.segments()[0].records_offset;
    const auto found =
        ScanForFrames(&window, {header.file_id, header.first_position, header.first_time_us}, begin,
                      begin, bytes.size());
    EXPECT_TRUE(found.ok()) << found.status().ToString();
    return found.ok() ? *found : DamageEvidence();
  }
  // A byte of the record with `value` is changed: the rest is found.
  void ExpectAllBehind(size_t before, const std::string& value, const std::string& what) {
    log_ = TestLog();
    log_.Begin(1);
    log_.AppendValues(before, std::string(1000, 'b'));
    log_.AppendValues(1, value);
    log_.AppendValues(before, std::string(1000, 'a'));
    const Placed& bad = log_.records()[before];
    std::string bytes = ReadWhole(log_.fs(), LogPath(1));
    bytes[bad.begin + 30] = static_cast<char>(bytes[bad.begin + 30] ^ 1);
    const DamageEvidence evidence = Scan(bytes);
    EXPECT_EQ(evidence.records, 2 * before) << what;
    EXPECT_EQ(evidence.last_position, 2 * before + 1) << what;
  }

  TestLog log_;
};

std::string Numbers(size_t count, uint64_t below) {
  Random random(11);
  std::string bytes;
  for (size_t i = 0; i < count; ++i)
    PutFixed32(&bytes, static_cast<uint32_t>(random.Uniform(below)));
  return bytes;
}

std::string Noise(size_t count, uint64_t values) {
  Random random(12);
  std::string bytes(count, '\0');
  for (char& c : bytes) c = static_cast<char>(random.Uniform(values));
  return bytes;
}

// Lengths in it lead to every place of the segment, and checking each of them costs a hash of all
// that lies between.
TEST_F(DamageScanTest, FindsWhatLiesBehindDamagedDataOfAnyKind) {
  constexpr size_t kBytes = 600 * 1024;
  for (const size_t before : {400u, 4000u}) {
    if (test::kSanitized && before > 400) continue;
    for (const uint64_t below : {100u, 1000u, 100'000u, 4'000'000u}) {
      ExpectAllBehind(before, Numbers(kBytes / 4, below), "numbers below " + std::to_string(below));
    }
    for (const uint64_t values : {2u, 3u, 16u, 256u}) {
      ExpectAllBehind(before, Noise(kBytes, values), std::to_string(values) + " different bytes");
    }
    for (const char each : {'\0', '\1', '\2', '\x10', ' ', '\xff'}) {
      ExpectAllBehind(before, std::string(kBytes, each), "the byte " + std::to_string(each));
    }
  }
}

// Somebody keeps segments of a log in a database.
TEST_F(DamageScanTest, FindsWhatLiesBehindDamagedDataThatHoldsALog) {
  TestLog inner;
  inner.Begin(1);
  inner.Append(2000, 300);
  ExpectAllBehind(500, ReadWhole(inner.fs(), LogPath(1)), "a log");
}

// A frame across the border of what is read at once, with all its neighbours.
TEST_F(DamageScanTest, FindsFramesAcrossTheBorderOfAChunk) {
  constexpr size_t kFrames = 12;
  for (size_t shift = 0; shift < 60; ++shift) {
    log_ = TestLog();
    log_.Begin(1);
    const uint64_t begin = log_.segments()[0].records_offset;
    // The search for frames begins where the first one is damaged.
    log_.AppendValues(1, std::string(kReadChunkBytes - begin - 300 + shift, 'v'));
    log_.Append(kFrames, 10);
    std::string bytes = ReadWhole(log_.fs(), LogPath(1));
    bytes[begin + 30] = '?';
    const DamageEvidence evidence = Scan(bytes);
    EXPECT_EQ(evidence.records, kFrames) << shift;
    EXPECT_EQ(evidence.first_offset, log_.records()[1].begin) << shift;
  }
}

// Frames that fit but for their checksums, one in the other: what it may cost is bounded.
TEST_F(DamageScanTest, WorkIsBoundedAlsoWhereAllLooksLikeFrames) {
  log_.Begin(1);
  const std::string head = ReadWhole(log_.fs(), LogPath(1));
  const size_t bytes = 4 << 20;
  std::string hostile = head;
  hostile.reserve(bytes);
  while (hostile.size() + 64 < bytes) {
    // A commit of one value, which is all the rest.
    const size_t at = hostile.size();
    PutFixed32(&hostile, static_cast<uint32_t>(bytes - at - kFrameHeadBytes));
    hostile.append(16, '\0');
    hostile.append({0, 0, 1, 0, 1, 0});
    hostile.append({1, 2, 0, 'k'});
    const size_t rest = bytes - hostile.size();
    PutVarint(&hostile, rest - VarintBytes(rest));
  }
  hostile.resize(bytes, 'v');
  EXPECT_EQ(Scan(hostile).records, 0U);
}

}  // namespace
}  // namespace logwood
