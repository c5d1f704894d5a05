#include "util/byte_buffer.h"

#include <gtest/gtest.h>

#include <string>

#include "util/random.h"

namespace logwood {
namespace {

TEST(ByteBuffer, HoldsWhatWasAppendedAtEverySize) {
  Random random(7);
  ByteBuffer buffer;
  std::string expected;
  while (expected.size() < 3'000'000) {
    const std::string piece(random.Skewed(18), static_cast<char>(random.Next()));
    if (random.OneIn(2)) {
      buffer.Append(piece);
    } else {
      piece.copy(buffer.Extend(piece.size()), piece.size());
    }
    expected += piece;
    if (random.OneIn(20)) {
      buffer.Append('x');
      expected += 'x';
    }
    if (random.OneIn(20)) {
      const size_t size = expected.size() - random.Uniform(expected.size() / 4 + 1);
      buffer.Truncate(size);
      expected.resize(size);
    }
    ASSERT_EQ(buffer.size(), expected.size());
  }
  EXPECT_TRUE(buffer.view() == expected);
  EXPECT_LT(buffer.capacity(), expected.size() * 3 / 2 + (1 << 20));
}

TEST(ByteBuffer, ClearKeepsMemoryOrGivesItBack) {
  ByteBuffer buffer;
  EXPECT_TRUE(buffer.empty());
  buffer.Reserve(100'000);
  const size_t capacity = buffer.capacity();
  buffer.Append("abc");
  buffer.Clear();
  EXPECT_TRUE(buffer.empty());
  EXPECT_EQ(buffer.capacity(), capacity);
  buffer.Clear(capacity);
  EXPECT_EQ(buffer.capacity(), capacity);
  buffer.Clear(capacity - 1);
  EXPECT_EQ(buffer.capacity(), 0u);
  buffer.Append("again");
  EXPECT_EQ(buffer.view(), "again");
}

}  // namespace
}  // namespace logwood
