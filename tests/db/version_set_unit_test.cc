// VersionSet: what is on the disk is what was committed, also when the manifest is written anew in
// between and that fails half way.
#include "db/version_set.h"

#include <gtest/gtest.h>

#include "db/file_names.h"
#include "db/recovery.h"
#include "tests/db/core_support.h"
#include "tests/db/db_test_support.h"
#include "util/faulty_file_system.h"

namespace logwood {
namespace {

class VersionSetTest : public testing::Test {
 protected:
  void Create() { set_ = test::NewVersionSet(&fs_, "block_bytes=4096\n"); }
  // A table whose description takes 100 KiB: a dozen of them and the manifest is due.
  Edit Large() {
    const uint64_t number = set_->NewFileNumber();
    std::string digits = std::to_string(number);
    digits.insert(0, 8 - digits.size(), '0');
    Edit edit;
    edit.added.emplace_back(1, test::MetaOf(number, digits + std::string(50'000, 'a'),
                                            digits + std::string(50'000, 'b')));
    edit.tables = TablesState{number, number, number};
    return edit;
  }
  Edit Takes(uint64_t number) {
    Edit edit;
    edit.removed.emplace_back(1, number);
    return edit;
  }
  size_t TablesOnDisk() {
    auto tree = LoadTree(base_.get(), "db");
    EXPECT_OK(tree);
    return tree.ok() ? tree->version->shape().TableCount() : 0;
  }
  size_t TablesInMemory() { return set_->current()->shape().TableCount(); }

  std::unique_ptr<FileSystem> base_ = FileSystem::InMemory();
  FaultyFileSystem fs_{base_.get()};
  std::unique_ptr<VersionSet> set_;
};

TEST_F(VersionSetTest, EachCommitIsOnTheDiskWhenItReturns) {
  Create();
  for (size_t n = 1; n <= 5; ++n) {
    ASSERT_OK(set_->Commit(Large(), nullptr));
    EXPECT_EQ(TablesOnDisk(), n);
    EXPECT_EQ(TablesInMemory(), n);
  }
}

TEST_F(VersionSetTest, AManifestThatGrewIsWrittenAnew) {
  Create();
  const uint64_t first = set_->manifest_state().number;
  std::vector<uint64_t> numbers;
  for (int round = 0; round < 60; ++round) {
    ASSERT_OK(set_->Commit(Large(), nullptr));
    numbers.push_back(set_->current()->level(1).back()->meta()->number);
    if (numbers.size() > 2) {
      ASSERT_OK(set_->Commit(Takes(numbers.front()), nullptr));
      numbers.erase(numbers.begin());
    }
    ASSERT_EQ(TablesOnDisk(), TablesInMemory());
  }
  EXPECT_NE(set_->manifest_state().number, first);
  EXPECT_FALSE(set_->TakeObsoleteManifests().empty());
  EXPECT_TRUE(set_->TakeObsoleteManifests().empty());
  ASSERT_OK_AND_ASSIGN(const TreeState tree, LoadTree(base_.get(), "db"));
  EXPECT_EQ(tree.settings, "block_bytes=4096\n");
  EXPECT_EQ(tree.tables, set_->tables_state());
}

TEST_F(VersionSetTest, ARewriteThatFailsBeforeItsRootShowsLeavesTheOldManifestInUse) {
  Create();
  const uint64_t first = set_->manifest_state().number;
  fs_.SetFault([](FileOp op, const std::string& path) {
    return op == FileOp::kCreate && path.ends_with("ROOT.new") ? Status::IoError("injected")
                                                               : Status::Ok();
  });
  for (int i = 0; i < 15; ++i) ASSERT_OK(set_->Commit(Large(), nullptr));
  EXPECT_EQ(set_->manifest_state().number, first);
  EXPECT_OK(set_->TakeShorteningFailure()) << "there may have been no descriptor";
  ASSERT_OK_AND_ASSIGN(const auto names, base_->List("db"));
  EXPECT_EQ(names.size(), 2u) << "beside ROOT and the manifest something was left";
  fs_.SetFault({});
  ASSERT_OK(set_->Commit(Large(), nullptr));
  EXPECT_NE(set_->manifest_state().number, first);
  EXPECT_EQ(TablesOnDisk(), 16u);
}

// Each operation of a rewrite fails once, then for ever: whatever Commit answers "ok" is on the
// disk.
TEST_F(VersionSetTest, NothingCommittedIsLostWhenARewriteFails) {
  for (bool for_ever : {false, true}) {
    bool failed = true;
    for (uint64_t n = 1; failed; ++n) {
      SCOPED_TRACE("operation " + std::to_string(n) + (for_ever ? " and all after" : ""));
      Create();
      const uint64_t first = set_->manifest_state().number;
      while (*base_->FileSize("db/" + ManifestFileName(first)) < 980'000) {
        ASSERT_OK(set_->Commit(Large(), nullptr));
      }
      const uint64_t before = fs_.total();
      if (for_ever) {
        fs_.FailFromOperation(n);
      } else {
        fs_.FailOperation(n);
      }
      size_t acknowledged = TablesInMemory();
      for (int more = 0; more < 4; ++more) {
        if (set_->Commit(Large(), nullptr).ok()) ++acknowledged;
      }
      failed = fs_.total() - before >= n;
      fs_.FailOperation(0);
      EXPECT_GE(TablesOnDisk(), acknowledged);
      EXPECT_LE(TablesOnDisk(), acknowledged + 1);
      // None failed: each operation of the story did before, and those of a rewrite are among them.
      if (!failed) {
        EXPECT_NE(set_->manifest_state().number, first) << "there is no rewrite in this story";
      }
    }
  }
}

// ROOT names the new manifest already, but that is not known to last, and the next attempts fail at
// once. An edit in the old one would be lost with the next open.
TEST_F(VersionSetTest, NothingIsCommittedOnceRootIsInDoubt) {
  Create();
  bool renamed = false;
  fs_.SetFault([&renamed](FileOp op, const std::string& path) {
    if (renamed && (op == FileOp::kSyncDirectory || op == FileOp::kCreate)) {
      return Status::IoError("injected " + path);
    }
    renamed |= op == FileOp::kRename;
    return Status();
  });
  size_t acknowledged = 0;
  for (int n = 0; n < 20; ++n) {
    if (set_->Commit(Large(), nullptr).ok()) ++acknowledged;
    ASSERT_GE(TablesOnDisk(), acknowledged);
  }
  EXPECT_TRUE(renamed);
  EXPECT_LT(acknowledged, 20u);
}

// Running out of space while it is shortened is not the end: the old manifest goes on.
TEST_F(VersionSetTest, ARewriteThatCannotBeginChangesNothing) {
  Create();
  fs_.SetFault([](FileOp op, const std::string& path) {
    return op == FileOp::kCreate ? Status::NoSpace("create " + path) : Status();
  });
  for (size_t n = 1; n <= 20; ++n) {
    ASSERT_OK(set_->Commit(Large(), nullptr));
    ASSERT_EQ(TablesOnDisk(), n);
  }
  fs_.SetFault({});
  ASSERT_OK(set_->Commit(Large(), nullptr));
  EXPECT_EQ(TablesOnDisk(), 21u);
  EXPECT_FALSE(set_->TakeObsoleteManifests().empty());
}

TEST_F(VersionSetTest, TheMarkOfACleanCloseStaysTheLastWord) {
  Create();
  fs_.SetFault([](FileOp op, const std::string& path) {
    return op == FileOp::kCreate ? Status::NoSpace("create " + path) : Status();
  });
  for (int n = 0; n < 20; ++n) ASSERT_OK(set_->Commit(Large(), nullptr));
  fs_.SetFault({});
  Edit close;
  close.clean_close = LogEnd{5, 100, 20};
  ASSERT_OK(set_->Commit(close, nullptr));
  ASSERT_OK_AND_ASSIGN(const TreeState tree, LoadTree(base_.get(), "db"));
  EXPECT_TRUE(tree.clean_close.has_value());
}

TEST_F(VersionSetTest, AnEditThatDoesNotFitIsRefusedAndNotWritten) {
  Create();
  ASSERT_OK(set_->Commit(Large(), nullptr));
  const ManifestState before = set_->manifest_state();
  EXPECT_STATUS(kCorruption, set_->Commit(Takes(4711), nullptr));
  EXPECT_EQ(set_->manifest_state(), before);
  EXPECT_OK(set_->Commit(Large(), nullptr));
  EXPECT_EQ(TablesOnDisk(), 2u);
}

TEST_F(VersionSetTest, TablesAreUnusedOnceTheLastVersionLetsGo) {
  Create();
  ASSERT_OK(set_->Commit(Large(), nullptr));
  auto reader = set_->current();
  const uint64_t number = reader->level(1)[0]->meta()->number;
  ASSERT_OK(set_->Commit(Takes(number), nullptr));
  EXPECT_TRUE(set_->TakeUnusedTables().empty());
  EXPECT_GT(set_->obsolete_bytes(), 0u);
  reader.reset();
  EXPECT_EQ(set_->TakeUnusedTables(), std::vector<uint64_t>{number});
  EXPECT_EQ(set_->obsolete_bytes(), 0u);
  EXPECT_TRUE(set_->TakeUnusedTables().empty());
}

}  // namespace
}  // namespace logwood
