// The two text formats that carry records in and out, a record a line:
//
//   TSV          key<TAB>value, both with backslash escapes (\t \n \r \\ \xNN)
//   JSON lines   {"key":"...","value":"..."}; bytes that are not UTF-8 go into "key_base64" and
//                "value_base64"
//
// What is written is read back to the same bytes. A line that is not a record is refused with the
// reason; nothing is guessed.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace logwood::tools {

enum class RecordFormat : uint8_t { kTsv, kJsonLines };

// By the ending of a file name: .jsonl, .ndjson and .json are JSON lines, all else TSV.
RecordFormat RecordFormatOf(std::string_view path);

// Bytes of the longest line that is a record whose key and value have `record_bytes` together:
// every byte escaped, and what stands around them.
uint64_t LineBytesMax(RecordFormat format, uint64_t record_bytes);

// Appends one line with its newline.
void AppendRecord(RecordFormat format, std::string_view key, std::string_view value,
                  std::string* to);
// Appends {"key":...,"value":...} without a newline, value left out when `with_value` is false.
void AppendJsonRecord(std::string_view key, std::string_view value, bool with_value,
                      std::string* to);
// Appends "name":"text" or "name_base64":"...".
void AppendJsonBytes(std::string_view name, std::string_view bytes, std::string* to);

// One line of either format -> a record. Keeps buffers: reuse one object. One thread at a time.
class RecordParser {
 public:
  explicit RecordParser(RecordFormat format) : format_(format) {}

  // False: the line is no record; error() says why. The line has no newline at its end.
  bool Parse(std::string_view line);

  // Valid until the next Parse and as long as the line is.
  std::string_view key() const { return key_; }
  std::string_view value() const { return value_; }
  const std::string& error() const { return error_; }

 private:
  bool ParseTsv(std::string_view line);
  bool ParseJson(std::string_view line);
  // Unescapes into `buffer` where needed; false with error() set.
  bool TakeField(std::string_view name, std::string_view text, std::string* buffer,
                 std::string_view* field);
  bool Refuse(std::string reason);

  RecordFormat format_;
  std::string key_buffer_, value_buffer_;
  std::string_view key_, value_;
  std::string error_;
};

}  // namespace logwood::tools
