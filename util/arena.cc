#include "util/arena.h"

#include <algorithm>

#include "util/check.h"

namespace logwood {

namespace {

constexpr size_t kBlockBytesMax = size_t{1} << 20;
constexpr size_t kAlignment = 8;
static_assert(__STDCPP_DEFAULT_NEW_ALIGNMENT__ >= kAlignment, "blocks must begin aligned");

}  // namespace

Arena::Arena(size_t first_block_bytes) : next_block_bytes_(first_block_bytes) {
  CHECK(first_block_bytes >= kAlignment && first_block_bytes <= kBlockBytesMax);
}

Arena::~Arena() = default;

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
  blocks_.push_back(std::make_unique_for_overwrite<char[]>(block_bytes));
  // Pairs with bytes_used(): a figure only, nothing is published through it.
  bytes_used_.fetch_add(block_bytes, std::memory_order_relaxed);
  char* block = blocks_.back().get();
  if (own_block) return block;
  at_ = block + bytes;
  end_ = block + block_bytes;
  next_block_bytes_ = std::min(next_block_bytes_ * 2, kBlockBytesMax);
  return block;
}

}  // namespace logwood
