#include "tools/json_record.h"

#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "util/escape.h"

namespace logwood::tools {

namespace {

// Takes the events of the parser; builds no tree.
class RecordHandler : public nlohmann::json::json_sax_t {
 public:
  RecordHandler(std::string* key, std::string* value, std::string* error)
      : key_(key), value_(value), error_(error) {}

  bool null() override { return NotText(); }
  bool boolean(bool) override { return NotText(); }
  bool number_integer(number_integer_t) override { return NotText(); }
  bool number_unsigned(number_unsigned_t) override { return NotText(); }
  bool number_float(number_float_t, const string_t&) override { return NotText(); }
  bool binary(binary_t&) override { return NotText(); }
  bool start_array(size_t) override { return NotText(); }
  bool end_array() override { return true; }
  bool end_object() override { return true; }
  bool start_object(size_t) override {
    if (inside_) return NotText();
    inside_ = true;
    return true;
  }

  bool key(string_t& name) override {
    base64_ = name.ends_with("_base64");
    const std::string_view plain =
        std::string_view(name).substr(0, name.size() - (base64_ ? 7 : 0));
    if (plain != "key" && plain != "value") {
      return Refuse("unknown member \"" + JsonEscape(name) + "\"");
    }
    is_key_ = plain == "key";
    bool& seen = is_key_ ? seen_key_ : seen_value_;
    if (seen) return Refuse("two members give the " + std::string(plain));
    return seen = true;
  }

  bool string(string_t& text) override {
    if (!inside_) return NotText();
    std::string* to = is_key_ ? key_ : value_;
    if (!base64_) {
      to->swap(text);
      return true;
    }
    std::optional<std::string> bytes = FromBase64(text);
    if (!bytes.has_value()) {
      return Refuse(std::string(is_key_ ? "key" : "value") + "_base64 is not padded base64");
    }
    *to = std::move(*bytes);
    return true;
  }

  bool parse_error(size_t /*offset*/, const std::string& /*token*/,
                   const nlohmann::json::exception& problem) override {
    // "[json.exception.parse_error.101] parse error at line 1, column 5: ..."; the line is ours.
    std::string_view what = problem.what();
    if (const size_t at = what.find("] "); at != std::string_view::npos) {
      what.remove_prefix(at + 2);
    }
    if (const size_t at = what.find("column "); at != std::string_view::npos) {
      what.remove_prefix(at);
    }
    return Refuse("not JSON: " + std::string(what));
  }

  bool Complete() {
    if (!seen_key_) return Refuse("no \"key\" (or \"key_base64\")");
    if (!seen_value_) return Refuse("no \"value\" (or \"value_base64\")");
    return true;
  }

 private:
  bool NotText() {
    if (!inside_) return Refuse("not a JSON object");
    return Refuse(std::string("the ") + (is_key_ ? "key" : "value") + " is not a string");
  }
  bool Refuse(std::string reason) {
    *error_ = std::move(reason);
    return false;
  }

  std::string* key_;
  std::string* value_;
  std::string* error_;
  bool inside_ = false;
  bool is_key_ = true;
  bool base64_ = false;
  bool seen_key_ = false;
  bool seen_value_ = false;
};

}  // namespace

bool ParseJsonRecord(std::string_view line, std::string* key, std::string* value,
                     std::string* error) {
  RecordHandler handler(key, value, error);
  return nlohmann::json::sax_parse(line.begin(), line.end(), &handler) && handler.Complete();
}

}  // namespace logwood::tools
