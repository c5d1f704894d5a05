// Block: a run of sorted entries, laid out for fast search and for scans without reassembly.
//
//   header | shared key prefix | heads: u32 x n | offsets: u16 or u32 x n | bodies
//
// All keys share a prefix, stored once. A *head* is the next four bytes of a key as a big-endian
// number, zero padded: a search compares the prefix once and then numbers without branches. Equal
// heads are told apart by the rest of the key, in the body. Nothing is stored twice, every entry is
// reached by its number, so backwards costs what forwards costs. Field table: docs/format/table.md.
//
// A Block is a view: whoever makes one keeps the bytes. Validate() looks once at everything search
// and decoding rely on; after it neither checks anything, and neither can leave the bytes.
#pragma once

#include <cstdint>
#include <cstring>
#include <string_view>

#include "util/check.h"
#include "util/coding.h"
#include "util/internal_key.h"

namespace logwood {

inline constexpr size_t kBlockHeaderBytes = 20;
// Readable bytes behind every payload: decoding loads whole words and looks at the length after.
inline constexpr size_t kBlockSlackBytes = 16;
inline constexpr size_t kHeadBytes = 4;
inline constexpr uint32_t kWideOffsetsFlag = 1u << 24;  // beside the 24 bits of prefix length

// The first four bytes as a number that orders like them; missing ones are zero.
inline uint32_t KeyHead(std::string_view rest) {
  if (rest.size() >= kHeadBytes) [[likely]]
    return __builtin_bswap32(LoadFixed<uint32_t>(rest.data()));
  uint32_t head = 0;
  for (size_t i = 0; i < rest.size(); ++i) {
    head |= static_cast<uint32_t>(static_cast<unsigned char>(rest[i])) << (24 - 8 * i);
  }
  return head;
}

// One entry, its key in three parts: the block's prefix, the head, the tail.
struct BlockEntry {
  uint32_t rest_bytes = 0;  // of the key after the prefix, those in the head included
  uint32_t value_bytes = 0;
  uint64_t trailer = 0;
  const char* tail = nullptr;  // the key after prefix and head; the value follows it

  size_t tail_bytes() const { return rest_bytes > kHeadBytes ? rest_bytes - kHeadBytes : 0; }
  std::string_view value() const { return {tail + tail_bytes(), value_bytes}; }
};

class Block {
 public:
  Block() = default;
  // REQUIRES: Validate found nothing wrong with it, and kBlockSlackBytes behind it are readable.
  explicit Block(std::string_view payload);

  // What is wrong with the bytes, or null: then *kind_max is the largest kind of an entry. One
  // above kPutExpiring can be walked over, but its value means what this build does not know.
  static const char* Validate(std::string_view payload, uint8_t* kind_max);

  uint32_t count() const { return count_; }
  std::string_view prefix() const { return {prefix_, prefix_bytes_}; }
  // Length of the longest key.
  size_t key_bytes_max() const { return prefix_bytes_ + longest_rest_; }

  // REQUIRES for all below: index < count().
  uint32_t head(uint32_t index) const { return LoadFixed<uint32_t>(heads_ + size_t{4} * index); }
  BlockEntry entry(uint32_t index) const;
  // Writes the key behind the prefix that `buffer` already starts with; returns the key's length.
  // REQUIRES: room for key_bytes_max() + kBlockSlackBytes + kHeadBytes.
  size_t CompleteKey(uint32_t index, const BlockEntry& entry, char* buffer) const;
  bool KeyEquals(uint32_t index, const BlockEntry& entry, std::string_view key) const;

  // Index of the first entry >= (key, trailer) in internal order; count() when there is none.
  uint32_t Seek(std::string_view key, uint64_t trailer) const;

 private:
  uint32_t offset(uint32_t index) const {
    return wide_offsets_ ? LoadFixed<uint32_t>(offsets_ + size_t{4} * index)
                         : LoadFixed<uint16_t>(offsets_ + size_t{2} * index);
  }
  uint32_t LowerBoundHead(uint32_t target) const;
  uint32_t SeekEqualHeads(uint32_t from, uint32_t head, std::string_view rest,
                          uint64_t trailer) const;

  const char* prefix_ = nullptr;
  const char* heads_ = nullptr;
  const char* offsets_ = nullptr;
  const char* bodies_ = nullptr;
  uint64_t min_position_ = 0;
  uint32_t count_ = 0;
  uint32_t prefix_bytes_ = 0;
  uint32_t longest_rest_ = 0;
  bool wide_offsets_ = false;
};

// ---- Inline because a scan runs through them for each entry.

inline Block::Block(std::string_view payload) {
  const char* at = payload.data();
  const uint32_t prefix_and_flags = LoadFixed<uint32_t>(at + 4);
  count_ = LoadFixed<uint32_t>(at);
  prefix_bytes_ = prefix_and_flags & (kWideOffsetsFlag - 1);
  wide_offsets_ = (prefix_and_flags & kWideOffsetsFlag) != 0;
  longest_rest_ = LoadFixed<uint32_t>(at + 8);
  min_position_ = LoadFixed<uint64_t>(at + 12);
  prefix_ = at + kBlockHeaderBytes;
  heads_ = prefix_ + prefix_bytes_;
  offsets_ = heads_ + size_t{4} * count_;
  bodies_ = offsets_ + (wide_offsets_ ? size_t{4} : size_t{2}) * count_;
}

// Reads a varint that Validate has seen.
inline const char* TrustedVarint(const char* at, uint32_t* value) {
  uint32_t byte = static_cast<unsigned char>(*at++);
  uint32_t result = byte & 0x7f;
  for (unsigned shift = 7; byte >= 0x80; shift += 7) {
    byte = static_cast<unsigned char>(*at++);
    result |= (byte & 0x7f) << shift;
  }
  *value = result;
  return at;
}

inline BlockEntry Block::entry(uint32_t index) const {
  DCHECK(index < count_);
  const char* at = bodies_ + offset(index);
  // Kind in the low four bits, width of the position's difference above.
  const uint32_t first = static_cast<unsigned char>(at[0]);
  BlockEntry e;
  e.rest_bytes = static_cast<unsigned char>(at[1]);
  e.value_bytes = static_cast<unsigned char>(at[2]);
  if (((e.rest_bytes | e.value_bytes) & 0x80) == 0) [[likely]] {
    at += 3;
  } else {
    at = TrustedVarint(TrustedVarint(at + 1, &e.rest_bytes), &e.value_bytes);
  }
  const uint32_t width = first >> 4;
  const uint64_t difference = LoadFixed<uint64_t>(at) & ((uint64_t{1} << (8 * width)) - 1);
  e.trailer = (min_position_ + difference) << 8 | (first & 0x0f);
  e.tail = at + width;
  return e;
}

inline size_t Block::CompleteKey(uint32_t index, const BlockEntry& e, char* buffer) const {
  char* to = buffer + prefix_bytes_;
  StoreFixed(to, __builtin_bswap32(head(index)));
  std::memcpy(to + kHeadBytes, e.tail, kBlockSlackBytes);
  if (e.rest_bytes > kHeadBytes + kBlockSlackBytes) [[unlikely]] {
    std::memcpy(to + kHeadBytes, e.tail, e.tail_bytes());
  }
  return prefix_bytes_ + e.rest_bytes;
}

}  // namespace logwood
