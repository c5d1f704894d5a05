// Randomness only comes from here, so that a seed replays a run.
#pragma once

#include <cstdint>

#include "logwood/types.h"

namespace logwood {

// A fast generator for tests, skip lists and sampling (xoshiro256**, Blackman and Vigna 2018).
// Not for secrets. Not thread safe.
class Random {
 public:
  explicit Random(uint64_t seed);
  uint64_t Next();
  // Uniform in [0, bound); bound > 0.
  uint64_t Uniform(uint64_t bound);
  // True once in n calls on average.
  bool OneIn(uint64_t n) { return Uniform(n) == 0; }
  // Skewed towards small: uniform bit width up to max_bits.
  uint64_t Skewed(unsigned max_bits) { return Uniform(uint64_t{1} << Uniform(max_bits + 1)); }

 private:
  uint64_t state_[4];
};

// A fresh 128-bit id for files, histories and instances. From the system's entropy, or, after
// SeedIdsForTesting, from a seed. Thread safe.
Id128 NewId();
void SeedIdsForTesting(uint64_t seed);

}  // namespace logwood
