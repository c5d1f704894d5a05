#include "tools/record_format.h"

#include <cstring>
#include <utility>

#include "tools/json_record.h"
#include "tools/text_codec.h"
#include "util/escape.h"

namespace logwood::tools {

uint64_t LineBytesMax(RecordFormat format, uint64_t record_bytes) {
  constexpr uint64_t kTsvEscapeBytes = 4;   // \xNN
  constexpr uint64_t kJsonEscapeBytes = 6;  // \u00NN
  constexpr uint64_t kFrameBytes = 1024;    // member names, quotes, spaces
  return record_bytes * (format == RecordFormat::kTsv ? kTsvEscapeBytes : kJsonEscapeBytes) +
         kFrameBytes;
}

RecordFormat RecordFormatOf(std::string_view path) {
  for (const std::string_view ending : {".jsonl", ".ndjson", ".json"}) {
    if (path.ends_with(ending)) return RecordFormat::kJsonLines;
  }
  return RecordFormat::kTsv;
}

void AppendJsonBytes(std::string_view name, std::string_view bytes, std::string* to) {
  to->push_back('"');
  to->append(name);
  if (IsValidUtf8(bytes)) {
    to->append("\":\"").append(JsonEscape(bytes));
  } else {
    to->append("_base64\":\"").append(ToBase64(bytes));
  }
  to->push_back('"');
}

void AppendJsonRecord(std::string_view key, std::string_view value, bool with_value,
                      std::string* to) {
  to->push_back('{');
  AppendJsonBytes("key", key, to);
  if (with_value) {
    to->push_back(',');
    AppendJsonBytes("value", value, to);
  }
  to->push_back('}');
}

void AppendRecord(RecordFormat format, std::string_view key, std::string_view value,
                  std::string* to) {
  if (format == RecordFormat::kJsonLines) {
    AppendJsonRecord(key, value, true, to);
  } else {
    AppendEscaped(key, to);
    to->push_back('\t');
    AppendEscaped(value, to);
  }
  to->push_back('\n');
}

bool RecordParser::Parse(std::string_view line) {
  error_.clear();
  if (line.empty()) return Refuse("the line is empty");
  return format_ == RecordFormat::kTsv ? ParseTsv(line) : ParseJson(line);
}

bool RecordParser::Refuse(std::string reason) {
  error_ = std::move(reason);
  return false;
}

bool RecordParser::ParseTsv(std::string_view line) {
  const size_t tab = line.find('\t');
  if (tab == std::string_view::npos) {
    return Refuse("no tab between key and value");
  }
  const std::string_view value = line.substr(tab + 1);
  if (value.find('\t') != std::string_view::npos) {
    return Refuse("more than one tab (inside a key or value it is written \\t)");
  }
  return TakeField("key", line.substr(0, tab), &key_buffer_, &key_) &&
         TakeField("value", value, &value_buffer_, &value_);
}

bool RecordParser::TakeField(std::string_view name, std::string_view text, std::string* buffer,
                             std::string_view* field) {
  if (text.find('\\') == std::string_view::npos) {
    *field = text;
    return true;
  }
  std::optional<std::string> bytes = Unescape(text);
  if (!bytes.has_value()) {
    return Refuse("the " + std::string(name) +
                  " holds an unknown escape (known: \\t \\n \\r \\\\ \\xNN)");
  }
  *buffer = std::move(*bytes);
  *field = *buffer;
  return true;
}

bool RecordParser::ParseJson(std::string_view line) {
  if (!ParseJsonRecord(line, &key_buffer_, &value_buffer_, &error_)) return false;
  key_ = key_buffer_;
  value_ = value_buffer_;
  return true;
}

}  // namespace logwood::tools
