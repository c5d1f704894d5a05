// Snapshots: which positions must stay readable, and for whom.
#include "db/snapshots.h"

#include <gtest/gtest.h>

#include <thread>

#include "tests/db/core_support.h"

namespace logwood {
namespace {

class SnapshotsTest : public testing::Test {
 protected:
  ~SnapshotsTest() override { core_->executor->Shutdown(); }
  std::shared_ptr<const Snapshot> TakeAt(LogPos position, const std::string& owner = "") {
    core_->visible.store(position);
    return core_->snapshots.Take(core_, owner);
  }
  SnapshotList& list() { return core_->snapshots; }

  std::unique_ptr<FileSystem> fs_ = FileSystem::InMemory();
  std::shared_ptr<Core> core_ = test::NewCore(fs_.get());
};

TEST_F(SnapshotsTest, PositionsAreAscendingAndWithoutRepetition) {
  auto a = TakeAt(7), b = TakeAt(7), c = TakeAt(9);
  EXPECT_EQ(list().All().positions, (std::vector<LogPos>{7, 9}));
  EXPECT_EQ(list().count(), 3u);
  EXPECT_EQ(list().oldest(), 7u);
  a.reset();
  EXPECT_EQ(list().All().positions, (std::vector<LogPos>{7, 9}));
  b.reset();
  EXPECT_EQ(list().All().positions, (std::vector<LogPos>{9}));
  c.reset();
  EXPECT_TRUE(list().All().positions.empty());
  EXPECT_EQ(list().oldest(), 0u);
}

TEST_F(SnapshotsTest, OneOfAnEmptyDatabaseCounts) {
  auto empty = TakeAt(0);
  EXPECT_EQ(list().count(), 1u);
  EXPECT_EQ(list().All().positions, std::vector<LogPos>{0});
}

TEST_F(SnapshotsTest, TheOwnerAndAgeAreKept) {
  auto snapshot = TakeAt(3, "backup");
  EXPECT_EQ(snapshot->owner(), "backup");
  EXPECT_EQ(snapshot->position(), 3u);
  EXPECT_GE(snapshot->age().count(), 0);
}

TEST_F(SnapshotsTest, AnOldOneIsReportedOnce) {
  auto snapshot = TakeAt(3, "back\nup");
  EXPECT_TRUE(list().NewlyOlderThan(std::chrono::hours(1)).empty());
  const std::vector<std::string> old = list().NewlyOlderThan(std::chrono::seconds(0));
  ASSERT_EQ(old.size(), 1u);
  EXPECT_NE(old[0].find("position 3, owner \"back"), std::string::npos) << old[0];
  EXPECT_EQ(old[0].find('\n'), std::string::npos);
  EXPECT_TRUE(list().NewlyOlderThan(std::chrono::seconds(0)).empty());
}

// The memory of one that was released is used again: addresses are no order.
TEST_F(SnapshotsTest, ThoseOfOnePositionAreToldInTheOrderTheyWereTaken) {
  std::vector<std::shared_ptr<const Snapshot>> snapshots;
  for (const char* owner : {"x1", "x2", "x3"}) snapshots.push_back(TakeAt(3, owner));
  snapshots.push_back(TakeAt(3, "a"));
  for (int i = 2; i >= 0; --i) snapshots[static_cast<size_t>(i)].reset();
  for (const char* owner : {"b", "c", "d"}) snapshots.push_back(TakeAt(3, owner));
  std::string order;
  for (const std::string& told : list().NewlyOlderThan(std::chrono::seconds(0))) {
    order += told.at(told.find('"') + 1);
  }
  EXPECT_EQ(order, "abcd");
}

TEST_F(SnapshotsTest, ConcurrentTakingAndReleasingLosesNone) {
  std::vector<std::thread> threads;
  auto kept = TakeAt(1);
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 2000; ++i) {
        auto snapshot = core_->snapshots.Take(core_, "x");
        const std::vector<LogPos> positions = list().All().positions;
        ASSERT_TRUE(std::binary_search(positions.begin(), positions.end(), snapshot->position()));
      }
    });
  }
  for (LogPos p = 2; p < 500; ++p) core_->visible.store(p);
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(list().All().positions, std::vector<LogPos>{1});
}

}  // namespace
}  // namespace logwood
