// Which epochs of its history a database still has to remember. Every recovery that no clean close
// preceded begins one, so a process that crashes in a loop would fill the manifest with them.
#pragma once

#include <cstddef>
#include <vector>

#include "db/edit.h"

namespace logwood {

// 28 KB of the manifest, at most.
inline constexpr size_t kEpochsMax = 1024;

// What stays of `epochs` (oldest first, the last is the current one) when the log begins at
// `log_begin`. A cursor belongs to an epoch and is good while the commit behind it is in the log:
//   * an epoch whose successor began below log_begin has no good cursor left, and goes;
//   * beyond kEpochsMax those go, oldest first, in which no commit survived; a consumer that stored
//     its cursor just then starts over. Then the oldest.
std::vector<Epoch> RememberedEpochs(std::vector<Epoch> epochs, LogPos log_begin);

}  // namespace logwood
