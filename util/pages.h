// Pages: large pieces of memory, taken from the operating system and given back to it.
//
// The general allocator keeps freed memory for the thread that allocated it, and the more of it the
// larger the pieces were. So what is budgeted by the megabyte (memtables, blocks, filters, buffers
// of jobs) does not go through it. Pieces below kPagesBytesMin do: they are too small to matter,
// and to give few pages back can cost more than many (each is invalidated on its own).
//
//   Pages buffer = MakePages(512 * 1024);   // aligned to kPagesAlignment; holds anything
//   file->Read(offset, 512 * 1024, buffer.get());
#pragma once

#include <cstddef>
#include <memory>

// The address sanitizer watches what comes from operator new: there everything does.
#if defined(__SANITIZE_ADDRESS__)
#define LOGWOOD_PAGES_FROM_NEW 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define LOGWOOD_PAGES_FROM_NEW 1
#endif
#endif

namespace logwood {

inline constexpr size_t kPagesBytesMin = 256 * 1024;
inline constexpr size_t kPagesAlignment = 64;

// Throws std::bad_alloc like operator new. All of it is memory at once, on the assumption that all
// of it will be used.
char* AllocatePages(size_t bytes);
// `bytes` as it was asked for.
void FreePages(char* memory, size_t bytes);

struct FreesPages {
  size_t bytes = 0;
  void operator()(char* memory) const { FreePages(memory, bytes); }
};
using Pages = std::unique_ptr<char[], FreesPages>;
inline Pages MakePages(size_t bytes) { return Pages(AllocatePages(bytes), FreesPages{bytes}); }

// Address space without memory, for who manages pieces of it: memory comes with the first use of a
// page and goes with DiscardPages. Never given back. Aligned to `bytes`, a power of two of at least
// kPagesBytesMin. Null when the system has no room.
char* ReserveAddresses(size_t bytes);
// Makes whole pages memory before their first use: cheaper than one by one. Best effort.
void PopulatePages(char* memory, size_t bytes);
// Gives the memory of whole pages back; their addresses stay usable.
void DiscardPages(char* memory, size_t bytes);

}  // namespace logwood
