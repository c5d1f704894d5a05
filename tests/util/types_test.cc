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
  EXPECT_EQ(DeadlineAfter(std::chrono::nanoseconds::max()), kNoDeadline);
  EXPECT_EQ(DeadlineAfter(std::chrono::microseconds::max()), kNoDeadline);
  EXPECT_EQ(DeadlineAfter(std::chrono::milliseconds::max()), kNoDeadline);
  EXPECT_EQ(DeadlineAfter(std::chrono::hours::max()), kNoDeadline);
  EXPECT_EQ(DeadlineAfter(std::chrono::hours(24 * 366 * 1000)), kNoDeadline);
  EXPECT_EQ(DeadlineAfter(std::chrono::duration<double>(1e300)), kNoDeadline);
  EXPECT_LT(DeadlineAfter(std::chrono::hours(1)), kNoDeadline);
  EXPECT_GE(DeadlineAfter(std::chrono::hours(1)), std::chrono::steady_clock::now());
}

TEST(Deadline, ANegativeDurationHasPassedAlready) {
  const Deadline now = std::chrono::steady_clock::now();
  EXPECT_LT(DeadlineAfter(std::chrono::hours(-1)), now);
  EXPECT_LT(DeadlineAfter(std::chrono::nanoseconds::min()), now);
  EXPECT_LT(DeadlineAfter(std::chrono::microseconds::min()), now);
  EXPECT_LT(DeadlineAfter(std::chrono::hours::min()), now);
  EXPECT_LT(DeadlineAfter(std::chrono::duration<float>(-1e30F)), now);
}

TEST(Deadline, TakesADurationOfAnyUnitToTheNanosecond) {
  const Deadline before = std::chrono::steady_clock::now();
  const Deadline second = DeadlineAfter(std::chrono::seconds(1));
  const Deadline after = std::chrono::steady_clock::now();
  EXPECT_GE(second, before + std::chrono::seconds(1));
  EXPECT_LE(second, after + std::chrono::seconds(1));
  const Deadline fraction = DeadlineAfter(std::chrono::duration<double>(0.5));
  EXPECT_GE(fraction, before + std::chrono::milliseconds(500));
}

TEST(Keyspace, DefaultMadeIsNumberOneOfNoDatabase) {
  EXPECT_EQ(Keyspace().number(), 1U);
  EXPECT_EQ(Keyspace().owner(), 0U);
}

}  // namespace
}  // namespace logwood
