// What a memtable remembers of its entries, to notice memory that changed by itself.
#pragma once

#include <bit>
#include <cstdint>
#include <string_view>

#include "util/coding.h"

namespace logwood {

// The two sums of Fletcher's checksum, over words: the first tells of any one that changed, the
// second of words that changed places. (Fletcher, An Arithmetic Checksum for Serial Transmissions,
// 1982.)
class WordSums {
 public:
  explicit WordSums(uint64_t seed) : first_(seed) {}

  void Add(std::string_view bytes) {
    const char* at = bytes.data();
    size_t left = bytes.size();
    for (; left >= 32; at += 32, left -= 32) {
      AddWord(LoadFixed<uint64_t>(at));
      AddWord(LoadFixed<uint64_t>(at + 8));
      AddWord(LoadFixed<uint64_t>(at + 16));
      AddWord(LoadFixed<uint64_t>(at + 24));
    }
    for (; left >= 8; at += 8, left -= 8) AddWord(LoadFixed<uint64_t>(at));
    uint64_t rest = bytes.size() << 32;
    if (left >= 4) {
      AddWord(LoadFixed<uint32_t>(at));
      at += 4;
      left -= 4;
    }
    for (; left > 0; ++at, --left) rest = rest << 8 | static_cast<uint8_t>(*at);
    AddWord(rest);
  }
  uint64_t Mixed() const {
    return first_ * 0x9E3779B97F4A7C15ULL ^ std::rotr(second_ * 0xD1B54A32D192ED03ULL, 32);
  }

 private:
  void AddWord(uint64_t word) { second_ += first_ += word; }

  uint64_t first_;
  uint64_t second_ = 0;
};

// Whoever reads all entries of a memtable compares the sum of these with its checksum(): memory
// that changed by itself must not become a table. Never stored. Not XXH3: each write pays for it,
// and rot is no adversary.
inline uint64_t EntryChecksum(std::string_view stored_key, uint64_t trailer,
                              std::string_view value) {
  WordSums sums(trailer);
  sums.Add(stored_key);
  sums.Add(value);
  return sums.Mixed();
}

}  // namespace logwood
