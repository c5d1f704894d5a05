// Opening and destroying where an operation fails, a file changes meanwhile or has a name that no
// database comes to; and what the log says of a manifest.
#include "db/file_names.h"
#include "tests/db/recovery_fixture.h"
#include "util/faulty_file_system.h"
#include "wal/log_format.h"
#include "wal/segments.h"

namespace logwood {
namespace {

using test::FileContents;

class OpenFailuresTest : public test::RecoveryFixture {
 protected:
  // Two tables' worth of keys, and a log that was not closed.
  void MakeDatabase() {
    Open();
    Put("in a table");
    ASSERT_OK(db_->Flush());
    Put("in the log");
  }
  Status OpenOn(FileSystem* fs) { return DB::Open(test::TinyOptions(fs), "db").status(); }
  Status DestroyOn(FileSystem* fs) { return DB::Destroy(test::TinyOptions(fs), "db"); }
};

TEST_F(OpenFailuresTest, AFileWithANumberThatNoDatabaseComesToIsNamedAndNothingIsChanged) {
  MakeDatabase();
  Kill();
  const uint64_t last = uint64_t{1} << 55;
  for (const std::string& name :
       {LogFileName(last), TableFileName(last), ManifestFileName(last + 7)}) {
    SCOPED_TRACE(name);
    Replace(name, "whatever");
    ASSERT_OK_AND_ASSIGN(const FileContents before, test::ReadDirectory(fs_.get(), "db"));
    const Status status = TryOpen();
    EXPECT_STATUS(kCorruption, status);
    const std::string number = name.substr(0, name.find('.'));
    EXPECT_NE(status.message().find(" a file with number " + number + ","), std::string_view::npos)
        << status.ToString();
    ASSERT_OK_AND_ASSIGN(FileContents after, test::ReadDirectory(fs_.get(), "db"));
    if (!before.contains("LOCK")) after.erase("LOCK");
    EXPECT_EQ(test::DifferenceOf(before, after), "");
    Remove(name);
  }
  // The greatest number that leaves room.
  Replace(TableFileName(last - 1), "whatever");
  EXPECT_OK(TryOpen());
}

// The log is stored again before it is relied on; what cannot be read of it is no zeros.
TEST_F(OpenFailuresTest, ASegmentThatBecomesShorterBeforeItIsStoredAgainFailsTheOpen) {
  Open();
  ASSERT_OK(db_->Put({Durability::kProcess}, "only stored", std::string(5000, 'v')));
  Kill();
  const std::string log = Names(".log").at(0);
  const std::string bytes = Bytes(log);
  ASSERT_OK_AND_ASSIGN(const FileContents whole, test::ReadDirectory(fs_.get(), "db"));
  // The read before its first store.
  FaultyFileSystem files(fs_.get());
  int reads = 0, last_read = 0;
  files.SetFault([&](FileOp op, const std::string& path) {
    if (!path.ends_with(log)) return Status::Ok();
    if (op == FileOp::kRead) ++reads;
    if (op == FileOp::kStore && last_read == 0) last_read = reads;
    return Status::Ok();
  });
  ASSERT_OK(OpenOn(&files));
  ASSERT_GT(last_read, 0) << "it was not stored again";
  files.SetFault({});
  ASSERT_OK(test::RemoveDirectoryFiles(fs_.get(), "db"));
  ASSERT_OK(test::WriteDirectory(fs_.get(), "db", whole));
  reads = 0;
  const size_t half = bytes.size() - 2000;
  files.SetFault([&](FileOp op, const std::string& path) {
    if (op != FileOp::kRead || !path.ends_with(log) || ++reads != last_read) return Status::Ok();
    auto file = fs_->OpenLogFile("db/" + log);
    EXPECT_OK(file);
    return (*file)->Truncate(half);
  });
  const Status status = OpenOn(&files);
  EXPECT_STATUS(kIoError, status);
  EXPECT_NE(status.message().find(log + ": it became shorter"), std::string_view::npos)
      << status.ToString();
  EXPECT_EQ(Bytes(log), bytes.substr(0, half)) << "nothing was stored";
}

TEST_F(OpenFailuresTest, EachFailedOperationOfADestroyIsTheAnswerAndItCanBeRepeated) {
  MakeDatabase();
  Close();
  ASSERT_OK_AND_ASSIGN(const FileContents whole, test::ReadDirectory(fs_.get(), "db"));
  uint64_t failures = 0;
  for (uint64_t n = 1;; ++n) {
    ASSERT_LT(n, 100u);
    SCOPED_TRACE("operation " + std::to_string(n));
    FaultyFileSystem files(fs_.get());
    uint64_t calls = 0;
    bool has_failed = false, matters = true;
    files.SetFault([&](FileOp op, const std::string& path) {
      if (++calls != n) return Status::Ok();
      has_failed = true;
      // Not that of the directory's own name, which others may want, nor a look at one of the
      // files: others show whose they are, too.
      matters = path != "db" || op != FileOp::kRemove;
      if (op == FileOp::kOpen || op == FileOp::kRead) matters = path.ends_with("LOCK");
      return Status::IoError(path + ": it is to fail");
    });
    const Status status = DestroyOn(&files);
    if (!has_failed) {
      EXPECT_OK(status);
      break;
    }
    EXPECT_EQ(status.ok(), !matters) << status.ToString();
    if (!status.ok()) {
      EXPECT_STATUS(kIoError, status);
      ++failures;
    }
    ASSERT_OK_AND_ASSIGN(const bool there, fs_->Exists("db"));
    FileContents rest;
    if (there) {
      ASSERT_OK_AND_ASSIGN(rest, test::ReadDirectory(fs_.get(), "db"));
    }
    bool is_data = false;
    for (const auto& [name, bytes] : rest)
      is_data |= name.ends_with(".log") || name.ends_with(".table");
    EXPECT_TRUE(!is_data || rest.contains("ROOT")) << "data without ROOT is no database";
    if (rest.empty()) {
      EXPECT_OK(status);
    } else {
      ASSERT_OK(DestroyOn(fs_.get()));
    }
    ASSERT_OK(test::WriteDirectory(fs_.get(), "db", whole));
  }
  // At least: two looks, the list, the lock, each file, the sync.
  EXPECT_GT(failures, whole.size() + 4);
}

TEST_F(OpenFailuresTest, WhatIsNoPathOrNotThereIsNotDestroyed) {
  EXPECT_STATUS(kInvalidArgument, DB::Destroy(test::TinyOptions(fs_.get()), ""));
  EXPECT_OK(DestroyOn(fs_.get()));
  ASSERT_OK(fs_->CreateDirectory("db"));
  EXPECT_STATUS(kInvalidArgument, DestroyOn(fs_.get())) << "it is empty";
  ASSERT_OK_AND_ASSIGN(const bool there, fs_->Exists("db"));
  EXPECT_TRUE(there);
}

// Manifest 12 as read, of three edits.
TEST(ManifestStalenessTest, TheStateThatTheLogFollowedMustBeInTheManifest) {
  TreeState tree;
  tree.root.manifest = 12;
  tree.states = {{12, 1, 101}, {12, 2, 102}, {12, 3, 103}};
  struct Case {
    ManifestState newest;
    const char* what;  // null: it is there
  };
  const char* const lost = "db/000012.manifest:0: the log follows edit ";
  for (const Case& c :
       {Case{{12, 1, 101}, nullptr}, Case{{12, 3, 103}, nullptr},
        Case{{11, 9, 999}, nullptr},  // one before it
        Case{{12, 4, 104}, "db/000012.manifest:0: the log follows edit 4 of this manifest"},
        Case{{12, 0, 0}, lost},
        Case{{12, 2, 999}, "db/000012.manifest:0: the log follows edit 2 of another"},
        Case{{13, 1, 101}, "db/ROOT:0: ROOT names manifest 12, the log follows"}}) {
    SCOPED_TRACE(std::to_string(c.newest.number) + " " + std::to_string(c.newest.edits));
    const Status status = CheckManifestNotStale("db", tree, c.newest);
    if (c.what == nullptr) {
      EXPECT_OK(status);
      continue;
    }
    EXPECT_STATUS(kCorruption, status);
    EXPECT_TRUE(status.message().starts_with(c.what)) << status.ToString();
  }
}

TEST(ManifestStalenessTest, ALostEditOfWhichBytesAreThereIsNamedWhereTheyBegin) {
  TreeState tree;
  tree.root.manifest = 12;
  tree.states = {{12, 1, 101}};
  tree.manifest_tail_offset = 2573;
  tree.manifest_tail_bytes = 251;
  const Status lost = CheckManifestNotStale("db", tree, {12, 2, 102});
  EXPECT_TRUE(lost.message().starts_with("db/000012.manifest:2573: the log follows edit 2"))
      << lost.ToString();
  const Status other = CheckManifestNotStale("db", tree, {12, 1, 999});
  EXPECT_TRUE(other.message().starts_with("db/000012.manifest:0: the log follows edit 1"))
      << other.ToString();
}

}  // namespace
}  // namespace logwood
