// The command's one clock; every other file of tools/ asks here.
#pragma once

#include <cstdint>

namespace logwood::tools {

// Monotonic; only differences mean something. Safe from any thread.
uint64_t MonotonicMicros();

}  // namespace logwood::tools
