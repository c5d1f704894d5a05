// Arena: memory that is given back all at once. One thread allocates; `bytes_used` may be read by
// any. Blocks are charged in full, so the figure is what the process really holds.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace logwood {

class Arena {
 public:
  // Blocks grow from first_block_bytes to 1 MiB (small arenas stay small).
  explicit Arena(size_t first_block_bytes = 4096);
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
  size_t next_block_bytes_;
  std::vector<std::unique_ptr<char[]>> blocks_;
  std::atomic<size_t> bytes_used_{0};
};

}  // namespace logwood
