#include "tests/simulation/scheduler.h"

#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <sstream>
#include <utility>

#include "tests/simulation/interpose.h"
#include "util/check.h"

namespace logwood::test {

namespace {

constexpr uint64_t kPointNanos = 250;                            // what a point takes
constexpr uint64_t kStartNanos = 1'000'000'000'000;              // a machine that is up for a while
constexpr uint64_t kWallStartNanos = 1'800'000'000'000'000'000;  // 2027

thread_local Scheduler* scheduler_of_thread = nullptr;

}  // namespace

struct Scheduler::Task {
  enum class State : uint8_t { kReady, kWaiting, kEnded };

  explicit Task(uint32_t task_number) : number(task_number) {}

  const uint32_t number;
  State state = State::kReady;
  Turnstile turn;
  pthread_t handle = {};
  bool joined = false;
  pid_t id = 0;  // of the operating system; 0: has not run yet
  // While it waits:
  Point point = Point::kLock;
  const void* object = nullptr;
  uint64_t deadline = kNever;
  bool timed_out = false;
};

// What a simulated thread runs: nothing before its first turn.
class Scheduler::Thread final : public std::thread::_State {
 public:
  Thread(Scheduler* scheduler, Task* task, std::unique_ptr<std::thread::_State> inner)
      : scheduler_(scheduler), task_(task), inner_(std::move(inner)) {}
  void _M_run() override {
    {
      SchedulerRegion region;
      task_->turn.Await();
      task_->id = static_cast<pid_t>(syscall(SYS_gettid));
    }
    // Its destructor runs after those of all thread_local objects.
    CHECK(pthread_setspecific(scheduler_->end_key_, scheduler_) == 0);
    scheduler_of_thread = scheduler_;
    inner_->_M_run();
    inner_.reset();
  }

 private:
  Scheduler* const scheduler_;
  Task* const task_;
  std::unique_ptr<std::thread::_State> inner_;
};

Scheduler::Scheduler(const ScheduleOptions& options, Failure failure)
    : options_(options),
      failure_(std::move(failure)),
      strategy_(NewStrategy(options)),
      random_(options.seed ^ 0x5ced),
      entropy_(options.seed ^ 0xe27095),
      now_nanos_(kStartNanos),
      until_jump_(options.jump_one_in),
      until_spurious_(options.spurious_one_in) {
  CHECK(pthread_key_create(&end_key_, EndOfThread) == 0);
}

Scheduler::~Scheduler() { pthread_key_delete(end_key_); }

Scheduler* Scheduler::Mine() { return SchedulerRegion::Inside() ? nullptr : scheduler_of_thread; }

void Scheduler::Run(const std::function<void()>& body) {
  CHECK(running_ == nullptr && scheduler_of_thread == nullptr);
  running_ = AddTask();
  running_->id = static_cast<pid_t>(syscall(SYS_gettid));
  scheduler_of_thread = this;
  body();
  while (live_.size() > 1) Block(Point::kJoin, this, kNever);
  scheduler_of_thread = nullptr;
}

Scheduler::Task* Scheduler::AddTask() {
  tasks_.push_back(std::make_unique<Task>(static_cast<uint32_t>(tasks_.size())));
  Task* task = tasks_.back().get();
  live_.push_back(task);
  strategy_->Started(task->number);
  news_ = true;
  ++counts_.threads;
  return task;
}

// ---- Points

void Scheduler::Note(Point point) {
  ++counts_.points;
  now_nanos_ += kPointNanos;
  const uint64_t what = uint64_t{running_->number} << 8 | static_cast<uint64_t>(point);
  counts_.fingerprint = std::rotl(counts_.fingerprint ^ what, 23) * 0x9E3779B97F4A7C15ULL;
  if (counts_.points > options_.points_max) {
    FailStuck("no end after " + std::to_string(counts_.points) + " scheduling points");
  }
}

void Scheduler::Pause(Point point) {
  SchedulerRegion region;
  Note(point);
  if (held_still_ != 0) return;
  if (now_nanos_ >= next_timer_) FireTimers();
  Disturb();
  const bool news = std::exchange(news_, false);
  if (strategy_->Chooses({point, running_->number, news})) SwitchTo(Choose());
}

bool Scheduler::Block(Point point, const void* object, uint64_t deadline) {
  SchedulerRegion region;
  if (held_still_ != 0) FailStuck("a thread waits while it initialises a static object");
  Task* task = running_;
  task->state = Task::State::kWaiting;
  task->point = point;
  task->object = object;
  task->deadline = deadline;
  task->timed_out = false;
  next_timer_ = std::min(next_timer_, deadline);
  SwitchTo(Choose());
  return !task->timed_out;
}

void Scheduler::SwitchTo(Task* next) {
  Task* task = running_;
  if (next == task) return;
  ++counts_.switches;
  running_ = next;
  next->turn.Open();
  task->turn.Await();
}

Scheduler::Task* Scheduler::Choose() {
  for (;;) {
    ready_.clear();
    for (const Task* task : live_) {
      if (task->state == Task::State::kReady) ready_.push_back(task->number);
    }
    if (!ready_.empty()) return tasks_[strategy_->Choose(ready_)].get();
    if (next_timer_ == kNever) FailStuck("deadlock: every thread waits");
    ++counts_.jumps;
    now_nanos_ = std::max(now_nanos_, next_timer_);
    FireTimers();
  }
}

void Scheduler::FireTimers() {
  uint64_t next = kNever;
  for (Task* task : live_) {
    if (task->state != Task::State::kWaiting) continue;
    if (task->deadline <= now_nanos_) {
      Wake(task, true);
    } else {
      next = std::min(next, task->deadline);
    }
  }
  next_timer_ = next;
}

void Scheduler::Disturb() {
  if (until_jump_ != 0 && --until_jump_ == 0) {
    until_jump_ = 1 + random_.Uniform(2 * options_.jump_one_in);
    if (next_timer_ != kNever) {
      ++counts_.jumps;
      now_nanos_ = std::max(now_nanos_, next_timer_);
      FireTimers();
    }
  }
  if (until_spurious_ != 0 && --until_spurious_ == 0) {
    until_spurious_ = 1 + random_.Uniform(2 * options_.spurious_one_in);
    Task* task = live_[random_.Uniform(live_.size())];
    if (task->state == Task::State::kWaiting && task->point == Point::kWait) Wake(task, false);
  }
}

void Scheduler::Wake(Task* task, bool timed_out) {
  task->state = Task::State::kReady;
  task->timed_out = timed_out;
  news_ = true;
}

void Scheduler::WakeAll(const void* object) {
  for (Task* task : live_) {
    if (task->state == Task::State::kWaiting && task->object == object) Wake(task, false);
  }
}

// ---- What a program does

void Scheduler::Lock(pthread_mutex_t* mutex) {
  Pause(Point::kLock);
  // Whoever holds it is a thread of ours that waits for its turn.
  while (__real_pthread_mutex_trylock(mutex) != 0) Block(Point::kLock, mutex, kNever);
}

bool Scheduler::TryLock(pthread_mutex_t* mutex) {
  Pause(Point::kLock);
  return __real_pthread_mutex_trylock(mutex) == 0;
}

void Scheduler::Unlock(pthread_mutex_t* mutex) {
  CHECK(__real_pthread_mutex_unlock(mutex) == 0);
  {
    SchedulerRegion region;
    WakeAll(mutex);
  }
  Pause(Point::kUnlock);
}

bool Scheduler::Wait(const void* condition, pthread_mutex_t* mutex, uint64_t deadline) {
  Pause(Point::kWait);
  // From here on no other thread runs before this one waits.
  CHECK(__real_pthread_mutex_unlock(mutex) == 0);
  {
    SchedulerRegion region;
    WakeAll(mutex);
  }
  const bool in_time = Block(Point::kWait, condition, deadline);
  while (__real_pthread_mutex_trylock(mutex) != 0) Block(Point::kLock, mutex, kNever);
  return in_time;
}

void Scheduler::Notify(const void* condition, bool all) {
  Pause(Point::kNotify);
  SchedulerRegion region;
  ready_.clear();  // here: those who wait for it
  for (const Task* task : live_) {
    if (task->state == Task::State::kWaiting && task->object == condition) {
      ready_.push_back(task->number);
    }
  }
  if (ready_.empty()) return;
  ++counts_.notifies;
  if (counts_.notifies == options_.lost_notify) return;
  if (all) {
    WakeAll(condition);
  } else {
    Wake(tasks_[ready_[random_.Uniform(ready_.size())]].get(), false);
  }
}

void Scheduler::StartThread(std::thread* thread, std::unique_ptr<std::thread::_State> state,
                            void (*depend)()) {
  Task* task = nullptr;
  {
    SchedulerRegion region;
    task = AddTask();
  }
  // It waits for its turn before it does anything, so it does not matter when it comes to life.
  RealStartThread(thread, std::make_unique<Thread>(this, task, std::move(state)), depend);
  {
    SchedulerRegion region;
    task->handle = thread->native_handle();
  }
  Pause(Point::kStart);
}

void Scheduler::Join(std::thread* thread) {
  Pause(Point::kJoin);
  {
    SchedulerRegion region;
    Task* task = nullptr;
    for (const auto& candidate : tasks_) {
      const bool alive = candidate->number != 0 && !candidate->joined;
      if (alive && pthread_equal(candidate->handle, thread->native_handle())) {
        task = candidate.get();
      }
    }
    CHECK(task != nullptr);
    while (task->state != Task::State::kEnded) Block(Point::kJoin, task, kNever);
    task->joined = true;
  }
  RealJoin(thread);  // it only has to die
}

void Scheduler::EndOfThread(void* scheduler) { static_cast<Scheduler*>(scheduler)->End(); }

void Scheduler::End() {
  scheduler_of_thread = nullptr;
  SchedulerRegion region;
  Note(Point::kEnd);
  Task* task = running_;
  task->state = Task::State::kEnded;
  std::erase(live_, task);
  WakeAll(task);
  if (live_.size() == 1) WakeAll(this);
  running_ = Choose();
  running_->turn.Open();
}

void Scheduler::Sleep(uint64_t nanos) {
  uint64_t deadline = 0;
  {
    SchedulerRegion region;
    Note(Point::kSleep);
    deadline = now_nanos_ + std::min(nanos, kNever - 1 - now_nanos_);
  }
  Block(Point::kSleep, nullptr, deadline);
}

void Scheduler::Spin() { Pause(Point::kSpin); }
void Scheduler::Atomic() { Pause(Point::kAtomic); }

uint64_t Scheduler::MonotonicNanos() {
  Pause(Point::kClock);
  SchedulerRegion region;
  return now_nanos_;
}

uint64_t Scheduler::WallNanos() {
  Pause(Point::kClock);
  return PeekWallNanos();
}

uint64_t Scheduler::PeekWallNanos() const {
  SchedulerRegion region;
  return kWallStartNanos + (now_nanos_ - kStartNanos) + static_cast<uint64_t>(wall_offset_nanos_);
}

void Scheduler::RandomBytes(void* bytes, size_t size) {
  SchedulerRegion region;
  auto* at = static_cast<char*>(bytes);
  while (size != 0) {
    const uint64_t word = entropy_.Next();
    const size_t part = std::min(size, sizeof word);
    std::memcpy(at, &word, part);
    at += part;
    size -= part;
  }
}

uint32_t Scheduler::thread_number() const {
  SchedulerRegion region;
  return running_->number;
}

void Scheduler::HoldStill() { ++held_still_; }
void Scheduler::MoveAgain() { --held_still_; }

// ---- Failure

void Scheduler::Fail(const std::string& what) {
  SchedulerRegion region;
  failure_(what);
  std::abort();
}

void Scheduler::FailStuck(const std::string& what) { Fail(what + "\n" + Waiting()); }

std::string Scheduler::Waiting() const {
  std::ostringstream text;
  for (Task* task : live_) {
    text << "  thread " << task->number;
    const bool waits = task->state == Task::State::kWaiting;
    if (task->id == 0) {
      text << " has not begun\n";
      continue;
    }
    text << (waits ? " waits: " : " could run: ") << PointName(task->point);
    if (waits && task->point == Point::kLock) {
      const auto* mutex = static_cast<const pthread_mutex_t*>(task->object);
      for (const auto& owner : tasks_) {
        if (owner->id == mutex->__data.__owner) text << " held by thread " << owner->number;
      }
    }
    if (waits && task->deadline != kNever) {
      text << " until " << (task->deadline - now_nanos_) / 1000 << " us from now";
    }
    text << "\n" << (task == running_ ? StackOfCaller() : task->turn.AskForStack());
  }
  return text.str();
}

}  // namespace logwood::test
