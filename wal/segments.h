// The names of log segments, and which of them may go: a pure function over what is there and who
// needs it (retention).
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "logwood/options.h"
#include "logwood/types.h"

namespace logwood {

// "000012.log"
std::string LogFileName(uint64_t number);
// nullopt for anything LogFileName does not return.
std::optional<uint64_t> ParseLogFileName(std::string_view name);

struct RetainedSegment {
  uint64_t number = 0;
  LogPos first_position = 0;
  LogPos last_position = 0;
  uint64_t bytes = 0;
  uint64_t last_time_us = 0;
};

// In the order in which they are looked for: the first that holds is a segment's answer.
enum class KeepReason : uint8_t {
  kNone,
  kActive,          // the last one: it is written to
  kRecovery,        // holds commits that are not yet in durable tables
  kRetentionBytes,  // what is behind it is less than LogRetention::bytes_min
  kRetentionAge,    // its newest commit is younger than LogRetention::age_min
  kPinned,          // somebody still reads from it
};
// "active". Never null.
std::string_view KeepReasonName(KeepReason reason);

struct SegmentNeeds {
  LogPos tables_position = 0;           // commits up to here are in durable tables
  LogPos pinned_position = ~LogPos{0};  // somebody still reads from here
  LogRetention retention;
  uint64_t now_us = 0;  // record time, not the wall clock's word alone
};

// One reason a segment, in the order given (ascending, the last one is active). Segments go only
// from the front: a kept segment keeps all after it, which inherit its reason when they have none.
std::vector<KeepReason> DecideSegments(std::span<const RetainedSegment> segments,
                                       const SegmentNeeds& needs);

}  // namespace logwood
