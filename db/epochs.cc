#include "db/epochs.h"

#include <utility>

namespace logwood {

std::vector<Epoch> RememberedEpochs(std::vector<Epoch> epochs, LogPos log_begin) {
  std::vector<Epoch> good;
  for (size_t i = 0; i < epochs.size(); ++i) {
    const bool current = i + 1 == epochs.size();
    if (current || epochs[i + 1].first_position >= log_begin) good.push_back(epochs[i]);
  }
  if (good.size() <= kEpochsMax) return good;
  size_t surplus = good.size() - kEpochsMax;
  std::vector<Epoch> kept;
  for (size_t i = 0; i < good.size(); ++i) {
    const bool empty = i + 1 < good.size() && good[i].first_position == good[i + 1].first_position;
    if (empty && surplus > 0) {
      --surplus;
    } else {
      kept.push_back(good[i]);
    }
  }
  kept.erase(kept.begin(), kept.begin() + static_cast<std::ptrdiff_t>(surplus));
  return kept;
}

}  // namespace logwood
