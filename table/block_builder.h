// BlockBuilder: collects sorted entries and lays them out as a block (table/block.h).
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "util/byte_buffer.h"

namespace logwood {

// One thread. Entries are copied; what they share is known only at the end.
class BlockBuilder {
 public:
  // REQUIRES: in internal order.
  void Add(std::string_view key, uint64_t trailer, std::string_view value);
  // The same without a copy of the value: its bytes stay until Finish, which is called next.
  void AddLast(std::string_view key, uint64_t trailer, std::string_view value);
  bool empty() const { return entries_.empty(); }
  uint32_t count() const { return static_cast<uint32_t>(entries_.size()); }
  std::string_view first_key() const { return KeyOf(entries_.front()); }
  std::string_view last_key() const { return KeyOf(entries_.back()); }
  uint64_t last_trailer() const { return entries_.back().trailer; }

  // Size of the payload if this entry were added; a good upper estimate.
  uint64_t EstimateWith(std::string_view key, std::string_view value) const;
  uint64_t Estimate() const { return EstimateOf(count(), prefix_bytes_, bytes_.size()); }
  uint64_t memory_bytes() const {
    return bytes_.capacity() + entries_.capacity() * sizeof(Pending);
  }

  // Appends the payload to `to` and starts over. REQUIRES: not empty().
  void Finish(ByteBuffer* to);

 private:
  struct Pending {
    uint64_t key_at;
    uint64_t trailer;
    uint32_t key_bytes;
    uint32_t value_bytes;
  };
  std::string_view KeyOf(const Pending& entry) const {
    return {bytes_.data() + entry.key_at, entry.key_bytes};
  }
  static uint64_t EstimateOf(uint64_t count, uint64_t prefix_bytes, uint64_t raw_bytes);
  size_t CommonWithFirst(std::string_view key) const;
  void AddKey(std::string_view key, uint64_t trailer, std::string_view value);
  char* PutEntry(const Pending& entry, uint64_t min_position, char* to) const;
  void Clear();

  ByteBuffer bytes_;  // key, value, key, value, ...
  std::vector<Pending> entries_;
  std::string_view last_value_;  // of AddLast: of the last entry, and not in bytes_
  size_t prefix_bytes_ = 0;      // shared by all keys so far
};

}  // namespace logwood
