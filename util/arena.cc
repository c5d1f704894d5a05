#include "util/arena.h"

#include <algorithm>
#include <utility>

#include "util/check.h"

namespace logwood {

namespace {

constexpr size_t kAlignment = 8;
static_assert(kPagesAlignment >= kAlignment, "blocks must begin aligned");

}  // namespace

Arena::Arena(size_t first_block_bytes, std::shared_ptr<PagePool> pool)
    : pool_(std::move(pool)),
      block_bytes_max_(pool_ == nullptr ? kBlockBytesMax : pool_->piece_bytes()),
      next_block_bytes_(std::min(first_block_bytes, block_bytes_max_)) {
  CHECK(next_block_bytes_ >= kAlignment && block_bytes_max_ <= kBlockBytesMax);
}

Arena::~Arena() {
  for (Pages& block : pool_blocks_) pool_->Give(std::move(block));
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
  const bool from_pool = pool_ != nullptr && !own_block && block_bytes == block_bytes_max_;
  std::vector<Pages>& blocks = from_pool ? pool_blocks_ : blocks_;
  blocks.push_back(from_pool ? pool_->Take() : MakePages(block_bytes));
  // Pairs with bytes_used(): a figure only, nothing is published through it.
  bytes_used_.fetch_add(block_bytes, std::memory_order_relaxed);
  char* block = blocks.back().get();
  if (own_block) return block;
  at_ = block + bytes;
  end_ = block + block_bytes;
  next_block_bytes_ = std::min(next_block_bytes_ * 2, block_bytes_max_);
  return block;
}

}  // namespace logwood
