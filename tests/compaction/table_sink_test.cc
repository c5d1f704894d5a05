// WriteTables at its own interface: where tables end, in which order they reach the disk, and what
// is left of a failure.
#include "compaction/table_sink.h"

#include <gtest/gtest.h>

#include <new>

#include "table/block_cache.h"
#include "table/table_reader.h"
#include "tests/compaction/compaction_test_support.h"
#include "tests/support/status_assert.h"
#include "util/faulty_file_system.h"

namespace logwood {
namespace {

class TableSinkTest : public ::testing::Test {
 protected:
  TableSinkTest() {
    EXPECT_OK(base_->CreateDirectory("db"));
    options_.fs = &files_;
    options_.directory = "db";
    options_.table.block_bytes = 512;
    options_.table.compression = Compression::kNone;
    options_.next_number = [this] { return next_number_++; };
  }

  // "k100000" and so on, with values of 100 bytes.
  static testing::Entries Rows(int count) {
    testing::Entries rows;
    for (int i = 0; i < count; ++i) {
      rows.push_back(testing::Put("k" + std::to_string(100'000 + i), static_cast<LogPos>(1 + i),
                                  std::string(100, 'v')));
    }
    return rows;
  }

  Result<SinkResult> Write(testing::Entries entries, size_t fail_at = ~size_t{0}) {
    testing::VectorIterator input(std::move(entries), fail_at);
    CompactionIterator it(&input, {});
    it.SeekToFirst();
    return WriteTables(&it, options_);
  }

  std::vector<std::string> Files() { return *base_->List("db"); }

  testing::Entries ReadBack(const TableMeta& meta) {
    const std::string path = "db/" + TableFileName(meta.number);
    auto reader = TableReader::Open(*base_->OpenRandomAccess(path), path, &meta, nullptr, nullptr);
    EXPECT_OK(reader);
    if (!reader.ok()) return {};
    testing::Entries entries;
    auto it = (*reader)->NewIterator({});
    for (it->SeekToFirst(); it->Valid(); it->Next()) {
      const Entry& entry = it->entry();
      entries.push_back({std::string(entry.key), entry.trailer, std::string(entry.value)});
    }
    EXPECT_OK(it->status());
    return entries;
  }

  const std::unique_ptr<FileSystem> base_ = FileSystem::InMemory();
  FaultyFileSystem files_{base_.get()};
  uint64_t next_number_ = 7;
  SinkOptions options_;
};

TEST_F(TableSinkTest, WhatCameInLiesInTheTablesAndTheResultSaysSo) {
  options_.table_bytes_max = 4000;
  options_.created_us = 4711;
  const testing::Entries rows = Rows(200);
  ASSERT_OK_AND_ASSIGN(const SinkResult result, Write(rows));
  ASSERT_GT(result.tables.size(), 3u);
  testing::Entries read;
  uint64_t bytes = 0, number = 7;
  for (const TableMeta& meta : result.tables) {
    EXPECT_EQ(meta.number, number++);
    EXPECT_EQ(meta.created_us, 4711u);
    EXPECT_EQ(*base_->FileSize("db/" + TableFileName(meta.number)), meta.size);
    bytes += meta.size;
    for (auto& entry : ReadBack(meta)) read.push_back(std::move(entry));
  }
  EXPECT_EQ(read, rows);
  EXPECT_EQ(result.entries, rows.size());
  EXPECT_EQ(result.bytes_written, bytes);
}

TEST_F(TableSinkTest, WithoutAnEntryThereIsNoFileAndNoNumberIsTaken) {
  ASSERT_OK_AND_ASSIGN(const SinkResult result, Write({}));
  EXPECT_TRUE(result.tables.empty());
  EXPECT_TRUE(Files().empty());
  EXPECT_EQ(next_number_, 7u);
}

TEST_F(TableSinkTest, DrainsFromWhereTheInputStands) {
  const testing::Entries rows = Rows(5);
  testing::VectorIterator input(rows);
  CompactionIterator it(&input, {});
  it.SeekToFirst();
  it.Next();
  it.Next();
  ASSERT_OK_AND_ASSIGN(const SinkResult result, WriteTables(&it, options_));
  ASSERT_EQ(result.tables.size(), 1u);
  EXPECT_EQ(ReadBack(result.tables[0]), testing::Entries(rows.begin() + 2, rows.end()));
}

TEST_F(TableSinkTest, ATableIsDurableBeforeTheNextOneBegins) {
  options_.table_bytes_max = 4000;
  std::vector<std::pair<FileOp, std::string>> trace;  // without repetitions
  files_.SetFault([&trace](FileOp op, const std::string& path) {
    if (trace.empty() || trace.back() != std::pair(op, path)) trace.emplace_back(op, path);
    return Status();
  });
  ASSERT_OK_AND_ASSIGN(const SinkResult result, Write(Rows(200)));
  std::vector<std::pair<FileOp, std::string>> expected;
  for (const TableMeta& meta : result.tables) {
    for (const FileOp op : {FileOp::kCreate, FileOp::kAppend, FileOp::kSync}) {
      expected.emplace_back(op, "db/" + TableFileName(meta.number));
    }
  }
  EXPECT_EQ(trace, expected);
}

// Only a failed sync says that the disk can no longer be trusted.
TEST_F(TableSinkTest, AFailedSyncIsToldAndOtherFailuresAreNot) {
  for (const FileOp failing : {FileOp::kCreate, FileOp::kAppend, FileOp::kSync}) {
    SCOPED_TRACE(FileOpName(failing));
    std::vector<std::string> told;
    options_.sync_failed = [&told](const Status& s) { told.push_back(s.ToString()); };
    files_.SetFault([failing](FileOp op, const std::string&) {
      return op == failing ? Status::IoError("injected") : Status();
    });
    const auto result = Write(Rows(3));
    EXPECT_STATUS(kIoError, result);
    EXPECT_EQ(told, failing == FileOp::kSync ? std::vector{result.status().ToString()}
                                             : std::vector<std::string>{});
    EXPECT_TRUE(Files().empty());
  }
}

TEST_F(TableSinkTest, AFailureOfTheInputTakesFinishedTablesWithIt) {
  options_.table_bytes_max = 4000;
  EXPECT_STATUS(kIoError, Write(Rows(200), 199));
  EXPECT_GT(next_number_, 9u) << "some were finished before";
  EXPECT_TRUE(Files().empty());
}

TEST_F(TableSinkTest, TheFirstErrorIsReturnedWhenTheFilesCannotBeRemovedEither) {
  options_.table_bytes_max = 4000;
  files_.SetFault([](FileOp op, const std::string& path) {
    if (op == FileOp::kRemove) return Status::IoError("cannot remove");
    if (op == FileOp::kAppend && path.ends_with("9.table")) return Status::NoSpace("full");
    return Status();
  });
  EXPECT_STATUS(kNoSpace, Write(Rows(200)));
}

TEST_F(TableSinkTest, MemoryThatIsNotToBeHadIsAnAnswerAndLeavesNothing) {
  options_.table_bytes_max = 4000;
  int appends = 0;
  files_.SetFault([&appends](FileOp op, const std::string&) -> Status {
    if (op == FileOp::kAppend && ++appends == 2) throw std::bad_alloc();
    return Status();
  });
  EXPECT_STATUS(kBusy, Write(Rows(200)));
  EXPECT_GT(next_number_, 8u) << "some were finished before";
  EXPECT_TRUE(Files().empty());
}

TEST_F(TableSinkTest, CancelledLeavesNothingAndDoesNotOutliveTheCall) {
  int asked = 0;
  options_.cancelled = [&asked] { return ++asked == 2; };
  options_.table_bytes_max = 4000;
  EXPECT_STATUS(kCancelled, Write(Rows(5000)));
  EXPECT_EQ(asked, 2);
  EXPECT_TRUE(Files().empty());
}

// Filter and index of a table are in memory until its end.
TEST_F(TableSinkTest, ATableEndsWhereItsFilterAndIndexTakeTooMuch) {
  ASSERT_OK_AND_ASSIGN(const SinkResult one, Write(Rows(5000)));
  ASSERT_EQ(one.tables.size(), 1u);
  options_.lasting_bytes_max = 8 * 1024;
  ASSERT_OK_AND_ASSIGN(const SinkResult many, Write(Rows(5000)));
  EXPECT_GT(many.tables.size(), 2u);
  EXPECT_EQ(many.entries, 5000u);
}

TEST_F(TableSinkTest, TheAccountKnowsOfTheOpenTableAndOfNothingAfterwards) {
  BlockCache cache(64 << 20);
  MemoryAccount account(&cache, MemoryAccount::Of::kJob);
  options_.account = &account;
  uint64_t most = 0;
  files_.SetFault([&](FileOp, const std::string&) {
    most = std::max(most, cache.jobs_bytes());
    return Status();
  });
  ASSERT_OK(Write(Rows(10'000)));
  EXPECT_GT(most, 100'000u);
  // An account tells the cache in steps.
  EXPECT_LT(cache.jobs_bytes(), 16u * 1024);
  EXPECT_STATUS(kIoError, Write(Rows(10'000), 9'000));
  EXPECT_LT(cache.jobs_bytes(), 16u * 1024);
}

TEST_F(TableSinkTest, RemovingTablesGoesOnBehindOneThatCannotBeRemoved) {
  options_.table_bytes_max = 4000;
  ASSERT_OK_AND_ASSIGN(const SinkResult result, Write(Rows(100)));
  ASSERT_GT(result.tables.size(), 2u);
  const std::string first = TableFileName(result.tables[0].number);
  files_.SetFault([&first](FileOp op, const std::string& path) {
    return op == FileOp::kRemove && path.ends_with(first) ? Status::IoError("injected") : Status();
  });
  RemoveTables(result.tables, options_);
  EXPECT_EQ(Files(), std::vector{first});
}

}  // namespace
}  // namespace logwood
