// VerifyDatabase: reads every byte of a database and reports each damage.
#pragma once

#include <functional>
#include <vector>

#include "db/core.h"
#include "wal/segments.h"

namespace logwood {

struct VerifyInput {
  LogPos last_position = 0;               // everything up to here must be readable
  std::vector<RetainedSegment> segments;  // `bytes`: how far each counts, 0: to its own end
  // Header and name of the segments up to this one were made durable.
  uint64_t durable_segment = ~uint64_t{0};
  // The last position that must be there by now: behind it a failed sync may have cost commits,
  // which was told. Empty: all of them.
  std::function<LogPos()> certain;
  std::optional<Damage> log;  // what the open found and was told to bear with
  // Whether a segment that is gone was removed because nothing needs it any more; may be empty.
  std::function<bool(uint64_t number)> collected;
};

// kCorruption with the first damage, after all were reported; other failures as they come.
Status VerifyDatabase(Core& core, const VerifyInput& input,
                      const std::function<void(const Damage&)>& report,
                      const std::function<void(uint64_t, uint64_t)>& progress);

}  // namespace logwood
