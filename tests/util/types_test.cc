#include "logwood/types.h"

#include <gtest/gtest.h>

namespace logwood {
namespace {

TEST(Id128, PrintsAs32HexadecimalDigitsHighFirst) {
  EXPECT_EQ(Id128().ToString(), "00000000000000000000000000000000");
  EXPECT_EQ((Id128{.high = 0x0123456789abcdef, .low = 0xfedcba9876543210}).ToString(),
            "0123456789abcdeffedcba9876543210");
}

TEST(Deadline, FarFutureSaturatesInsteadOfWrapping) {
  EXPECT_EQ(DeadlineAfter(std::chrono::microseconds::max()), kNoDeadline);
  EXPECT_LT(DeadlineAfter(std::chrono::hours(1)), kNoDeadline);
  EXPECT_GE(DeadlineAfter(std::chrono::hours(1)), std::chrono::steady_clock::now());
}

TEST(Keyspace, DefaultMadeIsNumberOneOfNoDatabase) {
  EXPECT_EQ(Keyspace().number(), 1U);
  EXPECT_EQ(Keyspace().owner(), 0U);
}

}  // namespace
}  // namespace logwood
