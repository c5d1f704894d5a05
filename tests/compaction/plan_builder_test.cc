// PlanBuilder: plans are made exactly when the conditions of compaction/picker.h hold, and hold
// what they say.
#include "compaction/plan_builder.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "util/random.h"

namespace logwood {
namespace {

using Numbers = std::vector<uint64_t>;

Numbers NumbersOf(const std::vector<TableMetaPtr>& tables) {
  Numbers numbers;
  for (const TableMetaPtr& table : tables) numbers.push_back(table->number);
  return numbers;
}

class PlanBuilderTest : public ::testing::Test {
 protected:
  PlanBuilderTest() { settings_.level0_tables = 1; }

  // In level 0 the highest number is the newest; deeper down they are added by key.
  TableMetaPtr Add(int level, uint64_t number, const std::string& begin, const std::string& end,
                   uint64_t size = 10, uint64_t tombstones = 0) {
    auto meta = std::make_shared<TableMeta>();
    meta->number = meta->min_position = meta->max_position = number;
    meta->begin = begin;
    meta->end = end;
    meta->size = meta->entries = size;
    meta->tombstones = tombstones;
    auto& tables = shape_.levels[static_cast<size_t>(level)];
    tables.push_back(meta);
    if (level == 0) {
      std::sort(tables.begin(), tables.end(),
                [](const auto& a, const auto& b) { return a->number > b->number; });
    }
    EXPECT_TRUE(shape_.Validate().ok()) << shape_.Validate().ToString();
    return meta;
  }
  void RunInto(int level, const std::string& begin, const std::string& end) {
    busy_.outputs.push_back({level, begin, end});
  }
  std::optional<CompactionPlan> Make(int input_level, int output_level,
                                     std::vector<TableMetaPtr> inputs) {
    return builder_.Make(CompactionReason::kManual, input_level, output_level, std::move(inputs));
  }
  std::optional<CompactionPlan> MakeLevel0(int base_level, const std::string& from,
                                           const std::string& to) {
    return builder_.MakeLevel0(CompactionReason::kManual, base_level, from, to);
  }

  LevelShape shape_;
  CompactionSettings settings_;
  BusyTables busy_;
  const PlanBuilder builder_{shape_, settings_, busy_};
};

TEST_F(PlanBuilderTest, AHullHoldsAllThatWasAdded) {
  KeyHull range;
  EXPECT_TRUE(range.empty());
  range.Add("c", "d");
  range.Add("e", "f");
  range.Add("a", "b");
  EXPECT_EQ(range.begin, "a");
  EXPECT_EQ(range.end, "f");
}

TEST_F(PlanBuilderTest, AnOlderLevel0TableBelowAnInputMustBeOneToo) {
  const auto oldest = Add(0, 1, "a", "e"), middle = Add(0, 2, "x", "y"),
             newest = Add(0, 3, "d", "h");
  EXPECT_FALSE(Make(0, 1, {newest}));
  EXPECT_FALSE(Make(0, 1, {newest, middle}));
  EXPECT_TRUE(Make(0, 1, {newest, oldest}));
  EXPECT_TRUE(Make(0, 1, {oldest})) << "a newer one may stay above";
  EXPECT_TRUE(Make(0, 1, {middle}));
}

TEST_F(PlanBuilderTest, EndsAreExclusiveInEveryComparison) {
  const auto input = Add(0, 3, "d", "h");
  Add(0, 1, "a", "d");
  Add(1, 4, "h", "k");
  RunInto(1, "a", "d");
  Add(2, 5, "b", "d");
  RunInto(2, "h", "z");
  ASSERT_TRUE(Make(0, 1, {input}));
  const auto plan = Make(0, 2, {input});
  ASSERT_TRUE(plan);
  EXPECT_TRUE(plan->output_overlap.empty());
  EXPECT_TRUE(plan->bottom);
}

// The overlap of the output level widens what must be free there, but not in between.
TEST_F(PlanBuilderTest, OfTheOutputLevelTheWholeRangeMustBeFree) {
  const auto input = Add(0, 3, "d", "e");
  Add(2, 5, "a", "h");
  Add(1, 6, "f", "g");
  EXPECT_TRUE(Make(0, 2, {input}));
  RunInto(2, "g", "k");
  EXPECT_FALSE(Make(0, 2, {input}));
}

TEST_F(PlanBuilderTest, TheRangeOfTheOutputDecidesWhetherItIsTheBottom) {
  const auto input = Add(1, 3, "d", "e");
  Add(2, 5, "a", "h");
  EXPECT_TRUE(Make(1, 2, {input})->bottom);
  Add(6, 7, "a", "b");
  const auto plan = Make(1, 2, {input});
  ASSERT_TRUE(plan);
  EXPECT_FALSE(plan->bottom) << "keys of table 5 may have older versions there";
  EXPECT_EQ(plan->begin, "a");
  EXPECT_EQ(plan->end, "h");
}

TEST_F(PlanBuilderTest, WhatARunningJobWritesDeeperMayBeOlder) {
  const auto input = Add(1, 3, "d", "e");
  RunInto(4, "d", "e");
  const auto plan = Make(1, 2, {input});
  ASSERT_TRUE(plan);
  EXPECT_FALSE(plan->bottom);
}

TEST_F(PlanBuilderTest, NeighboursThatCostNoFurtherOutputTableAreTakenIn) {
  Add(1, 1, "a", "c");
  const auto input = Add(1, 2, "c", "e");
  Add(1, 3, "e", "g");
  Add(1, 4, "g", "i");
  Add(2, 5, "b", "f");
  Add(2, 6, "f", "h");
  EXPECT_EQ(NumbersOf(Make(1, 2, {input})->inputs), (Numbers{1, 2}));
  busy_.tables = {1};
  EXPECT_EQ(NumbersOf(Make(1, 2, {input})->inputs), (Numbers{2}));
  busy_.tables = {};
  settings_.job_bytes_max = 29;  // the two and what they overlap have 30
  EXPECT_EQ(NumbersOf(Make(1, 2, {input})->inputs), (Numbers{2}));
}

TEST_F(PlanBuilderTest, ARewriteNeedsRoomAndAMoveDoesNot) {
  const auto input = Add(1, 2, "c", "e", 100);
  settings_.room_bytes = 50;
  ASSERT_TRUE(Make(1, 2, {input}));
  EXPECT_TRUE(Make(1, 2, {input})->trivial_move);
  Add(2, 5, "d", "f", 10);
  EXPECT_FALSE(Make(1, 2, {input}));
  settings_.room_bytes = 110;
  EXPECT_TRUE(Make(1, 2, {input}));
}

TEST_F(PlanBuilderTest, WhatIsCostlyToMoveOnOrBetterDroppedIsRewritten) {
  const auto plain = Add(1, 2, "c", "e"), tombstones = Add(1, 3, "k", "l", 10, 9);
  Add(3, 7, "c", "d", 500);
  settings_.grandparent_bytes_max = 500;
  EXPECT_TRUE(Make(1, 2, {plain})->trivial_move);
  settings_.grandparent_bytes_max = 499;
  EXPECT_FALSE(Make(1, 2, {plain})->trivial_move);
  EXPECT_FALSE(Make(1, 2, {tombstones})->trivial_move);
  Add(4, 8, "k", "l");
  EXPECT_TRUE(Make(1, 2, {tombstones})->trivial_move) << "a rewrite could not drop them";
}

// 4 lies over 3 over 2; 1 over nothing.
TEST_F(PlanBuilderTest, FromLevel0AllThatIsTiedByOverlapGoes) {
  Add(0, 1, "x", "z");
  Add(0, 2, "a", "d");
  Add(0, 3, "c", "f");
  Add(0, 4, "e", "h");
  auto plan = MakeLevel0(6, "g", "h");
  ASSERT_TRUE(plan);
  EXPECT_EQ(NumbersOf(plan->inputs), (Numbers{4, 3, 2}));
  EXPECT_EQ(plan->output_level, 6);
  plan = MakeLevel0(6, "y", "");
  ASSERT_TRUE(plan);
  EXPECT_EQ(NumbersOf(plan->inputs), (Numbers{1}));
  EXPECT_FALSE(MakeLevel0(6, "k", "l"));
}

TEST_F(PlanBuilderTest, FromLevel0TheOldestGoFirstAndNoneLeavesFromAboveOneThatStays) {
  Add(0, 1, "a", "d", 40);
  Add(0, 2, "c", "f", 40);
  Add(0, 3, "e", "h", 40);
  settings_.job_bytes_max = 80;
  EXPECT_EQ(NumbersOf(MakeLevel0(6, "", "")->inputs), (Numbers{2, 1}));
  busy_.tables = {2};
  EXPECT_EQ(NumbersOf(MakeLevel0(6, "", "")->inputs), (Numbers{1}));
  busy_.tables = {1};
  EXPECT_FALSE(MakeLevel0(6, "", ""));
}

TEST_F(PlanBuilderTest, FromLevel0TheFirstLevelWithOverlapIsTheOutput) {
  Add(0, 1, "a", "d");
  Add(3, 2, "x", "z");
  Add(4, 3, "c", "e");
  const auto plan = MakeLevel0(6, "", "");
  ASSERT_TRUE(plan);
  EXPECT_EQ(plan->output_level, 4);
  EXPECT_EQ(NumbersOf(plan->output_overlap), (Numbers{3}));
  EXPECT_EQ(MakeLevel0(2, "", "")->output_level, 2) << "no deeper than asked for";
}

TEST_F(PlanBuilderTest, MovesOutOfLevel0TakeOnlyWhatOverlapsNothingOnTheWay) {
  Add(0, 1, "a", "c");
  Add(0, 2, "d", "f");
  Add(0, 3, "e", "g");  // over table 2
  Add(0, 4, "h", "i");
  Add(0, 5, "k", "l");
  Add(4, 6, "h", "i");
  busy_.tables = {5};
  const auto plan = builder_.MoveLevel0(5);
  ASSERT_TRUE(plan);
  EXPECT_TRUE(plan->trivial_move);
  EXPECT_EQ(plan->output_level, 6);
  EXPECT_EQ(NumbersOf(plan->inputs), (Numbers{1}));
  RunInto(5, "b", "c");
  EXPECT_FALSE(builder_.MoveLevel0(5));
}

TEST_F(PlanBuilderTest, FromLevel0AQuarantinedTableIsPassedOneLevelHigher) {
  Add(0, 1, "a", "m");
  Add(3, 2, "a", "c");
  Add(3, 3, "e", "f");
  busy_.quarantined = {3};
  auto plan = MakeLevel0(6, "", "");
  ASSERT_TRUE(plan);
  EXPECT_EQ(plan->output_level, 2);
  EXPECT_TRUE(plan->output_overlap.empty());
  EXPECT_FALSE(plan->bottom);
  RunInto(2, "k", "n");
  EXPECT_FALSE(MakeLevel0(6, "", "")) << "into what a running job writes";
  busy_ = {};
  busy_.tables = {3};
  EXPECT_FALSE(MakeLevel0(6, "", "")) << "what is merely busy is waited for";
}

TEST_F(PlanBuilderTest, StuckTablesOfLevel0PressOnceTheyAreTooMany) {
  Add(1, 1, "a", "c");
  Add(0, 2, "x", "y");
  const auto pressing = [this] { return PressingLevel0Tables(shape_, StuckTables(shape_, {1})); };
  for (size_t i = 0; i < kStuckLevel0Max; ++i) Add(0, 3 + i, "b", "d");
  EXPECT_EQ(pressing(), 1u);
  for (size_t i = 0; i < 5; ++i) Add(0, 3 + kStuckLevel0Max + i, "b", "d");
  EXPECT_EQ(pressing(), 6u);
}

TEST_F(PlanBuilderTest, MovesDownStopOnceTheyAddUp) {
  std::vector<TableMetaPtr> tables = {Add(2, 1, "a", "b"), Add(2, 2, "c", "d"), Add(2, 3, "e", "f"),
                                      Add(2, 4, "g", "h")};
  Add(3, 5, "a", "b");
  const auto move = [&](uint64_t bytes) {
    const auto plan = builder_.MoveDown(CompactionReason::kLevelSize, 2, tables, bytes);
    return plan ? NumbersOf(plan->inputs) : Numbers{};
  };
  EXPECT_EQ(move(~uint64_t{0}), (Numbers{2, 3, 4}));
  EXPECT_EQ(move(20), (Numbers{2, 3}));
  EXPECT_EQ(move(11), (Numbers{2, 3}));
  EXPECT_EQ(move(10), (Numbers{2}));
}

TEST_F(PlanBuilderTest, ARemovalStaysInItsLevelAndReadsNothing) {
  const auto waste = Add(2, 1, "a", "c");
  Add(3, 2, "a", "c");
  settings_.room_bytes = 0;
  const auto plan = builder_.MakeRemoval(CompactionReason::kDroppedKeyspace, 2, {waste});
  EXPECT_TRUE(plan.only_waste);
  EXPECT_EQ(plan.input_level, 2);
  EXPECT_EQ(plan.output_level, 2);
  EXPECT_EQ(NumbersOf(plan.inputs), (Numbers{1}));
  EXPECT_TRUE(plan.output_overlap.empty());
}

// ---- Against conditions (a) to (c), written down without any cleverness.

class RandomPlans : public PlanBuilderTest {
 protected:
  static std::string Letter(uint64_t n) { return std::string(1, static_cast<char>('a' + n)); }

  void MakeShape(Random* random) {
    const uint64_t level0_tables = 1 + random->Uniform(5);
    for (uint64_t number = 1; number <= level0_tables; ++number) {
      const uint64_t begin = random->Uniform(24);
      Add(0, number, Letter(begin), Letter(begin + 1 + random->Uniform(25 - begin)));
    }
    uint64_t number = 10;
    for (int level = 1; level <= 4; ++level) {
      for (uint64_t at = random->Uniform(12); at < 24; at += random->Uniform(12)) {
        const uint64_t end = std::min<uint64_t>(25, at + 1 + random->Uniform(5));
        if (random->OneIn(2)) Add(level, number++, Letter(at), Letter(end));
        at = end;
      }
    }
    for (uint64_t n = random->Uniform(3); n > 0; --n) busy_.tables.insert(1 + random->Uniform(20));
    for (uint64_t n = random->Uniform(3); n > 0; --n) {
      const uint64_t begin = random->Uniform(24);
      RunInto(1 + static_cast<int>(random->Uniform(4)), Letter(begin), Letter(begin + 2));
    }
  }

  // A run of neighbours, or any choice from level 0.
  std::vector<TableMetaPtr> ChooseInputs(int level, Random* random) {
    std::vector<TableMetaPtr> inputs;
    for (const TableMetaPtr& table : shape_.levels[static_cast<size_t>(level)]) {
      if (random->OneIn(2)) {
        inputs.push_back(table);
      } else if (level != 0 && !inputs.empty()) {
        break;
      }
    }
    return inputs;
  }

  bool SomethingIn(int level, const KeyHull& range) const {
    for (const TableMetaPtr& table : shape_.levels[static_cast<size_t>(level)]) {
      if (table->Overlaps(range.begin, range.end)) return true;
    }
    return OutputIn(level, range);
  }
  bool OutputIn(int level, const KeyHull& range) const {
    for (const BusyTables::Range& output : busy_.outputs) {
      if (output.level == level && output.begin < range.end && range.begin < output.end)
        return true;
    }
    return false;
  }

  bool Allowed(int input_level, int output_level, const std::vector<TableMetaPtr>& inputs) const {
    KeyHull range;
    for (const TableMetaPtr& input : inputs) {
      range.Add(input->begin, input->end);
      if (busy_.tables.count(input->number) != 0) return false;
      for (const TableMetaPtr& other : shape_.levels[0]) {
        const bool is_input = std::count(inputs.begin(), inputs.end(), other) != 0;
        if (input_level == 0 && !is_input && other->number < input->number &&
            other->Overlaps(input->begin, input->end)) {
          return false;
        }
      }
    }
    for (int level = input_level + 1; level < output_level; ++level) {
      if (SomethingIn(level, range)) return false;
    }
    const KeyHull inputs_range = range;
    for (const TableMetaPtr& table : shape_.levels[static_cast<size_t>(output_level)]) {
      if (!table->Overlaps(inputs_range.begin, inputs_range.end)) continue;
      if (busy_.tables.count(table->number) != 0) return false;
      range.Add(table->begin, table->end);
    }
    return !OutputIn(output_level, range);
  }
};

TEST_F(RandomPlans, AreMadeExactlyWhereTheConditionsHold) {
  int made = 0, refused = 0;
  for (uint64_t seed = 1; seed <= 3000 && !HasFailure(); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Random random(seed);
    shape_ = {};
    busy_ = {};
    MakeShape(&random);
    const int input_level = static_cast<int>(random.Uniform(4));
    const int output_level = input_level + 1 + static_cast<int>(random.Uniform(2));
    const std::vector<TableMetaPtr> inputs = ChooseInputs(input_level, &random);
    if (inputs.empty()) continue;
    const auto plan = Make(input_level, output_level, inputs);
    ASSERT_EQ(plan.has_value(), Allowed(input_level, output_level, inputs)) << ToText(shape_);
    ++(plan ? made : refused);
    if (!plan) continue;
    SCOPED_TRACE(ToText(*plan) + "\n" + ToText(shape_));
    // With the neighbours taken in it is still one that may be made, with all that it overlaps.
    EXPECT_TRUE(Allowed(input_level, output_level, plan->inputs));
    const KeyHull range{plan->begin, plan->end};
    EXPECT_EQ(NumbersOf(plan->output_overlap),
              NumbersOf(shape_.Overlapping(output_level, range.begin, range.end)));
    bool bottom = true;
    for (int level = output_level + 1; level < kLevels; ++level) {
      bottom &= !SomethingIn(level, range);
    }
    EXPECT_EQ(plan->bottom, bottom);
  }
  EXPECT_GT(made, 300);
  EXPECT_GT(refused, 300);
}

}  // namespace
}  // namespace logwood
