// Opening: what makes a directory a database, who may open it, what is remembered, what recovery
// says.
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

#include "logwood/db.h"
#include "tests/support/child_process.h"
#include "tests/support/database_fixture.h"
#include "tests/support/directory.h"
#include "tests/support/generators.h"
#include "util/faulty_file_system.h"

namespace logwood::test {
namespace {

class Opening : public DatabaseTest {
 protected:
  Opening() : DatabaseTest(true) {}

  // A database with tables and an unflushed log, closed.
  void MakeDatabase() {
    Open();
    for (uint32_t i = 0; i < 300; ++i) ASSERT_OK(db_->Put({}, KeyOf(3 + 8 * i), ValueOf(i, 100)));
    ASSERT_OK(db_->Flush());
    ASSERT_OK(db_->Put({}, "in the log", "only"));
    Close();
  }

  FileSystem* files() const { return FileSystem::Posix(); }
  std::string SettingOf(const std::string& name) {
    for (const Setting& setting : db_->GetStats().settings)
      if (setting.name == name) return setting.value;
    return "<none>";
  }
};

// Runs `child` in another process and returns what it returns.
template <typename Child>
int InAnotherProcess(const Child& child) {
  const pid_t pid = fork();
  if (pid < 0) std::abort();
  if (pid == 0) _exit(child());
  return WaitForChild(pid);
}

TEST_F(Opening, CreateIfMissingAndErrorIfExists) {
  options_.create_if_missing = false;
  const Status missing = DB::Open(options_, path_).status();
  EXPECT_STATUS(kNotFound, missing);
  EXPECT_NE(missing.message().find(path_), std::string_view::npos) << missing.ToString();
  options_.create_if_missing = true;
  options_.error_if_exists = true;
  Open();
  Close();
  EXPECT_STATUS(kAlreadyExists, DB::Open(options_, path_));
  options_.error_if_exists = false;
  options_.create_if_missing = false;
  Open();
}

TEST_F(Opening, MissingParentsAreMade) {
  ASSERT_OK_AND_ASSIGN(const auto db, DB::Open(options_, place_.Join("a/b/c")));
  EXPECT_OK(db->Put({}, "k", "v"));
}

// kNotFound is an answer to who asks whether there is a database, not to who asks for one.
TEST_F(Opening, WhereNoDirectoryCanBeMadeIsAnError) {
  ASSERT_EQ(symlink(place_.Join("nowhere").c_str(), place_.Join("link").c_str()), 0);
  for (const std::string& path : {place_.Join("link/db"), place_.Join("link")}) {
    const Status refused = DB::Open(options_, path).status();
    EXPECT_STATUS(kIoError, refused);
    EXPECT_NE(refused.message().find("link"), std::string_view::npos) << refused.ToString();
    Options existing = options_;
    existing.create_if_missing = false;
    EXPECT_STATUS(kNotFound, DB::Open(existing, path).status());
  }
}

TEST_F(Opening, NoDatabaseIsMadeWithinAnother) {
  Open();
  ASSERT_OK(files()->CreateDirectory(path_ + "/made"));
  ASSERT_EQ(symlink((path_ + "/made").c_str(), place_.Join("link").c_str()), 0);
  const std::vector<std::string> within = {path_ + "/sub",
                                           path_ + "/sub/below",
                                           path_ + "/made",
                                           path_ + "/made/../other",
                                           path_ + "/made/",
                                           place_.Join("link/new"),
                                           place_.Join("new/../db/sub")};
  for (const std::string& path : within) {
    EXPECT_STATUS(kInvalidArgument, DB::Open(options_, path));
  }
  ASSERT_OK_AND_ASSIGN(const auto names, files()->List(path_));
  EXPECT_EQ(std::count(names.begin(), names.end(), "sub"), 0);
  ASSERT_OK_AND_ASSIGN(const auto made, files()->List(path_ + "/made"));
  EXPECT_TRUE(made.empty());
  Close();
  // Also where the one above is damaged, or of a newer version.
  ASSERT_OK_AND_ASSIGN(const std::string root, ReadFile(files(), path_ + "/ROOT"));
  for (const size_t changed : {8, 100}) {
    std::string bytes = root;
    bytes[changed] ^= 0x40;
    if (changed == 100) bytes.resize(2 << 20);
    ASSERT_OK(WriteFile(files(), path_ + "/ROOT", bytes));
    EXPECT_STATUS(kInvalidArgument, DB::Open(options_, path_ + "/sub"));
  }
}

TEST_F(Opening, WhatOnlyLooksLikeTheDirectoryOfAnotherIsNot) {
  Open();
  ASSERT_OK(files()->CreateDirectory(place_.Join("elsewhere/below")));
  ASSERT_EQ(symlink(place_.Join("elsewhere/below").c_str(), (path_ + "/link").c_str()), 0);
  for (const char* beside : {"/../beside", "/link/new", "/link/../new"}) {
    EXPECT_OK(DB::Open(options_, path_ + beside).status());
  }
  ASSERT_OK_AND_ASSIGN(const auto names, files()->List(place_.Join("elsewhere")));
  EXPECT_EQ(names, (std::vector<std::string>{"below", "new"}));
  // What only has the names.
  ASSERT_OK(files()->CreateDirectory(place_.Join("other/20261127.manifest")));
  ASSERT_OK(WriteFile(files(), place_.Join("other/ROOT"), "theirs"));
  ASSERT_OK(WriteFile(files(), place_.Join("other/000003.log"), "theirs"));
  EXPECT_OK(DB::Open(options_, place_.Join("other/db")).status());
}

TEST_F(Opening, SecondOpenIsBusyInTheSameProcess) {
  Open();
  EXPECT_STATUS(kBusy, DB::Open(options_, path_));
  EXPECT_STATUS(kBusy, DB::Open(options_, path_ + "/"));
  EXPECT_STATUS(kBusy, DB::Open(options_, path_ + "/../db"));
  ASSERT_OK(symlink(path_.c_str(), place_.Join("other").c_str()) == 0 ? Status()
                                                                      : Status::IoError("symlink"));
  EXPECT_STATUS(kBusy, DB::Open(options_, place_.Join("other")));
  EXPECT_STATUS(kBusy, DB::OpenReadOnly(ReadOnly(), path_));
  EXPECT_OK(db_->Put({}, "k", "v"));
  Close();
  Open();
  EXPECT_EQ(Value("k"), "v");
}

TEST_F(Opening, SecondOpenIsBusyInAnotherProcess) {
  Open();
  const int code = InAnotherProcess(
      [this] { return DB::Open(options_, path_).status().Is(StatusCode::kBusy) ? 0 : 1; });
  EXPECT_EQ(code, 0);
  // The other process's failed open and its end did not take our lock away.
  EXPECT_STATUS(kBusy, DB::Open(options_, path_));
  Close();
  EXPECT_EQ(InAnotherProcess([this] { return DB::Open(options_, path_).ok() ? 0 : 1; }), 0);
}

// Both lives were given the same path; neither may touch the other's files.
TEST_F(Opening, ADirectoryThatIsMovedAwayTakesNothingFromTheOneThatComesInItsPlace) {
  Open();
  for (uint32_t i = 0; i < 300; ++i) ASSERT_OK(db_->Put({}, KeyOf(3 + 8 * i), ValueOf(i, 100)));
  const std::string moved = path_ + ".moved";
  ASSERT_OK(files()->Rename(path_, moved));
  ASSERT_OK_AND_ASSIGN(auto second, DB::Open(options_, path_));
  for (uint32_t i = 0; i < 300; ++i) ASSERT_OK(second->Put({}, KeyOf(3 + 8 * i), "second"));
  ASSERT_OK(second->Flush());

  const Status flushed = db_->Flush();
  EXPECT_STATUS(kIoError, flushed);
  EXPECT_NE(flushed.message().find("moved or replaced"), std::string_view::npos);
  LogPos last = 300;
  Status written;
  for (uint32_t i = 0; i < 100'000 && written.ok(); ++i) {
    written = db_->Put({}, KeyOf(3 + 8 * (i % 300)), ValueOf(i + 1, 100)).status();
    if (written.ok()) ++last;
  }
  EXPECT_STATUS(kIoError, written);
  static_cast<void>(db_->Close());
  db_.reset();

  ASSERT_OK(second->Close());
  ASSERT_OK_AND_ASSIGN(second, DB::Open(options_, path_));
  EXPECT_OK(second->Verify({}));
  for (uint32_t i = 0; i < 300; ++i) {
    std::string value;
    ASSERT_OK(second->Get({}, KeyOf(3 + 8 * i), &value));
    ASSERT_EQ(value, "second");
  }
  ASSERT_OK_AND_ASSIGN(db_, DB::Open(options_, moved));
  EXPECT_EQ(db_->LastPosition(), last);
  EXPECT_OK(db_->Verify({}));
}

TEST_F(Opening, ACommandThatMakesNothingLeavesNothingBehind) {
  ASSERT_OK(files()->CreateDirectory(path_));
  options_.create_if_missing = false;
  EXPECT_STATUS(kNotFound, DB::Open(options_, path_));
  ASSERT_OK_AND_ASSIGN(const std::vector<std::string> names, files()->List(path_));
  EXPECT_TRUE(names.empty());
}

TEST_F(Opening, APathWithANulIsRefused) {
  const std::string path("a\0b", 3);
  EXPECT_STATUS(kInvalidArgument, DB::Open(options_, path));
  EXPECT_STATUS(kInvalidArgument, DB::OpenReadOnly(ReadOnly(), path));
}

TEST_F(Opening, PathThatIsAFileIsAnError) {
  ASSERT_OK(WriteFile(files(), path_, "a file"));
  const Status status = DB::Open(options_, path_).status();
  EXPECT_FALSE(status.ok());
  EXPECT_NE(status.message().find(path_), std::string_view::npos) << status.ToString();
  EXPECT_FALSE(DB::OpenReadOnly(ReadOnly(), path_).ok());
  ASSERT_OK_AND_ASSIGN(const std::string bytes, ReadFile(files(), path_));
  EXPECT_EQ(bytes, "a file");
}

TEST_F(Opening, UnwritableDirectoryIsAnError) {
  if (geteuid() == 0) {  // to whom everything is writable: as somebody else, then
    ASSERT_EQ(mkdir(path_.c_str(), 0700), 0);
    const int code = InAnotherProcess([this] {
      if (setuid(65534) != 0) return 2;
      const StatusCode status = DB::Open(options_, path_).status().code();
      return status == StatusCode::kIoError ? 0 : 1;
    });
    EXPECT_EQ(code, 0);
    return;
  }
  ASSERT_EQ(mkdir(path_.c_str(), 0500), 0);
  EXPECT_STATUS(kIoError, DB::Open(options_, path_));
}

TEST_F(Opening, EmptyDirectoryBecomesADatabase) {
  ASSERT_OK(files()->CreateDirectory(path_));
  Open();
  EXPECT_EQ(db_->LastPosition(), 0u);
}

TEST_F(Opening, FilesOfOthersAreLeftAlone) {
  ASSERT_OK(files()->CreateDirectory(path_));
  ASSERT_OK(WriteFile(files(), path_ + "/README", "mine"));
  MakeDatabase();
  Open();
  ASSERT_OK(db_->CompactAll({}));
  Close();
  ASSERT_OK_AND_ASSIGN(const std::string bytes, ReadFile(files(), path_ + "/README"));
  EXPECT_EQ(bytes, "mine");
  ASSERT_OK(DB::Destroy(options_, path_));
  ASSERT_OK_AND_ASSIGN(const std::vector<std::string> left, files()->List(path_));
  EXPECT_TRUE(std::find(left.begin(), left.end(), "README") != left.end());
}

// Names are not enough to remove a file; but of a damaged database one file is.
TEST_F(Opening, DestroyRemovesNothingThatDoesNotBeginAsADatabase) {
  const FileContents others[] = {
      {{"ROOT", "my directories"}, {"000001.log", "of a printer"}, {"EVENTS", "a concert"}},
      {{"EVENTS", "a concert"}, {"LOCK", ""}},
      {{"EVENTS", ""}, {"LOCK", "a canal"}},
      {{"000001.manifest", "of a ship"}},
      {{"ROOT", std::string(100, '\0')}, {"000001.table", "wood"}},
  };
  int number = 0;
  for (const FileContents& files_there : others) {
    const std::string path = place_.Join("other" + std::to_string(++number));
    ASSERT_OK(WriteDirectory(files(), path, files_there));
    EXPECT_STATUS(kInvalidArgument, DB::Destroy(options_, path)) << number;
    ASSERT_OK_AND_ASSIGN(const FileContents after, ReadDirectory(files(), path));
    EXPECT_EQ(DifferenceOf(files_there, after), "") << number;
  }
}

// Whatever is damaged, a file that begins as ours shows whose all are, and goes last but for ROOT;
// one that cannot be read hides none of the others.
TEST_F(Opening, DestroyRemovesADamagedDatabaseAndCanBeRepeated) {
  MakeDatabase();
  ASSERT_OK_AND_ASSIGN(FileContents damaged, ReadDirectory(files(), path_));
  for (auto& [name, bytes] : damaged) {
    if (name.ends_with(".table") || bytes.empty()) continue;  // LOCK is empty
    bytes.replace(0, std::min<size_t>(8, bytes.size()), "XXXXXXXX");
  }
  FaultyFileSystem faulty(files());
  Options options = options_;
  options.file_system = &faulty;
  for (uint64_t removals = 0; removals + 1 < damaged.size(); ++removals) {
    ASSERT_OK(WriteDirectory(files(), path_, damaged));
    uint64_t left = removals;
    faulty.SetFault([&left](FileOp op, const std::string& path) {
      if (op == FileOp::kOpen && path.ends_with(".manifest")) return Status::IoError(path);
      if (op == FileOp::kRemove && left-- == 0) return Status::IoError(path);
      return Status::Ok();
    });
    EXPECT_STATUS(kIoError, DB::Destroy(options, path_));
    ASSERT_OK_AND_ASSIGN(const FileContents rest, ReadDirectory(files(), path_));
    EXPECT_FALSE(rest.empty());
    EXPECT_OK(DB::Destroy(options_, path_)) << removals;
    ASSERT_OK_AND_ASSIGN(const bool exists, files()->Exists(path_));
    EXPECT_FALSE(exists);
  }
}

// Data files without a root pointer are never taken for a fresh database. (A manifest alone is what
// a crash of the very first open leaves.)
TEST_F(Opening, DataWithoutRootIsCorruption) {
  MakeDatabase();
  ASSERT_OK_AND_ASSIGN(const FileContents whole, ReadDirectory(files(), path_));
  for (const char* extension : {".table", ".log"}) {
    FileContents some;
    for (const auto& [name, bytes] : whole)
      if (name.ends_with(extension)) some.emplace(name, bytes);
    ASSERT_FALSE(some.empty()) << extension;
    const std::string path = place_.Join(std::string("only") + extension);
    ASSERT_OK(WriteDirectory(files(), path, some));
    EXPECT_STATUS(kCorruption, DB::Open(options_, path));
    EXPECT_STATUS(kCorruption, DB::OpenReadOnly(ReadOnly(), path));
    ASSERT_OK_AND_ASSIGN(FileContents after, ReadDirectory(files(), path));
    std::erase_if(after, [](const auto& file) { return file.first == "LOCK"; });
    EXPECT_EQ(DifferenceOf(some, after), "") << "a refused open changed the directory";
  }
}

TEST_F(Opening, WhatIsNotGivenStaysAsStored) {
  options_.tuning.block_bytes = 512;
  options_.tuning.filter_bits_per_key = 7;
  options_.tuning.level_multiplier = 5;
  options_.tuning.level0_tables = 9;
  options_.tuning.table_bytes = 54'321;
  options_.log_retention = LogRetention{.bytes_min = 1234, .age_min = std::chrono::seconds(56)};
  options_.compression = Compression::kNone;
  options_.durability = Durability::kPower;
  MakeDatabase();
  options_.tuning = {};
  options_.log_retention.reset();
  options_.compression.reset();
  options_.durability = Durability::kDefault;
  Open();
  EXPECT_EQ(SettingOf("block_bytes"), "512");
  EXPECT_EQ(SettingOf("filter_bits_per_key"), "7");
  EXPECT_EQ(SettingOf("level_multiplier"), "5");
  EXPECT_EQ(SettingOf("level0_tables"), "9");
  EXPECT_EQ(SettingOf("table_bytes"), "54321");
  EXPECT_EQ(SettingOf("log_retention_bytes"), "1234");
  EXPECT_EQ(SettingOf("log_retention_seconds"), "56");
  EXPECT_EQ(SettingOf("compression"), "none");
  ASSERT_OK_AND_ASSIGN(const LogPos position, db_->Put({}, "k", "v"));
  EXPECT_GE(db_->DurablePosition(), position) << "the stored durability is not in force";
  Close();
  options_.tuning.block_bytes = 1024;  // given again: the new one
  Open();
  EXPECT_EQ(SettingOf("block_bytes"), "1024");
  EXPECT_EQ(Value(KeyOf(3)), ValueOf(0, 100));
  Reopen();
  options_.tuning = {};
  Reopen();
  EXPECT_EQ(SettingOf("block_bytes"), "1024");
}

TEST_F(Opening, RecoveryInfoAfterACleanClose) {
  MakeDatabase();
  Open();
  const RecoveryInfo info = db_->GetRecoveryInfo();
  EXPECT_TRUE(info.clean);
  EXPECT_EQ(info.unproven_tail_bytes, 0u);
  EXPECT_EQ(info.durable_point, 301u);
  EXPECT_EQ(db_->DurablePosition(), 301u);
  EXPECT_EQ(db_->LastPosition(), 301u);
}

// A child that ends without Close: all it wrote is there, and recovery says what it did.
TEST_F(Opening, RecoveryInfoAfterAKill) {
  MakeDatabase();
  Open();
  const uint64_t epoch = db_->GetRecoveryInfo().epoch;
  Close();
  const int code = InAnotherProcess([this] {
    Result<std::unique_ptr<DB>> db = DB::Open(options_, path_);
    if (!db.ok()) return 1;
    for (int i = 0; i < 20; ++i)
      if (!(*db)->Put({}, "late" + std::to_string(i), "v").ok()) return 2;
    _exit(0);  // no destructor, no Close
  });
  ASSERT_EQ(code, 0);
  Open();
  const RecoveryInfo info = db_->GetRecoveryInfo();
  EXPECT_FALSE(info.clean);
  EXPECT_EQ(db_->LastPosition(), 321u);
  EXPECT_GE(info.replayed_commits, 20u);
  EXPECT_EQ(info.replayed_last, 321u);
  EXPECT_EQ(info.replayed_last - info.replayed_first + 1, info.replayed_commits);
  EXPECT_GE(info.tables_position, 300u);
  EXPECT_GT(info.replayed_bytes, 0u);
  EXPECT_GT(info.segments, 0u);
  EXPECT_GT(info.epoch, epoch) << "a recovery that no clean close preceded begins an epoch";
  EXPECT_EQ(Value("late19"), "v");
  EXPECT_EQ(Value("in the log"), "only");
  // Recovery synced the survivors before it served.
  EXPECT_EQ(db_->DurablePosition(), 321u);
}

TEST_F(Opening, ManyReopensChangeNothing) {
  MakeDatabase();
  Open();
  const std::string before = Entries();
  for (int i = 0; i < 10; ++i) Reopen();
  EXPECT_EQ(Entries(), before);
  EXPECT_EQ(db_->LastPosition(), 301u);
  EXPECT_LE(db_->GetStats().log_segments, 3u) << "empty segments pile up";
}

}  // namespace
}  // namespace logwood::test
