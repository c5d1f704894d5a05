#include "util/coding.h"

#include <gtest/gtest.h>

#include <limits>
#include <string>
#include <vector>

#include "util/random.h"

namespace logwood {
namespace {

std::string Encoded(uint64_t value) {
  std::string bytes;
  PutVarint(&bytes, value);
  return bytes;
}

// 0, powers of two and their neighbours, the largest.
std::vector<uint64_t> EdgeValues() {
  std::vector<uint64_t> values = {0};
  for (unsigned bit = 0; bit < 64; ++bit) {
    const uint64_t power = uint64_t{1} << bit;
    values.insert(values.end(), {power - 1, power, power + 1});
  }
  values.push_back(std::numeric_limits<uint64_t>::max());
  return values;
}

TEST(Varint, RoundTripsAtEveryBitWidth) {
  for (const uint64_t value : EdgeValues()) {
    const std::string bytes = Encoded(value);
    EXPECT_EQ(bytes.size(), VarintBytes(value)) << value;
    EXPECT_LE(bytes.size(), kVarint64BytesMax);
    uint64_t decoded = ~value;
    EXPECT_EQ(DecodeVarint64(bytes.data(), bytes.data() + bytes.size(), &decoded),
              bytes.data() + bytes.size());
    EXPECT_EQ(decoded, value);
  }
}

TEST(Varint, RandomValuesRoundTrip) {
  Random random(301);
  for (int i = 0; i < 100'000; ++i) {
    const uint64_t value = random.Next() >> random.Uniform(64);
    const std::string bytes = Encoded(value) + "tail";
    Decoder in(bytes);
    ASSERT_EQ(in.Varint64(), value) << "seed 301, round " << i;
    ASSERT_EQ(in.rest(), "tail");
  }
}

TEST(Varint, ThatIsCutOffIsRefused) {
  for (const uint64_t value : EdgeValues()) {
    const std::string bytes = Encoded(value);
    for (size_t size = 0; size < bytes.size(); ++size) {
      uint64_t decoded;
      EXPECT_EQ(DecodeVarint64(bytes.data(), bytes.data() + size, &decoded), nullptr) << value;
    }
  }
}

TEST(Varint, LongerThanNeededIsRefused) {
  for (const std::string& bytes : {std::string("\x80\x00", 2), std::string("\xff\x80\x00", 3)}) {
    uint64_t decoded;
    EXPECT_EQ(DecodeVarint64(bytes.data(), bytes.data() + bytes.size(), &decoded), nullptr);
  }
}

TEST(Varint, BeyondSixtyFourBitsIsRefused) {
  const std::string nines(9, '\xff');
  uint64_t decoded;
  for (const std::string& bytes : {nines + '\x02', nines + '\x7f', nines + "\xff\x01"}) {
    EXPECT_EQ(DecodeVarint64(bytes.data(), bytes.data() + bytes.size(), &decoded), nullptr);
  }
  const std::string largest = nines + '\x01';
  EXPECT_NE(DecodeVarint64(largest.data(), largest.data() + largest.size(), &decoded), nullptr);
  EXPECT_EQ(decoded, std::numeric_limits<uint64_t>::max());
}

TEST(Varint, ThirtyTwoBitReaderRefusesWiderNumbers) {
  const std::string fits = Encoded(std::numeric_limits<uint32_t>::max());
  const std::string wide = Encoded(uint64_t{1} << 32);
  EXPECT_EQ(fits.size(), kVarint32BytesMax);
  uint32_t decoded = 0;
  EXPECT_NE(DecodeVarint32(fits.data(), fits.data() + fits.size(), &decoded), nullptr);
  EXPECT_EQ(decoded, std::numeric_limits<uint32_t>::max());
  EXPECT_EQ(DecodeVarint32(wide.data(), wide.data() + wide.size(), &decoded), nullptr);
}

TEST(Fixed, IsLittleEndian) {
  std::string bytes;
  PutFixed16(&bytes, 0x0102);
  PutFixed32(&bytes, 0x03040506);
  PutFixed64(&bytes, 0x0708090a0b0c0d0e);
  EXPECT_EQ(bytes, "\x02\x01\x06\x05\x04\x03\x0e\x0d\x0c\x0b\x0a\x09\x08\x07");
}

TEST(Decoder, ReadsBackWhatWasWrittenInOrder) {
  std::string bytes = "k";
  PutFixed16(&bytes, 7);
  PutFixed32(&bytes, 8);
  PutFixed64(&bytes, 9);
  PutVarint(&bytes, 300);
  PutVarint(&bytes, 1ULL << 40);
  PutLengthPrefixed(&bytes, "name");
  Decoder in(bytes);
  EXPECT_EQ(in.Fixed8(), 'k');
  EXPECT_EQ(in.Fixed16(), 7);
  EXPECT_EQ(in.Fixed32(), 8U);
  EXPECT_EQ(in.Fixed64(), 9U);
  EXPECT_EQ(in.Varint32(), 300U);
  EXPECT_EQ(in.Varint64(), 1ULL << 40);
  EXPECT_EQ(in.LengthPrefixed(), "name");
  EXPECT_TRUE(in.ok());
  EXPECT_TRUE(in.empty());
}

TEST(Decoder, AfterTheFirstFailureEveryCallFails) {
  Decoder in("abcdefgh");
  EXPECT_EQ(in.Bytes(9), "");
  EXPECT_FALSE(in.ok());
  EXPECT_EQ(in.Fixed8(), 0);
  EXPECT_EQ(in.Varint64(), 0U);
  EXPECT_EQ(in.remaining(), 0U);
}

TEST(Decoder, LengthBeyondTheEndIsRefusedWithoutOverflow) {
  std::string bytes;
  PutVarint(&bytes, std::numeric_limits<uint64_t>::max());
  bytes += "short";
  Decoder in(bytes);
  EXPECT_EQ(in.LengthPrefixed(), "");
  EXPECT_FALSE(in.ok());
}

TEST(Decoder, ArbitraryBytesNeverReadBeyondTheEnd) {
  Random random(302);
  for (int i = 0; i < 20'000; ++i) {
    // On the heap and exactly as long, so that an address sanitizer sees one byte too many.
    std::vector<char> bytes(random.Uniform(24));
    for (char& byte : bytes) byte = static_cast<char>(random.Next());
    Decoder in({bytes.data(), bytes.size()});
    while (in.ok() && !in.empty()) {
      switch (random.Uniform(5)) {
        case 0:
          in.Varint64();
          break;
        case 1:
          in.Varint32();
          break;
        case 2:
          in.LengthPrefixed();
          break;
        case 3:
          in.Fixed64();
          break;
        default:
          in.Fixed16();
      }
    }
  }
}

}  // namespace
}  // namespace logwood
