// One record as a JSON object, read where it stands: a value of many megabytes takes no memory but
// its line's.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace logwood::tools {

// Views into the line.
struct RecordFields {
  std::optional<std::string_view> keyspace = {};
  std::optional<std::string_view> key = {};
  std::optional<std::string_view> value = {};
};

// False: `*error` says why. The members may be "keyspace", "key" and "value", each a string, or its
// bytes in base64 under the same name with "_base64" behind it; each at most once, no other member.
// Which must be there is for the caller to say. The line's bytes are spoilt either way.
bool ParseJsonRecord(std::span<char> line, RecordFields* fields, std::string* error);

}  // namespace logwood::tools
