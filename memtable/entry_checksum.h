// What a memtable remembers of its entries, to notice memory that changed by itself.
#pragma once

#include <cstdint>
#include <string_view>

#include "util/coding.h"

namespace logwood {

// A hash of a few instructions for 16 bytes: one multiplication of 64 by 64 bits, of which both
// halves count (wyhash, https://github.com/wangyi-fudan/wyhash). That a change goes unnoticed is a
// matter of chance, 1 in 2^64 about, whichever bits changed: one, two, or a wire's in each word of
// a line.
class PairHash {
 public:
  explicit PairHash(uint64_t seed) : sum_(seed * 0x9E3779B97F4A7C15ULL) {}

  void Add(std::string_view bytes) {
    const char* at = bytes.data();
    size_t left = bytes.size();
    for (; left >= 16; at += 16, left -= 16) {
      AddPair(LoadFixed<uint64_t>(at), LoadFixed<uint64_t>(at + 8));
    }
    uint64_t first = bytes.size() << 32, rest = 0;
    if (left >= 8) {
      first ^= LoadFixed<uint64_t>(at);
      at += 8;
      left -= 8;
    }
    if (left >= 4) {
      rest = LoadFixed<uint32_t>(at);
      at += 4;
      left -= 4;
    }
    for (; left > 0; ++at, --left) rest = rest << 8 | static_cast<uint8_t>(*at);
    AddPair(first, rest);
  }
  uint64_t sum() const { return sum_; }

 private:
  __extension__ using Product = unsigned __int128;

  void AddPair(uint64_t a, uint64_t b) {
    const Product product = Product{a ^ sum_ ^ 0xA0761D6478BD642FULL} * (b ^ 0xE7037ED1A0B428DBULL);
    sum_ = static_cast<uint64_t>(product) ^ static_cast<uint64_t>(product >> 64);
  }

  uint64_t sum_;
};

// Whoever reads all entries of a memtable compares the sum of these with its checksum(): memory
// that changed by itself must not become a table. Never stored. Not XXH3: each write pays for it,
// and rot is no adversary.
inline uint64_t EntryChecksum(std::string_view stored_key, uint64_t trailer,
                              std::string_view value) {
  PairHash hash(trailer);
  hash.Add(stored_key);
  hash.Add(value);
  return hash.sum();
}

}  // namespace logwood
