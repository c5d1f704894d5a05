// TableReader: reads one immutable table. Thread safe; shared by all readers of the table.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "logwood/file_system.h"
#include "table/block_cache.h"
#include "table/memory_account.h"
#include "table/table_meta.h"
#include "util/internal_iterator.h"
#include "util/lookup.h"
#include "util/range_fragments.h"

namespace logwood {

// Counts for statistics; relaxed. Shared by all readers of a database.
struct TableCounters {
  std::atomic<uint64_t> filter_checks{0}, filter_negatives{0}, filter_false_positives{0};
  std::atomic<uint64_t> blocks_read{0}, block_bytes_read{0};
};

struct TableProperties {
  uint64_t entries = 0, tombstones = 0, raw_key_bytes = 0, raw_value_bytes = 0;
  uint64_t data_blocks = 0, data_bytes = 0, uncompressed_data_bytes = 0;
  uint64_t filter_bytes = 0, index_bytes = 0;
  // Of entries, as are the keys.
  LogPos min_position = 0, max_position = 0;
  std::string smallest_key, largest_key;  // stored keys
  uint64_t range_deletes = 0;             // of each fragment all positions
  ExpiryProfile expiry{};
  std::map<uint32_t, uint64_t> keyspace_entries;
  uint32_t block_bytes = 0, filter_bits_per_key = 0;
  std::string compression, written_by;
};

// Stored keys in [begin, end).
struct TableScanBounds {
  std::string begin, end;
};

struct TableScanOptions {
  bool fill_cache = true;
  // 0: one block at a time through the cache. Else the iterator reads ahead in chunks of this size
  // past the cache (compaction, verification, export).
  uint32_t readahead_bytes = 0;
  // Told what the iterator holds; outlives it. Null: nobody is.
  MemoryAccount* account = nullptr;
  // No block that lies outside is read by going on from one within: it may be damaged. Keys outside
  // may be shown all the same. Null: none.
  std::shared_ptr<const TableScanBounds> bounds;
};

class TableReader : public std::enable_shared_from_this<TableReader> {
 public:
  // Checks header, footer, index, filter and properties; kCorruption names file:offset. When `meta`
  // is given its id, size and key range must agree: a swapped or stale file is caught here.
  // `cache` (may be null) and `counters` (may be null) outlive the reader.
  static Result<std::shared_ptr<TableReader>> Open(std::unique_ptr<RandomAccessFile> file,
                                                   std::string path, const TableMeta* meta,
                                                   BlockCache* cache, TableCounters* counters);
  ~TableReader();

  // Finishes the lookup when the table has an entry or a range delete of the key at or below
  // key.position. kCorruption / kIoError when that cannot be known.
  Status Get(const LookupKey& key, bool fill_cache, LookupResult* result) const;
  // The iterator keeps the reader alive. Entries that a range delete covers are among those it
  // shows.
  std::unique_ptr<InternalIterator> NewIterator(const TableScanOptions& options) const;

  // What it deletes of older tables and of its own older entries; null: nothing.
  const RangeFragmentsPtr& range_deletes() const;

  const TableProperties& properties() const;
  const Id128& id() const;
  const std::string& path() const;
  uint64_t file_bytes() const;
  // Names its blocks in the cache: BlockCache::EraseTable(cache_id()) when the table is gone. Drawn
  // anew by each Open, so that nothing stale is ever met.
  uint64_t cache_id() const;
  // Where in the file (bytes) the key would be; for size estimates.
  uint64_t ApproximateOffset(std::string_view stored_key) const;
  // How many entries of stored keys in [begin, end), to some blocks.
  uint64_t ApproximateEntries(std::string_view begin, std::string_view end) const;
  // Index, filter and bookkeeping.
  uint64_t memory_bytes() const;
  // Reads everything: each block's checksum and order, entries against properties and filter, and,
  // when `meta` is given, the whole-file hash. Reports each damage as file:offset, and each part
  // that the file system does not give; the first damage is returned, else the first failure.
  // `progress` is told the bytes done.
  struct BlockDamage {
    uint64_t offset = 0;
    Status status;                    // what is wrong, naming file:offset
    std::string first_key, last_key;  // stored keys the damage may affect
  };
  Status Verify(const TableMeta* meta, const std::function<void(const BlockDamage&)>& report,
                const std::function<void(uint64_t)>& progress) const;

 private:
  friend class TableIterator;
  friend class TableVerifier;
  struct State;
  Status GetMerges(const LookupKey& key, LogPos deleted_at, bool fill_cache,
                   LookupResult* result) const;
  explicit TableReader(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace logwood
