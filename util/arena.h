// Arena: memory that is given back all at once. One thread allocates; `bytes_used` may be read by
// any. Blocks are charged in full, so the figure is what the process really holds.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "util/page_pool.h"
#include "util/pages.h"

namespace logwood {

class Arena {
 public:
  static constexpr size_t kBlockBytesMax = size_t{1} << 20;

  // Blocks grow from first_block_bytes (small arenas stay small) to the size of the pool's pieces.
  // Those come from the pool and go back to it; null: there is none, they grow to kBlockBytesMax.
  explicit Arena(size_t first_block_bytes = 4096, std::shared_ptr<PagePool> pool = nullptr);
  ~Arena();
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;

  char* Allocate(size_t bytes);
  // Aligned to 8.
  char* AllocateAligned(size_t bytes);
  size_t bytes_used() const { return bytes_used_.load(std::memory_order_relaxed); }

 private:
  char* AllocateSlow(size_t bytes);

  char* at_ = nullptr;
  char* end_ = nullptr;
  const std::shared_ptr<PagePool> pool_;
  const size_t block_bytes_max_;
  size_t next_block_bytes_;
  std::vector<Pages> blocks_, pool_blocks_;
  std::atomic<size_t> bytes_used_{0};
};

}  // namespace logwood
