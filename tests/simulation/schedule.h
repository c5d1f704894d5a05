// Schedules: who goes on at a scheduling point. A strategy is a pure function of its seed and of
// what it was told, so a seed replays a schedule.
//
// Two kinds. A random walk leaves the running thread at one point in so many, for any other. A
// priority schedule runs the most important thread that can run, and at a few points chosen
// beforehand makes the running one the least important; it finds a bug that needs d such changes
// with a probability of at least 1 / (threads * points^(d-1)): Burckhardt, Kothari, Musuvathi,
// Nagarakatte, "A Randomized Scheduler with Probabilistic Guarantees of Finding Bugs", ASPLOS 2010.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace logwood::test {

// What a simulated thread is about to do, or has just done, where another may go on instead.
enum class Point : uint8_t {
  kLock,
  kUnlock,
  kWait,    // on a condition variable
  kNotify,  // one or all
  kStart,   // of a thread
  kJoin,
  kSleep,
  kClock,
  kSpin,    // a turn of a loop that waits without sleeping
  kAtomic,  // an access to a std::atomic (ThreadSanitizer builds only)
  kEnd,     // of the thread
};
std::string_view PointName(Point point);

struct ScheduleOptions {
  enum class Strategy : uint8_t { kRandomWalk, kPriorities };

  uint64_t seed = 1;
  Strategy strategy = Strategy::kRandomWalk;
  // kRandomWalk: leaves the running thread at one point in so many, on average.
  uint64_t switch_one_in = 8;
  // kPriorities: so many changes, within the first so many points.
  uint32_t changes = 3;
  uint64_t changes_within = 10'000;

  // At one point in so many the clock jumps to the next timer although threads could run, as if all
  // of them were slow. 0: never.
  uint64_t jump_one_in = 0;
  // At one point in so many a wait on a condition variable ends for no reason. 0: never.
  uint64_t spurious_one_in = 0;
  // A run that takes longer does not end.
  uint64_t points_max = 5'000'000;
  // Negative control: this call of notify (1: the first) of those for which somebody waits wakes
  // nobody. 0: none.
  uint64_t lost_notify = 0;

  // Everything but the limits chosen by the seed.
  static ScheduleOptions FromSeed(uint64_t seed);
  std::string ToString() const;
};

class Strategy {
 public:
  struct Moment {
    Point point;
    uint32_t running;  // the thread that could go on
    bool news;         // another became able to run since the last choice
  };

  virtual ~Strategy() = default;
  // Threads are numbered as they start: 0, 1, 2, ...
  virtual void Started(uint32_t thread) = 0;
  // Whether to choose anew; else the running thread goes on.
  virtual bool Chooses(const Moment& moment) = 0;
  // One of `ready`, which is ascending and not empty; the one that ran last may be among them.
  virtual uint32_t Choose(std::span<const uint32_t> ready) = 0;
};

std::unique_ptr<Strategy> NewStrategy(const ScheduleOptions& options);

}  // namespace logwood::test
