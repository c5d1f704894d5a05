#include "util/arena.h"

#include <algorithm>
#include <utility>

#include "util/check.h"

namespace logwood {

namespace {

constexpr size_t kAlignment = 8;
static_assert(kMemoryAlignment >= kAlignment, "blocks must begin aligned");

}  // namespace

Arena::Arena(size_t first_block_bytes, std::shared_ptr<PagePool> pool)
    : next_block_bytes_(first_block_bytes), pool_(std::move(pool)) {
  CHECK(first_block_bytes >= kAlignment && first_block_bytes <= kBlockBytesMax);
  CHECK(pool_ == nullptr || pool_->piece_bytes() == kBlockBytesMax);
}

Arena::~Arena() {
  for (Memory& block : pool_blocks_) pool_->Give(std::move(block));
}

char* Arena::Allocate(size_t bytes) {
  if (bytes > static_cast<size_t>(end_ - at_)) return AllocateSlow(bytes);
  char* result = at_;
  at_ += bytes;
  return result;
}

char* Arena::AllocateAligned(size_t bytes) {
  const size_t padding = (0 - reinterpret_cast<uintptr_t>(at_)) % kAlignment;
  const size_t room = static_cast<size_t>(end_ - at_);
  if (room < padding || room - padding < bytes) return AllocateSlow(bytes);
  char* result = at_ + padding;
  at_ = result + bytes;
  return result;
}

// The result is aligned: it begins a block.
char* Arena::AllocateSlow(size_t bytes) {
  // What would fill much of a block gets one of its own, and the current one stays in use.
  const bool own_block = bytes > next_block_bytes_ / 4;
  const size_t block_bytes = own_block ? std::max(bytes, size_t{1}) : next_block_bytes_;
  const bool from_pool = pool_ != nullptr && !own_block && block_bytes == kBlockBytesMax;
  std::vector<Memory>& blocks = from_pool ? pool_blocks_ : blocks_;
  blocks.push_back(from_pool ? pool_->Take() : MakeMemory(block_bytes));
  // Pairs with bytes_used(): a figure only, nothing is published through it.
  bytes_used_.fetch_add(block_bytes, std::memory_order_relaxed);
  char* block = blocks.back().get();
  if (own_block) return block;
  at_ = block + bytes;
  end_ = block + block_bytes;
  next_block_bytes_ = std::min(next_block_bytes_ * 2, kBlockBytesMax);
  return block;
}

}  // namespace logwood
