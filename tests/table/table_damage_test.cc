// Damage of every kind: an operation answers exactly right or with an error, and Verify always
// tells.
#include <cstring>

#include "table/format.h"
#include "tests/support/status_assert.h"
#include "tests/support/written_by.h"
#include "tests/table/table_test_support.h"

namespace logwood::testing {
namespace {

TestEntries SmallEntries() {
  TestEntries entries = PlainEntries(24);
  entries.push_back({entries[12].key, PackTrailer(3, EntryKind::kDelete), ""});
  MakeUnique(&entries);
  return entries;
}

TableOptions SmallOptions(Compression compression) {
  return {.block_bytes = 256, .compression = compression, .filter_bits_per_key = 10};
}

bool IsHonestError(const Status& status) {
  if (!status.Is(StatusCode::kCorruption) && !status.Is(StatusCode::kNotSupported)) return false;
  return status.message().find("000007.table") != std::string_view::npos;
}

// Every answer is right or an error.
void ExpectRightOrError(const TableReader& reader, const TestEntries& entries) {
  PinnedValue value;
  for (const TestEntry& e : entries) {
    LookupResult result;
    result.value = &value;
    Status status = reader.Get(MakeLookup(e.key, e.trailer >> 8), true, &result);
    if (!status.ok()) {
      ASSERT_TRUE(IsHonestError(status)) << status.ToString();
      continue;
    }
    ASSERT_TRUE(result.finished);
    ASSERT_EQ(result.trailer, e.trailer);
    ASSERT_EQ(value.view(), e.value);
  }
  for (uint32_t readahead : {0u, 600u}) {
    TableScanOptions options;
    options.readahead_bytes = readahead;
    auto it = reader.NewIterator(options);
    size_t seen = 0;
    for (it->SeekToFirst(); it->Valid(); it->Next()) {
      ASSERT_LT(seen, entries.size());
      ASSERT_TRUE(Matches(*it, entries[seen++]));
    }
    if (it->status().ok()) {
      ASSERT_EQ(seen, entries.size());
    } else {
      ASSERT_TRUE(IsHonestError(it->status())) << it->status().ToString();
    }
    seen = entries.size();
    for (it->SeekToLast(); it->Valid(); it->Prev()) ASSERT_TRUE(Matches(*it, entries[--seen]));
    ASSERT_EQ(it->status().ok(), seen == 0);
  }
}

class TableDamage : public ::testing::TestWithParam<Compression> {};

TEST_P(TableDamage, EveryFlippedByteIsDetectedByVerifyAndNeverAnsweredWrong) {
  const TestEntries entries = SmallEntries();
  BuiltTable table = BuildTable(entries, SmallOptions(GetParam()));
  auto before = MustOpen(&table);  // opened while all was well
  for (size_t at = 0; at < table.bytes->size(); ++at) {
    SCOPED_TRACE(at);
    for (const char pattern : {'\x01', '\xff'}) {
      (*table.bytes)[at] = static_cast<char>((*table.bytes)[at] ^ pattern);
      for (const TableMeta* meta :
           {static_cast<const TableMeta*>(nullptr), static_cast<const TableMeta*>(&table.meta)}) {
        auto reader = table.Open(meta);
        if (!reader.ok()) {
          ASSERT_TRUE(IsHonestError(reader.status())) << reader.status().ToString();
          continue;
        }
        ExpectRightOrError(**reader, entries);
        ASSERT_FALSE((*reader)->Verify(meta, nullptr, nullptr).ok());
      }
      ExpectRightOrError(*before, entries);
      ASSERT_FALSE(before->Verify(nullptr, nullptr, nullptr).ok());
      (*table.bytes)[at] = static_cast<char>((*table.bytes)[at] ^ pattern);
    }
  }
  EXPECT_TRUE(before->Verify(&table.meta, nullptr, nullptr).ok());
}

TEST_P(TableDamage, EveryTruncationIsRefused) {
  const TestEntries entries = SmallEntries();
  BuiltTable table = BuildTable(entries, SmallOptions(GetParam()));
  const std::string whole = *table.bytes;
  auto before = MustOpen(&table);
  for (size_t size = 0; size < whole.size(); ++size) {
    SCOPED_TRACE(size);
    table.bytes->resize(size);
    for (const TableMeta* meta :
         {static_cast<const TableMeta*>(nullptr), static_cast<const TableMeta*>(&table.meta)}) {
      auto reader = table.Open(meta);
      ASSERT_FALSE(reader.ok());
      ASSERT_TRUE(IsHonestError(reader.status())) << reader.status().ToString();
    }
    ExpectRightOrError(*before, entries);
    ASSERT_FALSE(before->Verify(nullptr, nullptr, nullptr).ok());
    *table.bytes = whole;
  }
}

INSTANTIATE_TEST_SUITE_P(Compressions, TableDamage,
                         ::testing::Values(Compression::kNone, Compression::kSnappy));

TEST(TableDamageTest, AppendedAndZeroedFilesAreRefused) {
  BuiltTable table = BuildTable(SmallEntries(), {});
  const size_t size = table.bytes->size();
  for (size_t more : {1u, 64u, 4096u}) {
    table.bytes->resize(size + more);
    EXPECT_TRUE(table.Open().status().Is(StatusCode::kCorruption));
  }
  table.bytes->assign(size, '\0');
  EXPECT_TRUE(table.Open().status().Is(StatusCode::kCorruption));
  table.bytes->clear();
  EXPECT_TRUE(table.Open().status().Is(StatusCode::kCorruption));
}

TEST(TableDamageTest, SwappedTablesAreToldByTheirMeta) {
  const TestEntries entries = SmallEntries();
  BuiltTable one = BuildTable(entries, {}, Id128{1, 1});
  BuiltTable two = BuildTable(entries, {}, Id128{2, 2});
  ASSERT_EQ(one.bytes->size(), two.bytes->size());
  std::swap(*one.bytes, *two.bytes);
  Status status = one.Open(&one.meta).status();
  EXPECT_TRUE(status.Is(StatusCode::kCorruption));
  EXPECT_NE(status.message().find("000007.table:24"), std::string_view::npos) << status.ToString();
}

TEST(TableDamageTest, MetaOfAnotherSizeOrRangeIsRefused) {
  BuiltTable table = BuildTable(SmallEntries(), {});
  TableMeta meta = table.meta;
  meta.size += 1;
  EXPECT_TRUE(table.Open(&meta).status().Is(StatusCode::kCorruption));
  meta = table.meta;
  meta.begin += 'x';
  EXPECT_TRUE(table.Open(&meta).status().Is(StatusCode::kCorruption));
  meta = table.meta;
  meta.end.back() = '\x01';
  EXPECT_TRUE(table.Open(&meta).status().Is(StatusCode::kCorruption));
  meta = table.meta;
  meta.hash ^= 1;
  auto reader = table.Open(&meta);
  ASSERT_TRUE(reader.ok());
  EXPECT_TRUE((*reader)->Verify(&meta, nullptr, nullptr).Is(StatusCode::kCorruption));
}

TEST(TableDamageTest, NewerVersionAndUnknownFlagsAreNotSupported) {
  BuiltTable table = BuildTable(SmallEntries(), {});
  for (bool version : {true, false}) {
    FileHeader header;
    header.kind = FileKind::kTable;
    header.id = kTestId;
    (version ? header.version : header.incompatible_flags) = 0x40;
    table.bytes->replace(0, kFileHeaderBytes, header.Encode());
    EXPECT_TRUE(table.Open().status().Is(StatusCode::kNotSupported));
  }
}

// A footer that names what this build can not read.
TEST(TableDamageTest, APartOfALaterFormatIsNotSupportedAndNamesWhatWroteIt) {
  BuiltTable table = BuildTable(SmallEntries(), {});
  const std::string good = *table.bytes;
  const size_t footer_at = good.size() - kFooterBytes;
  const std::string newer = WithLaterFooter(good);
  const std::string what =
      "000007.table:" + std::to_string(footer_at) + ": it has a part that is unknown";
  *table.bytes = test::WrittenBy(test::kOtherWriter, newer);
  EXPECT_STATUS(kNotSupported, table.Open());
  EXPECT_EQ(table.Open().status().message(), what + test::NamesOtherWriter());
  *table.bytes = test::WrittenBy(0, newer);
  EXPECT_EQ(table.Open().status().message(), what + std::string(test::kNamesNoWriter));
  // It came since the table was opened.
  *table.bytes = test::WrittenBy(test::kOtherWriter, good);
  ASSERT_OK_AND_ASSIGN(const auto reader, table.Open());
  *table.bytes = test::WrittenBy(test::kOtherWriter, newer);
  EXPECT_EQ(reader->Verify(nullptr, nullptr, nullptr).message(), what + test::NamesOtherWriter());
}

// Two blocks of one size change places: the offset in the checksum's seed tells.
TEST(TableDamageTest, SwappedBlocksAreDetected) {
  TestEntries entries;
  for (int i = 0; i < 10; ++i) {
    entries.push_back({"\x01key" + std::to_string(i), PackTrailer(5, EntryKind::kPut),
                       std::string(300, static_cast<char>('a' + i))});
  }
  BuiltTable table = BuildTable(entries, {.block_bytes = 256, .compression = Compression::kNone});
  auto reader = MustOpen(&table);
  ASSERT_EQ(reader->properties().data_blocks, 10u);
  const size_t size = (table.bytes->find("bbbb") - table.bytes->find("aaaa"));
  const std::string first = table.bytes->substr(kFileHeaderBytes, size);
  const std::string second = table.bytes->substr(kFileHeaderBytes + size, size);
  table.bytes->replace(kFileHeaderBytes, 2 * size, second + first);
  ExpectRightOrError(*reader, entries);
  LookupResult result;
  Status status = reader->Get(MakeLookup(entries[1].key, 9), true, &result);
  EXPECT_EQ(status.message(), "000007.table:" + std::to_string(kFileHeaderBytes + size) +
                                  ": block checksum does not match");
  EXPECT_TRUE(reader->Get(MakeLookup(entries[2].key, 9), true, &result).ok());
}

// A write that went to the right place of the wrong file: same offset, same size, sound by itself.
TEST(TableDamageTest, ABlockOfAnotherTableIsDetected) {
  TestEntries entries, others;
  for (int i = 0; i < 10; ++i) {
    const std::string key = "\x01key" + std::to_string(i);
    entries.push_back({key, PackTrailer(5, EntryKind::kPut), std::string(300, 'a')});
    others.push_back({key, PackTrailer(5, EntryKind::kPut), std::string(300, 'b')});
  }
  const TableOptions options{.block_bytes = 256, .compression = Compression::kNone};
  BuiltTable table = BuildTable(entries, options);
  const BuiltTable other = BuildTable(others, options, Id128{1, 2});
  auto reader = MustOpen(&table);
  ASSERT_EQ(table.bytes->size(), other.bytes->size());
  const size_t end = table.bytes->find(std::string(100, 'a')) + 300;
  table.bytes->replace(kFileHeaderBytes, end - kFileHeaderBytes,
                       other.bytes->substr(kFileHeaderBytes, end - kFileHeaderBytes));
  ExpectRightOrError(*reader, entries);
  LookupResult result;
  EXPECT_TRUE(
      reader->Get(MakeLookup(entries[0].key, 9), true, &result).Is(StatusCode::kCorruption));
}

TEST(TableDamageTest, VerifyReportsEachDamageWithItsKeysAndGoesOn) {
  const TestEntries entries = PlainEntries(200);
  BuiltTable table = BuildTable(entries, {.block_bytes = 256, .compression = Compression::kNone});
  auto reader = MustOpen(&table);
  for (const int number : {50, 150}) {
    const size_t at = table.bytes->find(entries[static_cast<size_t>(number)].value);
    ASSERT_NE(at, std::string::npos);
    (*table.bytes)[at] = '!';
  }
  std::vector<TableReader::BlockDamage> damages;
  uint64_t last_progress = 0;
  Status status = reader->Verify(
      &table.meta, [&](const TableReader::BlockDamage& damage) { damages.push_back(damage); },
      [&](uint64_t bytes) { last_progress = bytes; });
  EXPECT_TRUE(status.Is(StatusCode::kCorruption));
  EXPECT_EQ(last_progress, table.bytes->size());
  ASSERT_EQ(damages.size(), 2u);
  EXPECT_EQ(damages[0].status.ToString(), status.ToString());
  for (size_t i = 0; i < 2; ++i) {
    EXPECT_LE(damages[i].first_key, entries[i == 0 ? 50 : 150].key);
    EXPECT_GE(damages[i].last_key, entries[i == 0 ? 50 : 150].key);
    EXPECT_LT(damages[i].first_key, damages[i].last_key);
  }
  EXPECT_LT(damages[0].last_key, damages[1].first_key);
}

// Of what lies outside its bounds a scan reads nothing: it may be damaged.
TEST(TableDamageTest, ABlockBehindTheBoundsDoesNotDisturbAScan) {
  const TestEntries entries = PlainEntries(200);
  BuiltTable table = BuildTable(entries, {.block_bytes = 256, .compression = Compression::kNone});
  auto reader = MustOpen(&table);
  const size_t at = table.bytes->find(entries[100].value);
  ASSERT_NE(at, std::string::npos);
  (*table.bytes)[at] = '!';
  std::string first, last;
  EXPECT_STATUS(kCorruption, reader->Verify(&table.meta,
                                            [&](const TableReader::BlockDamage& damage) {
                                              first = damage.first_key;
                                              last = damage.last_key;
                                            },
                                            {}));
  for (const uint32_t readahead : {0u, 600u}) {
    TableScanOptions options;
    options.readahead_bytes = readahead;
    options.bounds = std::make_shared<const TableScanBounds>(TableScanBounds{"\x01", first});
    size_t seen = 0;
    auto it = reader->NewIterator(options);
    for (it->SeekToFirst(); it->Valid() && it->entry().key < first; it->Next()) ++seen;
    EXPECT_OK(it->status());
    options.bounds = std::make_shared<const TableScanBounds>(TableScanBounds{last + '\0', "\x02"});
    it = reader->NewIterator(options);
    for (it->SeekToLast(); it->Valid() && it->entry().key > last; it->Prev()) ++seen;
    EXPECT_OK(it->status());
    EXPECT_GE(seen, 180u);
    it = reader->NewIterator({});
    for (it->SeekToFirst(); it->Valid(); it->Next()) continue;
    EXPECT_STATUS(kCorruption, it->status());
  }
}

// RocksDB 8.7: an error at a block was swallowed and compaction went on without its entries.
TEST(TableDamageTest, EachFailedReadIsAnErrorOrTheWholeAnswer) {
  const TestEntries entries = SmallEntries();
  BuiltTable table = BuildTable(entries, SmallOptions(Compression::kNone));
  for (uint32_t readahead : {0u, 600u}) {
    for (int fail = 0;; ++fail) {
      auto reader = MustOpen(&table);
      table.source->reads = 0;
      table.source->fail_read = fail;
      TableScanOptions options;
      options.readahead_bytes = readahead;
      auto it = reader->NewIterator(options);
      size_t seen = 0;
      for (it->SeekToFirst(); it->Valid(); it->Next()) ++seen;
      const bool reached = table.source->reads > fail;
      if (it->status().ok()) {
        ASSERT_EQ(seen, entries.size());
      } else {
        ASSERT_TRUE(it->status().Is(StatusCode::kIoError));
        ASSERT_FALSE(it->Valid());
        it->SeekToFirst();  // the next seek starts anew
        ASSERT_TRUE(it->Valid() && it->status().ok());
      }
      if (!reached) break;
    }
  }
}

TEST(TableDamageTest, EachFailedReadDuringOpenPassesAsItIs) {
  BuiltTable table = BuildTable(SmallEntries(), {});
  for (int fail = 0; fail < 3; ++fail) {
    auto file = std::make_unique<StringSource>(table.bytes);
    file->fail_read = fail;
    EXPECT_TRUE(TableReader::Open(std::move(file), "t", &table.meta, nullptr, nullptr)
                    .status()
                    .Is(StatusCode::kIoError));
  }
}

}  // namespace
}  // namespace logwood::testing
