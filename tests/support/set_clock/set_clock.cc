// The product's threads with a time of day that a test may set (tests/support/wall_clock.h).
// tests/CMakeLists.txt lets the linker put this in the place of NewThreadPool.
#include <memory>
#include <utility>

#include "tests/support/wall_clock.h"
#include "util/executor.h"

namespace logwood {

// The linker's names for the product's function and for the one that is called instead.
std::unique_ptr<Executor> NewThreads(uint32_t) asm("__real__ZN7logwood13NewThreadPoolEj");
std::unique_ptr<Executor> ThreadsWithClock(uint32_t) asm("__wrap__ZN7logwood13NewThreadPoolEj");

namespace {

class WithClock final : public Executor {
 public:
  explicit WithClock(std::unique_ptr<Executor> threads) : threads_(std::move(threads)) {}

  Status Start() override { return threads_->Start(); }
  void Schedule(JobPriority priority, std::function<void()> job) override {
    threads_->Schedule(priority, std::move(job));
  }
  void ScheduleAfter(uint64_t delay_us, std::function<void()> job) override {
    threads_->ScheduleAfter(delay_us, std::move(job));
  }
  void Shutdown() override { threads_->Shutdown(); }
  Deadline Now() override { return threads_->Now(); }
  uint64_t NowNanos() override { return threads_->NowNanos(); }
  uint64_t WallMicros() override { return test::WallClock::Or(threads_->WallMicros()); }
  void SleepMicros(uint64_t micros) override { threads_->SleepMicros(micros); }

 private:
  const std::unique_ptr<Executor> threads_;
};

}  // namespace

std::unique_ptr<Executor> ThreadsWithClock(uint32_t low_threads) {
  return std::make_unique<WithClock>(NewThreads(low_threads));
}

}  // namespace logwood
