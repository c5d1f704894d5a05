// Memory in pages: usable to the last byte, aligned, and given back.
#include "util/pages.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>
#include <utility>
#include <vector>

namespace logwood {
namespace {

bool Holds(const char* memory, size_t bytes, char value) {
  for (size_t i = 0; i < bytes; ++i) {
    if (memory[i] != value) return false;
  }
  return true;
}

TEST(Pages, AreUsableAndAlignedAtAllSizes) {
  std::vector<std::pair<Pages, size_t>> pieces;
  char fill = 1;
  for (const size_t bytes : {size_t{1}, size_t{100}, kPagesBytesMin - 1, kPagesBytesMin,
                             kPagesBytesMin + 1, size_t{1} << 20}) {
    Pages piece = MakePages(bytes);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(piece.get()) % kPagesAlignment, 0u) << bytes;
    std::memset(piece.get(), fill++, bytes);
    pieces.emplace_back(std::move(piece), bytes);
  }
  fill = 1;
  for (const auto& [piece, bytes] : pieces) EXPECT_TRUE(Holds(piece.get(), bytes, fill++)) << bytes;
}

TEST(Pages, AnEmptyOneIsNothing) {
  Pages none;
  EXPECT_EQ(none.get(), nullptr);
  FreePages(nullptr, 1 << 20);
}

TEST(Pages, ReservedAddressesAreAlignedAndCanBeDiscardedAndUsedAgain) {
  constexpr size_t kBytes = 1 << 20;
  char* region = ReserveAddresses(kBytes);
  ASSERT_NE(region, nullptr);
  EXPECT_EQ(reinterpret_cast<uintptr_t>(region) % kBytes, 0u);
  std::memset(region, 1, kBytes);
  DiscardPages(region, kBytes);
  EXPECT_TRUE(Holds(region, kBytes, 0)) << "the system gives fresh pages";
  std::memset(region, 2, kBytes);
  EXPECT_TRUE(Holds(region, kBytes, 2));
  DiscardPages(region, kBytes);
}

}  // namespace
}  // namespace logwood
