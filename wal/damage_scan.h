// What lies behind damage: a search for frames at every offset, because a bad length says nothing
// about where the next record begins. A frame's checksum is seeded with file id and offset, so one
// that fits was written there, into this segment.
#pragma once

#include <cstdint>

#include "wal/read_window.h"
#include "wal/record_codec.h"

namespace logwood {

struct DamageEvidence {
  uint64_t records = 0;  // good ones found; 0: the four fields below are 0
  LogPos durable = 0;    // the highest durable point any frame records
  LogPos first_position = 0;
  uint64_t first_offset = 0;
  LogPos last_position = 0;
  bool trailer = false;  // a valid trailer follows, so the segment was complete
  LogPos trailer_last_position = 0;
  uint64_t data_end = 0;  // behind the last byte that is not zero; the range's begin: none
};

// Looks at [begin, end) of the segment whose records begin at records_offset. The work is bounded
// by a multiple of the range; a hostile range may hide records from it, an accident cannot.
Result<DamageEvidence> ScanForFrames(ReadWindow* window, const FrameContext& context,
                                     uint64_t records_offset, uint64_t begin, uint64_t end);

}  // namespace logwood
