#include "tools/clock.h"

#include <memory>

#include "util/executor.h"

namespace logwood::tools {

uint64_t MonotonicMicros() {
  // Starts no thread: a pool does so only when a job is scheduled.
  static const std::unique_ptr<Executor> executor = NewThreadPool(1);
  return executor->NowNanos() / 1000;
}

}  // namespace logwood::tools
