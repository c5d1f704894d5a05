#include "logwood/status.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <type_traits>

#include "util/status_macros.h"

namespace logwood {
namespace {

TEST(Status, DefaultIsOkAndSaysSo) {
  const Status status;
  EXPECT_TRUE(status.ok());
  EXPECT_EQ(status.code(), StatusCode::kOk);
  EXPECT_EQ(status.message(), "");
  EXPECT_EQ(status.ToString(), "Ok");
  static_assert(sizeof(Status) == sizeof(void*));
  static_assert(std::is_nothrow_move_constructible_v<Status>);
}

TEST(Status, FailureKeepsCodeAndMessageThroughCopies) {
  const Status original = Status::Corruption("000007.table:4096: block checksum does not match");
  Status copy = original;
  EXPECT_EQ(copy.ToString(), "Corruption: 000007.table:4096: block checksum does not match");
  copy = Status::Busy("lock");
  EXPECT_TRUE(copy.Is(StatusCode::kBusy));
  EXPECT_TRUE(original.Is(StatusCode::kCorruption));
  const Status& itself = copy;
  copy = itself;
  EXPECT_EQ(copy.ToString(), "Busy: lock");
}

TEST(Status, ContextGoesBeforeTheMessageAndLeavesOkAlone) {
  EXPECT_EQ(Status::IoError("read failed").WithContext("MANIFEST").ToString(),
            "IoError: MANIFEST: read failed");
  EXPECT_TRUE(Status::Ok().WithContext("MANIFEST").ok());
}

TEST(Status, OkCodeWithMessageIsStillOk) { EXPECT_TRUE(Status(StatusCode::kOk, "ignored").ok()); }

TEST(Status, EveryCodeHasItsOwnName) {
  std::string seen = " ";
  for (int code = 0; code <= static_cast<int>(StatusCode::kWrongHistory); ++code) {
    const std::string name(StatusCodeName(static_cast<StatusCode>(code)));
    EXPECT_NE(name, "Unknown");
    EXPECT_EQ(seen.find(" " + name + " "), std::string::npos) << name;
    seen += name + " ";
  }
  EXPECT_EQ(StatusCodeName(static_cast<StatusCode>(200)), "Unknown");
}

Result<int> Half(int number) {
  if (number % 2 != 0) return Status::InvalidArgument("odd");
  return number / 2;
}
Result<int> Quarter(int number) {
  ASSIGN_OR_RETURN(const int half, Half(number));
  return Half(half);
}
Status CheckQuarter(int number) {
  RETURN_IF_ERROR(Quarter(number).status());
  return Status::Ok();
}

TEST(Result, CarriesValueOrTheReasonThereIsNone) {
  EXPECT_EQ(*Quarter(8), 2);
  EXPECT_TRUE(Quarter(6).status().Is(StatusCode::kInvalidArgument));
  EXPECT_TRUE(CheckQuarter(4).ok());
  EXPECT_FALSE(CheckQuarter(5).ok());
}

TEST(Result, HoldsMoveOnlyValues) {
  Result<std::unique_ptr<int>> result = std::make_unique<int>(7);
  ASSERT_TRUE(result.ok());
  const std::unique_ptr<int> taken = std::move(result).value();
  EXPECT_EQ(*taken, 7);
}

TEST(ResultDeathTest, ReadingTheValueOfAFailureEndsTheProgram) {
  EXPECT_DEATH(static_cast<void>(*Half(3)), "value of a failed Result was read: InvalidArgument");
}

}  // namespace
}  // namespace logwood
