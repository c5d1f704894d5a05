// Settings: given beats stored beats derived; what is out of range or unknown is refused by name.
#include "db/settings.h"

#include <gtest/gtest.h>

#include "tests/db/db_test_support.h"

namespace logwood {
namespace {

std::string SourceOf(const Settings& settings, const std::string& name) {
  for (const Setting& s : settings.sources) {
    if (s.name == name) return s.source;
  }
  return "missing";
}

void ExpectRefused(const Options& options, const std::string& name) {
  const Status status = ResolveSettings(options, std::nullopt).status();
  EXPECT_STATUS(kInvalidArgument, status) << name;
  EXPECT_NE(status.message().find(name), std::string_view::npos) << status.ToString();
}

struct TuningRange {
  const char* name;
  void (*set)(Tuning*, uint64_t);
  uint64_t min, max;
};

template <auto Member>
void Set(Tuning* tuning, uint64_t value) {
  tuning->*Member = static_cast<std::decay_t<decltype(tuning->*Member)>>(value);
}

constexpr TuningRange kRanges[] = {
    {"memtable_bytes", Set<&Tuning::memtable_bytes>, 4 << 10, 1 << 30},
    {"table_bytes", Set<&Tuning::table_bytes>, 1 << 10, 4ULL << 30},
    {"block_bytes", Set<&Tuning::block_bytes>, 256, 256 << 10},
    {"level0_tables", Set<&Tuning::level0_tables>, 2, 64},
    {"level_multiplier", Set<&Tuning::level_multiplier>, 4, 32},
    {"background_threads", Set<&Tuning::background_threads>, 1, 64},
    {"log_segment_bytes", Set<&Tuning::log_segment_bytes>, 4 << 10, 1 << 30},
    {"event_log_bytes", Set<&Tuning::event_log_bytes>, 4 << 10, 1 << 30},
};

TEST(Settings, EachTuningHasARangeWithBothEndsInside) {
  for (const TuningRange& range : kRanges) {
    SCOPED_TRACE(range.name);
    for (uint64_t good : {range.min, range.max}) {
      Options options;
      options.memory_budget_bytes = 4ULL << 30;
      range.set(&options.tuning, good);
      ASSERT_OK_AND_ASSIGN(const Settings settings, ResolveSettings(options, std::nullopt));
      EXPECT_EQ(SourceOf(settings, range.name), "given");
    }
    Options options;
    range.set(&options.tuning, range.max + 1);
    ExpectRefused(options, range.name);
    if (range.min <= 1) continue;  // 0 means: not given
    range.set(&options.tuning, range.min - 1);
    ExpectRefused(options, range.name);
  }
}

TEST(Settings, MemtablesAndCacheFitIntoTheBudget) {
  Options options;
  options.memory_budget_bytes = 64 << 20;
  options.tuning.memtable_bytes = 32 << 20;
  options.tuning.cache_bytes = 64 << 20;
  EXPECT_OK(ResolveSettings(options, std::nullopt));
  ++options.tuning.memtable_bytes;
  ExpectRefused(options, "memtable_bytes");
  --options.tuning.memtable_bytes;
  ++*options.tuning.cache_bytes;
  ExpectRefused(options, "cache_bytes");
}

TEST(Settings, JobsOfAllThreadsTakeHalfOfTheBudgetAtMost) {
  Options options;
  for (const auto& [budget, most] :
       {std::pair(kMemoryBudgetBytesMin, 1u), std::pair(uint64_t{8} << 20, 20u),
        std::pair(uint64_t{32} << 20, 64u)}) {
    options.memory_budget_bytes = budget;
    options.tuning.background_threads = most;
    ASSERT_OK_AND_ASSIGN(const Settings settings, ResolveSettings(options, std::nullopt));
    EXPECT_LE(settings.job_bytes_max * (most + 1), budget / 2);
    ++options.tuning.background_threads;
    ExpectRefused(options, "background_threads");
    options.tuning.background_threads = ~0u;
    ExpectRefused(options, "background_threads");
    options.tuning.background_threads = 0;
    ASSERT_OK_AND_ASSIGN(const Settings unset, ResolveSettings(options, std::nullopt));
    EXPECT_EQ(unset.background_threads, std::min(most, 2u));
  }
}

TEST(Settings, OtherOptionsOutOfRangeAreRefusedByName) {
  Options options;
  options.memory_budget_bytes = kMemoryBudgetBytesMin - 1;
  ExpectRefused(options, "memory_budget_bytes");
  options.memory_budget_bytes = kMemoryBudgetBytesMax + 1;
  ExpectRefused(options, "memory_budget_bytes");
  options = {};
  options.tuning.filter_bits_per_key = 33;
  ExpectRefused(options, "filter_bits_per_key");
  options = {};
  options.durability = static_cast<Durability>(3);
  ExpectRefused(options, "durability");
  options = {};
  options.compression = static_cast<Compression>(2);
  ExpectRefused(options, "compression");
  options = {};
  options.log_retention = LogRetention{0, std::chrono::seconds(-1)};
  ExpectRefused(options, "log_retention_seconds");
}

TEST(Settings, ZeroIsAValueWhereItMeansSomething) {
  Options options;
  options.tuning.cache_bytes = 0;
  options.tuning.filter_bits_per_key = 0;
  ASSERT_OK_AND_ASSIGN(const Settings settings, ResolveSettings(options, std::nullopt));
  EXPECT_EQ(settings.cache_bytes, 0u);
  EXPECT_EQ(settings.filter_bits_per_key, 0u);
}

TEST(Settings, TheBudgetDerivesTheRestAndIsNeverExceeded) {
  for (uint64_t budget :
       {kMemoryBudgetBytesMin, uint64_t{10} << 20, uint64_t{256} << 20, uint64_t{64} << 30}) {
    Options options;
    options.memory_budget_bytes = budget;
    ASSERT_OK_AND_ASSIGN(const Settings s, ResolveSettings(options, std::nullopt));
    EXPECT_LE(s.memtables_bytes_max, budget);
    EXPECT_LE(s.cache_bytes, s.capacity_bytes);
    EXPECT_LT(s.capacity_bytes, budget);
    if (budget < 10 << 20) continue;
    EXPECT_LE(s.memtables_bytes_max + s.readers_bytes_max + s.batch_bytes_max, s.capacity_bytes)
        << "what nobody can be asked to let go of fits";
    EXPECT_LE(s.readers_bytes_max, budget);
    EXPECT_LE(s.batch_bytes_max, budget / 4);
    EXPECT_LE(s.batch_bytes_max, kBatchBytesMax);
    EXPECT_NE(SourceOf(s, "memtable_bytes").find("derived"), std::string::npos);
  }
}

TEST(Settings, StoredBeatsDefaultAndGivenBeatsStored) {
  Options first;
  first.durability = Durability::kPower;
  first.compression = Compression::kNone;
  first.log_retention = LogRetention{12345, std::chrono::seconds(60)};
  first.tuning.table_bytes = 1 << 20;
  first.tuning.block_bytes = 1024;
  first.tuning.filter_bits_per_key = 0;
  first.tuning.level0_tables = 7;
  first.tuning.level_multiplier = 5;
  ASSERT_OK_AND_ASSIGN(const Settings made, ResolveSettings(first, std::nullopt));
  const std::string stored = made.EncodeStored();

  ASSERT_OK_AND_ASSIGN(const Settings kept, ResolveSettings(Options(), stored));
  EXPECT_EQ(kept.EncodeStored(), stored);
  EXPECT_EQ(kept.durability, Durability::kPower);
  EXPECT_EQ(kept.compression, Compression::kNone);
  EXPECT_EQ(kept.log_retention.bytes_min, 12345u);
  EXPECT_EQ(kept.log_retention.age_min, std::chrono::seconds(60));
  EXPECT_EQ(kept.table_options().block_bytes, 1024u);
  EXPECT_EQ(kept.table_options().filter_bits_per_key, 0u);
  EXPECT_EQ(kept.compaction().level0_tables, 7u);
  EXPECT_EQ(SourceOf(kept, "table_bytes"), "stored with the database");

  Options second;
  second.durability = Durability::kProcess;
  second.tuning.block_bytes = 2048;
  ASSERT_OK_AND_ASSIGN(const Settings changed, ResolveSettings(second, stored));
  EXPECT_EQ(changed.durability, Durability::kProcess);
  EXPECT_EQ(changed.block_bytes, 2048u);
  EXPECT_EQ(changed.level0_tables, 7u);
  EXPECT_EQ(SourceOf(changed, "block_bytes"), "given");
}

TEST(Settings, WhatBelongsToTheProcessIsNotStored) {
  Options options;
  options.tuning.memtable_bytes = 64 << 10;
  options.tuning.background_threads = 9;
  ASSERT_OK_AND_ASSIGN(const Settings made, ResolveSettings(options, std::nullopt));
  ASSERT_OK_AND_ASSIGN(const Settings later, ResolveSettings(Options(), made.EncodeStored()));
  EXPECT_NE(later.memtable_bytes, made.memtable_bytes);
  EXPECT_EQ(later.background_threads, 2u);
}

TEST(Settings, AStoredNameThisVersionDoesNotKnowIsRefusedByName) {
  const std::string stored = ResolveSettings(Options(), std::nullopt)->EncodeStored();
  const Status status = ResolveSettings(Options(), stored + "shape_of_things=1\n").status();
  EXPECT_STATUS(kNotSupported, status);
  EXPECT_EQ(status.message(), "stored settings: this version does not know \"shape_of_things\"");
}

TEST(Settings, AStoredValueOutOfRangeIsDamageUnlessAnotherIsGiven) {
  EXPECT_STATUS(kCorruption, ResolveSettings(Options(), "block_bytes=7\n"));
  Options options;
  options.tuning.block_bytes = 4096;
  EXPECT_OK(ResolveSettings(options, "block_bytes=7\n"));
}

TEST(Settings, StoredTextThatIsNoneIsDamage) {
  for (const char* text : {"block_bytes", "block_bytes=", "block_bytes=12x\n", "=\n", "\n\n",
                           "block_bytes=-4\n", "block_bytes=99999999999999999999999\n"}) {
    EXPECT_STATUS(kCorruption, ResolveSettings(Options(), text)) << text;
  }
  EXPECT_OK(ResolveSettings(Options(), ""));
  EXPECT_OK(ResolveSettings(Options(), "block_bytes=4096"));  // the last line end may be missing
}

}  // namespace
}  // namespace logwood
