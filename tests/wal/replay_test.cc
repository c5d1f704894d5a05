// What the scripts cannot tell: faults of the file system, callbacks that fail, and figures.
#include "wal/replay.h"

#include "tests/wal/log_test_support.h"
#include "util/faulty_file_system.h"
#include "util/file_header.h"
#include "util/internal_key.h"
#include "util/random.h"

namespace logwood {
namespace {

void BuildThree(TestLog* log) {
  for (uint64_t number = 1; number <= 3; ++number) {
    log->Begin(number);
    log->Append(3);
    if (number < 3) log->Seal();
  }
}

TEST(ReplayTest, FailedOperationFailsReplayAndTheNextOneSeesEverything) {
  for (bool damaged : {false, true}) {
    TestLog log;
    BuildThree(&log);
    if (damaged) Poke(log.fs(), LogPath(1), log.records()[1].begin, std::string(30, '\x7f'));
    FaultyFileSystem faulty(log.fs());
    uint64_t failures = 0;
    for (uint64_t n = 1;; ++n) {
      faulty.FailOperation(n);
      Result<ReplayResult> result = ReplayLog(&faulty, log.Options(), IgnoreCommit);
      if (result.ok()) break;
      EXPECT_TRUE(result.status().Is(StatusCode::kIoError)) << result.status().ToString();
      ++failures;
      ASSERT_LT(n, 200u);
    }
    EXPECT_GT(failures, 10u);
    faulty.FailOperation(0);
    Result<ReplayResult> result = ReplayLog(&faulty, log.Options(), IgnoreCommit);
    ASSERT_TRUE(result.ok());
    EXPECT_EQ(result->last_position, damaged ? 1u : 9u);
  }
}

TEST(ReplayTest, GoodLogIsReadOnce) {
  TestLog log;
  log.Begin(1);
  log.Append(1000, 1000);
  log.Seal();
  FaultyFileSystem counting(log.fs());
  Result<ReplayResult> result = ReplayLog(&counting, log.Options(), IgnoreCommit);
  ASSERT_TRUE(result.ok());
  // One megabyte in chunks of 256 KiB, two probes, the catalogue.
  EXPECT_LE(counting.count(FileOp::kRead), 8u);
}

TEST(ReplayTest, FailedApplyStopsAndIsReturned) {
  TestLog log;
  BuildThree(&log);
  uint64_t applied = 0;
  Result<ReplayResult> result = ReplayLog(log.fs(), log.Options(), [&](const CommitRecord&) {
    return ++applied == 5 ? Status::Busy("enough") : Status::Ok();
  });
  EXPECT_TRUE(result.status().Is(StatusCode::kBusy));
  EXPECT_EQ(applied, 5u);
}

// What the caller has must have come from this log, wherever in it that ends.
TEST(ReplayTest, ALogOfAnotherHistoryThanTheCallersIsDamage) {
  TestLog log;
  BuildThree(&log);
  for (const Placed& record : log.records()) {
    ReplayOptions options = log.Options();
    options.from = record.position + 1;
    options.hash_before = record.history_hash;
    Result<ReplayResult> result = ReplayLog(log.fs(), options, IgnoreCommit);
    ASSERT_OK(result.status());
    EXPECT_OK(result->damage);
    EXPECT_EQ(result->last_position, 9u);
    options.hash_before ^= 1;
    uint64_t applied = 0;
    result = ReplayLog(log.fs(), options, [&](const CommitRecord&) {
      ++applied;
      return Status::Ok();
    });
    ASSERT_OK(result.status());
    EXPECT_TRUE(result->damage.Is(StatusCode::kCorruption)) << record.position;
    EXPECT_EQ(
        result->damage.message().find(LogFileName(std::min<uint64_t>(record.position / 3 + 1, 3))),
        0u)
        << result->damage.ToString();
    EXPECT_EQ(result->last_position, record.position);
    EXPECT_EQ(applied, 0u);
  }
}

TEST(ReplayTest, FiguresDescribeTheEnd) {
  TestLog log;
  BuildThree(&log);
  ReplayOptions options = log.Options();
  options.from = 3;
  Result<ReplayResult> result = ReplayLog(log.fs(), options, IgnoreCommit);
  ASSERT_TRUE(result.ok());
  EXPECT_EQ(result->commits, 7u);
  uint64_t bytes = 0;
  for (const Placed& record : log.records()) {
    if (record.position >= 3) bytes += record.end - record.begin;
  }
  EXPECT_EQ(result->bytes, bytes);
  EXPECT_EQ(result->last_time_us, kTestTimeUs + 90);
  EXPECT_TRUE(result->history_hash_known);
  EXPECT_EQ(result->history_hash, log.writer().history_hash());
  EXPECT_EQ(result->newest_manifest, (ManifestState{1, 3, 103}));
  EXPECT_EQ(result->epoch, 1u);
  ASSERT_EQ(result->segments.size(), 3u);
  EXPECT_EQ(result->segments[1].last_time_us, kTestTimeUs + 60);
}

TEST(ReplayTest, TellsHowFarItIs) {
  TestLog log;
  BuildThree(&log);
  std::vector<std::pair<uint64_t, uint64_t>> told;
  ReplayOptions options = log.Options();
  options.progress = [&told](uint64_t done, uint64_t all) { told.emplace_back(done, all); };
  ASSERT_TRUE(ReplayLog(log.fs(), options, IgnoreCommit).ok());
  ASSERT_EQ(told.size(), log.records().size());
  uint64_t before = 0;
  for (const auto& [done, all] : told) {
    EXPECT_GT(done, before);
    EXPECT_LE(done, all);
    EXPECT_EQ(all, told[0].second);
    before = done;
  }
  EXPECT_GT(before, told[0].second / 2);
}

// Of three segments; the third has all that is needed.
void RemoveTheSecond(TestLog* log, ReplayOptions* options) {
  BuildThree(log);
  ASSERT_OK(log->fs()->Remove(LogPath(2)));
  *options = log->Options();
  options->segments = {1, 3};
  options->from = 8;
}

// Removals are not durable at once, and a crash takes back those it likes.
TEST(ReplayTest, WhatLiesBeforeAMissingSegmentThatNothingNeedsIsNoLongerTheLog) {
  TestLog log;
  ReplayOptions options;
  RemoveTheSecond(&log, &options);
  Result<ReplayResult> result = ReplayLog(log.fs(), options, IgnoreCommit);
  ASSERT_TRUE(result.ok());
  EXPECT_OK(result->damage);
  EXPECT_EQ(result->last_position, 9u);
  ASSERT_EQ(result->segments.size(), 1u);
  EXPECT_EQ(result->segments[0].number, 3u);
  EXPECT_EQ(result->discarded, std::vector<uint64_t>{1});
}

TEST(ReplayTest, WhatLiesBeforeAMissingSegmentStaysBehindACleanClose) {
  TestLog log;
  ReplayOptions options;
  RemoveTheSecond(&log, &options);
  options.clean_end = LogEnd{3, log.writer().length(), 9};
  Result<ReplayResult> result = ReplayLog(log.fs(), options, IgnoreCommit);
  ASSERT_TRUE(result.ok());
  EXPECT_OK(result->damage);
  EXPECT_EQ(result->segments.size(), 2u);
  EXPECT_TRUE(result->discarded.empty());
}

TEST(ReplayTest, APositionThatNoLogReachesIsCorruption) {
  TestLog log;
  log.set_last_position(kPositionsUsableMax - 1);
  log.Begin(1);
  log.Append(2);
  ReplayOptions options = log.Options();
  options.from = kPositionsUsableMax;
  const Result<ReplayResult> result = ReplayLog(log.fs(), options, IgnoreCommit);
  EXPECT_TRUE(result.status().Is(StatusCode::kCorruption)) << result.status().ToString();
  EXPECT_NE(result.status().message().find(LogFileName(1) + ":"), std::string_view::npos);
}

TEST(ReplayTest, EmptyDirectoryEndsBeforeTheFirstPosition) {
  TestLog log;
  ReplayOptions options = log.Options();
  options.from = 17;
  Result<ReplayResult> result = ReplayLog(log.fs(), options, IgnoreCommit);
  ASSERT_TRUE(result.ok());
  EXPECT_EQ(result->last_position, 16u);
  EXPECT_FALSE(result->history_hash_known);
  EXPECT_OK(result->damage);
}

TEST(ReplayTest, NewerFormatVersionIsNotSupportedAndNeverATail) {
  TestLog log;
  BuildThree(&log);
  std::string bytes = ReadWhole(log.fs(), LogPath(3));
  FileHeader header;
  header.kind = FileKind::kLog;
  header.version = kFormatVersion + 1;
  header.id = log.segments()[2].header.file_id;
  std::string opening = header.Encode();
  for (bool both : {false, true}) {
    bytes.replace(0, opening.size(), opening);
    if (both) bytes.replace(kHeaderCopyOffset, opening.size(), opening);
    WriteWhole(log.fs(), LogPath(3), bytes);
    Result<ReplayResult> result = ReplayLog(log.fs(), log.Options(), IgnoreCommit);
    EXPECT_TRUE(result.status().Is(StatusCode::kNotSupported)) << both;
  }
}

TEST(ReplayTest, SplicedSegmentOfAnotherCourseOfHistoryIsNoContinuation) {
  TestLog log;
  BuildThree(&log);
  TestLog other;
  other.set_time(kTestTimeUs + 5);  // the same positions, other commits
  BuildThree(&other);
  WriteWhole(log.fs(), LogPath(2), ReadWhole(other.fs(), LogPath(2)));
  Result<ReplayResult> result = ReplayLog(log.fs(), log.Options(), IgnoreCommit);
  ASSERT_TRUE(result.ok());
  EXPECT_EQ(result->last_position, 3u);
  ASSERT_TRUE(result->tail.has_value());
  EXPECT_NE(result->tail->reason.find("spliced"), std::string::npos) << result->tail->reason;
}

// Everything unsynced may be torn in any way: whatever is left opens, keeps what was durable, and
// is a prefix.
TEST(ReplayTest, RandomCrashStatesKeepExactlyAPrefixAndNeverClaimDamage) {
  for (uint64_t seed = 1; seed <= 400; ++seed) {
    Random random(seed);
    TestLog log;
    uint64_t segments = 1 + random.Uniform(4);
    LogPos durable = 0;
    std::vector<uint64_t> synced_bytes(segments + 1, 0);
    for (uint64_t number = 1; number <= segments; ++number) {
      log.Begin(number);
      for (uint64_t n = random.Uniform(6); n > 0; --n) {
        log.Append(1, random.Uniform(2000));
        if (!random.OneIn(4)) continue;
        for (uint64_t older = 1; older <= number; ++older)
          synced_bytes[older] = log.segments()[older - 1].length;
        durable = log.last_position();
        if (random.OneIn(2)) log.MarkDurable(durable);
        log.set_durable(durable);
      }
      if (number < segments) log.Seal();
    }
    for (uint64_t number = 1; number <= segments; ++number) {
      std::string bytes = ReadWhole(log.fs(), LogPath(number));
      uint64_t synced = synced_bytes[number];
      if (random.OneIn(2)) bytes.resize(synced + random.Uniform(bytes.size() - synced + 1));
      for (uint64_t at = synced / 512 * 512; at < bytes.size(); at += 512) {
        if (!random.OneIn(3)) continue;
        bool zeros = random.OneIn(2);
        for (uint64_t i = std::max(at, synced); i < std::min(at + 512, bytes.size()); ++i)
          bytes[i] = zeros ? '\0' : static_cast<char>(random.Next());
      }
      WriteWhole(log.fs(), LogPath(number), bytes);
      if (synced == 0 && number > 1 && random.OneIn(6)) {
        EXPECT_OK(log.fs()->Remove(LogPath(number)));
      }
    }
    ReplayOptions options = log.Options();
    options.first_segment = synced_bytes[1] == 0 ? 0 : 1;
    std::erase_if(options.segments,
                  [&](uint64_t number) { return !log.fs()->Exists(LogPath(number)).value(); });
    LogPos last = 0;
    Result<ReplayResult> result = ReplayLog(log.fs(), options, [&](const CommitRecord& record) {
      EXPECT_EQ(record.position, ++last);
      EXPECT_EQ(record.history_hash, log.records()[record.position - 1].history_hash);
      return Status::Ok();
    });
    ASSERT_TRUE(result.ok()) << "seed " << seed << ": " << result.status().ToString();
    EXPECT_OK(result->damage) << "seed " << seed;
    EXPECT_GE(result->last_position, durable) << "seed " << seed;
    EXPECT_LE(result->durable_point, durable) << "seed " << seed;
    EXPECT_EQ(result->last_position, last) << "seed " << seed;
  }
}

}  // namespace
}  // namespace logwood
