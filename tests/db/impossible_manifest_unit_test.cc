// A manifest whose checksums are right and which says what cannot be: whoever reads it answers with
// the file, and with the place of the edit where there is one.
#include <gtest/gtest.h>

#include "db/directory_check.h"
#include "db/recovery.h"
#include "db/salvage.h"
#include "tests/db/handmade_database.h"
#include "tests/support/written_by.h"

namespace logwood {
namespace {

using test::HandmadeDatabase;

constexpr uint64_t kFirstEditOffset = 64;  // behind the file header

class ImpossibleManifestTest : public testing::Test {
 protected:
  ImpossibleManifestTest() : first_(HandmadeDatabase::FirstEdit()) {
    first_.first_segment = 3;
    first_.tables = TablesState{2, 0, 0};
    first_.added = {{6, db_.AddTable(10, {{"a", 1, "x"}, {"c", 2, "y"}})}};
  }

  // Manifest 12 of the first edit and, when given, another; the log goes on behind it.
  void Make(const Edit* second = nullptr) {
    db_.BeginManifest(12, first_);
    second_offset_ = db_.manifest().bytes();
    if (second != nullptr) db_.Append(*second);
    db_.BeginSegment(3, 3);
    db_.Put("d");
    db_.MarkDurable();
    db_.CloseLog();
  }

  Status Open() {
    Options options;
    options.file_system = db_.fs();
    return DB::Open(options, "db").status();
  }
  Status OpenReadOnly() {
    ReadOnlyOptions options;
    options.file_system = db_.fs();
    return DB::OpenReadOnly(options, "db").status();
  }
  Status Check(std::vector<Damage>* damages) {
    DirectoryCheckOptions options;
    options.fs = db_.fs();
    options.path = "db";
    options.damage = [damages](const Damage& damage) { damages->push_back(damage); };
    options.note = [](const Damage&) {};
    return CheckDirectory(options).status();
  }

  static void ExpectPlace(StatusCode code, uint64_t offset, const Status& status) {
    EXPECT_EQ(status.code(), code) << status.ToString();
    const std::string place = "db/000012.manifest:" + std::to_string(offset) + ": ";
    EXPECT_NE(status.message().find(place), std::string_view::npos)
        << status.ToString() << ", expected " << place;
  }
  // Both ways to open, and the check.
  void ExpectDamageAt(uint64_t offset) {
    ExpectPlace(StatusCode::kCorruption, offset, Open());
    ExpectPlace(StatusCode::kCorruption, offset, OpenReadOnly());
    std::vector<Damage> damages;
    EXPECT_OK(Check(&damages));
    ASSERT_EQ(damages.size(), 1u);
    EXPECT_EQ(damages[0].file, "000012.manifest");
    EXPECT_EQ(damages[0].offset, offset);
  }

  HandmadeDatabase db_;
  Edit first_;
  uint64_t second_offset_ = 0;
};

TEST_F(ImpossibleManifestTest, APossibleOneIsRead) {
  Make();
  std::vector<Damage> damages;
  EXPECT_OK(Check(&damages));
  EXPECT_TRUE(damages.empty());
  EXPECT_OK(OpenReadOnly());
  EXPECT_OK(Open());
}

TEST_F(ImpossibleManifestTest, SettingsThatCannotBeReadHaveThePlaceOfTheirEdit) {
  first_.settings = "block_bytes\n";
  Make();
  ExpectDamageAt(kFirstEditOffset);
}

TEST_F(ImpossibleManifestTest, SettingsOutOfRangeHaveThePlaceOfTheEditThatReplacedTheOthers) {
  Edit second;
  second.settings = "block_bytes=7\n";
  Make(&second);
  ExpectDamageAt(second_offset_);
}

TEST_F(ImpossibleManifestTest, SettingsOfALaterVersionHaveAPlaceAndAreNoDamage) {
  first_.settings = "shape_of_things=1\n";
  Make();
  const std::string bytes = db_.Bytes("000012.manifest");
  std::vector<Damage> damages;
  for (const bool said : {true, false}) {
    db_.Replace("000012.manifest", test::WrittenBy(said ? test::kOtherWriter : 0, bytes));
    for (const Status& status : {Open(), OpenReadOnly(), Check(&damages)}) {
      ExpectPlace(StatusCode::kNotSupported, kFirstEditOffset, status);
      EXPECT_TRUE(status.message().ends_with(
          "know \"shape_of_things\"" +
          (said ? test::NamesOtherWriter() : std::string(test::kNamesNoWriter))))
          << status.ToString();
    }
  }
  EXPECT_TRUE(damages.empty());
}

TEST_F(ImpossibleManifestTest, ARemovedTableThatIsNotThereHasThePlaceOfItsEdit) {
  Edit second;
  second.removed = {{5, 10}};
  Make(&second);
  ExpectDamageAt(second_offset_);
}

TEST_F(ImpossibleManifestTest, AnAddedTableThatIsThereHasThePlaceOfItsEdit) {
  Edit second;
  second.added = {{0, first_.added[0].second}};
  Make(&second);
  ExpectDamageAt(second_offset_);
}

TEST_F(ImpossibleManifestTest, TablesThatCannotStandBesideEachOtherAreTheManifests) {
  first_.added.emplace_back(6, db_.AddTable(11, {{"b", 1, "z"}}));
  Make();
  ExpectDamageAt(0);
}

TEST_F(ImpossibleManifestTest, OneOfAnotherHistoryThanRootIsRefused) {
  first_.history_id = Id128{9, 9};
  Make();
  ExpectDamageAt(0);
}

TEST_F(ImpossibleManifestTest, OneOfAnotherInstanceThanRootIsRefused) {
  first_.instance_id = Id128{9, 9};
  Make();
  ExpectDamageAt(0);
}

TEST_F(ImpossibleManifestTest, OneWithoutAnEpochIsRefused) {
  first_.epochs.clear();
  Make();
  ExpectDamageAt(0);
}

TEST_F(ImpossibleManifestTest, SettingsThatCannotBeReadCostASalvageNoData) {
  first_.settings = "block_bytes\n";
  Make();
  SalvageOptions options;
  options.fs = db_.fs();
  options.source = "db";
  options.target = "saved";
  std::vector<std::string> places;
  options.report = [&places](const SalvageLoss& loss) {
    places.push_back(loss.damage.file + ":" + std::to_string(loss.damage.offset));
  };
  ASSERT_OK(Salvage(options));
  EXPECT_EQ(places, std::vector<std::string>{"000012.manifest:64"});
  Options opened;
  opened.file_system = db_.fs();
  ASSERT_OK_AND_ASSIGN(const auto db, DB::Open(opened, "saved"));
  ASSERT_OK_AND_ASSIGN(const auto rows, test::Scan(db.get()));
  EXPECT_EQ(rows, (std::map<std::string, std::string>{{"a", "x"}, {"c", "y"}, {"d", "v3"}}));
}

}  // namespace
}  // namespace logwood
