// ThreadScratch: an object of the calling thread, made at its first use and kept until the thread
// ends. Unlike a plain thread_local it may be used to the very end: by destructors of static
// objects, which run when the main thread's thread_local objects are gone. What is made that late
// is never destroyed.
//
//   WriteBatch& batch = ThreadScratch<WriteBatch, struct PutBatch>();   // one for each tag
#pragma once

#include <utility>

namespace logwood {

template <typename T, typename Tag>
T& ThreadScratch() {
  // Without destructors, so readable as long as the thread runs.
  thread_local T* object = nullptr;
  thread_local bool ended = false;
  if (object == nullptr) [[unlikely]] {
    object = new T;
    if (!ended) {
      struct Owner {
        ~Owner() {
          ended = true;
          delete std::exchange(object, nullptr);
        }
      };
      thread_local const Owner owner;
      static_cast<void>(&owner);
    }
  }
  return *object;
}

}  // namespace logwood
