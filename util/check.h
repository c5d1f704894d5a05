// CHECK: a broken program stops here, loudly, in every build. Never CHECK bytes read from a disk.
#pragma once

namespace logwood {

// Prints "file:line: CHECK failed: condition" to standard error and aborts.
[[noreturn]] void CheckFailed(const char* file, int line, const char* condition);

}  // namespace logwood

#define CHECK(condition)                                      \
  do {                                                        \
    if (!(condition)) [[unlikely]]                            \
      ::logwood::CheckFailed(__FILE__, __LINE__, #condition); \
  } while (false)

// For conditions on hot paths: checked in debug and sanitizer builds only.
#ifdef NDEBUG
#define DCHECK(condition) static_cast<void>(sizeof(condition))
#else
#define DCHECK(condition) CHECK(condition)
#endif
