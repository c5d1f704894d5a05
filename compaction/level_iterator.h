// LevelIterator: the disjoint, sorted tables of one level (or a run of them) as one iterator. Reads
// and compactions both use it. Tables are opened through the TableCache when the iterator gets to
// them, one at a time.
//
//   auto tables = std::shared_ptr<const void>(version);          // keeps the vector alive
//   auto it = NewLevelIterator({version->shape.levels[5], tables}, cache, {});
//   it->Seek(key, SeekTrailer(position));
//
// A table that can not be opened or read ends the movement: Valid() false, status() says which.
// Seeking again tries again.
#pragma once

#include <memory>
#include <span>

#include "table/table_cache.h"
#include "table/table_meta.h"
#include "util/internal_iterator.h"

namespace logwood {

// Tables in key order, disjoint. `owner` keeps them alive; null when the caller does for as long as
// the iterator lives.
struct LevelTables {
  std::span<const TableMetaPtr> tables;
  std::shared_ptr<const void> owner;
};

struct LevelIteratorOptions {
  TableScanOptions scan;
  // Count the entries of tables read from the first to the last by SeekToFirst and Next; one that
  // yields another number than its meta says is kCorruption.
  bool check_entries = false;
};

// `cache` outlives the iterator.
std::unique_ptr<InternalIterator> NewLevelIterator(LevelTables tables, TableCache* cache,
                                                   const LevelIteratorOptions& options);

}  // namespace logwood
