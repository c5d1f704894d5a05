// The names of segments, and what retention keeps at the ends of its ranges.
#include "wal/segments.h"

#include <gtest/gtest.h>

#include <limits>

namespace logwood {
namespace {

constexpr uint64_t kMax = std::numeric_limits<uint64_t>::max();

TEST(SegmentNamesTest, OnlyWhatANumberMakesIsAName) {
  for (const uint64_t number :
       {uint64_t{0}, uint64_t{7}, uint64_t{999'999}, uint64_t{1'000'000}, kMax}) {
    EXPECT_EQ(ParseLogFileName(LogFileName(number)), number);
  }
  for (const char* name :
       {"", ".log", "12345.log", "00001x.log", "00001/.log", "00001:.log", "000001.logs",
        "000001.table", "0000001.log", "18446744073709551616.log", "99999999999999999999.log",
        "018446744073709551615.log", "000000000000000000001.log"}) {
    EXPECT_FALSE(ParseLogFileName(name).has_value()) << name;
  }
}

// The first of three is asked about; all of them are in tables.
KeepReason ReasonOf(const SegmentNeeds& needs, uint64_t bytes = 100) {
  const std::vector<RetainedSegment> segments = {
      {1, 1, 10, bytes, 1'000'000}, {2, 11, 20, bytes, 2'000'000}, {3, 21, 30, bytes, 3'000'000}};
  return DecideSegments(segments, needs).front();
}

TEST(SegmentNeedsTest, AnAgeThatNoClockReachesKeepsEverything) {
  SegmentNeeds needs;
  needs.tables_position = 30;
  needs.now_us = kMax;
  EXPECT_EQ(ReasonOf(needs), KeepReason::kNone);
  for (const std::chrono::seconds age :
       {std::chrono::seconds::max(), std::chrono::seconds(kMax / 1'000'000 + 1)}) {
    needs.retention.age_min = age;
    EXPECT_EQ(ReasonOf(needs), KeepReason::kRetentionAge);
  }
  needs.retention.age_min = std::chrono::seconds(kMax / 1'000'000 - 2);
  EXPECT_EQ(ReasonOf(needs), KeepReason::kNone);
}

TEST(SegmentNeedsTest, WhereTheClockWentBackNothingIsOld) {
  SegmentNeeds needs;
  needs.tables_position = 30;
  needs.retention.age_min = std::chrono::seconds(1);
  needs.now_us = 500'000;
  EXPECT_EQ(ReasonOf(needs), KeepReason::kRetentionAge);
  needs.now_us = 2'000'000;
  EXPECT_EQ(ReasonOf(needs), KeepReason::kNone);
}

// More bytes than a number holds are as many as it holds, not few.
TEST(SegmentNeedsTest, BytesBehindASegmentNeverBeginAgainAtZero) {
  SegmentNeeds needs;
  needs.tables_position = 30;
  needs.retention.bytes_min = kMax;
  EXPECT_EQ(ReasonOf(needs, kMax / 2), KeepReason::kRetentionBytes);
  EXPECT_EQ(ReasonOf(needs, kMax / 2 + 1), KeepReason::kNone);
  EXPECT_EQ(ReasonOf(needs, kMax), KeepReason::kNone);
}

TEST(SegmentNeedsTest, EachReasonHasItsName) {
  EXPECT_EQ(KeepReasonName(KeepReason::kNone), "none");
  EXPECT_EQ(KeepReasonName(KeepReason::kActive), "active");
  EXPECT_EQ(KeepReasonName(KeepReason::kRecovery), "recovery");
  EXPECT_EQ(KeepReasonName(KeepReason::kRetentionBytes), "retention_bytes");
  EXPECT_EQ(KeepReasonName(KeepReason::kRetentionAge), "retention_age");
  EXPECT_EQ(KeepReasonName(KeepReason::kPinned), "pinned");
}

}  // namespace
}  // namespace logwood
