// Pages: usable to the last byte, and given back.
#include "util/pages.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>

namespace logwood {
namespace {

constexpr size_t kBytes = 1 << 20;

bool Holds(const char* memory, size_t bytes, char value) {
  for (size_t i = 0; i < bytes; ++i) {
    if (memory[i] != value) return false;
  }
  return true;
}

TEST(Pages, AreUsableToTheLastByte) {
  for (const size_t bytes : {size_t{1}, kBytes - 1, kBytes, kBytes + 1}) {
    char* memory = MapPages(bytes);
    std::memset(memory, 7, bytes);
    EXPECT_TRUE(Holds(memory, bytes, 7));
    UnmapPages(memory, bytes);
  }
}

TEST(Pages, ReservedAddressesAreAlignedAndCanBeDiscardedAndUsedAgain) {
  char* region = ReserveAddresses(kBytes);
  ASSERT_NE(region, nullptr);
  EXPECT_EQ(reinterpret_cast<uintptr_t>(region) % kBytes, 0u);
  PopulatePages(region, kBytes / 2);
  std::memset(region, 1, kBytes);
  DiscardPages(region, kBytes);
  EXPECT_TRUE(Holds(region, kBytes, 0)) << "the system gives fresh pages";
  std::memset(region, 2, kBytes);
  EXPECT_TRUE(Holds(region, kBytes, 2));
  DiscardPages(region, kBytes);
}

}  // namespace
}  // namespace logwood
