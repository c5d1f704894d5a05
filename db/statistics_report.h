// From counters to the public Stats.
#pragma once

#include "db/core.h"
#include "logwood/stats.h"

namespace logwood {

// What the core alone knows; the engine adds the log, the background work and the errors.
Stats ReportStatistics(const Core& core);

}  // namespace logwood
