#include "table/table_iterator.h"

#include <algorithm>
#include <new>

#include "util/status_macros.h"

namespace logwood {

TableIterator::TableIterator(std::shared_ptr<const TableReader> table,
                             const TableScanOptions& options)
    : table_(std::move(table)),
      state_(*table_->state_),
      options_(options),
      position_override_(state_.position_override) {}

void TableIterator::ReserveKey(size_t bytes) {
  if (bytes <= key_capacity_) return;
  key_capacity_ = std::max<size_t>(2 * bytes, 128);
  key_ = std::make_unique_for_overwrite<char[]>(key_capacity_);
}

void TableIterator::Account(uint64_t bytes) {
  if (options_.account == nullptr) return;
  options_.account->Replace(accounted_bytes_, bytes);
  accounted_bytes_ = bytes;
}

void TableIterator::Release() {
  valid_ = false;
  block_ref_ = BlockRef();
  chunk_.reset();
  chunk_capacity_ = 0;
  chunk_bytes_ = 0;
  Account(key_capacity_);
}

bool TableIterator::LoadBlock(uint32_t number, Direction direction) {
  if (block_ref_ && number == block_number_) return true;
  Result<BlockRef> block = options_.readahead_bytes != 0
                               ? LoadAhead(number, direction)
                               : state_.Load(state_.handle(number), options_.fill_cache);
  if (!block.ok()) [[unlikely]] {
    status_ = std::move(block).status();
    valid_ = false;
    block_ref_ = BlockRef();
    Account(chunk_capacity_ + key_capacity_);
    return false;
  }
  block_ref_ = std::move(block).value();
  block_ = Block(BlockPayload(*block_ref_.get()));
  block_number_ = number;
  ReserveKey(block_.key_bytes_max() + kBlockSlackBytes + kHeadBytes);
  Account(block_ref_->charge() + chunk_capacity_ + key_capacity_);
  std::memcpy(key_.get(), block_.prefix().data(), block_.prefix().size());
  return true;
}

Result<BlockRef> TableIterator::LoadAhead(uint32_t number, Direction direction) {
  const BlockHandle handle = state_.handle(number);
  if (handle.size > options_.readahead_bytes) {
    return state_.ReadFromFile(handle);
  }
  if (handle.offset < chunk_offset_ || handle.end() > chunk_offset_ + chunk_bytes_) {
    if (!ReadChunk(number, handle, direction).ok()) {
      // Perhaps only a neighbour cannot be read.
      return state_.ReadFromFile(handle);
    }
  }
  const std::string_view raw(chunk_.get() + (handle.offset - chunk_offset_), handle.size);
  return DecodeBlock(state_.source, handle.offset, raw, BlockUse::kData);
}

Status TableIterator::ReadChunk(uint32_t number, const BlockHandle& handle, Direction direction) {
  uint64_t begin = handle.offset;
  uint64_t end = handle.end();
  if (direction == Direction::kForward) {
    for (uint32_t next = number + 1; next < state_.index.count(); ++next) {
      const uint64_t next_end = state_.handle(next).end();
      if (next_end - begin > options_.readahead_bytes) break;
      end = next_end;
    }
  } else {
    while (number-- > 0) {
      const uint64_t next_begin = state_.handle(number).offset;
      if (end - next_begin > options_.readahead_bytes) break;
      begin = next_begin;
    }
  }
  const auto size = static_cast<size_t>(end - begin);
  chunk_bytes_ = 0;  // until it is there
  if (size > chunk_capacity_) {
    chunk_.reset();  // before there are two
    chunk_capacity_ = 0;
    // For all chunks of this table.
    const uint64_t blocks_end = state_.handle(state_.index.count() - 1).end();
    const uint64_t chunk_max = std::min<uint64_t>(options_.readahead_bytes, blocks_end);
    const auto capacity = static_cast<size_t>(std::max<uint64_t>(size, chunk_max));
    try {
      chunk_ = MakePages(capacity);
    } catch (const std::bad_alloc&) {
      return NoBlockMemory(state_.source, begin, capacity);
    }
    chunk_capacity_ = capacity;
  }
  state_.CountRead(size);
  RETURN_IF_ERROR(ReadExactly(state_.source, begin, size, chunk_.get()));
  chunk_offset_ = begin;
  chunk_bytes_ = size;
  return {};
}

inline void TableIterator::SetEntry() {
  const BlockEntry entry = block_.entry(at_);
  entry_.key = {key_.get(), block_.CompleteKey(at_, entry, key_.get())};
  entry_.trailer = entry.trailer;
  entry_.value = entry.value();
  if (position_override_ != 0) [[unlikely]] {
    entry_.trailer = PackTrailer(position_override_, TrailerKind(entry.trailer));
  }
  valid_ = true;
}

void TableIterator::EnterNextBlock() {
  if (last_block_ == kNoBlock) {
    last_block_ = state_.index.count() - 1;
    if (options_.bounds != nullptr)
      last_block_ = std::min(last_block_, BlockOf(options_.bounds->end));
  }
  if (block_number_ >= last_block_) {
    valid_ = false;
    return;
  }
  if (!LoadBlock(block_number_ + 1, Direction::kForward)) return;
  at_ = 0;
  SetEntry();
}

void TableIterator::EnterPreviousBlock() {
  if (first_block_ == kNoBlock) {
    first_block_ = options_.bounds == nullptr ? 0 : BlockOf(options_.bounds->begin);
  }
  if (block_number_ <= first_block_) {
    valid_ = false;
    return;
  }
  if (!LoadBlock(block_number_ - 1, Direction::kBackward)) return;
  at_ = block_.count() - 1;
  SetEntry();
}

void TableIterator::Next() {
  DCHECK(valid_);
  if (++at_ < block_.count()) [[likely]] {
    SetEntry();
  } else {
    EnterNextBlock();
  }
}

void TableIterator::Prev() {
  DCHECK(valid_);
  if (at_ > 0) [[likely]] {
    --at_;
    SetEntry();
  } else {
    EnterPreviousBlock();
  }
}

void TableIterator::SeekToFirst() {
  status_ = {};
  if (!LoadBlock(0, Direction::kForward)) return;
  at_ = 0;
  SetEntry();
}

void TableIterator::SeekToLast() {
  status_ = {};
  if (!LoadBlock(state_.index.count() - 1, Direction::kBackward)) return;
  at_ = block_.count() - 1;
  SetEntry();
}

void TableIterator::Seek(std::string_view key, uint64_t trailer) {
  status_ = {};
  // Where positions are overridden, stored ones say nothing: start at the key's first entry.
  const uint64_t stored = position_override_ == 0 ? trailer : ~uint64_t{0};
  const uint32_t number = state_.index.Seek(key, stored);
  if (number == state_.index.count()) {
    valid_ = false;
    return;
  }
  if (!LoadBlock(number, Direction::kForward)) return;
  at_ = block_.Seek(key, stored);
  if (at_ < block_.count()) {
    SetEntry();
  } else {
    EnterNextBlock();  // between the block's last entry and its separator
  }
  if (position_override_ != 0) [[unlikely]] {
    while (valid_ && entry_.key == key && entry_.trailer > trailer) Next();
  }
}

void TableIterator::SeekForPrev(std::string_view key, uint64_t trailer) {
  status_ = {};
  const uint64_t stored = position_override_ == 0 ? trailer : 0;
  const uint32_t number = state_.index.Seek(key, stored);
  if (number == state_.index.count()) {
    SeekToLast();
  } else {
    if (!LoadBlock(number, Direction::kBackward)) return;
    at_ = block_.Seek(key, stored);
    if (at_ < block_.count()) {
      const BlockEntry entry = block_.entry(at_);
      if (entry.trailer == stored && block_.KeyEquals(at_, entry, key)) ++at_;
    }
    if (at_ > 0) {
      --at_;
      SetEntry();
    } else {
      EnterPreviousBlock();
    }
  }
  if (position_override_ != 0) [[unlikely]] {
    while (valid_ && entry_.key == key && entry_.trailer < trailer) Prev();
  }
}

}  // namespace logwood
