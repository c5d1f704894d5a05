// RunCompaction: executes a plan. No lock is held, nothing is installed: the caller commits the
// result as an edit. Large plans may be split by key range and run in several pieces.
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
  SinkOptions sink;
  SurvivalRules survival;                 // bottom comes from the plan
  uint32_t readahead_bytes = 256 * 1024;
};

struct JobResult {
  SinkResult output;
  uint64_t bytes_read = 0;
  uint64_t entries_in = 0;
  uint64_t entries_dropped = 0;
};

// Every input is read to its end, or the job fails: entries in = entries out + entries dropped, and
// the entries read equal what the inputs' metas promise (else kCorruption naming the table).
Result<JobResult> RunCompaction(const CompactionPlan& plan, const JobOptions& options);

}  // namespace logwood
