// Blocks on their way to and from the file: what was written comes back, and nothing else is taken
// for it.
#include "table/block_io.h"

#include <gtest/gtest.h>

#include "table/block_builder.h"
#include "tests/support/status_assert.h"
#include "tests/support/written_by.h"
#include "tests/table/table_test_support.h"

namespace logwood::testing {
namespace {

class BlockIoTest : public ::testing::Test {
 protected:
  static constexpr uint64_t kBase = 1000;  // where the bytes lie in the file

  static std::string EntriesPayload(int count) {
    BlockBuilder builder;
    for (const TestEntry& e : PlainEntries(count)) builder.Add(e.key, e.trailer, e.value);
    ByteBuffer payload;
    builder.Finish(&payload);
    return std::string(payload.view());
  }
  static std::string Noise(size_t size) {
    Random random(size);
    return RandomBytes(&random, size);
  }

  // The file's bytes end with it.
  BlockHandle Append(std::string_view payload, Compression compression = Compression::kNone) {
    ByteBuffer bytes;
    const uint64_t base = file_->size();
    const BlockHandle handle = AppendBlock(payload, compression, kTestId, base, &bytes);
    file_->append(bytes.view());
    return handle;
  }
  // With a good checksum, whatever `stored` says of the payload.
  BlockHandle AppendStoredAs(std::string payload, char stored) {
    const uint64_t offset = file_->size();
    payload.push_back(stored);
    char checksum[sizeof(uint64_t)];
    StoreFixed(checksum, Hash64(payload, ChecksumSeed(kTestId, offset)));
    file_->append(payload).append(checksum, sizeof(checksum));
    return {offset, file_->size() - offset};
  }

  Result<BlockRef> Read(const BlockHandle& handle, BlockUse use = BlockUse::kBytes) {
    reader_.reads = 0;
    return ReadBlock({&reader_, "000007.table", id_, writer_}, handle, use);
  }
  // Says where it is, too.
  void ExpectDamage(const BlockHandle& handle, const std::string& what,
                    BlockUse use = BlockUse::kBytes) {
    const auto block = Read(handle, use);
    ASSERT_STATUS(kCorruption, block);
    EXPECT_EQ(block.status().message(),
              "000007.table:" + std::to_string(handle.offset) + ": " + what);
  }

  // Says where it is and who wrote the file.
  void ExpectRefused(const BlockHandle& handle, const std::string& what, BlockUse use) {
    const std::string place = "000007.table:" + std::to_string(handle.offset) + ": ";
    for (const uint32_t writer : {0U, test::kOtherWriter}) {
      writer_ = writer;
      const auto block = Read(handle, use);
      ASSERT_STATUS(kNotSupported, block);
      EXPECT_EQ(block.status().message(),
                place + what +
                    (writer == 0 ? std::string(test::kNamesNoWriter) : test::NamesOtherWriter()));
    }
  }

  std::shared_ptr<std::string> file_ = std::make_shared<std::string>(kBase, '\xee');
  StringSource reader_{file_};
  Id128 id_ = kTestId;
  uint32_t writer_ = 0;
};

// Small ones and large ones are read in different ways.
TEST_F(BlockIoTest, PayloadsOfAnySizeComeBackByOneRead) {
  for (const size_t size : {1, 100, 8182, 8183, 8184, 8192, 8193, 100'000}) {
    for (const Compression compression : {Compression::kNone, Compression::kSnappy}) {
      SCOPED_TRACE(size);
      for (const std::string& payload : {Noise(size), std::string(size, 'a')}) {
        const BlockHandle handle = Append(payload, compression);
        EXPECT_EQ(handle.end(), file_->size());
        ASSERT_OK_AND_ASSIGN(const BlockRef block, Read(handle));
        EXPECT_EQ(reader_.reads, 1);
        EXPECT_TRUE(BlockPayload(*block.get()) == payload);
        EXPECT_EQ(block->view().substr(size), std::string(kBlockSlackBytes, '\0'));
      }
    }
  }
}

TEST_F(BlockIoTest, IsCompressedWhereThatSavesAnEighth) {
  // So much noise, then so many equal bytes that cost hardly anything.
  const auto stored_bytes = [this](size_t noise, size_t equal) {
    return Append(Noise(noise) + std::string(equal, 'a'), Compression::kSnappy).size;
  };
  EXPECT_EQ(stored_bytes(8000, 0), 8009u);
  EXPECT_EQ(stored_bytes(7500, 500), 8009u);
  EXPECT_LT(stored_bytes(6500, 1500), 7009u);
  EXPECT_LT(stored_bytes(0, 8000), 1000u);
}

TEST_F(BlockIoTest, ASealedPayloadStaysBehindWhatIsBeforeIt) {
  ByteBuffer bytes;
  bytes.Append("before");
  bytes.Append("payload");
  const BlockHandle handle = SealBlock(6, kTestId, kBase, &bytes);
  EXPECT_EQ(handle, (BlockHandle{kBase + 6, 7 + kBlockTrailerBytes}));
  file_->append(bytes.view());
  ASSERT_OK_AND_ASSIGN(const BlockRef block, Read(handle));
  EXPECT_EQ(BlockPayload(*block.get()), "payload");
}

TEST_F(BlockIoTest, EachFlippedByteIsDamage) {
  for (const Compression compression : {Compression::kNone, Compression::kSnappy}) {
    const BlockHandle handle = Append(EntriesPayload(20), compression);
    for (uint64_t at = handle.offset; at < handle.end(); ++at) {
      (*file_)[at] ^= 0x10;
      ExpectDamage(handle, "block checksum does not match", BlockUse::kData);
      (*file_)[at] ^= 0x10;
    }
    EXPECT_OK(Read(handle, BlockUse::kData));
  }
}

TEST_F(BlockIoTest, ABlockOfAnotherPlaceOrFileIsNotTaken) {
  const BlockHandle handle = Append("payload");
  const std::string raw = file_->substr(handle.offset);
  file_->append(raw);
  ExpectDamage({handle.end(), handle.size}, "block checksum does not match");
  id_.low ^= 1;
  ExpectDamage(handle, "block checksum does not match");
}

TEST_F(BlockIoTest, BytesThatAreNoEntriesAreRefusedWhereEntriesAreWanted) {
  for (const size_t size : {100, 10'000}) {
    const BlockHandle handle = Append(Noise(size));
    EXPECT_OK(Read(handle, BlockUse::kBytes));
    EXPECT_STATUS(kCorruption, Read(handle, BlockUse::kData));
    EXPECT_STATUS(kCorruption, Read(handle, BlockUse::kIndex));
  }
}

TEST_F(BlockIoTest, ACompressionOfALaterFormatIsNotSupportedAndNoDamage) {
  for (const size_t size : {100, 10'000}) {
    const BlockHandle handle = AppendStoredAs(Noise(size), 2);
    ExpectRefused(handle, "block compression is unknown", BlockUse::kBytes);
  }
}

TEST_F(BlockIoTest, AnEntryOfALaterKindIsNotSupportedAndNoDamage) {
  BlockBuilder builder;
  builder.Add("\x01k", PackTrailer(3, static_cast<EntryKind>(9)), "v");
  ByteBuffer payload;
  builder.Finish(&payload);
  ExpectRefused(Append(payload.view()), "entry kind 9 is unknown", BlockUse::kData);
}

TEST_F(BlockIoTest, LiesAboutTheUncompressedSizeAreDamage) {
  // A varint that says 64 KiB, and 4 GiB less a byte; a literal of another length.
  ExpectDamage(AppendStoredAs({"\x80\x80\x04"
                               "\x00"
                               "a",
                               5},
                              1),
               "uncompressed size is implausible");
  ExpectDamage(AppendStoredAs("\xff\xff\xff\xff\x0f" + Noise(9000), 1),
               "uncompressed size is implausible");
  ExpectDamage(AppendStoredAs(std::string(3, '\xff'), 1), "uncompressed size is implausible");
  ExpectDamage(AppendStoredAs({"\x05"
                               "\x00"
                               "a",
                               3},
                              1),
               "block does not decompress");
}

TEST_F(BlockIoTest, AHandleTooSmallForABlockIsDamage) {
  for (uint64_t size = 0; size <= kBlockTrailerBytes; ++size) {
    ExpectDamage({10, size}, "block too short");
  }
}

TEST_F(BlockIoTest, WhereTheFileEndsTooEarlyThePlaceIsNamed) {
  for (const size_t size : {100, 10'000}) {
    const BlockHandle handle = Append(Noise(size));
    file_->resize(handle.end() - 3);
    const auto block = Read(handle);
    ASSERT_STATUS(kCorruption, block);
    EXPECT_EQ(block.status().message(),
              "000007.table:" + std::to_string(handle.end() - 3) + ": file ends here");
  }
}

TEST_F(BlockIoTest, AFailedReadIsNoDamage) {
  reader_.fail_read = 0;
  for (const size_t size : {100, 10'000}) {
    const auto block = Read(Append(Noise(size)));
    ASSERT_STATUS(kIoError, block);
    EXPECT_EQ(block.status().message(), "read fails by order");
  }
}

}  // namespace
}  // namespace logwood::testing
