// Recovery: epochs, positions and files over many openings.
#include "db/recovery.h"

#include <gtest/gtest.h>

#include "db/file_names.h"
#include "db/manifest.h"
#include "tests/db/recovery_fixture.h"
#include "util/internal_key.h"

namespace logwood {
namespace {

class RecoveryStateTest : public test::RecoveryFixture {};

TEST_F(RecoveryStateTest, EpochsGrowOnlyAfterAnUncleanClose) {
  Open();
  EXPECT_EQ(db_->GetRecoveryInfo().epoch, 1u);
  Put("a");
  Close();
  for (int i = 0; i < 3; ++i) {
    Open();
    EXPECT_TRUE(db_->GetRecoveryInfo().clean);
    EXPECT_EQ(db_->GetRecoveryInfo().epoch, 1u);
    Close();
  }
  for (uint64_t epoch = 2; epoch <= 4; ++epoch) {
    Open();
    Put("b");
    Kill();
    Open();
    EXPECT_FALSE(db_->GetRecoveryInfo().clean);
    EXPECT_EQ(db_->GetRecoveryInfo().epoch, epoch);
    Close();
    Open();
    EXPECT_EQ(db_->GetRecoveryInfo().epoch, epoch);
    Close();
  }
  ASSERT_OK_AND_ASSIGN(const TreeState tree, LoadTree(fs_.get(), "db"));
  ASSERT_EQ(tree.epochs.size(), 4u);
  for (size_t i = 0; i < 4; ++i) {
    EXPECT_EQ(tree.epochs[i].number, i + 1);
    EXPECT_EQ(tree.epochs[i].first_position, i == 0 ? 1 : i + 2);
    if (i > 0) {
      EXPECT_NE(tree.epochs[i].tag, tree.epochs[i - 1].tag);
    }
  }
}

TEST_F(RecoveryStateTest, ATableMadeWhileReplayingIsAsOldAsItsNewestCommit) {
  constexpr int kLives = 20;  // more than the segments that an open leaves as they are
  for (int i = 0; i < kLives; ++i) {
    Open();
    Put("a");
    Close();
  }
  ASSERT_OK_AND_ASSIGN(const TreeState tree, LoadTree(fs_.get(), "db"));
  ASSERT_GT(tree.tables.position, 0u);
  EXPECT_GT(tree.tables.time_us, 0u);
  size_t tables = 0;
  for (const auto& level : tree.version->shape().levels) {
    for (const TableMetaPtr& table : level) {
      EXPECT_EQ(table->created_us, tree.tables.time_us);
      ++tables;
    }
  }
  EXPECT_EQ(tables, 1u);
}

TEST_F(RecoveryStateTest, ARootOfMoreBytesThanOneCanHaveIsNotReadIntoMemory) {
  Open();
  Close();
  Replace("ROOT", std::string((1 << 20) + 1, 'x'));
  const Status status = TryOpen();
  EXPECT_STATUS(kCorruption, status);
  EXPECT_NE(status.message().find("1048577 bytes, more than its kind can have"),
            std::string_view::npos)
      << status.ToString();
}

TEST_F(RecoveryStateTest, ManifestWhoseEditsContradictTheTreeIsCorruption) {
  Open();
  Put("a");
  ASSERT_OK(db_->Flush());
  ASSERT_OK(db_->WaitForCompaction());
  Close();
  ASSERT_OK_AND_ASSIGN(const Root root, ReadRoot(fs_.get(), "db"));
  ASSERT_OK_AND_ASSIGN(const ManifestContents whole, ReadManifest(fs_.get(), "db", root.manifest));
  ASSERT_OK_AND_ASSIGN(const TreeState tree, LoadTree(fs_.get(), "db"));
  const auto& last_level = tree.version->shape().levels[kLevels - 1];
  ASSERT_EQ(last_level.size(), 1u) << "moved there";
  Edit unknown, elsewhere, twice, endless;
  unknown.removed.emplace_back(kLevels - 1, 4711);
  elsewhere.removed.emplace_back(0, last_level[0]->number);
  twice.added.emplace_back(0, *last_level[0]);
  endless.tables = tree.tables;
  endless.tables->position = kPositionMax;
  for (const Edit& wrong : {unknown, elsewhere, twice, endless}) {
    ASSERT_OK(fs_->Remove("db/" + ManifestFileName(root.manifest)));
    ASSERT_OK_AND_ASSIGN(
        auto writer, ManifestWriter::Create(fs_.get(), "db", root.manifest, whole.edits.front()));
    for (size_t i = 1; i < whole.edits.size(); ++i) ASSERT_OK(writer->Append(whole.edits[i]));
    EXPECT_OK(LoadTree(fs_.get(), "db"));
    ASSERT_OK(writer->Append(wrong));
    EXPECT_STATUS(kCorruption, LoadTree(fs_.get(), "db"));
    EXPECT_STATUS(kCorruption, TryOpen());
  }
}

TEST_F(RecoveryStateTest, PositionsAreDenseOverReopening) {
  LogPos next = 1;
  for (int round = 0; round < 12; ++round) {
    Open();
    ASSERT_EQ(db_->LastPosition(), next - 1);
    for (int i = 0; i < 5; ++i) {
      ASSERT_OK_AND_ASSIGN(const LogPos position, db_->Put({}, "k", std::to_string(next)));
      ASSERT_EQ(position, next++);
    }
    if (round % 3 == 0) {
      ASSERT_OK(db_->Flush());
    }
    if (round % 2 == 0) {
      Close();
    } else {
      Kill();
    }
  }
}

TEST_F(RecoveryStateTest, ManyOpensLeaveNoFilesBehind) {
  for (int round = 0; round < 10; ++round) {
    Open();
    Put("k", std::to_string(round));
    if (round % 2 == 0) {
      ASSERT_OK(db_->Flush());
    }
    if (round % 3 == 0) {
      Kill();
    } else {
      Close();
    }
  }
  Open();
  ASSERT_OK(db_->CompactAll({}));
  Close();
  Open();
  Close();
  EXPECT_EQ(Names(".manifest").size(), 1u);
  EXPECT_LE(Names(".table").size(), 1u);
  EXPECT_LE(Names(".log").size(), 2u);
}

TEST_F(RecoveryStateTest, ForeignFilesAreNeverTouched) {
  Open();
  Put("a");
  Close();
  for (const std::string name : {"notes.txt", "12.log", "0000099.table", "000003.log.bak"}) {
    Replace(name, "mine");
  }
  Open();
  Put("b");
  ASSERT_OK(db_->Flush());
  Close();
  for (const std::string name : {"notes.txt", "12.log", "0000099.table", "000003.log.bak"}) {
    EXPECT_EQ(Bytes(name), "mine");
  }
}

TEST_F(RecoveryStateTest, ASegmentOfAnotherDatabaseIsNotReplayed) {
  Open();
  Put("a");
  Kill();
  auto mine = test::ReadDirectory(fs_.get(), "db");
  fs_ = FileSystem::InMemory();
  Open();
  Put("foreign");
  Kill();
  const std::string foreign = Bytes(Names(".log").back());
  fs_ = FileSystem::InMemory();
  ASSERT_OK(test::WriteDirectory(fs_.get(), "db", *mine));
  Replace("000077.log", foreign);
  Open();
  EXPECT_EQ(db_->LastPosition(), 1u);
  std::string value;
  EXPECT_STATUS(kNotFound, db_->Get({}, "foreign", &value));
  EXPECT_OK(db_->Get({}, "a", &value));
}

}  // namespace
}  // namespace logwood
