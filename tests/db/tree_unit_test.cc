// Tree: whatever changes memtables or version shows in the view; a commit that fails changes
// nothing; the cache's books follow.
#include "db/tree.h"

#include <gtest/gtest.h>

#include "tests/db/core_support.h"
#include "tests/db/db_test_support.h"
#include "util/faulty_file_system.h"

namespace logwood {
namespace {

class TreeTest : public testing::Test {
 protected:
  void Make(std::vector<SealedMemtable> sealed = {}) {
    tree_ = std::make_unique<Tree>(core_.get(), test::NewVersionSet(&fs_), std::move(sealed),
                                   std::make_shared<Memtable>(core_->memtable_pages));
  }
  static void InsertInto(Memtable* memtable, LogPos position, size_t bytes = 10) {
    memtable->Insert("\x01k", PackTrailer(position, EntryKind::kPut), std::string(bytes, 'v'));
  }
  // Puts an entry in at each position and seals.
  void FillAndSeal(LogPos position, size_t bytes = 10) {
    InsertInto(tree_->active(), position, bytes);
    tree_->Seal(TablesState{position, position, position});
  }
  // The edit of a flush up to there.
  static Edit FlushedUpTo(LogPos position) {
    Edit edit;
    edit.added.emplace_back(0, test::MetaOf(position, "\x01k", "\x01l"));
    edit.tables = TablesState{position, position, position};
    return edit;
  }
  // What the newest view shows: the last position of each memtable, newest first; then its tables.
  std::vector<LogPos> Shown() {
    const auto view = core_->views.Share();
    std::vector<LogPos> shown = {view->active->last_position()};
    for (const auto& sealed : view->sealed) shown.push_back(sealed->last_position());
    for (const auto& table : view->version->level(0)) shown.push_back(table->meta()->number * 100);
    return shown;
  }

  std::unique_ptr<FileSystem> base_ = FileSystem::InMemory();
  FaultyFileSystem fs_{base_.get()};
  std::shared_ptr<Core> core_ = test::NewCore(&fs_, std::make_unique<test::ManualExecutor>());
  std::unique_ptr<Tree> tree_;
};

using ShownPositions = std::vector<LogPos>;

TEST_F(TreeTest, WhatRecoveryLeftIsShownAtOnce) {
  std::vector<SealedMemtable> sealed;
  for (const LogPos position : {LogPos{1}, LogPos{2}}) {
    sealed.push_back({std::make_shared<Memtable>(), TablesState{position, position, position}});
    InsertInto(sealed.back().memtable.get(), position);
  }
  Make(std::move(sealed));
  InsertInto(tree_->active(), 3);
  EXPECT_EQ(Shown(), (ShownPositions{3, 2, 1}));
  EXPECT_TRUE(tree_->HasSealed());
  EXPECT_GT(core_->cache.charged_bytes(), 0u);
}

TEST_F(TreeTest, SealingShowsAFreshMemtableInFrontOfTheSealedOnes) {
  Make();
  EXPECT_FALSE(tree_->HasSealed());
  FillAndSeal(1);
  FillAndSeal(2);
  EXPECT_TRUE(tree_->HasSealed());
  EXPECT_TRUE(tree_->active()->empty());
  EXPECT_EQ(Shown(), (ShownPositions{0, 2, 1}));
  const std::vector<SealedMemtable> sealed = tree_->Sealed();
  ASSERT_EQ(sealed.size(), 2u);
  EXPECT_EQ(sealed[0].memtable->last_position(), 1u) << "oldest first";
  EXPECT_EQ(sealed[0].end, (TablesState{1, 1, 1}));
  EXPECT_EQ(sealed[1].end, (TablesState{2, 2, 2}));
}

TEST_F(TreeTest, ACommitPutsTablesInThePlaceOfTheOldestSealed) {
  Make();
  FillAndSeal(1);
  FillAndSeal(2);
  FillAndSeal(3);
  InsertInto(tree_->active(), 4);
  const auto before = core_->views.Share();
  ASSERT_OK(tree_->Commit(FlushedUpTo(2), 2));
  EXPECT_EQ(Shown(), (ShownPositions{4, 3, 200}));
  EXPECT_EQ(tree_->Sealed().size(), 1u);
  EXPECT_EQ(tree_->version()->shape().TableCount(), 1u);
  EXPECT_EQ(tree_->versions().tables_state().position, 2u);
  EXPECT_EQ(before->sealed.size(), 3u) << "a view never changes";
  EXPECT_EQ(before->version->shape().TableCount(), 0u);
}

TEST_F(TreeTest, ACommitThatFailsChangesNothing) {
  Make();
  FillAndSeal(1);
  const uint64_t bytes = tree_->memtable_bytes();
  fs_.SetFault([](FileOp op, const std::string&) {
    return op == FileOp::kAppend ? Status::NoSpace("injected") : Status();
  });
  EXPECT_STATUS(kNoSpace, tree_->Commit(FlushedUpTo(1), 1));
  EXPECT_EQ(Shown(), (ShownPositions{0, 1}));
  EXPECT_TRUE(tree_->HasSealed());
  EXPECT_EQ(tree_->memtable_bytes(), bytes);
  EXPECT_EQ(tree_->version()->shape().TableCount(), 0u);
  EXPECT_EQ(core_->held.bytes(), 0u);
  fs_.SetFault({});
  ASSERT_OK(tree_->Commit(FlushedUpTo(1), 1));
  EXPECT_EQ(Shown(), (ShownPositions{0, 100}));
}

// A flush ends while compactions and iterators still read what it flushed.
TEST_F(TreeTest, AFlushedMemtableCountsAsHeldUntilItsLastReaderIsGone) {
  Make();
  FillAndSeal(1, 500'000);
  static_cast<void>(tree_->ChargeMemory());
  auto reader = core_->views.Share();
  ASSERT_OK(tree_->Commit(FlushedUpTo(1), 1));
  EXPECT_LT(tree_->memtable_bytes(), 500'000u);
  EXPECT_GE(core_->held.bytes(), 500'000u);
  const uint64_t charged = core_->cache.charged_bytes();
  EXPECT_GE(charged, 500'000u);
  EXPECT_LT(charged, 1'000'000u) << "charged twice";
  reader.reset();
  core_->held.Recount();
  EXPECT_EQ(core_->held.bytes(), 0u);
  EXPECT_LE(core_->cache.charged_bytes(), charged - 500'000);
}

TEST_F(TreeTest, MemoryIsChargedWhenItGrewNoticeably) {
  Make();
  const uint64_t before = core_->cache.charged_bytes();
  InsertInto(tree_->active(), 1, 10);
  EXPECT_FALSE(tree_->ChargeMemory());
  EXPECT_EQ(core_->cache.charged_bytes(), before);
  for (LogPos position = 2; position <= 20; ++position) {
    InsertInto(tree_->active(), position, 100'000);
  }
  EXPECT_TRUE(tree_->ChargeMemory());
  EXPECT_GE(tree_->memtable_bytes(), 1'900'000u);
  EXPECT_EQ(core_->cache.charged_bytes(), tree_->memtable_bytes());
  EXPECT_FALSE(tree_->ChargeMemory()) << "told already";
  tree_->Seal(TablesState{20, 20, 20});
  EXPECT_GE(tree_->memtable_bytes(), 1'900'000u) << "sealed ones count as well";
}

TEST_F(TreeTest, SpareMemoryIsChargedUntilNobodyNeededItFromOneTrimToTheNext) {
  Make();
  for (LogPos position = 1; position <= 5000; ++position) {
    InsertInto(tree_->active(), position, 1000);
  }
  tree_->Seal(TablesState{5000, 5000, 5000});
  ASSERT_OK(tree_->Commit(FlushedUpTo(5000), 1));
  core_->held.Recount();
  tree_->TrimSpares();
  const uint64_t spares = core_->memtable_pages->spare_bytes();
  ASSERT_GT(spares, 0u);
  EXPECT_EQ(core_->cache.charged_bytes(), tree_->memtable_bytes() + spares);
  tree_->TrimSpares();
  EXPECT_EQ(core_->memtable_pages->spare_bytes(), 0u);
  EXPECT_EQ(core_->cache.charged_bytes(), tree_->memtable_bytes());
}

}  // namespace
}  // namespace logwood
