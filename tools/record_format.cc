#include "tools/record_format.h"

#include <optional>
#include <utility>

#include "logwood/merge_operator.h"
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

void AppendJsonNumberRecord(std::string_view key, std::string_view value, std::string* to) {
  AppendJsonRecord(key, value, true, to);
  const std::optional<int64_t> number = DecodeInt64(value);
  if (!number.has_value()) return;
  to->pop_back();
  to->append(",\"number\":").append(std::to_string(*number)).push_back('}');
}

void AppendRecord(RecordFormat format, const RecordFields& record, std::string* to) {
  if (format == RecordFormat::kJsonLines) {
    to->push_back('{');
    if (record.keyspace.has_value()) {
      AppendJsonBytes("keyspace", *record.keyspace, to);
      to->push_back(',');
    }
    AppendJsonBytes("key", *record.key, to);
    to->push_back(',');
    AppendJsonBytes("value", *record.value, to);
    to->push_back('}');
  } else {
    if (record.keyspace.has_value()) {
      AppendEscaped(*record.keyspace, to);
      to->push_back('\t');
    }
    AppendEscaped(*record.key, to);
    to->push_back('\t');
    AppendEscaped(*record.value, to);
  }
  to->push_back('\n');
}

void AddJsonNames(std::string_view name, const std::vector<std::string>& names,
                  JsonObject* report) {
  std::vector<std::string> text, base64;
  for (const std::string& one : names) {
    if (IsValidUtf8(one)) {
      text.push_back("\"" + JsonEscape(one) + "\"");
    } else {
      base64.push_back("\"" + ToBase64(one) + "\"");
    }
  }
  const auto as_it_is = [](const std::string& json) { return json; };
  report->Raw(name, JsonArray(text, as_it_is));
  if (base64.empty()) return;
  report->Raw(std::string(name) + "_base64", JsonArray(base64, as_it_is));
}

bool RecordParser::Parse(std::span<char> line) {
  error_.clear();
  fields_ = {};
  if (line.empty()) return Refuse("the line is empty");
  return format_ == RecordFormat::kTsv ? ParseTsv(line) : ParseJson(line);
}

bool RecordParser::Refuse(std::string reason) {
  error_ = std::move(reason);
  fields_ = {};
  return false;
}

bool RecordParser::ParseTsv(std::span<char> line) {
  const auto tab_in = [](std::span<char> text) {
    return std::string_view(text.data(), text.size()).find('\t');
  };
  if (keyspaces_ == Keyspaces::kNamed) {
    const size_t tab = tab_in(line);
    if (tab == std::string_view::npos) return Refuse("no tab between keyspace and key");
    if (!TakeField("keyspace", line.first(tab), &fields_.keyspace)) return false;
    line = line.subspan(tab + 1);
  }
  const size_t tab = tab_in(line);
  if (tab == std::string_view::npos) {
    return Refuse(keyspaces_ == Keyspaces::kNamed
                      ? "the keyspace is missing: with --all-keyspaces a line has three columns, "
                        "keyspace, key and value, and this one has two"
                      : "no tab between key and value");
  }
  const std::span<char> value = line.subspan(tab + 1);
  if (tab_in(value) != std::string_view::npos) {
    return Refuse(
        keyspaces_ == Keyspaces::kNamed
            ? "more than two tabs (inside keyspace, key and value one is written \\t)"
            : "more than one tab (inside a key or value it is written \\t; a line whose first "
              "column is a keyspace needs --all-keyspaces)");
  }
  return TakeField("key", line.first(tab), &fields_.key) &&
         TakeField("value", value, &fields_.value);
}

bool RecordParser::TakeField(std::string_view name, std::span<char> text,
                             std::optional<std::string_view>* field) {
  const std::optional<size_t> size = UnescapeInPlace(text);
  if (!size.has_value()) {
    return Refuse("the " + std::string(name) +
                  " holds an unknown escape (known: \\t \\n \\r \\\\ \\xNN)");
  }
  *field = std::string_view(text.data(), *size);
  return true;
}

bool RecordParser::ParseJson(std::span<char> line) {
  if (!ParseJsonRecord(line, &fields_, &error_)) return false;
  if (keyspaces_ == Keyspaces::kNamed && !fields_.keyspace.has_value()) {
    return Refuse("no \"keyspace\" (or \"keyspace_base64\")");
  }
  if (keyspaces_ == Keyspaces::kNotNamed && fields_.keyspace.has_value()) {
    return Refuse("the line names its keyspace, which needs --all-keyspaces");
  }
  if (!fields_.key.has_value()) return Refuse("no \"key\" (or \"key_base64\")");
  if (!fields_.value.has_value()) return Refuse("no \"value\" (or \"value_base64\")");
  return true;
}

}  // namespace logwood::tools
