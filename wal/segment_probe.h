// SegmentProbe: what the first pages of a segment file say about it - the header, and the durable
// points in header and slots, which speak also when the header is damaged.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>

#include "logwood/file_system.h"
#include "wal/log_format.h"

namespace logwood {

struct SegmentProbe {
  enum class Kind : uint8_t {
    kReadable,
    kBlank,        // shorter than a header or all zeros there: a spare, or never synced
    kDamaged,      // bytes that are no header: torn, rotten or foreign
    kUnsupported,  // a newer format says so
  };
  Kind kind = Kind::kDamaged;
  Status status;          // why it is not readable; names the file and the offset
  DecodedHeader decoded;  // when readable
  uint64_t file_bytes = 0;
  std::array<std::optional<DurableSlot>, 2> slots;  // those whose checksum fits

  const SegmentHeader& header() const { return decoded.header; }
  // The highest durable point of the header and the slots that belong to it; 0 when not readable.
  LogPos durable_point() const;
};

// Fails only when the file system does (kNotFound: no such file). `name` is for messages.
Result<SegmentProbe> ProbeSegment(const RandomAccessFile& file, const std::string& name);

// "dir/000012.log" -> "000012.log".
std::string FileNameOf(const std::string& path);

}  // namespace logwood
