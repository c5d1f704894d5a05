// Memory of some size: all of it is usable, nothing overlaps, and what is freed can go.
#include "util/memory.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>
#include <thread>
#include <vector>

#include "util/random.h"

namespace logwood {
namespace {

struct Piece {
  char* memory = nullptr;
  size_t bytes = 0;
  char fill = 0;
};

Piece Make(size_t bytes, char fill) {
  Piece piece{static_cast<char*>(AllocateMemory(bytes)), bytes, fill};
  std::memset(piece.memory, fill, bytes);
  return piece;
}

// Frees it; false when somebody wrote into it.
bool Free(const Piece& piece) {
  bool intact = true;
  for (size_t i = 0; i < piece.bytes; ++i) intact &= piece.memory[i] == piece.fill;
  FreeMemory(piece.memory, piece.bytes);
  return intact;
}

TEST(Memory, TakesAtMostAnEighthMoreThanAsked) {
  size_t before = 0;
  for (size_t bytes = 1; bytes <= 300 * 1024; bytes += 1 + bytes / 50) {
    const size_t takes = MemoryTaken(bytes);
    EXPECT_GE(takes, bytes);
    EXPECT_LE(takes, bytes + bytes / 8 + 127) << bytes;
    EXPECT_GE(takes, before) << bytes;
    EXPECT_EQ(MemoryTaken(takes), takes) << bytes;
    before = takes;
  }
}

TEST(Memory, EverySizeIsUsableAndAligned) {
  FreeMemory(AllocateMemory(0), 0);
  FreeMemory(nullptr, 100);
  std::vector<Piece> pieces;
  for (size_t bytes = 1; bytes <= 600 * 1024; bytes += 1 + bytes / 30) {
    pieces.push_back(Make(bytes, static_cast<char>(bytes)));
    EXPECT_EQ(reinterpret_cast<uintptr_t>(pieces.back().memory) % 64, 0u);
  }
  for (const Piece& piece : pieces) ASSERT_TRUE(Free(piece)) << piece.bytes;
}

TEST(Memory, ConcurrentlyPiecesNeverOverlap) {
  constexpr int kSteps = 20'000;
  const auto work = [](uint64_t seed) {
    Random random(seed);
    std::vector<Piece> held(50);
    for (int i = 0; i < kSteps; ++i) {
      Piece& piece = held[random.Uniform(held.size())];
      if (piece.memory != nullptr) {
        ASSERT_TRUE(Free(piece));
      }
      const size_t bytes = random.OneIn(50) ? random.Uniform(100'000) : random.Uniform(3) * 1000;
      piece = Make(bytes + 1, static_cast<char>(random.Next()));
    }
    for (const Piece& piece : held) {
      if (piece.memory == nullptr) continue;
      ASSERT_TRUE(Free(piece));
    }
  };
  std::vector<std::thread> threads;
  for (uint64_t seed = 1; seed <= 3; ++seed) threads.emplace_back(work, seed);
  for (std::thread& thread : threads) thread.join();
}

#ifndef LOGWOOD_MEMORY_FROM_NEW
TEST(Memory, WhatOneThreadFreedServesAnother) {
  constexpr size_t kPieces = 2000, kBytes = 4100;
  const size_t before = MemoryInChunks();
  size_t full = 0;
  for (int round = 0; round < 5; ++round) {
    std::vector<Piece> pieces;
    std::thread maker([&] {
      for (size_t i = 0; i < kPieces; ++i) pieces.push_back(Make(kBytes, 'x'));
    });
    maker.join();
    if (round == 0) full = MemoryInChunks();
    EXPECT_EQ(MemoryInChunks(), full) << round;
    for (const Piece& piece : pieces) ASSERT_TRUE(Free(piece));
  }
  EXPECT_LT(full - before, kPieces * kBytes * 12 / 10);
  EXPECT_EQ(MemoryInChunks(), before);
}

TEST(Memory, AChunkGoesWhenAllInItIsFree) {
  constexpr size_t kBytes = 30'000;
  const size_t before = MemoryInChunks();
  std::vector<Piece> pieces;
  for (int i = 0; i < 200; ++i) pieces.push_back(Make(kBytes, 'y'));
  const size_t full = MemoryInChunks();
  EXPECT_GE(full - before, 200 * kBytes);
  for (size_t i = 0; i < 100; ++i) ASSERT_TRUE(Free(pieces[i]));
  EXPECT_LE(MemoryInChunks() - before, (full - before) / 2 + (1 << 20));
  for (size_t i = 100; i < 200; ++i) ASSERT_TRUE(Free(pieces[i]));
  EXPECT_EQ(MemoryInChunks(), before);
}
#endif

}  // namespace
}  // namespace logwood
