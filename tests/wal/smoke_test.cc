#include <gtest/gtest.h>
TEST(S, S) {}
