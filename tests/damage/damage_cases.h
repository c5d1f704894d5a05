// DamageCases: what can happen to the files of a shape, one case at a time.
//
//   ForEachFlip(shape, sampling, [&](const DamageCase& damage) { ... });
//
// By default some cases are taken, chosen by a seed; LOGWOOD_DAMAGE=full takes all of them, and
// LOGWOOD_DAMAGE=N about one in N (1: all, as `full`).
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "tests/damage/damage_shape.h"

namespace logwood::test {

struct DamageCase {
  std::string what;   // for people: "000012.log: byte 17 ^ 0xff"
  std::string file;   // which is damaged
  std::string other;  // the other one of a swap; else empty
  enum class Kind : uint8_t {
    kFlip,
    kCut,
    kMissing,
    kZeroed,
    kSwapped,
    kStale,
    kOtherCopy,
    kBack,
    kTornBack
  } kind;
  uint64_t offset = 0;    // of the byte flipped, of the cut
  bool in_zeros = false;  // which lies in the middle of many
  FileContents files;
};
using DamageVisitor = std::function<void(const DamageCase&)>;

struct Sampling {
  uint64_t one_in = 1;  // of the bytes that say something; of others a twentieth of that
  uint64_t seed = 1;
  bool all_patterns = false;  // of each byte; else one of them, by the seed
  bool full() const { return one_in == 1; }
  // As the environment says, else as given.
  static Sampling One(uint64_t in);
  // As given; in all patterns where the environment asks for all.
  static Sampling OfSmall(uint64_t in);
  // Whether case `n` is among those taken.
  bool Takes(uint64_t n, uint64_t weight = 1) const;
};

// One bit, all bits, and zero instead; each where it changes the byte.
void ForEachFlip(const DamageShape& shape, const Sampling& sampling, const DamageVisitor& visit);
// Cut to each length.
void ForEachCut(const DamageShape& shape, const Sampling& sampling, const DamageVisitor& visit);
// Missing; zeroed; swapped with each other file of its kind; replaced by an earlier copy, and by
// the file of this name of another copy of the database.
void ForEachFileFault(const DamageShape& shape, const DamageVisitor& visit);
// No damage: a file that was removed is back, as it was once, or with a page of zeros in it.
void ForEachFileBack(const DamageShape& shape, const DamageVisitor& visit);

}  // namespace logwood::test
