// The picker on simulated trees: random writes, plans that run for a while in parallel, and after
// each step the invariants.
#include <gtest/gtest.h>

#include <cstdio>

#include "tests/compaction/shape_simulation.h"

namespace logwood {
namespace {

using testing::SimulatedTree;

CompactionSettings SmallSettings() {
  CompactionSettings settings;
  settings.base_bytes = 200;
  settings.table_bytes = 50;
  settings.grandparent_bytes_max = 500;
  settings.job_bytes_max = 800;
  settings.level_multiplier = 5;
  settings.oldest_snapshot = kPositionMax;
  return settings;
}

std::string KeyOf(uint64_t n) {
  char text[24];
  std::snprintf(text, sizeof(text), "%08llu", static_cast<unsigned long long>(n));
  return text;
}

// What the header promises of a plan, checked against the shape and what runs.
void CheckPlan(const LevelShape& shape, const BusyTables& busy, const CompactionPlan& plan,
               const std::vector<CompactionPlan>& running) {
  SCOPED_TRACE(ToText(plan));
  ASSERT_FALSE(plan.inputs.empty());
  for (const auto* tables : {&plan.inputs, &plan.output_overlap}) {
    for (const TableMetaPtr& table : *tables) {
      EXPECT_EQ(busy.tables.count(table->number), 0u);
      EXPECT_TRUE(plan.trivial_move || busy.quarantined.count(table->number) == 0);
      EXPECT_GE(table->begin, plan.begin);
      EXPECT_LE(table->end, plan.end);
    }
  }
  if (plan.trivial_move) {
    EXPECT_TRUE(plan.output_overlap.empty());
    for (const TableMetaPtr& table : plan.inputs) {
      for (int level = plan.input_level + 1; level <= plan.output_level; ++level) {
        EXPECT_TRUE(shape.Overlapping(level, table->begin, table->end).empty());
        for (const CompactionPlan& other : running) {
          EXPECT_FALSE(other.output_level == level && other.begin < table->end &&
                       table->begin < other.end);
        }
      }
    }
    return;
  }
  if (plan.input_level != plan.output_level) {
    EXPECT_EQ(shape.Overlapping(plan.output_level, plan.begin, plan.end).size(),
              plan.output_overlap.size());
  }
  for (const CompactionPlan& other : running) {
    EXPECT_FALSE(other.output_level == plan.output_level && other.begin < plan.end &&
                 plan.begin < other.end && !other.trivial_move);
  }
}

class RandomTree {
 public:
  RandomTree(uint64_t seed, const CompactionSettings& settings)
      : random_(seed), settings_(settings), tree_(settings) {}

  // Half of the puts expire where `ttl_us` is given, at most so long after now.
  void FlushSome(uint64_t keys, size_t count, uint64_t deletes_one_in, uint64_t ttl_us = 0) {
    SimulatedTree::Content content;
    const uint64_t window = 1 + random_.Uniform(keys);  // narrow flushes leave gaps
    const uint64_t first = random_.Uniform(keys - window + 1);
    for (size_t i = 0; i < count; ++i) {
      const std::string key = KeyOf(first + random_.Uniform(window));
      SimulatedTree::Version version{++position_, random_.OneIn(deletes_one_in)};
      if (ttl_us != 0 && !version.tombstone && random_.OneIn(2))
        version.expires_us = settings_.expired_us + 1 + random_.Uniform(ttl_us);
      content[key] = model_[key] = version;
    }
    tree_.Flush(content);
  }

  bool Start() {
    auto plan = PickCompaction(tree_.shape(), settings_, busy_);
    if (!plan) return false;
    CheckPlan(tree_.shape(), busy_, *plan, running_);
    busy_.Add(*plan);
    running_.push_back(std::move(*plan));
    return true;
  }

  void FinishOne() {
    if (running_.empty()) return;
    const size_t index = random_.Uniform(running_.size());
    const CompactionPlan plan = running_[index];
    running_.erase(running_.begin() + static_cast<std::ptrdiff_t>(index));
    tree_.Apply(plan, settings_.expired_us);
    busy_.Remove(plan);
    const Status status = tree_.shape().Validate();
    ASSERT_TRUE(status.ok()) << status.ToString() << "\n" << ToText(plan);
  }

  // One table more that cannot be read, of those that no job holds.
  void Quarantine() {
    std::vector<uint64_t> idle;
    for (const auto& tables : tree_.shape().levels) {
      for (const auto& table : tables) {
        if (busy_.tables.count(table->number) == 0) idle.push_back(table->number);
      }
    }
    if (!idle.empty()) busy_.quarantined.insert(idle[random_.Uniform(idle.size())]);
  }

  // As if it were opened with other options: the base level moves, level-0 jobs are cut short.
  void ChangeSettings() {
    settings_.level0_tables = static_cast<uint32_t>(2 + random_.Uniform(4));
    settings_.base_bytes = 50 << random_.Uniform(6);
    settings_.job_bytes_max = 20 << random_.Uniform(7);
    settings_.grandparent_bytes_max = 100 << random_.Uniform(5);
  }

  // Every reader finds the newest version, a deleted key stays deleted. Looks at one key in `n`.
  void CheckContents(uint64_t n) {
    for (const auto& [key, version] : model_) {
      if (!random_.OneIn(n)) continue;
      const SimulatedTree::Version* found = tree_.Find(key);
      if (IsGone(version)) {
        EXPECT_TRUE(found == nullptr || IsGone(*found)) << key;
      } else {
        ASSERT_NE(found, nullptr) << key;
        EXPECT_EQ(found->position, version.position) << key;
      }
    }
  }

  bool IsGone(const SimulatedTree::Version& version) const {
    return version.tombstone ||
           (version.expires_us != 0 && version.expires_us <= settings_.expired_us);
  }

  void Settle() {
    size_t steps = 0;
    while (!running_.empty() || Start()) {
      FinishOne();
      ASSERT_LT(++steps, 10'000u) << "does not come to rest\n" << ToText(tree_.shape());
    }
  }

  Random random_;
  CompactionSettings settings_;
  SimulatedTree tree_;
  BusyTables busy_;
  std::vector<CompactionPlan> running_;
  std::map<std::string, SimulatedTree::Version> model_;
  LogPos position_ = 0;
};

TEST(PickerRandom, InvariantsHoldWithJobsInParallel) {
  for (uint64_t seed = 1; seed <= 300; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    RandomTree tree(seed, SmallSettings());
    const uint64_t keys = 50 + tree.random_.Skewed(12);
    const uint64_t deletes_one_in = 2 + tree.random_.Uniform(6);
    for (int round = 0; round < 300 && !::testing::Test::HasFatalFailure(); ++round) {
      if (tree.random_.OneIn(2)) {
        tree.FlushSome(keys, 1 + tree.random_.Uniform(60), deletes_one_in);
      }
      if (tree.random_.OneIn(20)) tree.ChangeSettings();
      if (tree.running_.size() < 4) tree.Start();
      if (tree.random_.OneIn(3)) tree.FinishOne();
      tree.CheckContents(10);
    }
    tree.Settle();
    tree.CheckContents(1);
    EXPECT_EQ(CompactionDebt(tree.tree_.shape(), tree.settings_), 0u);
    EXPECT_LT(tree.tree_.shape().levels[0].size(), tree.settings_.level0_tables);
    if (::testing::Test::HasFailure()) return;
  }
}

// While nobody writes time goes on: each table is picked once enough of it has expired, and it
// comes to rest at each time. At last little is left but what never expires.
TEST(PickerRandom, WhatExpiresGoesAndItComesToRest) {
  for (uint64_t seed = 1; seed <= 100; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    RandomTree tree(seed, SmallSettings());
    const uint64_t keys = 300 + tree.random_.Skewed(11);
    for (int round = 0; round < 80; ++round) {
      tree.FlushSome(keys, 1 + tree.random_.Uniform(60), 10, 1000);
      if (tree.running_.size() < 3) tree.Start();
      if (tree.random_.OneIn(2)) tree.FinishOne();
      tree.settings_.expired_us += tree.random_.Uniform(10);
      tree.CheckContents(10);
    }
    const LevelShape& shape = tree.tree_.shape();
    for (int step = 0; step < 25; ++step) {
      tree.Settle();
      tree.CheckContents(5);
      ASSERT_FALSE(::testing::Test::HasFailure());
      for (const TableMetaPtr& table : shape.levels[kLevels - 1]) {
        const uint64_t gone = table->expiry.ExpiredBy(tree.settings_.expired_us);
        EXPECT_LE(static_cast<double>(gone),
                  tree.settings_.tombstone_ratio * static_cast<double>(table->entries));
      }
      tree.settings_.expired_us += 1 + tree.random_.Uniform(100);
    }
    tree.settings_.expired_us += 2000;
    tree.Settle();
    tree.CheckContents(1);
    uint64_t gone = 0, entries = 0;
    for (const auto& tables : shape.levels) {
      for (const TableMetaPtr& table : tables) {
        gone += table->expiry.entries;
        entries += table->entries;
      }
    }
    EXPECT_LE(gone, entries / 2) << ToText(shape);
  }
}

TEST(PickerRandom, WhatCannotBeReadIsCompactedAround) {
  for (uint64_t seed = 1; seed <= 200; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    RandomTree tree(seed, SmallSettings());
    const uint64_t keys = 500 + tree.random_.Skewed(11);
    for (int round = 0; round < 200 && !::testing::Test::HasFatalFailure(); ++round) {
      if (tree.random_.OneIn(2)) tree.FlushSome(keys, 1 + tree.random_.Uniform(60), 6);
      if (round == 60 || round == 120) tree.Quarantine();
      if (tree.running_.size() < 3) tree.Start();
      if (tree.random_.OneIn(2)) tree.FinishOne();
      tree.CheckContents(10);
    }
    tree.Settle();
    tree.CheckContents(1);
    EXPECT_LT(tree.tree_.shape().levels[0].size(), tree.settings_.level0_tables)
        << ToText(tree.tree_.shape());
    size_t found = 0;
    for (const auto& tables : tree.tree_.shape().levels) {
      for (const auto& table : tables) found += tree.busy_.quarantined.count(table->number);
    }
    EXPECT_EQ(found, tree.busy_.quarantined.size());
    if (::testing::Test::HasFailure()) return;
  }
}

// Flushes of random keys, and the compactions that they make due, beside each step.
TEST(PickerRandom, ManualCompactionEndsWhileWritersGoOn) {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    RandomTree tree(seed, SmallSettings());
    const auto write = [&](int flushes) {
      for (int i = 0; i < flushes; ++i) {
        tree.FlushSome(3000, 60, 4);
        while (tree.Start()) tree.FinishOne();
      }
    };
    write(200);
    const LevelShape& shape = tree.tree_.shape();
    ASSERT_LE(ComputeTargets(shape, tree.settings_).base_level, 5);
    ManualRange range;
    range.up_to = tree.position_;
    for (const auto& tables : shape.levels) {
      for (const auto& table : tables) {
        range.rewrite_below = std::max(range.rewrite_below, table->number + 1);
      }
    }
    bool blocked = false;
    int steps = 0;
    while (const auto plan = PickManual(shape, tree.settings_, {}, range, &blocked)) {
      ASSERT_LT(++steps, 300) << ToText(shape);
      tree.tree_.Apply(*plan);
      write(static_cast<int>(tree.settings_.level0_tables));
    }
    EXPECT_FALSE(blocked);
    for (int level = 0; level < shape.LastLevel(); ++level) {
      for (const auto& table : shape.levels[static_cast<size_t>(level)]) {
        EXPECT_GT(table->min_position, range.up_to) << "level " << level;
      }
    }
    tree.CheckContents(1);
  }
}

TEST(PickerRandom, ManualCompactionEndsWithOneLevel) {
  for (uint64_t seed = 1; seed <= 60; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    RandomTree tree(seed, SmallSettings());
    for (int round = 0; round < 60; ++round) {
      tree.FlushSome(3000, 1 + tree.random_.Uniform(60), 4);
      if (tree.Start()) tree.FinishOne();
    }
    ManualRange range;
    range.force_last_level = true;
    range.rewrite_below = 1'000'000;
    bool blocked = true;
    for (int step = 0; step < 1000; ++step) {
      // Numbers of outputs go up: nothing is rewritten twice.
      if (tree.tree_.shape().LevelBytes(0) == 0 && range.rewrite_below == 1'000'000) {
        range.rewrite_below = 0;
        for (const auto& tables : tree.tree_.shape().levels) {
          for (const auto& table : tables) {
            range.rewrite_below = std::max(range.rewrite_below, table->number + 1);
          }
        }
      }
      const auto plan = PickManual(tree.tree_.shape(), tree.settings_, {}, range, &blocked);
      if (!plan) break;
      CheckPlan(tree.tree_.shape(), {}, *plan, {});
      tree.tree_.Apply(*plan);
      ASSERT_TRUE(tree.tree_.shape().Validate().ok());
    }
    EXPECT_FALSE(blocked);
    tree.CheckContents(1);
    const LevelShape& shape = tree.tree_.shape();
    EXPECT_EQ(shape.LevelBytes(shape.LastLevel()), shape.TotalBytes());
    for (const auto& table : shape.levels[6]) EXPECT_EQ(table->tombstones, 0u);
    if (::testing::Test::HasFailure()) return;
  }
}

TEST(Picker, SequentialFillIsNeverRewritten) {
  SimulatedTree tree(SmallSettings());
  LogPos position = 0;
  for (int flush = 0; flush < 400; ++flush) {
    SimulatedTree::Content content;
    for (int i = 0; i < 50; ++i) {
      ++position;
      content[KeyOf(position)] = {position, false};
    }
    tree.Flush(content);
    while (auto plan = PickCompaction(tree.shape(), SmallSettings(), {})) {
      EXPECT_TRUE(plan->trivial_move) << ToText(*plan);
      tree.Apply(*plan);
    }
    EXPECT_TRUE(tree.shape().levels[0].empty());
  }
  EXPECT_EQ(tree.written(), 0u);
  EXPECT_EQ(tree.shape().LevelBytes(6), tree.flushed());
}

TEST(Picker, DebtIsMonotoneInLevel0Bytes) {
  for (uint64_t seed = 1; seed <= 200; ++seed) {
    RandomTree tree(seed, SmallSettings());
    for (int round = 0; round < 40; ++round) {
      tree.FlushSome(3000, 60, 4);
      if (tree.random_.OneIn(3) && tree.Start()) tree.FinishOne();
    }
    LevelShape shape = tree.tree_.shape();
    uint64_t last = CompactionDebt(shape, tree.settings_);
    for (int i = 0; i < 20; ++i) {
      auto table = std::make_shared<TableMeta>();
      table->size = tree.random_.Uniform(300);
      shape.levels[0].push_back(table);
      const uint64_t debt = CompactionDebt(shape, tree.settings_);
      EXPECT_GE(debt, last) << "seed " << seed;
      last = debt;
    }
  }
}

// ---- What picking by overlap costs, against going round by key (0004-compaction-picking.md).

struct Cost {
  double write_amplification, space_amplification;
};

Cost Fill(bool round_robin, uint64_t keys, uint64_t writes, bool skewed) {
  CompactionSettings settings;
  settings.base_bytes = 600;
  settings.table_bytes = 75;
  settings.grandparent_bytes_max = 750;
  settings.job_bytes_max = 1200;
  SimulatedTree tree(settings);
  Random random(42);
  std::array<std::string, kLevels> cursor;
  LogPos position = 0;
  while (position < writes) {
    SimulatedTree::Content content;
    while (content.size() < 150) {
      const uint64_t n =
          skewed && !random.OneIn(5) ? random.Uniform(keys / 20) * 20 : random.Uniform(keys);
      content[KeyOf(n)] = {++position, false};
    }
    tree.Flush(content);
    while (auto plan = PickCompaction(tree.shape(), settings, {})) {
      const auto level = static_cast<size_t>(plan->input_level);
      if (round_robin && level > 0 && !plan->trivial_move) {
        // The same decision with the next table by key instead.
        const auto& tables = tree.shape().levels[level];
        size_t index = tree.shape().FirstEndingAfter(plan->input_level, cursor[level]);
        if (index == tables.size()) index = 0;
        plan->inputs = {tables[index]};
        plan->begin = tables[index]->begin;
        cursor[level] = plan->end = tables[index]->end;
        plan->output_overlap = tree.shape().Overlapping(plan->output_level, plan->begin, plan->end);
        for (const auto& table : plan->output_overlap) {
          plan->begin = std::min(plan->begin, table->begin);
          plan->end = std::max(plan->end, table->end);
        }
        plan->grandparents =
            plan->output_level + 1 < kLevels
                ? tree.shape().Overlapping(plan->output_level + 1, plan->begin, plan->end)
                : std::vector<TableMetaPtr>{};
      }
      tree.Apply(*plan);
    }
  }
  EXPECT_TRUE(tree.shape().Validate().ok());
  return {1 + static_cast<double>(tree.written()) / static_cast<double>(tree.flushed()),
          static_cast<double>(tree.shape().TotalBytes()) /
              static_cast<double>(tree.shape().LevelBytes(kLevels - 1))};
}

TEST(Picker, PickingByOverlapWritesNoMoreThanGoingRound) {
  for (const bool skewed : {false, true}) {
    const Cost by_overlap = Fill(false, 30'000, 100'000, skewed);
    const Cost going_round = Fill(true, 30'000, 100'000, skewed);
    std::printf("%s keys: by overlap %.2f written a byte, space %.3f; going round %.2f, %.3f\n",
                skewed ? "skewed" : "uniform", by_overlap.write_amplification,
                by_overlap.space_amplification, going_round.write_amplification,
                going_round.space_amplification);
    EXPECT_LT(by_overlap.write_amplification, going_round.write_amplification * 1.01);
    EXPECT_LT(by_overlap.write_amplification, 13);
    EXPECT_LT(by_overlap.space_amplification, 1.3);
  }
}

}  // namespace
}  // namespace logwood
