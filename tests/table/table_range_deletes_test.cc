// Range deletes in a table: what was given comes back, bounds and counts hold them, and damage of
// any byte is an error or the right answer.
#include <set>

#include "table/damaged_table.h"
#include "table/format.h"
#include "tests/support/directory.h"
#include "tests/support/sanitizers.h"
#include "tests/support/status_assert.h"
#include "tests/table/table_test_support.h"

namespace logwood::testing {
namespace {

// Of overlapping ranges at many positions.
TestRanges RandomRanges(Random* random, KeyShape shape, int count) {
  TestRanges made;
  RangeFragmenter fragmenter;
  for (int i = 0; i < count; ++i) {
    std::string a = ShapedKey(random, shape), b = ShapedKey(random, shape);
    if (a == b) continue;
    made.push_back({std::min(a, b), std::max(a, b), 1 + random->Skewed(12)});
  }
  for (const TestRange& range : made) fragmenter.Add(range.begin, range.end, range.position);
  return RangesIn(fragmenter.Finish());
}

LogPos NewestCovering(const TestRanges& ranges, std::string_view key, LogPos position) {
  LogPos newest = 0;
  for (const TestRange& range : ranges) {
    if (range.begin <= key && key < range.end && range.position <= position)
      newest = std::max(newest, range.position);
  }
  return newest;
}

// What a lookup has to find: the trailer; 0: nothing.
uint64_t ExpectedTrailer(const TestEntries& entries, const TestRanges& ranges, std::string_view key,
                         LogPos position) {
  const LogPos deleted_at = NewestCovering(ranges, key, position);
  for (const TestEntry& e : entries) {
    if (e.key == key && TrailerPosition(e.trailer) <= position &&
        TrailerPosition(e.trailer) >= deleted_at) {
      return e.trailer;  // the first is the newest
    }
  }
  return deleted_at == 0 ? 0 : PackTrailer(deleted_at, EntryKind::kRangeDelete);
}

// With no entry there is one that says the same as the first range.
TestEntries WithMarker(TestEntries entries, const TestRanges& ranges) {
  if (entries.empty())
    entries.push_back({ranges[0].begin, PackTrailer(ranges[0].position, EntryKind::kDelete), ""});
  return entries;
}

using Shape = std::tuple<Compression, KeyShape, bool>;
class RangeRoundTrip : public ::testing::TestWithParam<Shape> {};

TEST_P(RangeRoundTrip, WhatWasGivenComesBackAndLookupsObeyIt) {
  const auto [compression, shape, with_entries] = GetParam();
  for (uint64_t seed = 1; seed <= 3; ++seed) {
    SCOPED_TRACE(seed);
    Random random(seed);
    const TestRanges ranges = RandomRanges(&random, shape, shape == KeyShape::kLong ? 6 : 25);
    ASSERT_FALSE(ranges.empty());
    TestEntries entries;
    if (with_entries) entries = RandomEntries(&random, shape, 60);
    BuiltTable table =
        BuildTable(entries, {.block_bytes = 512, .compression = compression}, kTestId, ranges);
    entries = WithMarker(std::move(entries), ranges);
    const auto reader = MustOpen(&table);
    ASSERT_NE(reader, nullptr);
    ASSERT_OK(reader->Verify(&table.meta, nullptr, nullptr));
    ASSERT_EQ(RangesIn(reader->range_deletes()), ranges);
    EXPECT_EQ(reader->properties().range_deletes, ranges.size());
    const TableMeta& meta = table.meta;
    EXPECT_EQ(meta.range_deletes, ranges.size());
    EXPECT_EQ(meta.entries, entries.size());
    EXPECT_EQ(meta.begin, std::min(entries.front().key, ranges.front().begin));
    EXPECT_EQ(meta.end, std::max(entries.back().key + '\0', ranges.back().end));
    LogPos least = kPositionMax, most = 0;
    std::set<std::string> keys = {"", "\x01", "\xff"};
    for (const TestEntry& e : entries) {
      least = std::min(least, TrailerPosition(e.trailer));
      most = std::max(most, TrailerPosition(e.trailer));
      keys.insert({e.key, e.key + '\0'});
    }
    for (const TestRange& r : ranges) {
      least = std::min(least, r.position);
      most = std::max(most, r.position);
      keys.insert({r.begin, r.end, r.begin + '\0'});
      if (!r.begin.empty()) keys.insert(r.begin.substr(0, r.begin.size() - 1));
    }
    EXPECT_EQ(meta.min_position, least);
    EXPECT_EQ(meta.max_position, most);
    for (const std::string& key : keys) {
      for (const LogPos position : {LogPos{1}, random.Uniform(100), random.Uniform(5000), most}) {
        LookupResult result;
        PinnedValue value;
        result.value = &value;
        ASSERT_OK(reader->Get(MakeLookup(key, position), true, &result));
        const uint64_t expected = ExpectedTrailer(entries, ranges, key, position);
        ASSERT_EQ(result.finished, expected != 0);
        ASSERT_EQ(result.finished ? result.trailer : 0, expected);
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Shapes, RangeRoundTrip,
                         ::testing::Combine(::testing::Values(Compression::kNone,
                                                              Compression::kSnappy),
                                            ::testing::Values(KeyShape::kPlain, KeyShape::kNasty,
                                                              KeyShape::kRuns, KeyShape::kLong),
                                            ::testing::Bool()));

TEST(TableRangeDeletes, ManyFragmentsAndLongestKeys) {
  TestRanges ranges;
  for (int i = 0; i < 30'000; ++i) {
    const std::string key = "\x01" + std::to_string(100'000 + i);
    ranges.push_back({key, key + "5", 9});
    if (i % 100 == 0) ranges.push_back({key, key + "5", 3});
  }
  const std::string longest(kStoredKeyBytesMax, '\x02');
  ranges.push_back({longest, std::string(kStoredKeyBytesMax - 1, '\x02') + '\x03', 7});
  BuiltTable table = BuildTable({}, {}, kTestId, ranges);
  const auto reader = MustOpen(&table);
  ASSERT_NE(reader, nullptr);
  EXPECT_EQ(RangesIn(reader->range_deletes()), ranges);
  EXPECT_OK(reader->Verify(&table.meta, nullptr, nullptr));
  // A table's memory is accounted for.
  BuiltTable none = BuildTable(PlainEntries(1), {});
  EXPECT_GT(reader->memory_bytes(), MustOpen(&none)->memory_bytes() + 30'000u * 15);
}

TEST(TableRangeDeletes, WhatIsNoFragmentIsRefused) {
  const std::string a = "\x01"
                        "a",
                    b = "\x01"
                        "b",
                    c = "\x01"
                        "c";
  const std::vector<TestRanges> all = {{{b, a, 1}},
                                       {{a, a, 1}},
                                       {{a, b, 1}, {a, b, 1}},
                                       {{a, b, 1}, {a, b, 2}},
                                       {{a, c, 2}, {b, c, 1}},
                                       {{b, c, 2}, {a, b, 1}},
                                       {{a, std::string(kStoredKeyBytesMax + 1, '\x02'), 1}}};
  for (const TestRanges& ranges : all) {
    std::string bytes;
    StringSink sink(&bytes);
    TableBuilder builder(&sink, {}, 7, kTestId);
    builder.Add(a, PackTrailer(9, EntryKind::kPut), "v");
    for (const TestRange& r : ranges) builder.AddRangeDelete(r.begin, r.end, r.position);
    EXPECT_STATUS(kCorruption, builder.Finish());
  }
}

// Two blocks of entries, three fragments.
class RangeDamage : public ::testing::TestWithParam<Compression> {
 protected:
  RangeDamage() {
    for (int i = 0; i < 16; ++i) {
      entries_.push_back({"\x01key" + std::to_string(10 + i),
                          PackTrailer(static_cast<LogPos>(20 + i), EntryKind::kPut),
                          std::string(20, 'v')});
    }
    ranges_ = {{"\x01key05", "\x01key12", 30},
               {"\x01key05", "\x01key12", 8},
               {"\x01key14", "\x01key14x", 40},
               {"\x01key20", "\x01l", 33}};
    table_ = BuildTable(entries_,
                        {.block_bytes = 256, .compression = GetParam(), .filter_bits_per_key = 10},
                        kTestId, ranges_);
  }

  void ExpectRightOrError(const TableReader& reader) {
    for (int i = 0; i < 25; ++i) {
      const std::string key = "\x01key" + std::to_string(10 + i);
      for (const LogPos position : {LogPos{25}, LogPos{50}}) {
        LookupResult result;
        PinnedValue value;
        result.value = &value;
        const Status status = reader.Get(MakeLookup(key, position), true, &result);
        if (!status.ok()) {
          ASSERT_STATUS(kCorruption, status);
          continue;
        }
        const uint64_t expected = ExpectedTrailer(entries_, ranges_, key, position);
        ASSERT_EQ(result.finished ? result.trailer : 0, expected) << i;
      }
    }
    ASSERT_EQ(RangesIn(reader.range_deletes()), ranges_);
  }
  static void ExpectNamesThePlace(const Status& status) {
    ASSERT_TRUE(status.Is(StatusCode::kCorruption) || status.Is(StatusCode::kNotSupported))
        << status.ToString();
    const std::string text(status.message());
    ASSERT_TRUE(text.starts_with("000007.table:") && text.size() > 14 && isdigit(text[13])) << text;
  }
  Footer FooterOfTable() const {
    const std::string_view bytes = *table_.bytes;
    const auto footer = DecodeFooter(bytes.substr(bytes.size() - kFooterBytes), kTestId,
                                     bytes.size(), "t", /*writer=*/0);
    EXPECT_OK(footer);
    return *footer;
  }

  TestEntries entries_;
  TestRanges ranges_;
  BuiltTable table_;
};

TEST_P(RangeDamage, EveryFlippedByteIsDetectedAndNeverAnsweredWrong) {
  const auto before = MustOpen(&table_);
  for (size_t at = 0; at < table_.bytes->size(); ++at) {
    SCOPED_TRACE(at);
    (*table_.bytes)[at] ^= 0x11;
    for (const TableMeta* meta :
         {static_cast<const TableMeta*>(nullptr), static_cast<const TableMeta*>(&table_.meta)}) {
      const auto reader = table_.Open(meta);
      if (!reader.ok()) {
        ExpectNamesThePlace(reader.status());
      } else {
        ExpectRightOrError(**reader);
        ASSERT_FALSE((*reader)->Verify(meta, nullptr, nullptr).ok());
      }
      if (HasFatalFailure()) return;
    }
    ExpectRightOrError(*before);
    ASSERT_FALSE(before->Verify(nullptr, nullptr, nullptr).ok());
    (*table_.bytes)[at] ^= 0x11;
  }
}

TEST_P(RangeDamage, EveryTruncationIsRefused) {
  const std::string whole = *table_.bytes;
  for (size_t size = 0; size < whole.size(); ++size) {
    table_.bytes->resize(size);
    ASSERT_STATUS(kCorruption, table_.Open());
    ExpectNamesThePlace(table_.Open(&table_.meta).status());
    *table_.bytes = whole;
  }
}

// Verify names the block with all keys of the table.
TEST_P(RangeDamage, VerifyNamesTheBlockAndTheKeysItCovers) {
  const auto reader = MustOpen(&table_);
  const Footer footer = FooterOfTable();
  ASSERT_GT(footer.range_deletes.size, 0u);
  (*table_.bytes)[footer.range_deletes.offset + 3] ^= 1;
  std::vector<TableReader::BlockDamage> damages;
  EXPECT_STATUS(kCorruption,
                reader->Verify(
                    &table_.meta, [&](const auto& d) { damages.push_back(d); }, nullptr));
  ASSERT_GE(damages.size(), 1u);
  EXPECT_EQ(damages[0].offset, footer.range_deletes.offset);
  EXPECT_EQ(damages[0].first_key, "\x01key05");
  EXPECT_GE(damages[0].last_key, "\x01l");
}

TEST_P(RangeDamage, AManifestThatKnowsOtherRangesIsRefused) {
  for (const int change : {0, 1, 2}) {
    TableMeta meta = table_.meta;
    if (change == 0) meta.range_deletes = 0;
    if (change == 1) ++meta.range_deletes;
    if (change == 2) meta.end = "\x01key25" + std::string(1, '\0');
    EXPECT_STATUS(kCorruption, table_.Open(&meta)) << change;
  }
}

// Good checksums over what no builder writes: fragments that overlap, another kind, a count.
TEST_P(RangeDamage, AFooterWithoutTheBlockIsRefusedByTheProperties) {
  Footer footer = FooterOfTable();
  // The block's bytes now belong to nobody: parts do not follow each other.
  footer.range_deletes = {};
  std::string bytes = *table_.bytes;
  bytes.replace(bytes.size() - kFooterBytes, kFooterBytes, footer.Encode(kTestId));
  *table_.bytes = bytes;
  EXPECT_STATUS(kCorruption, table_.Open());
}

// Every loss of range deletes is told for all keys they may be of; else they are read.
TEST_P(RangeDamage, DamagedTableReadsThemOrTellsTheirLoss) {
  const auto fs = FileSystem::InMemory();
  const Footer footer = FooterOfTable();
  size_t lost = 0;
  for (const bool with_meta : {true, false}) {
    for (size_t at = 0; at < table_.bytes->size(); ++at) {
      if (test::kSanitized && at % 3 != 0) continue;
      SCOPED_TRACE(at);
      std::string damaged = *table_.bytes;
      damaged[at] ^= 0x10;
      ASSERT_OK(test::WriteFile(fs.get(), "/000007.table", damaged));
      const auto opened =
          DamagedTable::Open(fs.get(), "/000007.table", with_meta ? &table_.meta : nullptr);
      ASSERT_OK(opened);
      DamagedTable& table = **opened;
      size_t entries = 0;
      while (table.Next()) ++entries;
      ASSERT_OK(table.status());
      ASSERT_GE(entries, 5u);
      const auto loss = std::find_if(table.losses().begin(), table.losses().end(),
                                     [](const TableLoss& l) { return l.of_ranges; });
      if (table.range_deletes() != nullptr) {
        ASSERT_EQ(RangesIn(table.range_deletes()), ranges_);
        ASSERT_EQ(loss, table.losses().end());
        continue;
      }
      ++lost;
      ASSERT_NE(loss, table.losses().end());
      ASSERT_TRUE(loss->entries_lost);
      ASSERT_EQ(loss->first_key.has_value(), with_meta);
      if (with_meta) {
        ASSERT_EQ(*loss->first_key, "\x01key05");
        ASSERT_EQ(*loss->last_key, "\x01l");
      }
      ASSERT_NE(loss->what.find("what they deleted may be back"), std::string::npos);
      const bool in_footer = at >= damaged.size() - kFooterBytes;
      const bool in_block = at >= footer.range_deletes.offset && at < footer.range_deletes.end();
      ASSERT_TRUE(in_footer || in_block);
    }
  }
  if (!test::kSanitized) {
    EXPECT_EQ(lost, 2 * (kFooterBytes + footer.range_deletes.size));
  }
}

// Of a table without ranges a damaged footer hides none: the manifest knows.
TEST_P(RangeDamage, ATableThatHasNoneLosesNone) {
  const auto fs = FileSystem::InMemory();
  BuiltTable plain = BuildTable(entries_, {.compression = GetParam()});
  plain.bytes->back() = '\0';
  ASSERT_OK(test::WriteFile(fs.get(), "/t", *plain.bytes));
  ASSERT_OK_AND_ASSIGN(const auto table, DamagedTable::Open(fs.get(), "/t", &plain.meta));
  for (const TableLoss& loss : table->losses()) EXPECT_FALSE(loss.of_ranges);
}

// Without filter, index and footer the scan for blocks ends at the range deletes.
TEST_P(RangeDamage, TheScanForBlocksTakesThemForNoEntries) {
  BuiltTable bare = BuildTable(
      entries_, {.block_bytes = 256, .compression = GetParam(), .filter_bits_per_key = 0}, kTestId,
      ranges_);
  const std::string_view bytes = *bare.bytes;
  ASSERT_OK_AND_ASSIGN(const Footer footer, DecodeFooter(bytes.substr(bytes.size() - kFooterBytes),
                                                         kTestId, bytes.size(), "t", /*writer=*/0));
  (*bare.bytes)[footer.index.offset + 2] ^= 1;
  bare.bytes->back() = '\0';
  const auto fs = FileSystem::InMemory();
  ASSERT_OK(test::WriteFile(fs.get(), "/t", *bare.bytes));
  ASSERT_OK_AND_ASSIGN(const auto table, DamagedTable::Open(fs.get(), "/t", &bare.meta));
  size_t entries = 0;
  while (table->Next()) ++entries;
  EXPECT_OK(table->status());
  EXPECT_EQ(entries, entries_.size());
}

INSTANTIATE_TEST_SUITE_P(Compressions, RangeDamage,
                         ::testing::Values(Compression::kNone, Compression::kSnappy),
                         [](const auto& tested) {
                           return tested.param == Compression::kNone ? "None" : "Snappy";
                         });

}  // namespace
}  // namespace logwood::testing
