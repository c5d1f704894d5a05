// SegmentSurvey: what is bad of a segment is told with its place and its commits, and everything
// else is read, also behind it.
#include "wal/segment_survey.h"

#include <gtest/gtest.h>

#include "tests/wal/log_test_support.h"

namespace logwood {
namespace {

using Kind = SegmentFlaw::Kind;

class SegmentSurveyTest : public testing::Test {
 protected:
  SegmentSurveyTest() {
    log_.Begin(5);
    log_.Append(8);
    log_.MarkDurable();
    log_.Seal();
    limits_ = {log_.segments()[0].length, LogPos{8}};
  }

  void Survey() {
    flaws_.clear();
    positions_.clear();
    auto survey = SegmentSurvey::Open(log_.fs(), LogPath(5));
    ASSERT_TRUE(survey.ok()) << survey.status().ToString();
    identified_ = (*survey)->identified();
    flaws_ = (*survey)->head_flaws();
    const auto read = (*survey)->Read(
        limits_,
        [this](const CommitRecord& record) {
          if (record.position == refused_) return Status::Corruption("no batch");
          positions_.push_back(record.position);
          return Status::Ok();
        },
        [this](const SegmentFlaw& flaw) { flaws_.push_back(flaw); });
    ASSERT_TRUE(read.ok()) << read.status().ToString();
  }
  void Flip(uint64_t offset) {
    const std::string bytes = ReadWhole(log_.fs(), LogPath(5));
    Poke(log_.fs(), LogPath(5), offset, std::string(1, static_cast<char>(bytes[offset] ^ 0x10)));
  }
  // One flaw, and all commits but those it names.
  void ExpectFlaw(Kind kind, uint64_t offset, LogPos first = 0, LogPos last = 0) {
    Survey();
    ASSERT_EQ(flaws_.size(), 1u);
    EXPECT_EQ(flaws_[0].kind, kind);
    EXPECT_EQ(flaws_[0].offset, offset);
    EXPECT_EQ(flaws_[0].first_position, first);
    EXPECT_EQ(flaws_[0].last_position, last);
    std::vector<LogPos> wanted;
    for (LogPos position = 1; position <= 8; ++position) {
      if (position < first || position > last) wanted.push_back(position);
    }
    EXPECT_EQ(positions_, wanted);
  }

  TestLog log_;
  SegmentSurvey::Limits limits_;
  bool identified_ = false;
  LogPos refused_ = 0;
  std::vector<SegmentFlaw> flaws_;
  std::vector<LogPos> positions_;
};

TEST_F(SegmentSurveyTest, AWholeSegmentHasNoFlaw) {
  Survey();
  EXPECT_TRUE(flaws_.empty());
  EXPECT_EQ(positions_.size(), 8u);
}

TEST_F(SegmentSurveyTest, ADamagedRecordIsToldAndThoseBehindItAreRead) {
  const Placed& record = log_.records()[3];
  Flip(record.end - 1);
  ExpectFlaw(Kind::kRecords, record.begin, 4, 4);
}

TEST_F(SegmentSurveyTest, ARecordThatItsReaderCallsDamagedIsAFlawOfItsOwn) {
  refused_ = 4;
  ExpectFlaw(Kind::kCommit, log_.records()[3].begin, 4, 4);
  EXPECT_EQ(flaws_[0].end, log_.records()[3].end);
  EXPECT_EQ(flaws_[0].what, "no batch");
}

TEST_F(SegmentSurveyTest, SeveralRecordsWithoutAGoodOneBetweenThemAreOneFlaw) {
  Flip(log_.records()[3].begin);
  Flip(log_.records()[4].begin);
  ExpectFlaw(Kind::kRecords, log_.records()[3].begin, 4, 5);
}

TEST_F(SegmentSurveyTest, OfASegmentCutShortTheCommitsThatTheNextOneCountsAreToldAsGone) {
  Cut(log_.fs(), LogPath(5), log_.records()[5].begin);
  ExpectFlaw(Kind::kRecords, log_.records()[5].begin, 6, 8);
}

// As another copy's of the same name may.
TEST_F(SegmentSurveyTest, OfOneThatEndsWithItsTrailerTooEarlyTheyAreToldToo) {
  limits_.last_position = 10;
  Survey();
  EXPECT_TRUE(flaws_.empty()) << "the one that says so may not be its direct successor";
  limits_.length_max += 200;
  ExpectFlaw(Kind::kRecords, log_.segments()[0].length, 9, 10);
}

TEST_F(SegmentSurveyTest, ATrailerIsMissedWhereItsSegmentIsKnownToHaveOne) {
  const uint64_t begin = log_.segments()[0].trailer_begin;
  Flip(begin);
  ExpectFlaw(Kind::kTrailer, begin);
  Cut(log_.fs(), LogPath(5), begin);
  ExpectFlaw(Kind::kTrailer, begin);
  limits_.length_max = begin;  // a recovery ended the segment here
  Survey();
  EXPECT_TRUE(flaws_.empty());
}

TEST_F(SegmentSurveyTest, BytesBeforeTheRecordsAreHeldAgainstWhatBelongsThere) {
  for (const auto& [kind, at, told] :
       {std::tuple(Kind::kHeaderCopy, uint64_t{100}, uint64_t{0}),
        std::tuple(Kind::kHeaderCopy, kHeaderCopyOffset + 100, kHeaderCopyOffset),
        std::tuple(Kind::kSlot, kSlotAOffset + 3, kSlotAOffset),
        std::tuple(Kind::kUnused, uint64_t{1000}, uint64_t{1000}),
        std::tuple(Kind::kCatalogue, kCatalogueOffset + 1, kCatalogueOffset)}) {
    SCOPED_TRACE(at);
    Flip(at);
    ExpectFlaw(kind, told);
    Flip(at);
  }
}

TEST_F(SegmentSurveyTest, WithoutHeaderAndCopyASlotSaysWhichSegmentItIs) {
  Flip(100);
  Flip(kHeaderCopyOffset + 100);
  ExpectFlaw(Kind::kHeader, 0);
  EXPECT_TRUE(identified_);
  Flip(kSlotAOffset);
  Survey();
  EXPECT_TRUE(identified_) << "by the other";
  Flip(kSlotBOffset);
  Survey();
  EXPECT_FALSE(identified_);
  EXPECT_TRUE(positions_.empty());
}

}  // namespace
}  // namespace logwood
