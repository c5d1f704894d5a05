// Bytes for people, and back: backslash escapes, hexadecimal, base64.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace logwood {

// Tab \t, newline \n, carriage return \r, backslash \\, other bytes below 0x20 and from 0x7f up as
// \xNN. What is printable ASCII stays. Unescape(Escape(x)) == x for all x.
std::string Escape(std::string_view bytes);
// nullopt for a lone backslash or an unknown escape.
std::optional<std::string> Unescape(std::string_view text);

std::string ToHex(std::string_view bytes);
std::optional<std::string> FromHex(std::string_view text);     // both cases
std::string ToBase64(std::string_view bytes);                  // RFC 4648, padded
std::optional<std::string> FromBase64(std::string_view text);  // padding required
// The same where the text stands, which the bytes never outgrow; how many bytes it became. After
// nullopt the text is spoilt.
std::optional<size_t> UnescapeInPlace(std::span<char> text);
std::optional<size_t> FromBase64InPlace(std::span<char> text);

// The inside of a JSON string. Bytes that are not UTF-8 become \u00NN of their Latin-1 value; use
// hex or base64 where they must come back.
std::string JsonEscape(std::string_view bytes);
bool IsValidUtf8(std::string_view bytes);

// "1.5 GiB", "12.3 us", "1,234,567".
std::string HumanBytes(uint64_t bytes);
std::string HumanMicros(uint64_t micros);
std::string WithCommas(uint64_t number);
// "1 table", "1,234 tables".
std::string Counted(uint64_t number, std::string_view noun);

}  // namespace logwood
