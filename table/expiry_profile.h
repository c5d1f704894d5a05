// ExpiryProfile: how many of a table's entries expire, and when, about: so that a compaction is
// made for their sake once it is worth it.
//
//   ExpirySampler sampler;
//   for (each put that expires) sampler.Add(expires_us);
//   const ExpiryProfile profile = sampler.Finish();
//   if (profile.ExpiredBy(now_us) > entries / 2) ...
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace logwood {

struct ExpiryProfile {
  uint64_t entries = 0;                // that expire
  std::array<uint64_t, 4> times_us{};  // by which a quarter of them, half, three quarters, all have

  // Not more than have expired, but for what sampling missed.
  uint64_t ExpiredBy(uint64_t time_us) const {
    const auto past = std::upper_bound(times_us.begin(), times_us.end(), time_us);
    return entries * static_cast<uint64_t>(past - times_us.begin()) / times_us.size();
  }
  friend bool operator==(const ExpiryProfile&, const ExpiryProfile&) = default;
};

// Keeps every n-th time, twice as far apart each time there are too many: the same entries always
// give the same profile.
class ExpirySampler {
 public:
  void Add(uint64_t expires_us) {
    last_us_ = std::max(last_us_, expires_us);
    if (entries_++ % apart_ != 0) return;
    if (samples_.size() == kSamplesMax) Thin();
    if ((entries_ - 1) % apart_ == 0) samples_.push_back(expires_us);
  }
  uint64_t entries() const { return entries_; }
  ExpiryProfile Finish() {
    ExpiryProfile profile;
    profile.entries = entries_;
    if (entries_ == 0) return profile;
    std::sort(samples_.begin(), samples_.end());
    const size_t quarters = profile.times_us.size();
    for (size_t i = 0; i + 1 < quarters; ++i)
      profile.times_us[i] = samples_[(samples_.size() - 1) * (i + 1) / quarters];
    profile.times_us.back() = last_us_;
    return profile;
  }

 private:
  static constexpr size_t kSamplesMax = 512;

  void Thin() {
    for (size_t i = 0; i < samples_.size() / 2; ++i) samples_[i] = samples_[2 * i];
    samples_.resize(samples_.size() / 2);
    apart_ *= 2;
  }

  uint64_t entries_ = 0, last_us_ = 0, apart_ = 1;
  std::vector<uint64_t> samples_;
};

}  // namespace logwood
