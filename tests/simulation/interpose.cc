// The seam of the simulation. For the program simulation_tests the linker puts `__wrap_f` where the
// core calls `f` (-Wl,--wrap=f, for each line of wrapped_symbols.txt): the few functions of the C
// and C++ runtime in which a thread starts, waits, or asks for what differs from run to run. The
// core reaches them in util/sync, util/executor, util/random and util/types only
// (tools/checks/banned_calls), and symbols_test.cc sees that there are no others.
#include <pthread.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "tests/simulation/interpose.h"
#include "tests/simulation/scheduler.h"
#include "util/sync.h"

using logwood::test::Scheduler;

// NOLINTBEGIN(bugprone-reserved-identifier): the linker's names.
extern "C" {

int __real_pthread_cond_clockwait(pthread_cond_t*, pthread_mutex_t*, clockid_t, const timespec*);
int __real_nanosleep(const timespec*, timespec*);
int __real_getentropy(void*, size_t);
int __real___cxa_guard_acquire(void*);
void __real___cxa_guard_release(void*);
void __real___cxa_guard_abort(void*);

int __wrap_pthread_mutex_lock(pthread_mutex_t* mutex) {
  Scheduler* scheduler = Scheduler::Mine();
  if (scheduler == nullptr) return __real_pthread_mutex_lock(mutex);
  scheduler->Lock(mutex);
  return 0;
}

int __wrap_pthread_mutex_trylock(pthread_mutex_t* mutex) {
  Scheduler* scheduler = Scheduler::Mine();
  if (scheduler == nullptr) return __real_pthread_mutex_trylock(mutex);
  return scheduler->TryLock(mutex) ? 0 : EBUSY;
}

int __wrap_pthread_mutex_unlock(pthread_mutex_t* mutex) {
  Scheduler* scheduler = Scheduler::Mine();
  if (scheduler == nullptr) return __real_pthread_mutex_unlock(mutex);
  scheduler->Unlock(mutex);
  return 0;
}

// std::condition_variable::wait_until on the steady clock.
int __wrap_pthread_cond_clockwait(pthread_cond_t* condition, pthread_mutex_t* mutex,
                                  clockid_t clock, const timespec* deadline) {
  Scheduler* scheduler = Scheduler::Mine();
  if (scheduler == nullptr) {
    return __real_pthread_cond_clockwait(condition, mutex, clock, deadline);
  }
  if (clock != CLOCK_MONOTONIC) scheduler->Fail("a wait on a clock that is not simulated");
  const uint64_t nanos = static_cast<uint64_t>(deadline->tv_sec) * 1'000'000'000 +
                         static_cast<uint64_t>(deadline->tv_nsec);
  return scheduler->Wait(condition, mutex, deadline->tv_sec < 0 ? 0 : nanos) ? 0 : ETIMEDOUT;
}

int __wrap_nanosleep(const timespec* duration, timespec* left) {
  Scheduler* scheduler = Scheduler::Mine();
  if (scheduler == nullptr) return __real_nanosleep(duration, left);
  scheduler->Sleep(static_cast<uint64_t>(duration->tv_sec) * 1'000'000'000 +
                   static_cast<uint64_t>(duration->tv_nsec));
  return 0;
}

int __wrap_getentropy(void* bytes, size_t size) {
  Scheduler* scheduler = Scheduler::Mine();
  if (scheduler == nullptr) return __real_getentropy(bytes, size);
  scheduler->RandomBytes(bytes, size);
  return 0;
}

// A static object in a function: who else comes to it waits where nobody but the runtime sees it.
int __wrap___cxa_guard_acquire(void* guard) {
  Scheduler* scheduler = Scheduler::Mine();
  if (scheduler == nullptr) return __real___cxa_guard_acquire(guard);
  scheduler->HoldStill();
  const int first = __real___cxa_guard_acquire(guard);
  if (first == 0) scheduler->MoveAgain();
  return first;
}

void __wrap___cxa_guard_release(void* guard) {
  __real___cxa_guard_release(guard);
  if (Scheduler* scheduler = Scheduler::Mine()) scheduler->MoveAgain();
}

void __wrap___cxa_guard_abort(void* guard) {
  __real___cxa_guard_abort(guard);
  if (Scheduler* scheduler = Scheduler::Mine()) scheduler->MoveAgain();
}

}  // extern "C"
// NOLINTEND(bugprone-reserved-identifier)

namespace logwood::test {

// Members are functions whose first argument is the object (Itanium C++ ABI).
#define LOGWOOD_INTERPOSE(result, name, symbol, ...)           \
  result Real##name(__VA_ARGS__) __asm__("__real_" symbol);    \
  result Wrapped##name(__VA_ARGS__) __asm__("__wrap_" symbol); \
  result Wrapped##name(__VA_ARGS__)

using SteadyTime = std::chrono::steady_clock::time_point;
using SystemTime = std::chrono::system_clock::time_point;

LOGWOOD_INTERPOSE(void, Wait, "_ZNSt18condition_variable4waitERSt11unique_lockISt5mutexE",
                  std::condition_variable* condition, std::unique_lock<std::mutex>& lock) {
  Scheduler* scheduler = Scheduler::Mine();
  if (scheduler == nullptr) return RealWait(condition, lock);
  scheduler->Wait(condition->native_handle(), lock.mutex()->native_handle());
}

LOGWOOD_INTERPOSE(void, NotifyOne, "_ZNSt18condition_variable10notify_oneEv",
                  std::condition_variable* condition) {
  Scheduler* scheduler = Scheduler::Mine();
  if (scheduler == nullptr) return RealNotifyOne(condition);
  scheduler->Notify(condition->native_handle(), false);
}

LOGWOOD_INTERPOSE(void, NotifyAll, "_ZNSt18condition_variable10notify_allEv",
                  std::condition_variable* condition) {
  Scheduler* scheduler = Scheduler::Mine();
  if (scheduler == nullptr) return RealNotifyAll(condition);
  scheduler->Notify(condition->native_handle(), true);
}

void WrappedStartThread(std::thread* thread, std::unique_ptr<std::thread::_State> state, void (*depend)()) __asm__(
    "__wrap__ZNSt6thread15_M_start_threadESt10unique_ptrINS_6_StateESt14default_deleteIS1_"
    "EEPFvvE");
void WrappedStartThread(std::thread* thread, std::unique_ptr<std::thread::_State> state,
                        void (*depend)()) {
  Scheduler* scheduler = Scheduler::Mine();
  if (scheduler == nullptr) return RealStartThread(thread, std::move(state), depend);
  scheduler->StartThread(thread, std::move(state), depend);
}

void WrappedJoin(std::thread* thread) __asm__("__wrap__ZNSt6thread4joinEv");
void WrappedJoin(std::thread* thread) {
  Scheduler* scheduler = Scheduler::Mine();
  if (scheduler == nullptr) return RealJoin(thread);
  scheduler->Join(thread);
}

LOGWOOD_INTERPOSE(SteadyTime, SteadyNow, "_ZNSt6chrono3_V212steady_clock3nowEv", ) {
  Scheduler* scheduler = Scheduler::Mine();
  if (scheduler == nullptr) return RealSteadyNow();
  return SteadyTime(std::chrono::nanoseconds(scheduler->MonotonicNanos()));
}

LOGWOOD_INTERPOSE(SystemTime, SystemNow, "_ZNSt6chrono3_V212system_clock3nowEv", ) {
  Scheduler* scheduler = Scheduler::Mine();
  if (scheduler == nullptr) return RealSystemNow();
  return SystemTime(std::chrono::nanoseconds(scheduler->WallNanos()));
}

LOGWOOD_INTERPOSE(void, SpinPause, "_ZN7logwood9SpinPauseEv", ) {
  Scheduler* scheduler = Scheduler::Mine();
  if (scheduler == nullptr) return RealSpinPause();
  scheduler->Spin();
}

}  // namespace logwood::test
