// What a table knows of its entries that expire: the profile, where it is written, and what is
// none.
#include "table/expiry_profile.h"

#include <algorithm>

#include "table/block_builder.h"
#include "table/block_io.h"
#include "table/properties.h"
#include "tests/support/status_assert.h"
#include "tests/table/table_test_support.h"
#include "util/expiring_value.h"

namespace logwood::testing {
namespace {

using Times = std::array<uint64_t, 4>;

ExpiryProfile ProfileOf(const std::vector<uint64_t>& times_us) {
  ExpirySampler sampler;
  for (const uint64_t time_us : times_us) sampler.Add(time_us);
  EXPECT_EQ(sampler.entries(), times_us.size());
  return sampler.Finish();
}

TEST(ExpiryProfileTest, OfFewItTellsTheQuarters) {
  EXPECT_EQ(ProfileOf({}), ExpiryProfile{});
  EXPECT_EQ(ProfileOf({7}), (ExpiryProfile{1, {7, 7, 7, 7}}));
  EXPECT_EQ(ProfileOf({9, 1}), (ExpiryProfile{2, {1, 1, 1, 9}}));
  EXPECT_EQ(ProfileOf({5, 1, 4, 2, 3}), (ExpiryProfile{5, {2, 3, 4, 5}}));
  EXPECT_EQ(ProfileOf({~uint64_t{0}, 0}), (ExpiryProfile{2, {0, 0, 0, ~uint64_t{0}}}));
}

TEST(ExpiryProfileTest, ExpiredByCountsWholeQuarters) {
  const ExpiryProfile profile{100, {10, 20, 20, 30}};
  const std::map<uint64_t, uint64_t> expected = {
      {0, 0}, {9, 0}, {10, 25}, {19, 25}, {20, 75}, {29, 75}, {30, 100}, {~uint64_t{0}, 100}};
  for (const auto& [time_us, entries] : expected) EXPECT_EQ(profile.ExpiredBy(time_us), entries);
  EXPECT_EQ(ExpiryProfile{}.ExpiredBy(~uint64_t{0}), 0u);
  EXPECT_EQ((ExpiryProfile{3, {1, 2, 3, 4}}).ExpiredBy(1), 0u) << "less rather than more";
}

// Sampled or not: ranks are near those asked for, the last is exact, and nobody is promised more
// than have expired, but for what the samples' distance hides.
TEST(ExpiryProfileTest, OfManyTheQuartersAreNearAndTheLastIsExact) {
  Random random(5);
  for (const size_t count : {1u, 3u, 511u, 512u, 513u, 1024u, 1025u, 5000u, 20'000u}) {
    for (const bool ascending : {false, true}) {
      SCOPED_TRACE(std::to_string(count) + (ascending ? " ascending" : ""));
      std::vector<uint64_t> times;
      for (size_t i = 0; i < count; ++i) {
        times.push_back(ascending ? i : random.Uniform(1'000'000'000));
      }
      const ExpiryProfile profile = ProfileOf(times);
      EXPECT_EQ(profile, ProfileOf(times)) << "the same entries give the same";
      EXPECT_EQ(profile.entries, count);
      std::sort(times.begin(), times.end());
      EXPECT_EQ(profile.times_us.back(), times.back());
      EXPECT_TRUE(std::is_sorted(profile.times_us.begin(), profile.times_us.end()));
      // There are 256 samples or more: a rank is off by less than eight deviations.
      const double slack = ascending ? 0.01 : 0.25;
      for (size_t i = 0; i < 3; ++i) {
        const auto rank =
            std::upper_bound(times.begin(), times.end(), profile.times_us[i]) - times.begin();
        const double expected = static_cast<double>(count) * static_cast<double>(i + 1) / 4;
        EXPECT_NEAR(static_cast<double>(rank), expected,
                    1 + (count > 500 ? slack * static_cast<double>(count) : 0.0))
            << i;
      }
    }
  }
}

// ---- Where it is written

TestEntry Expiring(std::string key, LogPos position, uint64_t expires_us,
                   std::string_view value = "v") {
  std::string bytes;
  AppendExpiring(&bytes, expires_us, value);
  return {"\x01" + std::move(key), PackTrailer(position, EntryKind::kPutExpiring), bytes};
}

BuiltTable HalfExpiring(int count = 100) {
  TestEntries entries = PlainEntries(count);
  for (size_t i = 0; i < entries.size(); i += 2) {
    entries[i] = Expiring(entries[i].key.substr(1), entries[i].trailer >> 8, 1000 + i);
  }
  return BuildTable(entries, {.block_bytes = 256});
}

TEST(TableExpiryTest, MetaAndPropertiesTellIt) {
  BuiltTable table = HalfExpiring();
  EXPECT_EQ(table.meta.expiry, (ExpiryProfile{50, {1024, 1048, 1072, 1098}}));
  auto reader = MustOpen(&table);
  EXPECT_EQ(reader->properties().expiry, table.meta.expiry);
  EXPECT_EQ(reader->properties().tombstones, 0u);
  EXPECT_OK(reader->Verify(&table.meta, {}, {}));
  BuiltTable none = BuildTable(PlainEntries(10), {});
  EXPECT_EQ(none.meta.expiry, ExpiryProfile{});
  EXPECT_EQ(MustOpen(&none)->properties().expiry, ExpiryProfile{});
}

TEST(TableExpiryTest, EncodingIsFiveNumbers) {
  const ExpiryProfile profile{300, {1, 2, 2, ~uint64_t{0}}};
  std::string bytes;
  EncodeExpiry(profile, &bytes);
  EXPECT_EQ(bytes, "\xac\x02\x01\x02\x02\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01");
  ExpiryProfile decoded;
  ASSERT_TRUE(DecodeExpiry(bytes, &decoded));
  EXPECT_EQ(decoded, profile);
  for (size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_FALSE(DecodeExpiry(std::string_view(bytes).substr(0, size), &decoded)) << size;
  }
  EXPECT_FALSE(DecodeExpiry(bytes + '\0', &decoded));
  EXPECT_FALSE(DecodeExpiry(std::string_view("\0\1\2\3\4", 5), &decoded)) << "of no entries";
  EXPECT_FALSE(DecodeExpiry("\1\2\1\3\4", &decoded)) << "times that descend";
}

TEST(TableExpiryTest, OfPropertiesItIsAFieldOfItsOwn) {
  TableProperties properties;
  properties.entries = 3;
  properties.smallest_key = "a";
  properties.largest_key = "b";
  std::string without, with;
  EncodeTableProperties(properties, &without);
  properties.expiry = {3, {1, 2, 3, 4}};
  EncodeTableProperties(properties, &with);
  EXPECT_EQ(with, without + "\x14\x05\x03\x01\x02\x03\x04");
  TableProperties decoded;
  ASSERT_TRUE(DecodeTableProperties(with, &decoded));
  EXPECT_EQ(decoded.expiry, properties.expiry);
  ASSERT_TRUE(DecodeTableProperties(without, &decoded));
  EXPECT_FALSE(DecodeTableProperties(without + "\x14\x04\x03\x01\x02\x03", &decoded));
  EXPECT_FALSE(
      DecodeTableProperties(without + std::string("\x14\x05\0\x01\x02\x03\x04", 7), &decoded));
}

// Of the properties block alone, since the checksums agree.
TEST(TableExpiryTest, VerifyHoldsTheCountAgainstTheEntries) {
  BuiltTable table = HalfExpiring(10);
  const std::string name = table.bytes->substr(table.bytes->size() - kFooterBytes + 32, 16);
  const auto offset = LoadFixed<uint64_t>(name.data()), size = LoadFixed<uint64_t>(name.data() + 8);
  std::string payload = table.bytes->substr(offset, size - 8);
  const size_t at = payload.find("\x14\x09\x05");  // tag, 1 + 4 times of 2 bytes, 5 entries
  ASSERT_NE(at, std::string::npos);
  payload[at + 2] = 4;
  StoreFixed(table.bytes->data() + offset + size - 8,
             Hash64(payload, ChecksumSeed(kTestId, offset)));
  (*table.bytes)[offset + at + 2] = 4;
  auto reader = table.Open();
  ASSERT_OK(reader);
  EXPECT_EQ((*reader)->properties().expiry.entries, 4u);
  const Status status = (*reader)->Verify(nullptr, {}, {});
  EXPECT_STATUS(kCorruption, status);
}

TEST(TableExpiryTest, LookupsAndScansSayWhen) {
  BuiltTable table = BuildTable({Expiring("a", 9, 77, "new"), Expiring("a", 4, 55, ""),
                                 Expiring("b", 3, 99, std::string(9000, 'b'))},
                                {});
  auto reader = MustOpen(&table);
  const auto look = [&](const std::string& key, LogPos position, PinnedValue* value) {
    LookupResult result;
    result.value = value;
    EXPECT_OK(reader->Get(MakeLookup(key, position), true, &result));
    EXPECT_TRUE(result.finished);
    EXPECT_EQ(TrailerKind(result.trailer), EntryKind::kPutExpiring);
    return result.expires_us;
  };
  PinnedValue value;
  EXPECT_EQ(look("\x01"
                 "a",
                 9, &value),
            77u);
  EXPECT_EQ(value.view(), "new");
  EXPECT_EQ(look("\x01"
                 "a",
                 8, &value),
            55u);
  EXPECT_EQ(value.view(), "");
  EXPECT_EQ(look("\x01"
                 "b",
                 8, &value),
            99u);
  EXPECT_EQ(value.view(), std::string(9000, 'b'));
  EXPECT_EQ(look("\x01"
                 "b",
                 8, nullptr),
            99u)
      << "whether it is there depends on it";
}

// ---- What is none

TEST(TableExpiryTest, AValueTooShortForItsTimeIsDamageOfItsBlock) {
  for (size_t bytes = 0; bytes <= kExpiryBytes; ++bytes) {
    SCOPED_TRACE(bytes);
    BlockBuilder block;
    block.Add("\x01z", PackTrailer(9, EntryKind::kPutExpiring), std::string(bytes, 'z'));
    ByteBuffer payload, stored;
    block.Finish(&payload);
    const BlockHandle handle =
        AppendBlock(payload.view(), Compression::kNone, kTestId, 500, &stored);
    StringSource source(
        std::make_shared<std::string>(std::string(500, 'x') + std::string(stored.view())));
    const auto read = ReadBlock({&source, "000007.table", kTestId, 0}, handle, BlockUse::kData);
    if (bytes == kExpiryBytes) {
      EXPECT_OK(read);
      continue;
    }
    ASSERT_STATUS(kCorruption, read);
    EXPECT_EQ(read.status().message(),
              "000007.table:500: a put that expires is too short for its time");
    EXPECT_OK(ReadBlock({&source, "000007.table", kTestId, 0}, handle, BlockUse::kIndex))
        << "there kinds are not looked at";
  }
}

}  // namespace
}  // namespace logwood::testing
