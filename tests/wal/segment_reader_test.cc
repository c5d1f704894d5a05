#include "wal/segment_reader.h"

#include "tests/support/written_by.h"
#include "tests/wal/log_test_support.h"
#include "util/faulty_file_system.h"
#include "util/random.h"
#include "wal/record_codec.h"

namespace logwood {
namespace {

using Outcome = SegmentReader::Outcome;

std::unique_ptr<SegmentReader> OpenReader(FileSystem* fs, uint64_t number) {
  auto reader = SegmentReader::Open(fs, LogPath(number));
  EXPECT_TRUE(reader.ok()) << reader.status().ToString();
  return reader.ok() ? std::move(*reader) : nullptr;
}

// A frame as a hostile or newer writer might make it, right behind what is there.
void AppendFrame(TestLog* log, CommitRecord record, uint64_t previous_hash) {
  std::string path = LogPath(log->writer().header().number);
  std::string bytes = ReadWhole(log->fs(), path);
  const SegmentHeader& header = log->writer().header();
  std::string frame(kFrameOverheadBytesMax + record.note.size() + record.operations.size(), '\0');
  char* end =
      EncodeFrame(frame.data(), {header.file_id, header.first_position, header.first_time_us},
                  bytes.size(), previous_hash, &record);
  frame.resize(static_cast<size_t>(end - frame.data()));
  WriteWhole(log->fs(), path, bytes + frame);
}

TEST(SegmentReaderTest, OpenTellsTheKindsOfUnreadableFilesApart) {
  TestLog log;
  EXPECT_TRUE(SegmentReader::Open(log.fs(), LogPath(1)).status().Is(StatusCode::kNotFound));
  WriteWhole(log.fs(), LogPath(1), "");
  EXPECT_TRUE(SegmentReader::Open(log.fs(), LogPath(1)).status().Is(StatusCode::kNotFound));
  WriteWhole(log.fs(), LogPath(1), std::string(5000, '\0'));
  Status blank = SegmentReader::Open(log.fs(), LogPath(1)).status();
  EXPECT_TRUE(blank.Is(StatusCode::kNotFound));
  EXPECT_NE(blank.message().find("all zeros"), std::string_view::npos);
  WriteWhole(log.fs(), LogPath(1), std::string(5000, 'x'));
  EXPECT_TRUE(SegmentReader::Open(log.fs(), LogPath(1)).status().Is(StatusCode::kCorruption));
}

TEST(SegmentReaderTest, CatalogueComesWithTheHeaderOrWithAStatus) {
  TestLog log;
  log.Begin(1);
  log.Append(1);
  auto reader = OpenReader(log.fs(), 1);
  BatchReader catalogue(reader->header().catalogue);
  BatchOperation operation;
  ASSERT_TRUE(catalogue.Next(&operation));
  EXPECT_EQ(operation.value, "default");
  EXPECT_OK(reader->catalogue_status());
  Poke(log.fs(), LogPath(1), kCatalogueOffset + 2, "\xff");
  reader = OpenReader(log.fs(), 1);
  EXPECT_TRUE(reader->catalogue_status().Is(StatusCode::kCorruption));
  EXPECT_EQ(reader->header().catalogue, "");
  CommitRecord record;
  EXPECT_EQ(reader->Next(&record), Outcome::kRecord);
}

TEST(SegmentReaderTest, FollowsASegmentThatGrows) {
  TestLog log;
  WriteWhole(log.fs(), LogPath(1), std::string(100'000, '\0'));  // preallocated
  log.Begin(1);
  auto reader = OpenReader(log.fs(), 1);
  CommitRecord record;
  for (LogPos position = 1; position <= 2000; ++position) {
    EXPECT_EQ(reader->Next(&record), Outcome::kEnd);
    EXPECT_EQ(reader->Next(&record), Outcome::kEnd);
    log.Append(1, 100);
    ASSERT_EQ(reader->Next(&record), Outcome::kRecord) << reader->status().ToString();
    EXPECT_EQ(record.position, position);
  }
}

TEST(SegmentReaderTest, LimitEndsTheSegment) {
  TestLog log;
  log.Begin(1);
  log.Append(3);
  auto reader = OpenReader(log.fs(), 1);
  CommitRecord record;
  reader->LimitTo(log.records()[1].end);
  EXPECT_EQ(reader->Next(&record), Outcome::kRecord);
  EXPECT_EQ(reader->Next(&record), Outcome::kRecord);
  EXPECT_EQ(reader->Next(&record), Outcome::kEnd);
  reader = OpenReader(log.fs(), 1);
  reader->LimitTo(log.records()[1].end - 1);
  EXPECT_EQ(reader->Next(&record), Outcome::kRecord);
  EXPECT_EQ(reader->Next(&record), Outcome::kBad);
}

TEST(SegmentReaderTest, SeeksToEveryPositionWithAndWithoutTheIndex) {
  for (bool sealed : {false, true}) {
    TestLog log;
    log.Begin(1);
    log.Append(700, 1000);
    if (sealed) log.Seal();
    auto reader = OpenReader(log.fs(), 1);
    CommitRecord record;
    for (LogPos position : {700, 1, 350, 351, 2, 699, 66, 64, 0}) {
      ASSERT_EQ(reader->SeekTo(position, &record), Outcome::kRecord) << position;
      LogPos expected = std::max<LogPos>(position, 1);
      EXPECT_EQ(record.position, expected);
      EXPECT_EQ(record.history_hash, log.records()[expected - 1].history_hash);
      EXPECT_EQ(reader->offset(), log.records()[expected - 1].begin);
      if (position < 700) {
        ASSERT_EQ(reader->Next(&record), Outcome::kRecord) << reader->status().ToString();
        EXPECT_EQ(record.position, expected + 1);
      }
    }
    Outcome end = sealed ? Outcome::kTrailer : Outcome::kEnd;
    EXPECT_EQ(reader->SeekTo(701, &record), end);
    EXPECT_EQ(reader->SeekTo(5, &record), Outcome::kRecord);
  }
}

TEST(SegmentReaderTest, SeekOfASealedSegmentReadsAFewChunksOnly) {
  TestLog log;
  log.Begin(1);
  log.Append(4000, 1000);
  log.Seal();
  FaultyFileSystem counting(log.fs());
  auto reader = SegmentReader::Open(&counting, LogPath(1));
  ASSERT_TRUE(reader.ok());
  counting.ResetCounts();
  CommitRecord record;
  ASSERT_EQ((*reader)->SeekTo(3333, &record), Outcome::kRecord);
  EXPECT_EQ(record.position, 3333u);
  EXPECT_LE(counting.count(FileOp::kRead), 3u);
}

TEST(SegmentReaderTest, RecordsLargerThanAChunkAndAcrossChunksReadBack) {
  TestLog log;
  log.Begin(1);
  for (size_t size : {300'000, 1, 262'144, 100, 262'100, 1'000'000, 5}) log.Append(1, size);
  log.Seal();
  auto reader = OpenReader(log.fs(), 1);
  CommitRecord record;
  for (const Placed& placed : log.records()) {
    ASSERT_EQ(reader->Next(&record), Outcome::kRecord) << reader->status().ToString();
    EXPECT_EQ(reader->offset(), placed.begin);
    EXPECT_EQ(reader->end_offset(), placed.end);
  }
  EXPECT_EQ(reader->Next(&record), Outcome::kTrailer);
  EXPECT_EQ(reader->Next(&record), Outcome::kTrailer);
}

TEST(SegmentReaderTest, UnknownFlagOfAGoodRecordIsANewerFormat) {
  TestLog log;
  log.Begin(1);
  log.Append(1);
  CommitRecord record;
  record.position = 2;
  record.time_us = kTestTimeUs + 100;
  record.flags = 1u << 9;
  AppendFrame(&log, record, log.writer().history_hash());
  const std::string bytes = ReadWhole(log.fs(), LogPath(1));
  for (const bool said : {true, false}) {
    WriteWhole(log.fs(), LogPath(1), test::WrittenBy(said ? test::kOtherWriter : 0, bytes));
    auto reader = OpenReader(log.fs(), 1);
    EXPECT_EQ(reader->Next(&record), Outcome::kRecord);
    EXPECT_EQ(reader->Next(&record), Outcome::kBad);
    EXPECT_TRUE(reader->status().Is(StatusCode::kNotSupported)) << reader->status().ToString();
    EXPECT_EQ(reader->status().message(),
              "000001.log:" + std::to_string(log.records()[0].end) +
                  ": record has unknown flags 512" +
                  (said ? test::NamesOtherWriter() : std::string(test::kNamesNoWriter)));
    Result<ReplayResult> replay = ReplayLog(log.fs(), log.Options(), IgnoreCommit);
    EXPECT_TRUE(replay.status().Is(StatusCode::kNotSupported)) << "never treated as a tail";
    EXPECT_EQ(replay.status().message(), reader->status().message());
  }
}

TEST(SegmentReaderTest, WhatReplaysCallerRefusesNamesPlaceAndWriter) {
  TestLog log;
  log.Begin(1);
  log.Append(2);
  log.Begin(2);
  log.Append(2);
  // Each segment may be of another release.
  WriteWhole(log.fs(), LogPath(2),
             test::WrittenBy(test::kOtherWriter, ReadWhole(log.fs(), LogPath(2))));
  const auto refuse = [](const CommitRecord& record) {
    return record.position == 4 ? Status::NotSupported("kind 9 is unknown") : Status::Ok();
  };
  const Status status = ReplayLog(log.fs(), log.Options(), refuse).status();
  EXPECT_TRUE(status.Is(StatusCode::kNotSupported)) << status.ToString();
  const std::string place = "000002.log:" + std::to_string(log.records()[3].begin);
  EXPECT_NE(status.message().find(place), std::string_view::npos) << status.ToString();
  EXPECT_TRUE(status.message().ends_with("kind 9 is unknown" + test::NamesOtherWriter()))
      << status.ToString();
}

TEST(SegmentReaderTest, GoodRecordsThatMayNotFollowAreBad) {
  struct Case {
    LogPos position;
    uint64_t time_us;
    bool right_hash;
    const char* what;
  };
  for (const Case& c : {Case{3, kTestTimeUs + 100, true, "position 3, expected 2"},
                        Case{1, kTestTimeUs + 100, true, "position 1, expected 2"},
                        Case{2, kTestTimeUs + 9, true, "before the previous record's"},
                        Case{2, kTestTimeUs + 100, false, "spliced"}}) {
    TestLog log;
    log.Begin(1);
    log.Append(1);
    CommitRecord record;
    record.position = c.position;
    record.time_us = c.time_us;
    AppendFrame(&log, record, log.writer().history_hash() + (c.right_hash ? 0 : 1));
    auto reader = OpenReader(log.fs(), 1);
    EXPECT_EQ(reader->Next(&record), Outcome::kRecord);
    EXPECT_EQ(reader->Next(&record), Outcome::kBad);
    EXPECT_NE(reader->status().message().find(c.what), std::string_view::npos)
        << reader->status().ToString();
    EXPECT_TRUE(reader->status().message().starts_with("000001.log:12"));
  }
}

TEST(SegmentReaderTest, RecordsOfAnotherSegmentNeverPass) {
  TestLog log;
  log.Begin(1);
  log.Append(3);
  std::string first = ReadWhole(log.fs(), LogPath(1));
  TestLog other;
  SegmentHeader header = other.NextHeader(1);
  header.file_id.low ^= 1;
  other.BeginWith(header);
  std::string bytes = ReadWhole(other.fs(), LogPath(1)) + first.substr(log.records()[0].begin);
  WriteWhole(other.fs(), LogPath(1), bytes);
  auto reader = OpenReader(other.fs(), 1);
  CommitRecord record;
  EXPECT_EQ(reader->Next(&record), Outcome::kBad);
  EXPECT_EQ(reader->LookBehindDamage()->records, 0u);
}

TEST(SegmentReaderTest, LooksBehindDamageOfAnyKind) {
  TestLog log;
  log.Begin(1);
  log.Append(3, 50);
  log.MarkDurable(2);
  log.Append(4, 3000);
  log.Seal();
  std::string whole = ReadWhole(log.fs(), LogPath(1));
  const Placed& bad = log.records()[1];
  Random random(7);
  std::string noise(bad.end - bad.begin, '\0');
  for (char& c : noise) c = static_cast<char>(random.Next());
  for (const std::string& hidden :
       {std::string(noise.size(), '\0'), noise, std::string("\x1a\0\0\0", 4),
        std::string(noise.size(), '\2')}) {
    std::string bytes = whole;
    bytes.replace(bad.begin, hidden.size(), hidden);
    WriteWhole(log.fs(), LogPath(1), bytes);
    auto reader = OpenReader(log.fs(), 1);
    CommitRecord record;
    EXPECT_EQ(reader->Next(&record), Outcome::kRecord);
    ASSERT_EQ(reader->Next(&record), Outcome::kBad);
    Result<DamageEvidence> evidence = reader->LookBehindDamage();
    ASSERT_TRUE(evidence.ok());
    EXPECT_EQ(evidence->records, 5u);
    EXPECT_EQ(evidence->first_position, 3u);
    EXPECT_EQ(evidence->first_offset, bad.end);
    EXPECT_EQ(evidence->last_position, 7u);
    EXPECT_EQ(evidence->durable, 2u);
    EXPECT_TRUE(evidence->trailer);
    EXPECT_EQ(evidence->trailer_last_position, 7u);
    EXPECT_EQ(evidence->data_end, whole.size());
    EXPECT_EQ(reader->Next(&record), Outcome::kBad);
    // The way past damage is asked for, never taken by itself.
    ASSERT_EQ(reader->SeekTo(1, &record), Outcome::kRecord);
  }
}

TEST(SegmentReaderTest, HostileBytesAreOnlyBad) {
  TestLog log;
  log.Begin(1);
  log.Append(2);
  std::string head = ReadWhole(log.fs(), LogPath(1)).substr(0, log.records()[0].begin);
  Random random(42);
  for (int i = 0; i < 300; ++i) {
    std::string bytes(random.Uniform(3000), '\0');
    for (char& c : bytes)
      c = static_cast<char>(random.OneIn(2) ? random.Uniform(40) : random.Next());
    WriteWhole(log.fs(), LogPath(1), head + bytes);
    auto reader = OpenReader(log.fs(), 1);
    CommitRecord record;
    Outcome outcome = reader->Next(&record);
    EXPECT_TRUE(outcome == Outcome::kBad || (outcome == Outcome::kEnd && bytes.empty())) << i;
    EXPECT_EQ(reader->LookBehindDamage()->records, 0u);
  }
}

TEST(SegmentReaderTest, ScanBehindHostileLengthsIsBounded) {
  TestLog log;
  log.Begin(1);
  std::string head = ReadWhole(log.fs(), LogPath(1));
  // At every fourth byte a plausible frame of a megabyte.
  std::string bytes;
  for (int i = 0; i < 1'000'000; ++i) bytes.append("\0\0\x10\0", 4);
  WriteWhole(log.fs(), LogPath(1), head + bytes);
  auto reader = OpenReader(log.fs(), 1);
  CommitRecord record;
  EXPECT_EQ(reader->Next(&record), Outcome::kBad);
  Result<DamageEvidence> evidence = reader->LookBehindDamage();
  ASSERT_TRUE(evidence.ok());
  EXPECT_EQ(evidence->records, 0u);
}

TEST(SegmentReaderTest, FailedReadIsAnErrorAndNeverAnEnd) {
  TestLog log;
  log.Begin(1);
  log.Append(300, 3000);
  log.Seal();
  FaultyFileSystem faulty(log.fs());
  for (uint64_t n = 1;; ++n) {
    faulty.FailOperation(n);
    auto reader = SegmentReader::Open(&faulty, LogPath(1));
    if (!reader.ok()) {
      EXPECT_TRUE(reader.status().Is(StatusCode::kIoError));
      continue;
    }
    CommitRecord record;
    LogPos last = 0;
    Outcome outcome;
    bool failed = false;
    while ((outcome = (*reader)->Next(&record)) != Outcome::kTrailer) {
      if (outcome == Outcome::kError) {
        EXPECT_TRUE((*reader)->status().Is(StatusCode::kIoError));
        failed = true;
        continue;  // the next call tries again
      }
      ASSERT_EQ(outcome, Outcome::kRecord);
      EXPECT_EQ(record.position, ++last);
    }
    EXPECT_EQ(last, 300u);
    if (!failed) break;
    ASSERT_LT(n, 100u);
  }
}

TEST(SegmentReaderTest, ThatAFileCannotBeAskedWhetherItGrewIsNoDamage) {
  for (const uint64_t there : {uint64_t{10}, uint64_t{60}}) {  // a record's begin, or most of it
    TestLog log;
    log.Begin(1);
    log.Append(2, 100);
    const std::string whole = ReadWhole(log.fs(), LogPath(1));
    const uint64_t begin = log.records()[1].begin;
    Cut(log.fs(), LogPath(1), begin + there);
    FaultyFileSystem files(log.fs());
    auto reader = SegmentReader::Open(&files, LogPath(1));
    ASSERT_TRUE(reader.ok());
    CommitRecord record;
    ASSERT_EQ((*reader)->Next(&record), SegmentReader::Outcome::kRecord);
    Poke(log.fs(), LogPath(1), begin, whole.substr(begin));
    files.SetFault([](FileOp op, const std::string&) {
      return op == FileOp::kSize ? Status::IoError("injected") : Status::Ok();
    });
    EXPECT_EQ((*reader)->Next(&record), SegmentReader::Outcome::kError);
    files.SetFault({});
    EXPECT_EQ((*reader)->Next(&record), SegmentReader::Outcome::kRecord);
    EXPECT_EQ(record.position, 2u);
  }
}

}  // namespace
}  // namespace logwood
