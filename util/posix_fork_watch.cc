#include "util/fork_watch.h"

#include <pthread.h>

#include "util/check.h"

namespace logwood {

struct ForkWatches {
  Mutex mutex;  // held around every fork, so that the child finds a list that is whole
  ForkWatch* first = nullptr;

  static ForkWatches& All() {
    static ForkWatches* const all = new ForkWatches;  // never destroyed: a fork may come at exit
    return *all;
  }

  static void BeforeFork() NO_THREAD_SAFETY_ANALYSIS { All().mutex.Lock(); }
  static void InParent() NO_THREAD_SAFETY_ANALYSIS { All().mutex.Unlock(); }
  static void InChild() NO_THREAD_SAFETY_ANALYSIS {
    for (ForkWatch* watch = All().first; watch != nullptr; watch = watch->behind_) {
      watch->in_child_(watch->context_);
    }
    All().mutex.Unlock();
  }
  static void Register() {
    static const int registered = ::pthread_atfork(BeforeFork, InParent, InChild);
    CHECK(registered == 0);
  }
};

ForkLock::ForkLock() NO_THREAD_SAFETY_ANALYSIS {
  ForkWatches::Register();
  ForkWatches::All().mutex.Lock();
}

ForkLock::~ForkLock() NO_THREAD_SAFETY_ANALYSIS { ForkWatches::All().mutex.Unlock(); }

ForkWatch::ForkWatch(InChild in_child, void* context) : in_child_(in_child), context_(context) {
  const ForkLock held;
  Begin();
}

ForkWatch::ForkWatch(const ForkLock&, InChild in_child, void* context)
    : in_child_(in_child), context_(context) {
  Begin();
}

void ForkWatch::Begin() {
  ForkWatch*& first = ForkWatches::All().first;
  behind_ = first;
  if (first != nullptr) first->before_ = this;
  first = this;
  watching_ = true;
}

ForkWatch::~ForkWatch() {
  if (!watching_) return;
  const ForkLock held;
  End(held);
}

void ForkWatch::End(const ForkLock&) {
  if (!watching_) return;
  watching_ = false;
  (before_ == nullptr ? ForkWatches::All().first : before_->behind_) = behind_;
  if (behind_ != nullptr) behind_->before_ = before_;
}

}  // namespace logwood
