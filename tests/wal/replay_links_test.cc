// ReplayLog where one segment does not continue the other as its header says, or as its name does.
#include "tests/wal/log_test_support.h"
#include "util/faulty_file_system.h"
#include "wal/replay.h"

namespace logwood {
namespace {

class ReplayLinksTest : public testing::Test {
 protected:
  // Segment 1 holds commits 1 and 2; segment 2, with commit 3, lies under the name of 9.
  ReplayOptions PutTheSecondUnderAnotherName() {
    log_.Begin(1);
    log_.Append(2);
    log_.Seal();
    log_.Begin(2);
    log_.Append(1);
    const std::string second = ReadWhole(log_.fs(), LogPath(2));
    log_.Begin(9);
    WriteWhole(log_.fs(), LogPath(9), second);
    EXPECT_OK(log_.fs()->Remove(LogPath(2)));
    ReplayOptions options = log_.Options();
    options.segments = {1, 9};
    return options;
  }
  // With the header as it would be, changed.
  template <typename Change>
  void BeginChanged(uint64_t number, Change change) {
    SegmentHeader header = log_.NextHeader(number);
    change(&header);
    log_.BeginWith(header);
  }
  ReplayResult Replay(const ReplayOptions& options) {
    Result<ReplayResult> result = ReplayLog(log_.fs(), options, IgnoreCommit);
    EXPECT_TRUE(result.ok()) << result.status().ToString();
    return result.ok() ? std::move(*result) : ReplayResult{};
  }
  // Nothing says that it was durable: the log ends there.
  void ExpectTail(LogPos last, uint64_t segment, uint64_t offset, std::string_view what) {
    const ReplayResult result = Replay(log_.Options());
    EXPECT_OK(result.damage);
    EXPECT_EQ(result.last_position, last);
    ASSERT_TRUE(result.tail.has_value());
    EXPECT_EQ(result.tail->file, LogFileName(segment));
    EXPECT_EQ(result.tail->offset, offset);
    EXPECT_EQ(result.tail->reason,
              LogFileName(segment) + ":" + std::to_string(offset) + ": " + std::string(what));
  }
  void DamageHeaders(uint64_t number) {
    for (const uint64_t offset : {uint64_t{0}, kHeaderCopyOffset}) {
      Poke(log_.fs(), LogPath(number), offset + 100, "rotten");
    }
  }

  TestLog log_;
};

TEST_F(ReplayLinksTest, ACommitBehindTheLastThatTheNextHeaderCountsEndsTheLog) {
  log_.Begin(1);
  log_.Append(3);
  BeginChanged(2, [](SegmentHeader* header) {
    header->first_position = 3;
    header->predecessor_last_position = 2;  // but predecessor_length counts three
  });
  ExpectTail(2, 1, log_.records()[2].begin, "position 3 belongs to the next segment");
}

TEST_F(ReplayLinksTest, ASegmentThatBeginsBeforeTheEndOfTheOneBeforeEndsTheLog) {
  log_.Begin(1);
  log_.Append(9);
  log_.Seal();
  log_.Begin(2);  // at position 10, without a commit
  BeginChanged(3, [](SegmentHeader* header) {
    header->first_position = 6;
    header->predecessor_last_position = 5;
  });
  ExpectTail(9, 3, 0, "segment begins at position 6, expected 10");
}

TEST_F(ReplayLinksTest, TimeThatGoesBackBetweenTwoSegmentsEndsTheLog) {
  log_.Begin(1);
  log_.Append(2);
  log_.Seal();
  log_.set_time(kTestTimeUs + 5);
  log_.Begin(2);
  log_.Append(1);
  ExpectTail(2, 2, log_.records()[2].begin,
             "time " + std::to_string(kTestTimeUs + 15) + " is before the previous segment's " +
                 std::to_string(kTestTimeUs + 20));
}

// Whether all of it is in tables decides what a reader is told to do about it.
TEST_F(ReplayLinksTest, TheSegmentOfACleanCloseIsDurableAlsoWhereItHoldsNoCommit) {
  log_.Begin(1);
  log_.Append(6);
  log_.Seal();
  log_.Begin(2);
  DamageHeaders(2);
  ReplayOptions options = log_.Options();
  options.clean_end = LogEnd{2, log_.writer().length(), 6};
  for (const LogPos from : {LogPos{1}, LogPos{7}}) {
    SCOPED_TRACE(from);
    options.from = from;
    const ReplayResult result = Replay(options);
    EXPECT_TRUE(result.damage.Is(StatusCode::kCorruption)) << result.damage.ToString();
    EXPECT_EQ(result.damage_file, LogFileName(2));
    EXPECT_TRUE(result.damage.message().starts_with("000002.log:0: ")) << result.damage.ToString();
    EXPECT_NE(result.damage.message().find("the segment was durable"), std::string_view::npos);
    EXPECT_EQ(result.damage.message().find("in tables") != std::string_view::npos, from == 7);
    EXPECT_TRUE(result.discarded.empty());
  }
}

// Stale bytes may show an older segment where a newer one was begun, but its own file then is
// right.
TEST_F(ReplayLinksTest, AnOlderSegmentUnderANewerNameIsSwappedWhereItsOwnFileIsWrongToo) {
  log_.Begin(1);
  log_.Append(3);
  log_.Seal();
  log_.Begin(2);  // no commit: losing it costs none
  log_.Begin(3);
  log_.Append(1);
  log_.Seal();
  log_.Begin(4);
  const std::string second = ReadWhole(log_.fs(), LogPath(2));
  const std::string fourth = ReadWhole(log_.fs(), LogPath(4));
  WriteWhole(log_.fs(), LogPath(4), second);
  const ReplayResult stale = Replay(log_.Options());
  EXPECT_OK(stale.damage);
  EXPECT_EQ(stale.last_position, 4u);
  EXPECT_EQ(stale.discarded, std::vector<uint64_t>{4});
  WriteWhole(log_.fs(), LogPath(2), fourth);
  const ReplayResult swapped = Replay(log_.Options());
  EXPECT_EQ(swapped.damage.message(),
            "000004.log:0: its header says it is segment 2; files were swapped or renamed");
  EXPECT_EQ(swapped.damage_file, LogFileName(4));
  EXPECT_EQ(swapped.last_position, 4u);
  EXPECT_TRUE(swapped.discarded.empty());
}

// What a recovery did not find may show up in the blocks of a new file: then its positions were
// given again.
TEST_F(ReplayLinksTest,
       WhatComesNextUnderAnotherNameIsMissedUnlessALaterEpochGaveItsPositionsAgain) {
  ReplayOptions options = PutTheSecondUnderAnotherName();
  options.epochs = {{1, 1}, {2, 4}};
  EXPECT_EQ(Replay(options).damage_file, LogFileName(9));
  options.epochs = {{1, 1}, {2, 3}};
  const ReplayResult given_again = Replay(options);
  EXPECT_OK(given_again.damage);
  EXPECT_EQ(given_again.last_position, 2u);
  EXPECT_EQ(given_again.misnamed, std::vector<uint64_t>{9});
}

// Which segment a file is, and whether it holds what comes next, is read of it.
TEST_F(ReplayLinksTest, EachFailedReadOfASegmentUnderAnotherNameFailsTheReplay) {
  ReplayOptions options = PutTheSecondUnderAnotherName();
  FaultyFileSystem files(log_.fs());
  uint64_t failures = 0;
  for (uint64_t n = 1;; ++n, ++failures) {
    ASSERT_LT(n, 100u);
    files.FailOperation(n);
    const Result<ReplayResult> result = ReplayLog(&files, options, IgnoreCommit);
    if (result.ok()) {
      EXPECT_EQ(result->damage_file, LogFileName(9)) << "as where nothing failed";
      break;
    }
    EXPECT_TRUE(result.status().Is(StatusCode::kIoError)) << result.status().ToString();
  }
  EXPECT_GT(failures, 8u);
}

TEST_F(ReplayLinksTest, WhereTheLogWasDurableAndNoFileIsThereEachPlaceThatIsKnownIsNamed) {
  ReplayOptions options = log_.Options();
  options.durable_at_least = 5;
  const std::string lost = "position 1 cannot be read, though the log was durable up to 5";
  EXPECT_EQ(Replay(options).damage.message(), "the log ends here; " + lost);
  options.durable_segment = 3;
  const ReplayResult known = Replay(options);
  EXPECT_EQ(known.damage.message(), "000003.log:0: the file is missing; " + lost);
  EXPECT_EQ(known.damage_file, LogFileName(3));
}

// Either of two neighbours may have lost what is missing between them.
TEST_F(ReplayLinksTest, WhereASegmentIsCutBehindACommitAndTheNextIsBlankBothAreNamed) {
  log_.Begin(1);
  log_.Append(1);
  const uint64_t cut = log_.writer().length();
  log_.Append(1);
  log_.Begin(2);
  WriteWhole(log_.fs(), LogPath(1), ReadWhole(log_.fs(), LogPath(1)).substr(0, cut));
  WriteWhole(log_.fs(), LogPath(2), "");
  ReplayOptions options = log_.Options();
  options.durable_at_least = 2;
  const ReplayResult result = Replay(options);
  EXPECT_EQ(result.last_position, 1u);
  EXPECT_TRUE(result.damage.message().starts_with("000002.log:0: the file is empty"))
      << result.damage.ToString();
  EXPECT_NE(
      result.damage.message().find("; before it the log ends at 000001.log:" + std::to_string(cut)),
      std::string_view::npos)
      << result.damage.ToString();
}

// What a caller refuses of a commit has its place; its other errors are its own.
TEST_F(ReplayLinksTest, ACommitThatItsCallerRefusesHasItsPlace) {
  log_.Begin(1);
  log_.Append(3);
  for (const Status& refusal : {Status::Corruption("no batch"), Status::NotSupported("newer")}) {
    const Status status = ReplayLog(log_.fs(), log_.Options(), [&](const CommitRecord& record) {
                            return record.position == 2 ? refusal : Status::Ok();
                          }).status();
    EXPECT_EQ(status.code(), refusal.code());
    const std::string where =
        "000001.log:" + std::to_string(log_.records()[1].begin) + ": position 2";
    EXPECT_TRUE(status.message().starts_with(where)) << status.ToString();
  }
}

// Without its header a slot says what its records are relative to; one of another segment does not.
TEST_F(ReplayLinksTest, WithoutAHeaderTheSlotsOfItsOwnSegmentAloneTellOfWhatLiesThere) {
  log_.Begin(1);
  log_.Append(3);
  log_.MarkDurable(1);
  const SegmentHeader header = log_.writer().header();
  DamageHeaders(1);
  for (const uint64_t number : {1, 7}) {
    SCOPED_TRACE(number);
    const DurableSlot slot = {header.file_id, kTestInstance, number, 1, 2};
    for (const uint64_t offset : {kSlotAOffset, kSlotBOffset}) {
      Poke(log_.fs(), LogPath(1), offset, EncodeSlot(slot, offset));
    }
    const ReplayResult result = Replay(log_.Options());
    EXPECT_EQ(result.last_position, 0u);
    EXPECT_EQ(result.durable_point, number == 1 ? 2u : 0u);
    EXPECT_EQ(result.damage.ok(), number != 1) << result.damage.ToString();
    if (number == 1) continue;
    ASSERT_TRUE(result.tail.has_value());
    EXPECT_EQ(result.tail->commits, 0u) << "nobody can tell what they are";
    EXPECT_GT(result.tail->bytes, 0u);
  }
}

// More than one chunk lies behind the damage.
TEST_F(ReplayLinksTest, EachFailedReadBehindDamageFailsTheReplay) {
  log_.Begin(1);
  log_.Append(5, 200'000);
  Poke(log_.fs(), LogPath(1), log_.records()[1].begin, std::string(30, '\x7f'));
  FaultyFileSystem files(log_.fs());
  uint64_t failures = 0;
  for (uint64_t n = 1;; ++n) {
    ASSERT_LT(n, 200u);
    files.FailOperation(n);
    const Result<ReplayResult> result = ReplayLog(&files, log_.Options(), IgnoreCommit);
    if (result.ok()) {
      EXPECT_EQ(result->last_position, 1u);
      ASSERT_TRUE(result->tail.has_value());
      EXPECT_EQ(result->tail->commits, 3u);
      break;
    }
    EXPECT_TRUE(result.status().Is(StatusCode::kIoError)) << result.status().ToString();
    ++failures;
  }
  EXPECT_GT(failures, 10u);
}

}  // namespace
}  // namespace logwood
