// ScanManifest: of a damaged manifest every whole edit is read, and the places of the others told.
#include "db/manifest_scan.h"

#include "tests/db/handmade_database.h"
#include "util/faulty_file_system.h"
#include "util/file_header.h"

namespace logwood {
namespace {

constexpr uint64_t kScanned = 12;

class ManifestScanTest : public testing::Test {
 protected:
  // `count` edits; remembers where each ends.
  void Write(uint64_t count) {
    edits_ = {test::HandmadeDatabase::FirstEdit()};
    db_.BeginManifest(kScanned, edits_[0]);
    ends_ = {db_.manifest().bytes()};
    for (uint64_t n = 1; n < count; ++n) {
      edits_.emplace_back();
      edits_.back().next_file_number = 100 + n;
      edits_.back().added = {{0, test::MetaOf(n, "a", "b")}};
      db_.Append(edits_.back());
      ends_.push_back(db_.manifest().bytes());
    }
    bytes_ = db_.Bytes(ManifestFileName(kScanned));
  }
  uint64_t begin(size_t edit) const { return edit == 0 ? kFileHeaderBytes : ends_[edit - 1]; }

  ManifestScan Scan(const std::string& bytes) {
    db_.Replace(ManifestFileName(kScanned), bytes);
    auto scan = ScanManifest(db_.fs(), "db", kScanned);
    EXPECT_OK(scan);
    return scan.ok() ? std::move(*scan) : ManifestScan();
  }
  ManifestScan ScanFlipped(size_t at, int mask = 0x10) {
    std::string bytes = bytes_;
    bytes[at] = static_cast<char>(bytes[at] ^ mask);
    return Scan(bytes);
  }
  // All edits but this one are there, in order.
  void ExpectAllBut(const ManifestScan& scan, size_t lost) {
    std::vector<std::string> wanted, found;
    for (size_t i = 0; i < edits_.size(); ++i) {
      if (i != lost) wanted.push_back(edits_[i].Encode());
    }
    for (const Edit& edit : scan.edits) found.push_back(edit.Encode());
    EXPECT_EQ(found, wanted);
    EXPECT_EQ(scan.state.edits, wanted.size());
    EXPECT_EQ(scan.state.number, kScanned);
  }
  static constexpr size_t kNoneLost = ~size_t{0};

  test::HandmadeDatabase db_;
  std::vector<Edit> edits_;
  std::vector<uint64_t> ends_;
  std::string bytes_;
};

TEST_F(ManifestScanTest, AWholeOneIsReadWithTheStateItsWriterLeft) {
  Write(4);
  const ManifestScan scan = Scan(bytes_);
  ExpectAllBut(scan, kNoneLost);
  EXPECT_TRUE(scan.header_ok);
  EXPECT_TRUE(scan.gaps.empty());
  EXPECT_EQ(scan.tail.offset, 0u);
  EXPECT_EQ(scan.state, db_.manifest().state());
}

TEST_F(ManifestScanTest, AnyDamagedByteCostsAtMostItsOwnEditAndItsPlaceIsTold) {
  Write(5);
  for (size_t at = kFileHeaderBytes; at < bytes_.size(); ++at) {
    for (const int mask : {0x01, 0x80, 0xff}) {
      SCOPED_TRACE("byte " + std::to_string(at) + " mask " + std::to_string(mask));
      const ManifestScan scan = ScanFlipped(at, mask);
      const size_t hit =
          static_cast<size_t>(std::upper_bound(ends_.begin(), ends_.end(), at) - ends_.begin());
      ExpectAllBut(scan, hit);
      EXPECT_TRUE(scan.header_ok);
      if (hit + 1 < edits_.size()) {
        ASSERT_EQ(scan.gaps.size(), 1u);
        EXPECT_EQ(scan.gaps[0].offset, begin(hit));
        EXPECT_EQ(scan.gaps[0].end, ends_[hit]);
        EXPECT_FALSE(scan.gaps[0].what.empty());
        EXPECT_EQ(scan.tail.offset, 0u);
        EXPECT_EQ(scan.state.chain, db_.manifest().state().chain);
      } else {
        EXPECT_TRUE(scan.gaps.empty());
        EXPECT_EQ(scan.tail.offset, begin(hit));
        EXPECT_EQ(scan.tail.end, bytes_.size());
      }
      if (HasFailure()) return;
    }
  }
}

TEST_F(ManifestScanTest, OfOneCutShortTheWholeEditsAreReadAndTheRestIsItsTail) {
  Write(3);
  for (uint64_t length = ends_[1]; length < ends_[2]; ++length) {
    const ManifestScan scan = Scan(bytes_.substr(0, length));
    ExpectAllBut(scan, 2);
    EXPECT_TRUE(scan.gaps.empty());
    EXPECT_EQ(scan.tail.offset, length > ends_[1] ? ends_[1] : 0u);
  }
}

TEST_F(ManifestScanTest, WithADamagedHeaderTheFirstEditIsTakenOnTrust) {
  Write(4);
  for (size_t at = 0; at < kFileHeaderBytes; ++at) {
    SCOPED_TRACE(at);
    const ManifestScan scan = ScanFlipped(at);
    ExpectAllBut(scan, kNoneLost);
    EXPECT_FALSE(scan.header_ok);
    ASSERT_EQ(scan.gaps.size(), 1u);
    EXPECT_EQ(scan.gaps[0].offset, 0u);
    EXPECT_EQ(scan.gaps[0].end, kFileHeaderBytes);
    EXPECT_EQ(scan.tail.offset, 0u);
  }
}

TEST_F(ManifestScanTest, SeveralHolesAreToldEach) {
  Write(8);
  std::string bytes = bytes_;
  bytes[begin(2) + 20] ^= 1;
  bytes[begin(5) + 20] ^= 1;
  const ManifestScan scan = Scan(bytes);
  ASSERT_EQ(scan.gaps.size(), 2u);
  EXPECT_EQ(scan.gaps[0].offset, begin(2));
  EXPECT_EQ(scan.gaps[1].offset, begin(5));
  EXPECT_EQ(scan.edits.size(), 6u);
  EXPECT_EQ(scan.state.chain, db_.manifest().state().chain);
}

TEST_F(ManifestScanTest, AHoleOverSeveralEditsEndsWhereGoodOnesBegin) {
  Write(8);
  std::string bytes = bytes_;
  for (uint64_t at = begin(2); at < ends_[4]; ++at) bytes[at] = 0;
  const ManifestScan scan = Scan(bytes);
  ASSERT_EQ(scan.gaps.size(), 1u);
  EXPECT_EQ(scan.gaps[0].offset, begin(2));
  EXPECT_EQ(scan.gaps[0].end, ends_[4]);
  EXPECT_EQ(scan.edits.size(), 5u);
}

TEST_F(ManifestScanTest, WhatIsNoManifestHoldsNoEdit) {
  Write(1);
  Random random(1);
  std::string noise(3000, '\0');
  for (char& c : noise) c = static_cast<char>(random.Next());
  for (const std::string& bytes : {std::string(), std::string(10, 'x'), noise}) {
    const ManifestScan scan = Scan(bytes);
    EXPECT_FALSE(scan.header_ok);
    EXPECT_TRUE(scan.edits.empty());
    EXPECT_FALSE(scan.gaps.empty());
  }
}

TEST_F(ManifestScanTest, AMissingFileIsNotFoundAndAFailedReadIsNoDamage) {
  EXPECT_STATUS(kNotFound, ScanManifest(db_.fs(), "db", kScanned));
  Write(3);
  FaultyFileSystem faulty(db_.fs());
  uint64_t failures = 0;
  for (uint64_t n = 1;; ++n) {
    faulty.ResetCounts();
    faulty.FailOperation(n);
    const auto scan = ScanManifest(&faulty, "db", kScanned);
    if (faulty.total() < n) break;
    EXPECT_STATUS(kIoError, scan) << n;
    ++failures;
  }
  EXPECT_GT(failures, 0u);
}

TEST_F(ManifestScanTest, AWholeHeaderOfANewerFormatIsNoDamage) {
  Write(3);
  FileHeader newer = *DecodeFileHeader(bytes_, FileKind::kManifest, "manifest", false);
  newer.version += 1;
  db_.Replace(ManifestFileName(kScanned), newer.Encode() + bytes_.substr(kFileHeaderBytes));
  EXPECT_STATUS(kNotSupported, ScanManifest(db_.fs(), "db", kScanned));
}

}  // namespace
}  // namespace logwood
