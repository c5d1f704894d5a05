// Mutex, CondVar and the annotations clang checks (-Wthread-safety). All waiting in Logwood goes
// through these two types: they are the seam at which a simulated scheduler takes over.
// Source: https://clang.llvm.org/docs/ThreadSafetyAnalysis.html
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>

#include "logwood/types.h"

#if defined(__clang__)
#define LOGWOOD_THREAD_ATTRIBUTE(x) __attribute__((x))
#else
#define LOGWOOD_THREAD_ATTRIBUTE(x)
#endif
#define CAPABILITY(x) LOGWOOD_THREAD_ATTRIBUTE(capability(x))
#define SCOPED_CAPABILITY LOGWOOD_THREAD_ATTRIBUTE(scoped_lockable)
#define GUARDED_BY(x) LOGWOOD_THREAD_ATTRIBUTE(guarded_by(x))
#define PT_GUARDED_BY(x) LOGWOOD_THREAD_ATTRIBUTE(pt_guarded_by(x))
#define REQUIRES(...) LOGWOOD_THREAD_ATTRIBUTE(requires_capability(__VA_ARGS__))
#define EXCLUDES(...) LOGWOOD_THREAD_ATTRIBUTE(locks_excluded(__VA_ARGS__))
#define ACQUIRE(...) LOGWOOD_THREAD_ATTRIBUTE(acquire_capability(__VA_ARGS__))
#define RELEASE(...) LOGWOOD_THREAD_ATTRIBUTE(release_capability(__VA_ARGS__))
#define TRY_ACQUIRE(...) LOGWOOD_THREAD_ATTRIBUTE(try_acquire_capability(__VA_ARGS__))
#define RETURN_CAPABILITY(x) LOGWOOD_THREAD_ATTRIBUTE(lock_returned(x))
#define NO_THREAD_SAFETY_ANALYSIS LOGWOOD_THREAD_ATTRIBUTE(no_thread_safety_analysis)

namespace logwood {

class CAPABILITY("mutex") Mutex {
 public:
  Mutex() = default;
  Mutex(const Mutex&) = delete;
  Mutex& operator=(const Mutex&) = delete;
  void Lock() ACQUIRE() { native_.lock(); }
  void Unlock() RELEASE() { native_.unlock(); }
  bool TryLock() TRY_ACQUIRE(true) { return native_.try_lock(); }

 private:
  friend class CondVar;
  std::mutex native_;
};

class SCOPED_CAPABILITY MutexLock {
 public:
  explicit MutexLock(Mutex& mutex) ACQUIRE(mutex) : mutex_(mutex) { mutex_.Lock(); }
  ~MutexLock() RELEASE() {
    if (held_) mutex_.Unlock();
  }
  MutexLock(const MutexLock&) = delete;
  MutexLock& operator=(const MutexLock&) = delete;
  // Lets go in the middle of a scope, and takes it again.
  void Unlock() RELEASE() {
    held_ = false;
    mutex_.Unlock();
  }
  void Lock() ACQUIRE() {
    mutex_.Lock();
    held_ = true;
  }

 private:
  Mutex& mutex_;
  bool held_ = true;
};

class CondVar {
 public:
  // REQUIRES: the mutex is held. Wakes spuriously: wait in a loop.
  void Wait(Mutex& mutex) REQUIRES(mutex);
  // False when the deadline passed.
  bool WaitUntil(Mutex& mutex, Deadline deadline) REQUIRES(mutex);
  void NotifyOne() { native_.notify_one(); }
  void NotifyAll() { native_.notify_all(); }

 private:
  std::condition_variable native_;
};

// A turn of a loop that looks, for a few microseconds, for what another thread does, before it
// waits for it properly.
void SpinPause();

}  // namespace logwood
