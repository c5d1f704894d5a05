// TableSink: turns a sorted stream into tables. Flush and compaction both end here. Range deletes
// go along in the order of their begins, and are cut where a table ends.
//
// Order on disk (invariant 5: durable before referenced): each table is written, synced and closed
// before WriteTables returns it; the caller syncs the directory, then commits the edit.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "compaction/compaction_iterator.h"
#include "table/memory_account.h"
#include "table/table_builder.h"

namespace logwood {

struct SinkOptions {
  FileSystem* fs = nullptr;
  std::string directory;
  TableOptions table;
  uint64_t table_bytes_max = ~uint64_t{0};  // start another table at a key boundary beyond this
  std::vector<TableMetaPtr> grandparents;   // and where one of these ends beyond half
                                            // of it, or the overlap with them exceeds:
  uint64_t grandparent_bytes_max = ~uint64_t{0};
  // Start another table where another keyspace begins, when the open one has this much: large
  // keyspaces get tables of their own, small ones share.
  uint64_t keyspace_apart_bytes = ~uint64_t{0};
  std::function<uint64_t()> next_number;           // thread safe
  std::function<bool()> cancelled;                 // asked now and then; true ends with kCancelled
  std::function<void(const Status&)> sync_failed;  // told when that is what failed; may be empty
  // Start another table at a key boundary where filter and index being built take more than this.
  uint64_t lasting_bytes_max = ~uint64_t{0};
  MemoryAccount* account = nullptr;  // told what the sink holds; null: nobody is
  uint64_t created_us = 0;
};

struct SinkResult {
  std::vector<TableMeta> tables;  // in key order; empty tables are never made
  uint64_t bytes_written = 0;
  uint64_t entries = 0;
  uint64_t expired = 0;  // of the input
  // Beside those, what stands in tables that have range deletes alone (TableBuilder).
  uint64_t markers = 0;
};

// Drains `input` from its current place. On failure the files made are removed (best effort; the
// obsolete-file collector gets the rest) and the first error is returned: the input's, too. Then
// nothing may be installed.
Result<SinkResult> WriteTables(CompactionIterator* input, const SinkOptions& options);

// For a caller that can not install what WriteTables returned: the same best effort.
void RemoveTables(const std::vector<TableMeta>& tables, const SinkOptions& options);

}  // namespace logwood
