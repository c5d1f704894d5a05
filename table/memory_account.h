// MemoryAccount: what one iterator or one job holds at the moment. Told to the block cache in
// steps, so that the counters all threads share are rarely written. One thread; outlives what
// writes into it.
#pragma once

#include <cstdint>

#include "table/block_cache.h"

namespace logwood {

class MemoryAccount {
 public:
  enum class Of : uint8_t {
    kReader,  // counts as pinned; the blocks themselves are charged elsewhere
    kJob,     // counts against the capacity
  };
  // `own_bytes`: what a reader takes beside blocks. The cache may be null: nothing is counted then.
  MemoryAccount(BlockCache* cache, Of of, uint64_t own_bytes = 0);
  ~MemoryAccount();
  MemoryAccount(const MemoryAccount&) = delete;
  MemoryAccount& operator=(const MemoryAccount&) = delete;

  // Holds `now` bytes where it held `before`.
  void Replace(uint64_t before, uint64_t now) {
    bytes_ += now - before;
    if (bytes_ > told_bytes_ || told_bytes_ - bytes_ > kSlackBytes) [[unlikely]]
      Tell();
    if (now > before && cache_ != nullptr) crowded_ |= cache_->PinsCrowded();
  }
  // What the cache knows of.
  uint64_t told_bytes() const { return told_bytes_ + own_bytes_; }
  // Whether readers held so much, at some Replace since the last ClearCrowded, that this one shall
  // let go of what it can.
  bool crowded() const { return crowded_; }
  void ClearCrowded() { crowded_ = false; }

 private:
  static constexpr uint64_t kStepBytes = 4096;
  static constexpr uint64_t kSlackBytes = 3 * kStepBytes;
  void Tell();
  void Adjust(uint64_t delta_bytes);

  BlockCache* const cache_;
  const Of of_;
  bool crowded_ = false;
  const uint64_t own_bytes_;
  uint64_t bytes_ = 0;
  uint64_t told_bytes_ = 0;  // as the cache knows it
};

}  // namespace logwood
