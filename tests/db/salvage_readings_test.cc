// Salvage reads everything twice: what only the second reading meets is told, and what a writer
// removes in between stays readable.
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "db/salvage.h"
#include "tests/db/db_test_support.h"
#include "util/faulty_file_system.h"
#include "util/forwarding_file_system.h"

namespace logwood {
namespace {

constexpr int kReadingKeys = 200;

std::string ReadingKey(int i) { return "key" + std::to_string(1000 + i); }

// Lets no file be held.
class NoDescriptors final : public ForwardingFileSystem {
 public:
  using ForwardingFileSystem::ForwardingFileSystem;
  uint64_t OpenFilesMax() const override { return 0; }
};

class SalvageReadingsTest : public testing::Test {
 protected:
  SalvageReadingsTest() {
    salvage_.fs = fs_.get();
    salvage_.source = "db";
    salvage_.target = "new";
    salvage_.memory_bytes = 8 << 20;
    salvage_.report = [this](const SalvageLoss& loss) {
      if (loss.lost) losses_.push_back(loss);
    };
  }
  void Open() {
    Options options;
    options.file_system = fs_.get();
    options.compression = Compression::kNone;
    options.tuning.block_bytes = 1 << 10;
    auto opened = DB::Open(options, "db");
    ASSERT_OK(opened);
    db_ = std::move(*opened);
  }
  void PutAll(const std::string& value) {
    for (int i = 0; i < kReadingKeys; ++i) {
      const std::string padded = value + std::string(100, '.');
      ASSERT_OK(db_->Put({.durability = Durability::kPower}, ReadingKey(i), padded));
    }
  }
  void FlushTillSegmentsAreGone() {
    ASSERT_OK(db_->Flush());
    ASSERT_OK(db_->WaitForCompaction());
  }
  // Files are removed behind the compaction that replaced them.
  void WaitTillGone(const std::string& path) {
    for (int tries = 0; tries < 60'000; ++tries) {
      ASSERT_OK_AND_ASSIGN(const bool there, fs_->Exists(path));
      if (!there) return;
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    FAIL() << path << " is never removed";
  }
  void SalvageIt() {
    auto saved = Salvage(salvage_);
    ASSERT_OK(saved);
    summary_ = *saved;
    EXPECT_EQ(summary_.losses, losses_.size());
  }
  std::map<std::string, std::string> Saved() {
    Options options;
    options.file_system = fs_.get();
    auto saved = DB::Open(options, "new");
    EXPECT_OK(saved);
    if (!saved.ok()) return {};
    auto seen = test::Scan(saved->get());
    EXPECT_OK(seen);
    return seen.ok() ? *seen : std::map<std::string, std::string>();
  }
  bool IsExcused(const std::string& key, LogPos position) const {
    return std::any_of(losses_.begin(), losses_.end(), [&](const SalvageLoss& loss) {
      const Damage& d = loss.damage;
      if (d.file.ends_with(".table")) return d.first_key <= key && key <= d.last_key;
      return d.first_position <= position && position <= d.last_position;
    });
  }
  void ExpectEachKeyIsThereOrExcused() {
    const auto saved = Saved();
    for (int i = 0; i < kReadingKeys; ++i) {
      const std::string key = ReadingKey(i);
      const bool exact = saved.contains(key) || IsExcused(key, static_cast<LogPos>(i) + 1);
      EXPECT_TRUE(exact) << key;
    }
    EXPECT_LT(saved.size(), static_cast<size_t>(kReadingKeys)) << "nothing was damaged";
  }
  // In the middle of each file of the kind.
  void DamageFiles(const std::string& extension) {
    ASSERT_OK_AND_ASSIGN(const auto names, fs_->List("db"));
    for (const std::string& name : names) {
      if (!name.ends_with(extension)) continue;
      ASSERT_OK_AND_ASSIGN(std::string bytes, test::ReadFile(fs_.get(), "db/" + name));
      const size_t used = bytes.find_last_not_of('\0');
      bytes[used / 2] ^= 0x10;
      ASSERT_OK(test::WriteFile(fs_.get(), "db/" + name, bytes));
    }
  }
  size_t CountFiles(const std::string& extension) {
    const auto names = fs_->List("db");
    return !names.ok() ? 0
                       : static_cast<size_t>(std::count_if(
                             names->begin(), names->end(),
                             [&](const std::string& name) { return name.ends_with(extension); }));
  }

  const std::unique_ptr<FileSystem> fs_ = FileSystem::InMemory();
  std::unique_ptr<DB> db_;
  SalvageOptions salvage_;
  SalvageSummary summary_;
  std::vector<SalvageLoss> losses_;
};

TEST_F(SalvageReadingsTest, SegmentsThatAWriterRemovesInBetweenStayReadable) {
  Open();
  PutAll("of the log");
  salvage_.ignore_writer = true;
  salvage_.target_begun = [this] { FlushTillSegmentsAreGone(); };
  SalvageIt();
  EXPECT_TRUE(losses_.empty());
  EXPECT_EQ(Saved().size(), static_cast<size_t>(kReadingKeys));
}

TEST_F(SalvageReadingsTest, TablesThatAWriterRemovesInBetweenStayReadable) {
  Open();
  for (const char* value : {"older", "newer"}) {
    PutAll(value);
    ASSERT_OK(db_->Flush());
  }
  salvage_.ignore_writer = true;
  salvage_.target_begun = [this] { ASSERT_OK(db_->CompactAll({})); };
  SalvageIt();
  EXPECT_TRUE(losses_.empty());
  const auto saved = Saved();
  EXPECT_EQ(saved.size(), static_cast<size_t>(kReadingKeys));
  for (const auto& [key, value] : saved) EXPECT_TRUE(value.starts_with("newer")) << key;
}

// Nothing names a table that is gone with the manifest; that its commits are nowhere is seen.
TEST_F(SalvageReadingsTest, ATableThatIsGoneWithTheManifestIsMissedByItsPositions) {
  Open();
  PutAll("first");
  ASSERT_OK(db_->Flush());
  const LogPos first_end = db_->LastPosition();
  ASSERT_OK_AND_ASSIGN(const auto before, fs_->List("db"));
  ASSERT_OK(db_->Put({}, "other", "x"));
  ASSERT_OK(db_->Flush());
  ASSERT_OK(db_->Put({}, "last", "x"));
  ASSERT_OK(db_->Close());
  db_.reset();
  for (const std::string& name : before) {
    if (name.ends_with(".table") || name.ends_with(".manifest")) {
      ASSERT_OK(fs_->Remove("db/" + name));
    }
  }
  SalvageIt();
  EXPECT_EQ(Saved(), (std::map<std::string, std::string>{{"other", "x"}, {"last", "x"}}));
  const std::string range = ": 1 to " + std::to_string(first_end);
  const bool told = std::any_of(losses_.begin(), losses_.end(), [&](const SalvageLoss& loss) {
    return loss.lost && loss.damage.what.ends_with(range);
  });
  EXPECT_TRUE(told);
}

TEST_F(SalvageReadingsTest, WhereAWriterRemovesFilesBeforeTheyAreHeldTheDirectoryIsLookedAtAgain) {
  Open();
  for (const char* value : {"older", "newer"}) {
    PutAll(value);
    ASSERT_OK(db_->Flush());
  }
  FaultyFileSystem files(fs_.get());
  bool removed = false;
  files.SetFault([&](FileOp op, const std::string& path) {
    if (op == FileOp::kOpen && path.ends_with(".table") && !std::exchange(removed, true)) {
      EXPECT_OK(db_->CompactAll({.force_last_level = true}));
      WaitTillGone(path);
    }
    return Status::Ok();
  });
  salvage_.fs = &files;
  salvage_.ignore_writer = true;
  SalvageIt();
  EXPECT_TRUE(removed);
  EXPECT_TRUE(losses_.empty());
  EXPECT_EQ(Saved().size(), static_cast<size_t>(kReadingKeys));
}

TEST_F(SalvageReadingsTest, AWriterThatNeverStopsRemovingFilesIsNoLossButBusy) {
  Open();
  PutAll("older");
  ASSERT_OK(db_->Flush());
  FaultyFileSystem files(fs_.get());
  files.SetFault([&](FileOp op, const std::string& path) {
    if (op == FileOp::kOpen && path.starts_with("db/") && path.ends_with(".table")) {
      PutAll("newer");
      EXPECT_OK(db_->Flush());
      EXPECT_OK(db_->CompactAll({.force_last_level = true}));
      WaitTillGone(path);
    }
    return Status::Ok();
  });
  salvage_.fs = &files;
  salvage_.ignore_writer = true;
  EXPECT_STATUS(kBusy, Salvage(salvage_).status());
  EXPECT_TRUE(losses_.empty());
}

// Between the look at the log and the one at the manifest.
TEST_F(SalvageReadingsTest, WhatAWriterCommitsOrClosesBetweenTheLooksIsNoLoss) {
  for (const bool closes : {false, true}) {
    ASSERT_OK(fs_->CreateDirectory("db"));
    Open();
    PutAll("older");
    FaultyFileSystem files(fs_.get());
    bool wrote = false;
    files.SetFault([&](FileOp op, const std::string& path) {
      if (op == FileOp::kOpen && path.ends_with("ROOT") && !std::exchange(wrote, true)) {
        PutAll("newer");
        if (closes) {
          PutAll("newest");
          EXPECT_OK(db_->Close());
        } else {
          EXPECT_OK(db_->Flush());
        }
      }
      return Status::Ok();
    });
    salvage_.fs = &files;
    salvage_.target = closes ? "closed" : "new";
    salvage_.ignore_writer = true;
    SalvageIt();
    EXPECT_TRUE(wrote);
    EXPECT_EQ(losses_.size(), 0u);
    db_.reset();
  }
}

TEST_F(SalvageReadingsTest, ATableThatIsMissingBesideAWriterIsALoss) {
  Open();
  PutAll("of a table");
  ASSERT_OK_AND_ASSIGN(const auto before, fs_->List("db"));
  ASSERT_OK(db_->Flush());
  for (const std::string& name : before) {
    if (name.ends_with(".log")) WaitTillGone("db/" + name);
  }
  ASSERT_OK_AND_ASSIGN(const auto names, fs_->List("db"));
  for (const std::string& name : names) {
    if (!name.ends_with(".table")) continue;
    ASSERT_OK(fs_->Remove("db/" + name));
  }
  salvage_.ignore_writer = true;
  SalvageIt();
  EXPECT_EQ(losses_.size(), 1u);
  ExpectEachKeyIsThereOrExcused();
}

TEST_F(SalvageReadingsTest, SegmentsThatCouldNotBeHeldAndAreGoneAreLost) {
  Open();
  PutAll("of the log");
  NoDescriptors none(fs_.get());
  salvage_.fs = &none;
  salvage_.ignore_writer = true;
  salvage_.target_begun = [this] { FlushTillSegmentsAreGone(); };
  SalvageIt();
  ASSERT_EQ(CountFiles(".table"), 1u);
  ExpectEachKeyIsThereOrExcused();
}

TEST_F(SalvageReadingsTest, TablesThatCouldNotBeHeldAndAreGoneAreLost) {
  Open();
  PutAll("of a table");
  ASSERT_OK(db_->Flush());
  NoDescriptors none(fs_.get());
  salvage_.fs = &none;
  salvage_.ignore_writer = true;
  ASSERT_OK_AND_ASSIGN(const auto before, fs_->List("db"));
  salvage_.target_begun = [this, &before] {
    ASSERT_OK(db_->CompactAll({.force_last_level = true}));
    for (const std::string& name : before) {
      if (name.ends_with(".table")) WaitTillGone("db/" + name);
    }
  };
  SalvageIt();
  EXPECT_FALSE(losses_.empty());
  ExpectEachKeyIsThereOrExcused();
}

TEST_F(SalvageReadingsTest, ABlockThatRotsInBetweenIsLost) {
  Open();
  PutAll("of a table");
  ASSERT_OK(db_->Flush());
  ASSERT_OK(db_->Close());
  salvage_.target_begun = [this] { DamageFiles(".table"); };
  SalvageIt();
  ASSERT_EQ(losses_.size(), 1u);
  EXPECT_GT(losses_[0].damage.first_position, 0u);
  ExpectEachKeyIsThereOrExcused();
}

TEST_F(SalvageReadingsTest, WhatTheFirstReadingToldIsNotToldAgain) {
  Open();
  PutAll("of a table");
  ASSERT_OK(db_->Flush());
  ASSERT_OK(db_->Close());
  DamageFiles(".table");
  SalvageIt();
  EXPECT_EQ(losses_.size(), 1u);
  ExpectEachKeyIsThereOrExcused();
}

TEST_F(SalvageReadingsTest, ACommitThatRotsInBetweenIsLost) {
  Open();
  PutAll("of the log");
  db_.reset();
  salvage_.target_begun = [this] { DamageFiles(".log"); };
  SalvageIt();
  ASSERT_EQ(losses_.size(), 1u);
  EXPECT_GT(losses_[0].damage.offset, 0u);
  EXPECT_GT(losses_[0].end, losses_[0].damage.offset);
  EXPECT_EQ(losses_[0].damage.first_position, losses_[0].damage.last_position);
  ExpectEachKeyIsThereOrExcused();
}

TEST_F(SalvageReadingsTest, ALogThatIsCutInBetweenIsLostFromThereOn) {
  Open();
  PutAll("of the log");
  db_.reset();
  salvage_.target_begun = [this] {
    for (const std::string& name : *fs_->List("db")) {
      if (!name.ends_with(".log")) continue;
      ASSERT_OK_AND_ASSIGN(std::string bytes, test::ReadFile(fs_.get(), "db/" + name));
      bytes.resize(bytes.find_last_not_of('\0') / 2);
      ASSERT_OK(test::WriteFile(fs_.get(), "db/" + name, bytes));
    }
  };
  SalvageIt();
  EXPECT_EQ(losses_.size(), 1u);
  ExpectEachKeyIsThereOrExcused();
}

}  // namespace
}  // namespace logwood
