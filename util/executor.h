// Executor: the only source of threads, timers and time. The default runs a small pool
// of real threads; a simulated one can replace it and replay a run from a seed.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "logwood/status.h"
#include "logwood/types.h"

namespace logwood {

// Flushes go before compactions: they free memory and let writers go on.
enum class JobPriority : uint8_t { kHigh = 0, kLow = 1 };

class Executor {
 public:
  virtual ~Executor() = default;

  // Takes the threads that the work cannot do without, now that somebody can be told: kBusy when
  // the system has none to give. What comes later goes on with fewer where it must.
  virtual Status Start() { return Status::Ok(); }

  // Runs `job` on some thread, as soon as one is free. Jobs of kHigh have a thread of their own
  // that runs no kLow ones, unless the system has no other to give. Never runs it inside this call.
  virtual void Schedule(JobPriority priority, std::function<void()> job) = 0;
  // Runs `job` (kHigh) not before the delay has passed. Cannot be cancelled.
  virtual void ScheduleAfter(uint64_t delay_us, std::function<void()> job) = 0;
  // Returns when all jobs scheduled so far ran, delayed ones at once, and those they schedule while
  // they run (so a job that repeats itself must be told to stop first). Afterwards Schedule is a
  // broken program. Not from inside a job.
  virtual void Shutdown() = 0;

  virtual Deadline Now() = 0;         // monotonic
  virtual uint64_t NowNanos() = 0;    // monotonic, for latencies
  virtual uint64_t WallMicros() = 0;  // since 1970, UTC; may jump
  virtual void SleepMicros(uint64_t micros) = 0;
};

// `low_threads` threads for kLow, one more for kHigh. Start takes that one, the others start when
// first needed; as long as the system has none to give, it runs kLow jobs too. Without Start it is
// started when first needed, and the program ends if there is none: nobody could be told that the
// job will never run.
std::unique_ptr<Executor> NewThreadPool(uint32_t low_threads);

}  // namespace logwood
