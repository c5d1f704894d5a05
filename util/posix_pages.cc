#include <sys/mman.h>

#include <cstdint>
#include <new>

#include "util/pages.h"

namespace logwood {

namespace {

void* Map(size_t bytes, int flags) {
  return ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);
}

}  // namespace

char* MapPages(size_t bytes) {
  void* memory = Map(bytes, MAP_POPULATE);
  if (memory == MAP_FAILED) throw std::bad_alloc();
  return static_cast<char*>(memory);
}

void UnmapPages(char* memory, size_t bytes) { ::munmap(memory, bytes); }

char* ReserveAddresses(size_t bytes) {
  void* memory = Map(2 * bytes, MAP_NORESERVE);
  if (memory == MAP_FAILED) return nullptr;
  char* const begin = static_cast<char*>(memory);
  const size_t before = (0 - reinterpret_cast<uintptr_t>(begin)) & (bytes - 1);
  if (before != 0) ::munmap(begin, before);
  ::munmap(begin + before + bytes, bytes - before);
  return begin + before;
}

void PopulatePages(char* memory, size_t bytes) {
#ifdef MADV_POPULATE_WRITE
  ::madvise(memory, bytes, MADV_POPULATE_WRITE);
#else
  static_cast<void>(memory);
  static_cast<void>(bytes);
#endif
}

void DiscardPages(char* memory, size_t bytes) { ::madvise(memory, bytes, MADV_DONTNEED); }

}  // namespace logwood
