#include "util/hash.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "util/check.h"

namespace logwood {

namespace {

// The finalizer of MurmurHash3 (Appleby 2011), with the constants of splitmix64 (Stafford's mix
// 13). A bijection: no two words become one.
uint64_t Scramble(uint64_t word) {
  word ^= word >> 30;
  word *= 0xBF58476D1CE4E5B9ULL;
  word ^= word >> 27;
  word *= 0x94D049BB133111EBULL;
  return word ^ word >> 31;
}

}  // namespace

uint64_t Hash64(std::string_view bytes, uint64_t seed) {
  return XXH3_64bits_withSeed(bytes.data(), bytes.size(), seed);
}

// On disk in every checksum: never change. For a fixed `a` a bijection of `b`, and vice versa.
uint64_t HashMix(uint64_t a, uint64_t b) {
  return Scramble(Scramble(a + 0x9E3779B97F4A7C15ULL) + b * 0xD1B54A32D192ED03ULL);
}

struct StreamHash::State {
  XXH3_state_t native;
};

StreamHash::StreamHash(uint64_t seed) : state_(std::make_unique<State>()) {
  CHECK(XXH3_64bits_reset_withSeed(&state_->native, seed) == XXH_OK);
}

StreamHash::~StreamHash() = default;

void StreamHash::Update(std::string_view bytes) {
  CHECK(XXH3_64bits_update(&state_->native, bytes.data(), bytes.size()) == XXH_OK);
}

uint64_t StreamHash::Digest() const { return XXH3_64bits_digest(&state_->native); }

}  // namespace logwood
