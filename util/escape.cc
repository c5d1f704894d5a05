#include "util/escape.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <cstring>

namespace logwood {

namespace {

constexpr char kHexDigits[] = "0123456789abcdef";
constexpr char kBase64Digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

int HexValue(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

int Base64Value(char c) {
  if (c >= 'A' && c <= 'Z') return c - 'A';
  if (c >= 'a' && c <= 'z') return c - 'a' + 26;
  if (c >= '0' && c <= '9') return c - '0' + 52;
  return c == '+' ? 62 : c == '/' ? 63 : -1;
}

void AppendHexByte(std::string* to, unsigned char byte) {
  to->push_back(kHexDigits[byte >> 4]);
  to->push_back(kHexDigits[byte & 0xf]);
}

// Length of the UTF-8 sequence the bytes begin with; 0: they begin with none. Table 3-7 of the
// Unicode standard: no overlong forms, no surrogates, nothing above U+10FFFF.
size_t Utf8Length(std::string_view bytes) {
  const auto at = [&](size_t i) { return static_cast<unsigned char>(bytes[i]); };
  const unsigned char first = at(0);
  if (first < 0x80) return 1;
  if (first < 0xc2 || first > 0xf4) return 0;
  const size_t length = first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
  if (bytes.size() < length) return 0;
  for (size_t i = 1; i < length; ++i) {
    if (at(i) < 0x80 || at(i) > 0xbf) return 0;
  }
  if ((first == 0xe0 && at(1) < 0xa0) || (first == 0xed && at(1) > 0x9f)) return 0;
  if ((first == 0xf0 && at(1) < 0x90) || (first == 0xf4 && at(1) > 0x8f)) return 0;
  return length;
}

// A copy of the text, decoded where it stands.
template <typename InPlace>
std::optional<std::string> Decoded(std::string_view text, InPlace decode) {
  std::string bytes(text);
  const std::optional<size_t> size = decode(bytes);
  if (!size.has_value()) return std::nullopt;
  bytes.resize(*size);
  return bytes;
}

// With `decimals` digits after the point. Not printf: the point must not follow the locale.
std::string FixedPoint(double value, int decimals) {
  std::array<char, 64> buffer;
  const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value,
                                 std::chars_format::fixed, decimals);
  return std::string(buffer.data(), end.ptr);
}

}  // namespace

std::string Escape(std::string_view bytes) {
  std::string text;
  text.reserve(bytes.size());
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    switch (c) {
      case '\t':
        text += "\\t";
        break;
      case '\n':
        text += "\\n";
        break;
      case '\r':
        text += "\\r";
        break;
      case '\\':
        text += "\\\\";
        break;
      default:
        if (byte >= 0x20 && byte < 0x7f) {
          text.push_back(c);
        } else {
          text += "\\x";
          AppendHexByte(&text, byte);
        }
    }
  }
  return text;
}

std::optional<size_t> UnescapeInPlace(std::span<char> text) {
  constexpr std::string_view kNames = "tnr\\";
  constexpr std::string_view kMeanings = "\t\n\r\\";
  size_t bytes = 0;
  for (size_t at = 0; at < text.size();) {
    const size_t left = text.size() - at;
    const void* escape = std::memchr(&text[at], '\\', left);
    const size_t plain =
        escape == nullptr ? left : static_cast<const char*>(escape) - (text.data() + at);
    if (bytes != at) std::memmove(&text[bytes], &text[at], plain);
    bytes += plain;
    at += plain;
    if (escape == nullptr) break;
    if (left - plain < 2) return std::nullopt;
    const char name = text[at + 1];
    if (name == 'x') {
      const int high = left - plain < 4 ? -1 : HexValue(text[at + 2]);
      const int low = high < 0 ? -1 : HexValue(text[at + 3]);
      if (low < 0) return std::nullopt;
      text[bytes++] = static_cast<char>(high << 4 | low);
      at += 4;
    } else {
      const size_t which = kNames.find(name);
      if (which == std::string_view::npos) return std::nullopt;
      text[bytes++] = kMeanings[which];
      at += 2;
    }
  }
  return bytes;
}

std::optional<std::string> Unescape(std::string_view text) {
  return Decoded(text, UnescapeInPlace);
}

std::string ToHex(std::string_view bytes) {
  std::string text;
  text.reserve(bytes.size() * 2);
  for (const char c : bytes) AppendHexByte(&text, static_cast<unsigned char>(c));
  return text;
}

std::optional<std::string> FromHex(std::string_view text) {
  if (text.size() % 2 != 0) return std::nullopt;
  std::string bytes;
  bytes.reserve(text.size() / 2);
  for (size_t i = 0; i < text.size(); i += 2) {
    const int high = HexValue(text[i]);
    const int low = HexValue(text[i + 1]);
    if (high < 0 || low < 0) return std::nullopt;
    bytes.push_back(static_cast<char>(high << 4 | low));
  }
  return bytes;
}

std::string ToBase64(std::string_view bytes) {
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  for (; !bytes.empty(); bytes.remove_prefix(bytes.size() < 3 ? bytes.size() : 3)) {
    uint32_t group = 0;
    for (size_t i = 0; i < 3; ++i) {
      group = group << 8 | (i < bytes.size() ? static_cast<unsigned char>(bytes[i]) : 0);
    }
    for (size_t i = 0; i < 4; ++i) {
      text.push_back(i <= bytes.size() ? kBase64Digits[group >> (18 - 6 * i) & 0x3f] : '=');
    }
  }
  return text;
}

std::optional<size_t> FromBase64InPlace(std::span<char> text) {
  if (text.size() % 4 != 0) return std::nullopt;
  char* const begin = text.data();
  size_t bytes = 0;
  for (; !text.empty(); text = text.subspan(4)) {
    const bool last = text.size() == 4;
    const size_t digits = !last || text[3] != '=' ? 4 : text[2] != '=' ? 3 : 2;
    uint32_t group = 0;
    for (size_t i = 0; i < 4; ++i) {
      const int value = i < digits ? Base64Value(text[i]) : 0;
      if (value < 0) return std::nullopt;
      group = group << 6 | static_cast<uint32_t>(value);
    }
    // Bits the bytes do not need must be zero: one byte string, one text.
    const uint32_t unused = digits == 4 ? 0 : digits == 3 ? 0xff : 0xffff;
    if ((group & unused) != 0) return std::nullopt;
    for (size_t i = 0; i + 1 < digits; ++i) {
      begin[bytes++] = static_cast<char>(group >> (16 - 8 * i));
    }
  }
  return bytes;
}

std::optional<std::string> FromBase64(std::string_view text) {
  return Decoded(text, FromBase64InPlace);
}

std::string JsonEscape(std::string_view bytes) {
  std::string text;
  text.reserve(bytes.size());
  while (!bytes.empty()) {
    // Most of nearly every text stays as it is.
    const auto special = std::find_if(bytes.begin(), bytes.end(), [](char c) {
      return c < ' ' || c > '~' || c == '"' || c == '\\';
    });
    if (const auto plain = static_cast<size_t>(special - bytes.begin()); plain != 0) {
      text.append(bytes.substr(0, plain));
      bytes.remove_prefix(plain);
      continue;
    }
    const auto byte = static_cast<unsigned char>(bytes[0]);
    const size_t length = Utf8Length(bytes);
    if (byte == '"' || byte == '\\') {
      text.push_back('\\');
      text.push_back(bytes[0]);
    } else if (byte == '\n') {
      text += "\\n";
    } else if (byte == '\t') {
      text += "\\t";
    } else if (byte < 0x20 || length == 0) {
      text += "\\u00";
      AppendHexByte(&text, byte);
    } else {
      text.append(bytes.substr(0, length));
    }
    bytes.remove_prefix(length == 0 ? 1 : length);
  }
  return text;
}

bool IsValidUtf8(std::string_view bytes) {
  while (!bytes.empty()) {
    const size_t length = Utf8Length(bytes);
    if (length == 0) return false;
    bytes.remove_prefix(length);
  }
  return true;
}

std::string HumanBytes(uint64_t bytes) {
  constexpr std::array<const char*, 7> kUnits = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  if (bytes < 1024) return std::to_string(bytes) + " B";
  auto value = static_cast<double>(bytes);
  size_t unit = 0;
  // Not 1024: what would be rounded up to "1024.0 KiB" is "1.0 MiB".
  while (value >= 1023.95 && unit + 1 < kUnits.size()) {
    value /= 1024;
    ++unit;
  }
  return FixedPoint(value, 1) + " " + kUnits[unit];
}

std::string HumanMicros(uint64_t micros) {
  if (micros < 1000) return std::to_string(micros) + " us";
  const auto value = static_cast<double>(micros);
  if (micros < 999'950) return FixedPoint(value / 1e3, 1) + " ms";
  if (micros < 60'000'000) return FixedPoint(value / 1e6, 1) + " s";
  if (micros < 3'600'000'000) return FixedPoint(value / 60e6, 1) + " min";
  return FixedPoint(value / 3600e6, 1) + " h";
}

std::string Counted(uint64_t number, std::string_view noun) {
  return WithCommas(number).append(" ").append(noun).append(number == 1 ? "" : "s");
}

std::string WithCommas(uint64_t number) {
  const std::string digits = std::to_string(number);
  std::string text;
  for (size_t i = 0; i < digits.size(); ++i) {
    if (i != 0 && (digits.size() - i) % 3 == 0) text.push_back(',');
    text.push_back(digits[i]);
  }
  return text;
}

}  // namespace logwood
