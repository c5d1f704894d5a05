#include "tools/line_reader.h"

#include <algorithm>
#include <cstring>
#include <new>
#include <string>
#include <utility>

namespace logwood::tools {

LineReader::LineReader(Source source, size_t line_bytes_max, size_t read_bytes)
    : source_(std::move(source)),
      line_bytes_max_(line_bytes_max),
      read_bytes_(read_bytes),
      buffer_bytes_(line_bytes_max + read_bytes),
      // Not zeroed: what is never written takes no memory.
      buffer_(new (std::nothrow) char[buffer_bytes_]) {
  if (buffer_ != nullptr) return;
  status_ =
      Status::Busy("no memory for lines of up to " + std::to_string(line_bytes_max_) + " bytes");
}

LineReader::Outcome LineReader::Next(std::span<char>* line) {
  if (buffer_ == nullptr) return Outcome::kFailed;
  if (in_long_line_ && !StepOverLongLine()) return status_.ok() ? Outcome::kEnd : Outcome::kFailed;
  size_t searched = 0;  // bytes behind begin_ known to hold no newline
  while (true) {
    const char* from = buffer_.get() + begin_ + searched;
    const size_t unsearched = end_ - begin_ - searched;
    const auto* newline =
        unsearched == 0 ? nullptr : static_cast<const char*>(std::memchr(from, '\n', unsearched));
    if (newline != nullptr) {
      const auto length = static_cast<size_t>(newline - (buffer_.get() + begin_));
      return Take(length, 1, line);
    }
    searched = end_ - begin_;
    if (searched > line_bytes_max_) {
      // Said at once: the rest may have no end. It is stepped over when the next line is asked for.
      in_long_line_ = true;
      ++line_number_;
      return Outcome::kTooLong;
    }
    if (Fill()) continue;
    if (!status_.ok()) return Outcome::kFailed;
    return searched == 0 ? Outcome::kEnd : Take(searched, 0, line);
  }
}

LineReader::Outcome LineReader::Take(size_t length, size_t terminator_bytes,
                                     std::span<char>* line) {
  *line = std::span<char>(buffer_.get() + begin_, length);
  begin_ += length + terminator_bytes;
  bytes_consumed_ += length + terminator_bytes;
  ++line_number_;
  newline_missing_ = terminator_bytes == 0;
  return length > line_bytes_max_ ? Outcome::kTooLong : Outcome::kLine;
}

bool LineReader::Fill() {
  if (at_end_ || !status_.ok()) return false;
  if (begin_ > 0) {
    std::memmove(buffer_.get(), buffer_.get() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
  }
  // At most line_bytes_max_ are left over: a longer line was stepped over.
  Result<size_t> got = source_(buffer_.get() + end_, std::min(read_bytes_, buffer_bytes_ - end_));
  if (!got.ok()) {
    status_ = got.status();
    return false;
  }
  at_end_ = *got == 0;
  end_ += *got;
  return !at_end_;
}

bool LineReader::StepOverLongLine() {
  while (true) {
    const auto* newline =
        static_cast<const char*>(std::memchr(buffer_.get() + begin_, '\n', end_ - begin_));
    const size_t skipped = newline == nullptr
                               ? end_ - begin_
                               : static_cast<size_t>(newline + 1 - (buffer_.get() + begin_));
    begin_ += skipped;
    bytes_consumed_ += skipped;
    if (newline != nullptr) break;
    if (!Fill()) {
      newline_missing_ = status_.ok();
      return false;
    }
  }
  in_long_line_ = false;
  return true;
}

}  // namespace logwood::tools
