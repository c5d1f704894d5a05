#include "util/escape.h"

#include <gtest/gtest.h>

#include <limits>
#include <string>

#include "util/random.h"

namespace logwood {
namespace {

std::string RandomBytes(Random* random, size_t size_max) {
  std::string bytes(random->Uniform(size_max + 1), '\0');
  for (char& byte : bytes) byte = static_cast<char>(random->Next());
  return bytes;
}

TEST(Escape, LeavesPrintableAsciiAndNamesTheRest) {
  EXPECT_EQ(Escape("user/42 ~"), "user/42 ~");
  EXPECT_EQ(Escape("a\tb\nc\rd\\e"), "a\\tb\\nc\\rd\\\\e");
  EXPECT_EQ(Escape(std::string("\0\x1f\x7f\xff", 4)), "\\x00\\x1f\\x7f\\xff");
}

TEST(Escape, UnescapeUndoesEscapeForAllByteStrings) {
  for (int byte = 0; byte < 256; ++byte) {
    const std::string one(1, static_cast<char>(byte));
    EXPECT_EQ(Unescape(Escape(one)), one);
  }
  Random random(307);
  for (int i = 0; i < 5000; ++i) {
    const std::string bytes = RandomBytes(&random, 40);
    ASSERT_EQ(Unescape(Escape(bytes)), bytes) << "seed 307, round " << i;
  }
}

TEST(Escape, UnescapeRefusesWhatEscapeNeverWrites) {
  for (const char* text : {"\\", "a\\", "\\q", "\\x", "\\x1", "\\xg0", "\\x0g"}) {
    EXPECT_EQ(Unescape(text), std::nullopt) << text;
  }
  EXPECT_EQ(Unescape("\\xAf"), "\xaf");
}

TEST(Hex, RoundTripsAndRefusesOddOrForeignDigits) {
  EXPECT_EQ(ToHex("\x01\xab"), "01ab");
  EXPECT_EQ(FromHex("01aB"), "\x01\xab");
  EXPECT_EQ(FromHex(""), "");
  EXPECT_EQ(FromHex("123"), std::nullopt);
  EXPECT_EQ(FromHex("1x"), std::nullopt);
}

TEST(Base64, MatchesTheVectorsOfRfc4648) {
  const std::pair<const char*, const char*> vectors[] = {{"", ""},
                                                         {"f", "Zg=="},
                                                         {"fo", "Zm8="},
                                                         {"foo", "Zm9v"},
                                                         {"foob", "Zm9vYg=="},
                                                         {"fooba", "Zm9vYmE="},
                                                         {"foobar", "Zm9vYmFy"}};
  for (const auto& [bytes, text] : vectors) {
    EXPECT_EQ(ToBase64(bytes), text);
    EXPECT_EQ(FromBase64(text), bytes);
  }
}

TEST(Base64, RefusesWrongPaddingForeignDigitsAndStrayBits) {
  for (const char* text :
       {"Zg", "Zg=", "Z===", "====", "Zg==Zg==", "Zm8!", "Zh==", "Zm9=", "=g=="}) {
    EXPECT_EQ(FromBase64(text), std::nullopt) << text;
  }
}

TEST(Base64, AndHexRoundTripRandomBytes) {
  Random random(308);
  for (int i = 0; i < 5000; ++i) {
    const std::string bytes = RandomBytes(&random, 40);
    ASSERT_EQ(FromBase64(ToBase64(bytes)), bytes) << "seed 308, round " << i;
    ASSERT_EQ(FromHex(ToHex(bytes)), bytes) << "seed 308, round " << i;
  }
}

TEST(JsonEscape, KeepsUtf8AndTurnsOtherBytesIntoLatin1) {
  EXPECT_EQ(JsonEscape("say \"hi\" \\ \n\t"), "say \\\"hi\\\" \\\\ \\n\\t");
  EXPECT_EQ(JsonEscape("gr\xc3\xbc\xc3\x9f"), "gr\xc3\xbc\xc3\x9f");
  EXPECT_EQ(JsonEscape("\xff\x01"), "\\u00ff\\u0001");
  EXPECT_EQ(JsonEscape("\xc3"), "\\u00c3");
}

TEST(Utf8, RefusesOverlongFormsSurrogatesAndNumbersTooLarge) {
  EXPECT_TRUE(IsValidUtf8(""));
  EXPECT_TRUE(IsValidUtf8("a\xc2\x80\xe0\xa0\x80\xef\xbf\xbf\xf0\x90\x80\x80\xf4\x8f\xbf\xbf"));
  for (const char* bytes :
       {"\x80", "\xc0\x80", "\xc1\xbf", "\xe0\x9f\xbf", "\xed\xa0\x80", "\xf0\x8f\xbf\xbf",
        "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xe2\x82", "\xc3("}) {
    EXPECT_FALSE(IsValidUtf8(bytes)) << ToHex(bytes);
  }
}

TEST(Human, NumbersReadWell) {
  EXPECT_EQ(HumanBytes(0), "0 B");
  EXPECT_EQ(HumanBytes(1023), "1023 B");
  EXPECT_EQ(HumanBytes(1536), "1.5 KiB");
  EXPECT_EQ(HumanBytes((1 << 20) - 1), "1.0 MiB");
  EXPECT_EQ(HumanBytes(3ULL << 29), "1.5 GiB");
  EXPECT_EQ(HumanBytes(std::numeric_limits<uint64_t>::max()), "16.0 EiB");
  EXPECT_EQ(HumanMicros(12), "12 us");
  EXPECT_EQ(HumanMicros(12'300), "12.3 ms");
  EXPECT_EQ(HumanMicros(999'999), "1.0 s");
  EXPECT_EQ(HumanMicros(90'000'000), "1.5 min");
  EXPECT_EQ(WithCommas(0), "0");
  EXPECT_EQ(WithCommas(999), "999");
  EXPECT_EQ(WithCommas(1'234'567), "1,234,567");
  EXPECT_EQ(Counted(1, "table"), "1 table");
  EXPECT_EQ(Counted(0, "table"), "0 tables");
  EXPECT_EQ(Counted(1234, "table"), "1,234 tables");
}

}  // namespace
}  // namespace logwood
