// The chain of segments: which of the files that are there make up the log, in which order, and how
// much of each counts. A pure function over what their first pages say (SegmentProbe).
//
// The newest readable header decides, and each header names its predecessor and how much of it
// counts. So segments that an earlier recovery discarded, and whose removal a crash took back, are
// not in the chain. Behind a header that is damaged or missing the next older file is taken for its
// predecessor: at worst the reader then meets the place at which that recovery stopped.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "wal/segment_probe.h"

namespace logwood {

struct SegmentFile {
  uint64_t number = 0;  // of its name
  SegmentProbe probe;
};

struct ChainLink {
  enum class Kind : uint8_t { kReadable, kUnreadable, kMissing };
  Kind kind = Kind::kMissing;
  uint64_t number = 0;
  size_t file = 0;  // index of the SegmentFile; not for kMissing
  Status reason;    // why it is not readable
  // What a readable successor's header says of this segment.
  bool bounded = false;
  uint64_t length_max = ~uint64_t{0};
  LogPos last_position_max = ~LogPos{0};
};

// Ok when the header is readable and is that of this file of this database.
Status CheckOwnSegment(const SegmentFile& file, const Id128& history_id, const Id128& instance_id);

// Files ascend by number. The links ascend, too; a missing link never stands first.
std::vector<ChainLink> BuildChain(std::span<const SegmentFile> files, const Id128& history_id,
                                  const Id128& instance_id);

// The highest durable point that this file's first pages prove for this instance, also when its
// header is damaged or is that of another number; 0: none.
LogPos DurableEvidence(const SegmentFile& file, const Id128& instance_id);

}  // namespace logwood
