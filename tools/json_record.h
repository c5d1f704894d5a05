// One record as a JSON object, read with nlohmann-json; apart, because that header is slow to
// compile.
#pragma once

#include <string>
#include <string_view>

namespace logwood::tools {

// False: `*error` says why. Exactly one of "key" and "key_base64", exactly one of "value" and
// "value_base64", all strings; no other member.
bool ParseJsonRecord(std::string_view line, std::string* key, std::string* value,
                     std::string* error);

}  // namespace logwood::tools
