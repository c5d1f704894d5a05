// ErrorState: writes stop for good at the first cause; failures of background work pass.
#include "db/error_state.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

#include "tests/support/status_assert.h"

namespace logwood {
namespace {

using FailedWork = ErrorState::Work;

bool TellsOf(const Status& status, std::string_view what) {
  return status.message().find(what) != std::string_view::npos;
}

TEST(ErrorStateTest, ASecondCauseDoesNotReplaceTheFirst) {
  ErrorState errors;
  EXPECT_FALSE(errors.stopped());
  EXPECT_OK(errors.WriteStatus());
  EXPECT_TRUE(errors.StopWrites(Status::IoError("the first")));
  EXPECT_FALSE(errors.StopWrites(Status::NoSpace("the second")));
  EXPECT_TRUE(errors.stopped());
  EXPECT_STATUS(kReadOnly, errors.WriteStatus());
  EXPECT_TRUE(TellsOf(errors.WriteStatus(), "the first")) << errors.WriteStatus().ToString();
  EXPECT_FALSE(TellsOf(errors.WriteStatus(), "the second"));
}

TEST(ErrorStateTest, AFailureOfBackgroundWorkStopsNoWrites) {
  ErrorState errors;
  errors.SetFailure(FailedWork::kFlush, Status::NoSpace("flush"));
  errors.SetFailure(FailedWork::kCompaction, Status::IoError("compaction"));
  EXPECT_FALSE(errors.stopped());
  EXPECT_OK(errors.WriteStatus());
}

TEST(ErrorStateTest, FailuresOfTwoKindsOfWorkComeAndGoApart) {
  ErrorState errors;
  EXPECT_FALSE(errors.ClearFailure(FailedWork::kFlush)) << "there was none";
  errors.SetFailure(FailedWork::kCompaction, Status::Corruption("compaction"));
  EXPECT_OK(errors.failure(FailedWork::kFlush));
  EXPECT_STATUS(kCorruption, errors.any_failure());
  errors.SetFailure(FailedWork::kFlush, Status::NoSpace("flush"));
  EXPECT_STATUS(kCorruption, errors.failure(FailedWork::kCompaction));
  EXPECT_TRUE(errors.ClearFailure(FailedWork::kCompaction));
  EXPECT_FALSE(errors.ClearFailure(FailedWork::kCompaction));
  EXPECT_OK(errors.failure(FailedWork::kCompaction));
  EXPECT_STATUS(kNoSpace, errors.any_failure());
  EXPECT_TRUE(errors.ClearFailure(FailedWork::kFlush));
  EXPECT_OK(errors.any_failure());
}

TEST(ErrorStateTest, TheNewestFailureOfAWorkIsTold) {
  ErrorState errors;
  errors.SetFailure(FailedWork::kFlush, Status::NoSpace("before"));
  errors.SetFailure(FailedWork::kFlush, Status::IoError("now"));
  EXPECT_STATUS(kIoError, errors.failure(FailedWork::kFlush));
}

TEST(ErrorStateTest, WhatStoppedWritesComesBeforeFailuresAndOutlastsThem) {
  ErrorState errors;
  errors.SetFailure(FailedWork::kFlush, Status::NoSpace("flush"));
  ASSERT_TRUE(errors.StopWrites(Status::IoError("sync")));
  errors.SetFailure(FailedWork::kCompaction, Status::Corruption("compaction"));
  for (const FailedWork work : {FailedWork::kFlush, FailedWork::kCompaction}) {
    EXPECT_STATUS(kIoError, errors.failure(work));
    errors.ClearFailure(work);
    EXPECT_STATUS(kIoError, errors.failure(work));
  }
  EXPECT_STATUS(kIoError, errors.any_failure());
  EXPECT_STATUS(kReadOnly, errors.WriteStatus());
}

TEST(ErrorStateTest, ConcurrentCausesHaveOneWinnerThatEverybodySees) {
  for (int round = 0; round < 200; ++round) {
    ErrorState errors;
    std::atomic<int> winners{0};
    std::string winner;
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([&, t] {
        const std::string mine = "cause " + std::to_string(t);
        if (errors.StopWrites(Status::IoError(mine))) {
          winners.fetch_add(1);
          winner = mine;
        }
        EXPECT_TRUE(errors.stopped());
        EXPECT_TRUE(TellsOf(errors.WriteStatus(), "cause "));
      });
    }
    for (auto& thread : threads) thread.join();
    ASSERT_EQ(winners.load(), 1);
    ASSERT_TRUE(TellsOf(errors.WriteStatus(), winner)) << errors.WriteStatus().ToString();
  }
}

}  // namespace
}  // namespace logwood
