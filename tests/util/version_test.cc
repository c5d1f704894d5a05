// The version as compiled, as linked and as the build says.
#include "logwood/version.h"

#include <gtest/gtest.h>

#include <string>

namespace logwood {
namespace {

TEST(Version, IsTheSameInTheHeaderTheLibraryAndTheBuild) {
  EXPECT_EQ(Version(), LOGWOOD_VERSION_STRING);
  EXPECT_EQ(Version(), std::to_string(LOGWOOD_VERSION_MAJOR) + "." +
                           std::to_string(LOGWOOD_VERSION_MINOR) + "." +
                           std::to_string(LOGWOOD_VERSION_PATCH));
}

}  // namespace
}  // namespace logwood
