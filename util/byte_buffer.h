// ByteBuffer: bytes that grow at the end. Unlike std::string it leaves new bytes uninitialised, and
// lies in memory that goes back to the system (util/memory.h).
//
//   ByteBuffer out;
//   StoreFixed(out.Extend(8), number);
//   out.Append(bytes);
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <string_view>
#include <utility>

#include "util/check.h"
#include "util/memory.h"

namespace logwood {

class ByteBuffer {
 public:
  char* data() { return memory_.get(); }
  const char* data() const { return memory_.get(); }
  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  size_t capacity() const { return capacity_; }
  std::string_view view() const { return {memory_.get(), size_}; }

  void Reserve(size_t bytes) {
    if (bytes > capacity_) Grow(bytes);
  }
  // Room for so many more bytes, counted in; to be written by the caller.
  char* Extend(size_t bytes) {
    if (bytes > capacity_ - size_) [[unlikely]]
      Grow(size_ + bytes);
    char* to = memory_.get() + size_;
    size_ += bytes;
    return to;
  }
  // REQUIRES: the bytes are not the buffer's own.
  void Append(std::string_view bytes) {
    char* to = Extend(bytes.size());
    if (!bytes.empty()) std::memcpy(to, bytes.data(), bytes.size());
  }
  void Append(char byte) { *Extend(1) = byte; }
  // REQUIRES: not more than size().
  void Truncate(size_t size) {
    DCHECK(size <= size_);
    size_ = size;
  }
  // Empty again; memory beyond `kept_bytes_max` is given back.
  void Clear(size_t kept_bytes_max = ~size_t{0}) {
    size_ = 0;
    if (capacity_ <= kept_bytes_max) return;
    memory_.reset();
    capacity_ = 0;
  }

 private:
  static constexpr size_t kDoublingBytesMax = size_t{1} << 20;

  void Grow(size_t needed) {
    const size_t more = capacity_ < kDoublingBytesMax ? capacity_ : capacity_ / 4;
    const size_t capacity = std::max({needed, capacity_ + more, size_t{256}});
    Memory grown = MakeMemory(capacity);
    if (size_ != 0) std::memcpy(grown.get(), memory_.get(), size_);
    memory_ = std::move(grown);
    capacity_ = capacity;
  }

  Memory memory_;
  size_t size_ = 0;
  size_t capacity_ = 0;
};

}  // namespace logwood
