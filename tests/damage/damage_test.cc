// Every byte of every file changed, every length cut to, files missing, zeroed, swapped and
// replaced by older ones, on a database that was closed and on killed ones: `check` names it, what
// opens answers exactly but for keys that `check` names, no durable commit is gone without a word,
// and `salvage` saves all but what it names.
//
// Of two databases that are as small as can be that is done to all bytes and lengths, of three
// larger ones to a sample.
//
//   LOGWOOD_DAMAGE=full damage_tests --gtest_filter='*Flips*'
//   LOGWOOD_DAMAGE=50 LOGWOOD_SEED=7 damage_tests                 one byte in fifty
#include <gtest/gtest.h>

#include <filesystem>
#include <iostream>

#include "tests/damage/damage_cases.h"
#include "tests/damage/damage_demands.h"
#include "tests/damage/damage_judge.h"
#include "tests/damage/damage_map.h"
#include "tests/damage/damage_shape.h"
#include "tests/damage/salvage_judge.h"
#include "tests/support/environment.h"
#include "tests/support/sanitizers.h"
#include "tests/support/status_assert.h"

namespace logwood::test {
namespace {

constexpr uint64_t kFailuresMax = 5;
// How many cases are left out by default.
constexpr uint64_t kFlipsOneIn = kSanitized ? 1500 : 100;
constexpr uint64_t kCutsOneIn = kSanitized ? 2500 : 300;
constexpr uint64_t kSalvagedOneIn = kSanitized ? 3000 : 300;
constexpr uint64_t kEventsOneIn = kSanitized ? 20000 : 2000;
constexpr uint64_t kSmallOneIn = kSanitized ? 400 : 1;
constexpr uint64_t kZerosOpenedOneIn = 16;
constexpr uint64_t kSwapsOneIn = kSanitized ? 40 : 10;

std::string HowToRepeat() {
  return "LOGWOOD_SEED=" + std::to_string(EnvironmentNumber("LOGWOOD_SEED", 1)) +
         " LOGWOOD_DAMAGE=" + EnvironmentText("LOGWOOD_DAMAGE", "");
}

class DamageTest : public testing::TestWithParam<ShapeKind> {
 protected:
  // Checks the damaged directory, opens it each way and holds the answers against what must be.
  void Look(const DamageCase& damage) {
    SetCrashNote(damage.what);
    const CheckVerdict check = Check(damage.files);
    const std::vector<Damage> excuses = DamageDemands::Excuses(damage, check);
    bool harmless = true;
    ++directories_;
    for (const OpenMode mode : {OpenMode::kWriting, OpenMode::kReadOnly, OpenMode::kDamagedLog}) {
      const Verdict verdict = Judge(shape_, damage.files, mode, excuses);
      const bool exact = verdict.exact() && verdict.last == shape_.last;
      exact_ += exact ? 1 : 0;
      harmless &= exact;
      const std::string complaint = demands_.OfOpen(damage, verdict, mode);
      if (!complaint.empty()) {
        Fail(damage, "opened " + std::string(OpenModeName(mode)) + ": " + complaint,
             verdict.ToString() + "\n" + check.ToString());
      }
      if (testing::Test::HasFatalFailure()) return;
    }
    const std::string complaint = demands_.OfCheck(damage, check, harmless);
    if (!complaint.empty()) Fail(damage, complaint, check.ToString());
  }

  void Fail(const DamageCase& damage, const std::string& complaint, const std::string& verdict) {
    const auto directory =
        std::filesystem::path(EnvironmentText(
            "LOGWOOD_SAVE", (std::filesystem::temp_directory_path() / "logwood-damage").string())) /
        (shape_.name + std::to_string(failures_));
    std::filesystem::remove_all(directory);
    EXPECT_OK(WriteDirectory(FileSystem::Posix(), directory.string(), damage.files));
    ADD_FAILURE() << damage.what << ", " << complaint << "\n  " << verdict << "\n  saved in "
                  << directory.string();
    ASSERT_LT(++failures_, kFailuresMax);
  }

  void Report() const {
    std::cout << "    " << directories_ << " damaged directories, " << exact_
              << " times all was exact\n";
  }

  const testing::ScopedTrace trace_{__FILE__, __LINE__, HowToRepeat()};
  const DamageShape& shape_ = MakeShape(GetParam());
  const DamageMap map_{shape_};
  // Not what the engine says of itself: of killed ones, too, records behind it say that it is.
  const DamageDemands demands_{shape_, map_, shape_.durable};
  uint64_t directories_ = 0, exact_ = 0, failures_ = 0;
};

// Of the smallest databases every byte and every length. Those in the middle of zeros, which fill a
// segment's pages, are all checked, and must be named; one in a few is opened, too.
class SmallDamageTest : public DamageTest {
 protected:
  void LookAtSmall(const DamageCase& damage) {
    if (HasFatalFailure()) return;
    if (damage.in_zeros && damage.offset % kZerosOpenedOneIn != 0)
      return LookWithoutOpening(damage);
    ++opened_;
    Look(damage);
  }

  void LookWithoutOpening(const DamageCase& damage) {
    SetCrashNote(damage.what);
    ++directories_;
    const CheckVerdict check = Check(damage.files);
    const std::string complaint = demands_.OfCheck(damage, check, /*harmless=*/false);
    if (!complaint.empty()) Fail(damage, complaint, check.ToString());
  }

  void ReportSmall(const std::string& what, const Sampling& sampling) const {
    uint64_t bytes = 0;
    for (const auto& [name, content] : shape_.files) bytes += content.size();
    EXPECT_TRUE(!sampling.full() || directories_ >= bytes) << directories_ << " of " << bytes;
    std::cout << "    " << what << ": " << directories_ << ", of those opened: " << opened_
              << ", exact " << exact_ << " times\n";
  }

 private:
  uint64_t opened_ = 0;
};

TEST_P(SmallDamageTest, HasAsFewBytesAsCanBe) {
  std::map<std::string, size_t> bytes;  // by kind of file
  for (const auto& [name, content] : shape_.files) {
    bytes[std::filesystem::path(name).extension()] += content.size();
  }
  EXPECT_GT(bytes[".table"], 0u);
  EXPECT_GT(bytes[".manifest"], 0u);
  EXPECT_GT(bytes[""], 0u);  // ROOT
  EXPECT_GT(bytes[".log"], 0u);
  EXPECT_LT(bytes[".table"] + bytes[".manifest"] + bytes[""] + bytes[".log"], 30'000u);
}

TEST_P(SmallDamageTest, HasEachKindOfPart) {
  LogPos in_tables = 0;
  uint64_t with_range_deletes = 0, compressed = 0;
  for (const auto& [name, table] : map_.tables()) {
    in_tables = std::max(in_tables, table.newest);
    with_range_deletes += table.has_range_deletes;
    compressed += table.is_compressed;
  }
  EXPECT_EQ(map_.tables().size(), 2u);
  EXPECT_EQ(with_range_deletes, 1u);
  EXPECT_EQ(compressed, 1u);
  uint64_t segments = 0;
  for (const auto& [name, bytes] : shape_.files) {
    if (!name.ends_with(".log")) continue;
    ++segments;
    const auto positions = map_.PositionsOf(name);
    ASSERT_TRUE(positions) << name;
    EXPECT_GT(positions->second, in_tables) << name << " has nothing that is not in tables";
    if (name == map_.newest_log()) {
      EXPECT_EQ(positions->second, shape_.last);
    }
  }
  EXPECT_EQ(segments, 2u);
  // Commits above the durable point are in the newest segment; some of it is durable.
  const LogPos durable = map_.PositionsOf(map_.newest_log())->first;
  EXPECT_GE(shape_.durable, durable);
  EXPECT_EQ(shape_.last > shape_.durable, GetParam() == ShapeKind::kSmallKilled);
}

TEST_P(SmallDamageTest, EachByteFlipped) {
  const Sampling sampling = Sampling::OfSmall(kSmallOneIn);
  ForEachFlip(shape_, sampling, [this](const DamageCase& damage) { LookAtSmall(damage); });
  ReportSmall("bytes flipped", sampling);
}

TEST_P(SmallDamageTest, EachLengthCut) {
  const Sampling sampling = Sampling::OfSmall(kSmallOneIn);
  ForEachCut(shape_, sampling, [this](const DamageCase& damage) { LookAtSmall(damage); });
  ReportSmall("lengths cut", sampling);
}

TEST_P(SmallDamageTest, FileFaults) {
  ForEachFileFault(shape_, [this](const DamageCase& damage) {
    if (!HasFatalFailure()) Look(damage);
  });
  std::cout << "    faulty files: " << directories_ << ", exact " << exact_ << " times\n";
}

// Of all shapes.
class WholeDamageTest : public DamageTest {};

TEST_P(WholeDamageTest, TheWholeOneIsExact) {
  for (const OpenMode mode : {OpenMode::kWriting, OpenMode::kReadOnly}) {
    const Verdict verdict = Judge(shape_, shape_.files, mode);
    EXPECT_TRUE(verdict.exact() && verdict.wrong.empty()) << verdict.ToString();
    EXPECT_EQ(verdict.last, shape_.last);
    EXPECT_EQ(verdict.recovery.durable_point, shape_.durable);
    EXPECT_EQ(verdict.recovery.unproven_tail_bytes > 0, GetParam() == ShapeKind::kTorn);
  }
  const CheckVerdict check = Check(shape_.files);
  EXPECT_TRUE(check.status.ok() && check.damages.empty()) << check.ToString();
  EXPECT_EQ(check.notes.size(), GetParam() == ShapeKind::kTorn ? 1u : 0u) << check.ToString();
}

TEST_P(DamageTest, Flips) {
  ForEachFlip(shape_, Sampling::One(kFlipsOneIn), [this](const DamageCase& damage) {
    if (!HasFatalFailure()) Look(damage);
  });
  Report();
}

// What is written for people tells nothing of the data: whatever becomes of it, all is exact and
// `check` finds nothing.
TEST_P(DamageTest, EventsMayRot) {
  const Sampling sampling = Sampling::One(kEventsOneIn);
  const size_t notes = Check(shape_.files).notes.size();
  ASSERT_FALSE(shape_.events.empty());
  const auto look = [&](const std::string& name, std::string bytes, const std::string& what) {
    DamageCase damage;
    damage.what = name + ": " + what;
    damage.file = name;
    damage.files = shape_.files;
    damage.files[name] = std::move(bytes);
    SetCrashNote(damage.what);
    ++directories_;
    const CheckVerdict check = Check(damage.files);
    if (!check.status.ok() || !check.damages.empty() || check.notes.size() != notes) {
      Fail(damage, "check says something of it", check.ToString());
    }
    for (const OpenMode mode : {OpenMode::kWriting, OpenMode::kReadOnly}) {
      const Verdict verdict = Judge(shape_, damage.files, mode);
      const bool exact = verdict.exact() && verdict.wrong.empty() && verdict.last == shape_.last;
      exact_ += exact ? 1 : 0;
      if (!exact) Fail(damage, "opened " + std::string(OpenModeName(mode)), verdict.ToString());
    }
  };
  for (const auto& [name, bytes] : shape_.events) {
    for (size_t at = 0; at < bytes.size() && !HasFatalFailure(); ++at) {
      if (!sampling.Takes(at)) continue;
      std::string flipped = bytes;
      flipped[at] = static_cast<char>(flipped[at] ^ (1 << at % 8));
      look(name, std::move(flipped), "byte " + std::to_string(at) + " flipped");
      look(name, bytes.substr(0, at), "cut to " + std::to_string(at));
    }
    look(name, std::string(bytes.size(), '\0'), "zeroed");
  }
  Report();
}

TEST_P(DamageTest, Cuts) {
  ForEachCut(shape_, Sampling::One(kCutsOneIn), [this](const DamageCase& damage) {
    if (!HasFatalFailure()) Look(damage);
  });
  Report();
}

TEST_P(DamageTest, FileFaults) {
  ForEachFileFault(shape_, [this](const DamageCase& damage) {
    if (!HasFatalFailure()) Look(damage);
  });
  Report();
}

// What nothing needs any more does no harm whatever it holds, and an open says no word of it.
TEST_P(DamageTest, FilesThatAreBackDoNoHarm) {
  ForEachFileBack(shape_, [this](const DamageCase& damage) {
    if (HasFatalFailure()) return;
    ++directories_;
    for (const OpenMode mode : {OpenMode::kWriting, OpenMode::kReadOnly, OpenMode::kDamagedLog}) {
      const Verdict verdict = Judge(shape_, damage.files, mode);
      const bool exact = verdict.exact() && verdict.wrong.empty() && verdict.last == shape_.last;
      exact_ += exact ? 1 : 0;
      if (!exact) Fail(damage, "opened " + std::string(OpenModeName(mode)), verdict.ToString());
    }
    if (damage.kind == DamageCase::Kind::kTornBack) return;  // rot all the same
    const CheckVerdict check = Check(damage.files);
    if (!check.status.ok() || !check.damages.empty()) {
      Fail(damage, "check calls it damage", check.ToString());
    }
  });
  EXPECT_GT(directories_, 0u);
  Report();
}

// What is saved is what was there, but for what the report names; and it names no more than a block
// of a table or a commit where one byte is damaged.
class SalvageTest : public DamageTest {
 protected:
  void Look(const DamageCase& damage) {
    SetCrashNote(damage.what + ", salvaged");
    ++directories_;
    const SalvageVerdict verdict = JudgeSalvage(shape_, damage.files, demands_.JudgingOf(damage));
    exact_ += verdict.status.ok() && verdict.inexact_keys == 0 ? 1 : 0;
    const std::string complaint = demands_.OfSalvage(damage, verdict);
    if (!complaint.empty()) Fail(damage, complaint, verdict.ToString());
  }

  // What it takes from the stranger is that one's; but nothing is inexact without a word.
  void LookAtOtherCopy(const DamageCase& damage) {
    ++directories_;
    const SalvageVerdict verdict = JudgeSalvage(shape_, damage.files, {.told_up_to = shape_.last});
    if (!verdict.status.ok() || (verdict.inexact_keys != 0 && verdict.summary.losses == 0)) {
      Fail(damage, "salvage fails or says nothing", verdict.ToString());
    }
  }
};

TEST_P(SalvageTest, TheWholeOneIsSavedWhole) {
  const SalvageVerdict verdict =
      JudgeSalvage(shape_, shape_.files,
                   {.told_up_to = shape_.last, .proven = shape_.last, .data_is_whole = true});
  EXPECT_TRUE(verdict.status.ok() && verdict.wrong.empty()) << verdict.ToString();
  EXPECT_EQ(verdict.inexact_keys, 0u);
  EXPECT_EQ(verdict.summary.losses, 0u) << verdict.ToString();
  EXPECT_EQ(verdict.report.size(), GetParam() == ShapeKind::kTorn ? 1u : 0u) << verdict.ToString();
}

// The judge itself: what salvage loses without a word is wrong.
TEST_P(SalvageTest, ALossThatIsNotReportedIsNoticed) {
  uint64_t losses = 0;
  ForEachFileFault(shape_, [&](const DamageCase& damage) {
    if (damage.kind != DamageCase::Kind::kMissing || !damage.file.ends_with(".table")) return;
    SalvageJudging judging = demands_.JudgingOf(damage);
    judging.hears_nothing = true;
    const SalvageVerdict verdict = JudgeSalvage(shape_, damage.files, judging);
    EXPECT_EQ(verdict.wrong.empty(), verdict.inexact_keys == 0) << verdict.ToString();
    losses += verdict.inexact_keys > 0;
  });
  EXPECT_GT(losses, 0u);
}

TEST_P(SalvageTest, Flips) {
  ForEachFlip(shape_, Sampling::One(kSalvagedOneIn), [this](const DamageCase& damage) {
    if (!HasFatalFailure()) Look(damage);
  });
  Report();
}

TEST_P(SalvageTest, Cuts) {
  ForEachCut(shape_, Sampling::One(kSalvagedOneIn), [this](const DamageCase& damage) {
    if (!HasFatalFailure()) Look(damage);
  });
  Report();
}

TEST_P(SalvageTest, FileFaults) {
  uint64_t number = 0;
  ForEachFileFault(shape_, [&](const DamageCase& damage) {
    if (HasFatalFailure()) return;
    if (damage.kind == DamageCase::Kind::kOtherCopy) return LookAtOtherCopy(damage);
    // One in a few, others for each seed; two logs always: there the most depends on the name.
    const bool taken = damage.kind != DamageCase::Kind::kSwapped || damage.file.ends_with(".log") ||
                       Sampling::One(kSwapsOneIn).Takes(++number);
    if (taken) Look(damage);
  });
  Report();
}

INSTANTIATE_TEST_SUITE_P(Shapes, SalvageTest, testing::ValuesIn(kShapeKinds),
                         [](const auto& tested) { return std::string(ShapeName(tested.param)); });
INSTANTIATE_TEST_SUITE_P(Shapes, SmallDamageTest, testing::ValuesIn(kSmallShapeKinds),
                         [](const auto& tested) { return std::string(ShapeName(tested.param)); });
INSTANTIATE_TEST_SUITE_P(Shapes, DamageTest, testing::ValuesIn(kShapeKinds),
                         [](const auto& tested) { return std::string(ShapeName(tested.param)); });
INSTANTIATE_TEST_SUITE_P(Shapes, WholeDamageTest, testing::ValuesIn(kShapeKinds),
                         [](const auto& tested) { return std::string(ShapeName(tested.param)); });
INSTANTIATE_TEST_SUITE_P(SmallShapes, WholeDamageTest, testing::ValuesIn(kSmallShapeKinds),
                         [](const auto& tested) { return std::string(ShapeName(tested.param)); });

}  // namespace
}  // namespace logwood::test
