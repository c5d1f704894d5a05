// ForwardingExecutor: another executor with something changed, by overriding that.
#pragma once

#include <functional>
#include <memory>
#include <utility>

#include "util/executor.h"

namespace logwood::test {

class ForwardingExecutor : public Executor {
 public:
  explicit ForwardingExecutor(std::unique_ptr<Executor> base) : base_(std::move(base)) {}

  Status Start() override { return base_->Start(); }
  void Schedule(JobPriority priority, std::function<void()> job) override {
    base_->Schedule(priority, std::move(job));
  }
  void ScheduleAfter(uint64_t delay_us, std::function<void()> job) override {
    base_->ScheduleAfter(delay_us, std::move(job));
  }
  void Shutdown() override { base_->Shutdown(); }
  Deadline Now() override { return base_->Now(); }
  uint64_t NowNanos() override { return base_->NowNanos(); }
  uint64_t WallMicros() override { return base_->WallMicros(); }
  void SleepMicros(uint64_t micros) override { base_->SleepMicros(micros); }

 private:
  const std::unique_ptr<Executor> base_;
};

}  // namespace logwood::test
