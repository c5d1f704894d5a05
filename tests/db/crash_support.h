// A small life of a database whose every commit is known, for tests that cut it short anywhere.
//
// Commit number i of a life writes a value that names it to a few keys, and to one of a second
// keyspace while that is there, so the content after each position is known. What a life
// acknowledged must be there afterwards; what it applied without acknowledging may be.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "logwood/db.h"
#include "tests/db/db_test_support.h"
#include "tests/support/crash_oracle.h"
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

// Whether a message has the directory, or what lies in it, in words of its own: "sync db/ROOT: ..."
inline bool NamesPathIn(std::string_view message, std::string_view directory) {
  for (size_t at = message.find(directory); at != std::string_view::npos;
       at = message.find(directory, at + 1)) {
    const std::string_view rest = message.substr(at + directory.size());
    const bool begins = at == 0 || message[at - 1] == ' ' || message[at - 1] == '/';
    if (begins && !rest.empty() && (rest[0] == '/' || rest[0] == ':')) return true;
  }
  return false;
}

// A failed answer, where a disk that says no, or is full, is all that went wrong: it says that and
// no more, and where; so does what is refused because of it later. Bytes that could not be read or
// written are no damage, and nothing that a newer version wrote.
inline void ExpectTold(const Status& status, std::string_view directory) {
  if (status.ok()) return;
  EXPECT_TRUE(status.Is(StatusCode::kIoError) || status.Is(StatusCode::kNoSpace) ||
              status.Is(StatusCode::kReadOnly))
      << status.ToString();
  EXPECT_TRUE(NamesPathIn(status.message(), directory)) << "names no path: " << status.ToString();
}

class Life {
 public:
  using Rows = std::map<std::string, std::string>;
  static constexpr char kPath[] = "db";
  static constexpr char kSide[] = "side";
  Life() = default;
  // `told_under`: what failed lies in this directory; as a rule that is the database's.
  explicit Life(std::string path, std::string told_under = "")
      : path_(std::move(path)), told_under_(told_under.empty() ? path_ : std::move(told_under)) {}

  // Opens, and compares what is there with what must be. Writes go on behind it.
  Status Open(const Options& options) {
    RETURN_IF_ERROR(OpenUnseen(options));
    Check();
    return Status::Ok();
  }
  // The same without a look: for file systems whose reads fail.
  Status OpenUnseen(const Options& options) {
    auto opened = DB::Open(options, path_);
    RETURN_IF_ERROR(Told(opened.status()));
    db_ = *std::move(opened);
    EXPECT_GE(db_->LastPosition(), acknowledged_);
    EXPECT_LE(db_->LastPosition(), last());
    states_.resize(std::min<size_t>(states_.size(), db_->LastPosition() + 1));
    // What was found is made durable before it is served.
    durable_ = acknowledged_ = db_->LastPosition();
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
    CrashContent next = states_.back();
    const std::string value = "value " + std::to_string(attempt) + std::string(bytes, '.');
    const std::string key = "key" + std::to_string(attempt % 23);
    if (attempt % 5 == 0) {
      batch.Delete(key);
      next[kDefault].erase(key);
    } else {
      batch.Put(key, value);
      next[kDefault][key] = value;
    }
    batch.Put("attempt", value);
    next[kDefault]["attempt"] = value;
    if (next.contains(kSide)) {
      const Result<Keyspace> side = db_->OpenKeyspace(kSide);
      EXPECT_OK(side);
      if (!side.ok()) return side.status();
      const std::string name = std::to_string(attempt);
      batch.Put(*side, key, name);
      next[kSide][key] = name;
    }
    Status status = Note(db_->Write({durability}, batch).status(), std::move(next));
    if (status.ok() && durability == Durability::kPower) durable_ = acknowledged_;
    return status;
  }
  Status CreateOrDropKeyspace() {
    CrashContent next = states_.back();
    if (next.erase(kSide) != 0) {
      return Note(db_->DropKeyspace({}, kSide).status(), std::move(next));
    }
    EXPECT_STATUS(kNotFound, db_->OpenKeyspace(kSide));
    next[kSide];
    return Note(db_->CreateKeyspace({}, kSide).status(), std::move(next));
  }
  Status Flush() {
    const LogPos position = db_->LastPosition();
    Status status = Told(db_->Flush());
    if (status.ok()) durable_ = std::max(durable_, position);  // what is in tables is durable
    return status;
  }
  Status CompactAll() { return Told(db_->CompactAll({})); }
  // A read may meet a fault; then it says so. Else it finds what was last acknowledged, or what a
  // refused commit behind that wrote.
  void CheckOneRead() {
    std::string value;
    const Status read = db_->Get({}, "attempt", &value);
    if (read.Is(StatusCode::kIoError)) return;
    EXPECT_TRUE(read.ok() || read.Is(StatusCode::kNotFound)) << read.ToString();
    bool expected = false;
    for (LogPos position = acknowledged_; position < states_.size(); ++position) {
      const Rows& rows = states_[position].at(kDefault);
      const auto found = rows.find("attempt");
      const bool there = found != rows.end();
      expected |= there == read.ok() && (!there || found->second == value);
    }
    EXPECT_TRUE(expected) << read.ToString() << " " << value.substr(0, 20)
                          << ", acknowledged up to " << acknowledged_;
  }
  Status Close() {
    Status status = db_ != nullptr ? Told(db_->Close()) : Status::Ok();
    if (db_ != nullptr && status.ok()) durable_ = acknowledged_;
    db_.reset();
    return status;
  }

  // The process is dead: what it says when it ends counts for nothing.
  void Abandon() { db_.reset(); }

  // A failed sync took with it what was not durable.
  void LoseUnsynced() { acknowledged_ = std::min(acknowledged_, durable_); }

  // A life with the same history, to be opened where only what is durable may be left.
  Life AfterPowerLoss() const {
    Life after = AfterKill();
    after.acknowledged_ = durable_;
    return after;
  }

  // The same where the process was killed: all that was acknowledged is left.
  Life AfterKill() const {
    Life after(path_, told_under_);
    after.states_ = states_;
    after.acknowledged_ = acknowledged_;
    after.durable_ = durable_;
    after.attempts_ = attempts_;
    return after;
  }

  // The content is that of the last position, which lies between the acknowledged and the issued.
  void Check() {
    const LogPos found = db_->LastPosition();
    ASSERT_GE(found, acknowledged_) << "acknowledged commits are lost";
    ASSERT_LE(found, last()) << "commits that nobody issued";
    states_.resize(found + 1);
    const auto content = ReadContent(db_.get());
    ASSERT_OK(content);
    EXPECT_EQ(ContentDifference(*content, states_[found]), "")
        << "not the content of position " << found;
  }

 private:
  static constexpr char kDefault[] = "";

  Status Told(Status status) const {
    ExpectTold(status, told_under_);
    return status;
  }
  Status Note(Status status, CrashContent next) {
    if (status.ok()) {
      states_.push_back(std::move(next));
      acknowledged_ = last();
      EXPECT_EQ(db_->LastPosition(), last());
    } else if (db_->LastPosition() > last()) {
      states_.push_back(std::move(next));  // applied, not acknowledged
    }
    return Told(std::move(status));
  }

  std::string path_ = kPath, told_under_ = kPath;
  std::unique_ptr<DB> db_;
  std::vector<CrashContent> states_{CrashContent{{kDefault, Rows{}}}};  // after each position
  LogPos acknowledged_ = 0;
  LogPos durable_ = 0;  // acknowledged to survive a loss of power
  uint64_t attempts_ = 0;
};

}  // namespace logwood::test
