// TakeInventory: what belongs to the database and what is wrong with it, from files that may all
// lie.
#include "db/inventory.h"

#include <algorithm>
#include <functional>
#include <utility>

#include "db/directory_check.h"
#include "tests/db/handmade_database.h"
#include "util/faulty_file_system.h"
#include "util/file_header.h"

namespace logwood {
namespace {

using test::HandmadeDatabase;
using FileNumbers = std::vector<uint64_t>;

// Tables 10 (level 0) and 11 (level 1) hold commits 1 to 3; segment 3 holds 1 to 6, segment 4 holds
// 7 to 9; manifest 2, closed cleanly.
class InventoryTest : public testing::Test {
 protected:
  InventoryTest() {
    Edit edit = HandmadeDatabase::FirstEdit();
    edit.tables = TablesState{3, 0, 0};
    edit.first_segment = 3;
    edit.added = {{0, db_.AddTable(10, {{"a", 2, "x"}, {"c", 3, "y"}})},
                  {1, db_.AddTable(11, {{"a", 1, "w"}})}};
    db_.BeginManifest(2, edit);
    db_.BeginSegment(3);
    for (int i = 0; i < 6; ++i) db_.Put("k");
    length_of_3_ = db_.records.at(6).end;
    Edit durable;
    durable.durable = 6;
    durable.durable_segment = 3;
    db_.Append(durable);
    db_.BeginSegment(4);
    for (int i = 0; i < 3; ++i) db_.Put("k");
    db_.CloseLog();
  }
  void CloseCleanly() {
    Edit edit;
    edit.clean_close = db_.log_end();
    edit.durable = 9;
    edit.durable_segment = 4;
    db_.Append(edit);
  }

  // What is found is looked at in members.
  void Take() {
    auto inventory = TakeInventory(db_.fs(), "db");
    ASSERT_OK(inventory);
    found_ = std::move(*inventory);
  }
  void Check() {
    DirectoryCheckOptions options;
    options.fs = db_.fs();
    options.path = "db";
    checked_damages_.clear();
    checked_notes_.clear();
    options.damage = [this](const Damage& damage) { checked_damages_.push_back(damage); };
    options.note = [this](const Damage& note) { checked_notes_.push_back(note); };
    ASSERT_OK(CheckDirectory(options));
  }
  Result<std::unique_ptr<DB>> OpenReadOnly() {
    ReadOnlyOptions options;
    options.file_system = db_.fs();
    return DB::OpenReadOnly(options, "db");
  }
  static std::vector<Damage> DamagesOf(DB* db) {
    std::vector<Damage> damages;
    const Status status = db->Verify([&](const Damage& damage) { damages.push_back(damage); });
    EXPECT_EQ(status.code(), damages.empty() ? StatusCode::kOk : StatusCode::kCorruption);
    return damages;
  }
  // All up to commit 9 is in tables, segment 5 goes on, and of the removed ones only 3 is back.
  void BringBack(const std::string& segment_3) {
    Edit edit;
    edit.tables = TablesState{9, 0, db_.history_hash};
    db_.BeginSegment(5);
    db_.Put("k");
    db_.MarkDurable();
    edit.first_segment = 5;
    edit.durable = 10;
    edit.durable_segment = 5;
    db_.Append(edit);
    db_.CloseLog();
    db_.Replace(LogFileName(3), segment_3);
    db_.Remove(LogFileName(4));
  }
  FileNumbers Segments() const {
    FileNumbers numbers;
    for (const Inventory::Segment& segment : found_.segments) numbers.push_back(segment.number);
    return numbers;
  }
  std::vector<std::pair<int, uint64_t>> Tables() const {
    std::vector<std::pair<int, uint64_t>> tables;
    for (const auto& [level, meta] : found_.tables) tables.emplace_back(level, meta.number);
    return tables;
  }
  const std::vector<std::pair<int, uint64_t>> all_tables_ = {{0, 10}, {1, 11}};
  // "file:offset" of each.
  static std::vector<std::string> Places(const std::vector<Damage>& damages) {
    std::vector<std::string> places;
    for (const Damage& damage : damages) {
      EXPECT_FALSE(damage.what.empty());
      places.push_back(damage.file + ":" + std::to_string(damage.offset));
    }
    return places;
  }
  void ExpectDamages(const std::vector<std::string>& places) {
    EXPECT_EQ(Places(found_.damages), places);
  }
  void ExpectNotes(const std::vector<std::string>& places) {
    EXPECT_EQ(Places(found_.notes), places);
  }

  HandmadeDatabase db_;
  uint64_t length_of_3_ = 0;
  Inventory found_;
  std::vector<Damage> checked_damages_, checked_notes_;
};

TEST_F(InventoryTest, AWholeDatabaseIsCertainAndNothingIsWrongWithIt) {
  CloseCleanly();
  Take();
  EXPECT_TRUE(found_.certain);
  EXPECT_TRUE(found_.tables_are_certain);
  EXPECT_EQ(found_.manifest, 2u);
  EXPECT_EQ(Tables(), all_tables_);
  EXPECT_EQ(found_.tree.durable, 9u);
  ASSERT_EQ(Segments(), (FileNumbers{3, 4}));
  EXPECT_EQ(found_.segments[0].limits.length_max, length_of_3_) << "as its successor says";
  EXPECT_EQ(found_.segments[0].limits.last_position, 6u);
  EXPECT_EQ(found_.segments[1].limits.length_max, db_.log_end().length) << "as the close says";
  EXPECT_EQ(found_.segments[1].limits.last_position, 9u);
  EXPECT_TRUE(found_.unknown_tables.empty());
  ExpectDamages({});
  ExpectNotes({});
}

TEST_F(InventoryTest, WithoutACleanCloseNothingLimitsTheNewestSegment) {
  Take();
  EXPECT_FALSE(found_.segments.back().limits.is_bounded());
  EXPECT_FALSE(found_.segments.back().limits.last_position.has_value());
}

TEST_F(InventoryTest, WhereNoDatabaseEverWasNothingIsFound) {
  HandmadeDatabase empty;
  EXPECT_STATUS(kNotFound, TakeInventory(empty.fs(), "db"));
  EXPECT_STATUS(kNotFound, TakeInventory(empty.fs(), "nowhere"));
  empty.BeginManifest(1, HandmadeDatabase::FirstEdit(), /*with_root=*/false);
  EXPECT_STATUS(kNotFound, TakeInventory(empty.fs(), "db")) << "a creation that was cut short";
  empty.BeginSegment(3);
  EXPECT_OK(TakeInventory(empty.fs(), "db"));
}

TEST_F(InventoryTest, ALostRootCostsTheCertaintyOfTheStateNotThatOfTheTables) {
  db_.Remove("ROOT");
  Take();
  EXPECT_FALSE(found_.certain);
  EXPECT_TRUE(found_.tables_are_certain);
  EXPECT_EQ(found_.manifest, 2u);
  EXPECT_EQ(Tables(), all_tables_);
  EXPECT_EQ(found_.tree.tables.position, 3u);
  EXPECT_EQ(Segments(), (FileNumbers{3, 4}));
  ExpectDamages({"ROOT:0"});
}

TEST_F(InventoryTest, AManifestThatLacksWhatTheLogFollowsLeavesTheTablesUncertain) {
  const std::string bytes = db_.Bytes(ManifestFileName(2));
  Edit more;
  more.next_file_number = 200;
  db_.Append(more);
  db_.BeginSegment(5);  // follows the third edit
  db_.Replace(ManifestFileName(2), bytes);
  Take();
  EXPECT_FALSE(found_.certain);
  EXPECT_FALSE(found_.tables_are_certain);
  EXPECT_EQ(Tables(), all_tables_);
  ExpectDamages({"000002.manifest:0"});
}

TEST_F(InventoryTest, AManifestOfAnotherCopyOfTheDatabaseLeavesTheTablesUncertain) {
  HandmadeDatabase copy;
  Edit edit = HandmadeDatabase::FirstEdit();
  edit.added = {{0, copy.AddTable(10, {{"a", 2, "x"}, {"c", 3, "y"}})}};
  copy.BeginManifest(2, edit);
  Edit durable;
  for (durable.durable = 1; durable.durable < 4; ++*durable.durable) copy.Append(durable);
  db_.Replace(ManifestFileName(2), copy.Bytes(ManifestFileName(2)));
  Take();
  EXPECT_FALSE(found_.certain);
  EXPECT_FALSE(found_.tables_are_certain);
  ExpectDamages({"000002.manifest:0"});
  EXPECT_NE(found_.damages[0].what.find("different copies"), std::string::npos)
      << found_.damages[0].what;
}

TEST_F(InventoryTest, ADamagedEditIsPassedOverAndTheTablesItBroughtAreUnknownOnes) {
  const uint64_t begin = db_.manifest().bytes();
  Edit brings, takes, last;
  brings.added = {{0, db_.AddTable(12, {{"b", 5, "z"}})}};
  takes.removed = {{0, 10}};
  last.next_file_number = 300;
  for (const Edit& edit : {brings, takes, last}) db_.Append(edit);
  db_.Flip(ManifestFileName(2), begin + 20);
  Take();
  EXPECT_FALSE(found_.certain);
  EXPECT_FALSE(found_.tables_are_certain);
  EXPECT_EQ(Tables(), (std::vector<std::pair<int, uint64_t>>{{1, 11}}));
  EXPECT_EQ(found_.unknown_tables, FileNumbers{12}) << "10 was removed by an edit that is whole";
  EXPECT_EQ(found_.tree.next_file_number, 300u);
  ExpectDamages({"000002.manifest:" + std::to_string(begin)});
}

// The edit was lost that says that tables have what the removed segment held: the log is as it must
// be.
TEST_F(InventoryTest, ALostEditMakesNoDamageOfTheSegmentsThatWereRemovedAfterIt) {
  Take();
  Edit flushed;
  flushed.tables = TablesState{6, 0, found_.segments[1].survey->probe().header().history_hash};
  flushed.first_segment = 4;
  flushed.added = {{0, db_.AddTable(12, {{"k", 6, "v6"}})}};
  const uint64_t begin = db_.manifest().bytes();
  db_.Append(flushed);
  const uint64_t last = db_.manifest().bytes();
  Edit other;
  other.next_file_number = 300;
  db_.Append(other);
  const std::string killed = db_.Bytes(ManifestFileName(2));
  CloseCleanly();
  const std::string whole = db_.Bytes(ManifestFileName(2));
  db_.Remove(LogFileName(3));
  Check();
  EXPECT_EQ(Places(checked_damages_), std::vector<std::string>{}) << "with the edit";
  db_.Flip(ManifestFileName(2), begin + 20);
  Check();
  EXPECT_EQ(Places(checked_damages_),
            std::vector<std::string>{"000002.manifest:" + std::to_string(begin)});
  // The newest that is known to have been durable is the removed one, too.
  db_.Replace(ManifestFileName(2), killed);
  db_.Flip(ManifestFileName(2), begin + 20);
  Check();
  EXPECT_EQ(Places(checked_damages_),
            std::vector<std::string>{"000002.manifest:" + std::to_string(begin)});
  // A manifest that is whole says what is needed.
  db_.Replace(ManifestFileName(2), whole.substr(0, last));
  db_.Remove(LogFileName(4));
  Check();
  EXPECT_FALSE(checked_damages_.empty()) << "of a segment that the edit names";
}

TEST_F(InventoryTest, ATornLastEditIsANote) {
  const uint64_t end = db_.manifest().bytes();
  db_.Replace(ManifestFileName(2), db_.Bytes(ManifestFileName(2)) + "torn");
  Take();
  EXPECT_TRUE(found_.certain);
  ExpectDamages({});
  ExpectNotes({"000002.manifest:" + std::to_string(end)});
}

TEST_F(InventoryTest, WithoutAManifestTheLogSaysWhoseItIsAndEveryTableMayBePart) {
  db_.Remove(ManifestFileName(2));
  db_.Remove("ROOT");
  Take();
  EXPECT_EQ(found_.manifest, 0u);
  EXPECT_FALSE(found_.tables_are_certain);
  EXPECT_TRUE(found_.tables.empty());
  EXPECT_EQ(found_.unknown_tables, (FileNumbers{10, 11}));
  EXPECT_EQ(found_.tree.root.instance_id, HandmadeDatabase::kInstance);
  EXPECT_EQ(Segments(), (FileNumbers{3, 4}));
  ExpectDamages({"ROOT:0", "manifest:0"});
}

TEST_F(InventoryTest, TheManifestThatTheLogFollowsIsPreferredToRootsAndToNewerOnes) {
  const std::string root = db_.Bytes("ROOT");
  Edit edit = HandmadeDatabase::FirstEdit();
  edit.first_segment = 3;
  edit.added = {{2, db_.AddTable(12, {{"b", 5, "z"}})}};
  db_.BeginManifest(6, edit);
  db_.BeginSegment(7);
  db_.CloseLog();
  db_.Replace("ROOT", root);  // an older copy
  ASSERT_OK(ManifestWriter::Create(db_.fs(), "db", 8, HandmadeDatabase::FirstEdit()));
  Take();
  EXPECT_FALSE(found_.certain);
  EXPECT_EQ(found_.manifest, 6u);
  EXPECT_EQ(Tables(), (std::vector<std::pair<int, uint64_t>>{{2, 12}}));
  ExpectDamages({"ROOT:0"});
}

TEST_F(InventoryTest, ASegmentOfAnotherInstanceIsNoPartOfTheLog) {
  HandmadeDatabase other;
  other.BeginSegment(5, 10, {8, 8});
  db_.Replace(LogFileName(5), other.Bytes(LogFileName(5)));
  Take();
  EXPECT_EQ(Segments(), (FileNumbers{3, 4}));
  ExpectDamages({});
  ExpectNotes({"000005.log:0"});
  CloseCleanly();
  Take();
  EXPECT_EQ(Segments(), (FileNumbers{3, 4}));
  ExpectDamages({"000005.log:0"});
}

TEST_F(InventoryTest, AMissingSegmentIsDamageWithTheCommitsItHeld) {
  db_.BeginSegment(5);
  db_.Put("k");
  db_.MarkDurable();
  db_.CloseLog();
  db_.Remove(LogFileName(4));
  Take();
  EXPECT_EQ(Segments(), (FileNumbers{3, 5}));
  ASSERT_EQ(found_.damages.size(), 1u);
  EXPECT_EQ(found_.damages[0].file, LogFileName(4));
  EXPECT_EQ(found_.damages[0].first_position, 7u);
  EXPECT_EQ(found_.damages[0].last_position, 9u);
  EXPECT_FALSE(found_.segments[0].limits.last_position.has_value()) << "who followed it is gone";
  EXPECT_EQ(found_.segments[0].limits.position_max, 9u) << "10 is of segment 5";
}

TEST_F(InventoryTest, ASegmentThatNothingNeedsMayBeGoneOrBlank) {
  Edit edit;
  edit.tables = TablesState{6, 0, 0};
  edit.first_segment = 4;
  db_.Append(edit);
  db_.Replace(LogFileName(3), std::string(20'000, '\0'));
  Take();
  EXPECT_EQ(Segments(), FileNumbers{4});
  ExpectDamages({});
  ExpectNotes({"000003.log:0"});
  db_.Remove(LogFileName(3));
  Take();
  ExpectDamages({});
  ExpectNotes({});
}

// Both are in tables and were removed, and a crash brought the older one alone back, with what a
// recovery had discarded of it.
TEST_F(InventoryTest, ATornEndBeforeASegmentThatIsGoneIsNoDamage) {
  std::string torn = db_.Bytes(LogFileName(3));
  torn.replace(length_of_3_, 14, "half a record.");
  BringBack(torn);
  Check();
  EXPECT_EQ(Places(checked_damages_), std::vector<std::string>{});
  const auto told = Places(checked_notes_);
  EXPECT_EQ(
      std::count(told.begin(), told.end(), LogFileName(3) + ":" + std::to_string(length_of_3_)), 1);
}

// The same with whole commits behind a hole, as pages reach the disk in any order.
TEST_F(InventoryTest, ATornEndWithWholeCommitsBehindItIsNoDamageEither) {
  std::string torn = db_.Bytes(LogFileName(3));
  torn[db_.records.at(4).begin + 12] ^= 1;
  BringBack(torn);
  Check();
  EXPECT_EQ(Places(checked_damages_), std::vector<std::string>{});
  // Nor behind a clean close, which makes no removal durable.
  Edit edit;
  edit.clean_close = db_.log_end();
  db_.Append(edit);
  Check();
  EXPECT_EQ(Places(checked_damages_), std::vector<std::string>{});
}

// A recovery cut the log behind commit 4 of segment 3 and went on in segment 5, which is gone.
TEST_F(InventoryTest, WhatALaterEpochGaveAgainIsNotOfTheSegmentBeforeTheOneThatIsGone) {
  Edit edit;
  edit.epochs = {{2, 8, 5}};
  db_.Append(edit);
  db_.epoch = 2;
  db_.BeginSegment(5, 5);
  db_.Put("again");
  db_.BeginSegment(6);
  db_.Put("k");
  db_.MarkDurable();
  db_.CloseLog();
  db_.Remove(LogFileName(4));
  db_.Remove(LogFileName(5));
  Take();
  EXPECT_EQ(Segments(), (FileNumbers{3, 6}));
  EXPECT_EQ(found_.segments[0].limits.position_max, 4u);
  ASSERT_EQ(found_.damages.size(), 1u);
  EXPECT_EQ(found_.damages[0].file, LogFileName(5));
  EXPECT_EQ(found_.damages[0].first_position, 5u);
  EXPECT_EQ(found_.damages[0].last_position, 5u);
  db_.Remove(LogFileName(6));
  Take();
  EXPECT_EQ(Segments(), FileNumbers{3});
  EXPECT_EQ(found_.segments[0].limits.position_max, kPositionMax)
      << "an open that began the epoch may have failed before it began a segment";
  edit = Edit();
  edit.durable_segment = 6;
  db_.Append(edit);
  Take();
  EXPECT_EQ(found_.segments[0].limits.position_max, 4u);
}

// Files of two copies of a database, which went different ways: also where the log is kept for
// consumers alone.
TEST_F(InventoryTest, ARetainedSegmentOfAnotherCopyIsDamage) {
  HandmadeDatabase other;
  other.BeginSegment(3);
  for (int i = 0; i < 6; ++i) other.Put("x");
  other.CloseLog();
  Edit edit;
  edit.tables = TablesState{9, 0, db_.history_hash};
  edit.durable = 9;
  edit.durable_segment = 4;
  db_.Append(edit);
  db_.Replace(LogFileName(3), other.Bytes(LogFileName(3)));
  Check();
  ASSERT_EQ(Places(checked_damages_), std::vector<std::string>{"000004.log:0"});
  EXPECT_NE(checked_damages_[0].what.find("different copies"), std::string::npos)
      << checked_damages_[0].what;
}

// A sealed one that has fewer commits than its successor says: to the check of a directory, and to
// that of a database that is open; also without a clean close, for it is as its writer left it.
TEST_F(InventoryTest, ARetainedSegmentThatIsShorterThanTheNextSaysIsDamage) {
  HandmadeDatabase other;
  other.BeginSegment(3);
  for (int i = 0; i < 4; ++i) other.Put("k");
  other.SealLog();
  other.CloseLog();
  Edit edit;
  edit.tables = TablesState{9, 0, db_.history_hash};
  db_.Append(edit);
  const std::string right = db_.Bytes(LogFileName(3)), shorter = other.Bytes(LogFileName(3));
  const std::vector<std::string> none,
      at_its_end = {"000003.log:" + std::to_string(shorter.size())};
  for (const bool closed : {false, true}) {
    if (closed) CloseCleanly();
    for (const std::string& segment_3 : {right, shorter}) {
      db_.Replace(LogFileName(3), segment_3);
      const auto& expected = segment_3 == right ? none : at_its_end;
      ASSERT_OK_AND_ASSIGN(auto reader, OpenReadOnly());
      EXPECT_EQ(Places(DamagesOf(reader.get())), expected);
      Check();
      EXPECT_EQ(Places(checked_damages_), expected);
      for (const Damage& damage : checked_damages_) {
        EXPECT_EQ(damage.first_position, 5u);
        EXPECT_EQ(damage.last_position, 6u);
      }
    }
  }
  Options options;
  options.file_system = db_.fs();
  options.log_retention = LogRetention{.bytes_min = 1 << 30};
  ASSERT_OK_AND_ASSIGN(auto writer, DB::Open(options, "db"));
  EXPECT_EQ(Places(DamagesOf(writer.get())), at_its_end);
}

// Where commits are needed of it, an open refuses it, too: one place, one finding.
TEST_F(InventoryTest, ASegmentOfAnotherCopyThatTheLogNeedsIsOneDamage) {
  HandmadeDatabase other;
  other.BeginSegment(3);
  Edit edit;
  for (int i = 0; i < 6; ++i) {
    other.Put("x");
    if (i == 2) edit.tables = TablesState{3, 0, other.history_hash};
  }
  other.CloseLog();
  db_.Append(edit);
  CloseCleanly();
  db_.Replace(LogFileName(3), other.Bytes(LogFileName(3)));
  Check();
  ASSERT_EQ(Places(checked_damages_), std::vector<std::string>{"000004.log:0"});
  EXPECT_EQ(checked_damages_[0].first_position, 7u);
}

TEST_F(InventoryTest, ABlankNewestSegmentIsANoteUnlessItWasDurable) {
  db_.Replace(LogFileName(5), std::string(20'000, '\0'));
  Take();
  EXPECT_EQ(Segments(), (FileNumbers{3, 4}));
  ExpectDamages({});
  ExpectNotes({"000005.log:0"});
  Edit durable;
  durable.durable_segment = 5;
  db_.Append(durable);
  Take();
  ExpectDamages({"000005.log:0"});
  ExpectNotes({});
}

TEST_F(InventoryTest, WhatAnEarlierRecoveryDiscardedIsNoPartOfTheLog) {
  HandmadeDatabase other;
  other.BeginSegment(3);
  for (int i = 0; i < 4; ++i) other.Put("k");
  const uint64_t length = other.records.at(4).end;
  other.BeginSegment(6);  // follows commit 4 of segment 3
  other.CloseLog();
  db_.Replace(LogFileName(6), other.Bytes(LogFileName(6)));
  Take();
  ASSERT_EQ(Segments(), (FileNumbers{3, 6}));
  EXPECT_EQ(found_.segments[0].limits.length_max, length);
  EXPECT_EQ(found_.segments[0].limits.last_position, 4u);
  ExpectDamages({});
}

TEST_F(InventoryTest, SwappedSegmentsCountUnderTheNumberTheyHold) {
  db_.Swap(LogFileName(3), LogFileName(4));
  CloseCleanly();
  Take();
  ASSERT_EQ(Segments(), (FileNumbers{3, 4}));
  for (const Inventory::Segment& segment : found_.segments) {
    EXPECT_EQ(segment.survey->number(), segment.number);
  }
  EXPECT_EQ(found_.segments[0].survey->first_position(), 1u);
  ExpectDamages({"000003.log:0", "000004.log:0"});
}

// That they were durable nothing says but their own marks.
TEST_F(InventoryTest, TheNewestTwoOfAKilledDatabaseSwappedCountUnderTheNumbersTheyHold) {
  db_.BeginSegment(5);
  for (int i = 0; i < 3; ++i) db_.Put("k");
  db_.MarkDurable();
  db_.CloseLog();
  db_.Swap(LogFileName(4), LogFileName(5));
  Take();
  EXPECT_EQ(Segments(), (FileNumbers{3, 4, 5}));
  ExpectDamages({"000004.log:0", "000005.log:0"});
}

// Unless a recovery discarded it, after which its bytes may show up in a new file.
TEST_F(InventoryTest, AMisnamedSegmentThatWasNeverDurableCountsInItsOwnEpoch) {
  db_.BeginSegment(5);
  db_.Put("k");
  db_.CloseLog();
  db_.Replace(LogFileName(6), db_.Bytes(LogFileName(5)));
  db_.Remove(LogFileName(5));
  Take();
  EXPECT_EQ(Segments(), (FileNumbers{3, 4, 5}));
  Edit recovered;
  recovered.epochs = {{2, 77, 11}};
  db_.Append(recovered);
  Take();
  EXPECT_EQ(Segments(), (FileNumbers{3, 4, 5})) << "position 10 was kept";
  recovered.epochs = {{3, 78, 10}};
  db_.Append(recovered);
  Take();
  EXPECT_EQ(Segments(), (FileNumbers{3, 4}));
}

TEST_F(InventoryTest, TablesAndManifestsThatNothingRefersToAreLeftovers) {
  db_.AddTable(12, {{"b", 5, "z"}});
  db_.Replace("000013.manifest", db_.Bytes("000002.manifest"));
  Take();
  EXPECT_EQ(found_.leftovers, (std::vector<std::string>{"000012.table", "000013.manifest"}));
  ExpectDamages({});
  db_.Remove(TableFileName(10));
  Take();
  EXPECT_EQ(found_.leftovers, std::vector<std::string>()) << "ROOT may be an older copy";
}

TEST_F(InventoryTest, ASegmentOfAnotherDatabaseSaysNothingOfTheManifest) {
  HandmadeDatabase other;
  other.BeginManifest(8, {});
  other.BeginSegment(9, 1, {8, 8});
  db_.Replace(LogFileName(9), other.Bytes(LogFileName(9)));
  Take();
  EXPECT_TRUE(found_.certain);
  ExpectDamages({});
}

TEST_F(InventoryTest, ASecondCopyOfASegmentCountsOnce) {
  db_.Replace(LogFileName(9), db_.Bytes(LogFileName(4)));
  Take();
  EXPECT_EQ(Segments(), (FileNumbers{3, 4}));
  ExpectDamages({});
  ExpectNotes({"000009.log:0"});
}

TEST_F(InventoryTest, WhereATableIsMissingThoseThatNoEditNamesMayBePart) {
  db_.AddTable(12, {{"b", 5, "z"}});
  Take();
  EXPECT_TRUE(found_.unknown_tables.empty()) << "left by a job that was cut short";
  EXPECT_TRUE(found_.tables_are_certain);
  db_.Remove(TableFileName(10));
  Take();
  EXPECT_EQ(Tables(), all_tables_) << "they belong to it all the same";
  EXPECT_EQ(found_.unknown_tables, FileNumbers{12});
  EXPECT_FALSE(found_.tables_are_certain);
}

TEST_F(InventoryTest, ANewerFormatIsRefusedNotTakenForDamage) {
  FileHeader newer;
  newer.version = kFormatVersion + 1;
  newer.id = {5, 5};
  std::string bytes = newer.Encode();
  bytes.resize(20'000, '\0');
  db_.Replace(LogFileName(5), bytes);
  EXPECT_STATUS(kNotSupported, TakeInventory(db_.fs(), "db"));
}

// A read that fails says nothing of the file: whatever it was for, the inventory is not guessed.
TEST_F(InventoryTest, AFailedOperationIsNeverTakenForDamage) {
  const std::vector<std::function<void()>> damages = {
      [] {},
      [&] { db_.Remove("ROOT"); },
      [&] { db_.Swap(LogFileName(3), LogFileName(4)); },
      [&] { db_.Replace(LogFileName(9), std::string(20'000, '\0')); },
  };
  for (size_t damage = 0; damage < damages.size(); ++damage) {  // each on top of those before
    damages[damage]();
    FaultyFileSystem faulty(db_.fs());
    uint64_t failures = 0;
    for (uint64_t n = 1;; ++n) {
      faulty.ResetCounts();
      faulty.FailOperation(n);
      const auto inventory = TakeInventory(&faulty, "db");
      if (faulty.total() < n) break;
      EXPECT_STATUS(kIoError, inventory) << "damage " << damage << ", operation " << n;
      ++failures;
    }
    EXPECT_GT(failures, 5u);
  }
}

}  // namespace
}  // namespace logwood
