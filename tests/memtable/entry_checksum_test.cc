#include "memtable/entry_checksum.h"

#include <gtest/gtest.h>

#include <cstring>
#include <string>

#include "util/random.h"

namespace logwood {
namespace {

std::string AnyBytes(Random* random, size_t count) {
  std::string bytes(count, '\0');
  for (char& byte : bytes) byte = static_cast<char>(random->Next());
  return bytes;
}

TEST(EntryChecksumTest, EachBitCounts) {
  Random random(1);
  for (const size_t key_bytes : {0, 1, 3, 4, 8, 17, 40}) {
    for (const size_t value_bytes : {0, 1, 2, 5, 7, 8, 31, 32, 33, 100}) {
      std::string key = AnyBytes(&random, key_bytes), value = AnyBytes(&random, value_bytes);
      const uint64_t trailer = random.Next();
      const uint64_t whole = EntryChecksum(key, trailer, value);
      for (std::string* part : {&key, &value}) {
        for (size_t bit = 0; bit < 8 * part->size(); ++bit) {
          char& byte = (*part)[bit / 8];
          byte = static_cast<char>(byte ^ 1 << bit % 8);
          EXPECT_NE(EntryChecksum(key, trailer, value), whole) << "bit " << bit;
          byte = static_cast<char>(byte ^ 1 << bit % 8);
        }
      }
      for (int bit = 0; bit < 64; ++bit) {
        EXPECT_NE(EntryChecksum(key, trailer ^ uint64_t{1} << bit, value), whole) << "bit " << bit;
      }
    }
  }
}

TEST(EntryChecksumTest, PlacesAndSizesCount) {
  const std::string zeros(40, '\0');
  const std::string_view some(zeros);
  const uint64_t whole = EntryChecksum(some.substr(0, 20), 7, some.substr(0, 20));
  for (size_t key_bytes = 0; key_bytes <= 40; ++key_bytes) {
    if (key_bytes == 20) continue;
    EXPECT_NE(EntryChecksum(some.substr(0, key_bytes), 7, some.substr(0, 40 - key_bytes)), whole);
  }
  EXPECT_NE(EntryChecksum("key", 7, "aaaaaaaabbbbbbbb"),
            EntryChecksum("key", 7, "bbbbbbbbaaaaaaaa"));
}

TEST(EntryChecksumTest, APairOfBitsIsNoticedAndAWireOfALine) {
  Random random(3);
  const std::string key = AnyBytes(&random, 16);
  std::string value = AnyBytes(&random, 100);
  const uint64_t whole = EntryChecksum(key, 7, value);
  const auto flip = [&](size_t bit) {
    value[bit / 8] = static_cast<char>(value[bit / 8] ^ 1 << bit % 8);
  };
  for (size_t first = 0; first < 800; ++first) {
    flip(first);
    for (size_t second = first + 1; second < 800; ++second) {
      flip(second);
      EXPECT_NE(EntryChecksum(key, 7, value), whole) << first << " and " << second;
      flip(second);
    }
    flip(first);
  }
  for (size_t wire = 0; wire < 64; ++wire) {
    for (size_t word = 0; word < 8; ++word) flip(64 * word + wire);
    EXPECT_NE(EntryChecksum(key, 7, value), whole) << wire;
    for (size_t word = 0; word < 8; ++word) flip(64 * word + wire);
  }
  uint64_t first_word = 0;
  std::memcpy(&first_word, key.data(), sizeof(first_word));
  std::string exchanged = key;
  const uint64_t trailer = 7;
  std::memcpy(exchanged.data(), &trailer, sizeof(trailer));
  EXPECT_NE(EntryChecksum(exchanged, first_word, value), whole);
}

// A memtable compares the sum of all.
TEST(EntryChecksumTest, TheSameBitOfTwoEntriesIsNoticed) {
  Random random(4);
  std::string keys[] = {AnyBytes(&random, 16), AnyBytes(&random, 16)};
  std::string values[] = {AnyBytes(&random, 100), AnyBytes(&random, 100)};
  const auto sum = [&] {
    return EntryChecksum(keys[0], 1, values[0]) + EntryChecksum(keys[1], 2, values[1]);
  };
  const uint64_t whole = sum();
  for (size_t first = 7; first < 800; first += 8) {
    for (size_t second = 7; second < 800; second += 8) {
      values[0][first / 8] = static_cast<char>(values[0][first / 8] ^ 1 << first % 8);
      values[1][second / 8] = static_cast<char>(values[1][second / 8] ^ 1 << second % 8);
      EXPECT_NE(sum(), whole) << first << " and " << second;
      values[0][first / 8] = static_cast<char>(values[0][first / 8] ^ 1 << first % 8);
      values[1][second / 8] = static_cast<char>(values[1][second / 8] ^ 1 << second % 8);
    }
  }
}

TEST(EntryChecksumTest, EntriesThatExchangeValuesAreNoticed) {
  Random random(2);
  for (int round = 0; round < 1000; ++round) {
    const std::string keys[] = {AnyBytes(&random, 16), AnyBytes(&random, 16)};
    const std::string values[] = {AnyBytes(&random, 24), AnyBytes(&random, 24)};
    EXPECT_NE(EntryChecksum(keys[0], 1, values[0]) + EntryChecksum(keys[1], 2, values[1]),
              EntryChecksum(keys[0], 1, values[1]) + EntryChecksum(keys[1], 2, values[0]));
  }
}

}  // namespace
}  // namespace logwood
