// MendSegmentHead: the head of a log segment that was never synced, made whole before the segment
// becomes durable. A loss of power may have torn one of its two headers or its catalogue, or left
// stale bytes between them. That is no damage, for nothing there was promised; but it would look
// like damage from then on. Nothing else is written to a recovered segment (invariant 15).
#pragma once

#include <functional>
#include <optional>
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

// Where the head of a segment is not as the sync left it that made it durable, and how.
struct HeadFlaw {
  uint64_t offset = 0;
  const char* what = nullptr;
};
// Of a durable segment that shows no commit: why all of them may be lost, and with them the marks
// that say how far the log was durable. nullopt: it never had any.
// `is_end`: nothing else says how many it had. Then where both slots are gone, or the file is zeros
// from within the catalogue on, its commits may be, too; another flaw of the catalogue is only
// that.
Result<std::optional<HeadFlaw>> FindHeadFlaw(const RandomAccessFile& file, bool is_end);

}  // namespace logwood
