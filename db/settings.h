// Settings: every value in force, resolved from what was given, what is stored with the database,
// and what follows from the memory budget - and where each came from.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "compaction/picker.h"
#include "logwood/options.h"
#include "logwood/stats.h"
#include "table/table_builder.h"

namespace logwood {

struct Settings {
  uint64_t memory_budget_bytes = 0;
  Durability durability = Durability::kProcess;
  Compression compression = Compression::kSnappy;
  LogRetention log_retention;

  uint64_t memtable_bytes = 0;       // one memtable is sealed at this size
  uint64_t memtables_bytes_max = 0;  // all of them together: the last wall for writers
  // What everything that is counted may take: blocks, memtables, open tables, jobs. The rest of the
  // budget is for what is not, as the allocator's own.
  uint64_t capacity_bytes = 0;
  uint64_t cache_bytes = 0;  // of that, blocks in the cache
  // What readers may hold before new pins are refused, wherever it lies. Above three quarters of it
  // iterators let go of their blocks after each movement.
  uint64_t pins_bytes_max = 0;
  // And how far they may be the reason that all is more than the capacity.
  uint64_t pins_bytes_over_max = 0;
  uint64_t readers_bytes_max = 0;  // filters and indexes kept open
  uint64_t job_bytes_max = 0;      // buffers of one flush or compaction, as far as it can choose
  uint64_t table_bytes = 0;
  uint32_t block_bytes = 0;
  uint32_t filter_bits_per_key = 0;
  uint32_t level0_tables = 0;
  uint32_t level_multiplier = 0;
  uint32_t background_threads = 0;
  uint64_t log_segment_bytes = 0;
  uint64_t event_log_bytes = 0;
  uint64_t batch_bytes_max = 0;
  // An iterator that steps over so many deleted keys in a row leaves a note (db/dead_ranges.h).
  uint64_t dead_range_keys = 0;

  std::vector<Setting> sources;  // for Stats::settings

  // What is stored in the manifest: lines of "name=value".
  std::string EncodeStored() const;
  TableOptions table_options() const;
  // Memtables take their memory in pieces of this size at most: what they hold, by which writers
  // are slowed down, moves in small steps.
  size_t memtable_block_bytes() const;
  CompactionSettings compaction() const;
};

// kInvalidArgument names the option and its range. `stored` is EncodeStored of an earlier open; a
// line that is none, or a value out of range, is kCorruption; a name it does not know
// kNotSupported.
Result<Settings> ResolveSettings(const Options& options, std::optional<std::string_view> stored);

}  // namespace logwood
