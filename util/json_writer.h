// JsonObject: writes one JSON object, field by field, on one line. For output only.
//
//   JsonObject json;
//   json.Field("path", path).Field("tables", uint64_t{7});
//   std::string text = json.Finish();     // {"path":"...","tables":7}
#pragma once

#include <concepts>
#include <string>
#include <string_view>

#include "util/escape.h"

namespace logwood {

// The shortest text that reads back as the same number; 0 for infinities and NaN, which JSON lacks.
std::string JsonNumber(double value);
// Of what there is none before anything was written: then `null`.
inline std::string JsonRatio(double ratio) { return ratio > 0 ? JsonNumber(ratio) : "null"; }

class JsonObject {
 public:
  JsonObject& Field(std::string_view name, std::string_view value) {
    return Raw(name, "\"" + JsonEscape(value) + "\"");
  }
  JsonObject& Field(std::string_view name, const char* value) {
    return Field(name, std::string_view(value));
  }
  template <std::integral Int>
  JsonObject& Field(std::string_view name, Int value) {
    if constexpr (std::same_as<Int, bool>) return Raw(name, value ? "true" : "false");
    return Raw(name, std::to_string(value));
  }
  JsonObject& Field(std::string_view name, double value) { return Raw(name, JsonNumber(value)); }
  // Any bytes: where they are not UTF-8, as base64 under the name with "_base64" behind it.
  JsonObject& Bytes(std::string_view name, std::string_view bytes);
  // `json` is JSON already: an object, an array.
  JsonObject& Raw(std::string_view name, std::string_view json) {
    text_.push_back(text_.empty() ? '{' : ',');
    text_.append("\"").append(JsonEscape(name)).append("\":").append(json);
    return *this;
  }
  std::string Finish() const { return text_.empty() ? "{}" : text_ + "}"; }

 private:
  std::string text_;
};

// "[a,b,c]" of elements that are JSON already.
template <typename Range, typename ToJson>
std::string JsonArray(const Range& elements, ToJson to_json) {
  std::string text = "[";
  for (const auto& element : elements) {
    if (text.size() > 1) text.push_back(',');
    text.append(to_json(element));
  }
  return text + "]";
}

}  // namespace logwood
