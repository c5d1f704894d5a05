#include "logwood/types.h"

namespace logwood {

Deadline DeadlineAfter(std::chrono::nanoseconds duration) {
  const Deadline now = std::chrono::steady_clock::now();
  // The steady clock does not go below zero, so that neither side can overflow.
  return duration >= kNoDeadline - now ? kNoDeadline : now + duration;
}

std::string Id128::ToString() const {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string text(32, '0');
  for (size_t i = 0; i < 16; ++i) {
    text[15 - i] = kDigits[high >> (4 * i) & 0xf];
    text[31 - i] = kDigits[low >> (4 * i) & 0xf];
  }
  return text;
}

}  // namespace logwood
