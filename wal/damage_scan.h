// What lies behind damage: a search for frames at every offset, because a bad length says nothing
// about where the next record begins. A frame's checksum is seeded with file id and offset, so one
// that fits was written there, into this segment. Hashing every candidate would cost the segment's
// length at each offset of ordinary data, small numbers for instance; so a candidate first has to
// be one by its fields and operations, of which only the beginnings are read.
#pragma once

#include <cstdint>

#include "wal/read_window.h"
#include "wal/record_codec.h"

namespace logwood {

// Finds one frame after the other in [begin, end) of the segment whose records begin at
// records_offset, whatever lies between them.
class FrameSearch {
 public:
  // The window outlives it.
  FrameSearch(ReadWindow* window, const FrameContext& context, uint64_t records_offset,
              uint64_t begin, uint64_t end);

  // The next good frame at or behind `from`: sets *offset and *record, whose views live until the
  // window is used again. False: there is none.
  Result<bool> Find(uint64_t from, uint64_t* offset, CommitRecord* record);
  // Behind the last byte of the range that is not zero; its begin: none. After the first Find.
  uint64_t data_end() const { return data_end_; }

 private:
  struct Candidate;
  enum class Looks : uint8_t { kWrong, kRight, kOdd };
  Result<bool> ReadFields(uint64_t at, Candidate* candidate);
  Result<Looks> LookAt(const Candidate& candidate);
  Result<bool> WalkOperations(const Candidate& candidate);
  Result<bool> IsTrailer(const Candidate& candidate);
  Result<bool> NextFollows(const Candidate& candidate);
  Result<bool> Verify(const Candidate& candidate, CommitRecord* record);

  ReadWindow* const window_;
  const FrameContext context_;
  const uint64_t records_offset_, begin_, end_;
  uint64_t budget_;      // of looks, and of bytes hashed in vain
  uint64_t odd_budget_;  // the same, where it does not look like a frame from inside
  uint64_t data_end_ = 0;
  bool data_end_known_ = false;
};

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
// by a multiple of the range; a range made to look like frames may hide records from it, data that
// is damaged cannot.
Result<DamageEvidence> ScanForFrames(ReadWindow* window, const FrameContext& context,
                                     uint64_t records_offset, uint64_t begin, uint64_t end);

}  // namespace logwood
