#include "util/internal_key.h"

#include <gtest/gtest.h>

#include <fstream>
#include <limits>
#include <sstream>
#include <string>
#include <vector>

#include "tests/support/hex_page.h"
#include "util/batch_codec.h"
#include "util/escape.h"
#include "util/expiring_value.h"
#include "util/merge_value.h"
#include "util/random.h"

namespace logwood {
namespace {

constexpr uint32_t kNumberMax = std::numeric_limits<uint32_t>::max();

// Around each place where the prefix gets one byte longer.
std::vector<uint32_t> NumbersAroundBoundaries() {
  std::vector<uint32_t> numbers;
  for (const uint32_t boundary : {0U, 239U, 495U, 65'775U, 16'777'455U, kNumberMax - 3}) {
    for (uint32_t delta = boundary == 0 ? 2 : 0; delta < 5; ++delta) {
      if (boundary <= kNumberMax - delta + 2) numbers.push_back(boundary - 2 + delta);
    }
  }
  numbers.push_back(kNumberMax);
  return numbers;
}

std::string RandomKey(Random* random) {
  std::string key(random->Uniform(6), '\0');
  for (char& byte : key) byte = "\x00\x01\x61\xfe\xff"[random->Uniform(5)];
  return key;
}

TEST(KeyspacePrefix, HasTheDocumentedBytes) {
  EXPECT_EQ(KeyspacePrefix(0), std::string("\x00", 1));
  EXPECT_EQ(KeyspacePrefix(239), "\xef");
  EXPECT_EQ(KeyspacePrefix(240), std::string("\xf0\x00", 2));
  EXPECT_EQ(KeyspacePrefix(495), "\xf0\xff");
  EXPECT_EQ(KeyspacePrefix(496), std::string("\xf1\x01\x00", 3));
  EXPECT_EQ(KeyspacePrefix(65'775), "\xf1\xff\xff");
  EXPECT_EQ(KeyspacePrefix(65'776), std::string("\xf2\x01\x00\x00", 4));
  EXPECT_EQ(KeyspacePrefix(kNumberMax), "\xf3\xff\xff\xff\x0f");
}

TEST(KeyspacePrefix, KeepsTheOrderOfNumbersAndIsPrefixFree) {
  const std::vector<uint32_t> numbers = NumbersAroundBoundaries();
  for (const uint32_t a : numbers) {
    for (const uint32_t b : numbers) {
      const std::string x = KeyspacePrefix(a);
      const std::string y = KeyspacePrefix(b);
      EXPECT_EQ(a < b, x < y) << a << " " << b;
      EXPECT_EQ(a == b, y.starts_with(x)) << a << " " << b;
    }
  }
}

TEST(KeyspacePrefix, EveryNumberOfTheFirst70000SortsAfterItsPredecessor) {
  std::string last = KeyspacePrefix(0);
  for (uint32_t number = 1; number < 70'000; ++number) {
    const std::string prefix = KeyspacePrefix(number);
    ASSERT_LT(last, prefix) << number;
    ASSERT_EQ(KeyspaceEnd(number - 1), prefix);
    last = prefix;
  }
}

TEST(StoredKey, SplitsIntoWhatItWasMadeOf) {
  Random random(309);
  for (const uint32_t number : NumbersAroundBoundaries()) {
    for (int i = 0; i < 20; ++i) {
      const std::string key = RandomKey(&random);
      const std::string stored = KeyspacePrefix(number) + key;
      uint32_t keyspace = 0;
      std::string_view user_key;
      ASSERT_TRUE(SplitStoredKey(stored, &keyspace, &user_key)) << number;
      EXPECT_EQ(keyspace, number);
      EXPECT_EQ(user_key, key);
      EXPECT_EQ(StoredKeyBuffer(number, key).view(), stored);
      EXPECT_LT(stored, KeyspaceEnd(number));
    }
  }
}

TEST(StoredKey, BytesThatAreNoneAreRefused) {
  const std::string refused[] = {
      "",                                      // no prefix
      "\xf0",                                  // cut off
      std::string("\xf1\x01", 2),              // cut off
      std::string("\xf1\x00\x07", 3),          // longer than needed
      std::string("\xf3\x00\xff\xff\xff", 5),  // longer than needed
      "\xf3\xff\xff\xff\x10",                  // beyond 32 bits
      "\xf4",                                  // no such length
      "\xff",
  };
  for (const std::string& bytes : refused) {
    uint32_t keyspace;
    std::string_view user_key;
    EXPECT_FALSE(SplitStoredKey(bytes, &keyspace, &user_key));
  }
}

TEST(StoredKeyBuffer, HoldsKeysLongerThanTheStackBuffer) {
  for (const size_t size : {0U, 100U, 114U, 115U, 116U, 120U, 121U, 70'000U}) {
    const std::string key(size, 'k');
    EXPECT_EQ(StoredKeyBuffer(300, key).view(), KeyspacePrefix(300) + key) << size;
  }
}

TEST(InternalOrder, IsKeyAscendingThenNewestFirst) {
  const uint64_t older = PackTrailer(7, EntryKind::kPut);
  const uint64_t newer = PackTrailer(8, EntryKind::kDelete);
  EXPECT_LT(CompareInternal("a", older, "b", newer), 0);
  EXPECT_GT(CompareInternal("a", older, "a", newer), 0);
  EXPECT_EQ(CompareInternal("a", older, "a", older), 0);
  EXPECT_LT(CompareInternal("a", older, std::string_view("a\0", 2), newer), 0);
  // A seek at a position lands on the newest entry at or below it, whatever its kind.
  EXPECT_LE(CompareInternal("a", SeekTrailer(8), "a", newer), 0);
  EXPECT_GT(CompareInternal("a", SeekTrailer(7), "a", newer), 0);
}

TEST(Trailer, UnpacksIntoWhatItWasMadeOf) {
  const uint64_t trailer = PackTrailer(kPositionMax, EntryKind::kValuePointer);
  EXPECT_EQ(TrailerPosition(trailer), kPositionMax);
  EXPECT_EQ(TrailerKind(trailer), EntryKind::kValuePointer);
}

TEST(PrefixEnd, IsTheLeastStringAboveAllWithThePrefix) {
  EXPECT_EQ(PrefixEnd("abc"), "abd");
  EXPECT_EQ(PrefixEnd("ab\xff"), "ac");
  EXPECT_EQ(PrefixEnd("\xff\xff"), "");
  EXPECT_EQ(PrefixEnd(""), "");
}

TEST(ShortestSeparator, KnownCases) {
  EXPECT_EQ(ShortestSeparator("apple", "cherry"), "b");
  EXPECT_EQ(ShortestSeparator("abc1", "abd"), "abc1");
  EXPECT_EQ(ShortestSeparator("ab", "abc"), "ab");
  EXPECT_EQ(ShortestSeparator("a1111", "a2222"), "a2");
  EXPECT_EQ(ShortestSeparator("a1111", "a2"), "a12");
  EXPECT_EQ(ShortestSeparator("a1\xff\xff\x05\x05", "a2"), "a1\xff\xff\x06");
}

// All strings of up to four bytes of a small alphabet, by length: the shortest is the first hit.
std::vector<std::string> SmallStrings() {
  std::vector<std::string> all = {""};
  for (size_t begin = 0; all[begin].size() < 4; ++begin) {
    for (const char byte : {'\x00', '\x01', '\x02', '\xfe', '\xff'})
      all.push_back(all[begin] + byte);
  }
  return all;
}

TEST(ShortestSeparator, LiesBetweenAndNothingShorterDoes) {
  const std::vector<std::string> all = SmallStrings();
  Random random(310);
  for (int i = 0; i < 20'000; ++i) {
    const std::string& a = all[random.Uniform(all.size())];
    const std::string& b = all[random.Uniform(all.size())];
    if (a >= b) continue;
    const std::string separator = ShortestSeparator(a, b);
    ASSERT_LE(a, separator);
    ASSERT_LT(separator, b);
    for (const std::string& shorter : all) {
      if (shorter.size() >= separator.size()) break;
      ASSERT_FALSE(a <= shorter && shorter < b) << "seed 310, round " << i;
    }
  }
}

// docs/format/keys_and_operations.md
TEST(KeysAndOperationsPage, ItsExamplesAreWhatIsEncoded) {
  std::ifstream in(LOGWOOD_SOURCE_DIR "/docs/format/keys_and_operations.md");
  std::stringstream page;
  page << in.rdbuf();
  const auto shows = [&page](const std::string& bytes) {
    std::string spaced;
    for (const char byte : bytes) spaced += (spaced.empty() ? "" : " ") + ToHex({&byte, 1});
    EXPECT_NE(page.str().find("`" + spaced + "`"), std::string::npos) << spaced;
  };
  shows(KeyspacePrefix(1) + "abc");
  shows(KeyspacePrefix(240) + "abc");
  shows(KeyspacePrefix(1000));
}

TEST(KeysAndOperationsPage, ItsBatchDecodes) {
  const std::vector<std::string> blocks = test::HexBlocksOf("keys_and_operations");
  ASSERT_EQ(blocks.size(), 3u);
  BatchReader reader(blocks[1]);
  BatchOperation operation;
  ASSERT_TRUE(reader.Next(&operation));
  EXPECT_EQ(operation.kind, EntryKind::kPut);
  EXPECT_EQ(operation.stored_key, KeyspacePrefix(1) + "abc");
  EXPECT_EQ(operation.value, "x");
  ASSERT_TRUE(reader.Next(&operation));
  EXPECT_EQ(operation.kind, EntryKind::kDelete);
  EXPECT_EQ(operation.stored_key, KeyspacePrefix(240) + "abc");
  ASSERT_TRUE(reader.Next(&operation));
  EXPECT_EQ(operation.kind, EntryKind::kRangeDelete);
  EXPECT_EQ(operation.stored_key, KeyspacePrefix(1) + "b");
  EXPECT_EQ(operation.value, KeyspacePrefix(1) + "d");
  ASSERT_TRUE(reader.Next(&operation));
  EXPECT_EQ(operation.kind, EntryKind::kRangeDelete);
  EXPECT_EQ(operation.stored_key, KeyspacePrefix(1) + "x");
  EXPECT_EQ(operation.value, KeyspaceEnd(1));
  ASSERT_TRUE(reader.Next(&operation));
  EXPECT_EQ(operation.kind, EntryKind::kMerge);
  EXPECT_EQ(operation.stored_key, KeyspacePrefix(1) + "n");
  EXPECT_EQ(operation.value, "x");
  ASSERT_TRUE(reader.Next(&operation));
  EXPECT_EQ(operation.kind, EntryKind::kPutExpiring);
  EXPECT_EQ(operation.stored_key, KeyspacePrefix(1) + "s");
  EXPECT_EQ(ExpiryOf(operation.value), 20u * 60 * 1'000'000);
  EXPECT_EQ(WithoutExpiry(operation.value), "x");
  EXPECT_FALSE(reader.Next(&operation));
  EXPECT_TRUE(reader.ok());
}

TEST(KeysAndOperationsPage, ItsMergeValuesAreWhatIsEncoded) {
  std::string values;
  AppendMergeBase(&values, {.kind = MergeBase::kValue, .value = "v"});
  AppendMergeOperand(&values, "a");
  AppendMergeBase(&values, {}, 300);
  AppendMergeOperand(&values, "a");
  AppendMergeBase(&values, {});
  AppendMergeOperand(&values, "a");
  EXPECT_EQ(ToHex(test::HexBlocksOf("keys_and_operations")[0]), ToHex(values));
}

}  // namespace
}  // namespace logwood
