// The real functions behind those that interpose.cc stands in for.
#pragma once

#include <pthread.h>

#include <memory>
#include <thread>

extern "C" {
int __real_pthread_mutex_lock(pthread_mutex_t* mutex);
int __real_pthread_mutex_trylock(pthread_mutex_t* mutex);
int __real_pthread_mutex_unlock(pthread_mutex_t* mutex);
}

namespace logwood::test {

void RealStartThread(std::thread* thread, std::unique_ptr<std::thread::_State> state, void (*depend)()) __asm__(
    "__real__ZNSt6thread15_M_start_threadESt10unique_ptrINS_6_StateESt14default_deleteIS1_"
    "EEPFvvE");
void RealJoin(std::thread* thread) __asm__("__real__ZNSt6thread4joinEv");

}  // namespace logwood::test
