// Salvage of databases with merges: each operand is there once, in its order, or its key is inside
// of what is told as lost; and the new database has the operators of the old one.
#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "db/salvage.h"
#include "tests/db/handmade_database.h"
#include "tests/db/salvage_shown.h"
#include "util/merge_value.h"

namespace logwood {
namespace {

// A list, as Append(",") makes it, that no program but this test knows.
class UnknownList : public MergeOperator {
 public:
  std::string_view name() const override { return "test.list"; }
  uint32_t version() const override { return 3; }
  Status Check(std::string_view operand) const override {
    return operand.find(',') == operand.npos ? Status::Ok() : Status::InvalidArgument("combined");
  }
  bool Merge(std::string_view older, std::string_view newer, std::string* result) const override {
    result->append(older).append(",").append(newer);
    return true;
  }
};

class SalvageOperandsTest : public testing::Test {
 protected:
  using Content = std::map<std::string, std::string>;

  void Put(WriteBatch* batch, const std::string& key, const std::string& value) {
    batch->Put(key, value);
    rows_[key] = value;
  }
  void Merge(WriteBatch* batch, const std::string& key, const std::string& operand) {
    batch->Merge(key, operand);
    std::string& value = rows_[key];
    value += (value.empty() ? "" : ",") + operand;
  }
  void DeleteRange(WriteBatch* batch, const std::string& from, const std::string& to) {
    batch->DeleteRange(from, to);
    rows_.erase(rows_.lower_bound(from), rows_.lower_bound(to));
  }
  void Change(Random* random, int step) {
    const auto key = [&] { return "k" + std::to_string(10 + random->Uniform(30)); };
    WriteBatch batch;
    for (uint64_t n = 1 + random->Uniform(3); n > 0; --n) {
      const std::string at = key(), word = std::to_string(step) + "." + std::to_string(n);
      if (random->OneIn(12)) {
        Put(&batch, at, word);
      } else if (random->OneIn(20)) {
        batch.Delete(at);
        rows_.erase(at);
      } else if (random->OneIn(40)) {
        const std::string end = key();
        const auto& [from, to] = std::minmax(at, end);
        DeleteRange(&batch, from, to);
      } else {
        Merge(&batch, at, word + std::string(random->Uniform(30), '+'));
      }
    }
    ASSERT_OK(db_->Write({.durability = Durability::kPower}, batch));
  }
  void Begin(bool retains, std::shared_ptr<const MergeOperator> merge_operator) {
    Options options;
    options.file_system = fs_;
    options.compression = Compression::kNone;
    options.tuning.log_segment_bytes = 4096;
    if (retains) options.log_retention = LogRetention{.bytes_min = 1 << 30};
    options.keyspaces["default"].merge_operator = operator_ = std::move(merge_operator);
    ASSERT_OK_AND_ASSIGN(db_, DB::Open(options, "db"));
  }
  // Merges, with some of all else, flushes and compactions, snapshots that go later.
  void MakeDatabase(uint64_t seed, bool retains) {
    Random random(seed);
    Begin(retains, seed % 2 == 0 ? MergeOperator::Append(",") : std::make_shared<UnknownList>());
    std::shared_ptr<const Snapshot> snapshot;
    for (int step = 0; step < 160; ++step) {
      Change(&random, step);
      if (HasFatalFailure()) return;
      if (step % 35 == 17) {
        ASSERT_OK_AND_ASSIGN(snapshot, db_->GetSnapshot());
      }
      if (step == 60) {
        ASSERT_OK(db_->CompactAll({.force_last_level = true}));
      } else if (step % 40 == 39 || step == 121) {
        ASSERT_OK(db_->Flush());
      }
    }
    snapshot = nullptr;
    ASSERT_OK(db_->Close());
    db_.reset();
  }
  std::vector<std::string> Files(const std::string& ending) {
    std::vector<std::string> files;
    const auto names = fs_->List("db");
    EXPECT_OK(names);
    for (const std::string& name : *names) {
      if (name.ends_with(ending)) files.push_back("db/" + name);
    }
    return files;
  }
  Content Salvaged() {
    losses_.clear();
    SalvageOptions options;
    options.fs = fs_;
    options.source = "db";
    options.target = "saved" + std::to_string(++targets_);
    options.memory_bytes = 8 << 20;
    options.report = [this](const SalvageLoss& loss) {
      if (loss.lost) losses_.push_back(loss.damage);
    };
    const auto summary = Salvage(options);
    EXPECT_OK(summary);
    Options reopened{.file_system = fs_};
    reopened.keyspaces["default"].merge_operator = operator_;
    auto saved = DB::Open(reopened, options.target);
    EXPECT_OK(saved);
    if (!saved.ok()) return {};
    auto seen = test::Scan(saved->get());
    EXPECT_OK(seen);
    EXPECT_OK((*saved)->Close());
    saved->reset();
    EXPECT_OK(DB::Destroy({.file_system = fs_}, options.target));
    if (!seen.ok() || !summary.ok()) return {};
    EXPECT_EQ(summary->records, seen->size());
    return *seen;
  }
  bool IsTold(const std::string& key) const {
    return std::any_of(losses_.begin(), losses_.end(), [&key](const Damage& damage) {
      const bool begins = damage.first_keyspace != "default" || damage.first_key <= key;
      const bool ends = damage.last_keyspace != "default" || key <= damage.last_key;
      return begins && ends;
    });
  }
  void ExpectDifferencesAreTold(const Content& saved) {
    Content all = rows_;
    all.insert(saved.begin(), saved.end());
    for (const auto& [key, value] : all) {
      const auto was = std::as_const(rows_).find(key), is = saved.find(key);
      const bool same = was != rows_.end() && is != saved.end() && was->second == is->second;
      ASSERT_TRUE(same || IsTold(key))
          << key << " was " << (was == rows_.end() ? "nothing" : was->second) << " and is "
          << (is == saved.end() ? "nothing" : is->second);
    }
  }

  const std::unique_ptr<FileSystem> own_ = FileSystem::InMemory();
  FileSystem* fs_ = own_.get();
  std::shared_ptr<const MergeOperator> operator_;
  std::unique_ptr<DB> db_;
  Content rows_;
  std::vector<Damage> losses_;
  int targets_ = 0;
};

class SalvageOperandsOf : public SalvageOperandsTest,
                          public testing::WithParamInterface<uint64_t> {};

TEST_P(SalvageOperandsOf, AWholeDatabaseIsExact) {
  MakeDatabase(GetParam(), GetParam() % 4 < 2);
  if (HasFatalFailure()) return;
  EXPECT_EQ(Salvaged(), rows_);
  EXPECT_TRUE(losses_.empty());
}

TEST_P(SalvageOperandsOf, WhatTheLogHasIsExactWithoutATableOrAPartOfOne) {
  MakeDatabase(GetParam(), true);
  if (HasFatalFailure()) return;
  for (const std::string& table : Files(".table")) {
    SCOPED_TRACE(table);
    ASSERT_OK_AND_ASSIGN(const std::string whole, test::ReadFile(fs_, table));
    ASSERT_OK(fs_->Remove(table));
    EXPECT_EQ(Salvaged(), rows_);
    EXPECT_TRUE(losses_.empty());
    Random random(GetParam());
    for (int round = 0; round < 4; ++round) {
      std::string damaged = whole;
      damaged[random.Uniform(whole.size())] ^= 1;
      ASSERT_OK(test::WriteFile(fs_, table, damaged));
      EXPECT_EQ(Salvaged(), rows_);
      EXPECT_TRUE(losses_.empty());
    }
    ASSERT_OK(test::WriteFile(fs_, table, whole));
  }
}

// The log that is left may have some commits of what a table lost, others or none.
TEST_P(SalvageOperandsOf, WhatDiffersIsTold) {
  const bool retains = GetParam() % 4 < 2;
  MakeDatabase(GetParam(), retains);
  if (HasFatalFailure()) return;
  const std::vector<std::string> logs = Files(".log");
  if (logs.size() > 1) {
    ASSERT_OK(fs_->Remove(logs[GetParam() % (logs.size() - 1)]));
  }
  size_t different = 0;
  for (const std::string& table : Files(".table")) {
    SCOPED_TRACE(table);
    ASSERT_OK_AND_ASSIGN(const std::string whole, test::ReadFile(fs_, table));
    Random random(GetParam());
    for (int round = 0; round < 8; ++round) {
      std::string damaged = whole;
      damaged[random.Uniform(whole.size())] ^= 1;
      if (round == 0) {
        ASSERT_OK(fs_->Remove(table));
      } else {
        ASSERT_OK(test::WriteFile(fs_, table, damaged));
      }
      const Content saved = Salvaged();
      different += saved != rows_ ? 1 : 0;
      ExpectDifferencesAreTold(saved);
      if (HasFatalFailure()) return;
    }
    ASSERT_OK(test::WriteFile(fs_, table, whole));
  }
  EXPECT_TRUE(different > 0 || retains);
}

// Tables that went into others are there, and nobody says so.
TEST_P(SalvageOperandsOf, WithoutAManifestTheLogAloneCountsWhereItIsWhole) {
  for (const bool retains : {true, false}) {
    rows_.clear();
    MakeDatabase(GetParam(), retains);
    if (HasFatalFailure()) return;
    for (const std::string& manifest : Files(".manifest")) ASSERT_OK(fs_->Remove(manifest));
    const Content saved = Salvaged();
    EXPECT_FALSE(losses_.empty());
    if (retains) {
      EXPECT_EQ(saved, rows_);
    }
    for (const std::string& file : Files("")) ASSERT_OK(fs_->Remove(file));
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, SalvageOperandsOf, testing::Range<uint64_t>(1, 7));

std::string MergeOf(const std::vector<std::string>& operands, const MergedOnto& base = {},
                    LogPos since = 0) {
  std::string value;
  AppendMergeBase(&value, base, since);
  for (const std::string& operand : operands) AppendMergeOperand(&value, operand);
  return value;
}

constexpr EntryKind kMerge = EntryKind::kMerge;

// Tables 10 and 11 of the default keyspace, the log from position `log_from` on.
class SalvageChainsTest : public SalvageOperandsTest {
 protected:
  using Row = test::HandmadeDatabase::Row;
  void Make(const std::string& name, const std::vector<Row>& older, const std::vector<Row>& newer,
            LogPos last, const std::vector<std::string>& log = {}) {
    made_.emplace();
    fs_ = made_->fs();
    Edit first = test::HandmadeDatabase::FirstEdit();
    first.first_segment = 3;
    Edit flushed;
    flushed.added = {{6, made_->AddTable(10, older)}, {0, made_->AddTable(11, newer)}};
    flushed.tables = TablesState{last, 0, 0};
    first.tables = flushed.tables;
    made_->catalogue =
        name.empty() ? "" : Catalogue::OperatorOperations(kDefaultKeyspace, {name, 1});
    made_->BeginManifest(2, first);
    made_->BeginSegment(3, last + 1);
    for (const std::string& operand : log) {
      std::string operations;
      AppendOperation(&operations, kMerge, kDefaultKeyspace, "n", operand);
      made_->Commit(operations);
    }
    made_->Append(flushed);
    made_->CloseLog();
  }
  std::optional<test::HandmadeDatabase> made_;
};

TEST_F(SalvageChainsTest, AChainGoesThroughTablesAndTheLog) {
  operator_ = MergeOperator::Append(",");
  Make("append.2c", {{"n", 2, "v"}},
       {{"n", 9, MergeOf({"d", "e"}, {}, 7), kMerge},
        {"n", 8, MergeOf({"d"}), kMerge},       // is in the one above
        {"n", 6, MergeOf({"b", "c"}), kMerge},  // the base is in the other table
        {"o", 4, MergeOf({"x"}, MergedOnto{.kind = MergeBase::kNothing, .value = {}}), kMerge}},
       9, {"f", "g"});
  EXPECT_EQ(Salvaged(), (Content{{"n", "v,b,c,d,e,f,g"}, {"o", "x"}}));
  EXPECT_TRUE(losses_.empty());
  made_->Remove("000010.table");
  EXPECT_EQ(Salvaged(), (Content{{"n", "b,c,d,e,f,g"}, {"o", "x"}}));
  EXPECT_TRUE(IsTold("n"));
  EXPECT_FALSE(IsTold("o"));
}

TEST_F(SalvageChainsTest, NumbersThatWentUpAndDownAreWhatTheyAre) {
  operator_ = MergeOperator::AddInt64();
  const int64_t most = std::numeric_limits<int64_t>::max();
  std::string up_and_down;
  ASSERT_TRUE(operator_->Merge(EncodeInt64(most), EncodeInt64(-3), &up_and_down));
  ASSERT_OK(operator_->Check(EncodeInt64(1)));
  Make("add_int64", {{"n", 2, EncodeInt64(5)}, {"o", 1, "no number"}},
       {{"n", 6, MergeOf({up_and_down}), kMerge}, {"o", 5, MergeOf({up_and_down}), kMerge}}, 6);
  Options options{.file_system = fs_};
  SalvageOptions salvage;
  salvage.fs = fs_;
  salvage.source = "db";
  salvage.target = "saved";
  std::vector<std::string> noted;
  salvage.report = [&noted](const SalvageLoss& loss) {
    EXPECT_FALSE(loss.lost) << loss.damage.what;
    noted.push_back(loss.damage.first_key);
  };
  ASSERT_OK_AND_ASSIGN(const SalvageSummary summary, Salvage(salvage));
  EXPECT_EQ(noted, std::vector<std::string>{"o"});
  EXPECT_EQ(summary.refused, 1U);
  ASSERT_OK_AND_ASSIGN(const auto saved, DB::Open(options, "saved"));
  std::string value;
  ASSERT_OK(saved->Get({}, "n", &value));
  EXPECT_EQ(value, EncodeInt64(most - 3));
  EXPECT_STATUS(kInvalidArgument, saved->Get({}, "o", &value)) << "as in the source";
  ASSERT_OK(saved->Merge({}, "n", EncodeInt64(1)));
}

TEST_F(SalvageChainsTest, WithoutItsOperatorsRowAKeyHasWhatLayBelowAndIsTold) {
  for (const bool is_known : {true, false}) {
    operator_ = is_known ? MergeOperator::Append(",") : nullptr;
    Make(is_known ? "append.2c" : "", {{"m", 1, "v"}, {"n", 2, "v"}},
         {{"n", 6, MergeOf({"b"}), kMerge}, {"o", 5, MergeOf({"x"}), kMerge}}, 6);
    const Content saved = Salvaged();
    if (is_known) {
      EXPECT_EQ(saved, (Content{{"m", "v"}, {"n", "v,b"}, {"o", "x"}}));
      EXPECT_TRUE(losses_.empty());
      continue;
    }
    EXPECT_EQ(saved, (Content{{"m", "v"}, {"n", "v"}}));
    EXPECT_TRUE(IsTold("n") && IsTold("o"));
    EXPECT_FALSE(IsTold("m"));
  }
}

TEST_F(SalvageChainsTest, BytesThatAreNoMergeAreTold) {
  operator_ = MergeOperator::Append(",");
  Make("append.2c", {{"m", 1, "v"}, {"n", 2, "v"}}, {{"n", 6, std::string(1, '\0'), kMerge}}, 6);
  EXPECT_EQ(Salvaged(), (Content{{"m", "v"}, {"n", "v"}}));
  EXPECT_TRUE(IsTold("n"));
  EXPECT_FALSE(IsTold("m"));
}

}  // namespace
}  // namespace logwood
