#include "wal/read_window.h"

#include <algorithm>
#include <cstring>
#include <new>
#include <string>
#include <utility>

#include "util/coding.h"
#include "util/status_macros.h"

namespace logwood {

// As many as a record says that it has: the system may not have them.
Status ReadWindow::Grow(uint64_t bytes, uint64_t offset, uint64_t kept) {
  try {
    Pages grown = MakePages(bytes);
    if (kept != 0) std::memcpy(grown.get(), buffer_.get() + (offset - start_), kept);
    buffer_ = std::move(grown);
  } catch (const std::bad_alloc&) {
    return Status::Busy("no memory to read " + std::to_string(bytes) + " bytes of a log segment");
  }
  capacity_ = bytes;
  return Status::Ok();
}

Status ReadWindow::FetchSlow(uint64_t offset, uint64_t size, uint64_t end,
                             std::string_view* bytes) {
  *bytes = {};
  if (offset >= end) return Status::Ok();
  uint64_t want = std::min(std::max(size, kReadChunkBytes), end - offset);
  uint64_t kept = 0;
  if (offset >= start_ && offset - start_ < filled_) kept = filled_ - (offset - start_);
  want = std::max(want, kept);
  if (want > capacity_) {
    RETURN_IF_ERROR(Grow(want, offset, kept));
  } else if (kept != 0) {
    std::memmove(buffer_.get(), buffer_.get() + (offset - start_), kept);
  }
  start_ = offset;
  filled_ = kept;
  if (want > kept) {
    ASSIGN_OR_RETURN(size_t got, file_->Read(offset + kept, want - kept, buffer_.get() + kept));
    filled_ += std::min<uint64_t>(got, want - kept);
  }
  *bytes = {buffer_.get(), filled_};
  return Status::Ok();
}

Result<size_t> ReadWindow::Peek(uint64_t offset, size_t size, uint64_t end, char* to) const {
  if (offset >= end) return size_t{0};
  size = static_cast<size_t>(std::min<uint64_t>(size, end - offset));
  if (offset >= start_ && offset - start_ <= filled_ && size <= filled_ - (offset - start_)) {
    std::memcpy(to, buffer_.get() + (offset - start_), size);
    return size;
  }
  return file_->Read(offset, size, to);
}

Status ReadWindow::FindDataEnd(uint64_t begin, uint64_t end, uint64_t* data_end) {
  *data_end = begin;
  for (uint64_t at = begin; at < end;) {
    std::string_view bytes;
    RETURN_IF_ERROR(Fetch(at, 1, end, &bytes));
    if (bytes.empty()) break;
    bytes = bytes.substr(0, end - at);
    size_t data = NonZeroEnd(bytes);
    if (data != 0) *data_end = at + data;
    at += bytes.size();
  }
  return Status::Ok();
}

Status ReadWindow::FindDataBegin(uint64_t begin, uint64_t end, uint64_t* data_begin) {
  *data_begin = end;
  for (uint64_t at = begin; at < end;) {
    std::string_view bytes;
    RETURN_IF_ERROR(Fetch(at, 1, end, &bytes));
    if (bytes.empty()) break;
    bytes = bytes.substr(0, end - at);
    size_t zeros = FirstNonZero(bytes);
    if (zeros < bytes.size()) {
      *data_begin = at + zeros;
      break;
    }
    at += bytes.size();
  }
  return Status::Ok();
}

size_t FirstNonZero(std::string_view bytes) {
  size_t i = 0;
  while (bytes.size() - i >= 8 && LoadFixed<uint64_t>(bytes.data() + i) == 0) i += 8;
  while (i < bytes.size() && bytes[i] == '\0') ++i;
  return i;
}

size_t NonZeroEnd(std::string_view bytes) {
  size_t n = bytes.size();
  while (n >= 8 && LoadFixed<uint64_t>(bytes.data() + n - 8) == 0) n -= 8;
  while (n > 0 && bytes[n - 1] == '\0') --n;
  return n;
}

}  // namespace logwood
