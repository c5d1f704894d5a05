// What the log still holds, and what of it is lost.
#include "db/salvage_log.h"
#include "tests/db/handmade_database.h"
#include "tests/db/salvage_shown.h"
#include "util/faulty_file_system.h"

namespace logwood {
namespace {

using test::Drain;
using test::EncodedWith;
using test::HandmadeDatabase;
using test::IgnoreBytes;
using test::SalvageStreams;
using test::ShowKeyspaces;
using test::StoredKey;
using Shown = std::vector<std::string>;

void IgnoreLoss(const SalvageLoss&) {}

// "000003.log 4-5", with "lost " before it where it is.
std::string ShowLoss(const SalvageLoss& loss) {
  EXPECT_FALSE(loss.damage.what.empty());
  return (loss.lost ? "lost " : "") + loss.damage.file + " " +
         std::to_string(loss.damage.first_position) + "-" +
         std::to_string(loss.damage.last_position);
}

// Segment 3 holds commits 1 to 4, segment 4 holds 5 to 8; each commit puts the key of its position,
// "1" to "8". Up to commit 6 they are durable.
class SalvageLogTest : public testing::Test {
 protected:
  SalvageLogTest() {
    options_.fs = db_.fs();
    options_.source = "db";
    db_.BeginSegment(3);
    for (LogPos p = 1; p <= 4; ++p) db_.Put(std::to_string(p));
    db_.BeginSegment(4);
    for (LogPos p = 5; p <= 6; ++p) db_.Put(std::to_string(p));
    db_.MarkDurable();
    for (LogPos p = 7; p <= 8; ++p) db_.Put(std::to_string(p));
    db_.CloseLog();
  }
  // The segment before `number` counts as far as this one's header says.
  void Take(uint64_t number) {
    auto survey = SegmentSurvey::Open(db_.fs(), db_.Path(LogFileName(number)));
    ASSERT_OK(survey);
    if (!inventory_.segments.empty()) {
      Inventory::Segment& before = inventory_.segments.back();
      const SegmentHeader& header = (*survey)->probe().header();
      if (header.predecessor == before.number) {
        before.limits = {header.predecessor_length, header.predecessor_last_position};
      }
    }
    inventory_.segments.push_back({number, std::move(*survey), {}});
  }
  // Losses as text; the log that was surveyed is log_.
  Shown Survey(LogPos in_tables = 0) {
    if (inventory_.segments.empty()) {
      Take(3);
      Take(4);
    }
    losses_.clear();
    log_ = std::make_unique<SalvageLog>(options_, inventory_, in_tables);
    EXPECT_OK(log_->Survey(
        &parts_, [this](uint64_t bytes) { bytes_ += bytes; },
        [this](const SalvageLoss& loss) { losses_.push_back(loss); }));
    Shown shown;
    for (const SalvageLoss& loss : losses_) shown.push_back(ShowLoss(loss));
    return shown;
  }
  Shown Collected(const std::vector<LostKeys>& lost = {}, uint64_t memory_bytes = 1 << 20) {
    losses_.clear();
    streams_.clear();
    EXPECT_OK(log_->Collect(
        lost, memory_bytes, "spilled", [this](const SalvageLoss& loss) { losses_.push_back(loss); },
        &streams_));
    return Drain(streams_);
  }

  HandmadeDatabase db_;
  SalvageOptions options_;
  Inventory inventory_;
  SalvageCatalogue parts_;
  std::unique_ptr<SalvageLog> log_;
  std::vector<SalvageLoss> losses_;
  SalvageStreams streams_;
  uint64_t bytes_ = 0;
};

TEST_F(SalvageLogTest, AWholeLogIsReadableToItsEnd) {
  EXPECT_EQ(Survey(), Shown{});
  EXPECT_TRUE(log_->readable().Missing(1, 8).empty());
  EXPECT_EQ(log_->commits(), 8u);
  EXPECT_EQ(log_->durable_point(), 6u);
  EXPECT_EQ(log_->last_position(), 8u);
  EXPECT_GT(log_->record_bytes_max(), 4u);
  EXPECT_EQ(bytes_, db_.Bytes(LogFileName(3)).size() + db_.Bytes(LogFileName(4)).size());
}

TEST_F(SalvageLogTest, ADamagedCommitIsLostUnlessTablesHoldIt) {
  db_.DamageCommit(3);
  db_.DamageCommit(4);
  EXPECT_EQ(Survey(), Shown{"lost 000003.log 3-4"});
  EXPECT_EQ(losses_[0].damage.offset, db_.records.at(3).begin);
  EXPECT_EQ(losses_[0].end, db_.records.at(4).end);
  EXPECT_EQ(log_->commits(), 6u);
  EXPECT_EQ(Survey(/*in_tables=*/3), Shown{"lost 000003.log 4-4"});
  EXPECT_EQ(Survey(/*in_tables=*/4), Shown{"000003.log 3-4"});
}

TEST_F(SalvageLogTest, ATailThatWasNeverDurableIsNoLossAndAHoleIs) {
  db_.DamageCommit(8);
  EXPECT_EQ(Survey(), Shown{"000004.log 8-8"});
  inventory_.tree.durable = 8;
  EXPECT_EQ(Survey(), Shown{"lost 000004.log 8-8"}) << "the manifest knows better";
  inventory_ = Inventory();
  db_.DamageCommit(8);  // whole again
  db_.DamageCommit(7);
  EXPECT_EQ(Survey(), Shown{"lost 000004.log 7-7"}) << "a later commit is there";
}

TEST_F(SalvageLogTest, CommitsThatNoFileHoldsAreLostInTheFileThatHeldThem) {
  db_.BeginSegment(6);
  db_.Put("9");
  db_.CloseLog();
  Take(3);
  Take(6);
  EXPECT_EQ(Survey(), Shown{"lost 000004.log 5-8"});
  EXPECT_EQ(Survey(/*in_tables=*/6), Shown{"lost 000004.log 7-8"});
  EXPECT_EQ(Survey(/*in_tables=*/8), Shown{});
}

TEST_F(SalvageLogTest, OlderSegmentsMayBeGoneUnlessTablesEndBeforeThoseThatAreThere) {
  Take(4);
  EXPECT_EQ(Survey(), Shown{}) << "how far tables reach is not known";
  EXPECT_EQ(Survey(/*in_tables=*/4), Shown{});
  EXPECT_EQ(Survey(/*in_tables=*/2), Shown{"lost 000003.log 3-4"});
  inventory_.tables_are_certain = true;
  EXPECT_EQ(Survey(), Shown{"lost 000003.log 1-4"}) << "there are none";
}

TEST_F(SalvageLogTest, WhatACleanCloseSaysAndNobodyHoldsIsLost) {
  inventory_.tree.clean_close = LogEnd{4, 99'999, 10};
  EXPECT_EQ(Survey(), Shown{"lost 000004.log 9-10"});
  EXPECT_EQ(log_->last_position(), 10u);
}

// As an open demands it: "the segment was durable".
TEST_F(SalvageLogTest, WhereTheNewestDurableSegmentIsGoneHowMuchIsLostIsNotKnown) {
  inventory_.tree.durable_segment = 5;
  EXPECT_EQ(Survey(/*in_tables=*/6), Shown{"lost 000005.log 9-0"});
  EXPECT_NE(losses_[0].damage.ToString().find("; positions from 9 on"), std::string::npos);
  EXPECT_EQ(log_->last_position(), 8u);
  inventory_.tree.durable = 10;
  EXPECT_EQ(Survey(), (Shown{"lost 000005.log 9-10", "lost 000005.log 11-0"}));
  inventory_.tree.clean_close = LogEnd{5, 99'999, 10};
  EXPECT_EQ(Survey(), Shown{"lost 000005.log 9-10"}) << "that says where the log ended";
  inventory_.tree.clean_close.reset();
  inventory_.tree.durable_segment = 4;
  inventory_.tree.durable = 0;
  EXPECT_EQ(Survey(), Shown{}) << "it is there";
}

// A cut takes what was recorded as durable, and nobody knows what else.
TEST_F(SalvageLogTest, WhereTheNewestSegmentIsCutHowMuchIsLostIsNotKnown) {
  const std::string name = LogFileName(4);
  const std::string whole = db_.Bytes(name);
  db_.Replace(name, whole.substr(0, db_.records.at(5).begin + 3));
  EXPECT_EQ(Survey(), (Shown{"lost 000004.log 5-6", "lost 000004.log 7-0"}));
  EXPECT_NE(losses_[1].damage.ToString().find("; positions from 7 on"), std::string::npos);
  inventory_ = Inventory();
  inventory_.tree.clean_close = LogEnd{4, whole.size(), 8};
  EXPECT_EQ(Survey(), Shown{"lost 000004.log 5-8"}) << "that says where the log ended";
  inventory_ = Inventory();
  db_.Replace(name, whole.substr(0, db_.records.at(6).begin + 3));
  EXPECT_EQ(Survey(), Shown{"lost 000004.log 6-6"}) << "what is there is the last that is known";
}

TEST_F(SalvageLogTest, TheSameOfTheSegmentThatTheManifestReliesOnAndOfAllOfTheLog) {
  inventory_.tree.first_segment = 5;
  EXPECT_EQ(Survey(/*in_tables=*/8), Shown{"lost 000005.log 9-0"});
  inventory_.tree.first_segment = inventory_.tree.durable_segment = 4;
  inventory_.segments.clear();
  SalvageLog gone(options_, inventory_, /*in_tables=*/3);
  Shown shown;
  ASSERT_OK(gone.Survey(&parts_, IgnoreBytes,
                        [&](const SalvageLoss& loss) { shown.push_back(ShowLoss(loss)); }));
  EXPECT_EQ(shown, Shown{"lost 000004.log 4-0"});
}

TEST_F(SalvageLogTest, ALaterSegmentSaysWhereADurableOneEnded) {
  inventory_.tree.durable_segment = 5;
  db_.BeginSegment(6);
  db_.CloseLog();
  for (const uint64_t number : {3, 4, 6}) Take(number);
  EXPECT_EQ(Survey(), Shown{});
}

// A whole segment without a commit never held a durable one; one that is cut may have.
TEST_F(SalvageLogTest, ADurableSegmentWithoutACommitIsNoLossUnlessItsHeadIsDamaged) {
  db_.BeginSegment(5);
  db_.CloseLog();
  inventory_.tree.durable_segment = 5;
  const std::string whole = db_.Bytes("000005.log");
  const auto survey = [this] {
    inventory_.segments.clear();
    for (const uint64_t number : {3, 4, 5}) Take(number);
    const Shown all = Survey();
    Shown lost;
    for (const std::string& loss : all) {
      if (loss.starts_with("lost")) lost.push_back(loss);
    }
    return lost;
  };
  EXPECT_EQ(survey(), Shown{});
  for (const uint64_t size : {uint64_t{300}, uint64_t{3000}, kCatalogueOffset - 1}) {
    db_.Replace("000005.log", whole.substr(0, size));
    EXPECT_EQ(survey(), Shown{"lost 000005.log 9-0"}) << size;
    EXPECT_EQ(losses_.back().damage.offset, size);
  }
  db_.Replace("000005.log", whole);
  db_.Flip("000005.log", kHeaderCopyOffset + 8);
  EXPECT_EQ(survey(), Shown{"lost 000005.log 9-0"});
}

TEST_F(SalvageLogTest, ADurableSegmentThatAWriterBeginsMeanwhileIsNoLoss) {
  inventory_.tree.durable_segment = 5;
  inventory_.tree.root.instance_id = HandmadeDatabase::kInstance;
  options_.ignore_writer = true;
  EXPECT_EQ(Survey(), Shown{"lost 000005.log 9-0"});
  db_.BeginSegment(5);
  EXPECT_EQ(Survey(), Shown{});
  db_.CloseLog();
}

TEST_F(SalvageLogTest, TheCatalogueGetsWhatSegmentsBeginWithAndCommitsThatChangeIt) {
  db_.catalogue = EncodedWith("first", 2);
  db_.catalogue_position = 3;
  db_.BeginSegment(5);
  db_.Commit(Catalogue::CreateOperations("second", 3), kFlagCatalogue);
  db_.CloseLog();
  Take(5);
  Survey(/*in_tables=*/8);
  EXPECT_EQ(ShowKeyspaces(parts_), "first=2 second=3 ");
  EXPECT_EQ(parts_.snapshot_end(), 9u);
}

TEST_F(SalvageLogTest, CommitsBehindTheTablesAreCollectedAndOfOlderOnesTheKeysThatTablesLost) {
  Survey(/*in_tables=*/6);
  EXPECT_EQ(Collected(), (Shown{"7@7=v7", "8@8=v8"}));
  Survey(/*in_tables=*/6);
  EXPECT_EQ(Collected({{StoredKey("2"), StoredKey("3")}, {StoredKey("6"), std::nullopt}}),
            (Shown{"2@2=v2", "3@3=v3", "6@6=v6", "7@7=v7", "8@8=v8"}));
  Survey(/*in_tables=*/6);
  EXPECT_EQ(Collected({{std::nullopt, StoredKey("1")}}), (Shown{"1@1=v1", "7@7=v7", "8@8=v8"}));
  Survey(/*in_tables=*/6);
  EXPECT_EQ(Collected({LostKeys()}).size(), 8u);
  Survey(/*in_tables=*/6);
  EXPECT_EQ(Collected({{{}, {}, 6}, {StoredKey("2"), StoredKey("3"), 3}}),
            (Shown{"3@3=v3", "6@6=v6", "7@7=v7", "8@8=v8"}))
      << "what is older than all that the table held is of no use to it";
}

TEST_F(SalvageLogTest, WhatMemoryDoesNotHoldGoesIntoTables) {
  Survey();
  const Shown wanted = Collected();
  EXPECT_STATUS(kNotFound, db_.fs()->List("spilled")) << "made only when it is needed";
  Survey();
  EXPECT_EQ(Collected({}, /*memory_bytes=*/1), wanted);
  EXPECT_GT(streams_.size(), 2u);
  EXPECT_OK(db_.fs()->List("spilled"));
}

TEST_F(SalvageLogTest, ASecondCopyOfASegmentIsTakenOnce) {
  Take(3);
  Take(3);
  Take(4);
  EXPECT_EQ(Survey(), Shown{});
  EXPECT_EQ(Collected().size(), 8u);
}

// Files of two copies of a database that went different ways fit together in all else.
TEST_F(SalvageLogTest, ASegmentThatContinuesAnotherHistoryThanTheOneBeforeItIsTold) {
  db_.history_hash ^= 1;
  db_.BeginSegment(5);
  db_.Put("9");
  db_.CloseLog();
  for (const uint64_t number : {3, 4, 5}) Take(number);
  EXPECT_EQ(Survey(), Shown{"lost 000005.log 9-0"});
  EXPECT_NE(losses_[0].damage.what.find("the segment before it ends with"), std::string::npos);
}

TEST_F(SalvageLogTest, AHistoryThatTablesHoldIsNoLoss) {
  db_.history_hash ^= 1;
  db_.BeginSegment(5);
  db_.Put("9");
  db_.CloseLog();
  for (const uint64_t number : {3, 4, 5}) Take(number);
  EXPECT_EQ(Survey(/*in_tables=*/9), Shown{"000005.log 9-0"});
}

// A crash may bring back a removed segment alone, with all that a recovery discarded of it.
TEST_F(SalvageLogTest, WhatNobodySaysTheEndOfIsHeldAgainstNothing) {
  db_.history_hash ^= 1;
  db_.BeginSegment(6);
  db_.Put("9");
  db_.CloseLog();
  for (const uint64_t number : {3, 4, 6}) Take(number);
  inventory_.segments[1].limits = {};
  inventory_.segments[1].limits.position_max = 8;
  inventory_.tree.tables = {8, 0, db_.history_hash ^ 1};
  EXPECT_EQ(Survey(/*in_tables=*/8), Shown{"lost 000006.log 9-0"}) << "as its header says";
  inventory_.tree.tables = {7, 0, 1};
  EXPECT_EQ(Survey(/*in_tables=*/7), Shown{});
}

TEST_F(SalvageLogTest, ALogOfAnotherHistoryThanTheTablesIsTold) {
  db_.BeginSegment(5);
  db_.Put("9");
  db_.CloseLog();
  for (const uint64_t number : {3, 4, 5}) Take(number);
  inventory_.tree.tables = {9, 0, db_.history_hash};
  EXPECT_EQ(Survey(/*in_tables=*/9), Shown{});
  inventory_.tree.tables.history_hash ^= 1;
  EXPECT_EQ(Survey(/*in_tables=*/9), Shown{"lost 000005.log 10-0"});
  EXPECT_NE(losses_[0].damage.what.find("the tables have"), std::string::npos);
}

TEST_F(SalvageLogTest, AWholeRecordThatIsNoBatchIsALossOfItsOwn) {
  db_.BeginSegment(5);
  db_.Commit("\x01");
  db_.Put("10");
  db_.CloseLog();
  for (const uint64_t number : {3, 4, 5}) Take(number);
  EXPECT_EQ(Survey(), Shown{});
  EXPECT_EQ(Collected().size(), 9u);
  ASSERT_EQ(losses_.size(), 1u);
  EXPECT_EQ(ShowLoss(losses_[0]), "lost the log 9-9");
}

TEST_F(SalvageLogTest, ItEndsWhereItIsCancelledOrTheFileSystemFails) {
  Survey();
  bool cancelled = true;
  options_.cancelled = [&] { return cancelled; };
  EXPECT_STATUS(kCancelled, log_->Survey(&parts_, IgnoreBytes, IgnoreLoss));
  EXPECT_STATUS(kCancelled, log_->Collect({}, 1 << 20, "spilled", IgnoreLoss, &streams_));
  cancelled = false;
  FaultyFileSystem full(db_.fs());
  full.SetFault([](FileOp op, const std::string&) {
    return op == FileOp::kAppend ? Status::NoSpace("by order") : Status::Ok();
  });
  options_.fs = &full;
  EXPECT_STATUS(kNoSpace, log_->Collect({}, 1, "spilled", IgnoreLoss, &streams_));
}

}  // namespace
}  // namespace logwood
