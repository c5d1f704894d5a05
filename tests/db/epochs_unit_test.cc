#include "db/epochs.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace logwood {
namespace {

std::vector<uint64_t> Numbers(const std::vector<Epoch>& epochs) {
  std::vector<uint64_t> numbers;
  for (const Epoch& epoch : epochs) numbers.push_back(epoch.number);
  return numbers;
}

TEST(Epochs, ThoseWhoseCursorsAreStillGoodStay) {
  const std::vector<Epoch> epochs = {{1, 11, 1}, {2, 12, 10}, {3, 13, 20}, {4, 14, 20}};
  EXPECT_EQ(Numbers(RememberedEpochs(epochs, 1)), (std::vector<uint64_t>{1, 2, 3, 4}));
  // A cursor of epoch 1 may stand at 9, and the next commit, 10, is in the log.
  EXPECT_EQ(Numbers(RememberedEpochs(epochs, 10)), (std::vector<uint64_t>{1, 2, 3, 4}));
  EXPECT_EQ(Numbers(RememberedEpochs(epochs, 11)), (std::vector<uint64_t>{2, 3, 4}));
  EXPECT_EQ(Numbers(RememberedEpochs(epochs, 20)), (std::vector<uint64_t>{2, 3, 4}));
  EXPECT_EQ(Numbers(RememberedEpochs(epochs, 21)), (std::vector<uint64_t>{4}));
}

TEST(Epochs, TheCurrentOneAlwaysStays) {
  EXPECT_EQ(Numbers(RememberedEpochs({{7, 1, 5}}, 1000)), (std::vector<uint64_t>{7}));
}

TEST(Epochs, OfALoopOfCrashesTheOldestGoAndThoseWithCommitsStay) {
  std::vector<Epoch> epochs = {{1, 1, 1}, {2, 2, 50}};
  while (epochs.size() < 3 * kEpochsMax) epochs.push_back({epochs.size() + 1, 3, 100});
  const std::vector<Epoch> kept = RememberedEpochs(epochs, 1);
  ASSERT_EQ(kept.size(), kEpochsMax);
  EXPECT_EQ(kept[0], epochs[0]);
  EXPECT_EQ(kept[1], epochs[1]);
  EXPECT_TRUE(std::equal(kept.rbegin(), kept.rend() - 2, epochs.rbegin()));
}

TEST(Epochs, AreBoundedAlsoWhereEachHasCommits) {
  std::vector<Epoch> epochs;
  while (epochs.size() < 2 * kEpochsMax)
    epochs.push_back({epochs.size() + 1, 3, epochs.size() + 1});
  const std::vector<Epoch> kept = RememberedEpochs(epochs, 1);
  ASSERT_EQ(kept.size(), kEpochsMax);
  EXPECT_EQ(kept.back(), epochs.back());
  EXPECT_EQ(kept.front().number, kEpochsMax + 1);
}

}  // namespace
}  // namespace logwood
