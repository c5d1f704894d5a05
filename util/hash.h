// XXH3 hashes (libxxhash): checksums, filter hashes, the history hash.
// Source: https://github.com/Cyan4973/xxHash, XXH3 64-bit.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "logwood/types.h"

namespace logwood {

uint64_t Hash64(std::string_view bytes, uint64_t seed = 0);

// Mixes two words into one; not commutative.
uint64_t HashMix(uint64_t a, uint64_t b);

// The seed of every checksum: what is stored at `offset` of the file with this id cannot pass for
// what belongs elsewhere.
inline uint64_t ChecksumSeed(const Id128& file_id, uint64_t offset) {
  return HashMix(file_id.low ^ offset * 0x9E3779B97F4A7C15ULL, file_id.high + offset);
}

// Whether checksums prove nothing, so that any matches: no. In a unit of its own because tests/fuzz
// links another one in its place, which says yes.
bool AnyChecksumMatches();

// Every checksum that was read from a disk is compared here.
inline bool ChecksumMatches(uint64_t stored, uint64_t computed) {
  return stored == computed || AnyChecksumMatches();
}

// Hash64 of bytes that come in pieces.
class StreamHash {
 public:
  explicit StreamHash(uint64_t seed = 0);
  ~StreamHash();
  StreamHash(const StreamHash&) = delete;
  StreamHash& operator=(const StreamHash&) = delete;
  void Update(std::string_view bytes);
  uint64_t Digest() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace logwood
