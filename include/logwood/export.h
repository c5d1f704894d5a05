// What the shared library shows: everything else has hidden visibility.
#pragma once

#if __cplusplus < 202002L
#error "Logwood needs C++20: compile with -std=c++20"
#endif

#define LOGWOOD_EXPORT [[gnu::visibility("default")]]
