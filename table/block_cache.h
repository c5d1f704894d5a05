// BlockCache: uncompressed blocks in memory, sharded, scan-resistant, strictly bounded.
//
// Capacity covers blocks in the cache, blocks pinned by readers, and what other owners reserve
// (filters and indexes of open tables, AdjustReserved). An insertion that does not fit even after
// eviction is refused: the caller keeps its block for itself. All calls are thread safe.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string_view>
#include <utility>

namespace logwood {

// One block of bytes, shared by the cache and by readers (intrusive count).
class CachedBlock {
 public:
  // Allocates `size` bytes; data() is writable until the block is shared.
  static CachedBlock* Make(size_t size);
  char* data() { return reinterpret_cast<char*>(this + 1); }
  const char* data() const { return reinterpret_cast<const char*>(this + 1); }
  size_t size() const { return size_; }
  std::string_view view() const { return {data(), size_}; }
  // What it costs: bytes and bookkeeping.
  size_t charge() const { return size_ + sizeof(CachedBlock) + 64; }
  void Ref() const { references_.fetch_add(1, std::memory_order_relaxed); }
  void Unref() const;

 private:
  explicit CachedBlock(size_t size) : size_(size) {}
  mutable std::atomic<uint32_t> references_{1};
  size_t size_;
};

// Owns one reference.
class BlockRef {
 public:
  BlockRef() = default;
  explicit BlockRef(const CachedBlock* adopted) : block_(adopted) {}
  BlockRef(const BlockRef& other) : block_(other.block_) {
    if (block_ != nullptr) block_->Ref();
  }
  BlockRef(BlockRef&& other) noexcept : block_(std::exchange(other.block_, nullptr)) {}
  BlockRef& operator=(BlockRef other) noexcept {
    std::swap(block_, other.block_);
    return *this;
  }
  ~BlockRef() {
    if (block_ != nullptr) block_->Unref();
  }
  explicit operator bool() const { return block_ != nullptr; }
  const CachedBlock* operator->() const { return block_; }
  const CachedBlock* get() const { return block_; }
  // For values handed to the user: keeps the block alive.
  std::shared_ptr<const void> ToShared() const;

 private:
  const CachedBlock* block_ = nullptr;
};

class BlockCache {
 public:
  struct Key {
    uint64_t table;   // unique for the life of the process, never reused
    uint64_t offset;
    friend bool operator==(const Key&, const Key&) = default;
  };
  explicit BlockCache(uint64_t capacity_bytes);
  ~BlockCache();
  BlockCache(const BlockCache&) = delete;
  BlockCache& operator=(const BlockCache&) = delete;

  // Null when it is not there. A hit costs no allocation.
  BlockRef Lookup(const Key& key);
  // Returns the block now in the cache for the key (another thread's, if it came first), or `block`
  // itself when it was refused.
  BlockRef Insert(const Key& key, BlockRef block);
  // Blocks of a table that is gone.
  void EraseTable(uint64_t table);

  // Counts bytes somebody else holds against the capacity; evicts to make room.
  void AdjustReserved(int64_t delta_bytes);
  void SetCapacity(uint64_t capacity_bytes);

  struct Usage {
    uint64_t capacity_bytes = 0, block_bytes = 0, pinned_bytes = 0, reserved_bytes = 0;
    uint64_t hits = 0, misses = 0, inserts = 0, evictions = 0, refused = 0;
  };
  Usage usage() const;

 private:
  struct Shard;
  static constexpr size_t kShards = 16;
  std::unique_ptr<Shard[]> shards_;
  std::atomic<uint64_t> capacity_bytes_;
  std::atomic<uint64_t> reserved_bytes_{0};
};

}  // namespace logwood
