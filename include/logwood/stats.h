// Stats: what the database knows about itself, as a struct, as JSON, as Prometheus text, or as a
// page for people.
//
//   std::cout << db->GetStats().ToText();
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "logwood/export.h"
#include "logwood/types.h"

namespace logwood {

struct LevelStats {
  uint32_t tables = 0;
  uint64_t bytes = 0;  // on disk
  uint64_t entries = 0;
  uint64_t tombstones = 0;
  uint64_t range_deletes = 0;
  uint64_t expiring = 0;      // entries that expire, those that have included
  uint64_t target_bytes = 0;  // what the level may hold before it is compacted; 0: no target
  uint64_t compactions = 0;   // jobs that wrote into this level since open
  uint64_t bytes_read = 0;    // by those jobs
  uint64_t bytes_written = 0;
};

// Counts since open. Latency in nanoseconds.
struct OperationStats {
  uint64_t count = 0;
  uint64_t total_ns = 0;
  uint64_t p50_ns = 0, p99_ns = 0, p999_ns = 0, max_ns = 0;
};

struct MemoryStats {
  uint64_t budget_bytes = 0;
  uint64_t used_bytes = 0;      // all that is counted; what follows is parts of it
  uint64_t memtable_bytes = 0;  // flushed ones that iterators still read included
  uint64_t cache_bytes = 0;     // blocks
  uint64_t table_bytes = 0;     // indexes and filters of open tables
  // Held by iterators, pinned values and transactions: blocks, also of those in the cache, each
  // once, the iterators and the transactions. No share of its own: a part of used_bytes. Beyond a
  // third of the budget, transactions left out, new iterators are kBusy and values are copied
  // instead of pinned; for that a block counts for each iterator that stands on it, so it may come
  // while this is less. It also comes where what they and transactions keep outside of the cache
  // does not fit into it beside everything else.
  uint64_t pinned_bytes = 0;
  uint64_t jobs_bytes = 0;   // buffers of running flushes and compactions
  uint64_t spare_bytes = 0;  // of memtables that were flushed, kept for the next ones for a while
};

struct Setting {
  std::string name;
  std::string value;
  // "given", "stored with the database", "derived from memory_budget_bytes", ...
  std::string source;
};

struct LOGWOOD_EXPORT Stats {
  std::string path;
  Id128 history_id, instance_id;
  uint64_t epoch = 0;
  LogPos last_position = 0;     // newest commit
  LogPos durable_position = 0;  // newest commit that survives power loss
  uint32_t keyspaces = 0;
  uint32_t snapshots = 0;
  LogPos oldest_snapshot = 0;  // 0: none

  std::vector<LevelStats> levels;
  uint64_t log_segments = 0;
  uint64_t log_bytes = 0;       // of the segments that are there, each as long as the next one says
  uint64_t table_bytes = 0;     // of live tables on disk
  uint64_t obsolete_bytes = 0;  // of tables only kept for readers

  // Since open.
  uint64_t user_bytes_written = 0;  // keys and values as given
  uint64_t log_bytes_written = 0;
  uint64_t flush_bytes_written = 0;
  uint64_t compaction_bytes_read = 0;  // grows while a compaction runs, also one that fails
  uint64_t compaction_bytes_written = 0;
  double write_amplification = 0;  // (log + flush + compaction) / user; 0 when nothing was written
  double space_amplification = 0;  // table bytes / bytes of the last level; 0 when empty
  double read_amplification = 0;   // sorted runs a read may have to look at

  uint64_t cache_hits = 0, cache_misses = 0;
  uint64_t filter_checks = 0;           // tables asked through their filter
  uint64_t filter_negatives = 0;        // of those, spared
  uint64_t filter_false_positives = 0;  // passed the filter, key not there
  uint64_t commits = 0, write_groups = 0, log_syncs = 0;
  // Of the commits those of transactions, and commits of transactions that were kConflict; also of
  // those that PutIfAbsent, CompareAndPut and DeleteIf run, which try again by themselves. One that
  // wrote nothing is neither.
  uint64_t transaction_commits = 0, transaction_conflicts = 0;
  uint64_t conditions_refused = 0;  // those three calls where they answered kConflict
  uint64_t flushes = 0, compactions = 0;
  uint64_t gets = 0, seeks = 0;
  // What iterators stepped over, one by one: tombstones, what has expired, and entries that range
  // deletes hide.
  uint64_t tombstones_skipped = 0;
  uint64_t expired = 0;   // values that a flush or a compaction let go of, for their time had come
  uint64_t stall_us = 0;  // writers' time spent delayed
  uint64_t compaction_debt_bytes = 0;
  bool writes_stopped = false;   // after an error
  std::string background_error;  // empty: none; names tables that compaction cannot read, too

  MemoryStats memory;
  // Of each thread's writes one in 16 is measured and counted as 16; of its Gets and Contains one
  // in 64, where that came to an answer.
  OperationStats get_latency, write_latency, sync_latency, flush_time, compaction_time;
  std::vector<Setting> settings;

  std::string ToText() const;
  std::string ToJson() const;  // one object
  std::string ToPrometheus() const;
};

}  // namespace logwood
