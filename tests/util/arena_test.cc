#include "util/arena.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>
#include <vector>

#include "util/random.h"

namespace logwood {
namespace {

TEST(Arena, HoldsNothingBeforeTheFirstAllocation) { EXPECT_EQ(Arena().bytes_used(), 0U); }

TEST(Arena, AllocationsDoNotOverlapAndKeepTheirBytes) {
  struct Piece {
    char* at;
    size_t size;
    char fill;
  };
  Random random(304);
  Arena arena;
  std::vector<Piece> pieces;
  size_t asked = 0;
  for (int i = 0; i < 20'000; ++i) {
    const size_t size = random.OneIn(500) ? random.Skewed(20) : random.Skewed(9);
    const bool aligned = random.OneIn(2);
    char* at = aligned ? arena.AllocateAligned(size) : arena.Allocate(size);
    ASSERT_EQ(aligned ? reinterpret_cast<uintptr_t>(at) % 8 : 0, 0U);
    const char fill = static_cast<char>(i);
    if (size != 0) std::memset(at, fill, size);
    pieces.push_back({at, size, fill});
    asked += size;
    ASSERT_GE(arena.bytes_used(), asked);
  }
  // Charged in full, and not much more than what was asked for.
  EXPECT_LT(arena.bytes_used(), asked + asked / 2 + (2 << 20));
  for (const Piece& piece : pieces) {
    for (size_t i = 0; i < piece.size; ++i) ASSERT_EQ(piece.at[i], piece.fill);
  }
}

TEST(Arena, LargeAllocationLeavesTheCurrentBlockInUse) {
  Arena arena(4096);
  char* small = arena.Allocate(16);
  const size_t before = arena.bytes_used();
  arena.Allocate(1 << 20);
  EXPECT_EQ(arena.bytes_used(), before + (1 << 20));
  EXPECT_EQ(arena.Allocate(16), small + 16);
}

TEST(Arena, SmallArenaStaysSmall) {
  Arena arena(256);
  arena.Allocate(10);
  EXPECT_EQ(arena.bytes_used(), 256U);
}

}  // namespace
}  // namespace logwood
