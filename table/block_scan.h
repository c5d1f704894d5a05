// BlockScan: finds the data blocks of a table without its index. Blocks follow each other without a
// gap, and each ends with a checksum that is seeded with its own offset; so from a known begin the
// end is where the checksum fits, and that is where the next one begins. Behind a damaged block the
// next begin is looked for: a place whose first bytes could be a block's, and from which a checksum
// fits. The work is bounded by a multiple of the range: hostile bytes may hide blocks from it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "table/block_io.h"

namespace logwood {

class BlockScan {
 public:
  // Of [begin, end) of the file. The source outlives it.
  BlockScan(const BlockSource* source, uint64_t begin, uint64_t end);

  // The next data block at or behind where the last one ended. nullopt: there is none; the index or
  // the filter was met, or the end. What lies between a block and the one before is damaged.
  Result<std::optional<BlockHandle>> Next();
  // After that: where the filter or the index was met; nullopt: it was not, and the range ended.
  std::optional<uint64_t> data_end() const { return data_end_; }

 private:
  // The size of the block that begins at `at` and is no longer than `size_max`; 0: none does.
  Result<uint64_t> SizeAt(uint64_t at, uint64_t size_max);
  Status Fetch(uint64_t offset, uint64_t size, std::string_view* bytes);
  // Whether the block, whose checksum fits, is a data block.
  Result<bool> IsData(const BlockHandle& handle);

  const BlockSource* const source_;
  uint64_t next_;
  const uint64_t end_;
  uint64_t search_budget_;  // bytes that may still be hashed in looking for a begin
  bool done_ = false;
  std::optional<uint64_t> data_end_;
  // A part of the file.
  std::string window_;
  uint64_t window_offset_ = 0;
};

}  // namespace logwood
