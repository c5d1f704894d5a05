// RunCompaction and WriteTables on an in-memory file system.
#include "compaction/job.h"

#include <gtest/gtest.h>

#include "compaction/level_iterator.h"
#include "table/block_cache.h"
#include "tests/compaction/compaction_test_support.h"
#include "util/faulty_file_system.h"

namespace logwood {
namespace {

using testing::Delete;
using testing::Entries;
using testing::Put;
using testing::VectorIterator;
using testing::Visible;

class JobTest : public ::testing::Test {
 protected:
  JobTest() : base_(FileSystem::InMemory()), files_(base_.get()) {
    EXPECT_TRUE(files_.CreateDirectory("/db").ok());
    Reopen();
  }

  void Reopen() {
    tables_.reset();
    tables_ = std::make_unique<TableCache>(&files_, "/db", &blocks_, &counters_, 100, 64 << 20);
  }

  SinkOptions Sink(uint64_t table_bytes = 4096) {
    SinkOptions sink;
    sink.fs = &files_;
    sink.directory = "/db";
    sink.table.block_bytes = 512;
    sink.table_bytes_max = table_bytes;
    sink.next_number = [this] { return next_number_++; };
    return sink;
  }

  // Tables as a flush makes them.
  std::vector<TableMetaPtr> Write(const Entries& entries, uint64_t table_bytes) {
    VectorIterator input(entries);
    SurvivalRules keep_all;
    for (const auto& entry : entries) keep_all.snapshots.push_back(entry.position());
    std::sort(keep_all.snapshots.begin(), keep_all.snapshots.end());
    CompactionIterator it(&input, keep_all);
    it.SeekToFirst();
    SinkOptions sink = Sink(table_bytes);
    sink.created_us = 1000 + next_number_;
    const auto result = WriteTables(&it, sink);
    EXPECT_TRUE(result.ok()) << result.status().ToString();
    std::vector<TableMetaPtr> tables;
    for (const TableMeta& meta : result->tables) {
      tables.push_back(std::make_shared<TableMeta>(meta));
    }
    return tables;
  }

  // Two tables of level 0 over a run of tables in level 6, from one history.
  CompactionPlan MakePlan(uint64_t seed, Entries* all) {
    Random random(seed);
    *all = testing::RandomEntries(&random, 200, 1500);
    for (auto& entry : *all) {
      if (entry.kind() == EntryKind::kPut) entry.value += std::string(random.Uniform(60), 'x');
    }
    Entries parts[3];
    for (const auto& entry : *all) {
      parts[entry.position() <= 900 ? 0 : entry.position() <= 1200 ? 1 : 2].push_back(entry);
    }
    CompactionPlan plan;
    plan.input_level = 0;
    plan.output_level = 6;
    plan.inputs = Write(parts[2], ~uint64_t{0});
    for (auto& table : Write(parts[1], ~uint64_t{0})) plan.inputs.push_back(table);
    plan.output_overlap = Write(parts[0], 4096);
    EXPECT_GT(plan.output_overlap.size(), 3u);
    plan.bottom = true;
    plan.begin = "k";
    plan.end = "l";
    return plan;
  }

  JobOptions Options() {
    JobOptions options;
    options.tables = tables_.get();
    options.sink = Sink();
    options.readahead_bytes = 2000;
    return options;
  }

  Entries ReadAll(const std::vector<TableMetaPtr>& tables) {
    auto it = NewLevelIterator({tables, nullptr}, tables_.get(), {{}, true});
    Entries entries;
    for (it->SeekToFirst(); it->Valid(); it->Next()) {
      const Entry& entry = it->entry();
      entries.push_back({std::string(entry.key), entry.trailer, std::string(entry.value)});
    }
    EXPECT_TRUE(it->status().ok()) << it->status().ToString();
    return entries;
  }

  static std::vector<TableMetaPtr> Shared(const std::vector<TableMeta>& tables) {
    std::vector<TableMetaPtr> shared;
    for (const TableMeta& meta : tables) shared.push_back(std::make_shared<TableMeta>(meta));
    return shared;
  }

  std::vector<std::string> Files() { return *base_->List("/db"); }

  std::unique_ptr<FileSystem> base_;
  FaultyFileSystem files_;
  BlockCache blocks_{1 << 20};
  TableCounters counters_;
  std::unique_ptr<TableCache> tables_;
  uint64_t next_number_ = 1;
};

TEST_F(JobTest, ReadersSeeTheSameAfterwards) {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Entries before;
    const CompactionPlan plan = MakePlan(seed, &before);
    JobOptions options = Options();
    options.survival.snapshots = {300, 1000};
    options.survival.zero_positions = seed % 2 == 0;
    const auto result = RunCompaction(plan, options);
    ASSERT_TRUE(result.ok()) << result.status().ToString();
    EXPECT_EQ(result->entries_in, before.size());
    EXPECT_EQ(result->entries_in, result->output.entries + result->entries_dropped);
    EXPECT_EQ(result->bytes_read, plan.InputBytes());
    EXPECT_GT(result->output.tables.size(), 1u);

    LevelShape shape;
    shape.levels[6] = Shared(result->output.tables);
    EXPECT_TRUE(shape.Validate().ok()) << shape.Validate().ToString();
    for (const auto& table : shape.levels[6])
      EXPECT_EQ(table->created_us, plan.output_overlap[0]->created_us);  // written last
    const Entries after = ReadAll(shape.levels[6]);
    for (const LogPos at : {LogPos{300}, LogPos{1000}, kPositionMax}) {
      EXPECT_EQ(Visible(after, at), Visible(before, at)) << at;
    }
  }
}

TEST_F(JobTest, VersionsOfOneKeyStayInOneTable) {
  Entries entries;
  for (LogPos position = 2000; position > 0; --position) {
    entries.push_back(Put("hot", position, std::string(50, 'x')));
  }
  entries.push_back(Put("i", 5000));
  const auto tables = Write(entries, 1000);
  ASSERT_EQ(tables.size(), 2u);
  EXPECT_EQ(tables[0]->entries, 2000u);
}

TEST_F(JobTest, GrandparentsEndATable) {
  CompactionPlan plan;
  plan.inputs = Write({Put("a", 1), Put("c", 2), Put("e", 3), Put("g", 4)}, 1 << 20);
  plan.output_level = 5;
  for (const char* range : {"ab", "bc", "cd", "de", "ef"}) {
    auto meta = std::make_shared<TableMeta>();
    meta->begin = range[0];
    meta->end = range[1];
    meta->size = 100;
    plan.grandparents.push_back(std::move(meta));
  }
  JobOptions options = Options();
  options.sink.grandparent_bytes_max = 150;
  const auto result = RunCompaction(plan, options);
  ASSERT_TRUE(result.ok());
  ASSERT_EQ(result->output.tables.size(), 3u);
  EXPECT_EQ(result->output.tables[1].begin, "c");
  EXPECT_EQ(result->output.tables[2].begin, "e");
}

TEST_F(JobTest, HalfFullTableEndsWhereAGrandparentDoes) {
  Entries entries;
  for (char c = 'a'; c <= 'z'; ++c)
    entries.push_back(Put(std::string(1, c), 1, std::string(600, c)));
  CompactionPlan plan;
  plan.inputs = Write(entries, 1 << 20);
  plan.output_level = 5;
  auto meta = std::make_shared<TableMeta>();
  meta->begin = "a";
  meta->end = "n";
  plan.grandparents = {meta};
  JobOptions options = Options();
  options.sink.table.compression = Compression::kNone;
  options.sink.table_bytes_max = 14'000;  // 26 entries are more, 13 are more than half
  const auto result = RunCompaction(plan, options);
  ASSERT_TRUE(result.ok());
  ASSERT_EQ(result->output.tables.size(), 2u);
  EXPECT_EQ(result->output.tables[1].begin, "n");
}

TEST_F(JobTest, LargeKeyspacesGetTablesOfTheirOwnAndSmallOnesShare) {
  Entries entries;
  const auto fill = [&entries](uint32_t keyspace, int count) {
    for (int i = 0; i < count; ++i) {
      entries.push_back(Put(KeyspacePrefix(keyspace) + "key" + std::to_string(100 + i), 1,
                            std::string(100, 'v')));
    }
  };
  for (const uint32_t small : {0, 1, 2}) fill(small, 2);
  fill(3, 60);
  for (const uint32_t small : {4, 239, 240, 500}) fill(small, 2);
  fill(70'000, 60);
  CompactionPlan plan;
  plan.inputs = Write(entries, 1 << 20);
  plan.output_level = 5;
  JobOptions options = Options();
  options.sink.table.compression = Compression::kNone;
  options.sink.table_bytes_max = 1 << 20;
  options.sink.keyspace_apart_bytes = 2048;
  const auto result = RunCompaction(plan, options);
  ASSERT_TRUE(result.ok());
  const std::vector<TableMeta>& tables = result->output.tables;
  ASSERT_EQ(tables.size(), 2u);  // the small ones before a large one share its first table
  EXPECT_EQ(tables[0].entries, 66u);
  EXPECT_EQ(tables[1].begin, KeyspacePrefix(4) + "key100");
  EXPECT_EQ(tables[1].entries, 68u);
}

TEST_F(JobTest, LargestPositionOutlivesZeroing) {
  CompactionPlan plan;
  plan.inputs = Write({Put("a", 7), Put("b", 9)}, 1 << 20);
  plan.output_level = 6;
  plan.bottom = true;
  JobOptions options = Options();
  options.survival.zero_positions = true;
  const auto result = RunCompaction(plan, options);
  ASSERT_TRUE(result.ok());
  EXPECT_EQ(result->output.tables[0].min_position, 0u);
  EXPECT_EQ(result->output.tables[0].max_position, 9u);
}

TEST_F(JobTest, NothingLeftMakesNoTable) {
  CompactionPlan plan;
  plan.inputs = Write({Delete("a", 7)}, 1 << 20);
  plan.output_level = 6;
  plan.bottom = true;
  const auto result = RunCompaction(plan, Options());
  ASSERT_TRUE(result.ok());
  EXPECT_TRUE(result->output.tables.empty());
  EXPECT_EQ(Files().size(), 1u);
}

TEST_F(JobTest, FewerEntriesThanPromisedIsCorruptionNamingTheFile) {
  Entries before;
  CompactionPlan plan = MakePlan(1, &before);
  for (auto* tables : {&plan.inputs, &plan.output_overlap}) {
    auto lying = std::make_shared<TableMeta>(*tables->back());
    ++lying->entries;
    const auto honest = std::exchange(tables->back(), lying);
    const size_t files = Files().size();
    const auto result = RunCompaction(plan, Options());
    ASSERT_FALSE(result.ok());
    EXPECT_EQ(result.status().code(), StatusCode::kCorruption);
    EXPECT_NE(result.status().message().find(TableFileName(lying->number)), std::string::npos)
        << result.status().ToString();
    EXPECT_EQ(Files().size(), files);
    tables->back() = honest;
  }
}

TEST_F(JobTest, TellsWhatItPassedWhileItRuns) {
  Entries before;
  const CompactionPlan plan = MakePlan(1, &before);
  JobOptions options = Options();
  std::vector<uint64_t> told;
  options.advance = [&told](uint64_t bytes) { told.push_back(bytes); };
  const auto result = RunCompaction(plan, options);
  ASSERT_TRUE(result.ok());
  ASSERT_GT(told.size(), 1u);
  EXPECT_GT(told[0], plan.InputBytes() / 2) << "1024 entries of 1500";
  uint64_t sum = 0;
  for (const uint64_t bytes : told) sum += bytes;
  EXPECT_EQ(sum, result->bytes_read);
}

// Where nothing survives nothing is written, and yet there is work.
TEST_F(JobTest, AJobThatDropsEverythingIsToldAndCancelledAlike) {
  Entries entries;
  for (int i = 0; i < 3000; ++i) entries.push_back(Delete("k" + std::to_string(10'000 + i), 7));
  CompactionPlan plan;
  plan.inputs = Write(entries, 1 << 20);
  plan.output_level = 6;
  plan.bottom = true;
  JobOptions options = Options();
  int told = 0;
  options.advance = [&told](uint64_t) { ++told; };
  ASSERT_TRUE(RunCompaction(plan, options).ok());
  EXPECT_EQ(told, 3);
  options.sink.cancelled = [] { return true; };
  EXPECT_EQ(RunCompaction(plan, options).status().code(), StatusCode::kCancelled);
}

TEST_F(JobTest, CancelledJobLeavesNoFiles) {
  Entries before;
  const CompactionPlan plan = MakePlan(1, &before);
  const size_t files = Files().size();
  JobOptions options = Options();
  options.sink.cancelled = [] { return true; };
  const auto result = RunCompaction(plan, options);
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.status().code(), StatusCode::kCancelled);
  EXPECT_EQ(Files().size(), files);
}

// Each operation fails once: an error and nothing left behind, or the exact result. And so does
// every operation from some point on, but then the files can not be removed.
TEST_F(JobTest, EachOperationFailsOnce) {
  Entries before;
  const CompactionPlan plan = MakePlan(3, &before);
  const size_t inputs = Files().size();
  Reopen();
  files_.ResetCounts();
  const auto good = RunCompaction(plan, Options());
  ASSERT_TRUE(good.ok());
  const uint64_t operations = files_.total();
  ASSERT_GT(operations, 50u);
  RemoveTables(good->output.tables, Sink());
  const auto expected = Visible(before, kPositionMax);
  for (const bool for_ever : {false, true}) {
    for (uint64_t n = 1; n <= operations; ++n) {
      SCOPED_TRACE("operation " + std::to_string(n));
      Reopen();
      for_ever ? files_.FailFromOperation(n) : files_.FailOperation(n);
      const auto result = RunCompaction(plan, Options());
      files_.FailOperation(0);
      if (result.ok()) {
        EXPECT_EQ(Visible(ReadAll(Shared(result->output.tables)), kPositionMax), expected);
        RemoveTables(result->output.tables, Sink());
      }
      EXPECT_TRUE(for_ever || Files().size() == inputs);
      EXPECT_FALSE(for_ever && result.ok());
      for (const std::string& name : Files()) {
        if (name > TableFileName(plan.output_overlap.back()->number)) {
          ASSERT_TRUE(base_->Remove("/db/" + name).ok());
        }
      }
    }
  }
}

TEST_F(JobTest, DamagedInputByteIsNeverSilent) {
  Entries before;
  const CompactionPlan plan = MakePlan(5, &before);
  const auto expected = Visible(before, kPositionMax);
  const std::string path = "/db/" + TableFileName(plan.inputs[0]->number);
  Random random(9);
  for (int round = 0; round < 60; ++round) {
    auto log = base_->OpenLogFile(path);
    auto file = base_->OpenRandomAccess(path);
    const uint64_t offset = random.Uniform(plan.inputs[0]->size);
    char byte = 0;
    ASSERT_TRUE((*file)->Read(offset, 1, &byte).ok());
    const char damaged = static_cast<char>(byte ^ (1 << random.Uniform(8)));
    ASSERT_TRUE((*log)->Store(offset, {&damaged, 1}).ok());
    Reopen();
    const auto result = RunCompaction(plan, Options());
    if (result.ok()) {
      EXPECT_EQ(Visible(ReadAll(Shared(result->output.tables)), kPositionMax), expected) << offset;
    }
    ASSERT_TRUE((*log)->Store(offset, {&byte, 1}).ok());
  }
}

// ---- LevelIterator

TEST_F(JobTest, LevelIteratorWalksLikeASortedVector) {
  Random random(17);
  const Entries entries = testing::RandomEntries(&random, 300, 1500);
  const auto tables = Write(entries, 2000);
  ASSERT_GT(tables.size(), 4u);
  auto it = NewLevelIterator({tables, nullptr}, tables_.get(), {});
  const auto expect_at = [&](std::ptrdiff_t index) {
    const bool valid = index >= 0 && index < static_cast<std::ptrdiff_t>(entries.size());
    ASSERT_EQ(it->Valid(), valid) << index;
    if (!valid) return;
    const auto& expected = entries[static_cast<size_t>(index)];
    EXPECT_EQ(it->entry().key, expected.key);
    EXPECT_EQ(it->entry().trailer, expected.trailer);
    EXPECT_EQ(it->entry().value, expected.value);
  };
  for (int round = 0; round < 3000; ++round) {
    const testing::OwnedEntry target{"k" + std::to_string(random.Uniform(310)),
                                     SeekTrailer(random.Uniform(1600)), ""};
    const auto lower = std::lower_bound(entries.begin(), entries.end(), target) - entries.begin();
    std::ptrdiff_t at = 0;
    switch (random.Uniform(4)) {
      case 0:
        it->Seek(target.key, target.trailer);
        at = lower;
        break;
      case 1:
        it->SeekForPrev(target.key, target.trailer);
        at = lower - 1;
        break;
      case 2:
        it->SeekToFirst();
        break;
      default:
        it->SeekToLast();
        at = static_cast<std::ptrdiff_t>(entries.size()) - 1;
    }
    expect_at(at);
    for (int step = 0; step < 40 && it->Valid(); ++step) {
      if (random.OneIn(3)) {
        it->Prev();
        --at;
      } else {
        it->Next();
        ++at;
      }
      expect_at(at);
    }
    ASSERT_TRUE(it->status().ok());
  }
}

TEST_F(JobTest, LevelIteratorOfNothingIsAtItsEnd) {
  auto it = NewLevelIterator({}, tables_.get(), {});
  it->SeekToFirst();
  EXPECT_FALSE(it->Valid());
  it->SeekToLast();
  EXPECT_FALSE(it->Valid());
  it->Seek("a", SeekTrailer(1));
  EXPECT_FALSE(it->Valid());
  it->SeekForPrev("a", SeekTrailer(1));
  EXPECT_FALSE(it->Valid());
  EXPECT_TRUE(it->status().ok());
}

TEST_F(JobTest, LevelIteratorSaysWhenATableIsMissingAndRecovers) {
  Random random(18);
  const Entries entries = testing::RandomEntries(&random, 300, 1500);
  const auto tables = Write(entries, 2000);
  Reopen();
  const std::string missing = TableFileName(tables[1]->number);
  files_.SetFault([&](FileOp op, const std::string& path) {
    return op == FileOp::kOpen && path.ends_with(missing) ? Status::IoError(path) : Status();
  });
  auto it = NewLevelIterator({tables, nullptr}, tables_.get(), {});
  size_t seen = 0;
  for (it->SeekToFirst(); it->Valid(); it->Next()) ++seen;
  EXPECT_EQ(seen, tables[0]->entries);
  EXPECT_EQ(it->status().code(), StatusCode::kIoError);
  it->Seek(tables[2]->begin, SeekTrailer(kPositionMax));
  EXPECT_TRUE(it->Valid());
  files_.SetFault({});
  for (seen = 0, it->SeekToFirst(); it->Valid(); it->Next()) ++seen;
  EXPECT_EQ(seen, entries.size());
}

}  // namespace
}  // namespace logwood
