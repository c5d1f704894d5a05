// Filter: tells for most keys that a table does not have them, with one cache miss.
//
// A Bloom filter in lines of 64 bytes: the upper bits of a key's hash choose the line, a remix of
// the hash the bits in it (Putze, Sanders, Singler: "Cache-, Hash- and Space-Efficient Bloom
// Filters", 2007). Less than 1 % false positives at 10 bits a key.
//
//   offset width   of the filter block's payload
//        0     4   lines
//        4     4   probes
//        8  64*n   lines
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "util/byte_buffer.h"
#include "util/pages.h"

namespace logwood {

inline constexpr size_t kFilterLineBytes = 64;
inline constexpr size_t kFilterHeaderBytes = 8;
inline constexpr uint32_t kFilterBitsPerKeyMax = 32;
inline constexpr uint32_t kFilterProbesMax = 16;

// The bit positions (0..511) of one key, one after the other.
class FilterProbes {
 public:
  explicit FilterProbes(uint64_t hash) : hash_(hash), bits_(hash * kMultiplier) {}
  // The line of the key among `lines`.
  uint64_t Line(uint32_t lines) const {
    return static_cast<uint64_t>(static_cast<unsigned __int128>(hash_) * lines >> 64);
  }
  uint32_t Next() {
    if (left_ == 0) {
      // Seven times nine bits are used up.
      bits_ = (bits_ ^ bits_ >> 32 ^ hash_) * kMultiplier;
      left_ = kPerWord;
    }
    --left_;
    const auto bit = static_cast<uint32_t>(bits_ >> 55);
    bits_ = bits_ << 9 | bits_ >> 55;
    return bit;
  }

 private:
  static constexpr uint64_t kMultiplier = 0x9E3779B97F4A7C15ULL;
  static constexpr uint32_t kPerWord = 7;
  uint64_t hash_;
  uint64_t bits_;
  uint32_t left_ = kPerWord;
};

// Collects hashes (Hash64 of the stored key; equal neighbours once) and makes the payload.
class FilterBuilder {
 public:
  explicit FilterBuilder(uint32_t bits_per_key);
  void Add(uint64_t hash) {
    if (keys_ == pieces_.size() * kPieceHashes) [[unlikely]]
      Grow();
    At(keys_++) = hash;
  }
  bool empty() const { return keys_ == 0 || bits_per_key_ == 0; }
  uint64_t PayloadBytes() const;
  uint64_t memory_bytes() const;
  void Finish(ByteBuffer* to) const;

 private:
  // In pieces, since a vector that grows holds everything twice.
  static constexpr size_t kPieceHashes = 4096;
  struct FreesPiece {
    void operator()(uint64_t* piece) const;
  };

  uint64_t& At(uint64_t key) const { return pieces_[key / kPieceHashes][key % kPieceHashes]; }
  void Grow();

  uint32_t bits_per_key_;
  uint64_t keys_ = 0;
  std::vector<std::unique_ptr<uint64_t[], FreesPiece>> pieces_;
};

// A filter in memory, lines aligned to cache lines. Made empty it lets everything pass.
class Filter {
 public:
  // Memory for a payload of this size, to be read into. REQUIRES: PlausibleSize(payload_bytes).
  explicit Filter(size_t payload_bytes);
  Filter() = default;
  static bool PlausibleSize(uint64_t payload_bytes) {
    return payload_bytes > kFilterHeaderBytes &&
           (payload_bytes - kFilterHeaderBytes) % kFilterLineBytes == 0;
  }
  // `payload_bytes` and `slack` more may be written here.
  char* payload() { return lines_ - kFilterHeaderBytes; }
  static constexpr size_t kSlackBytes = 64;
  // After the payload is there: false when its parameters are not those of a filter.
  bool Parse();

  bool empty() const { return line_count_ == 0; }
  uint64_t memory_bytes() const { return allocated_bytes_; }

  // False: the key is not there.
  bool MayContain(uint64_t hash) const {
    FilterProbes probe(hash);
    const char* line = lines_ + kFilterLineBytes * probe.Line(line_count_);
    uint32_t all = 1;
    for (uint32_t i = 0; i < probes_; ++i) {
      const uint32_t bit = probe.Next();
      all &= static_cast<uint32_t>(static_cast<unsigned char>(line[bit >> 3])) >> (bit & 7);
    }
    return (all & 1) != 0;
  }

 private:
  Pages memory_;
  char* lines_ = nullptr;
  uint64_t allocated_bytes_ = 0;
  uint64_t payload_bytes_ = 0;
  uint32_t line_count_ = 0;
  uint32_t probes_ = 0;
};

}  // namespace logwood
