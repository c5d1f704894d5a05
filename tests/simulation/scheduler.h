// Scheduler: runs a program's own threads in lock-step. Exactly one runs at a time; at each
// scheduling point a strategy decides who goes on. Time is virtual and stands still but for a
// little a point; when no thread can run it jumps to the next timer, and when there is none either,
// the run has failed and says where each thread waits.
//
//   Scheduler scheduler(ScheduleOptions::FromSeed(seed), [](const std::string& what) { ... });
//   scheduler.Run([] { std::thread other(...); ... other.join(); });
//
// Nothing in the program knows: interpose.cc stands, by the linker, in the place of the functions
// through which a thread starts, waits, and asks for the time or for random bytes. So what runs
// here is the very code that ships. Threads that Run did not start, directly or not, are not
// simulated and see the real functions.
#pragma once

#include <pthread.h>

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "tests/simulation/schedule.h"
#include "tests/simulation/turnstile.h"
#include "util/random.h"

namespace logwood::test {

class Scheduler {
 public:
  // Told what went wrong: a deadlock, a run without end. Must not return: the threads are stuck.
  using Failure = std::function<void(const std::string&)>;
  Scheduler(const ScheduleOptions& options, Failure failure);
  ~Scheduler();
  Scheduler(const Scheduler&) = delete;
  Scheduler& operator=(const Scheduler&) = delete;

  // Runs `body` as the first thread; returns when all threads ended. Once.
  void Run(const std::function<void()>& body);

  // The scheduler of the calling thread; null where it is not simulated.
  static Scheduler* Mine();

  struct Counts {
    uint64_t points = 0;
    uint64_t switches = 0;
    uint64_t threads = 0;
    uint64_t jumps = 0;        // of the clock, to a timer
    uint64_t notifies = 0;     // calls
    uint64_t fingerprint = 0;  // of who was at which point, in order
  };
  const Counts& counts() const { return counts_; }

  // ---- For the running thread.

  // Ends the run as failed. For a check that did not hold.
  [[noreturn]] void Fail(const std::string& what);
  // Adds to what the wall clock shows.
  void MoveWallClock(int64_t nanos) { wall_offset_nanos_ += nanos; }
  // What it shows; to look is no scheduling point.
  uint64_t PeekWallNanos() const;
  uint32_t thread_number() const;

  // What interpose.cc calls. Each is a scheduling point.
  void Lock(pthread_mutex_t* mutex);
  bool TryLock(pthread_mutex_t* mutex);
  void Unlock(pthread_mutex_t* mutex);
  static constexpr uint64_t kNever = UINT64_MAX;
  // False when the deadline, in nanoseconds of the virtual clock, passed.
  bool Wait(const void* condition, pthread_mutex_t* mutex, uint64_t deadline = kNever);
  void Notify(const void* condition, bool all);
  void StartThread(std::thread* thread, std::unique_ptr<std::thread::_State> state,
                   void (*depend)());
  void Join(std::thread* thread);
  void Sleep(uint64_t nanos);
  void Spin();
  void Atomic();
  uint64_t MonotonicNanos();
  uint64_t WallNanos();
  void RandomBytes(void* bytes, size_t size);
  // Between these the running thread stays the running one.
  void HoldStill();
  void MoveAgain();

 private:
  struct Task;
  class Thread;

  Task* AddTask();
  void Note(Point point);
  void Pause(Point point);
  // The running thread waits on `object`; false when the deadline passed.
  bool Block(Point point, const void* object, uint64_t deadline);
  void SwitchTo(Task* next);
  void End();
  Task* Choose();
  void FireTimers();
  void Disturb();
  void Wake(Task* task, bool timed_out);
  void WakeAll(const void* object);
  [[noreturn]] void FailStuck(const std::string& what);
  std::string Waiting() const;
  static void EndOfThread(void* scheduler);

  const ScheduleOptions options_;
  const Failure failure_;
  const std::unique_ptr<Strategy> strategy_;
  Random random_;  // what the strategy does not decide: who is notified, disturbances
  Random entropy_;
  pthread_key_t end_key_ = 0;

  // Only touched by the running thread, within a SchedulerRegion.
  std::vector<std::unique_ptr<Task>> tasks_;
  std::vector<Task*> live_;
  std::vector<uint32_t> ready_;  // reused
  Task* running_ = nullptr;
  uint64_t now_nanos_;
  int64_t wall_offset_nanos_ = 0;
  uint64_t next_timer_ = kNever;
  bool news_ = false;
  uint32_t held_still_ = 0;
  uint64_t until_jump_ = 0, until_spurious_ = 0;  // 0: never
  Counts counts_;
};

}  // namespace logwood::test
