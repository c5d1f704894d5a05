// CHECK: what a broken program says, and that it ends.
#include "util/check.h"

#include <gtest/gtest.h>

#include <csignal>
#include <string>

namespace logwood {
namespace {

TEST(CheckDeathTest, AFailedOneNamesFileLineAndConditionAndAborts) {
  const auto broken = [](int balance) { CHECK(balance >= 0); };
  const std::string line = std::to_string(__LINE__ - 1);
  EXPECT_EXIT(broken(-1), testing::KilledBySignal(SIGABRT),
              "check_test.cc:" + line + ": CHECK failed: balance >= 0\n");
}

TEST(CheckDeathTest, TheConditionIsPrintedAsItIsWritten) {
  EXPECT_DEATH(CheckFailed("f.cc", 7, "rest % 10 == 0"), "f.cc:7: CHECK failed: rest % 10 == 0\n");
}

TEST(Check, AConditionThatHoldsIsLookedAtOnce) {
  int looked = 0;
  CHECK(++looked == 1);
  EXPECT_EQ(looked, 1);
}

TEST(Check, IsOneStatement) {
  bool reached = false;
  if (reached)
    CHECK(false);
  else
    reached = true;
  EXPECT_TRUE(reached);
}

// Its names are used and its types fit in every build; whether it is looked at is the build's.
TEST(CheckDeathTest, ADcheckCostsNothingWhereItIsOffAndEndsTheProgramWhereItIsOn) {
  int looked = 0;
  DCHECK(++looked == 1);
#ifdef NDEBUG
  EXPECT_EQ(looked, 0);
  DCHECK(looked == 1);
#else
  EXPECT_EQ(looked, 1);
  EXPECT_DEATH(DCHECK(looked == 0), "CHECK failed: looked == 0");
#endif
}

}  // namespace
}  // namespace logwood
