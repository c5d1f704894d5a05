// What salvage says about a real database is right: a key outside of all lost ranges is exact, and
// where nothing is lost nothing is.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "db/salvage.h"
#include "tests/db/db_test_support.h"

namespace logwood {
namespace {

constexpr char kMark[] = "THE-COMMIT-THAT-ROTS";

// The log is kept, also where tables have its commits, unless a test says otherwise.
class SalvageExactTest : public testing::Test {
 protected:
  bool retains_ = true;
  void Open() {
    Options options;
    options.file_system = fs_.get();
    options.compression = Compression::kNone;
    if (retains_) options.log_retention = LogRetention{.bytes_min = 1 << 30};
    auto opened = DB::Open(options, "db");
    ASSERT_OK(opened);
    db_ = std::move(*opened);
  }
  void Put(const std::string& key, const std::string& value) {
    ASSERT_OK(db_->Put({.durability = Durability::kPower}, key, value));
  }
  // Into the last level, without positions and tombstones.
  void CompactDown() { ASSERT_OK(db_->CompactAll({.force_last_level = true})); }
  // Into one table more.
  void Flush() {
    ASSERT_OK(db_->Flush());
    ASSERT_OK(db_->WaitForCompaction());
  }
  void Close() {
    ASSERT_OK(db_->Close());
    db_.reset();
  }
  std::vector<std::string> Files(const std::string& extension) {
    std::vector<std::string> files;
    const auto names = fs_->List("db");
    EXPECT_OK(names);
    for (const std::string& name : *names) {
      if (name.ends_with(extension)) files.push_back("db/" + name);
    }
    std::sort(files.begin(), files.end());
    return files;
  }
  // Of the commit that holds the mark, in the log.
  void DamageCommit(const std::string& mark) {
    size_t damaged = 0;
    for (const std::string& file : Files(".log")) {
      ASSERT_OK_AND_ASSIGN(std::string bytes, test::ReadFile(fs_.get(), file));
      const size_t at = bytes.find(mark);
      if (at == std::string::npos) continue;
      bytes[at] ^= 1;
      ASSERT_OK(test::WriteFile(fs_.get(), file, bytes));
      ++damaged;
    }
    ASSERT_EQ(damaged, 1u);
  }
  void RemoveNewestTable() {
    const auto tables = Files(".table");
    ASSERT_GE(tables.size(), 2u);
    ASSERT_OK(fs_->Remove(tables.back()));
  }
  // The marked commit is in the last level and rots in the log; gone is a table of a and z above.
  void LoseATableOverTheLastLevel() {
    Put("z0", "z");
    CompactDown();
    Put("a", "1");
    Put("z", "1");
    Flush();
    Close();
    DamageCommit(kMark);
    RemoveNewestTable();
  }
  void SalvageInto(const std::string& target, const std::string& source = "db") {
    losses_.clear();
    SalvageOptions options;
    options.fs = fs_.get();
    options.source = source;
    options.target = target;
    options.memory_bytes = 8 << 20;
    options.report = [this](const SalvageLoss& loss) {
      if (loss.lost) losses_.push_back(loss.damage);
    };
    ASSERT_OK(Salvage(options));
  }
  std::map<std::string, std::string> Saved() {
    SalvageInto("new");
    auto saved = DB::Open({.file_system = fs_.get()}, "new");
    EXPECT_OK(saved);
    if (!saved.ok()) return {};
    auto seen = test::Scan(saved->get());
    EXPECT_OK(seen);
    return seen.ok() ? *seen : std::map<std::string, std::string>();
  }
  using Content = std::map<std::string, std::string>;

  const std::unique_ptr<FileSystem> fs_ = FileSystem::InMemory();
  std::unique_ptr<DB> db_;
  std::vector<Damage> losses_;
};

// Commits older than all that a lost table held say nothing of it.
TEST_F(SalvageExactTest, AnOldCommitDoesNotWinOverAnEntryThatLostItsPosition) {
  Open();
  Put("m", "old");
  Put("m", kMark);
  LoseATableOverTheLastLevel();
  EXPECT_EQ(Saved(), (Content{{"a", "1"}, {"m", kMark}, {"z", "1"}, {"z0", "z"}}));
  EXPECT_TRUE(losses_.empty());
}

TEST_F(SalvageExactTest, AnOldCommitDoesNotBringBackAKeyWhoseTombstoneIsGone) {
  Open();
  Put("m", "old");
  WriteBatch batch;
  batch.Delete("m");
  batch.Put("other", kMark);
  ASSERT_OK(db_->Write({.durability = Durability::kPower}, batch));
  LoseATableOverTheLastLevel();
  EXPECT_EQ(Saved(), (Content{{"a", "1"}, {"other", kMark}, {"z", "1"}, {"z0", "z"}}));
  EXPECT_TRUE(losses_.empty());
}

// A table that does not say what it has, as a killed flush leaves one, explains no missing commit.
TEST_F(SalvageExactTest, AMissingCommitIsToldBesideATableThatSaysNothing) {
  retains_ = false;
  Open();
  Put("a", "1");
  CompactDown();
  Put("m", kMark);
  Close();
  Open();
  Put("n", "1");
  Close();
  for (const std::string& file : Files(".log")) {
    ASSERT_OK_AND_ASSIGN(const std::string bytes, test::ReadFile(fs_.get(), file));
    if (bytes.find(kMark) == std::string::npos) continue;
    ASSERT_OK(fs_->Remove(file));
  }
  const std::string table = Files(".table").back();
  ASSERT_OK_AND_ASSIGN(const std::string bytes, test::ReadFile(fs_.get(), table));
  ASSERT_OK(fs_->Remove(table));
  ASSERT_OK(test::WriteFile(fs_.get(), "db/000900.table", bytes.substr(0, 100)));
  SalvageInto("new");
  EXPECT_TRUE(std::any_of(losses_.begin(), losses_.end(), [](const Damage& loss) {
    return loss.first_position <= 2 && loss.last_position == 2 && loss.file.ends_with(".log");
  }));
}

// Of two lost tables each gets back what it may have held.
TEST_F(SalvageExactTest, ALostTableOfTheLastLevelDoesNotMakeOthersStale) {
  Open();
  Put("m", "old");
  Put("m", kMark);
  CompactDown();
  Put("a", "1");
  Put("z", "1");
  Flush();
  Close();
  DamageCommit(kMark);
  for (const std::string& table : Files(".table")) ASSERT_OK(fs_->Remove(table));
  const Content saved = Saved();
  EXPECT_EQ(saved.at("a"), "1");
  EXPECT_EQ(saved.at("z"), "1");
  ASSERT_EQ(losses_.size(), 1u);
  EXPECT_EQ(losses_[0].first_key, "m");
  EXPECT_EQ(losses_[0].last_key, "m");
}

// The commit that rots is behind all that the lost table held, and may be what its keys have now.
TEST_F(SalvageExactTest, ALaterCommitThatTheLogLacksMakesALossOfALostTable) {
  Open();
  Put("a", "1");
  Put("z", "1");
  Flush();
  const std::vector<std::string> first = Files(".table");
  ASSERT_EQ(first.size(), 1u);
  Put("a", kMark);
  Put("b", "2");
  Flush();
  Close();
  DamageCommit(kMark);
  ASSERT_EQ(Files(".table").size(), 2u);
  ASSERT_OK(fs_->Remove(first[0]));
  const Content saved = Saved();
  EXPECT_EQ(saved, (Content{{"a", kMark}, {"b", "2"}, {"z", "1"}})) << "as good as it gets";
  ASSERT_EQ(losses_.size(), 1u);
  EXPECT_EQ(losses_[0].first_key, "a");
  EXPECT_EQ(losses_[0].last_key, "z");
}

TEST_F(SalvageExactTest, AllOfTheLogSinceTheLastFlushGoneIsALoss) {
  Open();
  Put("a", "1");
  ASSERT_OK(db_->Flush());
  const LogPos flushed = db_->LastPosition();
  Put("b", "2");
  const auto names = fs_->List("db");
  ASSERT_OK(names);
  const std::string newest = Files(".log").back().substr(3);
  for (const std::string how : {"removed", "zeros"}) {
    SCOPED_TRACE(how);
    ASSERT_OK(fs_->CreateDirectory(how));
    for (const std::string& name : *names) {
      ASSERT_OK_AND_ASSIGN(std::string bytes, test::ReadFile(fs_.get(), "db/" + name));
      if (how == "removed" && name.ends_with(".log")) continue;
      if (name == newest) std::fill(bytes.begin() + 4096, bytes.end(), '\0');
      ASSERT_OK(test::WriteFile(fs_.get(), how + "/" + name, bytes));
    }
    ASSERT_NO_FATAL_FAILURE(SalvageInto(how + "-new", how));
    // Two, where the log fell idle: then the manifest knows of the commit.
    ASSERT_GE(losses_.size(), 1u);
    ASSERT_LE(losses_.size(), 2u);
    EXPECT_EQ(losses_.front().first_position, flushed + 1);
    EXPECT_EQ(losses_.back().first_position, flushed + losses_.size());
    EXPECT_EQ(losses_.back().last_position, 0u) << "not known";
  }
}

// An edit that cannot be read added a table whose commits the log has no more: they are where the
// manifest's loss says, and no loss of the log.
TEST_F(SalvageExactTest, WhatATableHoldsOfWhichTheManifestLostTheWordIsNoLossOfTheLog) {
  retains_ = false;
  Open();
  Put("a", "1");
  Flush();
  const std::string manifest = Files(".manifest").back();
  ASSERT_OK_AND_ASSIGN(const std::string before, test::ReadFile(fs_.get(), manifest));
  Put("b", "2");
  Flush();
  Close();
  ASSERT_OK_AND_ASSIGN(std::string bytes, test::ReadFile(fs_.get(), manifest));
  bytes.at(before.size() + 20) ^= 1;
  ASSERT_OK(test::WriteFile(fs_.get(), manifest, bytes));
  EXPECT_EQ(Saved(), (std::map<std::string, std::string>{{"a", "1"}, {"b", "2"}}));
  ASSERT_EQ(losses_.size(), 1u) << losses_.back().what;
  EXPECT_EQ(losses_[0].file, manifest.substr(3));
}

}  // namespace
}  // namespace logwood
