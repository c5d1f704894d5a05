#include "util/sync.h"

namespace logwood {

// The caller's Mutex is lent to a unique_lock for the wait and taken back without unlocking.
void CondVar::Wait(Mutex& mutex) {
  std::unique_lock<std::mutex> lent(mutex.native_, std::adopt_lock);
  native_.wait(lent);
  lent.release();
}

bool CondVar::WaitUntil(Mutex& mutex, Deadline deadline) {
  if (deadline == kNoDeadline) {  // its conversion to the system's time would overflow
    Wait(mutex);
    return true;
  }
  std::unique_lock<std::mutex> lent(mutex.native_, std::adopt_lock);
  const std::cv_status outcome = native_.wait_until(lent, deadline);
  lent.release();
  return outcome == std::cv_status::no_timeout;
}

void SpinPause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#endif
}

}  // namespace logwood
