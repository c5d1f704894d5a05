// Threads for tests that open thousands of databases one after the other: an executor that is shut
// down leaves its threads to the next one. Starting and joining them takes half of such a test's
// time. tests/CMakeLists.txt lets the linker put this in the place of NewThreadPool.
#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "tests/support/wall_clock.h"
#include "util/executor.h"
#include "util/fork_watch.h"
#include "util/sync.h"

namespace logwood {

// The linker's names for the product's function and for the one that is called instead.
std::unique_ptr<Executor> NewThreads(uint32_t) asm("__real__ZN7logwood13NewThreadPoolEj");
std::unique_ptr<Executor> LentThreads(uint32_t) asm("__wrap__ZN7logwood13NewThreadPoolEj");

namespace {

// Pools whose owner is gone.
class KeptPools {
 public:
  std::unique_ptr<Executor> Take(uint32_t low_threads) {
    MutexLock lock(mutex_);
    if (is_child_.exchange(false, std::memory_order_relaxed)) {  // has none of these threads
      for (auto& [number, pools] : pools_) {
        for (auto& pool : pools) static_cast<void>(pool.release());
      }
      pools_.clear();
    }
    std::vector<std::unique_ptr<Executor>>& pools = pools_[low_threads];
    if (pools.empty()) return NewThreads(low_threads);
    std::unique_ptr<Executor> pool = std::move(pools.back());
    pools.pop_back();
    return pool;
  }
  void Give(uint32_t low_threads, std::unique_ptr<Executor> pool) {
    MutexLock lock(mutex_);
    pools_[low_threads].push_back(std::move(pool));
  }

 private:
  Mutex mutex_;
  // After a fork. To ask for the process's number each time is a system call.
  std::atomic<bool> is_child_{false};
  const ForkWatch fork_watch_{[](void* self) {
                                static_cast<KeptPools*>(self)->is_child_.store(
                                    true, std::memory_order_relaxed);
                              },
                              this};
  std::map<uint32_t, std::vector<std::unique_ptr<Executor>>> pools_ GUARDED_BY(mutex_);
};

KeptPools& Kept() {
  static KeptPools kept;
  return kept;
}

// What a pool runs for one owner.
class LentPool final : public Executor {
 public:
  explicit LentPool(uint32_t low_threads)
      : low_threads_(low_threads),
        hands_over_(owners_.fetch_add(1, std::memory_order_relaxed) % kHandsOverOneIn == 0),
        pool_(Kept().Take(low_threads)) {}
  ~LentPool() override { Shutdown(); }

  Status Start() override { return pool_->Start(); }
  void Schedule(JobPriority priority, std::function<void()> job) override {
    {
      MutexLock lock(jobs_->mutex);
      ++jobs_->unfinished;
    }
    pool_->Schedule(priority,
                    [jobs = jobs_, job = std::move(job)]() mutable { jobs->Run(std::move(job)); });
  }
  void ScheduleAfter(uint64_t delay_us, std::function<void()> job) override {
    uint64_t number = 0;
    {
      MutexLock lock(jobs_->mutex);
      ++jobs_->unfinished;
      number = jobs_->next_number++;
      jobs_->delayed.emplace(number, std::move(job));
    }
    pool_->ScheduleAfter(delay_us, [jobs = jobs_, number] { jobs->RunDelayed(number); });
  }
  void Shutdown() override {
    if (shut_down_) return;
    shut_down_ = true;
    MutexLock lock(jobs_->mutex);
    while (jobs_->unfinished > 0) {
      if (jobs_->delayed.empty()) {
        jobs_->changed.Wait(jobs_->mutex);
        continue;
      }
      // At once. To hand them to the thread that they are for and wait takes longer than they do:
      // one owner in some does, as all do in the product; of the others they run here.
      std::map<uint64_t, std::function<void()>> at_once;
      at_once.swap(jobs_->delayed);
      auto run = [jobs = jobs_, at_once = std::move(at_once)]() mutable {
        for (auto& [number, job] : at_once) jobs->Run(std::move(job));
      };
      if (hands_over_) {
        pool_->Schedule(JobPriority::kHigh, std::move(run));
        jobs_->changed.Wait(jobs_->mutex);
        continue;
      }
      lock.Unlock();
      run();
      lock.Lock();
    }
    // Only its clocks are used from now on, and those outlive an owner.
    lock.Unlock();
    clock_ = pool_.get();
    Kept().Give(low_threads_, std::move(pool_));
  }

  Deadline Now() override { return clock().Now(); }
  uint64_t NowNanos() override { return clock().NowNanos(); }
  uint64_t WallMicros() override { return test::WallClock::Or(clock().WallMicros()); }
  void SleepMicros(uint64_t micros) override { clock().SleepMicros(micros); }

 private:
  struct Jobs {
    Mutex mutex;
    CondVar changed;
    uint64_t unfinished GUARDED_BY(mutex) = 0;
    uint64_t next_number GUARDED_BY(mutex) = 0;
    std::map<uint64_t, std::function<void()>> delayed GUARDED_BY(mutex);

    void Run(std::function<void()> job) {
      job();
      job = nullptr;  // what it captured dies before anybody hears that it ended
      MutexLock lock(mutex);
      --unfinished;
      changed.NotifyAll();
    }
    void RunDelayed(uint64_t number) {
      std::function<void()> job;
      {
        MutexLock lock(mutex);
        const auto at = delayed.find(number);
        if (at == delayed.end()) return;  // ran when its owner ended
        job = std::move(at->second);
        delayed.erase(at);
      }
      Run(std::move(job));
    }
  };

  Executor& clock() { return clock_ != nullptr ? *clock_ : *pool_; }

  static constexpr uint64_t kHandsOverOneIn = 8;
  static inline std::atomic<uint64_t> owners_{0};
  const uint32_t low_threads_;
  const bool hands_over_;
  std::unique_ptr<Executor> pool_;
  Executor* clock_ = nullptr;
  const std::shared_ptr<Jobs> jobs_ = std::make_shared<Jobs>();
  bool shut_down_ = false;
};

}  // namespace

std::unique_ptr<Executor> LentThreads(uint32_t low_threads) {
  return std::make_unique<LentPool>(low_threads);
}

}  // namespace logwood
