// DatabaseTest: a fixture with one database in a place of its own.
//
//   TEST_F(DatabaseTest, PutIsRead) {
//     Open();
//     ASSERT_OK(db_->Put({}, "k", "v"));
//     EXPECT_EQ(Value("k"), "v");
//   }
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>
#include <utility>

#include "logwood/db.h"
#include "tests/support/option_sets.h"
#include "tests/support/status_assert.h"

namespace logwood::test {

// All that it shows, from one end to the other.
inline std::map<std::string, std::string> RowsOf(Iterator* it, bool forward = true) {
  std::map<std::string, std::string> rows;
  for (forward ? it->SeekToFirst() : it->SeekToLast(); it->Valid();
       forward ? it->Next() : it->Prev()) {
    rows.emplace(it->key(), it->value());
  }
  EXPECT_OK(it->status());
  return rows;
}

class DatabaseTest : public testing::Test {
 protected:
  explicit DatabaseTest(bool posix = false)
      : place_(posix), path_(place_.Join("db")), options_(place_.With(SmallOptions())) {}

  // Memtables and tables small enough that a few hundred keys reach several levels.
  static Options SmallOptions() {
    Options options;
    options.memory_budget_bytes = 32 << 20;
    options.tuning.memtable_bytes = 16 << 10;
    options.tuning.table_bytes = 16 << 10;
    options.tuning.log_segment_bytes = 64 << 10;
    return options;
  }

  void Open() {
    Result<std::unique_ptr<DB>> opened = DB::Open(options_, path_);
    ASSERT_OK(opened.status());
    db_ = std::move(opened).value();
  }
  void Close() {
    ASSERT_OK(db_->Close());
    db_.reset();
  }
  void Reopen() {
    Close();
    Open();
  }

  ReadOnlyOptions ReadOnly() const {
    ReadOnlyOptions options;
    options.file_system = options_.file_system;
    return options;
  }

  // What is read, or the status in angle brackets: "<NotFound>".
  std::string Value(std::string_view key, const Snapshot* snapshot = nullptr) {
    return ValueIn(Keyspace(), key, snapshot);
  }
  std::string ValueIn(Keyspace keyspace, std::string_view key, const Snapshot* snapshot = nullptr) {
    std::string value;
    const Status status = db_->Get({.snapshot = snapshot}, keyspace, key, &value);
    return status.ok() ? value : "<" + std::string(StatusCodeName(status.code())) + ">";
  }

  // "a=1 b=2" by iterator.
  static std::string Entries(Iterator* iterator) {
    std::string text;
    for (iterator->SeekToFirst(); iterator->Valid(); iterator->Next()) {
      if (!text.empty()) text += " ";
      text.append(iterator->key()).append("=").append(iterator->value());
    }
    return iterator->status().ok() ? text : iterator->status().ToString();
  }
  std::string Entries(const IteratorOptions& options = {}, Keyspace keyspace = Keyspace()) {
    return Entries(db_->NewIterator(options, keyspace).get());
  }

  Place place_;
  const std::string path_;
  Options options_;
  std::unique_ptr<DB> db_;
};

}  // namespace logwood::test
