// Assertions on Status and Result that print what went wrong.
//
//   ASSERT_OK(db->Flush());
//   ASSERT_OK_AND_ASSIGN(logwood::LogPos position, db->Put({}, "k", "v"));
//   EXPECT_STATUS(kNotFound, db->Get({}, "gone", &value));
#pragma once

#include <gtest/gtest.h>

#include <string>

#include "logwood/status.h"
#include "util/status_macros.h"

namespace logwood::test {

inline Status StatusOf(const Status& status) { return status; }
template <typename T>
Status StatusOf(const Result<T>& result) {
  return result.status();
}

inline ::testing::AssertionResult IsOk(const char* expression, const Status& status) {
  if (status.ok()) return ::testing::AssertionSuccess();
  return ::testing::AssertionFailure() << expression << " is " << status.ToString();
}

inline ::testing::AssertionResult HasCode(const char* expression, StatusCode wanted,
                                          const Status& status) {
  if (status.Is(wanted)) return ::testing::AssertionSuccess();
  return ::testing::AssertionFailure()
         << expression << " is " << status.ToString() << ", not " << StatusCodeName(wanted);
}

}  // namespace logwood::test

#define ASSERT_OK(expression) \
  ASSERT_TRUE(::logwood::test::IsOk(#expression, ::logwood::test::StatusOf(expression)))
#define EXPECT_OK(expression) \
  EXPECT_TRUE(::logwood::test::IsOk(#expression, ::logwood::test::StatusOf(expression)))
// EXPECT_STATUS(kBusy, DB::Open(options, path));
#define EXPECT_STATUS(name, expression)                                          \
  EXPECT_TRUE(::logwood::test::HasCode(#expression, ::logwood::StatusCode::name, \
                                       ::logwood::test::StatusOf(expression)))
#define ASSERT_STATUS(name, expression)                                          \
  ASSERT_TRUE(::logwood::test::HasCode(#expression, ::logwood::StatusCode::name, \
                                       ::logwood::test::StatusOf(expression)))
#define ASSERT_OK_AND_ASSIGN(declaration, expression)                                            \
  auto LOGWOOD_CONCAT(asserted_, __LINE__) = (expression);                                       \
  ASSERT_TRUE(::logwood::test::IsOk(#expression, LOGWOOD_CONCAT(asserted_, __LINE__).status())); \
  declaration = std::move(LOGWOOD_CONCAT(asserted_, __LINE__)).value()
