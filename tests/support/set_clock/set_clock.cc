// The product's threads with a time of day that a test may set (tests/support/wall_clock.h).
// tests/CMakeLists.txt lets the linker put this in the place of NewThreadPool.
#include <memory>

#include "tests/support/forwarding_executor.h"
#include "tests/support/wall_clock.h"

namespace logwood {

// The linker's names for the product's function and for the one that is called instead.
std::unique_ptr<Executor> NewThreads(uint32_t) asm("__real__ZN7logwood13NewThreadPoolEj");
std::unique_ptr<Executor> ThreadsWithClock(uint32_t) asm("__wrap__ZN7logwood13NewThreadPoolEj");

namespace {

class WithClock final : public test::ForwardingExecutor {
 public:
  using ForwardingExecutor::ForwardingExecutor;
  uint64_t WallMicros() override { return test::WallClock::Or(ForwardingExecutor::WallMicros()); }
};

}  // namespace

std::unique_ptr<Executor> ThreadsWithClock(uint32_t low_threads) {
  return std::make_unique<WithClock>(NewThreads(low_threads));
}

}  // namespace logwood
