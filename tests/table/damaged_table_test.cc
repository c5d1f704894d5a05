// DamagedTable: whatever happens to a table's file, every entry is read or lies in a loss that is
// reported, and nothing is read that was not written.
#include "table/damaged_table.h"

#include <gtest/gtest.h>

#include <map>

#include "tests/support/directory.h"
#include "tests/support/sanitizers.h"
#include "tests/support/status_assert.h"
#include "tests/support/written_by.h"
#include "tests/table/table_test_support.h"

namespace logwood {
namespace {

using testing::TestEntries;
using testing::TestEntry;

constexpr char kPath[] = "/t.table";

struct ReadBack {
  Status status;
  TestEntries entries;
  std::vector<TableLoss> losses;
};

class DamagedTableTest : public ::testing::TestWithParam<Compression> {
 protected:
  DamagedTableTest() {
    TableOptions options;
    options.block_bytes = 512;
    options.compression = GetParam();
    const auto table = testing::BuildTable(Entries(), options);
    bytes_ = *table.bytes;
    meta_ = table.meta;
  }

  static TestEntries Entries() {
    TestEntries entries;
    for (int i = 0; i < 120; ++i) {
      const std::string key = "\x01key" + std::to_string(1000 + i);
      const std::string value =
          "value " + std::to_string(i) + std::string(static_cast<size_t>(i % 50), 'v');
      entries.push_back({key, PackTrailer(900 - static_cast<LogPos>(i), EntryKind::kPut), value});
      if (i % 7 == 0) entries.push_back({key, PackTrailer(5, EntryKind::kDelete), ""});
    }
    return entries;
  }

  ReadBack ReadAll(const std::string& bytes, bool with_meta) {
    EXPECT_OK(test::WriteFile(fs_.get(), kPath, bytes));
    ReadBack read;
    auto table = DamagedTable::Open(fs_.get(), kPath, with_meta ? &meta_ : nullptr);
    read.status = table.status();
    if (!table.ok()) return read;
    while ((*table)->Next()) {
      const Entry& entry = (*table)->entry();
      read.entries.push_back({std::string(entry.key), entry.trailer, std::string(entry.value)});
    }
    read.status = (*table)->status();
    read.losses = (*table)->losses();
    for (const TableLoss& loss : read.losses) {
      EXPECT_TRUE(loss.offset <= loss.end && loss.offset <= bytes.size())
          << loss.offset << " to " << loss.end << " of " << bytes.size() << ": " << loss.what;
    }
    return read;
  }

  static bool InLoss(const ReadBack& read, const std::string& key) {
    for (const TableLoss& loss : read.losses) {
      if (loss.entries_lost && (!loss.first_key || *loss.first_key <= key) &&
          (!loss.last_key || key <= *loss.last_key)) {
        return true;
      }
    }
    return false;
  }

  // Entries read are entries written, in order; what is not read lies in a loss.
  void ExpectAccountedFor(const ReadBack& read) {
    ASSERT_OK(read.status);
    size_t at = 0;
    for (const TestEntry& wanted : Entries()) {
      if (at < read.entries.size() && read.entries[at].key == wanted.key &&
          read.entries[at].trailer == wanted.trailer) {
        ASSERT_EQ(read.entries[at].value, wanted.value);
        ++at;
      } else {
        ASSERT_TRUE(InLoss(read, wanted.key)) << wanted.key << " is gone without a word";
      }
    }
    ASSERT_EQ(at, read.entries.size()) << "an entry that was never written";
  }

  const std::unique_ptr<FileSystem> fs_ = FileSystem::InMemory();
  std::string bytes_;
  TableMeta meta_;
};

TEST_P(DamagedTableTest, AWholeOneIsReadWithoutALoss) {
  for (const bool with_meta : {true, false}) {
    const ReadBack read = ReadAll(bytes_, with_meta);
    ExpectAccountedFor(read);
    EXPECT_EQ(read.entries.size(), Entries().size());
    EXPECT_TRUE(read.losses.empty());
  }
}

TEST_P(DamagedTableTest, OneDamagedByteCostsOneBlockAtMost) {
  const size_t blocks = Entries().size() / 8;  // more than that
  for (const bool with_meta : {true, false}) {
    for (size_t at = 0; at < bytes_.size(); ++at) {
      if (test::kSanitized && (at % 2 == 0) == with_meta) continue;
      SCOPED_TRACE(at);
      std::string damaged = bytes_;
      damaged[at] ^= 0x10;
      const ReadBack read = ReadAll(damaged, with_meta);
      ExpectAccountedFor(read);
      EXPECT_FALSE(read.losses.empty());
      EXPECT_GE(read.entries.size() + 3 * Entries().size() / blocks, Entries().size());
      if (HasFailure()) return;
    }
  }
}

TEST_P(DamagedTableTest, OfAFileCutShortWholeBlocksAreRead) {
  size_t most = 0;
  for (size_t size = 0; size < bytes_.size(); ++size) {
    SCOPED_TRACE(size);
    const ReadBack read = ReadAll(bytes_.substr(0, size), size % 2 == 0);
    if (!read.status.ok()) {
      EXPECT_STATUS(kCorruption, read.status);
      EXPECT_LT(size, kFileHeaderBytes + 1);
      continue;
    }
    ExpectAccountedFor(read);
    EXPECT_GE(read.entries.size(), most) << "a longer file gave less";
    most = std::max(most, read.entries.size());
    EXPECT_FALSE(read.losses.empty());
    if (HasFailure()) return;
  }
  EXPECT_EQ(most, Entries().size());
}

TEST_P(DamagedTableTest, ZeroedStretchesCostTheirOwnBlocks) {
  Random random(3);
  for (int round = 0; round < 300; ++round) {
    std::string damaged = bytes_;
    const size_t begin = random.Uniform(bytes_.size());
    const size_t end = std::min(bytes_.size(), begin + 1 + random.Uniform(1200));
    std::fill(damaged.begin() + static_cast<ptrdiff_t>(begin),
              damaged.begin() + static_cast<ptrdiff_t>(end), '\0');
    SCOPED_TRACE(std::to_string(begin) + " to " + std::to_string(end));
    const ReadBack read = ReadAll(damaged, round % 2 == 0);
    if (!read.status.ok()) continue;  // the header, and with it the id
    ExpectAccountedFor(read);
    if (HasFailure()) return;
  }
}

// Footer and index are gone, and a block, too: the ones behind it are found all the same.
TEST_P(DamagedTableTest, WithoutAnIndexBlocksBehindADamagedOneAreFound) {
  std::string damaged = bytes_;
  damaged[bytes_.size() - 20] ^= 1;  // the footer
  const ReadBack whole = ReadAll(damaged, false);
  EXPECT_EQ(whole.entries.size(), Entries().size());
  damaged[200] ^= 1;  // the first block
  const ReadBack read = ReadAll(damaged, false);
  ExpectAccountedFor(read);
  EXPECT_GE(read.entries.size(), Entries().size() * 3 / 4);
  EXPECT_EQ(read.entries.back().key, Entries().back().key);
}

// What a later version may write there is no damage; who wrote it the header says, where it is
// whole.
TEST_P(DamagedTableTest, AFooterOfALaterFormatIsNotSupportedAndNamesWhatWroteIt) {
  std::string newer = test::WrittenBy(test::kOtherWriter, testing::WithLaterFooter(bytes_));
  const Status named = ReadAll(newer, true).status;
  EXPECT_STATUS(kNotSupported, named);
  EXPECT_TRUE(named.message().ends_with(test::NamesOtherWriter())) << named.ToString();
  newer[0] ^= 1;
  const Status not_said = ReadAll(newer, true).status;
  EXPECT_STATUS(kNotSupported, not_said);
  EXPECT_TRUE(not_said.message().ends_with(test::kNamesNoWriter)) << not_said.ToString();
}

TEST_P(DamagedTableTest, AnotherTableUnderItsNameIsNotTaken) {
  TableMeta other = meta_;
  other.id.low ^= 1;
  ASSERT_OK(test::WriteFile(fs_.get(), kPath, bytes_));
  EXPECT_STATUS(kCorruption, DamagedTable::Open(fs_.get(), kPath, &other));
}

INSTANTIATE_TEST_SUITE_P(Compressions, DamagedTableTest,
                         ::testing::Values(Compression::kNone, Compression::kSnappy),
                         [](const auto& tested) {
                           return tested.param == Compression::kNone ? "None" : "Snappy";
                         });

}  // namespace
}  // namespace logwood
