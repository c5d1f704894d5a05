// BlockMemory: where the bytes of blocks come from. Blocks are made by one thread and freed by
// another, all the time, in a few sizes; the general allocator would keep a cache's worth of freed
// ones for each thread. Here all threads share them, and what is empty goes back to the system.
//
// Sizes are rounded up to classes: steps of 128 bytes up to 8 KiB, eighths of a doubling up to
// 256 KiB, whole pages beyond. A class takes chunks of memory (256 KiB, or 1 MiB for the larger
// classes), cuts them into objects, and gives a chunk back when its last object is free. One pool
// for all databases of the process, since blocks may outlive theirs. Thread safe.
#pragma once

#include <cstddef>

namespace logwood {

// What an allocation of this size takes.
size_t BlockMemoryBytes(size_t bytes);
// Aligned to 64. Throws std::bad_alloc like operator new.
void* AllocateBlockMemory(size_t bytes);
// `bytes` as it was asked for.
void FreeBlockMemory(void* memory, size_t bytes);

// What chunks hold that are in use, in full. For tests and people.
size_t BlockMemoryInChunks();

}  // namespace logwood
