#include "tools/json_record.h"

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "util/escape.h"

namespace logwood::tools {

namespace {

constexpr std::string_view kBase64Ending = "_base64";

bool IsJsonSpace(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// Appends the character as UTF-8 at `to`; what it is written as in JSON is longer.
size_t StoreUtf8(uint32_t code, char* to) {
  const auto tail = [code](int shift) { return static_cast<char>(0x80 | (code >> shift & 0x3f)); };
  if (code < 0x80) {
    to[0] = static_cast<char>(code);
    return 1;
  }
  if (code < 0x800) {
    to[0] = static_cast<char>(0xc0 | code >> 6);
    to[1] = tail(0);
    return 2;
  }
  if (code < 0x10000) {
    to[0] = static_cast<char>(0xe0 | code >> 12);
    to[1] = tail(6);
    to[2] = tail(0);
    return 3;
  }
  to[0] = static_cast<char>(0xf0 | code >> 18);
  to[1] = tail(12);
  to[2] = tail(6);
  to[3] = tail(0);
  return 4;
}

// One line, from its beginning to its end. Decoded strings lie where they stood.
class JsonReader {
 public:
  JsonReader(std::span<char> line, RecordFields* fields, std::string* error)
      : line_(line), fields_(fields), error_(error) {}

  bool Run() {
    // Some editors begin a file with it.
    if (std::string_view(line_.data(), line_.size()).starts_with("\xef\xbb\xbf")) at_ = 3;
    SkipSpace();
    if (!Take('{')) return Refuse("not a JSON object");
    SkipSpace();
    if (!Take('}')) {
      do {
        if (!ReadMember()) return false;
      } while (Take(','));
      if (!Take('}')) return NotJson("a comma or a closing brace is missing");
    }
    SkipSpace();
    return at_ == line_.size() || NotJson("something follows the object");
  }

 private:
  bool ReadMember() {
    SkipSpace();
    std::span<char> text;
    if (!ReadString(&text, "a member's name is missing")) return false;
    std::string_view name(text.data(), text.size());
    const bool base64 = name.ends_with(kBase64Ending);
    if (base64) name.remove_suffix(kBase64Ending.size());
    std::optional<std::string_view>* field = name == "key"        ? &fields_->key
                                             : name == "value"    ? &fields_->value
                                             : name == "keyspace" ? &fields_->keyspace
                                                                  : nullptr;
    if (field == nullptr) {
      return Refuse("unknown member \"" + JsonEscape({text.data(), text.size()}) + "\"");
    }
    if (field->has_value()) return Refuse("two members give the " + std::string(name));
    SkipSpace();
    if (!Take(':')) return NotJson("a colon is missing");
    SkipSpace();
    if (at_ < line_.size() && line_[at_] != '"') {
      return Refuse("the " + std::string(name) + " is not a string");
    }
    if (!ReadString(&text, "a string is missing")) return false;
    if (base64) {
      const std::optional<size_t> size = FromBase64InPlace(text);
      if (!size.has_value()) return Refuse(std::string(name) + "_base64 is not padded base64");
      text = text.first(*size);
    }
    *field = std::string_view(text.data(), text.size());
    SkipSpace();
    return true;
  }

  bool ReadString(std::span<char>* text, std::string_view missing) {
    if (!Take('"')) return NotJson(missing);
    const size_t begin = at_;
    size_t end = begin;  // of what is decoded
    while (true) {
      size_t plain = at_;
      while (plain < line_.size() && line_[plain] != '"' && line_[plain] != '\\' &&
             static_cast<unsigned char>(line_[plain]) >= 0x20) {
        ++plain;
      }
      if (!IsValidUtf8({line_.data() + at_, plain - at_})) {
        return NotJson("bytes that are not UTF-8 (they go into a member in base64)");
      }
      if (end != at_) std::memmove(line_.data() + end, line_.data() + at_, plain - at_);
      end += plain - at_;
      at_ = plain;
      if (at_ == line_.size()) return NotJson("a string without its end");
      if (Take('"')) break;
      if (line_[at_] != '\\') return NotJson("a control character that is not escaped");
      if (!ReadEscape(&end)) return false;
    }
    *text = line_.subspan(begin, end - begin);
    return true;
  }

  // From the backslash on; stores the character at `*end`.
  bool ReadEscape(size_t* end) {
    constexpr std::string_view kNames = "\"\\/bfnrt";
    constexpr std::string_view kMeanings = "\"\\/\b\f\n\r\t";
    const char name = at_ + 1 < line_.size() ? line_[at_ + 1] : '\0';
    if (name != 'u') {
      const size_t which = name == '\0' ? std::string_view::npos : kNames.find(name);
      if (which == std::string_view::npos) return NotJson("an unknown escape");
      line_[(*end)++] = kMeanings[which];
      at_ += 2;
      return true;
    }
    uint32_t code = 0;
    if (!ReadCodeUnit(&code)) return false;
    if (code >= 0xdc00 && code < 0xe000) return NotJson("half of a surrogate pair");
    if (code >= 0xd800 && code < 0xdc00) {
      uint32_t low = 0;
      if (at_ + 1 >= line_.size() || line_[at_] != '\\' || line_[at_ + 1] != 'u') {
        return NotJson("half of a surrogate pair");
      }
      if (!ReadCodeUnit(&low)) return false;
      if (low < 0xdc00 || low >= 0xe000) return NotJson("half of a surrogate pair");
      code = 0x10000 + ((code & 0x3ff) << 10 | (low & 0x3ff));
    }
    *end += StoreUtf8(code, line_.data() + *end);
    return true;
  }

  // \uNNNN.
  bool ReadCodeUnit(uint32_t* code) {
    for (size_t i = 2; i < 6; ++i) {
      const int digit = at_ + i < line_.size() ? HexDigit(line_[at_ + i]) : -1;
      if (digit < 0) return NotJson("\\u needs four hexadecimal digits");
      *code = *code << 4 | static_cast<uint32_t>(digit);
    }
    at_ += 6;
    return true;
  }

  void SkipSpace() {
    while (at_ < line_.size() && IsJsonSpace(line_[at_])) ++at_;
  }
  bool Take(char c) {
    if (at_ == line_.size() || line_[at_] != c) return false;
    ++at_;
    return true;
  }
  bool NotJson(std::string_view what) {
    return Refuse("not JSON: column " + std::to_string(at_ + 1) + ": " + std::string(what));
  }
  bool Refuse(std::string reason) {
    *error_ = std::move(reason);
    return false;
  }

  const std::span<char> line_;
  RecordFields* const fields_;
  std::string* const error_;
  size_t at_ = 0;
};

}  // namespace

bool ParseJsonRecord(std::span<char> line, RecordFields* fields, std::string* error) {
  return JsonReader(line, fields, error).Run();
}

}  // namespace logwood::tools
