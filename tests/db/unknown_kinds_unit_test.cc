// Entries and operations of kinds that a later version may write: whoever meets one says
// kNotSupported, where it lies and which Logwood wrote the file, and nobody takes it for a value.
#include <gtest/gtest.h>

#include <functional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "db/catalogue_load.h"
#include "db/directory_check.h"
#include "db/salvage.h"
#include "tests/db/handmade_database.h"
#include "tests/support/written_by.h"
#include "util/coding.h"
#include "util/escape.h"

namespace logwood {
namespace {

using test::HandmadeDatabase;
using Row = HandmadeDatabase::Row;

using TellOfKinds = std::function<void(const Damage&)>;

Status CheckKindsTelling(HandmadeDatabase* db, TellOfKinds damage, TellOfKinds note) {
  DirectoryCheckOptions options;
  options.fs = db->fs();
  options.path = "db";
  options.damage = std::move(damage);
  options.note = std::move(note);
  return CheckDirectory(options).status();
}

void ExpectNoKindDamage(const Damage& damage) { ADD_FAILURE() << damage.ToString(); }
void IgnoreKindNote(const Damage&) {}

// Table 10 of three blocks and more, of which only that of "m" has an entry of another kind.
class UnknownKindTest : public testing::TestWithParam<int> {
 protected:
  void MakeTable(int kind) {
    std::vector<Row> rows;
    const std::string value(100, 'v');
    for (char c = 'a'; c <= 'z'; ++c) {
      rows.push_back({std::string(1, c), 0, value});
      if (c == 'm') rows.back().kind = static_cast<EntryKind>(kind);
      rows.back().position = static_cast<LogPos>(rows.size());
    }
    Edit edit = HandmadeDatabase::FirstEdit();
    edit.tables = TablesState{26, 0, 0};
    edit.first_segment = 3;
    edit.added = {{5, db_.AddTable(10, rows)}};
    db_.BeginManifest(2, edit);
    db_.BeginSegment(3, 27);
    db_.CloseLog();
    WrittenByAnother("000010.table");
  }
  // Commits 1 to 3, the second an operation of the kind.
  void MakeLog(int kind) {
    Edit edit = HandmadeDatabase::FirstEdit();
    edit.first_segment = 3;
    db_.BeginManifest(2, edit);
    db_.BeginSegment(3);
    db_.Put("a");
    std::string operations;
    AppendOperation(&operations, EntryKind::kPut, kDefaultKeyspace, "b", "v");
    operations[0] = static_cast<char>(kind);
    db_.Commit(operations);
    db_.Put("c");
    db_.MarkDurable();
    db_.CloseLog();
    WrittenByAnother("000003.log");
    place_ = "000003.log:" + std::to_string(db_.records.at(2).begin) + ":";
  }
  void WrittenByAnother(const std::string& name) {
    db_.Replace(name, test::WrittenBy(test::kOtherWriter, db_.Bytes(name)));
  }
  void OpenDatabase() {
    Options options;
    options.file_system = db_.fs();
    ASSERT_OK_AND_ASSIGN(opened_, DB::Open(options, "db"));
  }
  void ExpectRefused(const Status& status) const {
    EXPECT_STATUS(kNotSupported, status);
    EXPECT_NE(status.message().find(place_), std::string_view::npos)
        << status.ToString() << ", expected " << place_;
    const std::string ending = " is unknown" + test::NamesOtherWriter();
    EXPECT_TRUE(status.message().ends_with(ending)) << status.ToString();
  }
  Status Check() { return CheckKindsTelling(&db_, ExpectNoKindDamage, ExpectNoKindDamage); }
  Status SalvageTo(const std::string& target) {
    SalvageOptions options;
    options.fs = db_.fs();
    options.source = "db";
    options.target = target;
    options.report = [](const SalvageLoss& loss) { ADD_FAILURE() << loss.damage.ToString(); };
    return Salvage(options).status();
  }

  // Check, salvage, and both ways to open.
  std::vector<Status> WhatAllSay() {
    std::vector<Status> said = {Check(), SalvageTo("saved")};
    Options options;
    options.file_system = db_.fs();
    said.push_back(DB::Open(options, "db").status());
    ReadOnlyOptions reading;
    reading.file_system = db_.fs();
    said.push_back(DB::OpenReadOnly(reading, "db").status());
    return said;
  }

  HandmadeDatabase db_;
  std::unique_ptr<DB> opened_;
  std::string place_ = "000010.table:";
};

TEST_P(UnknownKindTest, ReadsOfItsBlockAreRefusedAndAllOthersGoOn) {
  MakeTable(GetParam());
  OpenDatabase();
  std::string value;
  ExpectRefused(opened_->Get({}, "m", &value));
  ExpectRefused(opened_->Contains({}, Keyspace(), "m").status());
  EXPECT_OK(opened_->Get({}, "a", &value));
  const std::string_view keys[] = {"a", "m", "z"};
  PinnedValue values[3];
  const std::vector<Status> statuses = opened_->MultiGet({}, Keyspace(), keys, values);
  EXPECT_OK(statuses[0]);
  ExpectRefused(statuses[1]);
  EXPECT_OK(statuses[2]);
  ExpectRefused(test::Scan(opened_.get()).status());
  const auto it = opened_->NewIterator({});
  it->SeekToLast();
  ASSERT_TRUE(it->Valid());
  while (it->Valid() && it->key() > "m") it->Prev();
  EXPECT_FALSE(it->Valid());
  ExpectRefused(it->status());
}

TEST_P(UnknownKindTest, VerifyCheckAndSalvageCallNothingDamaged) {
  MakeTable(GetParam());
  ExpectRefused(Check());
  ExpectRefused(SalvageTo("saved"));
  OpenDatabase();
  ExpectRefused(opened_->Verify(ExpectNoKindDamage));
}

TEST_P(UnknownKindTest, ACompactionThatMeetsItLeavesItsTableAlone) {
  MakeTable(GetParam());
  const std::string before = db_.Bytes("000010.table");
  OpenDatabase();
  ASSERT_OK(opened_->Put({}, "b", "new"));
  ExpectRefused(opened_->CompactAll({true}));
  // Not met again; what it does not overlap is compacted.
  const Status again = opened_->CompactAll({true});
  EXPECT_STATUS(kNotSupported, again);
  EXPECT_NE(again.message().find("leaves tables alone"), std::string_view::npos)
      << again.ToString();
  ASSERT_OK(opened_->Put({}, "zz", "new"));
  ASSERT_OK(opened_->Flush());
  EXPECT_OK(opened_->CompactRange({true}, Keyspace(), {.begin = "zz"}));
  static_cast<void>(opened_->Close());
  EXPECT_EQ(db_.Bytes("000010.table"), before);
}

TEST_P(UnknownKindTest, ATableThatNoManifestNamesIsNoDamageEither) {
  MakeTable(1);
  db_.AddTable(50, {{"x", 3, "v", static_cast<EntryKind>(GetParam())}});
  WrittenByAnother("000050.table");
  db_.Remove("ROOT");
  db_.Remove("000002.manifest");
  place_ = "000050.table:";
  const auto tell = [](const Damage& damage) { EXPECT_NE(damage.file, "000050.table"); };
  ExpectRefused(CheckKindsTelling(&db_, tell, IgnoreKindNote));
}

// Those that no operation of a batch has: a range delete is one, and never an entry of a data
// block.
class UnknownOperationTest : public UnknownKindTest {};

TEST_P(UnknownOperationTest, AnOperationOfTheLogIsRefusedByWhoeverReadsTheLog) {
  MakeLog(GetParam());
  for (const Status& status : WhatAllSay()) ExpectRefused(status);
}

TEST_P(UnknownOperationTest, CheckGoesOnBehindThem) {
  MakeLog(GetParam());
  db_.AddTable(50, {{"x", 3, "v", static_cast<EntryKind>(GetParam())}});
  db_.AddTable(51, {{"x", 3, std::string(200, 'v')}});
  db_.Flip("000051.table", 100);
  db_.Remove("ROOT");
  db_.Remove("000002.manifest");
  std::set<std::string> damaged;
  const auto tell = [&](const Damage& damage) { damaged.insert(damage.file); };
  ExpectRefused(CheckKindsTelling(&db_, tell, IgnoreKindNote));
  EXPECT_TRUE(damaged.contains("000051.table"));
  EXPECT_FALSE(damaged.contains("000050.table"));
}

// Of the keyspaces, where the log has to say them: at a segment's beginning and in a commit.
TEST_P(UnknownKindTest, AnOperationOnKeyspacesIsRefusedByWhoeverReadsThemFromTheLog) {
  std::string operations = Catalogue::CreateOperations("a", 2);
  operations[0] = static_cast<char>(GetParam());
  for (const bool at_beginning : {true, false}) {
    HandmadeDatabase db;
    if (at_beginning) db.catalogue = operations;
    db.BeginSegment(3);
    db.Commit(at_beginning ? Catalogue::CreateOperations("a", 2) : operations, kFlagCatalogue);
    db.CloseLog();
    db.Replace("000003.log", test::WrittenBy(test::kOtherWriter, db.Bytes("000003.log")));
    const uint64_t offset = at_beginning ? kCatalogueOffset : db.records.at(1).begin;
    place_ = "000003.log:" + std::to_string(offset) + ": ";
    SegmentSummary segment;
    segment.number = 3;
    segment.first_position = segment.last_position = 1;
    segment.length = db.log_end().length;
    Catalogue read;
    ExpectRefused(ReadCatalogueFromLog(db.fs(), "db", {segment}, 1, &read));
    SalvageOptions options;
    options.fs = db.fs();
    options.source = "db";
    options.target = "saved";
    options.report = [](const SalvageLoss&) {};
    ExpectRefused(Salvage(options).status());
  }
}

// What a later version may keep in keyspace 0. Dropped in silence it would be missing for that
// version.
class UnknownRowTest : public UnknownKindTest {
 protected:
  UnknownRowTest() {
    AppendOperation(&row_, EntryKind::kPut, kCatalogueKeyspace, "zview", "later");
  }
  void ExpectRowRefused(const Status& status) const {
    EXPECT_STATUS(kNotSupported, status);
    EXPECT_NE(status.message().find("row zview of position 2 is of a kind that is unknown"),
              std::string_view::npos)
        << status.ToString();
    const bool names_writer = status.message().ends_with("a newer version of Logwood wrote it") ||
                              status.message().find("written by Logwood") != std::string_view::npos;
    EXPECT_TRUE(names_writer) << status.ToString();
  }
  void ExpectRefusedByAll() {
    for (const Status& status : WhatAllSay()) ExpectRowRefused(status);
  }

  std::string row_;
};

TEST_F(UnknownRowTest, OfTheLogItIsRefused) {
  Edit edit = HandmadeDatabase::FirstEdit();
  edit.first_segment = 3;
  db_.BeginManifest(2, edit);
  db_.BeginSegment(3);
  db_.Put("a");
  db_.Commit(row_, kFlagCatalogue);
  db_.MarkDurable();
  db_.CloseLog();
  ExpectRefusedByAll();
}

TEST_F(UnknownRowTest, OfATableItIsRefused) {
  Edit edit = HandmadeDatabase::FirstEdit();
  edit.tables = TablesState{2, 0, 0};
  edit.first_segment = 3;
  edit.added = {{5, db_.AddTable(10, {{"zview", 2, "later", EntryKind::kPut, kCatalogueKeyspace},
                                      {"a", 1, "v"}})}};
  db_.BeginManifest(2, edit);
  db_.BeginSegment(3, 3);
  db_.CloseLog();
  ExpectRefusedByAll();
}

// Keyspaces are not dropped by ranges, whatever a commit says of itself.
TEST_F(UnknownRowTest, ARangeDeleteOfKeyspacesIsRefused) {
  for (const uint32_t flags : {kFlagCatalogue, uint32_t{0}}) {
    HandmadeDatabase db;
    std::string operations;
    AppendRangeDelete(&operations, KeyspacePrefix(kCatalogueKeyspace) + "ka",
                      KeyspacePrefix(kCatalogueKeyspace) + "kc");
    Edit edit = HandmadeDatabase::FirstEdit();
    edit.first_segment = 3;
    db.BeginManifest(2, edit);
    db.BeginSegment(3);
    db.Put("a");
    db.Commit(operations, flags);
    db.MarkDurable();
    db.CloseLog();
    std::vector<Status> said = {CheckKindsTelling(&db, ExpectNoKindDamage, ExpectNoKindDamage)};
    Options options;
    options.file_system = db.fs();
    said.push_back(DB::Open(options, "db").status());
    for (const Status& status : said) {
      EXPECT_STATUS(kNotSupported, status);
      EXPECT_NE(status.message().find("operation kind 3 in keyspace 0 is unknown"),
                std::string_view::npos)
          << status.ToString();
    }
  }
}

// One that cannot be right is damage of the file that holds it.
TEST_F(UnknownRowTest, AnImpossibleOneIsDamage) {
  std::string operations;
  AppendOperation(&operations, EntryKind::kPut, kCatalogueKeyspace, "kbad", "\xff\xff\x0f");
  Edit edit = HandmadeDatabase::FirstEdit();
  edit.tables = TablesState{2, 0, 0};
  edit.first_segment = 3;
  edit.added = {
      {5, db_.AddTable(10, {{"kbad", 2, "\xff\xff\x0f", EntryKind::kPut, kCatalogueKeyspace},
                            {"a", 1, "v"}})}};
  db_.BeginManifest(2, edit);
  db_.catalogue = operations;
  db_.BeginSegment(3, 3);
  db_.Commit(operations, kFlagCatalogue);
  db_.MarkDurable();
  db_.CloseLog();
  std::vector<std::string> told;
  const auto tell = [&](const Damage& damage) {
    told.push_back(damage.file + ":" + std::to_string(damage.offset));
  };
  EXPECT_OK(CheckKindsTelling(&db_, tell, ExpectNoKindDamage));
  EXPECT_EQ(told, (std::vector<std::string>{"000003.log:" + std::to_string(kCatalogueOffset),
                                            "000003.log:" + std::to_string(db_.records.at(3).begin),
                                            "000010.table:0"}));
  Options options;
  options.file_system = db_.fs();
  EXPECT_STATUS(kCorruption, DB::Open(options, "db"));
}

// An empty range, one that leaves its keyspace, one without an end: no operations, so damage.
TEST(UnreadableBatchTest, RangesThatAreNoneAreDamageOfTheirCommit) {
  const std::string a = test::StoredKey("a"), b = test::StoredKey("b");
  const auto range = [](const std::string& begin, const std::string& end) {
    std::string bytes(1, '\3');
    PutLengthPrefixed(&bytes, begin);
    PutLengthPrefixed(&bytes, end);
    return bytes;
  };
  const std::string no_end = range(a, b).substr(0, 1 + 1 + a.size());
  for (const std::string& operations :
       {range(a, a), range(b, a), range(a, test::StoredKey("b", 2)), range("", b), no_end,
        range(a, KeyspaceEnd(kDefaultKeyspace) + '\0')}) {
    HandmadeDatabase db;
    Edit edit = HandmadeDatabase::FirstEdit();
    edit.first_segment = 3;
    db.BeginManifest(2, edit);
    db.BeginSegment(3);
    db.Put("a");
    db.Commit(operations);
    db.Put("c");
    db.MarkDurable();
    db.CloseLog();
    std::vector<std::string> told;
    EXPECT_OK(CheckKindsTelling(
        &db, [&](const Damage& damage) { told.push_back(damage.ToString()); }, IgnoreKindNote));
    EXPECT_EQ(told.size(), 1u) << ToHex(operations);
  }
  for (const std::string& end : {b, KeyspaceEnd(kDefaultKeyspace)}) {
    HandmadeDatabase db;
    Edit edit = HandmadeDatabase::FirstEdit();
    edit.first_segment = 3;
    db.BeginManifest(2, edit);
    db.BeginSegment(3);
    db.Commit(range(a, end));
    db.MarkDurable();
    db.CloseLog();
    EXPECT_OK(CheckKindsTelling(&db, ExpectNoKindDamage, IgnoreKindNote));
  }
}

// A good checksum over what is no batch: damage of that commit alone.
TEST(UnreadableBatchTest, CheckAndVerifyTellItAndReadOn) {
  HandmadeDatabase db;
  Edit edit = HandmadeDatabase::FirstEdit();
  edit.first_segment = 3;
  db.BeginManifest(2, edit);
  db.BeginSegment(3);
  db.Put("a");
  db.Commit("\x01");
  db.Put("c");
  db.Commit("\x01");
  db.MarkDurable();
  Edit flushed;
  flushed.tables = TablesState{4, 0, db.history_hash};
  db.Append(flushed);
  db.CloseLog();
  std::vector<std::string> told;
  const auto tell = [&](const Damage& damage) {
    told.push_back(damage.file + " " + std::to_string(damage.first_position) + "-" +
                   std::to_string(damage.last_position));
  };
  const std::vector<std::string> expected = {"000003.log 2-2", "000003.log 4-4"};
  EXPECT_OK(CheckKindsTelling(&db, tell, ExpectNoKindDamage));
  EXPECT_EQ(told, expected);
  told.clear();
  Options opening;
  opening.file_system = db.fs();
  opening.log_retention = LogRetention{.bytes_min = 1 << 20};
  ASSERT_OK_AND_ASSIGN(const auto opened, DB::Open(opening, "db"));
  EXPECT_STATUS(kCorruption, opened->Verify(tell));
  EXPECT_EQ(told, expected);
}

// Nothing recorded it as durable, but no tear leaves such a thing, and opening refuses it.
TEST(UnreadableBatchTest, ItIsDamageBehindTheDurablePointToo) {
  HandmadeDatabase db;
  Edit edit = HandmadeDatabase::FirstEdit();
  edit.first_segment = 3;
  db.BeginManifest(2, edit);
  db.BeginSegment(3);
  db.Put("a");
  db.Commit("\x01");
  db.CloseLog();
  Options opening;
  opening.file_system = db.fs();
  EXPECT_STATUS(kCorruption, DB::Open(opening, "db"));
  std::vector<LogPos> told;
  const auto tell = [&](const Damage& damage) { told.push_back(damage.first_position); };
  EXPECT_OK(CheckKindsTelling(&db, tell, IgnoreKindNote));
  EXPECT_EQ(told, std::vector<LogPos>{2});
}

// The reserved ones, and those nobody has thought of: all that an entry has room for.
INSTANTIATE_TEST_SUITE_P(Kinds, UnknownKindTest, testing::Values(2, 3, 5, 6, 15));
INSTANTIATE_TEST_SUITE_P(Kinds, UnknownOperationTest, testing::Values(5, 6, 15));

}  // namespace
}  // namespace logwood
