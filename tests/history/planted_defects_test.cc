// The checker of histories on a whole store: it accepts what a correct one did, and finds each
// planted defect by its name.
#include <gtest/gtest.h>

#include <cstdio>
#include <ostream>

#include "tests/history/reference_store.h"
#include "tests/support/environment.h"
#include "tests/support/generators.h"
#include "tests/support/sanitizers.h"

namespace logwood::test {
namespace {

uint64_t FirstSeed() { return EnvironmentNumber("LOGWOOD_SEED", 1); }
uint64_t Histories(uint64_t otherwise) { return EnvironmentNumber("LOGWOOD_HISTORIES", otherwise); }

constexpr std::optional<HistoryLevel> kLevels[] = {HistoryLevel::kSnapshot,
                                                   HistoryLevel::kSerializable, std::nullopt};

TEST(CorrectStore, IsAcceptedUnderEachLevel) {
  for (uint64_t i = 0; i < Histories(kSanitized ? 4 : 20); ++i) {
    for (const std::optional<HistoryLevel> level : kLevels) {
      for (const bool deletes : {true, false}) {
        const uint64_t seed = MixSeeds(FirstSeed(), i);
        ReferenceStore store(seed);
        // Half of them with commits of which nobody knows whether they are there.
        if (i % 2 == 1) store.set_unknown_one_in(6);
        const HistoryReport report =
            CheckHistory(RunWorkload({.seed = seed, .level = level, .deletes = deletes}, &store));
        ASSERT_TRUE(report.ok()) << "LOGWOOD_SEED=" << FirstSeed() << ", history " << i << "\n"
                                 << report.Text();
        ASSERT_GT(report.edges, 300u);
        ASSERT_TRUE(i % 2 == 1 || report.unresolved == 0);
      }
    }
  }
}

TEST(CorrectStore, IsAcceptedWithConcurrentThreads) {
  for (uint64_t i = 0; i < 3; ++i) {
    const uint64_t seed = MixSeeds(FirstSeed(), i);
    ReferenceStore store(seed);
    const HistoryReport report = CheckHistory(RunWorkload(
        {.seed = seed, .transactions = 200, .level = std::nullopt, .threads = true}, &store));
    ASSERT_TRUE(report.ok()) << "seed " << seed << "\n" << report.Text();
  }
}

// What each level allows shows when the history is judged by the other.
TEST(CorrectStore, UnderSnapshotIsolationIsNotSerializable) {
  bool items = false, phantoms = false;
  for (uint64_t i = 0; i < 20; ++i) {
    const uint64_t seed = MixSeeds(FirstSeed(), i);
    ReferenceStore store(seed);
    const HistoryReport report = CheckHistory(
        RunWorkload({.seed = seed, .keys = 20, .level = HistoryLevel::kSnapshot}, &store),
        {.level = HistoryPromise::Level::kSerializable});
    items |= report.Has(HistoryAnomaly::kG2Item);
    phantoms |= report.Has(HistoryAnomaly::kG2);
    EXPECT_FALSE(report.Has(HistoryAnomaly::kGSingle)) << report.Text();
    EXPECT_FALSE(report.Has(HistoryAnomaly::kNoSnapshot)) << report.Text();
  }
  EXPECT_TRUE(items);
  EXPECT_TRUE(phantoms);
}

struct Planted {
  const char* name;
  StoreDefect defect;
  HistoryAnomaly anomaly;
  HistoryLevel level = HistoryLevel::kSerializable;
  bool deletes = false;
  bool rare = false;
};
void PrintTo(const Planted& planted, std::ostream* out) { *out << planted.name; }

class PlantedDefects : public testing::TestWithParam<Planted> {};

TEST_P(PlantedDefects, AreFoundByName) {
  const Planted& planted = GetParam();
  uint64_t found = 0;
  std::string last;
  const uint64_t histories = Histories(10);
  for (uint64_t i = 0; i < histories; ++i) {
    const uint64_t seed = MixSeeds(FirstSeed(), i);
    ReferenceStore store(seed, planted.defect);
    const HistoryReport report = CheckHistory(
        RunWorkload({.seed = seed, .level = planted.level, .deletes = planted.deletes}, &store));
    if (report.Has(planted.anomaly)) ++found;
    last = report.Text();
  }
  std::printf("%s in %llu of %llu histories\n", NameOf(planted.anomaly),
              static_cast<unsigned long long>(found), static_cast<unsigned long long>(histories));
  // Not each history shows it, which is no fault of the checker: two may have to meet for that.
  EXPECT_GE(found, planted.rare ? 1 : (histories + 1) / 2) << last;
}

using enum HistoryAnomaly;
constexpr Planted kPlanted[] = {
    {"Lost_update", StoreDefect::kNoValidation, kLostUpdate},
    {"Lost_update_with_deletes", StoreDefect::kNoValidation, kLostUpdate, HistoryLevel::kSnapshot,
     true},
    {"Write_conflict", StoreDefect::kNoValidation, kWriteConflict, HistoryLevel::kSnapshot},
    {"Lost_update_is_a_cycle", StoreDefect::kNoValidation, kGSingle, HistoryLevel::kSnapshot},
    {"Write_skew", StoreDefect::kNoReadValidation, kG2Item},
    {"Write_skew_and_positions", StoreDefect::kNoReadValidation, kCommitOrder},
    {"Phantom_write_skew", StoreDefect::kNoRangeValidation, kG2, HistoryLevel::kSerializable, true,
     true},
    {"Phantom_and_positions", StoreDefect::kNoRangeValidation, kCommitOrder,
     HistoryLevel::kSerializable, true},
    {"Read_skew", StoreDefect::kNoSnapshot, kGSingle, HistoryLevel::kSnapshot},
    {"Read_skew_and_positions", StoreDefect::kNoSnapshot, kNoSnapshot, HistoryLevel::kSnapshot},
    {"Dirty_intermediate", StoreDefect::kDirtyReads, kIntermediateRead},
    {"Dirty_aborted", StoreDefect::kDirtyReads, kAbortedRead},
    {"Dirty_circular", StoreDefect::kDirtyReads, kG1c, HistoryLevel::kSnapshot, false, true},
    {"Aborted_read", StoreDefect::kAbortedWrites, kAbortedRead},
    {"Aborted_read_with_deletes", StoreDefect::kAbortedWrites, kAbortedRead,
     HistoryLevel::kSnapshot, true},
    {"Stale_snapshot", StoreDefect::kStaleSnapshots, kStaleRead},
    {"Stale_snapshot_weaker", StoreDefect::kStaleSnapshots, kStaleRead, HistoryLevel::kSnapshot,
     true},
    {"Torn_commit", StoreDefect::kTornCommits, kGSingle},
    {"Torn_commit_and_snapshot", StoreDefect::kTornCommits, kWrongSnapshot, HistoryLevel::kSnapshot,
     true},
    {"Lost_commit", StoreDefect::kLostCommits, kLostCommit},
    {"Lost_commit_with_deletes", StoreDefect::kLostCommits, kLostCommit, HistoryLevel::kSnapshot,
     true},
    {"Forgets_own_writes", StoreDefect::kForgetfulReads, kInternal},
    {"Swapped_elements", StoreDefect::kSwappedElements, kIncompatibleOrders},
    {"Shifted_positions", StoreDefect::kShiftedPositions, kOrderOfPositions},
};
INSTANTIATE_TEST_SUITE_P(Each, PlantedDefects, testing::ValuesIn(kPlanted),
                         [](const auto& each) { return std::string(each.param.name); });

}  // namespace
}  // namespace logwood::test
