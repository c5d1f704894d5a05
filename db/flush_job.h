// RunFlush: sealed memtables become one level-0 table (or none, when nothing of them survives). No
// lock is held, nothing is installed.
#pragma once

#include <span>
#include <vector>

#include "compaction/table_sink.h"
#include "db/recovery.h"

namespace logwood {

// `memtables` oldest first. The caller has synced the log up to the last one's end (invariant 6),
// and syncs the directory before it commits the result. kCorruption: memory changed by itself.
Result<SinkResult> RunFlush(std::span<const SealedMemtable> memtables, const SurvivalRules& rules,
                            const SinkOptions& options);

}  // namespace logwood
