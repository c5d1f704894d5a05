// ViewHolder: the current view, readable without a lock and without writing a cache line that other
// readers use. A view never changes (invariant 10).
//
// A reader announces the view it is about to use in a slot of its own thread (a hazard pointer:
// Michael, "Hazard Pointers: Safe Memory Reclamation for Lock-Free Objects", 2004), then checks
// that the view is still the current one. The installer swaps the current view first and looks at
// the slots second. Both pairs are sequentially consistent, so either the reader sees the swap and
// tries again, or the installer sees the slot and keeps the old view for later.
#pragma once

#include <atomic>
#include <memory>
#include <vector>

#include "db/version.h"
#include "util/sync.h"

namespace logwood {

class ViewHolder {
 public:
  explicit ViewHolder(std::shared_ptr<const View> first);
  ~ViewHolder();
  ViewHolder(const ViewHolder&) = delete;
  ViewHolder& operator=(const ViewHolder&) = delete;

  // Thread safe.
  void Install(std::shared_ptr<const View> next);
  // For readers that hold it longer than a call: takes a lock.
  std::shared_ptr<const View> Share() const;
  // Lets go of views that no reader announces any more.
  void Reclaim();

  // The view for the length of one read on this thread.
  class Guard {
   public:
    explicit Guard(const ViewHolder& holder);
    ~Guard();
    Guard(const Guard&) = delete;
    Guard& operator=(const Guard&) = delete;
    const View* operator->() const { return view_; }
    const View& operator*() const { return *view_; }

   private:
    const View* view_;
    std::atomic<const View*>* slot_;
    std::shared_ptr<const View> shared_;  // when the thread has no free slot
  };

 private:
  std::atomic<const View*> current_;
  mutable Mutex mutex_;
  std::shared_ptr<const View> owner_ GUARDED_BY(mutex_);  // of current_
  std::vector<std::shared_ptr<const View>> retired_ GUARDED_BY(mutex_);
};

}  // namespace logwood
