// TableIterator: walks one table. Inside a block a step is arithmetic on arrays; only the block's
// end touches the index, the cache or the file.
#pragma once

#include <memory>

#include "table/block.h"
#include "table/table_state.h"
#include "util/internal_iterator.h"
#include "util/pages.h"

namespace logwood {

class TableIterator final : public InternalIterator {
 public:
  TableIterator(std::shared_ptr<const TableReader> table, const TableScanOptions& options);
  ~TableIterator() override { Account(0); }

  void SeekToFirst() override;
  void SeekToLast() override;
  void Seek(std::string_view key, uint64_t trailer) override;
  void SeekForPrev(std::string_view key, uint64_t trailer) override;
  void Next() override;
  void Prev() override;
  Status status() const override { return status_; }
  std::shared_ptr<const void> value_owner() const override { return block_ref_.ToShared(); }
  void Release() override;

 private:
  enum class Direction : uint8_t { kForward, kBackward };
  static constexpr uint32_t kNoBlock = ~uint32_t{0};

  // Makes block `number` the current one; false: an error, now in status_.
  bool LoadBlock(uint32_t number, Direction direction);
  Result<BlockRef> LoadAhead(uint32_t number, Direction direction);
  Status ReadChunk(uint32_t number, const BlockHandle& handle, Direction direction);
  void ReserveKey(size_t bytes);
  // Tells the account that the iterator holds so much.
  void Account(uint64_t bytes);
  // To the first entry of the next block, to the last of the one before.
  void EnterNextBlock();
  void EnterPreviousBlock();
  // The first block that may hold a key at or behind `key`; their number: none.
  uint32_t BlockOf(const std::string& key) const { return state_.index.Seek(key, ~uint64_t{0}); }
  void SetEntry();

  const std::shared_ptr<const TableReader> table_;
  const TableReader::State& state_;
  const TableScanOptions options_;
  const LogPos position_override_;
  // The first and the last block within the bounds, once one of their ends was met.
  uint32_t first_block_ = kNoBlock;
  uint32_t last_block_ = kNoBlock;

  BlockRef block_ref_;
  Block block_;
  uint64_t accounted_bytes_ = 0;
  uint32_t block_number_ = 0;
  uint32_t at_ = 0;              // entry in the block
  std::unique_ptr<char[]> key_;  // starts with the block's prefix
  size_t key_capacity_ = 0;
  Status status_;

  // Whole blocks read ahead: file bytes [chunk_offset_, chunk_offset_ + chunk_bytes_).
  Pages chunk_;
  size_t chunk_capacity_ = 0;
  uint64_t chunk_offset_ = 0;
  uint64_t chunk_bytes_ = 0;
};

}  // namespace logwood
