#include "tools/record_walk.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/support/database_fixture.h"
#include "util/faulty_file_system.h"

namespace logwood::tools {
namespace {

using Keys = std::vector<std::string>;

class RecordWalkTest : public test::DatabaseTest {
 protected:
  RecordWalkTest() { options_.file_system = &files_; }
  ~RecordWalkTest() override { db_.reset(); }

  void PutAll(const Keys& keys) {
    Open();
    for (const std::string& key : keys) ASSERT_OK(db_->Put({}, key, "value of " + key));
  }

  // The keys it visits; `visited_` counts on.
  Keys Walk(const WalkOptions& options) {
    Keys keys;
    status_ = WalkRecords(
        *db_, Keyspace(), options, &progress_,
        [&](std::string_view key, std::string_view value) {
          EXPECT_EQ(value, "value of " + std::string(key));
          keys.emplace_back(key);
          return key != stop_at_;
        },
        &visited_);
    return keys;
  }

  const std::unique_ptr<FileSystem> base_ = FileSystem::InMemory();
  FaultyFileSystem files_{base_.get()};
  uint64_t now_us_ = 0;
  std::vector<std::string> drawn_;
  Progress progress_{{.label = "count", .unit = "records"},
                     {.now_us = [this] { return now_us_ += 1'000'000; },
                      .write = [this](const std::string& text) { drawn_.push_back(text); },
                      .columns = 80}};
  std::string stop_at_;
  uint64_t visited_ = 0;
  Status status_;
};

TEST_F(RecordWalkTest, VisitsAllInEitherOrder) {
  PutAll({"a", "b", "c"});
  EXPECT_EQ(Walk({}), (Keys{"a", "b", "c"}));
  EXPECT_EQ(visited_, 3u);
  EXPECT_EQ(Walk({.range = {}, .reverse = true}), (Keys{"c", "b", "a"}));
  EXPECT_EQ(visited_, 6u) << "adds to what was counted before";
  EXPECT_OK(status_);
}

TEST_F(RecordWalkTest, OfNothingIsNoError) {
  Open();
  EXPECT_EQ(Walk({}), Keys{});
  EXPECT_EQ(Walk({.range = {}, .reverse = true}), Keys{});
  EXPECT_EQ(visited_, 0u);
  EXPECT_OK(status_);
}

TEST_F(RecordWalkTest, TheLimitCountsFromTheEndWhereItBegins) {
  PutAll({"a", "b", "c"});
  EXPECT_EQ(Walk({.range = {}, .limit = 2}), (Keys{"a", "b"}));
  EXPECT_EQ(Walk({.range = {}, .limit = 2, .reverse = true}), (Keys{"c", "b"}));
  EXPECT_EQ(Walk({.range = {}, .limit = 3}), (Keys{"a", "b", "c"}));
  EXPECT_EQ(Walk({.range = {}, .limit = 4}), (Keys{"a", "b", "c"}));
}

TEST_F(RecordWalkTest, StaysWithinTheRange) {
  PutAll({"a", "b1", "b2", "b3", "c"});
  WalkOptions options;
  options.range.bounds.prefix = "b";
  options.range.bounds.lower = "b2";
  EXPECT_EQ(Walk(options), (Keys{"b2", "b3"}));
  options.reverse = true;
  EXPECT_EQ(Walk(options), (Keys{"b3", "b2"}));
}

TEST_F(RecordWalkTest, TheVisitThatEndsItCounts) {
  PutAll({"a", "b", "c"});
  stop_at_ = "b";
  EXPECT_EQ(Walk({}), (Keys{"a", "b"}));
  EXPECT_EQ(visited_, 2u);
  EXPECT_OK(status_);
}

TEST_F(RecordWalkTest, AFailedReadIsNoEnd) {
  PutAll({"a", "b", "c"});
  ASSERT_OK(db_->Flush());
  Reopen();
  files_.SetFault([](FileOp op, const std::string& path) {
    return op == FileOp::kRead && path.ends_with(".table") ? Status::IoError("injected") : Status();
  });
  EXPECT_EQ(Walk({}), Keys{});
  EXPECT_STATUS(kIoError, status_);
}

TEST_F(RecordWalkTest, ProgressIsToldEverySoManyRecords) {
  Open();
  WriteBatch batch;
  for (int i = 0; i < 10'000; ++i) {
    const std::string key = std::to_string(i);
    batch.Put(key, "value of " + key);
  }
  ASSERT_OK(db_->Write({}, batch));
  EXPECT_EQ(Walk({.range = {}, .limit = 100}).size(), 100u);
  EXPECT_TRUE(drawn_.empty());
  visited_ = 0;
  EXPECT_EQ(Walk({}).size(), 10'000u);
  ASSERT_FALSE(drawn_.empty());
  EXPECT_NE(drawn_.back().find("8,192"), std::string::npos) << drawn_.back();
}

}  // namespace
}  // namespace logwood::tools
