// Frames: how a commit, and the trailer of a sealed segment, become bytes and back.
//
//   fixed 4 length | 8 checksum | 8 history hash | varint position - first_position |
//   varint time_us - first_time_us | varint position - durable | varint flags | varint operations |
//   varint note bytes | note | operations
//
// `length` counts the bytes after the checksum. No frame spans segments. A length of 0 is the end
// of what was written (never-written bytes are zeros).
//   body_hash    = Hash64(note + operations)
//   checksum     = Hash64(length field + bytes from history hash to note-length varint + body_hash,
//                  seed = ChecksumSeed(file id, frame offset)): independent of other frames
//   history hash = chain over body_hash, position, time, flags, counts and the previous history
//                  hash; the same in every replica whatever its segments
// The trailer is a frame with kFlagTrailer: its position is the one the next record would have had,
// its history hash that of the last record, its operations a SegmentTrailer.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "wal/log_format.h"

namespace logwood {

inline constexpr size_t kFrameHeadBytes = 12;  // length and checksum
inline constexpr size_t kFrameBytesMin = kFrameHeadBytes + 8 + 6;
// A frame takes at most this much besides its note and operations.
inline constexpr size_t kFrameOverheadBytesMax = kFrameHeadBytes + 8 + 3 * 10 + 3 * 5;
static_assert(kFrameOverheadBytesMax <= 128, "kRecordBytesMax allows for 128");

// What frames of one segment are relative to.
struct FrameContext {
  Id128 file_id;
  LogPos first_position = 0;
  uint64_t first_time_us = 0;
};

// Writes the frame that begins at `offset` of the file; returns its end. Sets
// record->history_hash: the next link, or for a trailer `previous_hash` itself.
// REQUIRES: room for kFrameOverheadBytesMax + note + operations at `to`; position, time and durable
// within what the format can say.
char* EncodeFrame(char* to, const FrameContext& context, uint64_t offset, uint64_t previous_hash,
                  CommitRecord* record);

// Decodes and verifies the frame that fills `frame` exactly. Null when good, else what is wrong.
// `record`'s views lie in `frame`. Does not look at flags or at other frames.
const char* DecodeFrame(std::string_view frame, const FrameContext& context, uint64_t offset,
                        CommitRecord* record, uint64_t* body_hash);

struct IndexEntry {
  LogPos position = 0;
  uint64_t offset = 0;
};

// The end of a sealed segment. Its last 16 bytes, and so the segment's, lead to the frame from
// behind: fixed 8 the frame's offset, 8 kTrailerMagic.
struct SegmentTrailer {
  uint64_t records = 0;
  LogPos last_position = 0;
  uint64_t last_time_us = 0;
  std::vector<IndexEntry> index;  // sparse, ascending
};
inline constexpr uint64_t kTrailerMagic = 0x4c494152'54474f4cULL;  // "LOGTRAIL"
inline constexpr size_t kTrailerEndBytes = 16;

std::string EncodeTrailer(const SegmentTrailer& trailer, uint64_t frame_offset);
// nullopt when the bytes are no trailer of a frame at `frame_offset` (offsets ascend below it).
std::optional<SegmentTrailer> DecodeTrailer(std::string_view bytes, uint64_t frame_offset);

}  // namespace logwood
