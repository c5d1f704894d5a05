// SteppedOver: the deleted entries that one movement of an iterator passed one by one: tombstones,
// and what range deletes hide. Many make a scan slow; who runs the database is told of them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace logwood {

struct Core;

// One thread.
class SteppedOver {
 public:
  // In any order: a merge goes through several sources.
  void Note(std::string_view stored_key) {
    if (count_++ % kKeysSampled == 0) Widen(stored_key);
  }
  uint64_t count() const { return count_; }
  // Between which stored keys they lie, but for the last few.
  const std::string& first() const { return first_; }
  const std::string& last() const { return last_; }
  void Clear() { count_ = 0; }

 private:
  static constexpr uint64_t kKeysSampled = 64;
  void Widen(std::string_view stored_key);

  uint64_t count_ = 0;
  std::string first_, last_;
};

// A movement that passed so many is told of, one a second.
inline constexpr uint64_t kSteppedOverTold = 10'000;
inline constexpr uint64_t kSteppedOverPauseNanos = 1'000'000'000;

// An event, if it is time for one. No lock is held.
void TellSteppedOver(Core& core, const SteppedOver& passed);

}  // namespace logwood
