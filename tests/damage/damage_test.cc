// Every byte of every file changed, every length cut to, files missing, zeroed, swapped and
// replaced by older ones, on a database that was closed and on killed ones: `check` names it, what
// opens answers exactly but for keys that `check` names, no durable commit is gone without a word,
// and `salvage` saves all but what it names.
//
//   LOGWOOD_DAMAGE=full damage_tests --gtest_filter='*Flips*'
//   LOGWOOD_DAMAGE=50 LOGWOOD_SEED=7 damage_tests                 one byte in fifty
#include <gtest/gtest.h>

#include <filesystem>
#include <iostream>

#include "table/format.h"
#include "table/table_reader.h"
#include "tests/damage/damage_cases.h"
#include "tests/damage/damage_judge.h"
#include "tests/damage/damage_shape.h"
#include "tests/damage/salvage_judge.h"
#include "tests/support/environment.h"
#include "tests/support/option_sets.h"
#include "tests/support/sanitizers.h"
#include "tests/support/status_assert.h"
#include "util/file_header.h"
#include "util/internal_key.h"
#include "wal/segment_probe.h"
#include "wal/segment_reader.h"

namespace logwood::test {
namespace {

constexpr uint64_t kFailuresMax = 5;
// How many cases are left out by default.
constexpr uint64_t kFlipsOneIn = kSanitized ? 1500 : 100;
constexpr uint64_t kCutsOneIn = kSanitized ? 2500 : 300;
constexpr uint64_t kSalvagedOneIn = kSanitized ? 3000 : 300;
constexpr uint64_t kSwapsOneIn = kSanitized ? 40 : 10;

constexpr size_t kKeysOfBlockMax = 12;

class DamageTest : public testing::TestWithParam<ShapeKind> {
 protected:
  DamageTest() : shape_(MakeShape(GetParam())) {
    whole_ = Judge(shape_, shape_.files, OpenMode::kReadOnly);
    for (const auto& [name, bytes] : shape_.files) {
      if (!name.ends_with(".log")) continue;
      if (oldest_log_.empty()) oldest_log_ = name;
      newest_log_ = name;
    }
    ReadLogs();
    ReadTables();
  }

  // Checks the damaged directory, opens it each way and holds the answers against what must be.
  void Look(const DamageCase& damage) {
    SetCrashNote(damage.what);
    const CheckVerdict check = Check(damage.files);
    bool harmless = true;
    ++directories_;
    for (const OpenMode mode : {OpenMode::kWriting, OpenMode::kReadOnly, OpenMode::kDamagedLog}) {
      const Verdict verdict = Judge(shape_, damage.files, mode, check.damages);
      const bool exact = verdict.exact() && verdict.last == shape_.last;
      exact_ += exact ? 1 : 0;
      harmless &= exact;
      const std::string complaint = ComplaintAbout(damage, verdict, mode);
      if (!complaint.empty()) {
        Fail(damage, "opened " + std::string(OpenModeName(mode)) + ": " + complaint,
             verdict.ToString() + "\n" + check.ToString());
      }
      if (testing::Test::HasFatalFailure()) return;
    }
    const std::string complaint = ComplaintAboutCheck(damage, check, harmless);
    if (!complaint.empty()) Fail(damage, complaint, check.ToString());
  }

  // `logwood check` names the file, and the commits or no more keys than those of the block.
  std::string ComplaintAboutCheck(const DamageCase& damage, const CheckVerdict& check,
                                  bool harmless) const {
    if (!check.status.ok()) return "check fails";
    const bool named = check.Names(damage.file) || NamesDamage(damage, check.ToString());
    if (!named && !MayGoUnnoticed(damage, harmless)) return "check does not name it";
    if (damage.kind != DamageCase::Kind::kFlip) return "";
    const LogPos position = PositionAt(damage.file, damage.offset);
    // Above the durable point it is an unproven tail, as a crash may leave it.
    if (check.damages.empty() && !harmless && position <= shape_.durable) {
      return "check takes it for what a crash may leave";
    }
    if (position != 0 && !check.NamesPosition(damage.file, position))
      return "check does not name position " + std::to_string(position);
    const auto table = tables_.find(damage.file);
    if (table == tables_.end() || damage.offset < kFileHeaderBytes ||
        damage.offset >= table->second.data_end) {
      return "";
    }
    size_t named_keys = 0;
    for (const auto& [keyspace, key] : table->second.keys) {
      for (const Damage& found : check.damages)
        named_keys += Covers(shape_, found, keyspace, key) ? 1 : 0;
    }
    return named_keys <= kKeysOfBlockMax ? "" : "check names more keys than a block has";
  }

  // What leaves no trace, and what costs nothing: the manifest without edits that say what its
  // successors or the log say as well, the oldest segment, which might be gone anyway.
  bool MayGoUnnoticed(const DamageCase& damage, bool harmless) const {
    if (LeavesNoTrace(damage)) return true;
    if (!harmless) return false;
    // ROOT, and a segment without commits, say the same in both copies.
    if (damage.kind == DamageCase::Kind::kOtherCopy && !damage.file.ends_with(".manifest")) {
      return damage.file == "ROOT" || !records_.contains(damage.file);
    }
    if (damage.file == oldest_log_) return damage.kind == DamageCase::Kind::kMissing;
    const bool older =
        damage.kind == DamageCase::Kind::kCut || damage.kind == DamageCase::Kind::kStale;
    return damage.file.ends_with(".manifest") && older;
  }

  std::string ComplaintAbout(const DamageCase& damage, const Verdict& verdict,
                             OpenMode mode) const {
    if (!verdict.wrong.empty()) return verdict.wrong;
    if (!verdict.exact() && !NamesDamage(damage, verdict.first_error().ToString()))
      return "the error names no place in the damaged file";
    // A commit above the durable point is a tail, as a crash may leave it.
    const bool is_of_tail = damage.kind == DamageCase::Kind::kFlip &&
                            PositionAt(damage.file, damage.offset) > whole_.recovery.durable_point;
    const bool is_others = damage.kind == DamageCase::Kind::kOtherCopy;
    const bool must_open =
        damage.file.ends_with(".table") || is_of_tail ||
        (damage.file.ends_with(".log") && mode == OpenMode::kDamagedLog && !is_others);
    if (must_open && !verdict.opened.ok()) return "does not open";
    if (verdict.opened.ok() && verdict.last < shape_.last && mode != OpenMode::kDamagedLog)
      return ComplaintAboutLoss(damage, verdict, mode);
    return "";
  }

  // It opened without the last commits.
  std::string ComplaintAboutLoss(const DamageCase& damage, const Verdict& verdict,
                                 OpenMode mode) const {
    if (verdict.last < ProvenBeside(damage)) return "durable commits are gone";
    if (LeavesNoTrace(damage)) return "";
    if (verdict.recovery.unproven_tail_file != damage.file)
      return "commits are gone and no tail is reported";
    if (mode == OpenMode::kWriting && verdict.events.empty()) return "no event tells of the tail";
    return "";
  }

  // Of a killed database's newest segment nothing speaks but the segment itself: where it is gone,
  // replaced by an older copy or cut between two records, nothing tells that there was more.
  bool LeavesNoTrace(const DamageCase& damage) const {
    return !shape_.closed && damage.kind != DamageCase::Kind::kFlip &&
           damage.kind != DamageCase::Kind::kSwapped && damage.file == newest_log_;
  }

  // Up to where the log is proven to have been durable by what the damage left.
  LogPos ProvenBeside(const DamageCase& damage) const {
    if (!LeavesNoTrace(damage)) return whole_.recovery.durable_point;
    LogPos proven = proven_before_newest_;
    if (damage.kind != DamageCase::Kind::kCut) return proven;
    for (const auto& [end, durable] : newest_marks_) {
      if (end <= damage.offset) proven = std::max(proven, durable);
    }
    return proven;
  }

  // The commit whose record the byte belongs to; 0: none.
  LogPos PositionAt(const std::string& file, uint64_t offset) const {
    const auto records = records_.find(file);
    if (records == records_.end()) return 0;
    const auto at = records->second.upper_bound(offset);  // by the record's end
    return at == records->second.end() || offset < at->second.begin ? 0 : at->second.position;
  }

  bool NamesDamage(const DamageCase& damage, const std::string& message) const {
    if (NamesPlaceIn(message, damage.file)) return true;
    // What ROOT names, where that is not there.
    if (damage.file == "ROOT" && NamesPlaceIn(message, ".manifest")) return true;
    // Which of two that do not fit together is the stranger nobody can tell.
    if (damage.kind == DamageCase::Kind::kOtherCopy && !damage.file.ends_with(".table")) {
      return NamesPlaceIn(message, ".log") || NamesPlaceIn(message, ".manifest") ||
             NamesPlaceIn(message, "ROOT");
    }
    return !damage.other.empty() && NamesPlaceIn(message, damage.other);
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

  void ReadLogs();
  void ReadLog(FileSystem* files, const std::string& name);
  void ReadTables();
  void ReadTable(FileSystem* files, const std::string& name);

  struct Table {
    uint64_t data_end = 0;
    std::vector<std::pair<uint32_t, std::string>> keys;
  };
  struct Record {
    uint64_t begin;
    LogPos position;
  };
  const DamageShape& shape_;
  Verdict whole_;
  std::string oldest_log_, newest_log_;
  std::map<std::string, std::map<uint64_t, Record>> records_;  // by file, by end
  std::map<std::string, Table> tables_;                        // by file
  // Durable points that the newest segment's slots and records tell: where each ends, and which.
  LogPos proven_before_newest_ = 0;
  std::vector<std::pair<uint64_t, LogPos>> newest_marks_;
  uint64_t directories_ = 0, exact_ = 0, failures_ = 0;
};

void DamageTest::ReadLogs() {
  const Place place;
  ASSERT_OK(WriteDirectory(place.files(), "/db", shape_.files));
  for (const auto& [name, bytes] : shape_.files) {
    if (name.ends_with(".log")) ReadLog(place.files(), name);
  }
}

void DamageTest::ReadLog(FileSystem* files, const std::string& name) {
  const std::string path = "/db/" + name;
  ASSERT_OK_AND_ASSIGN(const auto file, files->OpenRandomAccess(path));
  ASSERT_OK_AND_ASSIGN(const SegmentProbe probe, ProbeSegment(*file, name));
  ASSERT_OK_AND_ASSIGN(const auto reader, SegmentReader::Open(files, path));
  std::vector<std::pair<uint64_t, LogPos>> marks;
  for (const auto& [slot, offset] :
       {std::pair(probe.slots[0], kSlotAOffset), std::pair(probe.slots[1], kSlotBOffset)}) {
    if (slot) marks.emplace_back(offset + kSlotBytes, slot->durable);
  }
  uint64_t begin = probe.decoded.records_offset();
  CommitRecord record;
  while (reader->Next(&record) == SegmentReader::Outcome::kRecord) {
    marks.emplace_back(reader->end_offset(), record.durable);
    records_[name][reader->end_offset()] = {begin, record.position};
    begin = reader->end_offset();
  }
  if (name != newest_log_) return;
  proven_before_newest_ = probe.header().durable;
  newest_marks_ = std::move(marks);
}

void DamageTest::ReadTables() {
  const Place place;
  ASSERT_OK(WriteDirectory(place.files(), "/db", shape_.files));
  for (const auto& [name, bytes] : shape_.files) {
    if (name.ends_with(".table")) ReadTable(place.files(), name);
  }
}

void DamageTest::ReadTable(FileSystem* files, const std::string& name) {
  const std::string& bytes = shape_.files.at(name);
  ASSERT_OK_AND_ASSIGN(auto file, files->OpenRandomAccess("/db/" + name));
  ASSERT_OK_AND_ASSIGN(const auto reader,
                       TableReader::Open(std::move(file), name, nullptr, nullptr, nullptr));
  ASSERT_OK_AND_ASSIGN(const Footer footer,
                       DecodeFooter(std::string_view(bytes).substr(bytes.size() - kFooterBytes),
                                    reader->id(), bytes.size(), name, /*writer=*/0));
  Table& table = tables_[name];
  table.data_end = footer.filter.size != 0 ? footer.filter.offset : footer.index.offset;
  const auto entries = reader->NewIterator({});
  for (entries->SeekToFirst(); entries->Valid(); entries->Next()) {
    uint32_t keyspace = 0;
    std::string_view key;
    ASSERT_TRUE(SplitStoredKey(entries->entry().key, &keyspace, &key));
    table.keys.emplace_back(keyspace, key);
  }
}

TEST_P(DamageTest, TheWholeOneIsExact) {
  for (const OpenMode mode : {OpenMode::kWriting, OpenMode::kReadOnly}) {
    const Verdict verdict = Judge(shape_, shape_.files, mode);
    EXPECT_TRUE(verdict.exact() && verdict.wrong.empty()) << verdict.ToString();
    EXPECT_EQ(verdict.last, shape_.last);
    EXPECT_GE(verdict.recovery.durable_point, shape_.durable);
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
    SalvageJudging judging;
    judging.told_up_to = LeavesNoTrace(damage) ? ProvenBeside(damage) : shape_.last;
    judging.data_is_whole = !damage.file.ends_with(".table") && !damage.file.ends_with(".log");
    const SalvageVerdict verdict = JudgeSalvage(shape_, damage.files, judging);
    exact_ += verdict.status.ok() && verdict.inexact_keys == 0 ? 1 : 0;
    std::string complaint = verdict.wrong;
    if (!verdict.status.ok()) complaint = "salvage fails";
    if (complaint.empty() && damage.kind == DamageCase::Kind::kFlip) {
      complaint = ComplaintAboutExtent(damage, verdict);
    }
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

  // One byte costs no more than its block, its commit, or the certainty of the manifest.
  std::string ComplaintAboutExtent(const DamageCase& damage, const SalvageVerdict& verdict) {
    if (verdict.summary.losses > 1) return "more than one loss";
    if (verdict.inexact_keys > kKeysOfBlockMax) return "too many keys are lost";
    for (const SalvageLoss& loss : verdict.report) {
      const Damage& d = loss.damage;
      if (loss.lost && d.file != damage.file) return "a loss in another file";
      if (loss.lost && d.file.ends_with(".log") && d.first_position != d.last_position)
        return "more than one commit is lost";
    }
    return "";
  }
};

TEST_P(SalvageTest, TheWholeOneIsSavedWhole) {
  const SalvageVerdict verdict =
      JudgeSalvage(shape_, shape_.files, {.told_up_to = shape_.last, .data_is_whole = true});
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
    const SalvageVerdict verdict =
        JudgeSalvage(shape_, damage.files, {.told_up_to = shape_.last, .hears_nothing = true});
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
INSTANTIATE_TEST_SUITE_P(Shapes, DamageTest, testing::ValuesIn(kShapeKinds),
                         [](const auto& tested) { return std::string(ShapeName(tested.param)); });

}  // namespace
}  // namespace logwood::test
