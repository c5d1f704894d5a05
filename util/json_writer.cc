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

}  // namespace logwood
