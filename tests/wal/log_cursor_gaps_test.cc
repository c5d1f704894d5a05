// LogCursor where the log is not whole: what it says of gaps, and of files that go while it reads.
#include "tests/wal/log_test_support.h"
#include "util/faulty_file_system.h"
#include "util/file_header.h"
#include "wal/log_cursor.h"

namespace logwood {
namespace {

using CursorOutcome = LogCursor::Outcome;

// Segments 1, 2 and 3 with commits 1 to 3, 4 to 6 and 7 to 9.
class LogCursorGapsTest : public testing::Test {
 protected:
  LogCursorGapsTest() {
    for (uint64_t number = 1; number <= 3; ++number) {
      log_.Begin(number);
      log_.Append(3);
      log_.Seal();
    }
  }
  void Open(const LogCursorOptions& options = {}) {
    auto cursor = LogCursor::Open(&files_, kLogDirectory, options);
    ASSERT_TRUE(IsOk(cursor.status()));
    cursor_ = std::move(*cursor);
  }
  CursorOutcome Next() { return cursor_->Next(&record_); }
  // Reads up to and with `last`; then `outcome` comes, and what it says holds `message`.
  void ExpectAfter(LogPos last, CursorOutcome outcome, std::string_view message) {
    while (cursor_->next_position() <= last) {
      ASSERT_EQ(CursorOutcomeName(Next()), "record") << cursor_->status().ToString();
    }
    EXPECT_EQ(CursorOutcomeName(Next()), CursorOutcomeName(outcome));
    EXPECT_EQ(cursor_->next_position(), last + (outcome == CursorOutcome::kRecord ? 2 : 1));
    EXPECT_NE(cursor_->status().message().find(message), std::string_view::npos)
        << cursor_->status().ToString();
  }
  void ExpectBadAfter(LogPos last, std::string_view message) {
    ExpectAfter(last, CursorOutcome::kBad, message);
    EXPECT_EQ(Next(), CursorOutcome::kBad) << "it sticks";
  }
  void OverwriteHeaders(uint64_t number, std::string_view bytes) {
    for (const uint64_t offset : {uint64_t{0}, kHeaderCopyOffset}) {
      Poke(log_.fs(), LogPath(number), offset, bytes);
    }
  }

  TestLog log_;
  FaultyFileSystem files_{log_.fs()};
  std::unique_ptr<LogCursor> cursor_;
  CommitRecord record_;
};

TEST_F(LogCursorGapsTest, PositionsBeforeTheFirstAndLimitsBelowIt) {
  Open({.from = 0});
  EXPECT_EQ(cursor_->oldest(), 1u);
  ExpectAfter(9, CursorOutcome::kEnd, "");
  Open({.from = 5, .up_to = 4});
  ExpectAfter(4, CursorOutcome::kEnd, "");
  EXPECT_TRUE(LogCursor::Open(log_.fs(), "/none", {}).status().Is(StatusCode::kNotFound));
}

TEST_F(LogCursorGapsTest, ASegmentOfTheMiddleThatGoesWhileItReadsIsAnErrorAndThenAGap) {
  Open();
  ExpectAfter(2, CursorOutcome::kRecord, "");
  EXPECT_OK(log_.fs()->Remove(LogPath(2)));
  EXPECT_EQ(Next(), CursorOutcome::kError);
  EXPECT_TRUE(cursor_->status().Is(StatusCode::kNotFound)) << cursor_->status().ToString();
  ExpectBadAfter(3, "000002.log:0: the file is missing");
}

TEST_F(LogCursorGapsTest, ADamagedHeaderIsNamedAndThatOfTheNewestIsTheEndForNow) {
  OverwriteHeaders(3, "damaged");
  Open();
  ExpectAfter(6, CursorOutcome::kEnd, "");
  log_.Begin(4);
  ExpectBadAfter(6, "000003.log:0: ");
}

TEST_F(LogCursorGapsTest, ASegmentCutBetweenTwoRecordsEndsBeforeItsSuccessorSays) {
  const uint64_t end = log_.records().at(4).end;
  Cut(log_.fs(), LogPath(2), end);
  Open();
  ExpectBadAfter(5, "000002.log:" + std::to_string(end) + ": the segment ends before position 6");
}

// One that follows none, as where the one before was cut within its header.
TEST_F(LogCursorGapsTest, ASegmentThatBeginsTooLateIsWhereTheLogBegins) {
  SegmentHeader header = log_.NextHeader(4);
  header.predecessor = header.predecessor_length = header.predecessor_last_position = 0;
  header.first_position = 12;
  log_.BeginWith(header);
  Open();
  ExpectAfter(0, CursorOutcome::kTrimmed, "position 1 is gone, the oldest is 12");
  EXPECT_EQ(cursor_->oldest(), 12u);
}

TEST_F(LogCursorGapsTest, ASegmentThatContinuesAnotherHistoryIsNamed) {
  SegmentHeader spliced = log_.NextHeader(4);
  spliced.history_hash ^= 1;
  log_.BeginWith(spliced);
  Open();
  ExpectBadAfter(9, "000004.log:0: history hash does not follow");
  Open({.from = 10});
  ExpectAfter(9, CursorOutcome::kEnd, "");  // what came before is not known
}

TEST_F(LogCursorGapsTest, WhereThereIsOnlyANewerFormatItIsNotSupported) {
  for (const uint64_t number : {1, 2}) EXPECT_OK(log_.fs()->Remove(LogPath(number)));
  OverwriteHeaders(3, FileHeader{.version = kFormatVersion + 1, .id = {1, 2}}.Encode());
  Open();
  EXPECT_EQ(cursor_->oldest(), 0u);
  ExpectBadAfter(0, "000003.log:");
  EXPECT_TRUE(cursor_->status().Is(StatusCode::kNotSupported));
}

TEST_F(LogCursorGapsTest, AFileRemovedSinceItWasListedIsPassedOver) {
  files_.SetFault([](FileOp, const std::string& path) {
    return path == LogPath(1) ? Status::NotFound("removed") : Status::Ok();
  });
  Open({.from = 4});
  EXPECT_EQ(cursor_->oldest(), 4u);
  ExpectAfter(9, CursorOutcome::kEnd, "");
}

TEST_F(LogCursorGapsTest, WhereEverythingGoesWhileItReadsAnErrorComesAndThenTheEnd) {
  Open();
  for (uint64_t number = 1; number <= 3; ++number) EXPECT_OK(log_.fs()->Remove(LogPath(number)));
  ExpectAfter(0, CursorOutcome::kError, "");
  EXPECT_TRUE(cursor_->status().Is(StatusCode::kNotFound));
  EXPECT_EQ(Next(), CursorOutcome::kEnd);
  EXPECT_EQ(cursor_->oldest(), 0u);
}

}  // namespace
}  // namespace logwood
