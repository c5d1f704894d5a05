#include "tests/simulation/schedule.h"

#include <algorithm>
#include <array>
#include <sstream>
#include <vector>

#include "util/check.h"
#include "util/random.h"

namespace logwood::test {

namespace {

// An access to an atomic is one point among very many: it counts as one only so often.
constexpr uint64_t kAtomicsPerPoint = 16;

class RandomWalk final : public Strategy {
 public:
  explicit RandomWalk(const ScheduleOptions& options)
      : random_(options.seed), switch_one_in_(options.switch_one_in), left_(NextTurn()) {}

  void Started(uint32_t /*thread*/) override {}
  bool Chooses(const Moment& moment) override {
    if (moment.point == Point::kSpin) return true;
    if (moment.point == Point::kAtomic && ++atomics_ % kAtomicsPerPoint != 0 &&
        switch_one_in_ > 2) {
      return false;
    }
    if (--left_ != 0) return false;
    left_ = NextTurn();
    return true;
  }
  uint32_t Choose(std::span<const uint32_t> ready) override {
    return ready[random_.Uniform(ready.size())];
  }

 private:
  uint64_t NextTurn() { return 1 + random_.Uniform(2 * switch_one_in_ - 1); }

  Random random_;
  const uint64_t switch_one_in_;
  uint64_t left_;  // points until the next choice
  uint64_t atomics_ = 0;
};

// As in the paper; besides, who spins or has run for very long loses its importance, or a loop that
// waits for another thread, or for a timer, would never end.
class Priorities final : public Strategy {
 public:
  explicit Priorities(const ScheduleOptions& options) : random_(options.seed) {
    for (uint32_t i = 0; i < options.changes; ++i) {
      changes_.push_back(1 + random_.Uniform(options.changes_within));
    }
    std::sort(changes_.rbegin(), changes_.rend());  // the next one is the last
  }

  void Started(uint32_t thread) override {
    priorities_.resize(std::max<size_t>(priorities_.size(), thread + 1));
    priorities_[thread] = kLowMax + 1 + random_.Uniform(kLowMax);
    patience_.resize(priorities_.size(), kPatience);
  }
  bool Chooses(const Moment& moment) override {
    ++points_;
    bool changes = moment.point == Point::kSpin;
    while (!changes_.empty() && changes_.back() <= points_) {
      changes_.pop_back();
      changes = true;
    }
    if (--patience_[moment.running] == 0) {
      patience_[moment.running] = kPatience;
      changes = true;
    }
    if (changes) priorities_[moment.running] = --low_;
    return changes || moment.news;
  }
  uint32_t Choose(std::span<const uint32_t> ready) override {
    return *std::max_element(ready.begin(), ready.end(), [this](uint32_t a, uint32_t b) {
      return priorities_[a] < priorities_[b];
    });
  }

 private:
  static constexpr uint64_t kLowMax = uint64_t{1} << 40;
  static constexpr uint64_t kPatience = 4000;

  Random random_;
  std::vector<uint64_t> changes_;     // the points at which they come, descending
  std::vector<uint64_t> priorities_;  // by thread
  uint64_t low_ = kLowMax;            // below it nothing was given out
  uint64_t points_ = 0;
  std::vector<uint64_t> patience_;  // of each thread
};

}  // namespace

std::string_view PointName(Point point) {
  constexpr std::array<std::string_view, 11> kPointNames = {"lock",  "unlock", "wait",  "notify",
                                                            "start", "join",   "sleep", "clock",
                                                            "spin",  "atomic", "end"};
  static_assert(static_cast<size_t>(Point::kEnd) + 1 == kPointNames.size());
  return kPointNames[static_cast<size_t>(point)];
}

ScheduleOptions ScheduleOptions::FromSeed(uint64_t seed) {
  Random random(seed * 2 + 1);
  ScheduleOptions options;
  options.seed = random.Next();
  options.strategy = random.OneIn(2) ? Strategy::kRandomWalk : Strategy::kPriorities;
  constexpr std::array<uint64_t, 6> kSwitches = {1, 3, 10, 30, 100, 300};
  options.switch_one_in = kSwitches[random.Uniform(kSwitches.size())];
  options.changes = static_cast<uint32_t>(1 + random.Uniform(20));
  options.changes_within = uint64_t{500} << random.Uniform(8);
  constexpr std::array<uint64_t, 4> kJumps = {0, 30, 300, 3000};
  options.jump_one_in = kJumps[random.Uniform(kJumps.size())];
  constexpr std::array<uint64_t, 3> kSpurious = {0, 200, 2000};
  options.spurious_one_in = kSpurious[random.Uniform(kSpurious.size())];
  return options;
}

std::string ScheduleOptions::ToString() const {
  std::ostringstream text;
  if (strategy == Strategy::kRandomWalk) {
    text << "a random walk that switches at one point in " << switch_one_in;
  } else {
    text << "priorities with " << changes << " changes within " << changes_within << " points";
  }
  text << ", jumps at one in " << jump_one_in << ", spurious wake-ups at one in "
       << spurious_one_in;
  return text.str();
}

std::unique_ptr<Strategy> NewStrategy(const ScheduleOptions& options) {
  CHECK(options.switch_one_in > 0 && options.changes_within > 0);
  if (options.strategy == ScheduleOptions::Strategy::kRandomWalk) {
    return std::make_unique<RandomWalk>(options);
  }
  return std::make_unique<Priorities>(options);
}

}  // namespace logwood::test
