#include "table/block.h"

#include <algorithm>

namespace logwood {

namespace {

// Three-way, of what follows the prefix; both have the same head. Zero padding makes heads of
// different lengths equal only when the shorter is a prefix of the longer, so lengths decide there.
int CompareEqualHeads(const BlockEntry& entry, std::string_view rest) {
  const size_t rest_tail = rest.size() > kHeadBytes ? rest.size() - kHeadBytes : 0;
  const size_t common = std::min(entry.tail_bytes(), rest_tail);
  if (common != 0) {
    int c = std::memcmp(entry.tail, rest.data() + kHeadBytes, common);
    if (c != 0) return c;
  }
  if (entry.rest_bytes != rest.size()) return entry.rest_bytes < rest.size() ? -1 : 1;
  return 0;
}

bool Before(const BlockEntry& entry, std::string_view rest, uint64_t trailer) {
  int c = CompareEqualHeads(entry, rest);
  return c != 0 ? c < 0 : entry.trailer > trailer;
}

// Header fields whose relations Validate has checked.
struct Header {
  uint32_t count = 0, prefix_bytes = 0, longest_rest = 0;
  uint64_t min_position = 0;
  size_t offset_bytes = 2;
};

const char* ReadHeader(std::string_view payload, Header* header) {
  if (payload.size() < kBlockHeaderBytes) return "block shorter than its header";
  const uint32_t prefix_and_flags = LoadFixed<uint32_t>(payload.data() + 4);
  if ((prefix_and_flags & ~(2 * kWideOffsetsFlag - 1)) != 0) return "unknown block flags";
  header->count = LoadFixed<uint32_t>(payload.data());
  header->prefix_bytes = prefix_and_flags & (kWideOffsetsFlag - 1);
  header->longest_rest = LoadFixed<uint32_t>(payload.data() + 8);
  header->min_position = LoadFixed<uint64_t>(payload.data() + 12);
  header->offset_bytes = (prefix_and_flags & kWideOffsetsFlag) != 0 ? 4 : 2;
  const size_t room = payload.size() - kBlockHeaderBytes;
  if (header->count == 0) return "block without entries";
  if (header->prefix_bytes > room || header->prefix_bytes > kStoredKeyBytesMax) {
    return "block prefix too long";
  }
  if (header->longest_rest > kStoredKeyBytesMax - header->prefix_bytes) return "keys too long";
  if (header->min_position > kPositionMax) return "position out of range";
  if (header->count > (room - header->prefix_bytes) / (kHeadBytes + header->offset_bytes)) {
    return "more entries than fit the block";
  }
  return nullptr;
}

// Returns the end of the entry, or null. Any kind fits.
const char* CheckEntry(const char* at, const char* end, const Header& header) {
  if (end - at < 3) return nullptr;
  const uint32_t first = static_cast<unsigned char>(*at);
  const uint32_t width = first >> 4;
  if (width > 7) return nullptr;
  uint32_t rest_bytes = static_cast<unsigned char>(at[1]);
  uint32_t value_bytes = static_cast<unsigned char>(at[2]);
  if (((rest_bytes | value_bytes) & 0x80) == 0) [[likely]] {
    at += 3;
  } else {
    at = DecodeVarint32(at + 1, end, &rest_bytes);
    if (at != nullptr) at = DecodeVarint32(at, end, &value_bytes);
    if (at == nullptr) return nullptr;
  }
  if (rest_bytes > header.longest_rest) return nullptr;
  const size_t tail_bytes = rest_bytes > kHeadBytes ? rest_bytes - kHeadBytes : 0;
  if (static_cast<size_t>(end - at) < size_t{width} + tail_bytes) return nullptr;
  uint64_t difference = 0;
  std::memcpy(&difference, at, width);
  if (difference > kPositionMax - header.min_position) return nullptr;
  at += width + tail_bytes;
  if (static_cast<size_t>(end - at) < value_bytes) return nullptr;
  return at + value_bytes;
}

}  // namespace

const char* Block::Validate(std::string_view payload, uint8_t* kind_max) {
  *kind_max = 0;
  Header header;
  if (const char* problem = ReadHeader(payload, &header)) return problem;
  const char* heads = payload.data() + kBlockHeaderBytes + header.prefix_bytes;
  const char* offsets = heads + kHeadBytes * header.count;
  const char* bodies = offsets + header.offset_bytes * header.count;
  const char* end = payload.data() + payload.size();
  const char* at = bodies;
  uint32_t last_head = 0;
  uint8_t kind = 0;
  for (uint32_t i = 0; i < header.count; ++i) {
    const uint32_t head = LoadFixed<uint32_t>(heads + size_t{4} * i);
    const uint64_t offset = header.offset_bytes == 4 ? LoadFixed<uint32_t>(offsets + size_t{4} * i)
                                                     : LoadFixed<uint16_t>(offsets + size_t{2} * i);
    if (head < last_head) return "entries out of order";
    if (offset != static_cast<uint64_t>(at - bodies)) return "entry offset does not match";
    const char* entry = at;
    at = CheckEntry(entry, end, header);
    if (at == nullptr) return "entry does not fit the block";
    kind = std::max(kind, static_cast<uint8_t>(*entry & 0x0f));
    last_head = head;
  }
  *kind_max = kind;
  return at == end ? nullptr : "bytes behind the last entry";
}

bool Block::KeyEquals(uint32_t index, const BlockEntry& e, std::string_view key) const {
  if (key.size() != prefix_bytes_ + e.rest_bytes) return false;
  if (std::memcmp(key.data(), prefix_, prefix_bytes_) != 0) return false;
  std::string_view rest = key.substr(prefix_bytes_);
  return KeyHead(rest) == head(index) && CompareEqualHeads(e, rest) == 0;
}

// First index whose head is >= target. Without branches: which half is needed cannot be predicted.
uint32_t Block::LowerBoundHead(uint32_t target) const {
  uint32_t from = 0;
  uint32_t size = count_;
  while (size > 1) {
    const uint32_t half = size / 2;
    from += half & (0u - static_cast<uint32_t>(head(from + half - 1) < target));
    size -= half;
  }
  return from + static_cast<uint32_t>(head(from) < target);
}

uint32_t Block::Seek(std::string_view key, uint64_t trailer) const {
  const int c = std::memcmp(prefix_, key.data(), std::min<size_t>(prefix_bytes_, key.size()));
  if (c != 0) [[unlikely]]
    return c > 0 ? 0 : count_;
  if (key.size() < prefix_bytes_) [[unlikely]]
    return 0;
  const std::string_view rest = key.substr(prefix_bytes_);
  const uint32_t wanted = KeyHead(rest);
  const uint32_t from = LowerBoundHead(wanted);
  if (from == count_ || head(from) != wanted) return from;
  return SeekEqualHeads(from, wanted, rest, trailer);
}

uint32_t Block::SeekEqualHeads(uint32_t from, uint32_t wanted, std::string_view rest,
                               uint64_t trailer) const {
  if (!Before(entry(from), rest, trailer)) return from;
  uint32_t end = wanted == ~uint32_t{0} ? count_ : LowerBoundHead(wanted + 1);
  ++from;
  while (from < end) {
    const uint32_t middle = from + (end - from) / 2;
    if (Before(entry(middle), rest, trailer)) {
      from = middle + 1;
    } else {
      end = middle;
    }
  }
  return from;
}

}  // namespace logwood
