#include "wal/log_format.h"

#include "logwood/write_batch.h"
#include "tests/support/hex_page.h"
#include "tests/support/written_by.h"
#include "tests/wal/log_test_support.h"
#include "util/coding.h"
#include "util/escape.h"
#include "util/file_header.h"
#include "util/hash.h"
#include "util/internal_key.h"
#include "wal/log_dump.h"
#include "wal/record_codec.h"

namespace logwood {
namespace {

SegmentHeader ExampleHeader() {
  SegmentHeader header;
  header.number = 12;
  header.file_id = {1, 2};
  header.history_id = {3, 4};
  header.instance_id = {5, 6};
  header.epoch = 7;
  header.epoch_tag = 8;
  header.first_position = 1000;
  header.first_time_us = kTestTimeUs;
  header.history_hash = 9;
  header.durable = 990;
  header.predecessor = 11;
  header.predecessor_length = 54321;
  header.predecessor_last_position = 999;
  header.manifest = {13, 14, 15};
  header.catalogue_position = 16;
  header.catalogue = "catalogue";
  return header;
}

void ExpectSame(const SegmentHeader& a, const SegmentHeader& b) {
  EXPECT_EQ(a.number, b.number);
  EXPECT_EQ(a.file_id, b.file_id);
  EXPECT_EQ(a.history_id, b.history_id);
  EXPECT_EQ(a.instance_id, b.instance_id);
  EXPECT_EQ(a.epoch, b.epoch);
  EXPECT_EQ(a.epoch_tag, b.epoch_tag);
  EXPECT_EQ(a.first_position, b.first_position);
  EXPECT_EQ(a.first_time_us, b.first_time_us);
  EXPECT_EQ(a.history_hash, b.history_hash);
  EXPECT_EQ(a.durable, b.durable);
  EXPECT_EQ(a.predecessor, b.predecessor);
  EXPECT_EQ(a.predecessor_length, b.predecessor_length);
  EXPECT_EQ(a.predecessor_last_position, b.predecessor_last_position);
  EXPECT_EQ(a.manifest, b.manifest);
  EXPECT_EQ(a.catalogue_position, b.catalogue_position);
}

TEST(LogFormatTest, HeaderComesBackAndItsCopyStandsInForIt) {
  SegmentHeader header = ExampleHeader();
  std::string bytes = EncodeSegmentHeader(header);
  EXPECT_EQ(bytes.size(), kCatalogueOffset + header.catalogue.size());
  for (bool damaged : {false, true}) {
    if (damaged) bytes[100] = static_cast<char>(bytes[100] ^ 1);
    auto decoded = DecodeSegmentHeader(bytes.substr(0, kSlotAOffset), "000012.log");
    ASSERT_TRUE(decoded.ok()) << decoded.status().ToString();
    ExpectSame(decoded->header, header);
    EXPECT_EQ(decoded->from_copy, damaged);
    EXPECT_EQ(decoded->catalogue_bytes, header.catalogue.size());
    EXPECT_EQ(decoded->catalogue_checksum, CatalogueChecksum(header.file_id, header.catalogue));
    EXPECT_EQ(decoded->records_offset(), bytes.size());
  }
}

TEST(LogFormatTest, NoPairOfEquallyDamagedHeadersDecodes) {
  std::string good = EncodeSegmentHeader(ExampleHeader()).substr(0, kSlotAOffset);
  for (size_t i = 0; i < kSegmentHeaderBytes; ++i) {
    for (char pattern : {'\x01', '\x80', '\xff'}) {
      std::string bytes = good;
      bytes[i] = static_cast<char>(bytes[i] ^ pattern);
      bytes[kHeaderCopyOffset + i] = static_cast<char>(bytes[kHeaderCopyOffset + i] ^ pattern);
      Status status = DecodeSegmentHeader(bytes, "f").status();
      EXPECT_TRUE(status.Is(StatusCode::kCorruption)) << i << " " << status.ToString();
    }
  }
  for (size_t size = 0; size < kSegmentHeaderBytes; ++size) {
    EXPECT_TRUE(
        DecodeSegmentHeader(good.substr(0, size), "f").status().Is(StatusCode::kCorruption));
  }
}

TEST(LogFormatTest, HeadersThatContradictThemselvesAreNamed) {
  EXPECT_EQ(HeaderContradiction(ExampleHeader()), nullptr);
  auto with = [](auto change) {
    SegmentHeader header = ExampleHeader();
    change(&header);
    return HeaderContradiction(header);
  };
  EXPECT_STREQ(with([](SegmentHeader* h) { h->number = 0; }), "number 0");
  EXPECT_STREQ(with([](SegmentHeader* h) { h->first_position = 0; }), "first position");
  EXPECT_STREQ(with([](SegmentHeader* h) { h->first_position = kPositionMax + 1; }),
               "first position");
  EXPECT_STREQ(with([](SegmentHeader* h) { h->durable = 1000; }), "durable point in the future");
  EXPECT_STREQ(with([](SegmentHeader* h) { h->predecessor = 12; }), "predecessor is not older");
  EXPECT_STREQ(with([](SegmentHeader* h) { h->predecessor_last_position = 998; }),
               "predecessor's last position");
  EXPECT_STREQ(with([](SegmentHeader* h) { h->predecessor_length = 5; }), "predecessor's length");
}

// A good checksum over fields that cannot be true.
TEST(LogFormatTest, AHeaderThatContradictsItselfIsRefusedByNameAndItsCopyStandsIn) {
  const std::string good = EncodeSegmentHeader(ExampleHeader()).substr(0, kSlotAOffset);
  struct Case {
    size_t at;
    uint64_t value;
    const char* what;
  };
  constexpr size_t kFields = kFileHeaderBytes;
  for (const Case& c : {Case{kFields, 0, "number 0"}, Case{kFields + 56, 0, "first position"},
                        Case{kFields + 56, kPositionMax + 1, "first position"},
                        Case{kFields + 64, (uint64_t{1} << 55) + 1, "first time"},
                        Case{kFields + 80, 1000, "durable point in the future"},
                        Case{kFields + 88, 12, "predecessor is not older"},
                        Case{kFields + 96, kCatalogueOffset - 1, "predecessor's length"},
                        Case{kFields + 104, 998, "predecessor's last position"},
                        Case{208, kCatalogueBytesMax + 1, "catalogue length"}}) {
    SCOPED_TRACE(c.what);
    std::string fields = good.substr(0, kSegmentHeaderBytes - 8);
    StoreFixed(fields.data() + c.at, c.value);
    PutFixed64(&fields, Hash64(fields, ChecksumSeed(ExampleHeader().file_id, fields.size())));
    std::string page = good;
    page.replace(0, fields.size(), fields);
    auto decoded = DecodeSegmentHeader(page, "f");
    ASSERT_TRUE(decoded.ok()) << decoded.status().ToString();
    EXPECT_TRUE(decoded->from_copy);
    page.replace(kHeaderCopyOffset, fields.size(), fields);
    decoded = DecodeSegmentHeader(page, "f");
    EXPECT_TRUE(decoded.status().Is(StatusCode::kCorruption));
    EXPECT_EQ(decoded.status().message(),
              std::string("f:0: segment header contradicts itself: ") + c.what);
  }
}

TEST(LogFormatTest, BehindADamagedHeaderACopyOfANewerFormatIsNoDamage) {
  std::string page = EncodeSegmentHeader(ExampleHeader()).substr(0, kSlotAOffset);
  FileHeader newer;
  newer.kind = FileKind::kLog;
  newer.version = kFormatVersion + 1;
  page.replace(kHeaderCopyOffset, kFileHeaderBytes, newer.Encode());
  EXPECT_TRUE(DecodeSegmentHeader(page, "f").ok());
  page[100] = static_cast<char>(page[100] ^ 1);
  EXPECT_TRUE(DecodeSegmentHeader(page, "f").status().Is(StatusCode::kNotSupported));
}

TEST(LogFormatTest, SlotSpeaksForItsOwnPlaceOnly) {
  std::string bytes = EncodeSlot({{1, 2}, {5, 6}, 12, 1000, 1234}, kSlotAOffset);
  ASSERT_EQ(bytes.size(), kSlotBytes);
  auto slot = DecodeSlot(bytes, kSlotAOffset);
  ASSERT_TRUE(slot.has_value());
  EXPECT_EQ(slot->durable, 1234u);
  EXPECT_EQ(slot->number, 12u);
  EXPECT_FALSE(DecodeSlot(bytes, kSlotBOffset).has_value());
  EXPECT_FALSE(DecodeSlot(std::string(kSlotBytes, '\0'), kSlotAOffset).has_value());
  for (const LogPos durable : {kPositionMax, kPositionMax + 1}) {
    const std::string far = EncodeSlot({{1, 2}, {5, 6}, 12, 1000, durable}, kSlotAOffset);
    EXPECT_EQ(DecodeSlot(far, kSlotAOffset).has_value(), durable == kPositionMax);
  }
  for (size_t i = 0; i < bytes.size(); ++i) {
    std::string bad = bytes;
    bad[i] = static_cast<char>(bad[i] ^ 1);
    EXPECT_FALSE(DecodeSlot(bad, kSlotAOffset).has_value()) << i;
    EXPECT_FALSE(DecodeSlot(bytes.substr(0, i), kSlotAOffset).has_value()) << i;
  }
}

TEST(LogFormatTest, FrameComesBackAndEveryFlippedBitIsNoticed) {
  FrameContext context = {{1, 2}, 1000, kTestTimeUs};
  CommitRecord record;
  record.position = 1234;
  record.time_us = kTestTimeUs + 1'000'000;
  record.durable = 5;
  record.flags = kFlagCatalogue;
  record.operation_count = 300;
  record.note = "note";
  record.operations = "operations";
  std::string frame(kFrameOverheadBytesMax + 14, '\0');
  frame.resize(
      static_cast<size_t>(EncodeFrame(frame.data(), context, 777, 42, &record) - frame.data()));
  CommitRecord read;
  uint64_t body_hash = 0;
  ASSERT_EQ(DecodeFrame(frame, context, 777, &read, &body_hash), nullptr);
  EXPECT_EQ(read.position, record.position);
  EXPECT_EQ(read.time_us, record.time_us);
  EXPECT_EQ(read.durable, record.durable);
  EXPECT_EQ(read.flags, record.flags);
  EXPECT_EQ(read.operation_count, record.operation_count);
  EXPECT_EQ(read.note, "note");
  EXPECT_EQ(read.operations, "operations");
  EXPECT_EQ(body_hash, Hash64("noteoperations"));
  EXPECT_EQ(read.history_hash, NextHistoryHash(42, read, body_hash));
  EXPECT_NE(DecodeFrame(frame, context, 778, &read, &body_hash), nullptr) << "another offset";
  for (size_t bit = 0; bit < frame.size() * 8; ++bit) {
    std::string bad = frame;
    bad[bit / 8] = static_cast<char>(bad[bit / 8] ^ (1 << (bit % 8)));
    EXPECT_NE(DecodeFrame(bad, context, 777, &read, &body_hash), nullptr) << bit;
  }
}

// Deltas that lead out of their range, under a good checksum.
TEST(LogFormatTest, AFrameWhoseFieldsLeaveTheirRangeIsRefusedByName) {
  const FrameContext context = {{1, 2}, 1000, kTestTimeUs};
  constexpr uint64_t kTimeMaxUs = uint64_t{1} << 55;
  struct Case {
    uint64_t position, time, durable;
    const char* what;  // null: it is good
  };
  for (const Case& c : {Case{0, 0, 1, nullptr}, Case{kPositionMax - 1000, 0, 1, nullptr},
                        Case{kPositionMax - 999, 0, 1, "position out of range"},
                        Case{0, kTimeMaxUs - kTestTimeUs, 1, nullptr},
                        Case{0, kTimeMaxUs - kTestTimeUs + 1, 1, "time out of range"},
                        Case{0, ~uint64_t{0} - kTestTimeUs, 1, "time out of range"},
                        Case{0, ~uint64_t{0}, 1, "time out of range"}, Case{0, 0, 1000, nullptr},
                        Case{0, 0, 0, "durable point out of range"},
                        Case{0, 0, 1001, "durable point out of range"}}) {
    std::string fields;
    PutFixed64(&fields, 42);  // history hash
    for (const uint64_t value : {c.position, c.time, c.durable, uint64_t{0}, uint64_t{1}}) {
      PutVarint(&fields, value);
    }
    PutVarint(&fields, 0);  // note
    const std::string body = "operations";
    std::string frame, hashed;
    PutFixed32(&frame, static_cast<uint32_t>(fields.size() + body.size()));
    hashed = frame + fields;
    PutFixed64(&hashed, Hash64(body));
    PutFixed64(&frame, Hash64(hashed, ChecksumSeed(context.file_id, 777)));
    frame += fields + body;
    CommitRecord record;
    uint64_t body_hash = 0;
    EXPECT_STREQ(DecodeFrame(frame, context, 777, &record, &body_hash), c.what);
  }
}

TEST(LogFormatTest, FramesOfAnotherSizeThanTheySayAreRefusedByName) {
  CommitRecord record;
  uint64_t body_hash = 0;
  const FrameContext context = {{1, 2}, 1000, kTestTimeUs};
  std::string frame(kFrameBytesMin, '\0');
  EXPECT_STREQ(DecodeFrame(frame.substr(1), context, 0, &record, &body_hash),
               "shorter than any record");
  EXPECT_STREQ(DecodeFrame(frame, context, 0, &record, &body_hash), "length");
}

TEST(LogFormatTest, ATrailerWhoseIndexDoesNotAscendOrWhoseEndIsAnothersIsNone) {
  const auto decodes = [](std::vector<IndexEntry> index, std::string_view more = {}) {
    const std::string bytes = EncodeTrailer({3, 12, kTestTimeUs, std::move(index)}, 200'000);
    return DecodeTrailer(bytes + std::string(more), 200'000).has_value();
  };
  EXPECT_TRUE(decodes({{10, 12300}, {12, 99999}}));
  EXPECT_FALSE(decodes({{10, 12300}, {10, 99999}})) << "the same position";
  EXPECT_FALSE(decodes({{10, 12300}, {9, 99999}})) << "an older position";
  EXPECT_FALSE(decodes({{10, 12300}, {kPositionMax + 1, 99999}})) << "no position";
  EXPECT_FALSE(decodes({{10, 12300}, {12, 12300}})) << "the same offset";
  EXPECT_FALSE(decodes({{10, 12300}, {12, 12299}})) << "an offset before";
  EXPECT_FALSE(decodes({{10, kCatalogueOffset - 1}})) << "an offset in the header";
  EXPECT_FALSE(decodes({{10, 200'000}})) << "the trailer's own offset";
  EXPECT_FALSE(decodes({{10, 12300}}, "more")) << "bytes behind its end";
  std::string bytes = EncodeTrailer({3, 12, kTestTimeUs, {{10, 12300}}}, 200'000);
  bytes.back() = static_cast<char>(bytes.back() ^ 1);
  EXPECT_FALSE(DecodeTrailer(bytes, 200'000).has_value()) << "another end";
}

TEST(LogFormatTest, TrailerComesBackAndHostileOnesDoNot) {
  SegmentTrailer trailer = {3, 12, kTestTimeUs, {{10, 12300}, {12, 99999}}};
  std::string bytes = EncodeTrailer(trailer, 200'000);
  auto read = DecodeTrailer(bytes, 200'000);
  ASSERT_TRUE(read.has_value());
  EXPECT_EQ(read->records, 3u);
  EXPECT_EQ(read->last_position, 12u);
  ASSERT_EQ(read->index.size(), 2u);
  EXPECT_EQ(read->index[1].position, 12u);
  EXPECT_EQ(read->index[1].offset, 99999u);
  EXPECT_FALSE(DecodeTrailer(bytes, 200'001).has_value());
  EXPECT_FALSE(DecodeTrailer(bytes, 99'999).has_value()) << "an entry behind the trailer";
  for (size_t size = 0; size < bytes.size(); ++size)
    EXPECT_FALSE(DecodeTrailer(bytes.substr(0, size), 200'000).has_value());
  std::string many = bytes;
  many.replace(0, 3, "\xff\xff\xff\xff\xff\xff\xff\xff\x7f");
  EXPECT_FALSE(DecodeTrailer(many, 200'000).has_value());
}

TEST(LogFormatPageTest, FileHeaderExampleDecodes) {
  std::vector<std::string> blocks = test::HexBlocksOf("file_header");
  ASSERT_EQ(blocks.size(), 1u);
  auto header = DecodeFileHeader(blocks[0], FileKind::kLog, "page", true);
  ASSERT_TRUE(header.ok()) << header.status().ToString();
  EXPECT_EQ(header->version, 1u);
  EXPECT_EQ(header->id, (Id128{0xabcd0001, 0x9876543211}));
  EXPECT_EQ(header->writer, 0x000100u);
  EXPECT_EQ(header->Encode(), blocks[0]);
}

// The page's example is the golden segment: header, slot, first record and trailer.
TEST(LogFormatPageTest, LogExampleIsTheGoldenSegment) {
  std::vector<std::string> blocks = test::HexBlocksOf("log");
  ASSERT_EQ(blocks.size(), 4u);
  std::string golden = ReadSourceFile(TestDataPath("golden/log_v1_slots.log"));
  ASSERT_GT(golden.size(), kCatalogueOffset);
  EXPECT_EQ(golden.substr(0, kSegmentHeaderBytes), blocks[0]);
  EXPECT_EQ(golden.substr(kSlotAOffset, kSlotBytes), blocks[1]);
  auto header = DecodeSegmentHeader(blocks[0], "page");
  ASSERT_TRUE(header.ok()) << header.status().ToString();
  EXPECT_EQ(header->header.number, 1u);
  ASSERT_TRUE(DecodeSlot(blocks[1], kSlotAOffset).has_value());
  EXPECT_EQ(DecodeSlot(blocks[1], kSlotAOffset)->durable, 2u);

  const SegmentHeader& h = header->header;
  FrameContext context = {h.file_id, h.first_position, h.first_time_us};
  CommitRecord record;
  uint64_t body_hash = 0;
  ASSERT_EQ(DecodeFrame(blocks[2], context, header->records_offset(), &record, &body_hash),
            nullptr);
  EXPECT_EQ(record.position, 1u);
  BatchReader operations(record.operations);
  BatchOperation operation;
  ASSERT_TRUE(operations.Next(&operation));
  EXPECT_EQ(operation.stored_key, "\x01key1");
  EXPECT_EQ(operation.value, "vvvvvvvvvvvvvvvvvvvv");
  EXPECT_EQ(golden.substr(header->records_offset(), blocks[2].size()), blocks[2]);

  uint64_t trailer_offset = golden.size() - blocks[3].size();
  ASSERT_EQ(DecodeFrame(blocks[3], context, trailer_offset, &record, &body_hash), nullptr);
  EXPECT_EQ(record.flags, kFlagTrailer);
  auto trailer = DecodeTrailer(record.operations, trailer_offset);
  ASSERT_TRUE(trailer.has_value());
  EXPECT_EQ(trailer->records, 3u);
}

// REQUIRES: the first segment is sealed.
void ExpectGolden(TestLog* log, const std::string& name) {
  const std::string expected = test::WrittenBy(0x000100, ReadWhole(log->fs(), LogPath(1)));
  const std::string path = TestDataPath("golden/" + name);
  if (std::getenv("LOGWOOD_REGENERATE") != nullptr)
    std::ofstream(path, std::ios::binary) << expected;
  EXPECT_TRUE(expected == ReadSourceFile(path))
      << "the bytes on disk changed: that needs a new format version";
}

// Format version 1 as released: it must stay readable byte for byte, and be written like this by
// every release but for its own name. Files of before lie beside it (tests/compat/log_v1_test.cc).
TEST(LogGoldenTest, ASegmentOfVersionOneIsWrittenTheSame) {
  TestLog log;
  log.Begin(1);
  log.Append(2);
  log.MarkDurable();
  log.Append(1);
  log.Seal();
  ExpectGolden(&log, "log_v1_slots.log");
}

TEST(LogGoldenTest, ASegmentWithRangeDeletesIsWrittenTheSame) {
  WriteBatch batch;
  batch.Put("b", "before");
  batch.DeleteRange("a", "c");
  batch.Put("b", "behind");
  batch.DeleteRange("x", std::nullopt);
  batch.DeleteRange(Keyspace(300, 0), "", std::nullopt);
  TestLog log;
  log.Begin(1);
  log.AppendRecord(batch.operations(), batch.count());
  log.Append(1);
  log.Seal();
  ExpectGolden(&log, "log_v1_ranges.log");
}

}  // namespace
}  // namespace logwood
