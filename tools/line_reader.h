// LineReader: the lines of an input, as views into one large buffer.
//
//   LineReader reader([&](char* to, size_t size) { return input->Read(to, size); });
//   std::string_view line;
//   while (reader.Next(&line) == LineReader::Outcome::kLine) Use(line);
//
// Lines end with "\n", which is not part of them; a last line without one counts. Copies a line
// only where it crosses the end of the buffer. One thread at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string_view>
#include <vector>

#include "logwood/status.h"

namespace logwood::tools {

inline constexpr size_t kLineBufferBytes = 1024 * 1024;

class LineReader {
 public:
  // Fills a buffer, returns how much; 0 at the end.
  using Source = std::function<Result<size_t>(char* buffer, size_t size)>;

  enum class Outcome : uint8_t {
    kLine,     // *line is valid until the next call
    kEnd,      // nothing is left
    kTooLong,  // a line above the limit was stepped over
    kFailed,   // the source failed: status()
  };

  LineReader(Source source, size_t line_bytes_max, size_t buffer_bytes = kLineBufferBytes);

  Outcome Next(std::string_view* line);

  // Number of the line Next returned last, from 1.
  uint64_t line_number() const { return line_number_; }
  // Bytes of the source up to the end of that line.
  uint64_t bytes_consumed() const { return bytes_consumed_; }
  const Status& status() const { return status_; }

 private:
  // Reads more behind what is there; false at the end or on failure.
  bool Fill();
  Outcome Take(size_t length, size_t terminator_bytes, std::string_view* line);
  // False at the end or on failure.
  bool StepOverLongLine();

  bool in_long_line_ = false;
  Source source_;
  size_t line_bytes_max_;
  std::vector<char> buffer_;
  size_t begin_ = 0;  // of the bytes not yet given out
  size_t end_ = 0;    // of the bytes read
  bool at_end_ = false;
  uint64_t line_number_ = 0;
  uint64_t bytes_consumed_ = 0;
  Status status_;
};

}  // namespace logwood::tools
