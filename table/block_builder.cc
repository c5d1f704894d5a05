#include "table/block_builder.h"

#include <algorithm>
#include <bit>
#include <limits>

#include "table/block.h"
#include "util/check.h"

namespace logwood {

namespace {

// Memory of a block made large by one value is given back.
constexpr size_t kKeptBytesMax = 1 << 20;
// Head, offset, three bytes of lengths and kind, three of position.
constexpr uint64_t kEntryOverheadBytes = 12;
constexpr size_t kEntryHeaderBytesMax = 1 + 2 * kVarint32BytesMax + 7;

size_t CommonPrefix(std::string_view a, std::string_view b) {
  const size_t limit = std::min(a.size(), b.size());
  size_t i = 0;
  for (; i + 8 <= limit; i += 8) {
    const uint64_t difference =
        LoadFixed<uint64_t>(a.data() + i) ^ LoadFixed<uint64_t>(b.data() + i);
    if (difference != 0) return i + static_cast<size_t>(std::countr_zero(difference)) / 8;
  }
  while (i < limit && a[i] == b[i]) ++i;
  return i;
}

}  // namespace

uint64_t BlockBuilder::EstimateOf(uint64_t count, uint64_t prefix_bytes, uint64_t raw_bytes) {
  // Each key leaves its prefix here and its head in the array, already in the overhead.
  const uint64_t saved = std::min(raw_bytes, count * (prefix_bytes + kHeadBytes));
  return kBlockHeaderBytes + prefix_bytes + count * kEntryOverheadBytes + raw_bytes - saved;
}

size_t BlockBuilder::CommonWithFirst(std::string_view key) const {
  return CommonPrefix(first_key().substr(0, prefix_bytes_), key);
}

uint64_t BlockBuilder::EstimateWith(std::string_view key, std::string_view value) const {
  const size_t prefix_bytes = empty() ? key.size() : CommonWithFirst(key);
  return EstimateOf(uint64_t{count()} + 1, prefix_bytes, bytes_.size() + key.size() + value.size());
}

void BlockBuilder::Add(std::string_view key, uint64_t trailer, std::string_view value) {
  AddKey(key, trailer, value);
  bytes_.Append(value);
}

void BlockBuilder::AddLast(std::string_view key, uint64_t trailer, std::string_view value) {
  AddKey(key, trailer, value);
  last_value_ = value;
}

void BlockBuilder::AddKey(std::string_view key, uint64_t trailer, std::string_view value) {
  DCHECK(last_value_.empty());
  prefix_bytes_ = empty() ? key.size() : CommonWithFirst(key);
  entries_.push_back({bytes_.size(), trailer, static_cast<uint32_t>(key.size()),
                      static_cast<uint32_t>(value.size())});
  bytes_.Append(key);
}

char* BlockBuilder::PutEntry(const Pending& entry, uint64_t min_position, char* to) const {
  const uint64_t difference = TrailerPosition(entry.trailer) - min_position;
  const uint32_t width = (static_cast<uint32_t>(std::bit_width(difference)) + 7) / 8;
  const uint32_t rest_bytes = entry.key_bytes - static_cast<uint32_t>(prefix_bytes_);
  *to++ = static_cast<char>(width << 4 | static_cast<uint32_t>(entry.trailer & 0x0f));
  to = EncodeVarint(to, rest_bytes);
  to = EncodeVarint(to, entry.value_bytes);
  StoreFixed(to, difference);
  to += width;
  const size_t skipped = prefix_bytes_ + std::min<size_t>(rest_bytes, kHeadBytes);
  const bool apart = !last_value_.empty() && &entry == &entries_.back();
  // Else they lie side by side.
  const size_t bytes = entry.key_bytes - skipped + (apart ? 0 : entry.value_bytes);
  std::memcpy(to, bytes_.data() + entry.key_at + skipped, bytes);
  to += bytes;
  if (apart) [[unlikely]] {
    std::memcpy(to, last_value_.data(), last_value_.size());
    to += last_value_.size();
  }
  return to;
}

void BlockBuilder::Finish(ByteBuffer* to) {
  CHECK(!empty());
  bytes_.Reserve(1);  // what is copied from is never null, be all keys and values empty
  const size_t n = entries_.size();
  uint64_t min_position = ~uint64_t{0};
  size_t longest_rest = 0;
  for (const Pending& entry : entries_) {
    min_position = std::min(min_position, TrailerPosition(entry.trailer));
    longest_rest = std::max(longest_rest, entry.key_bytes - prefix_bytes_);
  }
  // Sizes the output for the worst case, and for offsets as wide as that case needs.
  const size_t bodies_bytes_max =
      bytes_.size() + last_value_.size() - n * prefix_bytes_ + n * kEntryHeaderBytesMax;
  const bool wide = bodies_bytes_max > (size_t{1} << 16);
  CHECK(bodies_bytes_max <= std::numeric_limits<uint32_t>::max());
  const size_t offset_bytes = wide ? 4 : 2;
  const size_t arrays_bytes = n * (kHeadBytes + offset_bytes);
  char* header = to->Extend(kBlockHeaderBytes + prefix_bytes_ + arrays_bytes + bodies_bytes_max +
                            sizeof(uint64_t));
  StoreFixed(header, static_cast<uint32_t>(n));
  StoreFixed(header + 4, static_cast<uint32_t>(prefix_bytes_) | (wide ? kWideOffsetsFlag : 0));
  StoreFixed(header + 8, static_cast<uint32_t>(longest_rest));
  StoreFixed(header + 12, min_position);
  std::memcpy(header + kBlockHeaderBytes, bytes_.data(), prefix_bytes_);
  char* heads = header + kBlockHeaderBytes + prefix_bytes_;
  char* offsets = heads + n * kHeadBytes;
  char* const bodies = offsets + n * offset_bytes;
  char* at = bodies;
  for (const Pending& entry : entries_) {
    StoreFixed(heads, KeyHead(KeyOf(entry).substr(prefix_bytes_)));
    heads += kHeadBytes;
    const auto offset = static_cast<uint32_t>(at - bodies);
    std::memcpy(offsets, &offset, offset_bytes);
    offsets += offset_bytes;
    at = PutEntry(entry, min_position, at);
  }
  to->Truncate(static_cast<size_t>(at - to->data()));
  Clear();
}

void BlockBuilder::Clear() {
  entries_.clear();
  bytes_.Clear(kKeptBytesMax);
  last_value_ = {};
  prefix_bytes_ = 0;
}

}  // namespace logwood
