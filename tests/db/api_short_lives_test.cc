// A database that is opened for one write and closed again, over and over, as a command line does:
// the short log segments that each leaves must not pile up.
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "logwood/db.h"
#include "logwood/simulated_file_system.h"
#include "tests/support/database_fixture.h"

namespace logwood::test {
namespace {

// More segments than this are gathered into tables by the open that finds them (db/open.cc).
constexpr int kSegmentsKept = 16;

class ShortLives : public DatabaseTest {
 protected:
  // The n-th life writes n -> n.
  void Live(int first, int last) {
    for (int n = first; n <= last; ++n) {
      Open();
      ASSERT_OK(db_->Put({}, std::to_string(n), std::to_string(n)));
      Close();
    }
  }
  void CheckAll(int last) {
    for (int n = 1; n <= last; ++n) EXPECT_EQ(Value(std::to_string(n)), std::to_string(n));
  }
  size_t Files() {
    const Result<std::vector<std::string>> names = options_.file_system->List(path_);
    EXPECT_OK(names);
    return names.ok() ? names->size() : 0;
  }
};

TEST_F(ShortLives, LeaveABoundedNumberOfFiles) {
  size_t most = 0;
  for (int n = 1; n <= 200; ++n) {
    ASSERT_NO_FATAL_FAILURE(Live(n, n));
    most = std::max(most, Files());
  }
  // Segments, the tables of a few rounds, ROOT, LOCK, EVENTS and a manifest.
  EXPECT_LE(most, 50u);
  Open();
  CheckAll(200);
}

TEST_F(ShortLives, TheOpenThatFindsTooManySegmentsLeavesTheNewestAndATable) {
  ASSERT_NO_FATAL_FAILURE(Live(1, kSegmentsKept));
  Open();
  EXPECT_EQ(db_->GetStats().log_segments, 1u + kSegmentsKept);
  EXPECT_EQ(db_->GetStats().table_bytes, 0u);
  Close();
  ASSERT_NO_FATAL_FAILURE(Live(kSegmentsKept + 1, kSegmentsKept + 1));
  Open();
  EXPECT_EQ(db_->GetRecoveryInfo().replayed_commits, 1u + kSegmentsKept);
  EXPECT_EQ(db_->GetStats().log_segments, 2u) << "that of before and the one just made";
  EXPECT_GT(db_->GetStats().table_bytes, 0u);
  CheckAll(kSegmentsKept + 1);
  Reopen();
  EXPECT_EQ(db_->GetRecoveryInfo().replayed_commits, 0u);
  CheckAll(kSegmentsKept + 1);
}

// A process that dies leaves the same as one that closes; and commits without an operation have
// nothing that a table could hold.
TEST_F(ShortLives, CommitsOfNotesAloneLeaveTheLogAsWell) {
  for (int n = 0; n <= kSegmentsKept; ++n) {
    Open();
    WriteBatch batch;
    batch.Note("a note");
    ASSERT_OK(db_->Write({}, batch));
    Close();
  }
  Open();
  EXPECT_EQ(db_->GetStats().log_segments, 2u);
  EXPECT_EQ(db_->LastPosition(), 1u + kSegmentsKept);
  ASSERT_OK(db_->Put({}, "k", "v"));
  Reopen();
  EXPECT_EQ(db_->GetRecoveryInfo().replayed_commits, 1u);
  EXPECT_EQ(Value("k"), "v");
}

TEST_F(ShortLives, SegmentsKeptByRetentionAreReplayedOnce) {
  options_.log_retention = LogRetention{.bytes_min = 1 << 30};
  ASSERT_NO_FATAL_FAILURE(Live(1, kSegmentsKept + 1));
  Open();
  EXPECT_EQ(db_->GetRecoveryInfo().replayed_commits, 1u + kSegmentsKept);
  EXPECT_EQ(db_->GetStats().log_segments, 2u + kSegmentsKept);
  Reopen();
  EXPECT_EQ(db_->GetRecoveryInfo().replayed_commits, 0u);
  CheckAll(kSegmentsKept + 1);
}

// The open that makes tables of the segments, with the power cut at each of its changes.
TEST(ShortLivesOnASimulatedDisk, LoseNothingWhereverThePowerIsCutWhileTheyAreGathered) {
  SimulatedFileSystem first;
  const auto options_on = [](FileSystem* disk) {
    Options options;
    options.file_system = disk;
    options.memory_budget_bytes = 8 << 20;
    return options;
  };
  for (int n = 1; n <= kSegmentsKept + 1; ++n) {
    ASSERT_OK_AND_ASSIGN(auto db, DB::Open(options_on(&first), "db"));
    ASSERT_OK(db->Put({}, std::to_string(n), "v"));
    ASSERT_OK(db->Close());
  }
  const std::string saved = first.Save();
  for (uint64_t change = 1;; ++change) {
    SCOPED_TRACE("change " + std::to_string(change));
    ASSERT_OK_AND_ASSIGN(auto disk, SimulatedFileSystem::Load(saved));
    disk->CutPowerAt(change);
    auto cut = DB::Open(options_on(disk.get()), "db");
    if (cut.ok()) static_cast<void>((*cut)->Close());
    if (!disk->power_is_cut()) break;
    disk->ForEachCrashState({.states_max = 12, .seed = change}, [&](auto after) {
      auto db = DB::Open(options_on(after.get()), "db");
      EXPECT_OK(db);
      if (!db.ok()) return false;
      EXPECT_EQ((*db)->LastPosition(), 1u + kSegmentsKept);
      for (int n = 1; n <= kSegmentsKept + 1; ++n) {
        EXPECT_TRUE((*db)->Contains({}, Keyspace(), std::to_string(n)).value()) << n;
      }
      EXPECT_OK((*db)->Verify({}));
      return !testing::Test::HasFailure();
    });
    ASSERT_FALSE(testing::Test::HasFailure());
  }
}

}  // namespace
}  // namespace logwood::test
