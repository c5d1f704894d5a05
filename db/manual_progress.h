// ManualProgress: how far a compaction is that somebody waits for. What is left is estimated anew
// at each step; however wrong the estimates were, what is told never goes back and is all only at
// the end. One thread.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>

namespace logwood {

class ManualProgress {
 public:
  // `told` may be empty; it outlives this.
  explicit ManualProgress(const std::function<void(uint64_t done, uint64_t all)>& told)
      : told_(told) {}

  bool wanted() const { return static_cast<bool>(told_); }

  // Bytes left, as far as can be seen now. The first that are any are all there is to do.
  void Expect(uint64_t bytes) {
    left_ = bytes;
    if (all_ != 0 || bytes == 0) return;
    all_ = bytes;
    Tell();
  }

  void Advance(uint64_t bytes) {
    bytes = std::min(bytes, left_);
    if (bytes == 0) return;
    // Of the part of the way that is left so much as of the bytes that are left.
    const double share = static_cast<double>(bytes) / static_cast<double>(left_);
    done_ += static_cast<uint64_t>(static_cast<double>(all_ - done_) * share);
    done_ = std::min(done_, all_ - 1);
    left_ -= bytes;
    Tell();
  }

  void Finish() {
    done_ = all_;
    Tell();
  }

 private:
  void Tell() const {
    if (told_) told_(done_, all_);
  }

  const std::function<void(uint64_t, uint64_t)>& told_;
  uint64_t all_ = 0, done_ = 0, left_ = 0;
};

}  // namespace logwood
