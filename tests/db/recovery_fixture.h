// A database to kill, damage and open again, for the tests of recovery.
#pragma once

#include "db/recovery.h"

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "tests/db/crash_support.h"
#include "tests/db/recording_listener.h"

namespace logwood::test {

class RecoveryFixture : public testing::Test {
 protected:
  void Open() {
    auto db = DB::Open(TinyOptions(fs_.get()), "db");
    ASSERT_OK(db);
    db_ = std::move(*db);
  }
  Status TryOpen() { return DB::Open(TinyOptions(fs_.get()), "db").status(); }
  Status TryReadOnly() {
    ReadOnlyOptions options;
    options.file_system = fs_.get();
    return DB::OpenReadOnly(options, "db").status();
  }
  void Put(const std::string& key, const std::string& value = "v") {
    ASSERT_OK(db_->Put({Durability::kPower}, key, value));
  }
  void Close() {
    ASSERT_OK(db_->Close());
    db_.reset();
  }
  // As a kill leaves it: what the files hold at this moment becomes the directory.
  void Kill() {
    ASSERT_OK_AND_ASSIGN(const FileContents contents, ReadLiveDirectory(fs_.get(), "db"));
    static_cast<void>(db_->Close());
    db_.reset();
    fs_ = FileSystem::InMemory();
    ASSERT_OK(WriteDirectory(fs_.get(), "db", contents));
  }
  std::vector<std::string> Names(const std::string& suffix) {
    std::vector<std::string> names;
    auto all = fs_->List("db");
    for (const std::string& name : *all) {
      if (name.ends_with(suffix)) names.push_back(name);
    }
    return names;
  }
  void Remove(const std::string& name) { ASSERT_OK(fs_->Remove("db/" + name)); }
  std::string Bytes(const std::string& name) {
    auto bytes = ReadFile(fs_.get(), "db/" + name);
    EXPECT_OK(bytes);
    return *bytes;
  }
  void Replace(const std::string& name, const std::string& bytes) {
    ASSERT_OK(WriteFile(fs_.get(), "db/" + name, bytes));
  }
  // Both ways to open say kCorruption and name the file; neither changes a byte.
  void ExpectDamage(const std::string& file) {
    ASSERT_OK_AND_ASSIGN(const FileContents before, ReadDirectory(fs_.get(), "db"));
    for (const Status& status : {TryOpen(), TryReadOnly()}) {
      EXPECT_STATUS(kCorruption, status);
      EXPECT_NE(status.message().find(file + ":"), std::string_view::npos) << status.ToString();
    }
    ASSERT_OK_AND_ASSIGN(FileContents after, ReadDirectory(fs_.get(), "db"));
    if (!before.contains("LOCK")) after.erase("LOCK");
    EXPECT_EQ(DifferenceOf(before, after), "");
  }
  // Until the manifest says which segment is durable.
  void WaitForIdleMark() {
    for (int i = 0; i < 500; ++i) {
      auto tree = LoadTree(fs_.get(), "db");
      if (tree.ok() && tree->durable_segment != 0) return;
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    FAIL() << "an idle log was not marked";
  }

  std::unique_ptr<FileSystem> fs_ = FileSystem::InMemory();
  std::unique_ptr<DB> db_;
};

}  // namespace logwood::test
