// VerifyDatabase: each damage of tables, log, manifest and ROOT is reported, and nothing else is:
// not what a live writer has under way, nor what nothing needs any more.
#include "db/verify.h"

#include <gtest/gtest.h>

#include <set>

#include "tests/db/core_support.h"
#include "tests/db/handmade_database.h"
#include "util/faulty_file_system.h"
#include "wal/log_format.h"

namespace logwood {
namespace {

using test::HandmadeDatabase;

// Tables 10 and 11 in manifest 2; log segments 3 (commits 3 to 5, sealed by nobody) and 4 (6, 7).
class VerifyTest : public testing::Test {
 protected:
  VerifyTest() {
    Edit edit = HandmadeDatabase::FirstEdit();
    edit.tables = TablesState{2, 0, 0};
    edit.first_segment = 3;
    edit.added = {{0, db_.AddTable(10, {{"a", 2, "new"}})},
                  {6, db_.AddTable(11, {{"a", 1, "old"}, {"b", 1, "x"}})}};
    db_.BeginManifest(2, edit);
    Edit added;
    added.added = edit.added;
    auto version = Version().Apply(added, nullptr);
    EXPECT_OK(version);
    for (const auto& [level, meta] : edit.added) bytes_ += meta.size;
    db_.BeginSegment(3, 3);
    for (const char* key : {"c", "d", "e"}) db_.Put(key);
    AddSegment(3, 5);
    db_.BeginSegment(4);
    for (const char* key : {"f", "g"}) db_.Put(key);
    db_.MarkDurable();
    AddSegment(6, 7);
    db_.CloseLog();
    input_.last_position = 7;
    core_ = test::NewCore(&files_, std::make_unique<test::ManualExecutor>());
    core_->views.Install(std::make_shared<View>(
        View{std::make_shared<Memtable>(core_->memtable_pages), {}, *version}));
  }

  void AddSegment(LogPos first, LogPos last) {
    const LogEnd end = db_.log_end();
    input_.segments.push_back({end.segment, first, last, end.length, 0});
    bytes_ += end.length;
  }

  Status Verify() {
    found_.clear();
    done_ = 0;
    return VerifyDatabase(
        *core_, input_, [this](const Damage& damage) { found_.push_back(damage); },
        [this](uint64_t done, uint64_t all) {
          EXPECT_GE(done, done_);
          EXPECT_LE(done, all);
          EXPECT_EQ(all, bytes_);
          done_ = done;
        });
  }
  void ExpectWhole() {
    EXPECT_OK(Verify());
    for (const Damage& damage : found_) ADD_FAILURE() << damage.ToString();
  }
  // One damage, which is the answer.
  void ExpectDamage(const std::string& file) {
    const Status status = Verify();
    EXPECT_STATUS(kCorruption, status);
    ASSERT_EQ(found_.size(), 1u);
    EXPECT_EQ(found_[0].file, file);
    EXPECT_NE(status.message().find("db/" + file + ":" + std::to_string(found_[0].offset) + ": "),
              std::string_view::npos)
        << status.ToString();
  }
  void ExpectPositions(LogPos first, LogPos last) const {
    ASSERT_EQ(found_.size(), 1u);
    EXPECT_EQ(found_[0].first_position, first);
    EXPECT_EQ(found_[0].last_position, last);
  }

  HandmadeDatabase db_;
  FaultyFileSystem files_{db_.fs()};
  std::shared_ptr<Core> core_;
  VerifyInput input_;
  uint64_t bytes_ = 0, done_ = 0;
  std::vector<Damage> found_;
};

TEST_F(VerifyTest, OfAWholeDatabaseAllBytesAreReadAndNothingIsReported) {
  ExpectWhole();
  EXPECT_EQ(done_, bytes_);
}

TEST_F(VerifyTest, EachPartIsLookedAt) {
  db_.Flip("000011.table", 70);
  ExpectDamage("000011.table");
  EXPECT_EQ(found_[0].first_key, "a");
  db_.Flip("000011.table", 70);
  db_.Flip("000002.manifest", 80);
  ExpectDamage("000002.manifest");
  db_.Flip("000002.manifest", 80);
  db_.Flip("ROOT", 70);
  ExpectDamage("ROOT");
  db_.Flip("ROOT", 70);
  db_.DamageCommit(4);
  ExpectDamage("000003.log");
  ExpectPositions(4, 4);
  EXPECT_EQ(found_[0].offset, db_.records.at(4).begin);
  EXPECT_EQ(done_, bytes_) << "it goes on behind";
}

TEST_F(VerifyTest, AllDamageIsReportedBeforeTheFirstIsTheAnswer) {
  db_.Flip("ROOT", 70);
  db_.Remove("000010.table");
  db_.DamageCommit(3);
  db_.DamageCommit(7);
  const Status status = Verify();
  EXPECT_STATUS(kCorruption, status);
  EXPECT_NE(status.message().find("ROOT:"), std::string_view::npos) << status.ToString();
  std::multiset<std::string> files;
  for (const Damage& damage : found_) files.insert(damage.file);
  EXPECT_EQ(files, (std::multiset<std::string>{"ROOT", "000010.table", "000003.log",  //
                                               "000004.log"}));
}

TEST_F(VerifyTest, WithoutAReportTheAnswerIsTheSame) {
  db_.DamageCommit(3);
  EXPECT_STATUS(kCorruption, VerifyDatabase(*core_, input_, {}, {}));
}

TEST_F(VerifyTest, WhatAWriterStoresMeanwhileIsNoDamage) {
  db_.DamageCommit(7);
  input_.last_position = 6;  // the last one that was committed when it began
  ExpectWhole();
}

TEST_F(VerifyTest, BehindTheLengthThatCountsNothingIsRead) {
  const uint64_t cut = db_.records.at(5).begin;
  db_.DamageCommit(5);
  bytes_ -= input_.segments[0].bytes - cut;
  input_.segments[0].bytes = cut;
  input_.segments[0].last_position = 4;
  ExpectWhole();
}

TEST_F(VerifyTest, ATornSlotIsNoDamage) {
  db_.Flip("000003.log", kSlotAOffset + 3);
  db_.Flip("000004.log", kSlotAOffset + 3);
  db_.Flip("000004.log", kSlotBOffset + 3);
  ExpectWhole();
}

TEST_F(VerifyTest, ADamagedHeaderCopyIsToldThoughNoCommitIsAffected) {
  db_.Flip("000004.log", kHeaderCopyOffset + 8);
  ExpectDamage("000004.log");
  ExpectPositions(0, 0);
}

TEST_F(VerifyTest, AMissingSegmentCostsItsCommitsUnlessNothingNeedsIt) {
  db_.Remove("000003.log");
  ExpectDamage("000003.log");
  ExpectPositions(3, 5);
  input_.collected = [](uint64_t number) { return number == 4; };
  ExpectDamage("000003.log");
  input_.collected = [](uint64_t number) { return number == 3; };
  ExpectWhole();
}

TEST_F(VerifyTest, OfASegmentThatNothingNeedsNoFlawIsTold) {
  db_.DamageCommit(4);
  db_.Flip("000003.log", kHeaderCopyOffset + 8);
  input_.collected = [](uint64_t number) { return number == 3; };
  ExpectWhole();
}

TEST_F(VerifyTest, WhatTheOpenBoreWithIsToldAgain) {
  input_.log = Damage{};
  input_.log->file = "000009.log";
  input_.log->offset = 77;
  input_.log->what = "it was cut";
  ExpectDamage("000009.log");
  EXPECT_EQ(found_[0].what, "it was cut");
}

TEST_F(VerifyTest, ASegmentWithoutAHeaderCostsItsCommitsUnlessNothingNeedsIt) {
  db_.Flip("000003.log", 100);
  db_.Flip("000003.log", kHeaderCopyOffset + 100);
  ExpectDamage("000003.log");
  ExpectPositions(3, 5);
  EXPECT_EQ(done_, bytes_) << "its bytes count as read";
  input_.collected = [](uint64_t number) { return number == 3; };
  ExpectWhole();
}

// As a failed sync may leave the one that was begun last.
TEST_F(VerifyTest, ANewSegmentThatWasNeverDurableMayBeBlankWhileItHasNoCommits) {
  ASSERT_OK(test::WriteFile(&files_, "db/000005.log", ""));
  input_.segments.push_back({5, 8, 7, 0, 0});
  input_.durable_segment = 4;
  ExpectWhole();
  input_.durable_segment = 5;
  ExpectDamage("000005.log");
  ExpectPositions(0, 0);
  input_.durable_segment = 4;
  input_.segments.back().last_position = 9;
  ExpectDamage("000005.log");
  ExpectPositions(8, 9);
  input_.certain = [] { return LogPos{7}; };
  ExpectWhole();
}

TEST_F(VerifyTest, BehindWhatAFailedSyncMayHaveCostNoCommitIsMissed) {
  db_.DamageCommit(7);
  input_.certain = [] { return LogPos{6}; };
  ExpectWhole();
  input_.certain = [] { return LogPos{7}; };
  ExpectDamage("000004.log");
  ExpectPositions(7, 7);
}

// A crash may tear it, and no commit is lost with it.
TEST_F(VerifyTest, AMissingTrailerIsNoDamage) {
  input_.segments[0].bytes += 50;
  bytes_ += 50;
  ExpectWhole();
}

TEST_F(VerifyTest, WhereNobodyKnowsTheLengthAllOfASegmentIsRead) {
  bytes_ -= std::exchange(input_.segments[0].bytes, 0);
  ExpectWhole();
  db_.DamageCommit(5);
  ExpectDamage("000003.log");
  ExpectPositions(5, 5);
}

// A live database may change to another one between ROOT and manifest.
TEST_F(VerifyTest, AManifestThatIsThereAtAnotherLookIsWhole) {
  int looks = 0;
  files_.SetFault([&looks](FileOp op, const std::string& path) {
    const bool is_gone = op == FileOp::kOpen && path.ends_with(".manifest") && ++looks <= 2;
    return is_gone ? Status::NotFound("removed meanwhile") : Status::Ok();
  });
  ExpectWhole();
  EXPECT_GT(looks, 2);
}

TEST_F(VerifyTest, AManifestThatIsNeverThereIsDamage) {
  db_.Remove("000002.manifest");
  ExpectDamage("000002.manifest");
}

TEST_F(VerifyTest, WhatCannotBeReadIsNoDamage) {
  for (const char* name : {"ROOT", ".manifest", ".table", ".log"}) {
    SCOPED_TRACE(name);
    files_.SetFault([name](FileOp op, const std::string& path) {
      return op == FileOp::kOpen && path.ends_with(name) ? Status::IoError("injected")
                                                         : Status::Ok();
    });
    EXPECT_STATUS(kIoError, Verify());
    EXPECT_TRUE(found_.empty());
  }
}

TEST_F(VerifyTest, DamageWeighsMoreThanWhatCouldNotBeReadBefore) {
  files_.SetFault([](FileOp op, const std::string& path) {
    return op == FileOp::kOpen && path.ends_with("ROOT") ? Status::IoError("injected")
                                                         : Status::Ok();
  });
  db_.DamageCommit(6);
  ExpectDamage("000004.log");
}

}  // namespace
}  // namespace logwood
