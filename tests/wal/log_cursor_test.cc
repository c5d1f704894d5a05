// What the scripts cannot tell: a log that changes while it is read, and faults.
#include "wal/log_cursor.h"

#include "tests/wal/log_test_support.h"
#include "util/faulty_file_system.h"

namespace logwood {
namespace {

std::unique_ptr<LogCursor> OpenCursor(FileSystem* fs, const LogCursorOptions& options) {
  auto cursor = LogCursor::Open(fs, kLogDirectory, options);
  EXPECT_TRUE(IsOk(cursor.status()));
  return cursor.ok() ? std::move(*cursor) : nullptr;
}

TEST(LogCursorTest, FollowsALogThatGrowsAndRotates) {
  TestLog log;
  auto cursor = OpenCursor(log.fs(), {});
  CommitRecord record;
  EXPECT_EQ(cursor->Next(&record), LogCursor::Outcome::kEnd);
  LogPos expected = 0;
  for (uint64_t number = 1; number <= 5; ++number) {
    log.Begin(number);
    EXPECT_EQ(cursor->Next(&record), LogCursor::Outcome::kEnd);
    for (int i = 0; i < 3; ++i) {
      log.Append(1 + static_cast<size_t>(i));
      while (expected < log.last_position()) {
        ASSERT_EQ(cursor->Next(&record), LogCursor::Outcome::kRecord)
            << cursor->status().ToString();
        EXPECT_EQ(record.position, ++expected);
      }
      EXPECT_EQ(cursor->Next(&record), LogCursor::Outcome::kEnd);
    }
    log.Seal();
  }
}

// Where nothing is there yet each call looks again.
TEST(LogCursorTest, WhereTheDirectoryCannotBeListedItIsAnErrorUntilItCan) {
  TestLog log;
  FaultyFileSystem files(log.fs());
  auto cursor = OpenCursor(&files, {});
  CommitRecord record;
  EXPECT_EQ(cursor->Next(&record), LogCursor::Outcome::kEnd);
  log.Begin(1);
  log.Append(1);
  for (uint64_t n = 1;; ++n) {
    ASSERT_LT(n, 20u);
    files.FailOperation(n);
    const LogCursor::Outcome outcome = cursor->Next(&record);
    if (outcome == LogCursor::Outcome::kRecord) break;
    ASSERT_EQ(outcome, LogCursor::Outcome::kError) << n;
    EXPECT_TRUE(cursor->status().Is(StatusCode::kIoError));
  }
  EXPECT_EQ(record.position, 1u);
}

TEST(LogCursorTest, LimitHoldsBackWhatIsNotYetDurable) {
  TestLog log;
  log.Begin(1);
  log.Append(4);
  auto cursor = OpenCursor(log.fs(), {.from = 1, .up_to = 2});
  CommitRecord record;
  EXPECT_EQ(cursor->Next(&record), LogCursor::Outcome::kRecord);
  EXPECT_EQ(cursor->Next(&record), LogCursor::Outcome::kRecord);
  EXPECT_EQ(cursor->Next(&record), LogCursor::Outcome::kEnd);
  cursor->RaiseUpTo(3);
  ASSERT_EQ(cursor->Next(&record), LogCursor::Outcome::kRecord);
  EXPECT_EQ(record.position, 3u);
  EXPECT_EQ(cursor->Next(&record), LogCursor::Outcome::kEnd);
}

TEST(LogCursorTest, TrimmedWhileItReadsIsToldAndSticks) {
  TestLog log;
  for (uint64_t number = 1; number <= 3; ++number) {
    log.Begin(number);
    log.Append(2);
    log.Seal();
  }
  auto cursor = OpenCursor(log.fs(), {});
  CommitRecord record;
  EXPECT_EQ(cursor->Next(&record), LogCursor::Outcome::kRecord);
  EXPECT_OK(log.fs()->Remove(LogPath(1)));
  EXPECT_OK(log.fs()->Remove(LogPath(2)));
  // The open file may still be read to its end; behind it is the gap.
  LogCursor::Outcome outcome;
  while ((outcome = cursor->Next(&record)) == LogCursor::Outcome::kRecord)
    EXPECT_EQ(record.position, 2u);
  EXPECT_EQ(outcome, LogCursor::Outcome::kTrimmed) << cursor->status().ToString();
  EXPECT_EQ(cursor->oldest(), 5u);
  EXPECT_EQ(cursor->Next(&record), LogCursor::Outcome::kTrimmed);
}

// Each is whole, but the second says that the first ended one commit earlier than it does.
TEST(LogCursorTest, ASegmentThatBeginsBeforeTheOneBeforeItEndsIsBad) {
  TestLog log;
  log.Begin(1);
  log.Append(3);
  log.Seal();
  log.set_last_position(2);
  log.Begin(2);
  log.Append(2);
  auto cursor = OpenCursor(log.fs(), {});
  CommitRecord record;
  for (LogPos position = 1; position <= 3; ++position) {
    ASSERT_EQ(cursor->Next(&record), LogCursor::Outcome::kRecord) << cursor->status().ToString();
    EXPECT_EQ(record.position, position);
  }
  EXPECT_EQ(cursor->Next(&record), LogCursor::Outcome::kBad);
  EXPECT_EQ(cursor->status().message(), "000002.log:0: segment begins at position 3, expected 4");
}

TEST(LogCursorTest, FailedOperationIsAnErrorAndTheNextCallGoesOn) {
  TestLog log;
  for (uint64_t number = 1; number <= 3; ++number) {
    log.Begin(number);
    log.Append(3);
    log.Seal();
  }
  for (uint64_t n = 1;; ++n) {
    ASSERT_LT(n, 200u);
    FaultyFileSystem faulty(log.fs());
    faulty.FailOperation(n);
    auto cursor = LogCursor::Open(&faulty, kLogDirectory, {});
    if (!cursor.ok()) {
      EXPECT_TRUE(cursor.status().Is(StatusCode::kIoError));
      continue;
    }
    LogPos last = 0;
    bool failed = false;
    CommitRecord record;
    for (;;) {
      LogCursor::Outcome outcome = (*cursor)->Next(&record);
      if (outcome == LogCursor::Outcome::kEnd) break;
      if (outcome == LogCursor::Outcome::kError) {
        EXPECT_TRUE((*cursor)->status().Is(StatusCode::kIoError));
        failed = true;
        continue;
      }
      ASSERT_EQ(outcome, LogCursor::Outcome::kRecord) << n << " " << (*cursor)->status().ToString();
      EXPECT_EQ(record.position, ++last);
    }
    EXPECT_EQ(last, 9u) << n;
    if (!failed) break;
  }
}

}  // namespace
}  // namespace logwood
