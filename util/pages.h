// Pages: memory and addresses straight from the operating system. For util/memory.h; everybody else
// asks there.
#pragma once

#include <cstddef>

namespace logwood {

// Throws std::bad_alloc like operator new. All of it is memory at once, on the assumption that all
// of it will be used.
char* MapPages(size_t bytes);
// `bytes` as it was asked for. To give few pages back can cost more than many: up to some thirty of
// them, each is invalidated on its own.
void UnmapPages(char* memory, size_t bytes);

// Address space without memory, for who manages pieces of it: memory comes with the first use of a
// page and goes with DiscardPages. Never given back. Aligned to `bytes`, a power of two and a
// multiple of the page size. Null when the system has no room.
char* ReserveAddresses(size_t bytes);
// Makes whole pages memory before their first use: cheaper than one by one. Best effort.
void PopulatePages(char* memory, size_t bytes);
// Gives the memory of whole pages back; their addresses stay usable.
void DiscardPages(char* memory, size_t bytes);

}  // namespace logwood
