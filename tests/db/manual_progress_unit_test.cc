// ManualProgress: what is told of a compaction somebody waits for, whatever the estimates were
// worth.
#include "db/manual_progress.h"

#include <gtest/gtest.h>

#include <utility>
#include <vector>

namespace logwood {
namespace {

using Told = std::vector<std::pair<uint64_t, uint64_t>>;

class ManualProgressTest : public testing::Test {
 protected:
  Told told_;
  const std::function<void(uint64_t, uint64_t)> tell_ = [this](uint64_t done, uint64_t all) {
    told_.emplace_back(done, all);
  };
  ManualProgress progress_{tell_};
};

TEST_F(ManualProgressTest, CountsBytesWhileTheEstimateIsRight) {
  progress_.Expect(1000);
  progress_.Advance(100);
  progress_.Advance(400);
  progress_.Expect(500);
  progress_.Advance(250);
  progress_.Finish();
  EXPECT_EQ(told_, (Told{{0, 1000}, {100, 1000}, {500, 1000}, {750, 1000}, {1000, 1000}}));
}

TEST_F(ManualProgressTest, WhatTurnsOutMoreTakesUpTheRestOfTheWay) {
  progress_.Expect(1000);
  progress_.Advance(500);
  progress_.Expect(5000);
  progress_.Advance(2500);
  progress_.Advance(1250);
  progress_.Finish();
  EXPECT_EQ(told_, (Told{{0, 1000}, {500, 1000}, {750, 1000}, {875, 1000}, {1000, 1000}}));
}

TEST_F(ManualProgressTest, WhatTurnsOutLessGoesFaster) {
  progress_.Expect(1000);
  progress_.Advance(500);
  progress_.Expect(50);
  progress_.Advance(25);
  EXPECT_EQ(told_.back(), std::pair(uint64_t{750}, uint64_t{1000}));
}

TEST_F(ManualProgressTest, IsNotAllBeforeTheEnd) {
  progress_.Expect(1000);
  progress_.Advance(2000);
  EXPECT_EQ(told_.back(), std::pair(uint64_t{999}, uint64_t{1000}));
  progress_.Advance(1);
  progress_.Expect(0);
  progress_.Expect(10);
  progress_.Advance(10);
  EXPECT_EQ(told_.back(), std::pair(uint64_t{999}, uint64_t{1000}));
  progress_.Finish();
  EXPECT_EQ(told_.back(), std::pair(uint64_t{1000}, uint64_t{1000}));
}

TEST_F(ManualProgressTest, NothingToDoIsDoneAtOnce) {
  progress_.Expect(0);
  progress_.Finish();
  EXPECT_EQ(told_, (Told{{0, 0}}));
}

TEST_F(ManualProgressTest, NobodyNeedsToListen) {
  const std::function<void(uint64_t, uint64_t)> nobody;
  ManualProgress progress(nobody);
  EXPECT_FALSE(progress.wanted());
  EXPECT_TRUE(progress_.wanted());
  progress.Expect(10);
  progress.Advance(5);
  progress.Finish();
}

}  // namespace
}  // namespace logwood
