#include "tools/text_codec.h"

#include <gtest/gtest.h>

#include <string>

#include "util/escape.h"

namespace logwood::tools {
namespace {

constexpr TextFormat kFormats[] = {TextFormat::kAuto, TextFormat::kEscape, TextFormat::kRaw,
                                   TextFormat::kHex, TextFormat::kBase64};

TEST(TextCodec, EveryPairOfBytesComesBackFromEveryFormat) {
  for (const TextFormat format : kFormats) {
    for (int pair = 0; pair < 65536; ++pair) {
      const std::string bytes = {static_cast<char>(pair >> 8), static_cast<char>(pair)};
      const std::optional<std::string> back = Decode(format, Encode(format, bytes));
      ASSERT_TRUE(back.has_value()) << TextFormatName(format) << " " << ToHex(bytes);
      ASSERT_EQ(*back, bytes) << TextFormatName(format);
    }
  }
}

TEST(TextCodec, LongerByteStringsComeBackFromEveryFormat) {
  std::string bytes;
  for (int i = 0; i < 1000; ++i) {
    bytes.push_back(static_cast<char>(i * 37 + i / 7));
    for (const TextFormat format : kFormats) {
      ASSERT_EQ(Decode(format, Encode(format, bytes)), bytes) << TextFormatName(format);
    }
  }
}

TEST(TextCodec, EscapeAndAutoNeverPrintWhatMovesTheCursor) {
  for (int byte = 0; byte < 256; ++byte) {
    const std::string bytes(1, static_cast<char>(byte));
    for (const TextFormat format : {TextFormat::kEscape, TextFormat::kAuto}) {
      for (const char c : Encode(format, bytes)) EXPECT_TRUE(c >= 0x20 && c < 0x7f) << byte;
    }
  }
}

TEST(TextCodec, AutoKeepsLettersOfOtherScriptsAndEscapeDoesNot) {
  EXPECT_EQ(Encode(TextFormat::kAuto, "caf\xc3\xa9\t\xe6\x9c\xa8"), "caf\xc3\xa9\\t\xe6\x9c\xa8");
  EXPECT_EQ(Encode(TextFormat::kEscape, "caf\xc3\xa9"), "caf\\xc3\\xa9");
}

TEST(TextCodec, AutoEscapesMarksThatHideOrReorderText) {
  EXPECT_EQ(Encode(TextFormat::kAuto,
                   "a\xe2\x80\xae"
                   "b"),
            "a\\xe2\\x80\\xaeb");                                  // U+202E
  EXPECT_EQ(Encode(TextFormat::kAuto, "\xc2\x85"), "\\xc2\\x85");  // U+0085
  EXPECT_EQ(Encode(TextFormat::kAuto, "\xc3"), "\\xc3");           // cut short
}

TEST(TextCodec, TextOfAnotherFormatIsRefused) {
  EXPECT_FALSE(Decode(TextFormat::kEscape, "a\\").has_value());
  EXPECT_FALSE(Decode(TextFormat::kEscape, "a\\q").has_value());
  EXPECT_FALSE(Decode(TextFormat::kHex, "abc").has_value());
  EXPECT_FALSE(Decode(TextFormat::kHex, "zz").has_value());
  EXPECT_FALSE(Decode(TextFormat::kBase64, "YQ").has_value());
}

TEST(TextCodec, AppendEscapedIsEscape) {
  for (const std::string_view bytes : {"plain", "a\tb\\c\n", ""}) {
    std::string text = "x";
    AppendEscaped(bytes, &text);
    EXPECT_EQ(text, "x" + Escape(bytes));
  }
}

}  // namespace
}  // namespace logwood::tools
