#include "util/coding.h"

#include <limits>

namespace logwood {

const char* DecodeVarint64Slow(const char* from, const char* end, uint64_t* value) {
  uint64_t result = 0;
  for (unsigned shift = 0; shift < 64 && from < end; shift += 7) {
    const auto byte = static_cast<unsigned char>(*from++);
    // The tenth byte holds the one bit that is left.
    if (shift == 63 && byte > 1) return nullptr;
    result |= static_cast<uint64_t>(byte & 0x7f) << shift;
    if (byte < 0x80) {
      // A last byte of zero says that the same number has a shorter encoding: one number, one
      // encoding, so that equal contents have equal bytes.
      if (byte == 0 && shift != 0) return nullptr;
      *value = result;
      return from;
    }
  }
  return nullptr;
}

const char* DecodeVarint32(const char* from, const char* end, uint32_t* value) {
  uint64_t wide = 0;
  const char* next = DecodeVarint64(from, end, &wide);
  if (next == nullptr || wide > std::numeric_limits<uint32_t>::max()) return nullptr;
  *value = static_cast<uint32_t>(wide);
  return next;
}

}  // namespace logwood
