// MendSegmentHead: what lies before a segment's records is made whole from what checksums prove,
// and nothing else is written.
#include "db/segment_head.h"

#include <gtest/gtest.h>

#include <initializer_list>
#include <optional>
#include <string>

#include "tests/db/catalogue_log.h"
#include "util/faulty_file_system.h"
#include "util/status_macros.h"
#include "wal/log_format.h"

namespace logwood {
namespace {

using test::CatalogueLog;
using test::ShowKeyspaces;

// Segments 3 and 4; the head of 4 is mended.
class SegmentHeadTest : public testing::Test {
 protected:
  SegmentHeadTest() {
    log_.Begin(3);
    log_.Create("photos", 2);
    log_.Create("sounds", 3);
    log_.Drop("sounds", 3);
    log_.Begin(4);
    before_ = ShowKeyspaces(log_.truth());
    log_.Put("k");
    log_.db().MarkDurable();  // into one of the slots
    log_.Drop("photos", 2);
    log_.End();
    whole_ = log_.db().Bytes(kName);
    records_ = log_.db().records.at(4).begin;
    mend_.fs = &files_;
    mend_.directory = "db";
    mend_.segments = log_.segments;
    mend_.load = [this](LogPos, Catalogue*) {
      ++loads_;
      return Status::Corruption("not to be had");
    };
  }

  void Overwrite(uint64_t at, const std::string& bytes) {
    std::string torn = log_.db().Bytes(kName);
    torn.replace(at, bytes.size(), bytes);
    log_.db().Replace(kName, torn);
  }
  Status Mend() {
    ASSIGN_OR_RETURN(const auto file, files_.OpenLogFile(std::string("db/") + kName));
    files_.ResetCounts();
    RETURN_IF_ERROR(MendSegmentHead(mend_, file.get()));
    return file->Close();
  }
  void ExpectStays() {
    const std::string torn = log_.db().Bytes(kName);
    EXPECT_OK(Mend());
    EXPECT_EQ(files_.count(FileOp::kStore), 0u);
    EXPECT_TRUE(log_.db().Bytes(kName) == torn);
  }
  void ExpectWhole() {
    EXPECT_OK(Mend());
    EXPECT_TRUE(log_.db().Bytes(kName) == whole_);
  }

  static constexpr char kName[] = "000004.log";
  CatalogueLog log_;
  FaultyFileSystem files_{log_.fs()};
  std::string before_, whole_;
  uint64_t records_ = 0;
  SegmentHeadMend mend_;
  int loads_ = 0;
};

TEST_F(SegmentHeadTest, AWholeOneIsNotWrittenTo) {
  ExpectStays();
  EXPECT_EQ(loads_, 0);
}

TEST_F(SegmentHeadTest, EachByteOutsideOfTheSlotsIsMended) {
  for (uint64_t at = 0; at < records_ && !HasFailure(); ++at) {
    if (at == kSlotAOffset) at = kSlotAOffset + kSlotBytes;
    if (at == kSlotBOffset) at = kSlotBOffset + kSlotBytes;
    SCOPED_TRACE(at);
    Overwrite(at, std::string(1, static_cast<char>(whole_[at] ^ 0x5a)));
    ExpectWhole();
  }
  EXPECT_EQ(loads_, 0) << "the log has it all";
}

TEST_F(SegmentHeadTest, OneThatWasTornShortIsMadeWhole) {
  // Nothing but the head was ever stored.
  std::string head = whole_.substr(0, records_);
  const auto header = DecodeSegmentHeader(whole_.substr(0, kSlotAOffset), kName);
  ASSERT_OK(header);
  for (const uint64_t at : {kSlotAOffset, kSlotBOffset}) {
    head.replace(at, kSlotBytes, EncodeSlot(FirstSlot(header->header), at));
  }
  for (const uint64_t length : {uint64_t{512}, uint64_t{2048}, uint64_t{4096}, uint64_t{8192},
                                kCatalogueOffset, records_ - 1}) {
    SCOPED_TRACE(length);
    log_.db().Replace(kName, head.substr(0, length));
    EXPECT_OK(Mend());
    EXPECT_TRUE(log_.db().Bytes(kName) == head);
  }
}

TEST_F(SegmentHeadTest, ATornSlotSaysAgainWhatTheHeaderDoesAndTheOtherStays) {
  const auto header = DecodeSegmentHeader(whole_.substr(0, kSlotAOffset), kName);
  ASSERT_OK(header);
  const DurableSlot first = FirstSlot(header->header);
  const bool is_a = whole_.substr(kSlotAOffset, kSlotBytes) != EncodeSlot(first, kSlotAOffset);
  const uint64_t used = is_a ? kSlotAOffset : kSlotBOffset;
  const uint64_t other = is_a ? kSlotBOffset : kSlotAOffset;
  Overwrite(other, "torn");
  ExpectWhole();
  Overwrite(used + 20, "torn");
  EXPECT_OK(Mend());
  EXPECT_EQ(log_.db().Bytes(kName).substr(used, kSlotBytes), EncodeSlot(first, used));
}

TEST_F(SegmentHeadTest, WhereNeitherHeaderIsReadableNothingIsWritten) {
  Overwrite(10, "torn");
  Overwrite(kHeaderCopyOffset + 10, "torn");
  Overwrite(kSegmentHeaderBytes, "stale");
  Overwrite(kCatalogueOffset, "torn");
  ExpectStays();
}

TEST_F(SegmentHeadTest, ABlankFileStaysBlank) {
  Overwrite(0, std::string(whole_.size(), '\0'));
  ExpectStays();
}

TEST_F(SegmentHeadTest, WhereTheLogCannotSayTheCatalogueElsewhereIsAsked) {
  log_.db().Remove("000003.log");
  Overwrite(kCatalogueOffset, "torn");
  mend_.load = [this](LogPos position, Catalogue* catalogue) {
    EXPECT_EQ(position, 3u) << "that before the segment's first commit";
    EXPECT_OK(catalogue->Apply(Catalogue::CreateOperations("photos", 2), 1));
    EXPECT_OK(catalogue->Apply(Catalogue::CreateOperations("sounds", 3), 2));
    EXPECT_OK(catalogue->Apply(Catalogue::DropOperations("sounds", 3), 3));
    EXPECT_EQ(ShowKeyspaces(*catalogue), before_);
    return Status::Ok();
  };
  ExpectWhole();
}

TEST_F(SegmentHeadTest, ACatalogueThatNobodyCanProveStaysAsItIs) {
  log_.db().Remove("000003.log");
  Overwrite(kCatalogueOffset, "torn");
  ExpectStays();
  EXPECT_EQ(loads_, 1);
  mend_.load = [](LogPos, Catalogue* catalogue) {  // it has forgotten what was dropped
    EXPECT_OK(catalogue->Apply(Catalogue::CreateOperations("photos", 2), 1));
    return Status::Ok();
  };
  ExpectStays();
}

TEST_F(SegmentHeadTest, HeadersAreMendedWhereTheCatalogueIsNot) {
  log_.db().Remove("000003.log");
  Overwrite(kCatalogueOffset, "torn");
  Overwrite(10, "torn");
  EXPECT_OK(Mend());
  const std::string mended = log_.db().Bytes(kName);
  EXPECT_TRUE(mended.substr(0, kCatalogueOffset) == whole_.substr(0, kCatalogueOffset));
  EXPECT_EQ(mended.substr(kCatalogueOffset, 4), "torn");
}

TEST_F(SegmentHeadTest, OfADurableOneWithoutCommitsEachFlawHasItsPlace) {
  const auto flaw = [&](FileSystem* fs) -> Result<std::string> {
    ASSIGN_OR_RETURN(const auto file, fs->OpenRandomAccess(std::string("db/") + kName));
    ASSIGN_OR_RETURN(const std::optional<HeadFlaw> found, FindHeadFlaw(*file, /*is_end=*/true));
    return found ? std::to_string(found->offset) + ": " + found->what : std::string("none");
  };
  const auto expect = [&](const std::string& expected) {
    const Result<std::string> found = flaw(&files_);
    ASSERT_OK(found);
    EXPECT_EQ(*found, expected);
  };
  const std::string damaged(16, 'x');
  const auto damage = [&](std::initializer_list<uint64_t> places) {
    log_.db().Replace(kName, whole_);
    for (const uint64_t at : places) Overwrite(at, damaged);
  };
  expect("none");
  damage({0});
  expect(std::to_string(kHeaderCopyOffset) + ": the header and its copy differ");
  damage({0, kHeaderCopyOffset});
  expect("0: the header cannot be read");
  damage({kSlotAOffset});
  expect("none");
  damage({kSlotAOffset, kSlotBOffset});
  expect(std::to_string(kSlotAOffset) + ": neither durable-point slot can be read");
  damage({kCatalogueOffset});
  expect("none");
  log_.db().Replace(kName, whole_.substr(0, kCatalogueOffset + 3));
  expect(std::to_string(kCatalogueOffset) + ": the catalogue's checksum does not match");
  uint64_t failures = 0;
  log_.db().Replace(kName, whole_);
  for (uint64_t n = 1;; ++n, ++failures) {
    ASSERT_LT(n, 20u);
    files_.FailOperation(n);
    const Result<std::string> found = flaw(&files_);
    if (found.ok()) break;
    EXPECT_STATUS(kIoError, found.status());
  }
  EXPECT_GE(failures, 3u) << "the file, the head, the catalogue";
}

TEST_F(SegmentHeadTest, AFailedStoreOrReadOfTheSegmentIsTheAnswer) {
  Overwrite(10, "torn");
  for (const FileOp failing : {FileOp::kStore, FileOp::kRead}) {
    files_.SetFault([failing](FileOp op, const std::string& path) {
      return op == failing && path.ends_with(kName) ? Status::IoError("injected") : Status::Ok();
    });
    EXPECT_STATUS(kIoError, Mend()) << FileOpName(failing);
  }
  files_.SetFault({});
  ExpectWhole();
}

// A catalogue left torn would be made durable, and damage from then on.
TEST_F(SegmentHeadTest, AFailedReadOfWhatProvesTheCatalogueIsTheAnswerAndASecondTryMendsIt) {
  Overwrite(kCatalogueOffset, "torn");
  files_.SetFault([](FileOp op, const std::string& path) {
    return op == FileOp::kRead && path.ends_with("000003.log") ? Status::IoError("injected")
                                                               : Status::Ok();
  });
  EXPECT_STATUS(kIoError, Mend());
  EXPECT_EQ(loads_, 1) << "the tree may prove it all the same";
  files_.SetFault({});
  ExpectWhole();

  log_.db().Remove("000003.log");
  Overwrite(kCatalogueOffset, "torn");
  mend_.load = [](LogPos, Catalogue*) { return Status::Busy("no memory"); };
  EXPECT_STATUS(kBusy, Mend());
}

}  // namespace
}  // namespace logwood
