// Turnstile: where a simulated thread waits until it is its turn.
//
// ThreadSanitizer sees nothing of it (and nothing of what happens within a SchedulerRegion): being
// let through makes no order between threads that the program itself did not make. So a data race
// is reported although the threads never run at once.
#pragma once

#include <string>

namespace logwood::test {

class Turnstile {
 public:
  // Lets the thread that waits, or will wait, go through once.
  void Open();
  void Await();
  // Asks the thread that waits what it was doing: its stack as lines "    FILE+0xOFFSET", the
  // innermost call first.
  std::string AskForStack();

 private:
  void Set(int value);
  int word_ = 0;
  static constexpr int kFramesMax = 48;
  void* frames_[kFramesMax] = {};
  int frame_count_ = 0;
};

// The caller's own stack, as AskForStack would tell it.
std::string StackOfCaller();
// Such lines with functions and source lines in place of offsets, where addr2line is at hand.
std::string WithSourceLines(const std::string& text);

// While one exists, the thread is in the scheduler: ThreadSanitizer ignores what it does, and calls
// it makes are not simulated.
class SchedulerRegion {
 public:
  SchedulerRegion();
  ~SchedulerRegion();
  SchedulerRegion(const SchedulerRegion&) = delete;
  SchedulerRegion& operator=(const SchedulerRegion&) = delete;
  static bool Inside();
};

}  // namespace logwood::test
