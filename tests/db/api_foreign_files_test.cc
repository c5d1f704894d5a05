// Things that are no files, under the names of ours: an error that names them, never a wait.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "db/directory_check.h"
#include "logwood/db.h"
#include "tests/support/database_fixture.h"

namespace logwood::test {
namespace {

class ForeignFiles : public DatabaseTest {
 protected:
  ForeignFiles() : DatabaseTest(true) {
    Open();
    EXPECT_OK(db_->Put({}, "in a table", "v"));
    EXPECT_OK(db_->Flush());
    EXPECT_OK(db_->Put({}, "in the log", "v"));
    Close();
  }
  std::vector<std::string> Names() {
    const Result<std::vector<std::string>> names = FileSystem::Posix()->List(path_);
    EXPECT_OK(names);
    return names.ok() ? *names : std::vector<std::string>();
  }
  std::string At(const std::string& name) const { return path_ + "/" + name; }

  // With file numbers beyond ours.
  void MakeOther() {
    ASSERT_OK_AND_ASSIGN(auto other, DB::Open(options_, other_path_));
    ASSERT_OK(other->Put({}, "theirs", "v"));
    ASSERT_OK(other->Flush());
    for (int i = 0; i < 9; ++i) {
      ASSERT_OK(other->Put({}, "theirs", "v"));
      ASSERT_OK(other->Close());
      ASSERT_OK_AND_ASSIGN(other, DB::Open(options_, other_path_));
    }
  }
  std::string NewestOfOther(const std::string& kind) const {
    std::string name;
    for (const auto& entry : std::filesystem::directory_iterator(other_path_)) {
      const std::string each = entry.path().filename().string();
      if (each.ends_with(kind)) name = std::max(name, each);
    }
    return name;
  }
  const std::string other_path_ = place_.Join("other");

  // What goes wrong with opening, or with reading what a table holds.
  static Status OpenAndGet(Result<std::unique_ptr<DB>> opened) {
    if (!opened.ok()) return opened.status();
    std::string value;
    return (*opened)->Get({}, "in a table", &value);
  }

  // One file of each kind in turn, something else in its place.
  template <typename Make>
  void InPlaceOfEachKind(const Make& make) {
    for (const std::string kind : {"ROOT", "LOCK", ".manifest", ".log", ".table"}) {
      // Looked for each time: an open that fails late has renewed the manifest.
      const std::vector<std::string> names = Names();
      const auto found = std::find_if(names.begin(), names.end(), [&](const std::string& name) {
        return name.ends_with(kind);
      });
      ASSERT_NE(found, names.end()) << kind;
      const std::string& name = *found;
      const std::string aside = place_.Join("aside");
      ASSERT_EQ(std::rename(At(name).c_str(), aside.c_str()), 0);
      ASSERT_EQ(make(At(name)), 0);
      const Status for_reading = OpenAndGet(DB::OpenReadOnly(ReadOnly(), path_));
      const Status for_writing = OpenAndGet(DB::Open(options_, path_));
      for (const Status& status : {for_reading, for_writing}) {
        EXPECT_FALSE(status.ok()) << name;
        EXPECT_NE(status.message().find(name), std::string_view::npos) << status.ToString();
      }
      ASSERT_EQ(std::remove(At(name).c_str()), 0);
      ASSERT_EQ(std::rename(aside.c_str(), At(name).c_str()), 0);
    }
    Open();
    EXPECT_EQ(Value("in a table"), "v");
    EXPECT_EQ(Value("in the log"), "v");
  }
};

TEST_F(ForeignFiles, APipeInPlaceOfAnyFileIsAnErrorThatNamesIt) {
  InPlaceOfEachKind([](const std::string& path) { return mkfifo(path.c_str(), 0600); });
}

TEST_F(ForeignFiles, ADirectoryInPlaceOfAnyFileIsAnErrorThatNamesIt) {
  InPlaceOfEachKind([](const std::string& path) { return mkdir(path.c_str(), 0700); });
}

// It is for people: a database works without.
TEST_F(ForeignFiles, APipeInPlaceOfTheEventsDoesNotMatter) {
  ASSERT_EQ(std::remove(At("EVENTS").c_str()), 0);
  ASSERT_EQ(mkfifo(At("EVENTS").c_str(), 0600), 0);
  Open();
  EXPECT_EQ(Value("in the log"), "v");
}

TEST_F(ForeignFiles, WhatIsLeftOfRootNewGoes) {
  ASSERT_EQ(mkdir(At("ROOT.new").c_str(), 0700), 0);
  Open();
  EXPECT_FALSE(std::filesystem::exists(At("ROOT.new")));
  Close();
  ASSERT_EQ(mkfifo(At("ROOT.new").c_str(), 0600), 0);
  Open();
  EXPECT_EQ(Value("in a table"), "v");
}

// It may be all that is left of that database. No crash left it there: ours was closed.
TEST_F(ForeignFiles, ALogSegmentOfAnotherDatabaseIsNamedAndNeverRemoved) {
  MakeOther();
  const std::string its_name = NewestOfOther(".log");
  for (const std::string& name : {its_name, std::string("000979.log")}) {
    ASSERT_FALSE(std::filesystem::exists(At(name)));
    ASSERT_TRUE(std::filesystem::copy_file(other_path_ + "/" + its_name, At(name)));
    const std::vector<std::string> before = Names();
    for (const Status& status :
         {DB::Open(options_, path_).status(), DB::OpenReadOnly(ReadOnly(), path_).status()}) {
      EXPECT_STATUS(kCorruption, status);
      EXPECT_NE(status.message().find(name + ":0: segment of another history"),
                std::string_view::npos)
          << status.ToString();
    }
    EXPECT_EQ(Names(), before);
    ASSERT_TRUE(std::filesystem::remove(At(name)));
  }
  Open();
  EXPECT_EQ(Value("in the log"), "v");
}

// Where another database was removed before, its bytes may show up in what was never synced. They
// may also have been put there: so it is told which file goes.
TEST_F(ForeignFiles, ALogSegmentOfAnotherDatabaseBesideOneThatWasKilledIsToldAndGoes) {
  MakeOther();
  Open();
  ASSERT_OK(db_->Put({}, "later", "v"));
  const std::string killed = place_.Join("killed");
  for (const std::string name : {"000001.log", "000979.log"}) {
    std::filesystem::remove_all(killed);
    std::filesystem::copy(path_, killed);
    const std::string put_there = killed + "/" + name;
    ASSERT_TRUE(std::filesystem::copy_file(other_path_ + "/" + NewestOfOther(".log"), put_there));
    DirectoryCheckOptions check;
    check.fs = FileSystem::Posix();
    check.path = killed;
    bool is_noted = false;
    check.damage = [](const Damage& damage) { ADD_FAILURE() << damage.ToString(); };
    check.note = [&](const Damage& note) { is_noted |= note.file == name; };
    ASSERT_OK(CheckDirectory(check));
    EXPECT_TRUE(is_noted) << name;
    ASSERT_OK_AND_ASSIGN(const auto db, DB::Open(options_, killed));
    std::string value;
    EXPECT_OK(db->Get({}, "later", &value));
    EXPECT_FALSE(std::filesystem::exists(put_there));
    ASSERT_OK_AND_ASSIGN(const std::string events,
                         ReadFile(FileSystem::Posix(), killed + "/EVENTS"));
    EXPECT_NE(events.find("\"" + name + " (a segment of another database)\""), std::string::npos)
        << events;
  }
}

// Tables and manifests do not say whose they are.
TEST_F(ForeignFiles, ATableAndAManifestThatNothingRefersToAreNotedAndToldWhenTheyGo) {
  MakeOther();
  const std::string table = "000977.table", manifest = "000978.manifest";
  ASSERT_TRUE(std::filesystem::copy_file(other_path_ + "/" + NewestOfOther(".table"), At(table)));
  ASSERT_TRUE(
      std::filesystem::copy_file(other_path_ + "/" + NewestOfOther(".manifest"), At(manifest)));
  DirectoryCheckOptions check;
  check.fs = FileSystem::Posix();
  check.path = path_;
  std::vector<std::string> damaged, noted;
  check.damage = [&](const Damage& damage) { damaged.push_back(damage.file); };
  check.note = [&](const Damage& note) { noted.push_back(note.file); };
  ASSERT_OK(CheckDirectory(check));
  EXPECT_EQ(damaged, std::vector<std::string>());
  EXPECT_EQ(noted, (std::vector<std::string>{table, manifest}));
  Open();
  EXPECT_EQ(Value("in a table"), "v");
  EXPECT_FALSE(std::filesystem::exists(At(table)));
  EXPECT_FALSE(std::filesystem::exists(At(manifest)));
  Close();
  ASSERT_OK_AND_ASSIGN(const std::string events, ReadFile(FileSystem::Posix(), At("EVENTS")));
  const std::string told = "\"" + manifest + ", " + table + "\"";
  EXPECT_NE(events.find(told), std::string::npos) << events;
  ASSERT_OK(DB::Open(options_, path_)) << "and nothing the next time";
  ASSERT_OK_AND_ASSIGN(const std::string later, ReadFile(FileSystem::Posix(), At("EVENTS")));
  EXPECT_EQ(later.find("files_removed", events.size()), std::string::npos) << later;
}

// The names of the log and of the next ROOT have to be free: their files go, and are named.
TEST_F(ForeignFiles, ATextUnderTheNameOfASegmentOrOfTheNextRootIsToldWhenItGoes) {
  for (const char* name : {"000999.log", "ROOT.new"}) {
    ASSERT_OK(WriteFile(FileSystem::Posix(), At(name), "a letter"));
  }
  Open();
  EXPECT_EQ(Value("in the log"), "v");
  ASSERT_OK_AND_ASSIGN(const std::string events, ReadFile(FileSystem::Posix(), At("EVENTS")));
  EXPECT_NE(events.find("000999.log (no segment, by its first bytes), "
                        "ROOT.new (no ROOT, by its first bytes)"),
            std::string::npos)
      << events;
  EXPECT_FALSE(std::filesystem::exists(At("000999.log")));
}

TEST_F(ForeignFiles, AManifestOfAnotherIsNotWrittenOverByAFirstOpen) {
  const std::string path = place_.Join("new");
  for (const bool is_ours : {false, true}) {
    std::filesystem::remove_all(path);
    ASSERT_TRUE(std::filesystem::create_directory(path));
    const std::string manifest = path + "/000001.manifest";
    ASSERT_OK(WriteFile(FileSystem::Posix(), manifest, is_ours ? "" : "of a ship"));
    EXPECT_STATUS(kNotFound, DB::OpenReadOnly(ReadOnly(), path).status());
    for (const char* value : {"first", "second"}) {
      ASSERT_OK_AND_ASSIGN(const auto db, DB::Open(options_, path));
      ASSERT_OK(db->Put({}, value, value));
      ASSERT_OK(db->Close());
    }
    ASSERT_OK_AND_ASSIGN(const auto db, DB::OpenReadOnly(ReadOnly(), path));
    std::string value;
    EXPECT_OK(db->Get({}, "first", &value));
    if (is_ours) {
      EXPECT_FALSE(std::filesystem::exists(manifest));
    } else {
      ASSERT_OK_AND_ASSIGN(const std::string bytes, ReadFile(FileSystem::Posix(), manifest));
      EXPECT_EQ(bytes, "of a ship");
    }
  }
}

// A table whose first sector was lost with the power, and nothing behind it.
TEST_F(ForeignFiles, ALeftoverWithoutItsFirstSectorGoes) {
  const std::string table = At("000997.table");
  ASSERT_OK(WriteFile(FileSystem::Posix(), table, std::string(512, '\0') + "entries"));
  Open();
  EXPECT_FALSE(std::filesystem::exists(table));
}

TEST_F(ForeignFiles, ARootNewThatCannotGoIsNamedAndOpeningAgainLeavesNothingMore) {
  ASSERT_EQ(mkdir(At("ROOT.new").c_str(), 0700), 0);
  ASSERT_EQ(mkdir(At("ROOT.new/something").c_str(), 0700), 0);
  const std::vector<std::string> before = Names();
  for (int i = 0; i < 3; ++i) {
    const Status status = DB::Open(options_, path_).status();
    EXPECT_STATUS(kIoError, status);
    EXPECT_NE(status.message().find("/ROOT.new"), std::string_view::npos) << status.ToString();
    EXPECT_NE(status.message().find("move it away"), std::string_view::npos) << status.ToString();
  }
  EXPECT_EQ(Names(), before);
  EXPECT_OK(DB::OpenReadOnly(ReadOnly(), path_));
}

}  // namespace
}  // namespace logwood::test
