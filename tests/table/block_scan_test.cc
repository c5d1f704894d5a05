// BlockScan: the data blocks of a table without its index, also behind damage, and nothing else.
#include "table/block_scan.h"

#include <gtest/gtest.h>

#include "table/block_builder.h"
#include "tests/support/status_assert.h"
#include "tests/table/table_test_support.h"

namespace logwood::testing {
namespace {

class BlockScanTest : public ::testing::TestWithParam<Compression> {
 protected:
  static std::string PayloadOf(const TestEntries& entries) {
    BlockBuilder builder;
    for (const TestEntry& e : entries) builder.Add(e.key, e.trailer, e.value);
    ByteBuffer payload;
    builder.Finish(&payload);
    return std::string(payload.view());
  }

  BlockHandle Append(std::string_view payload) {
    ByteBuffer bytes;
    const BlockHandle handle = AppendBlock(payload, GetParam(), kTestId, file_->size(), &bytes);
    file_->append(bytes.view());
    return handle;
  }
  BlockHandle AppendData(const TestEntries& entries) {
    blocks_.push_back(Append(PayloadOf(entries)));
    return blocks_.back();
  }
  void AppendData(int blocks) {
    for (int i = 0; i < blocks; ++i) AppendData(PlainEntries(10 + i));
  }
  // Of all data blocks so far.
  BlockHandle AppendIndex() {
    TestEntries entries;
    for (const BlockHandle& block : blocks_) {
      char value[20];
      entries.push_back({"\x01key" + std::to_string(10'000 + entries.size()), 0,
                         std::string(value, EncodeBlockHandle(block, value))});
    }
    return Append(PayloadOf(entries));
  }
  void Damage(const BlockHandle& block) { (*file_)[block.offset + block.size / 2] ^= 0x10; }

  // All blocks a scan of [begin, end of the file) finds.
  std::vector<BlockHandle> Scan(uint64_t begin = kFileHeaderBytes) {
    std::vector<BlockHandle> found;
    BlockScan scan(&source_, begin, file_->size());
    for (;;) {
      auto next = scan.Next();
      EXPECT_OK(next);
      if (!next.ok() || !*next) break;
      found.push_back(**next);
    }
    data_end_ = scan.data_end();
    return found;
  }
  std::vector<BlockHandle> AllBut(size_t index) const {
    std::vector<BlockHandle> rest = blocks_;
    rest.erase(rest.begin() + static_cast<std::ptrdiff_t>(index));
    return rest;
  }

  std::shared_ptr<std::string> file_ = std::make_shared<std::string>(kFileHeaderBytes, 'h');
  StringSource reader_{file_};
  const BlockSource source_{&reader_, "000007.table", kTestId};
  std::vector<BlockHandle> blocks_;
  std::optional<uint64_t> data_end_;
};

INSTANTIATE_TEST_SUITE_P(, BlockScanTest,
                         ::testing::Values(Compression::kNone, Compression::kSnappy),
                         [](const auto& of) {
                           return of.param == Compression::kNone ? "Plain" : "Snappy";
                         });

TEST_P(BlockScanTest, FindsEachBlockUpToTheIndex) {
  AppendData(7);
  const BlockHandle index = AppendIndex();
  EXPECT_EQ(Scan(), blocks_);
  EXPECT_EQ(data_end_, index.offset);
}

TEST_P(BlockScanTest, TheFilterEndsThemToo) {
  AppendData(3);
  const BlockHandle filter = Append(std::string("\x07\x00\x01 no entries at all", 21));
  AppendIndex();
  EXPECT_EQ(Scan(), blocks_);
  EXPECT_EQ(data_end_, filter.offset);
}

TEST_P(BlockScanTest, WhereTheRangeEndsNothingSaysWhetherThereWereMore) {
  AppendData(3);
  EXPECT_EQ(Scan(), blocks_);
  EXPECT_EQ(data_end_, std::nullopt);
  EXPECT_TRUE(Scan(file_->size()).empty());
  EXPECT_EQ(data_end_, std::nullopt);
}

TEST_P(BlockScanTest, BehindADamagedBlockTheNextOnesAreFound) {
  AppendData(5);
  const BlockHandle index = AppendIndex();
  const std::string whole = *file_;
  for (size_t i = 0; i < blocks_.size(); ++i) {
    SCOPED_TRACE(i);
    *file_ = whole;
    Damage(blocks_[i]);
    EXPECT_EQ(Scan(), AllBut(i));
    EXPECT_EQ(data_end_, index.offset);
  }
}

TEST_P(BlockScanTest, ABlockThatIsCutShortIsNone) {
  AppendData(3);
  file_->pop_back();
  EXPECT_EQ(Scan(), AllBut(2));
}

TEST_P(BlockScanTest, ABlockLargerThanTheWindowIsFoundWhereItMustBegin) {
  AppendData(1);
  Random random(3);
  TestEntries large = PlainEntries(2);
  large[0].value = RandomBytes(&random, 3 << 20);
  AppendData(large);
  AppendData(PlainEntries(4));
  const BlockHandle index = AppendIndex();
  EXPECT_EQ(Scan(), blocks_);
  EXPECT_EQ(data_end_, index.offset);
}

// What a block says of itself is true only where it lies.
TEST_P(BlockScanTest, ACopyOfABlockWithinAValueIsNoBlock) {
  const BlockHandle first = AppendData(PlainEntries(10));
  TestEntries holder = PlainEntries(1);
  holder[0].value = file_->substr(first.offset, first.size);
  const BlockHandle second = AppendData(holder);
  AppendData(PlainEntries(12));
  Damage({second.offset, 10});  // its header, ahead of the copy
  EXPECT_EQ(Scan(), AllBut(1));
}

// Two bytes that could be a handle of an index, in any block.
TEST_P(BlockScanTest, ValuesThatLookLikeAnIndexDoNotMakeABlockOne) {
  for (const char* value : {"@\x00", "@\x05", "@\x0b"}) {
    TestEntries entries = PlainEntries(1);
    entries[0].value = std::string(value, 2);
    AppendData(entries);
  }
  TestEntries same = PlainEntries(20);
  for (TestEntry& entry : same) entry.value = std::string("@\x00", 2);
  AppendData(same);
  const BlockHandle index = AppendIndex();
  EXPECT_EQ(Scan(), blocks_);
  EXPECT_EQ(data_end_, index.offset);
}

TEST_P(BlockScanTest, AFailedReadIsAnErrorAndNoEnd) {
  AppendData(3);
  reader_.fail_read = 0;
  BlockScan scan(&source_, kFileHeaderBytes, file_->size());
  EXPECT_STATUS(kIoError, scan.Next());
  ASSERT_OK_AND_ASSIGN(const auto again, scan.Next());
  EXPECT_EQ(again, blocks_[0]) << "the next call looks again";
}

}  // namespace
}  // namespace logwood::testing
