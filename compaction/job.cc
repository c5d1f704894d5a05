#include "compaction/job.h"

#include <algorithm>
#include <string>
#include <utility>

#include "compaction/level_iterator.h"
#include "util/check.h"
#include "util/merging_iterator.h"
#include "util/status_macros.h"

namespace logwood {

namespace {

constexpr uint32_t kReadaheadBytesMin = 16 * 1024;

// All inputs share what the job has for reading ahead.
uint32_t ReadaheadOf(const CompactionPlan& plan, const JobOptions& options) {
  const uint64_t children = 1 + (plan.input_level == 0 ? plan.inputs.size() : 1);
  const uint64_t share = options.readahead_bytes_all / children;
  const uint32_t least = std::min(kReadaheadBytesMin, options.readahead_bytes);
  return static_cast<uint32_t>(std::clamp<uint64_t>(share, least, options.readahead_bytes));
}

// Level 0: one child a table. Deeper: one for all of a level, so that a merge has few children and
// few files are open. The plan outlives the iterator.
std::unique_ptr<InternalIterator> MergeInputs(const CompactionPlan& plan,
                                              const JobOptions& options) {
  LevelIteratorOptions scan;
  scan.scan.fill_cache = false;
  scan.scan.readahead_bytes = ReadaheadOf(plan, options);
  scan.scan.account = options.sink.account;
  scan.check_entries = true;
  std::vector<std::unique_ptr<InternalIterator>> children;
  const auto add = [&](std::span<const TableMetaPtr> tables) {
    if (tables.empty()) return;
    children.push_back(NewLevelIterator({tables, nullptr}, options.tables, scan));
  };
  if (plan.input_level == 0) {
    for (size_t i = 0; i < plan.inputs.size(); ++i) add({&plan.inputs[i], 1});
  } else {
    add(plan.inputs);
  }
  add(plan.output_overlap);
  return NewMergingIterator(std::move(children));
}

// Null: they have none.
Result<RangeFragmentsPtr> RangeDeletesOf(const CompactionPlan& plan, const JobOptions& options) {
  RangeFragmenter fragmenter;
  std::vector<RangeFragmentsPtr> held;  // the keys lie there
  for (const auto* tables : {&plan.inputs, &plan.output_overlap}) {
    for (const TableMetaPtr& table : *tables) {
      if (table->range_deletes == 0) continue;
      ASSIGN_OR_RETURN(const auto reader, options.tables->Find(*table));
      held.push_back(reader->range_deletes());
      fragmenter.Add(*held.back());
    }
  }
  if (fragmenter.empty()) return RangeFragmentsPtr();
  return fragmenter.Finish(options.survival.snapshots);
}

// Every entry of the table is older than a range delete that each reader of it sees.
bool IsWhollyCovered(const TableMeta& table, const SurvivalRules& rules) {
  if (rules.range_deletes == nullptr) return false;
  const size_t stretch = StretchOf(rules.snapshots, table.min_position);
  std::string_view covered_to = table.begin;
  for (const auto& fragment : rules.range_deletes->fragments()) {
    if (fragment.end <= covered_to) continue;
    if (fragment.begin > covered_to) return false;
    if (!HasNewerInStretch(fragment.positions, table.max_position, stretch, rules.snapshots))
      return false;
    covered_to = fragment.end;
    if (covered_to >= table.end) return true;
  }
  return false;
}

// The plan without the inputs of which nothing is left: they go unread.
CompactionPlan WithoutCovered(const CompactionPlan& plan, const SurvivalRules& rules) {
  CompactionPlan rest = plan;
  for (auto* tables : {&rest.inputs, &rest.output_overlap}) {
    std::erase_if(*tables, [&](const auto& table) { return IsWhollyCovered(*table, rules); });
  }
  return rest;
}

uint64_t NewestData(const CompactionPlan& plan) {
  uint64_t created_us = 0;
  for (const auto* tables : {&plan.inputs, &plan.output_overlap}) {
    for (const TableMetaPtr& table : *tables) created_us = std::max(created_us, table->created_us);
  }
  return created_us;
}

// The last look before anything is installed: nothing went missing on the way (invariant 25).
Status CheckBooks(const CompactionPlan& plan, const JobResult& result) {
  uint64_t written = 0;
  for (const TableMeta& table : result.output.tables) written += table.entries;
  if (result.entries_in == plan.InputEntries() &&
      written == result.output.entries + result.output.markers &&
      result.entries_in == result.output.entries + result.entries_dropped) {
    return Status::Ok();
  }
  return Status::Corruption(
      "compaction " + ToText(plan) + ": " + std::to_string(plan.InputEntries()) +
      " entries promised, " + std::to_string(result.entries_in) + " read, " +
      std::to_string(result.entries_dropped) + " dropped, " + std::to_string(written) + " written");
}

}  // namespace

Result<JobResult> RunCompaction(const CompactionPlan& plan, const JobOptions& options) {
  CHECK(!plan.trivial_move);
  CHECK(!plan.inputs.empty());
  SurvivalRules rules = options.survival;
  rules.bottom = plan.bottom;
  rules.zero_positions = rules.zero_positions && plan.bottom;
  ASSIGN_OR_RETURN(rules.range_deletes, RangeDeletesOf(plan, options));
  SinkOptions sink = options.sink;
  sink.grandparents = plan.grandparents;
  if (sink.created_us == 0) sink.created_us = NewestData(plan);

  const CompactionPlan rest = WithoutCovered(plan, rules);
  const std::unique_ptr<InternalIterator> merged = MergeInputs(rest, options);
  CompactionIterator survivors(merged.get(), std::move(rules));
  const uint64_t bytes = rest.InputBytes(), entries = rest.InputEntries();
  uint64_t told = 0;
  const auto advance = [&] {
    const double share = static_cast<double>(survivors.entries_in()) /
                         static_cast<double>(std::max<uint64_t>(entries, 1));
    const auto passed = static_cast<uint64_t>(std::min(share, 1.0) * static_cast<double>(bytes));
    if (options.advance && passed > told) options.advance(passed - std::exchange(told, passed));
  };
  sink.cancelled = [&] {
    advance();
    return options.sink.cancelled && options.sink.cancelled();
  };
  survivors.set_cancelled(&sink.cancelled);
  survivors.SeekToFirst();
  JobResult result;
  ASSIGN_OR_RETURN(result.output, WriteTables(&survivors, sink));
  result.bytes_read = bytes;
  result.entries_in = survivors.entries_in();
  result.entries_dropped = survivors.entries_dropped();
  Status books = CheckBooks(rest, result);
  if (!books.ok()) {
    RemoveTables(result.output.tables, sink);
    return books;
  }
  const uint64_t unread = plan.InputEntries() - entries;
  result.entries_in += unread;
  result.entries_dropped += unread;
  advance();
  return result;
}

}  // namespace logwood
