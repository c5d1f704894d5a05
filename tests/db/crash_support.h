// A small life of a database whose every commit is known, for tests that cut it short anywhere.
//
// Commit number i of a life writes a value that names it to a few keys, so the content after each
// position is known. What a life acknowledged must be there afterwards; what it applied without
// acknowledging may be.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "logwood/db.h"
#include "tests/db/db_test_support.h"
#include "util/faulty_file_system.h"

namespace logwood::test {

// Tiny memtables, tables and segments: every mechanism at work within a hundred commits.
inline Options TinyOptions(FileSystem* fs) {
  Options options;
  options.file_system = fs;
  options.memory_budget_bytes = 8 << 20;
  options.tuning.memtable_bytes = 64 << 10;
  options.tuning.table_bytes = 8 << 10;
  options.tuning.log_segment_bytes = 16 << 10;
  options.tuning.level0_tables = 2;
  return options;
}

class Life {
 public:
  using Rows = std::map<std::string, std::string>;
  static constexpr char kPath[] = "db";
  Life() = default;
  explicit Life(std::string path) : path_(std::move(path)) {}

  // Opens, and compares what is there with what must be. Writes go on behind it.
  Status Open(const Options& options) {
    RETURN_IF_ERROR(OpenUnseen(options));
    Check();
    return Status::Ok();
  }
  // The same without a look: for file systems whose reads fail.
  Status OpenUnseen(const Options& options) {
    ASSIGN_OR_RETURN(db_, DB::Open(options, path_));
    EXPECT_GE(db_->LastPosition(), acknowledged_);
    EXPECT_LE(db_->LastPosition(), last());
    states_.resize(std::min<size_t>(states_.size(), db_->LastPosition() + 1));
    durable_ = db_->LastPosition();  // what was found is made durable before it is served
    return Status::Ok();
  }
  DB* db() { return db_.get(); }
  bool is_open() const { return db_ != nullptr; }
  LogPos acknowledged() const { return acknowledged_; }
  LogPos last() const { return states_.size() - 1; }

  // One commit; notes what became of it.
  Status Write(Durability durability = Durability::kProcess, size_t bytes = 20) {
    const uint64_t attempt = ++attempts_;
    WriteBatch batch;
    Rows next = states_.back();
    const std::string value = "value " + std::to_string(attempt) + std::string(bytes, '.');
    const std::string key = "key" + std::to_string(attempt % 23);
    if (attempt % 5 == 0) {
      batch.Delete(key);
      next.erase(key);
    } else {
      batch.Put(key, value);
      next[key] = value;
    }
    batch.Put("attempt", value);
    next["attempt"] = value;
    Status status = Note(db_->Write({durability}, batch).status(), std::move(next));
    if (status.ok() && durability == Durability::kPower) durable_ = acknowledged_;
    return status;
  }
  Status CreateOrDropKeyspace() {
    Status status = db_->DropKeyspace({}, "side").status();
    if (status.Is(StatusCode::kNotFound)) status = db_->CreateKeyspace({}, "side").status();
    return Note(std::move(status), states_.back());
  }
  // A read may meet a fault; then it says so. Else it finds what was last acknowledged, or what a
  // refused commit behind that wrote.
  void CheckOneRead() {
    std::string value;
    const Status read = db_->Get({}, "attempt", &value);
    if (read.Is(StatusCode::kIoError)) return;
    EXPECT_TRUE(read.ok() || read.Is(StatusCode::kNotFound)) << read.ToString();
    bool expected = false;
    for (LogPos position = acknowledged_; position < states_.size(); ++position) {
      const auto found = states_[position].find("attempt");
      const bool there = found != states_[position].end();
      expected |= there == read.ok() && (!there || found->second == value);
    }
    EXPECT_TRUE(expected) << read.ToString() << " " << value.substr(0, 20)
                          << ", acknowledged up to " << acknowledged_;
  }
  Status Close() {
    Status status = db_ != nullptr ? db_->Close() : Status::Ok();
    if (db_ != nullptr && status.ok()) durable_ = acknowledged_;
    db_.reset();
    return status;
  }

  // A life with the same history, to be opened where only what is durable may be left.
  Life AfterPowerLoss() const {
    Life after;
    after.states_ = states_;
    after.acknowledged_ = durable_;
    return after;
  }

  // The same where the process was killed: all that was acknowledged is left.
  Life AfterKill() const {
    Life after;
    after.states_ = states_;
    after.acknowledged_ = acknowledged_;
    return after;
  }

  // The content is that of the last position, which lies between the acknowledged and the issued.
  void Check() {
    const LogPos found = db_->LastPosition();
    ASSERT_GE(found, acknowledged_) << "acknowledged commits are lost";
    ASSERT_LE(found, last()) << "commits that nobody issued";
    states_.resize(found + 1);
    auto rows = Scan(db_.get());
    ASSERT_OK(rows);
    EXPECT_EQ(*rows, states_[found]) << "not the content of position " << found;
    for (const auto& [key, value] : states_[found]) {
      std::string got;
      ASSERT_OK(db_->Get({}, key, &got)) << key;
      EXPECT_EQ(got, value);
    }
  }

 private:
  Status Note(Status status, Rows next) {
    if (status.ok()) {
      states_.push_back(std::move(next));
      acknowledged_ = last();
      EXPECT_EQ(db_->LastPosition(), last());
    } else if (db_->LastPosition() > last()) {
      states_.push_back(std::move(next));  // applied, not acknowledged
    }
    return status;
  }

  std::string path_ = kPath;
  std::unique_ptr<DB> db_;
  std::vector<Rows> states_ = {{}};  // after each position
  LogPos acknowledged_ = 0;
  LogPos durable_ = 0;  // acknowledged to survive a loss of power
  uint64_t attempts_ = 0;
};

}  // namespace logwood::test
