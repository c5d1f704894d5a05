#include "tools/progress.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace logwood::tools {
namespace {

constexpr uint64_t kSecond = 1'000'000;

// A terminal and a clock that the test moves.
struct Terminal {
  uint64_t now_us = 1000;
  std::vector<std::string> written;

  Progress::Surroundings surroundings() {
    return {.now_us = [this] { return now_us; },
            .write = [this](const std::string& text) { written.push_back(text); },
            .columns = 80};
  }
};

TEST(Progress, IsSilentForTwoSeconds) {
  Terminal terminal;
  {
    Progress progress({.label = "load", .unit = "records", .total = 100}, terminal.surroundings());
    terminal.now_us += kProgressQuietUs - 1;
    progress.Update(50, 5);
  }
  EXPECT_TRUE(terminal.written.empty());
}

TEST(Progress, DrawsAtMostTenTimesASecondAndCleansUp) {
  Terminal terminal;
  {
    Progress progress({.label = "load", .unit = "records", .total = 100}, terminal.surroundings());
    terminal.now_us += 3 * kSecond;
    for (int i = 0; i < 1000; ++i) {
      terminal.now_us += 1000;
      progress.Update(50, 5);
    }
  }
  EXPECT_LE(terminal.written.size(), 12U);
  EXPECT_GE(terminal.written.size(), 9U);
  EXPECT_EQ(terminal.written.back(), "\r\x1b[K");
}

TEST(Progress, SaysNothingWhereThereIsNoTerminal) {
  Progress progress({.label = "load", .unit = "records"}, Progress::Surroundings());
  progress.Update(1, 1);
  progress.Finish();
}

TEST(ProgressLine, ShowsShareCountRateAndTimeLeft) {
  const std::string line = ProgressLine({.label = "load",
                                         .unit = "records",
                                         .total = 400,
                                         .done = 100,
                                         .count = 30'000,
                                         .elapsed_us = 10 * kSecond},
                                        120);
  EXPECT_EQ(line, "load  [#####...............] 25%  30,000 records  3,000/s  30.0 s left");
}

TEST(ProgressLine, WithoutATotalShowsCountRateAndTime) {
  const std::string line = ProgressLine(
      {.label = "check", .unit = "bytes", .count = 1 << 20, .elapsed_us = 4 * kSecond}, 120);
  EXPECT_EQ(line, "check  1.0 MiB  256.0 KiB/s  4.0 s");
}

TEST(ProgressLine, NeverSaysAllBeforeTheEndThoughTheTotalWasAGuess) {
  const std::string line = ProgressLine({.label = "x",
                                         .unit = "records",
                                         .total = 10,
                                         .done = 50,
                                         .count = 50,
                                         .elapsed_us = kSecond},
                                        120);
  EXPECT_NE(line.find(" 99%"), std::string::npos) << line;
}

TEST(ProgressLine, FitsTheTerminal) {
  const ProgressState state = {
      .label = "load", .unit = "records", .total = 4, .done = 1, .count = 1, .elapsed_us = 1};
  for (uint32_t columns = 10; columns < 100; ++columns) {
    EXPECT_LT(ProgressLine(state, columns).size(), columns);
  }
}

}  // namespace
}  // namespace logwood::tools
