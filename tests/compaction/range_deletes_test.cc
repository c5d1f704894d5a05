// Range deletes in compaction: what of them and of the entries they cover is left, where tables end
// among them, and that a job's books say so.
#include <gtest/gtest.h>

#include "compaction/job.h"
#include "compaction/level_iterator.h"
#include "table/block_cache.h"
#include "tests/compaction/compaction_test_support.h"
#include "tests/support/status_assert.h"
#include "util/faulty_file_system.h"
#include "util/file_header.h"

namespace logwood {
namespace {

using testing::Entries;
using testing::OwnedEntry;
using testing::Put;
using testing::VectorIterator;

struct OwnedRange {
  std::string begin, end;
  LogPos position = 0;
  friend bool operator==(const OwnedRange&, const OwnedRange&) = default;
};
using Ranges = std::vector<OwnedRange>;

// The model: looks at all of them, and knows no order.
std::map<std::string, std::string> VisibleWith(const Entries& entries, const Ranges& ranges,
                                               LogPos position) {
  std::map<std::string, std::string> seen = testing::Visible(entries, position);
  for (const OwnedEntry& entry : entries) {
    const auto at = seen.find(entry.key);
    if (at == seen.end() || entry.position() > position) continue;
    LogPos newest = 0;
    for (const OwnedEntry& other : entries) {
      if (other.key == entry.key && other.position() <= position)
        newest = std::max(newest, other.position());
    }
    for (const OwnedRange& range : ranges) {
      if (range.position <= position && range.position > newest && range.begin <= entry.key &&
          entry.key < range.end) {
        seen.erase(at);
        break;
      }
    }
  }
  return seen;
}

Ranges RangesOf(const RangeFragmentsPtr& fragments) {
  Ranges ranges;
  if (fragments == nullptr) return ranges;
  for (const auto& fragment : fragments->fragments()) {
    for (LogPos position : fragment.positions)
      ranges.push_back({std::string(fragment.begin), std::string(fragment.end), position});
  }
  return ranges;
}

RangeFragmentsPtr Cut(const Ranges& ranges, const std::vector<LogPos>& snapshots) {
  RangeFragmenter fragmenter;
  for (const OwnedRange& range : ranges) fragmenter.Add(range.begin, range.end, range.position);
  return ranges.empty() ? nullptr : fragmenter.Finish(snapshots);
}

// Operations at positions 1, 2, ...: entries of some keys, and ranges among them.
void MakeHistory(Random* random, uint64_t keys, size_t count, Entries* entries, Ranges* ranges,
                 std::string_view prefix = "k") {
  const auto key = [&] {
    return std::string(prefix) + std::to_string(100 + random->Uniform(keys));
  };
  for (LogPos position = 1; position <= count; ++position) {
    if (random->OneIn(6)) {
      std::string a = key(), b = random->OneIn(8) ? std::string(prefix) + "~" : key();
      if (a == b) b += '\0';
      if (b < a) std::swap(a, b);
      ranges->push_back({std::move(a), std::move(b), position});
    } else if (random->OneIn(3)) {
      entries->push_back(testing::Delete(key(), position));
    } else {
      entries->push_back(Put(key(), position, "v" + std::to_string(position)));
    }
  }
  std::sort(entries->begin(), entries->end());
}

std::vector<LogPos> SomeSnapshots(Random* random, LogPos last) {
  std::set<LogPos> snapshots;
  for (uint64_t count = random->Uniform(4); count > 0; --count)
    snapshots.insert(random->Uniform(last + 2));
  return {snapshots.begin(), snapshots.end()};
}

TEST(CompactionRangeDeletes, ReadersSeeTheSameAndNothingIsLeftThatNobodyNeeds) {
  size_t kept_ranges = 0, dropped_entries = 0;
  for (uint64_t seed = 1; seed <= 300; ++seed) {
    SCOPED_TRACE(seed);
    Random random(seed);
    Entries entries;
    Ranges ranges;
    constexpr LogPos kLast = 60;
    MakeHistory(&random, 1 + random.Uniform(12), kLast, &entries, &ranges);
    SurvivalRules rules;
    rules.snapshots = SomeSnapshots(&random, kLast);
    rules.bottom = random.OneIn(2);
    rules.range_deletes = Cut(ranges, rules.snapshots);
    VectorIterator input(entries);
    CompactionIterator it(&input, rules);
    Entries out;
    for (it.SeekToFirst(); it.Valid(); it.Next()) {
      out.push_back(
          {std::string(it.entry().key), it.entry().trailer, std::string(it.entry().value)});
    }
    ASSERT_OK(it.status());
    ASSERT_EQ(it.entries_in(), entries.size());
    ASSERT_EQ(it.entries_dropped() + out.size(), entries.size());
    const Ranges left = RangesOf(it.range_deletes());
    std::vector<LogPos> readers = rules.snapshots;
    readers.push_back(kLast);
    for (const LogPos reader : readers)
      ASSERT_EQ(VisibleWith(out, left, reader), VisibleWith(entries, ranges, reader)) << reader;
    // Two versions of a key that no reader tells apart are never left, be one a range delete.
    const auto stretch = [&](LogPos position) {
      return std::lower_bound(rules.snapshots.begin(), rules.snapshots.end(), position) -
             rules.snapshots.begin();
    };
    for (const OwnedEntry& entry : out) {
      for (const OwnedRange& range : left) {
        ASSERT_FALSE(range.begin <= entry.key && entry.key < range.end &&
                     range.position > entry.position() &&
                     stretch(range.position) == stretch(entry.position()))
            << entry.key << " at " << entry.position();
      }
    }
    std::set<std::pair<std::string, long>> told;
    for (const OwnedRange& range : left) {
      ASSERT_TRUE(told.emplace(range.begin, stretch(range.position)).second) << range.begin;
      ASSERT_FALSE(rules.bottom && stretch(range.position) == 0);
    }
    // Above the bottom all that was deleted must stay so for what lies below.
    for (const OwnedRange& range : ranges) {
      if (rules.bottom) break;
      LogPos found = 0;
      for (const OwnedRange& l : left) {
        if (l.begin <= range.begin && range.begin < l.end) found = std::max(found, l.position);
      }
      ASSERT_GE(found, range.position);
    }
    kept_ranges += left.size();
    dropped_entries += entries.size() - out.size();
  }
  EXPECT_GT(kept_ranges, 1000u);
  EXPECT_GT(dropped_entries, 5000u);
}

TEST(CompactionRangeDeletes, OfADroppedKeyspaceGoOnceNoSnapshotSeesIt) {
  const std::string dropped = KeyspacePrefix(300), kept = KeyspacePrefix(301);
  const Ranges ranges = {{dropped + "a", dropped + "c", 5}, {kept + "a", KeyspaceEnd(301), 6}};
  const auto left = [&](std::vector<LogPos> snapshots) {
    SurvivalRules rules;
    rules.dropped_keyspaces = {{300, 12}};
    rules.range_deletes = Cut(ranges, snapshots);
    rules.snapshots = std::move(snapshots);
    VectorIterator input({});
    return RangesOf(CompactionIterator(&input, rules).range_deletes());
  };
  EXPECT_EQ(left({}), Ranges{ranges[1]});
  EXPECT_EQ(left({12}), Ranges{ranges[1]});
  EXPECT_EQ(left({11}), ranges);
}

class RangeSinkTest : public ::testing::Test {
 protected:
  RangeSinkTest() {
    EXPECT_OK(base_->CreateDirectory("db"));
    options_.fs = &files_;
    options_.directory = "db";
    options_.table.block_bytes = 512;
    options_.table.compression = Compression::kNone;
    options_.next_number = [this] { return next_number_++; };
  }

  // All snapshots there can be: nothing is dropped.
  Result<SinkResult> Write(const Entries& entries, const Ranges& ranges) {
    VectorIterator input(entries);
    SurvivalRules rules;
    std::set<LogPos> positions;
    for (const OwnedEntry& entry : entries) positions.insert(entry.position());
    for (const OwnedRange& range : ranges) positions.insert(range.position);
    rules.snapshots.assign(positions.begin(), positions.end());
    rules.range_deletes = Cut(ranges, rules.snapshots);
    CompactionIterator it(&input, rules);
    it.SeekToFirst();
    return WriteTables(&it, options_);
  }

  std::shared_ptr<TableReader> Open(const TableMeta& meta) {
    const std::string path = "db/" + TableFileName(meta.number);
    auto reader = TableReader::Open(*base_->OpenRandomAccess(path), path, &meta, nullptr, nullptr);
    EXPECT_OK(reader);
    return reader.ok() ? *reader : nullptr;
  }

  // The tables are disjoint, their bounds hold what they have, and together they have `entries` and
  // `ranges` and nothing beside but markers.
  void ExpectHold(const SinkResult& result, const Entries& entries, const Ranges& ranges) {
    Entries read;
    Ranges pieces;
    uint64_t markers = 0;
    for (size_t i = 0; i < result.tables.size(); ++i) {
      const TableMeta& meta = result.tables[i];
      if (i > 0) {
        ASSERT_LE(result.tables[i - 1].end, meta.begin) << "table " << i;
      }
      const auto reader = Open(meta);
      ASSERT_NE(reader, nullptr);
      const Ranges of_table = RangesOf(reader->range_deletes());
      ASSERT_EQ(of_table.size(), meta.range_deletes);
      Entries of_entries;
      const auto it = reader->NewIterator({});
      for (it->SeekToFirst(); it->Valid(); it->Next()) {
        const Entry& entry = it->entry();
        ASSERT_TRUE(meta.Contains(entry.key)) << entry.key;
        of_entries.push_back({std::string(entry.key), entry.trailer, std::string(entry.value)});
      }
      ASSERT_OK(it->status());
      for (const OwnedRange& range : of_table) {
        ASSERT_LE(meta.begin, range.begin);
        ASSERT_LE(range.end, meta.end);
        ASSERT_TRUE(meta.min_position <= range.position && range.position <= meta.max_position);
        pieces.push_back(range);
      }
      const bool is_marker =
          of_entries.size() == 1 && !of_table.empty() &&
          of_entries[0] == testing::Delete(of_table[0].begin, of_table[0].position);
      if (is_marker && !std::binary_search(entries.begin(), entries.end(), of_entries[0])) {
        ++markers;
      } else {
        read.insert(read.end(), of_entries.begin(), of_entries.end());
      }
    }
    ASSERT_EQ(read, entries);
    ASSERT_EQ(markers, result.markers);
    ASSERT_EQ(result.entries, entries.size());
    // Pieces that touch are joined again; what was cut into fragments is told by them.
    ASSERT_EQ(Joined(pieces), Joined(RangesOf(Cut(ranges, AllOf(ranges)))));
  }

  static std::vector<LogPos> AllOf(const Ranges& ranges) {
    std::set<LogPos> positions;
    for (const OwnedRange& range : ranges) positions.insert(range.position);
    return {positions.begin(), positions.end()};
  }
  // By position what is covered, as few ranges as there can be.
  static Ranges Joined(Ranges ranges) {
    std::sort(ranges.begin(), ranges.end(), [](const OwnedRange& a, const OwnedRange& b) {
      return std::tie(a.position, a.begin) < std::tie(b.position, b.begin);
    });
    Ranges joined;
    for (OwnedRange& range : ranges) {
      if (!joined.empty() && joined.back().position == range.position &&
          joined.back().end == range.begin) {
        joined.back().end = std::move(range.end);
      } else {
        joined.push_back(std::move(range));
      }
    }
    return joined;
  }

  const std::unique_ptr<FileSystem> base_ = FileSystem::InMemory();
  FaultyFileSystem files_{base_.get()};
  uint64_t next_number_ = 7;
  SinkOptions options_;
};

TEST_F(RangeSinkTest, TablesAreDisjointAndHaveAllRangesWhereverTheyEnd) {
  size_t tables = 0, markers = 0;
  for (uint64_t seed = 1; seed <= 60; ++seed) {
    SCOPED_TRACE(seed);
    Random random(seed);
    Entries entries;
    Ranges ranges;
    MakeHistory(&random, 40, 150, &entries, &ranges);
    if (random.OneIn(4)) entries.clear();
    options_.table_bytes_max = 600 + random.Uniform(3000);
    std::set<std::string> bounds;
    for (uint64_t i = random.Uniform(6); i > 0; --i)
      bounds.insert("k" + std::to_string(100 + random.Uniform(40)));
    options_.grandparents.clear();
    std::string begin = "k";
    for (const std::string& end : bounds) {
      TableMeta meta;
      meta.begin = begin;
      meta.end = begin = end;
      meta.size = 1000;
      options_.grandparents.push_back(std::make_shared<const TableMeta>(meta));
    }
    options_.grandparent_bytes_max = random.Uniform(3000);
    ASSERT_OK_AND_ASSIGN(const SinkResult result, Write(entries, ranges));
    ExpectHold(result, entries, ranges);
    if (HasFatalFailure()) return;
    tables += result.tables.size();
    markers += result.markers;
  }
  EXPECT_GT(tables, 300u);
  EXPECT_GT(markers, 0u);
}

// A table that ends before the range would end before the key it has already.
TEST_F(RangeSinkTest, ARangeThatBeginsAtAKeyGoesToTheKeysTable) {
  options_.table_bytes_max = 300;
  Entries entries;
  Ranges ranges;
  for (int i = 0; i < 20; ++i) {
    const std::string key = "k" + std::to_string(100 + i);
    entries.push_back(Put(key, 100 + static_cast<LogPos>(i), std::string(300, 'v')));
    ranges.push_back({key, key + "x", static_cast<LogPos>(i + 1)});
  }
  ASSERT_OK_AND_ASSIGN(const SinkResult result, Write(entries, ranges));
  EXPECT_GT(result.tables.size(), 5u);
  ExpectHold(result, entries, ranges);
}

// One range over everything goes on in each table; without entries it has one that says the same.
TEST_F(RangeSinkTest, AWideRangeIsCutAndOneAloneGetsAMarker) {
  options_.table_bytes_max = 1500;
  Entries entries;
  for (int i = 0; i < 100; ++i)
    entries.push_back(Put("k" + std::to_string(100 + i), 7, std::string(100, 'v')));
  ASSERT_OK_AND_ASSIGN(const SinkResult result, Write(entries, {{"a", "z", 7}}));
  ASSERT_GT(result.tables.size(), 4u);
  ExpectHold(result, entries, {{"a", "z", 7}});
  EXPECT_EQ(result.tables.front().begin, "a");
  EXPECT_EQ(result.tables.back().end, "z");
  EXPECT_EQ(result.markers, 0u);
  for (size_t i = 1; i < result.tables.size(); ++i)
    EXPECT_EQ(result.tables[i - 1].end, result.tables[i].begin);
  ASSERT_OK_AND_ASSIGN(const SinkResult alone, Write({}, {{"a", "z", 7}}));
  ASSERT_EQ(alone.tables.size(), 1u);
  EXPECT_EQ(alone.tables[0].entries, 1u);
  ExpectHold(alone, {}, {{"a", "z", 7}});
}

// They count for where a table ends, as entries do.
TEST_F(RangeSinkTest, ManyRangesWithoutEntriesMakeManyTables) {
  options_.table_bytes_max = 20'000;
  Ranges ranges;
  for (int i = 0; i < 4000; ++i) {
    const std::string key = "k" + std::to_string(10'000 + i);
    ranges.push_back({key, key + "x", 9});
  }
  ASSERT_OK_AND_ASSIGN(const SinkResult result, Write({}, ranges));
  EXPECT_GT(result.tables.size(), 4u);
  for (const TableMeta& meta : result.tables) EXPECT_LT(meta.size, 30'000u);
  ExpectHold(result, {}, ranges);
}

TEST_F(RangeSinkTest, CancelledAmongRangesAloneLeavesNothing) {
  options_.cancelled = [] { return true; };
  EXPECT_STATUS(kCancelled, Write({}, {{"a", "c", 3}}));
  EXPECT_TRUE(base_->List("db")->empty());
}

class RangeJobTest : public RangeSinkTest {
 protected:
  std::vector<TableMetaPtr> Flush(const Entries& entries, const Ranges& ranges) {
    const auto result = Write(entries, ranges);
    EXPECT_OK(result);
    std::vector<TableMetaPtr> tables;
    if (!result.ok()) return tables;
    for (const TableMeta& meta : result->tables)
      tables.push_back(std::make_shared<TableMeta>(meta));
    return tables;
  }

  BlockCache blocks_{1 << 20};
  TableCounters counters_;
  TableCache tables_{&files_, "db", &blocks_, &counters_, 100, 64 << 20};
};

// Two levels of one history, compacted together, with markers among the inputs.
TEST_F(RangeJobTest, BooksBalanceAndReadersSeeTheSame) {
  uint64_t markers_in = 0, markers_out = 0;
  for (uint64_t seed = 1; seed <= 40; ++seed) {
    SCOPED_TRACE(seed);
    Random random(seed);
    Entries entries, parts[2];
    Ranges ranges, range_parts[2];
    constexpr LogPos kLast = 160;
    MakeHistory(&random, 30, kLast, &entries, &ranges);
    for (const OwnedEntry& entry : entries) parts[entry.position() > 90].push_back(entry);
    for (const OwnedRange& range : ranges) range_parts[range.position > 90].push_back(range);
    if (random.OneIn(3)) parts[1].clear();
    if (random.OneIn(3)) parts[0].clear();
    entries = parts[0];
    entries.insert(entries.end(), parts[1].begin(), parts[1].end());
    std::sort(entries.begin(), entries.end());
    CompactionPlan plan;
    plan.output_level = 6;
    plan.bottom = random.OneIn(2);
    plan.begin = "k";
    plan.end = "l";
    options_.table_bytes_max = ~uint64_t{0};
    plan.inputs = Flush(parts[1], range_parts[1]);
    options_.table_bytes_max = 1500;
    plan.output_overlap = Flush(parts[0], range_parts[0]);
    for (const TableMetaPtr& table : plan.inputs)
      markers_in += parts[1].empty() ? table->entries : 0;
    JobOptions options;
    options.tables = &tables_;
    options.sink = options_;
    options.survival.snapshots = SomeSnapshots(&random, kLast);
    options.survival.zero_positions = random.OneIn(2);
    ASSERT_OK_AND_ASSIGN(const JobResult job, RunCompaction(plan, options));
    uint64_t in_tables = 0;
    Entries out;
    Ranges left;
    for (const TableMeta& meta : job.output.tables) {
      in_tables += meta.entries;
      const auto reader = Open(meta);
      ASSERT_NE(reader, nullptr);
      EXPECT_OK(reader->Verify(&meta, nullptr, nullptr));
      const auto it = reader->NewIterator({});
      for (it->SeekToFirst(); it->Valid(); it->Next()) {
        const Entry& entry = it->entry();
        out.push_back({std::string(entry.key), entry.trailer, std::string(entry.value)});
      }
      for (OwnedRange& range : RangesOf(reader->range_deletes())) left.push_back(std::move(range));
    }
    EXPECT_EQ(job.entries_in, plan.InputEntries());
    EXPECT_EQ(in_tables, job.output.entries + job.output.markers);
    EXPECT_EQ(job.entries_in, job.output.entries + job.entries_dropped);
    markers_out += job.output.markers;
    std::vector<LogPos> readers = options.survival.snapshots;
    readers.push_back(kLast);
    for (const LogPos reader : readers)
      ASSERT_EQ(VisibleWith(out, left, reader), VisibleWith(entries, ranges, reader)) << reader;
  }
  EXPECT_GT(markers_in, 0u);
  EXPECT_GT(markers_out, 0u);
}

// The file of one that is covered whole may be gone: it is not asked for. With a snapshot between,
// with a key that is not covered, or an entry that is newer, it is.
TEST_F(RangeJobTest, AnInputThatIsCoveredWholeGoesUnread) {
  const auto run = [&](const Ranges& ranges, std::vector<LogPos> snapshots) {
    CompactionPlan plan;
    plan.output_level = 6;
    plan.bottom = true;
    plan.begin = "a";
    plan.end = "z";
    plan.inputs = Flush({Put("x", 30)}, ranges);
    plan.output_overlap = Flush({Put("k1", 5), Put("k2", 9)}, {{"k3", "k4", 7}});
    EXPECT_EQ(plan.output_overlap.size(), 1u);
    const std::string path = "db/" + TableFileName(plan.output_overlap[0]->number);
    std::string bytes(plan.output_overlap[0]->size, '\0');
    {
      const auto file = base_->OpenRandomAccess(path);
      EXPECT_OK(file);
      EXPECT_OK((*file)->Read(0, bytes.size(), bytes.data()));
    }
    bytes[kFileHeaderBytes + 4] ^= 1;  // of its entries; its range deletes can be read
    EXPECT_OK(base_->Remove(path));
    const auto damaged = base_->CreateWritable(path);
    EXPECT_OK(damaged);
    EXPECT_OK((*damaged)->Append(bytes));
    EXPECT_OK((*damaged)->Close());
    JobOptions options;
    options.tables = &tables_;
    options.sink = options_;
    options.survival.snapshots = std::move(snapshots);
    auto job = RunCompaction(plan, options);
    if (job.ok()) {
      EXPECT_EQ(job->entries_in, plan.InputEntries());
      EXPECT_EQ(job->entries_in, job->output.entries + job->entries_dropped);
      EXPECT_EQ(job->output.entries, 1u);
    }
    return job.status();
  };
  EXPECT_OK(run({{"a", "y", 20}}, {}));
  EXPECT_OK(run({{"a", "k2", 20}, {"k2", "l", 21}}, {}));
  EXPECT_OK(run({{"k1", "k4", 10}}, {4, 25}));
  EXPECT_STATUS(kCorruption, run({{"a", "y", 20}}, {9}));
  EXPECT_STATUS(kCorruption, run({{"a", "y", 20}}, {6}));
  EXPECT_STATUS(kCorruption, run({{"k2", "l", 20}}, {}));
  EXPECT_STATUS(kCorruption, run({{"k1", "k3", 20}}, {}));
  EXPECT_STATUS(kCorruption, run({{"a", "k2", 20}, {"k2x", "l", 21}}, {}));
  EXPECT_STATUS(kCorruption, run({{"a", "y", 9}}, {}));
}

// A table that cannot be opened ends the job: what it deletes nobody knows.
TEST_F(RangeJobTest, ATableWithRangesThatCannotBeOpenedIsAnErrorAndLeavesNothing) {
  CompactionPlan plan;
  plan.output_level = 6;
  plan.bottom = true;
  plan.begin = "a";
  plan.end = "z";
  plan.inputs = Flush({Put("k1", 9)}, {{"k", "l", 8}});
  plan.output_overlap = Flush({Put("k2", 3)}, {});
  const size_t files = base_->List("db")->size();
  const std::string path = "db/" + TableFileName(plan.inputs[0]->number);
  ASSERT_OK(base_->Remove(path));
  JobOptions options;
  options.tables = &tables_;
  options.sink = options_;
  EXPECT_STATUS(kCorruption, RunCompaction(plan, options));
  EXPECT_EQ(base_->List("db")->size(), files - 1);
}

}  // namespace
}  // namespace logwood
