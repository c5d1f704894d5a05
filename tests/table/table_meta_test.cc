#include "table/table_meta.h"

#include "table/properties.h"
#include "tests/table/table_test_support.h"
#include "util/coding.h"

namespace logwood::testing {
namespace {

TableMeta SomeMeta() {
  TableMeta meta;
  meta.number = 12;
  meta.id = kTestId;
  meta.size = 1 << 20;
  meta.hash = 0xdeadbeefcafef00dULL;
  meta.begin =
      "\x01"
      "a";
  meta.end = std::string("\x01z\0", 3);
  meta.min_position = 5;
  meta.max_position = kPositionMax;
  meta.entries = 1000;
  meta.tombstones = 10;
  meta.raw_bytes = 123456;
  meta.created_us = 1'700'000'000'000'000;
  meta.position_override = 3;
  return meta;
}

TEST(TableMetaTest, SurvivesEncoding) {
  const TableMeta meta = SomeMeta();
  std::string bytes;
  EncodeTableMeta(meta, &bytes);
  TableMeta decoded;
  ASSERT_TRUE(DecodeTableMeta(bytes, &decoded));
  EXPECT_EQ(decoded, meta);
}

TEST(TableMetaTest, RefusesCutsAndTrailingBytes) {
  std::string bytes;
  EncodeTableMeta(SomeMeta(), &bytes);
  TableMeta decoded;
  for (size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_FALSE(DecodeTableMeta(std::string_view(bytes).substr(0, size), &decoded));
  }
  EXPECT_FALSE(DecodeTableMeta(bytes + '\0', &decoded));
}

TEST(TableMetaTest, RefusesImpossibleFields) {
  auto refused = [](auto change) {
    TableMeta meta = SomeMeta();
    change(&meta);
    std::string bytes;
    EncodeTableMeta(meta, &bytes);
    TableMeta decoded;
    return !DecodeTableMeta(bytes, &decoded);
  };
  EXPECT_TRUE(refused([](TableMeta* m) { m->end = m->begin; }));
  EXPECT_TRUE(refused([](TableMeta* m) {
    m->min_position = kPositionMax;
    m->max_position = 1;
  }));
  EXPECT_TRUE(refused([](TableMeta* m) { m->max_position = kPositionMax + 1; }));
  EXPECT_TRUE(refused([](TableMeta* m) { m->tombstones = m->entries + 1; }));
  EXPECT_TRUE(refused([](TableMeta* m) { m->end.assign(70'000, 'z'); }));
}

TEST(TableMetaTest, FilesAreNamedBySixDigitsOrMore) {
  EXPECT_EQ(TableFileName(12), "000012.table");
  EXPECT_EQ(TableFileName(12'345'678), "12345678.table");
}

TableProperties SomeProperties() {
  TableProperties p;
  p.entries = 3;
  p.tombstones = 1;
  p.raw_key_bytes = 30;
  p.raw_value_bytes = 40;
  p.data_blocks = 1;
  p.min_position = 2;
  p.max_position = 9;
  p.smallest_key = "a";
  p.largest_key = "b";
  p.keyspace_entries = {{1, 2}, {300, 1}};
  p.block_bytes = 4096;
  p.filter_bits_per_key = 10;
  p.compression = "snappy";
  p.written_by = "test";
  return p;
}

TEST(TablePropertiesTest, SurviveEncodingAndSkipUnknownTags) {
  std::string bytes;
  EncodeTableProperties(SomeProperties(), &bytes);
  PutVarint(&bytes, 999);
  PutLengthPrefixed(&bytes, "from the future");
  TableProperties decoded;
  ASSERT_TRUE(DecodeTableProperties(bytes, &decoded));
  EXPECT_EQ(decoded.entries, 3u);
  EXPECT_EQ(decoded.raw_value_bytes, 40u);
  EXPECT_EQ(decoded.largest_key, "b");
  EXPECT_EQ(decoded.keyspace_entries, SomeProperties().keyspace_entries);
  EXPECT_EQ(decoded.compression, "snappy");
  EXPECT_EQ(decoded.written_by, "test");
}

TEST(TablePropertiesTest, MissingFieldsAndNonsenseAreRefused) {
  std::string bytes;
  EncodeTableProperties(SomeProperties(), &bytes);
  TableProperties decoded;
  EXPECT_FALSE(DecodeTableProperties("", &decoded));
  EXPECT_FALSE(DecodeTableProperties(std::string_view(bytes).substr(0, 20), &decoded));
  EXPECT_FALSE(DecodeTableProperties(std::string_view(bytes).substr(3), &decoded));
  Random random(3);
  for (int i = 0; i < 5000; ++i) {
    std::string changed = bytes;
    changed[random.Uniform(changed.size())] = static_cast<char>(random.Next());
    (void)DecodeTableProperties(changed, &decoded);  // the sanitizer watches
  }
}

}  // namespace
}  // namespace logwood::testing
