// ForkWatch: tells an object that the process it now lives in is a child made by fork(2).
//
// A child has a copy of the memory and shares every open file with its parent, but none of the
// parent's threads, and any lock may be held for ever. What owns files or threads must therefore do
// nothing in a child:
//
//   ForkWatch watch_{[](void* self) { static_cast<Owner*>(self)->in_child_ = true; }, this};
//
// Thread safe.
#pragma once

#include "util/sync.h"

namespace logwood {

// While one of these lives no thread of this process forks: for what must change together with the
// list of watches. Hold it shortly, and over nothing that blocks.
class ForkLock {
 public:
  ForkLock();
  ~ForkLock();
  ForkLock(const ForkLock&) = delete;
  ForkLock& operator=(const ForkLock&) = delete;
};

class ForkWatch {
 public:
  // Called in the child before fork returns there. May only store, and make system calls that are
  // safe in a signal handler.
  using InChild = void (*)(void* context);

  ForkWatch(InChild in_child, void* context);
  ForkWatch(const ForkLock& held, InChild in_child, void* context);
  ~ForkWatch();
  ForkWatch(const ForkWatch&) = delete;
  ForkWatch& operator=(const ForkWatch&) = delete;
  // Ends it before its destructor does.
  void End(const ForkLock& held);

 private:
  friend struct ForkWatches;
  void Begin();

  const InChild in_child_;
  void* const context_;
  bool watching_ = false;
  ForkWatch* before_ = nullptr;
  ForkWatch* behind_ = nullptr;
};

}  // namespace logwood
