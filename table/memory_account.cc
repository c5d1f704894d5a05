#include "table/memory_account.h"

namespace logwood {

MemoryAccount::MemoryAccount(BlockCache* cache, Of of, uint64_t own_bytes)
    : cache_(cache), of_(of), own_bytes_(own_bytes) {
  if (cache_ == nullptr || own_bytes == 0) return;
  cache_->AdjustHeld(static_cast<int64_t>(own_bytes));
  cache_->AdjustPinned(static_cast<int64_t>(own_bytes));
}

MemoryAccount::~MemoryAccount() {
  if (cache_ == nullptr) return;
  Adjust(-told_bytes_);
  if (own_bytes_ == 0) return;
  cache_->AdjustHeld(-static_cast<int64_t>(own_bytes_));
  cache_->AdjustPinned(-static_cast<int64_t>(own_bytes_));
}

void MemoryAccount::Tell() {
  if (cache_ == nullptr) return;
  const uint64_t now = (bytes_ + kStepBytes - 1) / kStepBytes * kStepBytes;
  Adjust(now - told_bytes_);
  told_bytes_ = now;
}

void MemoryAccount::Adjust(uint64_t delta_bytes) {
  if (delta_bytes == 0) return;
  const auto delta = static_cast<int64_t>(delta_bytes);
  of_ == Of::kReader ? cache_->AdjustPinned(delta) : cache_->AdjustJobs(delta);
}

}  // namespace logwood
