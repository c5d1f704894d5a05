// ReadWindow: a file seen through one reusable buffer that reads ahead in large chunks. One thread.
#pragma once

#include <cstdint>
#include <string_view>

#include "logwood/file_system.h"
#include "util/pages.h"

namespace logwood {

// A sequential reader's chunk: large enough to hide the calls, small against any memory budget.
inline constexpr uint64_t kReadChunkBytes = 256 * 1024;

class ReadWindow {
 public:
  // The file must outlive the window.
  explicit ReadWindow(const RandomAccessFile* file) : file_(file) {}

  // Points *bytes at the bytes from `offset` on: at least `size` of them, fewer only where `end` or
  // the file ends; usually more, also behind `end` where an earlier call read further. They live
  // until the next call. Reads nothing behind `end`, and never holds more than the largest of all
  // sizes asked for and kReadChunkBytes. kBusy: there is no memory for them.
  Status Fetch(uint64_t offset, uint64_t size, uint64_t end, std::string_view* bytes) {
    if (offset >= start_ && offset - start_ <= filled_ && size <= filled_ - (offset - start_))
        [[likely]] {
      *bytes = {buffer_.get() + (offset - start_), filled_ - (offset - start_)};
      return Status::Ok();
    }
    return FetchSlow(offset, size, end, bytes);
  }
  // Copies [offset, offset + size) to `to`, without moving what Fetch reads ahead; how much: less
  // where `end` or the file ends.
  Result<size_t> Peek(uint64_t offset, size_t size, uint64_t end, char* to) const;
  // Forgets what was read: the file may have changed.
  void Drop() { filled_ = 0; }

  // Sets *data_end behind the last byte of [begin, end) that is not zero; to `begin` when all are.
  Status FindDataEnd(uint64_t begin, uint64_t end, uint64_t* data_end);
  // Sets *data_begin to the first byte of [begin, end) that is not zero; to `end` when all are.
  Status FindDataBegin(uint64_t begin, uint64_t end, uint64_t* data_begin);

 private:
  Status FetchSlow(uint64_t offset, uint64_t size, uint64_t end, std::string_view* bytes);
  // Makes the buffer larger; the last `kept` bytes of it, from `offset` of the file on, stay.
  Status Grow(uint64_t bytes, uint64_t offset, uint64_t kept);

  const RandomAccessFile* file_;
  Pages buffer_;
  uint64_t capacity_ = 0;
  uint64_t start_ = 0;   // of the file, where the buffer begins
  uint64_t filled_ = 0;  // bytes of the buffer that are read
};

// The place of the first, and behind the last, byte that is not zero; bytes.size() and 0: none.
size_t FirstNonZero(std::string_view bytes);
size_t NonZeroEnd(std::string_view bytes);

}  // namespace logwood
