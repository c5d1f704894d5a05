#include "tools/text_codec.h"

#include <algorithm>
#include <array>
#include <cstddef>

#include "util/escape.h"

namespace logwood::tools {

namespace {

// True for the bytes that Escape leaves alone.
constexpr auto kPlain = [] {
  std::array<bool, 256> plain = {};
  for (size_t byte = 0x20; byte < 0x7f; ++byte) plain[byte] = byte != '\\';
  return plain;
}();

bool IsPlain(char c) { return kPlain[static_cast<unsigned char>(c)]; }

// How many bytes at the front are one printable character beyond ASCII; 0: none. The controls
// U+0080..U+009F and the invisible marks that reorder or hide text are not printable here.
size_t PrintableUtf8Length(std::string_view bytes) {
  const auto at = [&](size_t i) { return static_cast<unsigned char>(bytes[i]); };
  if (at(0) < 0xc2) return 0;
  const size_t length = at(0) < 0xe0 ? 2 : at(0) < 0xf0 ? 3 : 4;
  if (bytes.size() < length || !IsValidUtf8(bytes.substr(0, length))) return 0;
  uint32_t code = at(0) & (0x7fU >> length);
  for (size_t i = 1; i < length; ++i) code = code << 6 | (at(i) & 0x3fU);
  const bool hidden = code < 0xa0 || code == 0xad || (code >= 0x200b && code <= 0x200f) ||
                      (code >= 0x2028 && code <= 0x202e) || (code >= 0x2060 && code <= 0x206f) ||
                      (code >= 0xe000 && code <= 0xf8ff) || code == 0xfeff ||
                      (code >= 0xfff0 && code <= 0xfffb) || code >= 0xe0000;
  return hidden ? 0 : length;
}

void AppendAuto(std::string_view bytes, std::string* to) {
  while (!bytes.empty()) {
    size_t length = PrintableUtf8Length(bytes);
    if (length != 0) {
      to->append(bytes.substr(0, length));
    } else {
      length = 1;
      AppendEscaped(bytes.substr(0, 1), to);
    }
    bytes.remove_prefix(length);
  }
}

}  // namespace

void AppendEscaped(std::string_view bytes, std::string* to) {
  const bool plain = std::all_of(bytes.begin(), bytes.end(), IsPlain);
  if (plain) {
    to->append(bytes);
  } else {
    to->append(Escape(bytes));
  }
}

void AppendEncoded(TextFormat format, std::string_view bytes, std::string* to) {
  switch (format) {
    case TextFormat::kAuto:
      if (std::all_of(bytes.begin(), bytes.end(), IsPlain)) {
        to->append(bytes);
      } else {
        AppendAuto(bytes, to);
      }
      return;
    case TextFormat::kEscape:
      return AppendEscaped(bytes, to);
    case TextFormat::kRaw:
      to->append(bytes);
      return;
    case TextFormat::kHex:
      to->append(ToHex(bytes));
      return;
    case TextFormat::kBase64:
      to->append(ToBase64(bytes));
      return;
  }
}

std::string Encode(TextFormat format, std::string_view bytes) {
  std::string text;
  AppendEncoded(format, bytes, &text);
  return text;
}

std::optional<std::string> Decode(TextFormat format, std::string_view text) {
  switch (format) {
    case TextFormat::kAuto:
    case TextFormat::kEscape:
      return Unescape(text);
    case TextFormat::kRaw:
      return std::string(text);
    case TextFormat::kHex:
      return FromHex(text);
    case TextFormat::kBase64:
      return FromBase64(text);
  }
  return std::nullopt;
}

std::string_view TextFormatName(TextFormat format) {
  switch (format) {
    case TextFormat::kAuto:
      return "auto";
    case TextFormat::kEscape:
      return "escape";
    case TextFormat::kRaw:
      return "raw";
    case TextFormat::kHex:
      return "hex";
    case TextFormat::kBase64:
      return "base64";
  }
  return "";
}

std::string_view TextFormatRule(TextFormat format) {
  switch (format) {
    case TextFormat::kHex:
      return "an even number of hexadecimal digits";
    case TextFormat::kBase64:
      return "base64 with its padding";
    default:
      return "escapes are \\t \\n \\r \\\\ and \\xNN; a backslash itself is \\\\";
  }
}

}  // namespace logwood::tools
