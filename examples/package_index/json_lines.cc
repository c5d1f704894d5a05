// JSON lines, {"key":"...","value":...}: a value that is not a string is kept as its JSON text.
#include <fstream>
#include <nlohmann/json.hpp>
#include <utility>

#include "data.h"

namespace package_index {

bool ReadJsonLines(const std::string& file, Data* data) {
  std::ifstream in(file, std::ios::binary);
  std::string line;
  for (uint64_t number = 1; std::getline(in, line); ++number) {
    const nlohmann::json json = nlohmann::json::parse(line, nullptr, false);
    if (!json.is_object() || !json.contains("key") || !json["key"].is_string() ||
        !json.contains("value")) {
      data->error = file + ":" + std::to_string(number) + ": not {\"key\":\"...\",\"value\":...}";
      return false;
    }
    const nlohmann::json& value = json["value"];
    data->records.push_back({json["key"].get<std::string>(), "",
                             value.is_string() ? value.get<std::string>() : value.dump()});
  }
  if (data->records.empty()) data->error = file + ": cannot be read, or holds no record";
  return data->error.empty();
}

}  // namespace package_index
