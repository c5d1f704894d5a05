#include "util/hash.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

#include "util/random.h"

namespace logwood {
namespace {

// These are on disk in every checksum: a change here breaks every file there is.
TEST(Hash, OfKnownBytesNeverChanges) {
  EXPECT_EQ(Hash64(""), 0x2d06800538d394c2ULL);  // XXH3_64bits of nothing, as xxHash documents it
  EXPECT_EQ(Hash64("logwood"), 0xd800798d846ef432ULL);
  EXPECT_EQ(Hash64("logwood", 1), 0xed79e1f0f3aacdaaULL);
  EXPECT_EQ(HashMix(1, 2), 0x11616351a22f0aa1ULL);
  EXPECT_EQ(ChecksumSeed({.high = 3, .low = 4}, 4096), 0x22b48f43fa79bfb6ULL);
}

TEST(Hash, SeedChangesTheHash) { EXPECT_NE(Hash64("block", 1), Hash64("block", 2)); }

TEST(HashMix, IsNotCommutativeAndSeparatesNeighbours) {
  std::set<uint64_t> seen;
  for (uint64_t a = 0; a < 100; ++a) {
    for (uint64_t b = 0; b < 100; ++b) seen.insert(HashMix(a, b));
  }
  EXPECT_EQ(seen.size(), 100U * 100U);
}

TEST(ChecksumSeed, DiffersByFileAndByOffset) {
  const Id128 one = {.high = 1, .low = 2};
  const Id128 other = {.high = 2, .low = 1};
  EXPECT_NE(ChecksumSeed(one, 64), ChecksumSeed(other, 64));
  EXPECT_NE(ChecksumSeed(one, 64), ChecksumSeed(one, 4096));
}

TEST(StreamHash, OfAnyPiecesIsTheHashOfTheWhole) {
  Random random(303);
  for (int round = 0; round < 300; ++round) {
    std::string whole(random.Skewed(14), '\0');
    for (char& byte : whole) byte = static_cast<char>(random.Next());
    StreamHash stream;
    for (size_t at = 0; at < whole.size();) {
      const size_t size = std::min<size_t>(whole.size() - at, 1 + random.Skewed(10));
      stream.Update(std::string_view(whole).substr(at, size));
      at += size;
    }
    ASSERT_EQ(stream.Digest(), Hash64(whole)) << "seed 303, round " << round;
  }
}

}  // namespace
}  // namespace logwood
