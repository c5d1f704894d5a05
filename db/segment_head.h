// MendSegmentHead: the head of a log segment that was never synced, made whole before the segment
// becomes durable. A loss of power may have torn one of its two headers or its catalogue, or left
// stale bytes between them. That is no damage, for nothing there was promised; but it would look
// like damage from then on. Nothing else is written to a recovered segment (invariant 15).
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "db/catalogue.h"
#include "logwood/file_system.h"
#include "wal/replay.h"

namespace logwood {

struct SegmentHeadMend {
  FileSystem* fs = nullptr;
  std::string directory;
  // Those that count, ascending, up to and with the one to be mended.
  std::vector<SegmentSummary> segments;
  // The catalogue at a position, from elsewhere than the log.
  std::function<Status(LogPos position, Catalogue* catalogue)> load;
};

// Stores what can be proven by checksums, in `file`; what cannot stays as it is, but where a read
// failed that might prove it that is the answer. The caller syncs.
Status MendSegmentHead(const SegmentHeadMend& mend, LogFile* file);

}  // namespace logwood
