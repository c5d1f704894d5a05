#include "util/json_writer.h"

#include <array>
#include <charconv>
#include <cmath>

namespace logwood {

std::string JsonNumber(double value) {
  if (!std::isfinite(value)) return "0";
  std::array<char, 32> buffer;  // the shortest form of any double takes at most 24 characters
  const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value);
  return std::string(buffer.data(), end.ptr);
}

JsonObject& JsonObject::Bytes(std::string_view name, std::string_view bytes) {
  if (IsValidUtf8(bytes)) return Field(name, bytes);
  return Field(std::string(name) + "_base64", ToBase64(bytes));
}

}  // namespace logwood
