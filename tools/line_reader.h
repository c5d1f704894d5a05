// LineReader: the lines of an input, as views into one large buffer.
//
//   LineReader reader([&](char* to, size_t size) { return input->Read(to, size); },
//   line_bytes_max); std::span<char> line; while (reader.Next(&line) == LineReader::Outcome::kLine)
//   Use(line);
//
// Lines end with "\n", which is not part of them; a last line without one counts. Copies a line
// only where it crosses the end of what was read. The buffer has room for the longest line from the
// start, but takes memory only as far as lines reach. One thread at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>

#include "logwood/status.h"

namespace logwood::tools {

inline constexpr size_t kLineReadBytesMax = 1024 * 1024;

class LineReader {
 public:
  // Fills a buffer, returns how much; 0 at the end.
  using Source = std::function<Result<size_t>(char* buffer, size_t size)>;

  enum class Outcome : uint8_t {
    kLine,     // *line is valid until the next call, and the caller's to change
    kEnd,      // nothing is left
    kTooLong,  // a line above the limit was stepped over
    kFailed,   // the source failed, or there is no memory for such lines (kBusy): status()
  };

  // Reads at most `read_bytes` at a time.
  LineReader(Source source, size_t line_bytes_max, size_t read_bytes = kLineReadBytesMax);

  Outcome Next(std::span<char>* line);

  // Number of the line Next returned last, from 1.
  uint64_t line_number() const { return line_number_; }
  // Bytes of the source up to the end of that line.
  uint64_t bytes_consumed() const { return bytes_consumed_; }
  // True once the input ended in a line without a newline.
  bool newline_missing() const { return newline_missing_; }
  const Status& status() const { return status_; }

 private:
  // Reads more behind what is there; false at the end or on failure.
  bool Fill();
  Outcome Take(size_t length, size_t terminator_bytes, std::span<char>* line);
  // False at the end or on failure.
  bool StepOverLongLine();

  bool in_long_line_ = false;
  Source source_;
  const size_t line_bytes_max_;
  const size_t read_bytes_;
  const size_t buffer_bytes_;
  const std::unique_ptr<char[]> buffer_;  // null: there is no memory
  size_t begin_ = 0;                      // of the bytes not yet given out
  size_t end_ = 0;                        // of the bytes read
  bool at_end_ = false;
  bool newline_missing_ = false;
  uint64_t line_number_ = 0;
  uint64_t bytes_consumed_ = 0;
  Status status_;
};

}  // namespace logwood::tools
