// Snapshots that become old are told of in time, without any other work, and by no job more than
// that takes.
#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "tests/db/background_fixture.h"

namespace logwood {
namespace {

using std::chrono::hours;
using std::chrono::microseconds;
using std::chrono::minutes;

class OldSnapshotsTest : public test::BackgroundFixture {
 protected:
  std::shared_ptr<const Snapshot> Take(const std::string& owner) {
    auto snapshot = core_->snapshots.Take(core_, owner);
    background_->NoteSnapshot();
    return snapshot;
  }
  // Whose were told, in order: "a b ".
  std::string Told() const {
    std::string owners;
    for (const std::string& detail : listener_->old_snapshots) {
      const size_t begin = detail.find('"') + 1;
      owners += detail.substr(begin, detail.find('"', begin) - begin) + " ";
    }
    return owners;
  }
};

TEST_F(OldSnapshotsTest, OneIsToldAsSoonAsItIsOldAndNeverAgain) {
  Start(hours(1));
  const auto snapshot = Take("backup");
  executor_->Advance(hours(1) - microseconds(1));
  EXPECT_EQ(Told(), "");
  executor_->Advance(microseconds(1));
  EXPECT_EQ(Told(), "backup ");
  executor_->Advance(hours(100));
  EXPECT_EQ(Told(), "backup ");
}

TEST_F(OldSnapshotsTest, EachIsToldAtItsOwnTime) {
  Start(hours(1));
  const auto first = Take("first");
  executor_->Advance(minutes(20));
  const auto second = Take("second");
  executor_->Advance(minutes(40));
  EXPECT_EQ(Told(), "first ");
  const auto third = Take("third");
  executor_->Advance(minutes(20) - microseconds(1));
  EXPECT_EQ(Told(), "first ");
  executor_->Advance(microseconds(1));
  EXPECT_EQ(Told(), "first second ");
  executor_->Advance(minutes(40));
  EXPECT_EQ(Told(), "first second third ");
}

TEST_F(OldSnapshotsTest, OneThatFollowsAReleasedOneIsToldInTime) {
  Start(hours(1));
  auto released = Take("released");
  executor_->Advance(minutes(59));
  const auto kept = Take("kept");
  released.reset();
  executor_->Advance(hours(1) - microseconds(1));
  EXPECT_EQ(Told(), "");
  executor_->Advance(microseconds(1));
  EXPECT_EQ(Told(), "kept ");
}

TEST_F(OldSnapshotsTest, NoJobWaitsForNoneAndOneForMany) {
  Start(hours(1));
  EXPECT_EQ(executor_->delayed(), 0u);
  std::vector<std::shared_ptr<const Snapshot>> many;
  for (int i = 0; i < 100; ++i) {
    many.push_back(Take("many"));
    static_cast<void>(Take("short-lived"));
    executor_->Advance(microseconds(1));
  }
  EXPECT_EQ(executor_->delayed(), 1u);
  many.clear();
  executor_->Advance(hours(1));
  EXPECT_EQ(executor_->delayed(), 0u) << "still looks, and there is nothing to look at";
  EXPECT_EQ(Told(), "");
}

TEST_F(OldSnapshotsTest, NothingWaitsForOneThatWasTold) {
  Start(hours(1));
  const auto snapshot = Take("told");
  executor_->Advance(hours(1));
  EXPECT_EQ(Told(), "told ");
  EXPECT_EQ(executor_->delayed(), 0u);
}

TEST_F(OldSnapshotsTest, OneThatAListenerTakesIsToldInItsTurn) {
  Start(hours(1));
  const auto first = Take("first");
  std::shared_ptr<const Snapshot> later;
  listener_->on_old_snapshot = [&] { later = Take("later"); };
  executor_->Advance(hours(1));
  listener_->on_old_snapshot = nullptr;
  executor_->Advance(hours(1));
  EXPECT_EQ(Told(), "first later ");
}

TEST_F(OldSnapshotsTest, NothingIsToldAndNothingBegunAfterStop) {
  Start(hours(1));
  const auto before = Take("before");
  background_->Stop();
  executor_->Advance(hours(2));
  const auto after = Take("after");
  EXPECT_EQ(executor_->delayed(), 0u);
  EXPECT_EQ(Told(), "");
}

TEST_F(OldSnapshotsTest, ForTheLargestAgeNoneIsOld) {
  Start(std::chrono::seconds::max());
  const auto snapshot = Take("for ever");
  executor_->Advance(hours(24 * 365));
  EXPECT_EQ(Told(), "");
}

}  // namespace
}  // namespace logwood
