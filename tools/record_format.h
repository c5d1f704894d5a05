// The two text formats that carry records in and out, a record a line:
//
//   TSV          key<TAB>value, both with backslash escapes (\t \n \r \\ \xNN)
//   JSON lines   {"key":"...","value":"..."}; bytes that are not UTF-8 go into "key_base64" and
//                "value_base64"
//
// Where records of several keyspaces are in one file, each line names its own: a first column, or a
// first member "keyspace". What is written is read back to the same bytes. A line that is not a
// record is refused with the reason; nothing is guessed.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tools/json_record.h"
#include "util/json_writer.h"

namespace logwood::tools {

enum class RecordFormat : uint8_t { kTsv, kJsonLines };

// By the ending of a file name: .jsonl, .ndjson and .json are JSON lines, all else TSV.
RecordFormat RecordFormatOf(std::string_view path);

// Bytes of the longest line that is a record whose key and value have `record_bytes` together:
// every byte escaped, and what stands around them.
uint64_t LineBytesMax(RecordFormat format, uint64_t record_bytes);

// Appends one line with its newline. Key and value must be there; a keyspace that is there is
// named.
void AppendRecord(RecordFormat format, const RecordFields& record, std::string* to);
// Appends {"key":...,"value":...} without a newline, value left out when `with_value` is false.
void AppendJsonRecord(std::string_view key, std::string_view value, bool with_value,
                      std::string* to);
// The same with "number":... behind the value, where that is one (tools/numbers.h).
void AppendJsonNumberRecord(std::string_view key, std::string_view value, std::string* to);
// Appends "name":"text" or "name_base64":"...".
void AppendJsonBytes(std::string_view name, std::string_view bytes, std::string* to);
// "name":["default","photos"] as a field of a report; those that are not UTF-8 are in
// "name_base64", which is there only if there are any.
void AddJsonNames(std::string_view name, const std::vector<std::string>& names, JsonObject* report);

// One line of either format -> a record. One thread at a time.
class RecordParser {
 public:
  enum class Keyspaces : uint8_t { kNotNamed, kNamed };  // by each line
  explicit RecordParser(RecordFormat format, Keyspaces keyspaces = Keyspaces::kNotNamed)
      : format_(format), keyspaces_(keyspaces) {}

  // False: the line is no record; error() says why. The line has no newline at its end. It is
  // decoded where it stands, so its bytes are spoilt.
  bool Parse(std::span<char> line);

  // Valid until the next Parse and as long as the line is.
  std::string_view keyspace() const { return fields_.keyspace.value_or(""); }
  std::string_view key() const { return fields_.key.value_or(""); }
  std::string_view value() const { return fields_.value.value_or(""); }
  const std::string& error() const { return error_; }

 private:
  bool ParseTsv(std::span<char> line);
  bool ParseJson(std::span<char> line);
  // False with error() set.
  bool TakeField(std::string_view name, std::span<char> text,
                 std::optional<std::string_view>* field);
  bool Refuse(std::string reason);

  const RecordFormat format_;
  const Keyspaces keyspaces_;
  RecordFields fields_;
  std::string error_;
};

}  // namespace logwood::tools
