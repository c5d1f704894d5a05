// The walk over a range of records that scan, count and export have in common.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>

#include "logwood/db.h"
#include "tools/command_options.h"
#include "tools/progress.h"

namespace logwood::tools {

struct WalkOptions {
  Range range;
  uint64_t limit = 0;  // of each keyspace; 0: none
  bool reverse = false;
};

// Calls `visit` with each record of the keyspace until it returns false. Adds the number of calls
// to `*visited`. `progress` is told about them.
Status WalkRecords(DB& db, Keyspace keyspace, const WalkOptions& options, Progress* progress,
                   const std::function<bool(std::string_view key, std::string_view value)>& visit,
                   uint64_t* visited);

// A progress line whose total is the engine's estimate.
Progress WalkProgress(DB& db, std::span<const KeyspaceInfo> keyspaces, const WalkOptions& options,
                      std::string label, bool wanted);

}  // namespace logwood::tools
