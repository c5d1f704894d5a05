// The judges of damage themselves: each silence, each false word and each vague one that an engine
// could answer with is noticed. The answers are planted, or an honest one is spoilt.
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>

#include "tests/damage/damage_cases.h"
#include "tests/damage/damage_demands.h"
#include "tests/damage/damage_judge.h"
#include "tests/damage/damage_map.h"
#include "tests/damage/damage_shape.h"
#include "tests/damage/salvage_judge.h"

namespace logwood::test {
namespace {

using Kind = DamageCase::Kind;

class DamageDemandsTest : public testing::Test {
 protected:
  DamageCase CaseOf(Kind kind, const std::string& file, uint64_t offset = 0) const {
    DamageCase damage;
    damage.kind = kind;
    damage.file = file;
    damage.offset = offset;
    damage.files = shape_.files;
    if (kind == Kind::kFlip)
      damage.files[file][offset] = static_cast<char>(~shape_.files.at(file)[offset]);
    if (kind == Kind::kCut) damage.files[file].resize(offset);
    if (kind == Kind::kMissing) damage.files.erase(file);
    return damage;
  }

  // A table that holds what nothing else has, and a byte of the middle one of its blocks.
  DamageCase FlipInTable() const {
    for (const auto& [name, bytes] : shape_.files) {
      const DamageMap::Table* const table = map_.TableOf(name);
      if (table == nullptr || table->blocks.size() < 3) continue;
      return CaseOf(Kind::kFlip, name,
                    std::next(table->blocks.begin(), table->blocks.size() / 2)->first + 1);
    }
    ADD_FAILURE() << "no table has three blocks";
    return {};
  }

  // In the record of the commit.
  DamageCase FlipInLog(LogPos position) const {
    for (const auto& [name, bytes] : shape_.files) {
      const auto positions = map_.PositionsOf(name);
      if (!positions || position < positions->first || positions->second < position) continue;
      uint64_t offset = map_.HeadEnd(name);
      while (map_.PositionAt(name, offset) != position) ++offset;
      return CaseOf(Kind::kFlip, name, offset + 20);
    }
    ADD_FAILURE() << "no segment has position " << position;
    return {};
  }

  // Within the last record that the newest segment shows.
  DamageCase CutInNewestRecord() const {
    DamageCase damage = FlipInLog(shape_.last);
    return CaseOf(Kind::kCut, damage.file, damage.offset);
  }

  // What is said of an honest `check` after it was spoilt.
  std::string Spoilt(const DamageCase& damage,
                     const std::function<void(CheckVerdict*)>& spoil) const {
    CheckVerdict check = Check(damage.files);
    EXPECT_EQ(demands_.OfCheck(damage, check, false), "") << check.ToString();
    spoil(&check);
    return demands_.OfCheck(damage, check, false);
  }

  const DamageShape& shape_ = MakeShape(ShapeKind::kKilled);
  const DamageMap map_{shape_};
  const Verdict whole_ = Judge(shape_, shape_.files, OpenMode::kReadOnly);
  const LogPos recorded_ = whole_.recovery.durable_point;
  const DamageDemands demands_{shape_, map_, recorded_};
};

TEST_F(DamageDemandsTest, ContentThatDiffersWithoutAWordIsWrong) {
  for (const bool gone : {true, false}) {
    DamageShape other = shape_;
    auto content = std::make_shared<Content>(*shape_.contents[shape_.last]);
    Rows& rows = content->begin()->second;
    ASSERT_FALSE(rows.empty());
    // What was there once more, or was another: the database lost it, or changed it in silence.
    if (gone) {
      rows["once more"] = "value";
    } else {
      rows.begin()->second += '!';
    }
    other.contents[other.last] = content;
    const Verdict verdict = Judge(other, other.files, OpenMode::kReadOnly);
    const DamageCase damage = FlipInTable();
    EXPECT_NE(demands_.OfOpen(damage, verdict, OpenMode::kReadOnly), "") << verdict.ToString();
  }
}

TEST_F(DamageDemandsTest, ACheckThatIsSilentOrNamesAnotherPlaceIsWrong) {
  const DamageCase in_table = FlipInTable();
  for (const DamageCase& damage : {in_table, FlipInLog(recorded_ - 1)}) {
    SCOPED_TRACE(damage.file);
    EXPECT_EQ(Spoilt(damage, [](CheckVerdict* check) { check->damages.clear(); }),
              "check does not name it");
    EXPECT_NE(Spoilt(damage, [](CheckVerdict* check) { check->damages[0].file = "ROOT"; }), "");
    EXPECT_EQ(Spoilt(damage, [](CheckVerdict* check) { check->damages[0].offset = 0; }),
              "check does not name the place");
    EXPECT_EQ(Spoilt(damage,
                     [&](CheckVerdict* check) {
                       check->damages[0].offset = map_.AreaAt(damage.file, damage.offset).end;
                     }),
              "check does not name the place");
    EXPECT_NE(Spoilt(damage, [](CheckVerdict* check) { check->notes.swap(check->damages); }), "");
    // Beside the true one.
    EXPECT_TRUE(Spoilt(damage, [](CheckVerdict* check) {
                  check->damages.push_back(check->damages[0]);
                  check->damages.back().file = "ROOT";
                }).starts_with("check calls another file damaged"));
  }
}

TEST_F(DamageDemandsTest, ACheckThatNamesOtherKeysOrCommitsIsWrong) {
  const DamageCase in_table = FlipInTable();
  EXPECT_EQ(Spoilt(in_table, [](CheckVerdict* check) { check->damages[0].last_keyspace = "?"; }),
            "check names keys that the table does not reach to");
  EXPECT_EQ(
      Spoilt(in_table,
             [&](CheckVerdict* check) {
               Damage all;
               for (const Damage& found : Check(CaseOf(Kind::kCut, in_table.file).files).damages)
                 all = found;
               all.offset = check->damages[0].offset;
               check->damages[0] = all;
             }),
      "check names more keys than the block has");
  EXPECT_EQ(Spoilt(in_table,
                   [](CheckVerdict* check) {
                     Damage& found = check->damages[0];
                     found.last_keyspace = found.first_keyspace;
                     found.last_key = found.first_key;
                   }),
            "check leaves out a key of the block");
  const DamageCase in_log = FlipInLog(recorded_);
  EXPECT_EQ(Spoilt(in_log,
                   [](CheckVerdict* check) {
                     check->damages[0].first_position = check->damages[0].last_position = 1;
                   }),
            "check does not name position " + std::to_string(recorded_));
  EXPECT_EQ(Spoilt(in_log,
                   [](CheckVerdict* check) {
                     check->damages[0].first_keyspace = check->damages[0].last_keyspace = "?";
                   }),
            "check names keys of what is no table");
}

// What `check` says of other files excuses no read.
TEST_F(DamageDemandsTest, AnErrorIsExcusedInTheDamagedFileAlone) {
  const DamageCase damage = FlipInTable();
  CheckVerdict check = Check(damage.files);
  ASSERT_EQ(DamageDemands::Excuses(damage, check).size(), check.damages.size());
  for (Damage& found : check.damages) found.file = "999999.table";
  EXPECT_TRUE(DamageDemands::Excuses(damage, check).empty());
  EXPECT_NE(Judge(shape_, damage.files, OpenMode::kReadOnly).wrong, "");
}

TEST_F(DamageDemandsTest, ACutWithinARecordIsTold) {
  const DamageCase damage = CutInNewestRecord();
  Verdict verdict = Judge(shape_, damage.files, OpenMode::kWriting);
  EXPECT_EQ(demands_.OfOpen(damage, verdict, OpenMode::kWriting), "") << verdict.ToString();
  const CheckVerdict check = Check(damage.files);
  EXPECT_EQ(demands_.OfCheck(damage, check, false), "") << check.ToString();
  EXPECT_EQ(demands_.OfCheck(damage, CheckVerdict(), false), "check does not name it");
  Verdict elsewhere = verdict;
  elsewhere.recovery.unproven_tail_offset -= 1;
  EXPECT_EQ(demands_.OfOpen(damage, elsewhere, OpenMode::kWriting),
            "the tail does not begin where the damage is");
  Verdict more = verdict;
  more.last = recorded_;
  EXPECT_EQ(demands_.OfOpen(damage, more, OpenMode::kWriting), "commits before it are gone");
  verdict.recovery = RecoveryInfo();
  EXPECT_EQ(demands_.OfOpen(damage, verdict, OpenMode::kWriting),
            "commits are gone and no tail is reported");
}

TEST_F(DamageDemandsTest, OnlyACutBetweenRecordsLeavesNoTrace) {
  const std::string& newest = map_.newest_log();
  const DamageMap::Area last = map_.AreaAt(newest, CutInNewestRecord().offset);
  for (const uint64_t offset : {last.begin, last.begin + 5, last.end - 1, last.end}) {
    const std::string silent =
        demands_.OfCheck(CaseOf(Kind::kCut, newest, offset), CheckVerdict(), false);
    EXPECT_EQ(silent.empty(), offset == last.begin || offset == last.end) << offset;
  }
  // And no cut of another segment.
  const auto end = map_.HeadEnd(map_.oldest_log());
  EXPECT_NE(demands_.OfCheck(CaseOf(Kind::kCut, map_.oldest_log(), end), CheckVerdict(), false),
            "");
}

// ---- Of salvage: the new database, and what was said of it.

TEST_F(DamageDemandsTest, ALossMustReachToWhatIsGone) {
  DamageShape other = shape_;
  auto content = std::make_shared<Content>(*shape_.contents[shape_.last]);
  (*content)["default"]["a key that salvage does not find"] = "value";
  other.contents[other.last] = content;
  const DamageMap map(other);
  const DamageDemands demands(other, map, recorded_);
  // A table of other keys is damaged, and the report is honest: it does not excuse this one.
  const DamageCase damage = FlipInTable();
  const SalvageVerdict verdict = JudgeSalvage(other, damage.files, demands.JudgingOf(damage));
  EXPECT_NE(demands.OfSalvage(damage, verdict), "") << verdict.ToString();
}

// Every key is inexact, and the report says that something is lost.
TEST_F(DamageDemandsTest, AVagueLossExcusesNothingButOfTheManifest) {
  SalvageLoss vague, everything, commits;
  vague.damage.file = everything.damage.file = commits.damage.file = FlipInTable().file;
  everything.damage.first_keyspace = everything.damage.last_keyspace = "?";
  commits.damage.first_position = 1;
  for (const auto& [name, bytes] : shape_.files) {
    const DamageCase damage = CaseOf(Kind::kMissing, name);
    const SalvageJudging judging = demands_.JudgingOf(damage);
    const bool excuses = name.ends_with(".manifest");
    EXPECT_EQ(WrongIfAllIsInexact(shape_, judging, {vague}).empty(), excuses) << name;
    EXPECT_NE(WrongIfAllIsInexact(shape_, judging, {}), "") << name;
    if (excuses) continue;
    EXPECT_NE(WrongIfAllIsInexact(shape_, judging, {everything}), "") << name;
    EXPECT_NE(WrongIfAllIsInexact(shape_, judging, {commits}), "") << name;
  }
}

TEST_F(DamageDemandsTest, ALossElsewhereIsWrong) {
  const DamageCase damage = CaseOf(Kind::kMissing, FlipInTable().file);
  SalvageVerdict verdict = JudgeSalvage(shape_, damage.files, demands_.JudgingOf(damage));
  EXPECT_EQ(demands_.OfSalvage(damage, verdict), "") << verdict.ToString();
  SalvageLoss loss;
  loss.damage.file = map_.oldest_log();
  verdict.report.push_back(loss);
  EXPECT_TRUE(demands_.OfSalvage(damage, verdict).starts_with("a loss in another file"));
}

}  // namespace
}  // namespace logwood::test
