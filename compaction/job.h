// RunCompaction: executes a plan. No lock is held, nothing is installed: the caller syncs the
// directory and commits the result as an edit. Large plans may later be split by key range and run
// in several pieces; then a piece is a plan with a narrower range, and results are concatenated.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "compaction/picker.h"
#include "compaction/table_sink.h"
#include "table/table_cache.h"

namespace logwood {

struct JobOptions {
  TableCache* tables = nullptr;
  // Grandparents come from the plan; created_us from the inputs when it is 0. Its account is told
  // what inputs hold, too.
  SinkOptions sink;
  SurvivalRules survival;  // bottom comes from the plan; no zero_positions without it
  // Of one input at most, and of all together as far as each then reads some blocks at a time.
  uint32_t readahead_bytes = 256 * 1024;
  uint64_t readahead_bytes_all = ~uint64_t{0};
  // Told now and then in the job's thread how many bytes of the inputs it passed since, as far as
  // their entries tell; of a job that succeeds all of bytes_read. May be empty.
  std::function<void(uint64_t)> advance;
};

struct JobResult {
  SinkResult output;
  uint64_t bytes_read = 0;
  uint64_t entries_in = 0;
  uint64_t entries_dropped = 0;
};

// An input whose every entry a range delete of another covers, for each reader, goes unread. Every
// other input is read to its end, or the job fails: entries in = entries out + entries dropped, and
// the entries read equal what the inputs' metas promise (else kCorruption naming the table). After
// an error no file of the job is left, as far as the file system lets it.
// REQUIRES: the plan is not a trivial move.
Result<JobResult> RunCompaction(const CompactionPlan& plan, const JobOptions& options);

}  // namespace logwood
