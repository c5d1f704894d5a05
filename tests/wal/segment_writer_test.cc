#include "wal/segment_writer.h"

#include <thread>

#include "tests/wal/log_test_support.h"
#include "util/faulty_file_system.h"
#include "util/forwarding_file_system.h"
#include "wal/record_codec.h"

namespace logwood {
namespace {

using Outcome = SegmentReader::Outcome;

std::vector<LogPos> ReadPositions(FileSystem* fs, const std::string& path, Outcome* end) {
  std::vector<LogPos> positions;
  auto reader = SegmentReader::Open(fs, path);
  if (!reader.ok()) {
    ADD_FAILURE() << reader.status().ToString();
    return positions;
  }
  CommitRecord record;
  while ((*end = (*reader)->Next(&record)) == Outcome::kRecord)
    positions.push_back(record.position);
  return positions;
}

CommitRecord MakeRecord(LogPos position, std::string_view operations) {
  CommitRecord record;
  record.position = position;
  record.time_us = kTestTimeUs + position;
  record.operation_count = 1;
  record.operations = operations;
  return record;
}

class SegmentWriterTest : public testing::Test {
 protected:
  SegmentWriterTest() : base_(FileSystem::InMemory()), fs_(base_.get()), log_(&fs_) {}

  void FailNext(FileOp op, int times) {
    auto left = std::make_shared<int>(times);
    fs_.SetFault([op, left](FileOp asked, const std::string&) {
      if (asked != op || *left == 0) return Status();
      --*left;
      return Status::NoSpace("injected");
    });
  }

  std::unique_ptr<FileSystem> base_;
  FaultyFileSystem fs_;
  TestLog log_;
};

TEST_F(SegmentWriterTest, GroupIsOneStoreAndReadsBackAsWritten) {
  log_.Begin(1);
  uint64_t stores = fs_.count(FileOp::kStore);
  CommitRecord first = MakeRecord(1, "operations of the first");
  first.note = "a note";
  first.flags = kFlagCatalogue;
  CommitRecord second = MakeRecord(2, "");
  second.durable = 1;
  second.operation_count = 0;
  log_.writer().Add(&first);
  log_.writer().Add(&second);
  EXPECT_EQ(log_.writer().last_position(), 0u);
  ASSERT_OK(log_.writer().Store());
  EXPECT_EQ(fs_.count(FileOp::kStore), stores + 1);
  EXPECT_EQ(log_.writer().last_position(), 2u);
  EXPECT_EQ(log_.writer().history_hash(), second.history_hash);
  EXPECT_EQ(log_.writer().last_time_us(), kTestTimeUs + 2);

  auto reader = SegmentReader::Open(&fs_, LogPath(1));
  ASSERT_TRUE(reader.ok());
  CommitRecord record;
  ASSERT_EQ((*reader)->Next(&record), Outcome::kRecord);
  EXPECT_EQ(record.position, 1u);
  EXPECT_EQ(record.time_us, first.time_us);
  EXPECT_EQ(record.note, "a note");
  EXPECT_EQ(record.operations, "operations of the first");
  EXPECT_EQ(record.operation_count, 1u);
  EXPECT_EQ(record.flags, kFlagCatalogue);
  EXPECT_EQ(record.history_hash, first.history_hash);
  ASSERT_EQ((*reader)->Next(&record), Outcome::kRecord);
  EXPECT_EQ(record.durable, 1u);
  EXPECT_EQ(record.operations, "");
  EXPECT_EQ((*reader)->Next(&record), Outcome::kEnd);
  EXPECT_EQ((*reader)->offset(), log_.writer().length());
}

TEST_F(SegmentWriterTest, StoreOfNothingDoesNothing) {
  log_.Begin(1);
  uint64_t total = fs_.total();
  ASSERT_OK(log_.writer().Store());
  EXPECT_EQ(fs_.total(), total);
}

TEST_F(SegmentWriterTest, CreateRefusesAFileThatHoldsDataAndTakesASpare) {
  log_.Begin(1);
  auto again = SegmentWriter::Create(&fs_, LogPath(1), log_.segments()[0].header);
  EXPECT_TRUE(again.status().Is(StatusCode::kAlreadyExists)) << again.status().ToString();
  WriteWhole(&fs_, LogPath(2), std::string(64 * 1024, '\0'));
  log_.Begin(2);
  log_.Append(2);
  Outcome end;
  EXPECT_EQ(ReadPositions(&fs_, LogPath(2), &end), (std::vector<LogPos>{1, 2}));
  EXPECT_EQ(end, Outcome::kEnd);
}

TEST_F(SegmentWriterTest, CreateMakesAFileIdWhereNoneIsGiven) {
  SegmentHeader header = log_.NextHeader(1);
  header.file_id = {};
  log_.BeginWith(header);
  EXPECT_NE(log_.writer().header().file_id, Id128{});
}

TEST_F(SegmentWriterTest, FailedCreateLeavesNoFileBehind) {
  for (uint64_t n = 1; n <= 8; ++n) {
    std::string path = LogPath(100 + n);
    fs_.FailOperation(n);
    auto writer = SegmentWriter::Create(&fs_, path, log_.NextHeader(100 + n));
    fs_.FailOperation(0);
    if (writer.ok()) break;
    EXPECT_TRUE(writer.status().Is(StatusCode::kIoError));
    EXPECT_FALSE(fs_.Exists(path).value()) << "operation " << n;
    EXPECT_LT(n, 8u);
  }
}

TEST_F(SegmentWriterTest, AFileThatCannotBeLookedAtIsNeitherTakenNorRemoved) {
  const std::string bytes(100, '\0');
  WriteWhole(&fs_, LogPath(9), bytes);
  for (const FileOp op : {FileOp::kSize, FileOp::kOpen, FileOp::kRead}) {
    SCOPED_TRACE(static_cast<int>(op));
    FailNext(op, 1);
    EXPECT_TRUE(SegmentWriter::Create(&fs_, LogPath(9), log_.NextHeader(9))
                    .status()
                    .Is(StatusCode::kNoSpace));
    EXPECT_EQ(ReadWhole(&fs_, LogPath(9)), bytes);
  }
}

TEST_F(SegmentWriterTest, SealingAgainStoresNothing) {
  log_.Begin(1);
  log_.Append(1);
  log_.Seal();
  const std::string bytes = ReadWhole(&fs_, LogPath(1));
  fs_.ResetCounts();
  EXPECT_OK(log_.writer().Seal());
  EXPECT_EQ(fs_.total(), 0u);
  EXPECT_EQ(log_.writer().length(), bytes.size());
}

TEST_F(SegmentWriterTest, FailedStoreDropsTheGroupAndTheNextOneTakesItsPlace) {
  for (FileOp op : {FileOp::kReserve, FileOp::kStore}) {
    LogPos next = log_.last_position() + 1;
    if (log_.segments().empty()) {
      log_.Begin(1);
      log_.Append(2);
      next = 3;
    }
    uint64_t length = log_.writer().length();
    uint64_t hash = log_.writer().history_hash();
    FailNext(op, 1);
    CommitRecord record = MakeRecord(next, "lost");
    record.time_us = log_.writer().last_time_us();
    log_.writer().Add(&record);
    EXPECT_TRUE(log_.writer().Store().Is(StatusCode::kNoSpace));
    EXPECT_FALSE(log_.writer().broken());
    EXPECT_EQ(log_.writer().length(), length);
    EXPECT_EQ(log_.writer().history_hash(), hash);
    EXPECT_EQ(log_.writer().last_position(), next - 1);
    log_.Append(1);
  }
  Outcome end;
  EXPECT_EQ(ReadPositions(&fs_, LogPath(1), &end), (std::vector<LogPos>{1, 2, 3, 4}));
  EXPECT_EQ(end, Outcome::kEnd);
}

// A LogFile that stores only part of what it is given, and then fails.
class TornStoreFile final : public LogFile {
 public:
  TornStoreFile(std::unique_ptr<LogFile> base, const bool* torn, const bool* no_truncate)
      : base_(std::move(base)), torn_(torn), no_truncate_(no_truncate) {}
  Status Reserve(uint64_t end) override { return base_->Reserve(end); }
  Status Store(uint64_t offset, std::string_view data) override {
    if (!*torn_ || data.find_first_not_of('\0') == std::string_view::npos)
      return base_->Store(offset, data);
    EXPECT_OK(base_->Store(offset, data.substr(0, data.size() - 1)));
    return Status::IoError("torn");
  }
  Status Sync() override { return base_->Sync(); }
  Status Truncate(uint64_t size) override {
    return *no_truncate_ ? Status::IoError("no truncate") : base_->Truncate(size);
  }
  Status Close() override { return base_->Close(); }

 private:
  std::unique_ptr<LogFile> base_;
  const bool* torn_;
  const bool* no_truncate_;
};

// Everything but log files goes straight to the base.
class TornStoreFileSystem final : public ForwardingFileSystem {
 public:
  using ForwardingFileSystem::ForwardingFileSystem;
  bool torn = false;
  bool no_truncate = false;

  Result<std::unique_ptr<LogFile>> OpenLogFile(const std::string& path) override {
    auto file = base()->OpenLogFile(path);
    if (!file.ok()) return file.status();
    return std::unique_ptr<LogFile>(
        std::make_unique<TornStoreFile>(std::move(*file), &torn, &no_truncate));
  }
};

TEST(SegmentWriterTornStoreTest, PartOfAGroupNeverPassesForRecords) {
  for (bool no_truncate : {false, true}) {
    auto base = FileSystem::InMemory();
    TornStoreFileSystem fs(base.get());
    TestLog log(&fs);
    log.Begin(1);
    log.Append(1);
    fs.torn = true;
    fs.no_truncate = no_truncate;
    for (LogPos position : {2, 3, 4}) {
      CommitRecord record = MakeRecord(position, "refused");
      record.time_us = log.writer().last_time_us() + position;
      log.writer().Add(&record);
    }
    EXPECT_TRUE(log.writer().Store().Is(StatusCode::kIoError));
    EXPECT_FALSE(log.writer().broken());
    Outcome end;
    EXPECT_EQ(ReadPositions(&fs, LogPath(1), &end), (std::vector<LogPos>{1}));
    EXPECT_EQ(end, Outcome::kEnd);
    fs.torn = false;
    // The very bytes of the refused record again: those behind it must not come back to life.
    CommitRecord again = MakeRecord(2, "refused");
    again.time_us = log.writer().last_time_us() + 2;
    log.writer().Add(&again);
    ASSERT_OK(log.writer().Store());
    EXPECT_EQ(ReadPositions(&fs, LogPath(1), &end), (std::vector<LogPos>{1, 2}));
    EXPECT_EQ(end, Outcome::kEnd);
  }
}

TEST_F(SegmentWriterTest, WriterIsBrokenWhenTheOldEndCannotBeRestored) {
  log_.Begin(1);
  log_.Append(1);
  fs_.SetFault([](FileOp op, const std::string&) {
    return op == FileOp::kStore || op == FileOp::kTruncate ? Status::IoError("injected") : Status();
  });
  CommitRecord record = MakeRecord(2, "x");
  record.time_us = log_.writer().last_time_us();
  log_.writer().Add(&record);
  EXPECT_TRUE(log_.writer().Store().Is(StatusCode::kIoError));
  EXPECT_TRUE(log_.writer().broken());
  fs_.SetFault({});
  log_.writer().Add(&record);
  EXPECT_FALSE(log_.writer().Store().ok());
  EXPECT_FALSE(log_.writer().MarkDurable(1).ok());
  EXPECT_FALSE(log_.writer().Seal().ok());
  EXPECT_FALSE(log_.writer().sealed());
  EXPECT_OK(log_.writer().Sync());
  EXPECT_EQ(log_.writer().last_position(), 1u);
  EXPECT_OK(log_.writer().Close());
}

TEST_F(SegmentWriterTest, FailedSealLeavesTheSegmentOpen) {
  log_.Begin(1);
  log_.Append(1);
  FailNext(FileOp::kStore, 1);
  EXPECT_TRUE(log_.writer().Seal().Is(StatusCode::kNoSpace));
  EXPECT_FALSE(log_.writer().sealed());
  log_.Append(1);
  ASSERT_OK(log_.writer().Seal());
  EXPECT_TRUE(log_.writer().sealed());
  Outcome end;
  EXPECT_EQ(ReadPositions(&fs_, LogPath(1), &end), (std::vector<LogPos>{1, 2}));
  EXPECT_EQ(end, Outcome::kTrailer);
}

TEST_F(SegmentWriterTest, DurablePointsAlternateBetweenTheSlots) {
  log_.Begin(1);
  log_.Append(4);
  uint64_t stores = fs_.count(FileOp::kStore);
  ASSERT_OK(log_.writer().MarkDurable(1));
  ASSERT_OK(log_.writer().MarkDurable(1));
  EXPECT_EQ(fs_.count(FileOp::kStore), stores + 1) << "the same point is not stored twice";
  ASSERT_OK(log_.writer().MarkDurable(2));
  std::string bytes = ReadWhole(&fs_, LogPath(1));
  EXPECT_EQ(DecodeSlot(bytes.substr(kSlotAOffset), kSlotAOffset)->durable, 1u);
  EXPECT_EQ(DecodeSlot(bytes.substr(kSlotBOffset), kSlotBOffset)->durable, 2u);
  // A failed store may have torn the older slot: the newer one is not touched by the next try.
  FailNext(FileOp::kStore, 1);
  EXPECT_FALSE(log_.writer().MarkDurable(3).ok());
  ASSERT_OK(log_.writer().MarkDurable(3));
  bytes = ReadWhole(&fs_, LogPath(1));
  EXPECT_EQ(DecodeSlot(bytes.substr(kSlotAOffset), kSlotAOffset)->durable, 3u);
  EXPECT_EQ(DecodeSlot(bytes.substr(kSlotBOffset), kSlotBOffset)->durable, 2u);
}

TEST_F(SegmentWriterTest, SyncAndMarksRunBesideStores) {
  log_.Begin(1);
  std::atomic<bool> done{false};
  std::thread syncer([&] {
    while (!done.load(std::memory_order_acquire)) {
      LogPos covered = log_.writer().last_position();
      EXPECT_OK(log_.writer().Sync());
      EXPECT_OK(log_.writer().MarkDurable(covered));
      EXPECT_GE(log_.writer().length(), kCatalogueOffset);
    }
  });
  log_.Append(3000);
  done.store(true, std::memory_order_release);
  syncer.join();
  log_.Seal();
  Outcome end;
  EXPECT_EQ(ReadPositions(&fs_, LogPath(1), &end).size(), 3000u);
  EXPECT_EQ(end, Outcome::kTrailer);
}

TEST_F(SegmentWriterTest, HistoryHashDependsOnTheCommitsAloneAndNotOnTheirSegments) {
  auto base = FileSystem::InMemory();
  TestLog other(base.get());
  log_.Begin(1);
  log_.Append(4);
  other.Begin(1);
  other.Append(2);
  other.Begin(9);
  other.set_durable(1);
  other.Append(2);
  EXPECT_EQ(log_.writer().history_hash(), other.writer().history_hash());
  other.Append(1);
  EXPECT_NE(log_.writer().history_hash(), other.writer().history_hash());
}

TEST_F(SegmentWriterTest, MisuseStopsTheProgram) {
  log_.Begin(1);
  CommitRecord gap = MakeRecord(2, "x");
  EXPECT_DEATH(log_.writer().Add(&gap), "CHECK failed");
  CommitRecord flags = MakeRecord(1, "x");
  flags.flags = 1u << 7;
  EXPECT_DEATH(log_.writer().Add(&flags), "CHECK failed");
  CommitRecord early = MakeRecord(1, "x");
  early.time_us = kTestTimeUs - 1;
  EXPECT_DEATH(log_.writer().Add(&early), "CHECK failed");
}

}  // namespace
}  // namespace logwood
