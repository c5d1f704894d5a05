// A small JSON reader for tests: is it JSON, and what does it say.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace logwood::test {

// Every number, string, true, false and null of the text by its path: "levels.0.tables" -> "3";
// strings without quotes, escapes as written. nullopt when the text is not one JSON value.
using JsonFields = std::map<std::string, std::string>;
std::optional<JsonFields> ReadJson(std::string_view text);

}  // namespace logwood::test
