// The walk over a range of records that scan, count and export have in common.
#pragma once

#include <cstdint>
#include <functional>
#include <string_view>

#include "tools/command_open.h"
#include "tools/command_options.h"
#include "tools/progress.h"

namespace logwood::tools {

struct WalkOptions {
  Range range;
  uint64_t limit = 0;  // 0: none
  bool reverse = false;
};

// Calls `visit` with each record until it returns false. `*visited` counts the calls. `progress`
// is told about them.
Status WalkRecords(const Opened& opened, const WalkOptions& options, Progress* progress,
                   const std::function<bool(std::string_view key, std::string_view value)>& visit,
                   uint64_t* visited);

// A progress line whose total is the engine's estimate.
Progress WalkProgress(const Opened& opened, const WalkOptions& options, std::string label,
                      bool wanted);

}  // namespace logwood::tools
