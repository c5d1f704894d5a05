#include "table/block_memory.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <cstdint>
#include <memory>
#include <new>
#include <vector>

#include "util/check.h"
#include "util/fork_watch.h"
#include "util/pages.h"
#include "util/sync.h"

namespace logwood {

namespace {

constexpr size_t kSmallStep = 128;
constexpr size_t kSmallMax = 8 * 1024;
constexpr size_t kSmallClasses = kSmallMax / kSmallStep;
constexpr size_t kStepsPerDoubling = 8;
constexpr size_t kDoublings = 5;
constexpr size_t kLargeMax = kSmallMax << kDoublings;
constexpr size_t kClasses = kSmallClasses + kStepsPerDoubling * kDoublings;
constexpr size_t kSmallChunkBytes = 256 * 1024;
constexpr size_t kLargeChunkBytes = 1024 * 1024;
constexpr size_t kRegionChunks = 16;
// Fresh memory is taken from the system in steps.
constexpr size_t kPopulateBytes = 64 * 1024;
// Memory that empty chunks of one size keep, to be used again soon. That of a chunk whose block or
// two a short-lived database had is a sixteenth of it: many such chunks may keep theirs.
constexpr size_t kSpareBytesMax = 1024 * 1024;

size_t ClassOf(size_t bytes) {
  if (bytes <= kSmallMax) return (bytes - 1) / kSmallStep;
  const size_t last = bytes - 1;
  const auto doubling = static_cast<size_t>(std::bit_width(last)) - 1;  // 2^doubling <= last
  const size_t step = (last >> (doubling - 3)) & (kStepsPerDoubling - 1);
  constexpr auto kFirst = static_cast<size_t>(std::bit_width(kSmallMax)) - 1;
  return kSmallClasses + (doubling - kFirst) * kStepsPerDoubling + step;
}

size_t BytesOfClass(size_t number) {
  if (number < kSmallClasses) return (number + 1) * kSmallStep;
  const size_t large = number - kSmallClasses;
  const size_t base = kSmallMax << (large / kStepsPerDoubling);
  return base + base / kStepsPerDoubling * (large % kStepsPerDoubling + 1);
}

struct ChunkMemory {
  char* begin;
  size_t populated;  // bytes that are memory already
};

// Chunks of one size, aligned to it.
class ChunkPool {
 public:
  explicit ChunkPool(size_t chunk_bytes) : chunk_bytes_(chunk_bytes) {}

  ChunkMemory Take() {
    MutexLock lock(mutex_);
    if (spares_.empty() && empty_.empty()) Grow();
    std::vector<ChunkMemory>& from = spares_.empty() ? empty_ : spares_;
    const ChunkMemory chunk = from.back();
    from.pop_back();
    spare_bytes_ -= chunk.populated;  // of an empty one: none
    in_use_bytes_.fetch_add(chunk_bytes_, std::memory_order_relaxed);
    return chunk;
  }

  void Give(const ChunkMemory& chunk) {
    in_use_bytes_.fetch_sub(chunk_bytes_, std::memory_order_relaxed);
    {
      MutexLock lock(mutex_);
      if (spare_bytes_ + chunk.populated <= kSpareBytesMax) {
        spare_bytes_ += chunk.populated;
        spares_.push_back(chunk);
        return;
      }
    }
    DiscardPages(chunk.begin, chunk_bytes_);
    MutexLock lock(mutex_);
    empty_.push_back({chunk.begin, 0});
  }

  size_t in_use_bytes() const { return in_use_bytes_.load(std::memory_order_relaxed); }

 private:
  void Grow() REQUIRES(mutex_) {
    char* region = ReserveAddresses(kRegionChunks * chunk_bytes_);
    if (region == nullptr) throw std::bad_alloc();
    for (size_t i = kRegionChunks; i-- > 0;) empty_.push_back({region + i * chunk_bytes_, 0});
  }

  const size_t chunk_bytes_;
  Mutex mutex_;
  std::vector<ChunkMemory> spares_ GUARDED_BY(mutex_);  // with memory
  size_t spare_bytes_ GUARDED_BY(mutex_) = 0;           // of those
  std::vector<ChunkMemory> empty_ GUARDED_BY(mutex_);   // without
  std::atomic<size_t> in_use_bytes_{0};                 // relaxed: a figure
};

struct FreeObject {
  FreeObject* next;
};

struct Memory;

// At the begin of each chunk.
struct alignas(64) Chunk {
  const Memory* owner;
  Chunk* next;  // in the class's ring of chunks with room
  Chunk* previous;
  FreeObject* free;
  uint32_t used;
  uint32_t fresh;    // objects from here on were never used
  size_t populated;  // as in ChunkMemory
};

// Objects of one size.
class alignas(64) SizeClass {
 public:
  void Init(const Memory* owner, size_t object_bytes, size_t chunk_bytes, ChunkPool* pool) {
    owner_ = owner;
    object_bytes_ = object_bytes;
    chunk_bytes_ = chunk_bytes;
    pool_ = pool;
    objects_ = static_cast<uint32_t>((chunk_bytes - sizeof(Chunk)) / object_bytes);
  }

  void* Allocate() {
    MutexLock lock(mutex_);
    if (first_ == nullptr) {
      const ChunkMemory memory = pool_->Take();
      Link(new (memory.begin) Chunk{owner_, nullptr, nullptr, nullptr, 0, 0, memory.populated});
    }
    Chunk* chunk = first_;
    void* object = chunk->free;
    if (object != nullptr) {
      chunk->free = chunk->free->next;
    } else {
      object = TakeFresh(chunk);
    }
    if (++chunk->used == objects_) Unlink(chunk);
    return object;
  }

  void Free(void* object) {
    auto* const chunk = reinterpret_cast<Chunk*>(reinterpret_cast<uintptr_t>(object) &
                                                 ~uintptr_t{chunk_bytes_ - 1});
    if (chunk->owner != owner_) [[unlikely]]
      return;  // the parent's, before a fork
    Chunk* empty = nullptr;
    {
      MutexLock lock(mutex_);
      chunk->free = new (object) FreeObject{chunk->free};
      // First in line, so that others get the time to become empty.
      if (chunk->used == objects_) Link(chunk);
      if (--chunk->used == 0) {
        Unlink(chunk);
        empty = chunk;
      }
    }
    if (empty != nullptr) pool_->Give({reinterpret_cast<char*>(empty), empty->populated});
  }

 private:
  void* TakeFresh(Chunk* chunk) REQUIRES(mutex_) {
    const size_t begin = sizeof(Chunk) + object_bytes_ * chunk->fresh++;
    const size_t end = begin + object_bytes_;
    char* const at = reinterpret_cast<char*>(chunk);
    if (end > chunk->populated) {
      const size_t to = std::min((end + kPopulateBytes - 1) & ~(kPopulateBytes - 1), chunk_bytes_);
      PopulatePages(at + chunk->populated, to - chunk->populated);
      chunk->populated = to;
    }
    return at + begin;
  }

  void Link(Chunk* chunk) REQUIRES(mutex_) {
    chunk->next = first_;
    chunk->previous = nullptr;
    if (first_ != nullptr) first_->previous = chunk;
    first_ = chunk;
  }
  void Unlink(Chunk* chunk) REQUIRES(mutex_) {
    (chunk->previous != nullptr ? chunk->previous->next : first_) = chunk->next;
    if (chunk->next != nullptr) chunk->next->previous = chunk->previous;
  }

  const Memory* owner_ = nullptr;
  size_t object_bytes_ = 0;
  size_t chunk_bytes_ = 0;
  ChunkPool* pool_ = nullptr;
  uint32_t objects_ = 0;  // in a chunk
  Mutex mutex_;
  Chunk* first_ GUARDED_BY(mutex_) = nullptr;  // chunks with a free object
};

struct Memory {
  Memory() {
    for (size_t i = 0; i < kClasses; ++i) {
      const bool is_small = i < kSmallClasses;
      classes[i].Init(this, BytesOfClass(i), is_small ? kSmallChunkBytes : kLargeChunkBytes,
                      is_small ? &small : &large);
    }
  }
  ChunkPool small{kSmallChunkBytes};
  ChunkPool large{kLargeChunkBytes};
  std::array<SizeClass, kClasses> classes;
};

std::atomic<Memory*> current_memory{nullptr};

// Never destroyed: blocks may be freed by destructors of static objects. A child made by fork
// begins one of its own, since any lock of its parent's may be held there for ever.
Memory& TheMemory() {
  [[maybe_unused]] static const ForkWatch* const watch = new ForkWatch(
      [](void*) { current_memory.store(nullptr, std::memory_order_relaxed); }, nullptr);
  Memory* now = current_memory.load(std::memory_order_acquire);
  if (now != nullptr) [[likely]]
    return *now;
  auto made = std::make_unique<Memory>();
  if (current_memory.compare_exchange_strong(now, made.get(), std::memory_order_acq_rel)) {
    return *made.release();
  }
  return *now;
}

}  // namespace

#ifdef LOGWOOD_PAGES_FROM_NEW
constexpr size_t kClassedMax = 0;
#else
constexpr size_t kClassedMax = kLargeMax;
#endif

size_t BlockMemoryBytes(size_t bytes) {
  if (bytes == 0 || bytes > kLargeMax) return bytes;
  return BytesOfClass(ClassOf(bytes));
}

void* AllocateBlockMemory(size_t bytes) {
  if (bytes == 0 || bytes > kClassedMax) [[unlikely]]
    return AllocatePages(bytes);
  return TheMemory().classes[ClassOf(bytes)].Allocate();
}

void FreeBlockMemory(void* memory, size_t bytes) {
  if (bytes == 0 || bytes > kClassedMax) [[unlikely]] {
    FreePages(static_cast<char*>(memory), bytes);
  } else {
    TheMemory().classes[ClassOf(bytes)].Free(memory);
  }
}

size_t BlockMemoryInChunks() {
  return TheMemory().small.in_use_bytes() + TheMemory().large.in_use_bytes();
}

}  // namespace logwood
