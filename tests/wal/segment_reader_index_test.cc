// SegmentReader where the file changes while it reads, and where what looks like a trailer's index
// is none: a seek then reads on, and finds the same.
#include "tests/wal/log_test_support.h"
#include "util/coding.h"
#include "util/faulty_file_system.h"
#include "wal/record_codec.h"
#include "wal/segment_reader.h"

namespace logwood {
namespace {

using Outcome = SegmentReader::Outcome;

class SegmentReaderIndexTest : public testing::Test {
 protected:
  SegmentReaderIndexTest() { log_.Begin(1); }

  void Open() {
    auto reader = SegmentReader::Open(&files_, LogPath(1));
    ASSERT_TRUE(reader.ok()) << reader.status().ToString();
    reader_ = std::move(*reader);
  }
  std::string_view Next() { return OutcomeName(reader_->Next(&record_)); }
  std::string_view SeekTo(LogPos position) {
    return OutcomeName(reader_->SeekTo(position, &record_));
  }
  void ExpectBad(uint64_t offset, std::string_view what) {
    EXPECT_EQ(Next(), "bad");
    EXPECT_TRUE(reader_->status().Is(StatusCode::kCorruption));
    EXPECT_EQ(reader_->status().message(),
              "000001.log:" + std::to_string(offset) + ": " + std::string(what));
  }
  // A frame behind what is there, with `flags`.
  void AppendWhole(uint32_t flags, const std::string& operations) {
    const SegmentHeader& header = log_.writer().header();
    const uint64_t at = log_.writer().length();
    CommitRecord record;
    record.position = log_.last_position() + 1;
    record.time_us = kTestTimeUs + 500;
    record.flags = flags;
    record.operations = operations;
    std::string frame(kFrameOverheadBytesMax + operations.size(), '\0');
    const char* end =
        EncodeFrame(frame.data(), {header.file_id, header.first_position, header.first_time_us}, at,
                    log_.writer().history_hash(), &record);
    frame.resize(static_cast<size_t>(end - frame.data()));
    Poke(log_.fs(), LogPath(1), at, frame);
  }
  // As behind a trailer: where its frame would begin.
  static std::string TrailerEnd(uint64_t frame_offset, uint64_t magic = kTrailerMagic) {
    std::string bytes;
    PutFixed64(&bytes, frame_offset);
    PutFixed64(&bytes, magic);
    return bytes;
  }
  // From the end back to each commit.
  void ExpectSeeksFind(LogPos last) {
    Open();
    for (LogPos position = last; position > 0; --position) {
      ASSERT_EQ(SeekTo(position), "record") << position << ": " << reader_->status().ToString();
      EXPECT_EQ(record_.position, position);
    }
  }

  TestLog log_;
  FaultyFileSystem files_{log_.fs()};
  std::unique_ptr<SegmentReader> reader_;
  CommitRecord record_;
};

TEST_F(SegmentReaderIndexTest, EachOutcomeHasItsName) {
  EXPECT_EQ(OutcomeName(Outcome::kRecord), "record");
  EXPECT_EQ(OutcomeName(Outcome::kEnd), "end");
  EXPECT_EQ(OutcomeName(Outcome::kTrailer), "trailer");
  EXPECT_EQ(OutcomeName(Outcome::kBad), "bad");
  EXPECT_EQ(OutcomeName(Outcome::kError), "error");
}

// Its size is taken in the middle of a store; then the rest of it comes.
TEST_F(SegmentReaderIndexTest, ARecordThatGrowsWhileItIsReadIsRead) {
  log_.Append(2, 100);
  const std::string whole = ReadWhole(log_.fs(), LogPath(1));
  const Placed& last = log_.records()[1];
  for (const uint64_t there : {uint64_t{1}, kFrameBytesMin - 1, kFrameBytesMin, uint64_t{60}}) {
    for (const bool grows : {false, true}) {
      SCOPED_TRACE(std::to_string(there) + (grows ? " grows" : ""));
      WriteWhole(log_.fs(), LogPath(1), whole);
      Cut(log_.fs(), LogPath(1), last.begin + there);
      Open();
      ASSERT_EQ(Next(), "record");
      if (grows) Poke(log_.fs(), LogPath(1), last.begin, whole.substr(last.begin));
      if (!grows) {
        EXPECT_EQ(Next(), "bad");
        continue;
      }
      ASSERT_EQ(Next(), "record") << reader_->status().ToString();
      EXPECT_EQ(record_.position, 2u);
      EXPECT_EQ(Next(), "end");
    }
  }
}

TEST_F(SegmentReaderIndexTest, BehindItsLimitAFileMayGrowWithoutEffect) {
  log_.Append(2, 100);
  const std::string whole = ReadWhole(log_.fs(), LogPath(1));
  const Placed& last = log_.records()[1];
  for (const uint64_t there : {uint64_t{5}, uint64_t{60}}) {
    SCOPED_TRACE(there);
    Cut(log_.fs(), LogPath(1), last.begin + there);
    Open();
    reader_->LimitTo(last.begin + there);
    ASSERT_EQ(Next(), "record");
    Poke(log_.fs(), LogPath(1), last.begin, whole.substr(last.begin));
    EXPECT_EQ(Next(), "bad");
  }
}

TEST_F(SegmentReaderIndexTest, ZerosThatComeWhileItPollsAreTheEndUntilDataStandsBehindThem) {
  log_.Append(1);
  const uint64_t end = log_.writer().length();
  Open();
  ASSERT_EQ(Next(), "record");
  EXPECT_EQ(Next(), "end");
  Poke(log_.fs(), LogPath(1), end, std::string(5, '\0'));
  EXPECT_EQ(Next(), "end") << "too few for a record";
  Poke(log_.fs(), LogPath(1), end, std::string(1000, '\0'));
  EXPECT_EQ(Next(), "end");
  EXPECT_EQ(Next(), "end");
  files_.SetFault([](FileOp op, const std::string&) {
    return op == FileOp::kRead ? Status::IoError("injected") : Status::Ok();
  });
  Poke(log_.fs(), LogPath(1), end + 1000, "data");
  EXPECT_EQ(Next(), "error");
  EXPECT_TRUE(reader_->status().Is(StatusCode::kIoError));
  files_.SetFault({});
  ExpectBad(end, "zeros where a record should begin, but data behind them at " +
                     std::to_string(end + 1000));
}

TEST_F(SegmentReaderIndexTest, AFileThatBecomesShorterWhileItIsReadIsBad) {
  log_.Append(1);
  log_.Append(1, 300'000);  // more than a chunk
  const std::string whole = ReadWhole(log_.fs(), LogPath(1));
  const Placed& last = log_.records()[1];
  for (const uint64_t left : {uint64_t{0}, uint64_t{10}, uint64_t{270'000}}) {
    SCOPED_TRACE(left);
    WriteWhole(log_.fs(), LogPath(1), whole);
    Open();
    Cut(log_.fs(), LogPath(1), last.begin + left);
    ASSERT_EQ(Next(), "record");
    ExpectBad(last.begin, "the file became shorter");
  }
}

// The bytes at the end are of a value, which may hold anything.
TEST_F(SegmentReaderIndexTest, AValueThatEndsLikeATrailerIsNoIndex) {
  log_.Append(3);
  const uint64_t begin = log_.writer().length();
  const auto operations = [](const std::string& end) {
    std::string bytes;
    AppendOperation(&bytes, EntryKind::kPut, kDefaultKeyspace, "key", "value" + end);
    return bytes;
  };
  AppendWhole(0, operations(TrailerEnd(0)));
  const uint64_t end = ReadWhole(log_.fs(), LogPath(1)).size();
  for (const uint64_t frame_offset : {uint64_t{0}, log_.records()[0].begin - 1,
                                      log_.records()[1].begin, begin, end - 1, end, ~uint64_t{0}}) {
    SCOPED_TRACE(frame_offset);
    AppendWhole(0, operations(TrailerEnd(frame_offset)));
    ExpectSeeksFind(4);
    EXPECT_EQ(SeekTo(5), "end");
  }
}

TEST_F(SegmentReaderIndexTest, ATrailerWhoseIndexMakesNoSenseEndsTheSegmentAllTheSame) {
  log_.Append(3);
  const uint64_t begin = log_.writer().length();
  for (const std::string& operations :
       {std::string(), TrailerEnd(begin), "\xff\xff\xff" + TrailerEnd(begin),
        TrailerEnd(begin, kTrailerMagic + 1)}) {
    Cut(log_.fs(), LogPath(1), begin);
    AppendWhole(kFlagTrailer, operations);
    ExpectSeeksFind(3);
    EXPECT_EQ(SeekTo(4), "trailer");
    EXPECT_EQ(SeekTo(4), "trailer");
  }
}

TEST_F(SegmentReaderIndexTest, ASegmentTooShortForATrailerIsSought) {
  for (const uint64_t more : {uint64_t{0}, uint64_t{30}}) {
    Poke(log_.fs(), LogPath(1), log_.writer().length(), std::string(more, '\0'));
    Open();
    EXPECT_EQ(SeekTo(1), "end");
  }
  Cut(log_.fs(), LogPath(1), kCatalogueOffset + 3);
  Open();
  EXPECT_EQ(SeekTo(1), "bad");
  EXPECT_TRUE(reader_->status().Is(StatusCode::kCorruption));
}

// Cut before each of its reads in turn: none of them may take stale bytes for an index.
TEST_F(SegmentReaderIndexTest, ASealedSegmentThatBecomesShorterWhileItIsSoughtHasWhatIsLeft) {
  log_.Append(400, 1000);
  log_.Seal();
  const std::string whole = ReadWhole(log_.fs(), LogPath(1));
  const uint64_t cut = log_.segments()[0].trailer_begin - 5;
  for (int reads = 0; reads < 4; ++reads) {
    SCOPED_TRACE(reads);
    WriteWhole(log_.fs(), LogPath(1), whole);
    Open();
    int left = reads;
    files_.SetFault([this, &left, cut](FileOp op, const std::string&) {
      if (op == FileOp::kRead && left-- == 0) Cut(log_.fs(), LogPath(1), cut);
      return Status::Ok();
    });
    ASSERT_EQ(SeekTo(300), "record") << reader_->status().ToString();
    EXPECT_EQ(record_.position, 300u);
    files_.SetFault({});
  }
}

// Whether it looks for an index, for data behind zeros, or at a few last bytes.
TEST_F(SegmentReaderIndexTest, EachFailedReadOfASeekIsAnErrorAndTheNextOneFinds) {
  log_.Append(400, 1000);
  const uint64_t end = log_.writer().length();
  for (const std::string& behind :
       {std::string(), std::string(600'000, '\0'), std::string(9, '\0'), std::string("trailer")}) {
    SCOPED_TRACE(behind.size());
    Cut(log_.fs(), LogPath(1), end);
    if (behind == "trailer") {
      log_.Seal();
    } else if (!behind.empty()) {
      Poke(log_.fs(), LogPath(1), end, behind);
    }
    const std::string_view last = behind == "trailer" ? "trailer" : "end";
    int failures = 0;
    for (int n = 0; failures == n; ++n) {
      ASSERT_LT(n, 100);
      Open();
      int left = n;
      files_.SetFault([&left](FileOp op, const std::string&) {
        return op == FileOp::kRead && left-- == 0 ? Status::IoError("injected") : Status::Ok();
      });
      std::string_view outcome = SeekTo(401);
      if (outcome == "error") {
        EXPECT_TRUE(reader_->status().Is(StatusCode::kIoError));
        ++failures;
        outcome = SeekTo(401);
      }
      EXPECT_EQ(outcome, last) << reader_->status().ToString();
      files_.SetFault({});
    }
    EXPECT_GE(failures, 2);
  }
}

TEST_F(SegmentReaderIndexTest, ASeekJumpsOverDamageWhereAnIndexLeadsBehindIt) {
  log_.Append(400, 1000);
  log_.Seal();
  Poke(log_.fs(), LogPath(1), log_.records()[9].begin, std::string(30, '\x7f'));
  Open();
  for (LogPos position = 1; position < 10; ++position) ASSERT_EQ(Next(), "record");
  EXPECT_EQ(Next(), "bad");
  ASSERT_EQ(SeekTo(300), "record") << reader_->status().ToString();
  EXPECT_EQ(record_.position, 300u);
  ASSERT_EQ(Next(), "record");
  EXPECT_EQ(record_.history_hash, log_.records()[300].history_hash);
  EXPECT_EQ(SeekTo(10), "bad");
  EXPECT_EQ(SeekTo(11), "bad") << "no entry of the index is between";
}

}  // namespace
}  // namespace logwood
