// SegmentSurvey where records stand that do not follow: those of the next segment, some that are
// left out or come again, those of a newer format; and where its reading fails.
#include <gtest/gtest.h>

#include "tests/support/written_by.h"
#include "tests/wal/log_test_support.h"
#include "util/faulty_file_system.h"
#include "util/internal_key.h"
#include "util/status_macros.h"
#include "wal/record_codec.h"
#include "wal/segment_survey.h"

namespace logwood {
namespace {

// Segment 5 with commits 1 to 8, sealed.
class SegmentSurveyGapsTest : public testing::Test {
 protected:
  SegmentSurveyGapsTest() {
    log_.Begin(5);
    log_.Append(8);
    log_.MarkDurable();
    log_.Seal();
  }

  Status Survey(const SegmentSurvey::Limits& limits) {
    flaws_.clear();
    positions_.clear();
    ASSIGN_OR_RETURN(const auto survey, SegmentSurvey::Open(&files_, LogPath(5)));
    flaws_ = survey->head_flaws();
    durable_ = survey->durable_point();
    ASSIGN_OR_RETURN(summary_, survey->Read(
                                   limits,
                                   [this](const CommitRecord& record) {
                                     positions_.push_back(record.position);
                                     return record.position == refused_ ? refusal_ : Status::Ok();
                                   },
                                   [this](const SegmentFlaw& flaw) { flaws_.push_back(flaw); }));
    return Status::Ok();
  }
  void Flip(uint64_t offset) {
    const std::string bytes = ReadWhole(log_.fs(), LogPath(5));
    Poke(log_.fs(), LogPath(5), offset, std::string(1, static_cast<char>(bytes[offset] ^ 0x10)));
  }
  void WrittenByAnother() {
    const std::string bytes = ReadWhole(log_.fs(), LogPath(5));
    WriteWhole(log_.fs(), LogPath(5), test::WrittenBy(test::kOtherWriter, bytes));
  }
  void DamageRecord(LogPos position) { Flip(log_.records()[position - 1].end - 1); }
  // A whole frame where the trailer was; returns where it ends.
  uint64_t ReplaceTrailer(CommitRecord record) {
    const SegmentHeader& header = log_.writer().header();
    const uint64_t at = log_.segments()[0].trailer_begin;
    std::string frame(kFrameOverheadBytesMax + record.operations.size(), '\0');
    const char* end =
        EncodeFrame(frame.data(), {header.file_id, header.first_position, header.first_time_us}, at,
                    log_.writer().history_hash(), &record);
    frame.resize(static_cast<size_t>(end - frame.data()));
    Cut(log_.fs(), LogPath(5), at);
    Poke(log_.fs(), LogPath(5), at, frame);
    return at + frame.size();
  }
  static CommitRecord RecordAt(LogPos position) {
    CommitRecord record;
    record.position = position;
    record.time_us = kTestTimeUs + 500;
    return record;
  }
  void ExpectRecordsFlaw(const SegmentFlaw& flaw, uint64_t offset, uint64_t end, LogPos first,
                         LogPos last) {
    EXPECT_EQ(flaw.kind, SegmentFlaw::Kind::kRecords);
    EXPECT_EQ(flaw.offset, offset);
    EXPECT_EQ(flaw.end, end);
    EXPECT_EQ(flaw.first_position, first);
    EXPECT_EQ(flaw.last_position, last);
  }
  void ExpectPositions(std::initializer_list<LogPos> positions) {
    EXPECT_EQ(positions_, std::vector<LogPos>(positions));
  }

  TestLog log_;
  FaultyFileSystem files_{log_.fs()};
  SegmentSurvey::Summary summary_;
  LogPos durable_ = 0;
  std::vector<SegmentFlaw> flaws_;
  std::vector<LogPos> positions_;
  LogPos refused_ = 0;
  Status refusal_;
};

TEST_F(SegmentSurveyGapsTest, WhatFollowsTheLastPositionBelongsToTheNextSegment) {
  const SegmentSurvey::Limits up_to_five{.last_position = 5};
  ASSERT_OK(Survey(up_to_five));
  ExpectPositions({1, 2, 3, 4, 5});
  EXPECT_TRUE(flaws_.empty());
  EXPECT_EQ(summary_.last_position, 5u);
  EXPECT_FALSE(summary_.sealed);
  // What is missed ends where the next one's record, or its trailer, begins.
  DamageRecord(4);
  DamageRecord(5);
  for (const bool trailer_alone : {false, true}) {
    SCOPED_TRACE(trailer_alone);
    for (LogPos position = 6; trailer_alone && position <= 8; ++position) DamageRecord(position);
    ASSERT_OK(Survey(up_to_five));
    ExpectPositions({1, 2, 3});
    ASSERT_EQ(flaws_.size(), 1u);
    const uint64_t next =
        trailer_alone ? log_.segments()[0].trailer_begin : log_.records()[5].begin;
    ExpectRecordsFlaw(flaws_[0], log_.records()[3].begin, next, 4, 5);
    EXPECT_EQ(summary_.last_position, 3u);
  }
}

// As where the segment that followed is gone, and one behind that says where it begins.
TEST_F(SegmentSurveyGapsTest, BehindTheLastPositionThatCanBeItsOwnNothingIsRead) {
  SegmentSurvey::Limits up_to_five;
  up_to_five.position_max = 5;
  ASSERT_OK(Survey(up_to_five));
  ExpectPositions({1, 2, 3, 4, 5});
  EXPECT_TRUE(flaws_.empty());
  DamageRecord(5);
  ASSERT_OK(Survey(up_to_five));
  ExpectPositions({1, 2, 3, 4});
  EXPECT_TRUE(flaws_.empty()) << "nobody says that the fifth is of this log";
  EXPECT_EQ(summary_.last_position, 4u);
}

TEST_F(SegmentSurveyGapsTest, WhereNobodySaysTheLastPositionOnlyBytesThatAreThereAreMissed) {
  const Placed& last = log_.records()[7];
  Cut(log_.fs(), LogPath(5), last.begin);
  ASSERT_OK(Survey({}));
  EXPECT_TRUE(flaws_.empty());
  EXPECT_EQ(summary_.last_position, 7u);
  Poke(log_.fs(), LogPath(5), last.begin, "half a record");
  DamageRecord(4);
  ASSERT_OK(Survey({}));
  ExpectPositions({1, 2, 3, 5, 6, 7});
  ASSERT_EQ(flaws_.size(), 2u);
  ExpectRecordsFlaw(flaws_[0], log_.records()[3].begin, log_.records()[4].begin, 4, 4);
  ExpectRecordsFlaw(flaws_[1], last.begin, last.begin + 13, 8, kPositionMax);
}

TEST_F(SegmentSurveyGapsTest, APositionLeftOutIsMissedThoughNoByteIs) {
  const uint64_t at = log_.segments()[0].trailer_begin;
  ReplaceTrailer(RecordAt(11));
  ASSERT_OK(Survey({}));
  ExpectPositions({1, 2, 3, 4, 5, 6, 7, 8, 11});
  ASSERT_EQ(flaws_.size(), 1u);
  ExpectRecordsFlaw(flaws_[0], at, at, 9, 10);
  EXPECT_EQ(flaws_[0].what, "position 11, expected 9");
}

TEST_F(SegmentSurveyGapsTest, ARecordThatComesAgainIsHandedOnOnce) {
  for (const bool is_trailer : {false, true}) {
    SCOPED_TRACE(is_trailer);
    CommitRecord record = RecordAt(3);
    const std::string trailer = EncodeTrailer({2, 2, 0, {}}, log_.segments()[0].trailer_begin);
    if (is_trailer) {
      record.flags = kFlagTrailer;
      record.operations = trailer;
    }
    ReplaceTrailer(record);
    ASSERT_OK(Survey({}));
    ExpectPositions({1, 2, 3, 4, 5, 6, 7, 8});
    EXPECT_TRUE(flaws_.empty());
    EXPECT_EQ(summary_.last_position, 8u);
    EXPECT_EQ(summary_.records, 8u);
    EXPECT_EQ(summary_.sealed, is_trailer);
  }
}

TEST_F(SegmentSurveyGapsTest, ATrailerTellsOfRecordsBeforeItThatAreGone) {
  DamageRecord(7);
  DamageRecord(8);
  ASSERT_OK(Survey({}));
  ExpectPositions({1, 2, 3, 4, 5, 6});
  ASSERT_EQ(flaws_.size(), 1u);
  ExpectRecordsFlaw(flaws_[0], log_.records()[6].begin, log_.segments()[0].trailer_begin, 7, 8);
  EXPECT_TRUE(summary_.sealed);
  EXPECT_EQ(summary_.last_position, 8u);
}

TEST_F(SegmentSurveyGapsTest, ARecordOfANewerFormatEndsTheReadingWithItsPlace) {
  CommitRecord record = RecordAt(9);
  record.flags = 1u << 9;
  ReplaceTrailer(record);
  WrittenByAnother();
  const Status status = Survey({});
  EXPECT_TRUE(status.Is(StatusCode::kNotSupported)) << status.ToString();
  const std::string what = LogPath(5) + ":" + std::to_string(log_.segments()[0].trailer_begin) +
                           ": a record has unknown flags 512";
  EXPECT_EQ(status.message(), what + test::NamesOtherWriter());
  EXPECT_EQ(positions_.size(), 8u) << "what precedes it was handed on";
  // Slots do not say who wrote the file.
  Flip(100);
  Flip(kHeaderCopyOffset + 100);
  EXPECT_EQ(Survey({}).message(), what + std::string(test::kNamesNoWriter));
}

TEST_F(SegmentSurveyGapsTest, WhatItsReaderDoesNotSupportHasThePlaceAndOtherErrorsAreItsOwn) {
  refused_ = 3;
  refusal_ = Status::NotSupported("a newer batch");
  WrittenByAnother();
  const Status newer = Survey({});
  EXPECT_TRUE(newer.Is(StatusCode::kNotSupported));
  const std::string where =
      LogPath(5) + ":" + std::to_string(log_.records()[2].begin) + ": position 3";
  EXPECT_NE(newer.message().find(where), std::string_view::npos) << newer.ToString();
  EXPECT_TRUE(newer.message().ends_with(test::NamesOtherWriter())) << newer.ToString();
  refusal_ = Status::Busy("enough");
  EXPECT_EQ(Survey({}).ToString(), refusal_.ToString());
  ExpectPositions({1, 2, 3});
}

TEST_F(SegmentSurveyGapsTest, WithoutAHeaderTheCatalogueIsNoFlawButADamagedRecordIs) {
  Flip(100);
  Flip(kHeaderCopyOffset + 100);
  const auto& records = log_.records();
  for (const LogPos damaged : {LogPos{1}, LogPos{4}}) {
    SCOPED_TRACE(damaged);
    DamageRecord(damaged);
    ASSERT_OK(Survey({.last_position = 8}));
    EXPECT_EQ(positions_.size(), 7u);
    ASSERT_EQ(flaws_.size(), 2u);
    EXPECT_EQ(flaws_[0].kind, SegmentFlaw::Kind::kHeader);
    // Before the first record nobody knows where the catalogue ends.
    const uint64_t begin = damaged == 1 ? kCatalogueOffset : records[damaged - 1].begin;
    ExpectRecordsFlaw(flaws_[1], begin, records[damaged].begin, damaged, damaged);
    DamageRecord(damaged);
  }
}

TEST_F(SegmentSurveyGapsTest, ASlotOfAnotherSegmentIsAFlawAndProvesNothing) {
  const SegmentHeader& header = log_.writer().header();
  const DurableSlot other = {{7, 7}, header.instance_id, header.number, 1, 99};
  Poke(log_.fs(), LogPath(5), kSlotBOffset, EncodeSlot(other, kSlotBOffset));
  ASSERT_OK(Survey({}));
  ASSERT_EQ(flaws_.size(), 1u);
  EXPECT_EQ(flaws_[0].kind, SegmentFlaw::Kind::kSlot);
  EXPECT_EQ(flaws_[0].offset, kSlotBOffset);
  EXPECT_EQ(durable_, 8u);
}

TEST_F(SegmentSurveyGapsTest, OfAFileCutBeforeItsRecordsAllOfThemAreMissed) {
  const uint64_t begin = log_.records()[0].begin;
  for (const uint64_t length : {begin, begin - 1, kCatalogueOffset, kSlotBOffset, kSlotAOffset,
                                kHeaderCopyOffset + 9, uint64_t{kSegmentHeaderBytes}}) {
    SCOPED_TRACE(length);
    Cut(log_.fs(), LogPath(5), length);
    ASSERT_OK(Survey({.last_position = 8}));
    EXPECT_TRUE(positions_.empty());
    ASSERT_FALSE(flaws_.empty());
    ExpectRecordsFlaw(flaws_.back(), begin, begin, 1, 8);
    EXPECT_EQ(flaws_.back().what, "the segment ends here");
    // Besides, what else is no longer there.
    for (const SegmentFlaw& flaw : flaws_) {
      const bool is_catalogue = flaw.kind == SegmentFlaw::Kind::kCatalogue;
      EXPECT_TRUE(is_catalogue ? length < begin
                               : flaw.kind == SegmentFlaw::Kind::kRecords ||
                                     length < kHeaderCopyOffset + kSegmentHeaderBytes);
    }
  }
}

TEST_F(SegmentSurveyGapsTest, AFileThatGoesAwayBetweenHeadAndRecordsCostsAllOfThem) {
  for (const SegmentSurvey::Limits& limits :
       {SegmentSurvey::Limits{.last_position = 8}, SegmentSurvey::Limits{}}) {
    int opens = 0;
    files_.SetFault([&opens](FileOp op, const std::string&) {
      return op == FileOp::kOpen && ++opens == 2 ? Status::NotFound("gone") : Status::Ok();
    });
    ASSERT_OK(Survey(limits));
    ASSERT_EQ(flaws_.size(), 1u);
    ExpectRecordsFlaw(flaws_[0], 0, ReadWhole(log_.fs(), LogPath(5)).size(), 1,
                      limits.last_position.value_or(kPositionMax));
    EXPECT_EQ(summary_.last_position, 0u);
  }
}

TEST_F(SegmentSurveyGapsTest, EachFailedOperationIsTheAnswer) {
  DamageRecord(4);
  uint64_t failures = 0;
  for (uint64_t n = 1;; ++n) {
    ASSERT_LT(n, 100u);
    files_.FailOperation(n);
    const Status status = Survey({});
    if (status.ok()) break;
    EXPECT_TRUE(status.Is(StatusCode::kIoError)) << status.ToString();
    ++failures;
  }
  // At least: open, size, first pages and catalogue; open and records.
  EXPECT_GE(failures, 6u);
  ExpectPositions({1, 2, 3, 5, 6, 7, 8});
}

}  // namespace
}  // namespace logwood
