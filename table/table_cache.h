// TableCache: open TableReaders by table number. Their indexes and filters are charged to the block
// cache; beyond its share the least recently used readers that nobody holds are closed and opened
// again when needed. Thread safe. A reader in use never goes away under its user.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "logwood/file_system.h"
#include "table/table_reader.h"

namespace logwood {

class TableCache {
 public:
  // All pointers outlive the cache. At most `readers_max` files stay open, and their memory at most
  // `memory_bytes_max` (one reader may always be open).
  TableCache(FileSystem* fs, std::string directory, BlockCache* blocks, TableCounters* counters,
             uint32_t readers_max, uint64_t memory_bytes_max);
  ~TableCache();

  // Opens the file when needed (kCorruption, kIoError: as TableReader::Open).
  Result<std::shared_ptr<TableReader>> Find(const TableMeta& meta);
  // The file is gone: closes the reader (at the latest once nobody holds it), drops its blocks.
  void Erase(uint64_t number);

  // Lets the caller keep a reader open for as long as it likes, where that leaves room for others:
  // the result stays resident until the last copy of it is gone (which may be after this cache).
  // Null when what is pinned would exceed its share of the limits. Cost: an allocation.
  std::shared_ptr<TableReader> TryPin(std::shared_ptr<TableReader> reader);

  uint64_t memory_bytes() const;
  uint32_t open_readers() const;
  uint64_t pinned_bytes() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace logwood
