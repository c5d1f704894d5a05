// LiveTable: one table of the current tree and, once it was used, its open reader.
//
// Versions share LiveTables. The first use asks the table cache; when the cache has room for it,
// the reader stays with the LiveTable until that dies, and every later use is one atomic load: no
// lock, no reference count. Where memory is short, readers come and go through the cache. Thread
// safe. The table cache given to Reader is always the same one.
#pragma once

#include <atomic>
#include <memory>
#include <utility>

#include "table/table_cache.h"
#include "table/table_meta.h"
#include "table/table_reader.h"

namespace logwood {

class LiveTable {
 public:
  explicit LiveTable(TableMetaPtr meta) : meta_(std::move(meta)) {}
  LiveTable(const LiveTable&) = delete;
  LiveTable& operator=(const LiveTable&) = delete;

  const TableMetaPtr& meta() const { return meta_; }

  // The reader, valid while both this LiveTable and *hold live. Opens the file when needed
  // (kCorruption, kIoError: as TableCache::Find).
  Result<const TableReader*> Reader(TableCache* cache, std::shared_ptr<TableReader>* hold) {
    // Acquire: pairs with the release in ReaderFromCache; the reader was open before.
    if (const TableReader* reader = resident_.load(std::memory_order_acquire)) return reader;
    return ReaderFromCache(cache, hold);
  }

  // Whether the reader stays; safe at any time.
  bool resident() const { return resident_.load(std::memory_order_acquire) != nullptr; }
  // Memory the resident reader holds; 0 when there is none.
  uint64_t resident_bytes() const {
    const TableReader* reader = resident_.load(std::memory_order_acquire);
    return reader == nullptr ? 0 : reader->memory_bytes();
  }

 private:
  Result<const TableReader*> ReaderFromCache(TableCache* cache, std::shared_ptr<TableReader>* hold);

  const TableMetaPtr meta_;
  std::atomic<const TableReader*> resident_{nullptr};
  // Whoever sets this from false to true alone tries to pin, writes pin_ and publishes resident_;
  // or sets it back.
  std::atomic<bool> pinning_{false};
  std::shared_ptr<TableReader> pin_;
};

}  // namespace logwood
