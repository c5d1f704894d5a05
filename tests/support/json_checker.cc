#include "tests/support/json_checker.h"

#include <cctype>

namespace logwood::test {

namespace {

constexpr int kDepthMax = 64;

class Reader {
 public:
  explicit Reader(std::string_view text) : rest_(text) {}

  bool Run(JsonFields* fields) {
    fields_ = fields;
    if (!Value("", 0)) return false;
    Space();
    return rest_.empty();
  }

 private:
  void Space() {
    while (!rest_.empty() && std::string_view(" \t\n\r").find(rest_[0]) != std::string_view::npos)
      rest_.remove_prefix(1);
  }
  bool Eat(std::string_view token) {
    if (!rest_.starts_with(token)) return false;
    rest_.remove_prefix(token.size());
    return true;
  }
  bool Next(std::string_view token) {
    Space();
    return Eat(token);
  }
  static std::string Join(const std::string& path, const std::string& name) {
    if (path.empty()) return name;
    std::string joined = path;
    return joined.append(".").append(name);
  }

  bool String(std::string* text) {
    if (!Eat("\"")) return false;
    while (!rest_.empty() && rest_[0] != '"') {
      if (static_cast<unsigned char>(rest_[0]) < 0x20) return false;
      const size_t size = rest_[0] == '\\' ? 2 : 1;
      if (rest_.size() < size) return false;
      if (size == 2 && std::string_view("\"\\/bfnrtu").find(rest_[1]) == std::string_view::npos)
        return false;
      text->append(rest_.substr(0, size));
      rest_.remove_prefix(size);
    }
    return Eat("\"");
  }

  size_t Digits() {
    size_t count = 0;
    while (count < rest_.size() && std::isdigit(static_cast<unsigned char>(rest_[count]))) ++count;
    rest_.remove_prefix(count);
    return count;
  }
  bool Number() {
    Eat("-");
    if (Digits() == 0) return false;
    if (Eat(".") && Digits() == 0) return false;
    if (!Eat("e") && !Eat("E")) return true;
    if (!Eat("+")) Eat("-");
    return Digits() != 0;
  }

  bool Object(const std::string& path, int depth) {
    if (Next("}")) return true;
    do {
      Space();
      std::string name;
      if (!String(&name) || !Next(":") || !Value(Join(path, name), depth)) return false;
    } while (Next(","));
    return Next("}");
  }
  bool Array(const std::string& path, int depth) {
    if (Next("]")) return true;
    int index = 0;
    do {
      if (!Value(Join(path, std::to_string(index++)), depth)) return false;
    } while (Next(","));
    return Next("]");
  }

  bool Value(const std::string& path, int depth) {
    if (depth > kDepthMax) return false;
    Space();
    if (Eat("{")) return Object(path, depth + 1);
    if (Eat("[")) return Array(path, depth + 1);
    std::string text;
    if (rest_.starts_with('"')) {
      if (!String(&text)) return false;
    } else {
      const std::string_view before = rest_;
      if (!Eat("true") && !Eat("false") && !Eat("null") && !Number()) return false;
      text = before.substr(0, before.size() - rest_.size());
    }
    return fields_->emplace(path, text).second;  // a name given twice is a mistake
  }

  std::string_view rest_;
  JsonFields* fields_ = nullptr;
};

}  // namespace

std::optional<JsonFields> ReadJson(std::string_view text) {
  JsonFields fields;
  if (!Reader(text).Run(&fields)) return std::nullopt;
  return fields;
}

}  // namespace logwood::test
