#include "util/executor.h"

#include <algorithm>
#include <deque>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "util/check.h"
#include "util/sync.h"

namespace logwood {

namespace {

using Job = std::function<void()>;

// Two queues, each with threads of its own; delayed jobs wait in a heap that the kHigh thread
// watches.
class ThreadPool final : public Executor {
 public:
  explicit ThreadPool(uint32_t low_threads) : high_(1), low_(low_threads) {
    CHECK(low_threads > 0);
  }
  ~ThreadPool() override { Shutdown(); }

  // Invariant 29.
  Status Start() override {
    MutexLock lock(mutex_);
    if (high_.threads > 0 || StartThreadLocked(high_)) return Status::Ok();
    return Status::Busy("start a thread: the system has none to give");
  }

  void Schedule(JobPriority priority, Job job) override {
    CHECK(job != nullptr);
    MutexLock lock(mutex_);
    CHECK(!finished_);
    Lane& lane = priority == JobPriority::kHigh ? high_ : low_;
    lane.jobs.push_back(std::move(job));
    WakeLocked(lane);
  }

  void ScheduleAfter(uint64_t delay_us, Job job) override {
    CHECK(job != nullptr);
    constexpr uint64_t kDelayMax = uint64_t{1} << 50;  // 35 years; keeps the sum in range
    const Deadline due = DeadlineAfter(std::chrono::microseconds(std::min(delay_us, kDelayMax)));
    MutexLock lock(mutex_);
    CHECK(!finished_);
    const uint64_t order = delayed_count_++;
    delayed_.push_back({due, order, std::move(job)});
    std::push_heap(delayed_.begin(), delayed_.end(), Later);
    // The thread that waits for an earlier one will look at this one then.
    if (high_.threads == 0 || delayed_.front().order == order) WakeLocked(high_);
  }

  void Shutdown() override {
    std::vector<std::thread> threads;
    {
      MutexLock lock(mutex_);
      stopping_ = true;
      // Threads end when nothing is left for them. A job that runs now may still schedule more.
      high_.wake.NotifyAll();
      low_.wake.NotifyAll();
      while (!IdleLocked()) quiet_.Wait(mutex_);
      finished_ = true;
      high_.wake.NotifyAll();
      low_.wake.NotifyAll();
      threads.swap(threads_);
    }
    for (std::thread& thread : threads) thread.join();
  }

  Deadline Now() override { return std::chrono::steady_clock::now(); }
  uint64_t NowNanos() override { return Since<std::chrono::steady_clock, std::nano>(); }
  uint64_t WallMicros() override { return Since<std::chrono::system_clock, std::micro>(); }
  void SleepMicros(uint64_t micros) override {
    std::this_thread::sleep_for(std::chrono::microseconds(micros));
  }

 private:
  struct Lane {
    explicit Lane(uint32_t most) : threads_max(most) {}
    const uint32_t threads_max;
    uint32_t threads = 0;
    uint32_t idle = 0;     // of those, waiting
    uint32_t running = 0;  // of those, inside a job
    std::deque<Job> jobs;
    CondVar wake;
  };
  struct Delayed {
    Deadline due;
    uint64_t order;  // among equals, first come first served
    Job job;
  };
  static bool Later(const Delayed& a, const Delayed& b) {
    return a.due != b.due ? a.due > b.due : a.order > b.order;
  }

  template <typename Clock, typename Unit>
  static uint64_t Since() {
    const auto since = Clock::now().time_since_epoch();
    return static_cast<uint64_t>(
        std::chrono::duration_cast<std::chrono::duration<int64_t, Unit>>(since).count());
  }

  bool IdleLocked() const REQUIRES(mutex_) {
    return high_.jobs.empty() && low_.jobs.empty() && delayed_.empty() && high_.running == 0 &&
           low_.running == 0;
  }

  // False: the system has no thread to give.
  bool StartThreadLocked(Lane& lane) REQUIRES(mutex_) {
    try {
      threads_.emplace_back([this, &lane] { Work(lane); });
    } catch (const std::system_error&) {
      return false;
    }
    ++lane.threads;
    return true;
  }

  void WakeLocked(Lane& lane) REQUIRES(mutex_) {
    if (lane.idle < std::max<size_t>(lane.jobs.size(), 1) && lane.threads < lane.threads_max) {
      // Those that run take the job when they come to it.
      const bool served = StartThreadLocked(lane) || lane.threads > 0 || high_.threads > 0;
      CHECK(served);
    }
    (lane.threads > 0 ? lane : high_).wake.NotifyOne();
  }

  // Moves what is due (all of it when stopping) to the kHigh queue.
  void ReleaseDelayedLocked() REQUIRES(mutex_) {
    if (delayed_.empty()) return;
    const Deadline now = Now();
    while (!delayed_.empty() && (stopping_ || delayed_.front().due <= now)) {
      std::pop_heap(delayed_.begin(), delayed_.end(), Later);
      high_.jobs.push_back(std::move(delayed_.back().job));
      delayed_.pop_back();
    }
  }

  // A thread's life.
  void Work(Lane& lane) EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    for (;;) {
      if (&lane == &high_) ReleaseDelayedLocked();
      // Without a thread of their own, jobs of kLow go behind those of kHigh.
      Lane& from = lane.jobs.empty() && low_.threads == 0 ? low_ : lane;
      if (!from.jobs.empty()) {
        Job job = std::move(from.jobs.front());
        from.jobs.pop_front();
        ++from.running;
        lock.Unlock();
        job();
        job = nullptr;  // what it captured dies here, not under the mutex
        lock.Lock();
        --from.running;
        continue;
      }
      if (stopping_ && IdleLocked()) quiet_.NotifyAll();
      if (finished_) return;
      ++lane.idle;
      if (&lane == &high_ && !delayed_.empty()) {
        lane.wake.WaitUntil(mutex_, delayed_.front().due);
      } else {
        lane.wake.Wait(mutex_);
      }
      --lane.idle;
    }
  }

  Mutex mutex_;
  CondVar quiet_;  // nothing is queued and nothing runs
  Lane high_ GUARDED_BY(mutex_);
  Lane low_ GUARDED_BY(mutex_);
  std::vector<Delayed> delayed_ GUARDED_BY(mutex_);
  uint64_t delayed_count_ GUARDED_BY(mutex_) = 0;
  bool stopping_ GUARDED_BY(mutex_) = false;  // delayed jobs run at once
  bool finished_ GUARDED_BY(mutex_) = false;  // nothing may be scheduled any more
  std::vector<std::thread> threads_ GUARDED_BY(mutex_);
};

}  // namespace

std::unique_ptr<Executor> NewThreadPool(uint32_t low_threads) {
  return std::make_unique<ThreadPool>(low_threads);
}

}  // namespace logwood
