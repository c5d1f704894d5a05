// How keys and values are written on a command line and in a terminal.
//
//   Decode(TextFormat::kHex, "00ff")       two bytes
//   Encode(TextFormat::kAuto, "caf\xc3\xa9\n")  caf\xc3\xa9\n with the last byte as backslash and n
//
// Decode(f, Encode(f, bytes)) == bytes for every format and all bytes.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace logwood::tools {

enum class TextFormat : uint8_t {
  kAuto,    // like kEscape, but letters of other scripts (printable UTF-8) stay as they are
  kEscape,  // backslash escapes, ASCII only (util/escape.h)
  kRaw,     // the bytes themselves
  kHex,
  kBase64,  // RFC 4648, padded
};

std::string Encode(TextFormat format, std::string_view bytes);
void AppendEncoded(TextFormat format, std::string_view bytes, std::string* to);
// nullopt: the text is not in that format. kAuto reads what kEscape reads.
std::optional<std::string> Decode(TextFormat format, std::string_view text);

// "escape", "hex", ...; and for messages what a text of that format looks like.
std::string_view TextFormatName(TextFormat format);
std::string_view TextFormatRule(TextFormat format);

// Appends Escape(bytes); cheap where nothing needs an escape.
void AppendEscaped(std::string_view bytes, std::string* to);

}  // namespace logwood::tools
