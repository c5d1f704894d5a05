// What an open table consists of; shared by the parts of TableReader and by its iterator.
#pragma once

#include <memory>

#include "table/block.h"
#include "table/block_io.h"
#include "table/filter.h"
#include "table/format.h"
#include "table/table_reader.h"

namespace logwood {

// Immutable once open. Open has checked that the handles of the index tile the data part.
struct TableReader::State {
  std::unique_ptr<RandomAccessFile> file;
  BlockSource source;
  uint64_t file_bytes = 0;
  Footer footer;
  TableProperties properties;
  BlockRef index_block;
  Block index;
  Filter filter;
  RangeFragmentsPtr range_deletes;
  BlockCache* cache = nullptr;
  TableCounters* counters = nullptr;
  uint64_t cache_id = 0;
  LogPos position_override = 0;

  uint64_t data_end() const {
    return footer.filter.size != 0 ? footer.filter.offset : footer.index.offset;
  }
  BlockHandle handle(uint32_t block) const {
    BlockHandle handle;
    DecodeBlockHandle(index.entry(block).value(), &handle);  // Open saw that it decodes
    return handle;
  }
  // The key up to which a block may reach (its separator).
  std::string separator(uint32_t block) const {
    std::string key(index.key_bytes_max() + kBlockSlackBytes + kHeadBytes, '\0');
    index.prefix().copy(key.data(), key.size());
    key.resize(index.CompleteKey(block, index.entry(block), key.data()));
    return key;
  }
  // From the cache, or the disk; then into the cache if wanted.
  Result<BlockRef> Load(const BlockHandle& handle, bool fill_cache) const;
  Result<BlockRef> LoadFromFile(const BlockHandle& handle, bool fill_cache) const;
  // The caller's account has it: it is charged nowhere else.
  Result<BlockRef> ReadFromFile(const BlockHandle& handle) const;
  // Keeps a loaded block for the user, as a pin.
  std::shared_ptr<const void> Hold(BlockRef block) const {
    return cache != nullptr ? cache->Hold(std::move(block)) : block.ToShared();
  }
  void CountRead(uint64_t bytes) const {
    if (counters == nullptr) return;
    counters->blocks_read.fetch_add(1, std::memory_order_relaxed);
    counters->block_bytes_read.fetch_add(bytes, std::memory_order_relaxed);
  }
};

}  // namespace logwood
