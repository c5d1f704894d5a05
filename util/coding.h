// Integers to bytes and back: fixed width little-endian, and varints of 7 bits a byte, low first.
// Decoding never reads past the input and never adds before it compares (invariant 24).
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace logwood {

static_assert(std::endian::native == std::endian::little, "Logwood runs on little-endian machines");

inline constexpr size_t kVarint32BytesMax = 5;
inline constexpr size_t kVarint64BytesMax = 10;

template <typename Int>
inline void StoreFixed(char* to, Int value) {
  std::memcpy(to, &value, sizeof(value));
}
template <typename Int>
inline Int LoadFixed(const char* from) {
  Int value;
  std::memcpy(&value, from, sizeof(value));
  return value;
}
inline void PutFixed16(std::string* to, uint16_t v) {
  to->append(reinterpret_cast<const char*>(&v), 2);
}
inline void PutFixed32(std::string* to, uint32_t v) {
  to->append(reinterpret_cast<const char*>(&v), 4);
}
inline void PutFixed64(std::string* to, uint64_t v) {
  to->append(reinterpret_cast<const char*>(&v), 8);
}

// Writes at most kVarint64BytesMax bytes; returns the end.
inline char* EncodeVarint(char* to, uint64_t value) {
  auto* p = reinterpret_cast<unsigned char*>(to);
  while (value >= 0x80) {
    *p++ = static_cast<unsigned char>(value) | 0x80;
    value >>= 7;
  }
  *p++ = static_cast<unsigned char>(value);
  return reinterpret_cast<char*>(p);
}
inline void PutVarint(std::string* to, uint64_t value) {
  char buffer[kVarint64BytesMax];
  to->append(buffer, static_cast<size_t>(EncodeVarint(buffer, value) - buffer));
}
inline size_t VarintBytes(uint64_t value) {
  return (static_cast<size_t>(std::bit_width(value | 1)) + 6) / 7;
}
inline void PutLengthPrefixed(std::string* to, std::string_view bytes) {
  PutVarint(to, bytes.size());
  to->append(bytes);
}

// Returns the end of the varint, or null when [from, end) holds no whole canonical-length varint.
const char* DecodeVarint64Slow(const char* from, const char* end, uint64_t* value);
inline const char* DecodeVarint64(const char* from, const char* end, uint64_t* value) {
  if (from < end && static_cast<signed char>(*from) >= 0) [[likely]] {
    *value = static_cast<unsigned char>(*from);
    return from + 1;
  }
  return DecodeVarint64Slow(from, end, value);
}
const char* DecodeVarint32(const char* from, const char* end, uint32_t* value);

// Reads fields off the front of a byte string. After the first failure every call fails, so a
// decoder may check once, at the end.
//
//   Decoder in(bytes);
//   uint64_t position = in.Varint64();
//   std::string_view name = in.LengthPrefixed();
//   if (!in.ok() || !in.empty()) return Status::Corruption(...);
class Decoder {
 public:
  explicit Decoder(std::string_view bytes) : at_(bytes.data()), end_(bytes.data() + bytes.size()) {}

  bool ok() const { return ok_; }
  bool empty() const { return at_ == end_; }
  size_t remaining() const { return static_cast<size_t>(end_ - at_); }
  std::string_view rest() const { return {at_, remaining()}; }

  uint8_t Fixed8() { return Fixed<uint8_t>(); }
  uint16_t Fixed16() { return Fixed<uint16_t>(); }
  uint32_t Fixed32() { return Fixed<uint32_t>(); }
  uint64_t Fixed64() { return Fixed<uint64_t>(); }
  uint64_t Varint64() {
    uint64_t value = 0;
    const char* next = ok_ ? DecodeVarint64(at_, end_, &value) : nullptr;
    if (next == nullptr) return Fail();
    at_ = next;
    return value;
  }
  uint32_t Varint32() {
    uint32_t value = 0;
    const char* next = ok_ ? DecodeVarint32(at_, end_, &value) : nullptr;
    if (next == nullptr) return static_cast<uint32_t>(Fail());
    at_ = next;
    return value;
  }
  std::string_view Bytes(uint64_t size) {
    if (!ok_ || size > remaining()) {
      Fail();
      return {};
    }
    std::string_view bytes(at_, size);
    at_ += size;
    return bytes;
  }
  std::string_view LengthPrefixed() { return Bytes(Varint64()); }

 private:
  template <typename Int>
  Int Fixed() {
    if (!ok_ || remaining() < sizeof(Int)) return static_cast<Int>(Fail());
    Int value = LoadFixed<Int>(at_);
    at_ += sizeof(Int);
    return value;
  }
  uint64_t Fail() {
    ok_ = false;
    at_ = end_;
    return 0;
  }

  const char* at_;
  const char* end_;
  bool ok_ = true;
};

}  // namespace logwood
