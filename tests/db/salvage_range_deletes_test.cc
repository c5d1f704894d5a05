// Salvage and check of databases with range deletes: what is whole is exact, what the log has too
// is as exact without a table, and what differs is told.
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "db/directory_check.h"
#include "db/salvage.h"
#include "tests/db/handmade_database.h"

namespace logwood {
namespace {

class SalvageRangesTest : public testing::Test {
 protected:
  using Content = std::map<std::string, std::string>;

  // Some puts, deletes and range deletes, flushes and compactions.
  void MakeDatabase(uint64_t seed, bool retains) {
    Random random(seed);
    Options options;
    options.file_system = fs_;
    options.compression = Compression::kNone;
    if (retains) options.log_retention = LogRetention{.bytes_min = 1 << 30};
    ASSERT_OK_AND_ASSIGN(const auto db, DB::Open(options, "db"));
    const auto key = [&] { return "k" + std::to_string(10 + random.Uniform(60)); };
    for (int step = 0; step < 160; ++step) {
      WriteBatch batch;
      for (uint64_t n = 1 + random.Uniform(3); n > 0; --n) {
        const std::string at = key();
        if (random.OneIn(5)) {
          std::string end = key();
          const auto& [from, to] = std::minmax(at, end);
          batch.DeleteRange(from, to);
          rows_.erase(rows_.lower_bound(from), rows_.lower_bound(to));
        } else if (random.OneIn(8)) {
          batch.Delete(at);
          rows_.erase(at);
        } else {
          rows_[at] = std::to_string(step) + std::string(random.Uniform(30), 'v');
          batch.Put(at, rows_[at]);
        }
      }
      if (step == 120) {  // everything in tables has been deleted from here on
        batch.DeleteRange("k3", "k5");
        rows_.erase(rows_.lower_bound("k3"), rows_.lower_bound("k5"));
      }
      ASSERT_OK(db->Write({.durability = Durability::kPower}, batch));
      if (step == 60) {
        ASSERT_OK(db->CompactAll({.force_last_level = true}));
      } else if (step % 40 == 39 || step == 121) {
        ASSERT_OK(db->Flush());
      }
    }
    ASSERT_OK(db->Close());
  }
  std::vector<std::string> Tables() {
    std::vector<std::string> files;
    const auto names = fs_->List("db");
    EXPECT_OK(names);
    for (const std::string& name : *names) {
      if (name.ends_with(".table")) files.push_back("db/" + name);
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
    EXPECT_OK(Salvage(options));
    auto saved = DB::Open({.file_system = fs_}, options.target);
    EXPECT_OK(saved);
    if (!saved.ok()) return {};
    auto seen = test::Scan(saved->get());
    EXPECT_OK(seen);
    EXPECT_OK((*saved)->Close());
    saved->reset();
    EXPECT_OK(DB::Destroy({.file_system = fs_}, options.target));
    return seen.ok() ? *seen : Content();
  }
  bool IsTold(const std::string& key) const {
    return std::any_of(losses_.begin(), losses_.end(), [&key](const Damage& damage) {
      const bool begins = damage.first_keyspace != "default" || damage.first_key <= key;
      const bool ends = damage.last_keyspace != "default" || key <= damage.last_key;
      return begins && ends;
    });
  }
  void ExpectDifferencesAreTold(const Content& saved) {
    std::set<std::string> keys;
    for (const auto& [key, value] : rows_) keys.insert(key);
    for (const auto& [key, value] : saved) keys.insert(key);
    for (const std::string& key : keys) {
      const auto was = std::as_const(rows_).find(key), is = saved.find(key);
      const bool same = was != rows_.end() && is != saved.end() && was->second == is->second;
      ASSERT_TRUE(same || IsTold(key)) << key << (is == saved.end() ? " is gone" : " is back");
    }
  }
  std::vector<std::string> Check() {
    std::vector<std::string> told;
    DirectoryCheckOptions options;
    options.fs = fs_;
    options.path = "db";
    options.damage = [&told](const Damage& damage) { told.push_back(damage.file); };
    EXPECT_OK(CheckDirectory(options));
    return told;
  }

  const std::unique_ptr<FileSystem> own_ = FileSystem::InMemory();
  FileSystem* fs_ = own_.get();
  Content rows_;
  std::vector<Damage> losses_;
  int targets_ = 0;
};

class SalvageRangesOf : public SalvageRangesTest, public testing::WithParamInterface<uint64_t> {};

TEST_P(SalvageRangesOf, AWholeDatabaseIsExactAndCheckFindsNothing) {
  MakeDatabase(GetParam(), GetParam() % 2 == 0);
  if (HasFatalFailure()) return;
  EXPECT_EQ(Salvaged(), rows_);
  EXPECT_TRUE(losses_.empty());
  EXPECT_EQ(Check(), std::vector<std::string>());
}

TEST_P(SalvageRangesOf, WhatTheLogHasIsExactWithoutATableOrAPartOfOne) {
  MakeDatabase(GetParam(), true);
  if (HasFatalFailure()) return;
  for (const std::string& table : Tables()) {
    ASSERT_OK_AND_ASSIGN(const std::string whole, test::ReadFile(fs_, table));
    ASSERT_OK(fs_->Remove(table));
    SCOPED_TRACE(table);
    EXPECT_EQ(Salvaged(), rows_);
    EXPECT_TRUE(losses_.empty());
    Random random(GetParam());
    for (int round = 0; round < 6; ++round) {
      std::string damaged = whole;
      // Towards the end there are the range deletes.
      damaged[whole.size() - 1 - random.Uniform(std::min<size_t>(whole.size(), 700))] ^= 1;
      ASSERT_OK(test::WriteFile(fs_, table, damaged));
      EXPECT_EQ(Salvaged(), rows_);
      EXPECT_TRUE(losses_.empty());
      const std::vector<std::string> told = Check();
      ASSERT_FALSE(told.empty());
      EXPECT_EQ("db/" + told[0], table);
    }
    ASSERT_OK(test::WriteFile(fs_, table, whole));
  }
}

TEST_P(SalvageRangesOf, WithoutTheLogWhatDiffersIsTold) {
  MakeDatabase(GetParam(), false);
  if (HasFatalFailure()) return;
  size_t different = 0;
  for (const std::string& table : Tables()) {
    ASSERT_OK_AND_ASSIGN(const std::string whole, test::ReadFile(fs_, table));
    SCOPED_TRACE(table);
    Random random(GetParam());
    for (int round = 0; round < 12; ++round) {
      std::string damaged = whole;
      damaged[whole.size() - 1 - random.Uniform(std::min<size_t>(whole.size(), 700))] ^= 1;
      if (round == 0) {
        ASSERT_OK(fs_->Remove(table));
      } else {
        ASSERT_OK(test::WriteFile(fs_, table, damaged));
      }
      const Content saved = Salvaged();
      different += saved != rows_;
      ExpectDifferencesAreTold(saved);
      if (HasFatalFailure()) return;
    }
    ASSERT_OK(test::WriteFile(fs_, table, whole));
  }
  EXPECT_GT(different, 0u);
}

INSTANTIATE_TEST_SUITE_P(Seeds, SalvageRangesOf, testing::Range<uint64_t>(1, 7));

using HandmadeTables = std::vector<std::pair<int, TableMeta>>;

// Of tables and a log with all of their commits, or none.
void FinishByHand(test::HandmadeDatabase* db, const HandmadeTables& tables, LogPos last,
                  const std::function<void()>& commits) {
  Edit first = test::HandmadeDatabase::FirstEdit();
  first.first_segment = 3;
  Edit flushed;
  flushed.added = tables;
  flushed.tables = TablesState{last, 0, 0};
  if (commits == nullptr) first.tables = flushed.tables;
  db->BeginManifest(2, first);
  db->BeginSegment(3, commits == nullptr ? last + 1 : 1);
  if (commits != nullptr) {
    commits();
    db->MarkDurable();
    flushed.tables->history_hash = db->history_hash;
  }
  db->Append(flushed);
  db->CloseLog();
}

// Its range deletes reach further than its entries, and end where no key with a zero behind it
// does.
TEST_F(SalvageRangesTest, ALostTableLosesAllKeysThatItsRangesCover) {
  for (const bool has_log : {true, false}) {
    for (const bool missing : {true, false}) {
      SCOPED_TRACE((has_log ? "with log, " : "without log, ") +
                   std::string(missing ? "missing" : "damaged"));
      test::HandmadeDatabase db;
      fs_ = db.fs();
      rows_ = {{"a", "v4"}, {"z", "v2"}};
      const HandmadeTables tables = {{6, db.AddTable(10, {{"m1", 0, "v1"}, {"z", 0, "v2"}})},
                                     {0, db.AddTable(11, {{"a", 4, "v4"}}, {{"b", "m2", 3}})}};
      const auto commits = [&] {
        db.Put("m1");
        db.Put("z");
        db.DeleteRange("b", "m2");
        db.Put("a");
      };
      FinishByHand(&db, tables, 4, has_log ? std::function<void()>(commits) : nullptr);
      EXPECT_EQ(Salvaged(), rows_);
      const size_t block_at = db.Bytes("000011.table").find("\x01m2");
      ASSERT_NE(block_at, std::string::npos);
      missing ? db.Remove("000011.table") : db.Flip("000011.table", block_at);
      const Content saved = Salvaged();
      if (has_log) {
        EXPECT_EQ(saved, rows_);
        EXPECT_TRUE(losses_.empty());
      } else {
        EXPECT_EQ(saved.count("m1"), 1u) << "the example is none";
        ExpectDifferencesAreTold(saved);
        EXPECT_FALSE(IsTold("z"));
      }
    }
  }
}

// Behind the longest key there is no key with a zero more.
TEST_F(SalvageRangesTest, APieceThatEndsAtTheLongestKeyIsKept) {
  const std::string longest = "m" + std::string(kKeyBytesMax - 1, 'x');
  test::HandmadeDatabase db;
  fs_ = db.fs();
  const HandmadeTables tables = {{1, db.AddTable(10, {{"a", 1, "v1"}, {longest, 2, "v2"}})},
                                 {0, db.AddTable(11, {}, {{"b", "zz", 3}})}};
  FinishByHand(&db, tables, 3, [&] {
    db.Put("a");
    db.Put(longest);
    db.DeleteRange("b", "zz");
  });
  db.Remove("000010.table");
  EXPECT_EQ(Salvaged(), (Content{{"a", "v1"}}));
  EXPECT_TRUE(losses_.empty()) << losses_[0].ToString();
}

// A range delete older than all that a lost table held says nothing of it, and would hide what lost
// its position below it.
TEST_F(SalvageRangesTest, AnOldRangeDeleteDoesNotHideWhatLostItsPosition) {
  test::HandmadeDatabase db;
  fs_ = db.fs();
  const HandmadeTables tables = {{6, db.AddTable(10, {{"m", 0, "v2"}})},
                                 {0, db.AddTable(11, {{"a", 3, "v3"}, {"z", 4, "v4"}})}};
  FinishByHand(&db, tables, 4, [&] {
    db.DeleteRange("a", "zz");
    db.Put("m");
    db.Put("a");
    db.Put("z");
  });
  db.DamageCommit(2);
  db.Remove("000011.table");
  EXPECT_EQ(Salvaged(), (Content{{"a", "v3"}, {"m", "v2"}, {"z", "v4"}}));
  EXPECT_TRUE(losses_.empty());
}

// More of them in the log than there is memory for: in tables of its own, and as exact.
TEST_F(SalvageRangesTest, ALogThatDoesNotFitInMemoryIsExact) {
  Options options;
  options.file_system = fs_;
  ASSERT_OK_AND_ASSIGN(auto db, DB::Open(options, "db"));
  Random random(5);
  for (int step = 0; step < 6000; ++step) {
    const std::string at = "k" + std::to_string(1000 + random.Uniform(3000));
    if (random.OneIn(10)) {
      const std::string end = "k" + std::to_string(1000 + random.Uniform(3000));
      const auto& [from, to] = std::minmax(at, end);
      ASSERT_OK(db->DeleteRange({}, from, to));
      rows_.erase(rows_.lower_bound(from), rows_.lower_bound(to));
    } else {
      rows_[at] = std::to_string(step) + std::string(1000, 'v');
      ASSERT_OK(db->Put({}, at, rows_[at]));
    }
  }
  ASSERT_OK(db->Close());
  db.reset();
  EXPECT_FALSE(rows_.empty());
  EXPECT_EQ(Salvaged(), rows_);
  EXPECT_TRUE(losses_.empty());
}

}  // namespace
}  // namespace logwood
