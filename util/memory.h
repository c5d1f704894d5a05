// Memory of some size: blocks, filters, buffers, the arenas of memtables - what is budgeted.
//
// Such memory is allocated by one thread and freed by another, all the time, in a few sizes. The
// general allocator keeps what is freed for each thread apart, and more of it the larger the pieces
// were; the process would hold far more than the budget says. Here all threads share, and what is
// empty goes back to the system.
//
//   Memory buffer = MakeMemory(256 * 1024);   // holds anything; aligned to kMemoryAlignment
//   file->Read(offset, 256 * 1024, buffer.get());
//
// Sizes are rounded up to classes: steps of 128 bytes up to 8 KiB, eighths of a doubling up to
// 256 KiB, pages of their own beyond. A class takes chunks of memory (256 KiB, or 1 MiB for the
// larger classes), cuts them into pieces, and gives a chunk back when its last piece is free. One
// pool for all databases of the process, since what they hand out may outlive them. Thread safe.
#pragma once

#include <cstddef>
#include <memory>

// The address sanitizer watches what comes from operator new: there, all does.
#if defined(__SANITIZE_ADDRESS__)
#define LOGWOOD_MEMORY_FROM_NEW 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define LOGWOOD_MEMORY_FROM_NEW 1
#endif
#endif

namespace logwood {

inline constexpr size_t kMemoryAlignment = 64;

// What an allocation of this size takes.
size_t MemoryTaken(size_t bytes);
// Throws std::bad_alloc like operator new.
void* AllocateMemory(size_t bytes);
// `bytes` as it was asked for.
void FreeMemory(void* memory, size_t bytes);

struct FreesMemory {
  size_t bytes = 0;
  void operator()(char* memory) const { FreeMemory(memory, bytes); }
};
using Memory = std::unique_ptr<char[], FreesMemory>;
inline Memory MakeMemory(size_t bytes) {
  return Memory(static_cast<char*>(AllocateMemory(bytes)), FreesMemory{bytes});
}

// What chunks hold that are in use, in full. For tests and people.
size_t MemoryInChunks();

}  // namespace logwood
