#include "util/json_writer.h"

#include <gtest/gtest.h>

#include <limits>
#include <string>
#include <vector>

namespace logwood {
namespace {

TEST(JsonObject, WritesFieldsInOrderOnOneLine) {
  EXPECT_EQ(JsonObject().Finish(), "{}");
  EXPECT_EQ(JsonObject()
                .Field("text", "a \"quote\"\n")
                .Field("number", std::numeric_limits<uint64_t>::max())
                .Field("negative", -1)
                .Field("yes", true)
                .Field("ratio", 1.5)
                .Raw("list", JsonArray(std::vector<int>{1, 2},
                                       [](int number) { return std::to_string(number); }))
                .Finish(),
            R"({"text":"a \"quote\"\n","number":18446744073709551615,"negative":-1,"yes":true,)"
            R"("ratio":1.5,"list":[1,2]})");
}

TEST(JsonNumber, HasNoInfinityAndNoLocale) {
  EXPECT_EQ(JsonNumber(0.1), "0.1");
  EXPECT_EQ(JsonNumber(std::numeric_limits<double>::infinity()), "0");
  EXPECT_EQ(JsonNumber(std::numeric_limits<double>::quiet_NaN()), "0");
}

}  // namespace
}  // namespace logwood
