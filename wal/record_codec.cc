#include "wal/record_codec.h"

#include <cstring>

#include "util/check.h"
#include "util/coding.h"
#include "util/expiring_value.h"
#include "util/hash.h"
#include "util/internal_key.h"

namespace logwood {
namespace {

// Length field, the frame's bytes from the history hash up to its body, and the body's hash.
uint64_t FrameChecksum(const char* frame, const char* body, uint64_t body_hash,
                       const FrameContext& context, uint64_t offset) {
  char bytes[kFrameOverheadBytesMax + 8];
  size_t fields = static_cast<size_t>(body - frame) - kFrameHeadBytes;
  std::memcpy(bytes, frame, 4);
  std::memcpy(bytes + 4, frame + kFrameHeadBytes, fields);
  std::memcpy(bytes + 4 + fields, &body_hash, 8);
  return Hash64({bytes, 4 + fields + 8}, ChecksumSeed(context.file_id, offset));
}

}  // namespace

char* EncodeFrame(char* to, const FrameContext& context, uint64_t offset, uint64_t previous_hash,
                  CommitRecord* record) {
  CHECK(record->position >= context.first_position && record->position <= kPositionMax);
  CHECK(record->time_us >= context.first_time_us && record->durable < record->position);
  char* p = to + kFrameHeadBytes + 8;
  p = EncodeVarint(p, record->position - context.first_position);
  p = EncodeVarint(p, record->time_us - context.first_time_us);
  p = EncodeVarint(p, record->position - record->durable);
  p = EncodeVarint(p, record->flags);
  p = EncodeVarint(p, record->operation_count);
  p = EncodeVarint(p, record->note.size());
  char* body = p;
  if (!record->note.empty()) std::memcpy(p, record->note.data(), record->note.size());
  p += record->note.size();
  if (!record->operations.empty())
    std::memcpy(p, record->operations.data(), record->operations.size());
  p += record->operations.size();
  uint64_t body_hash = Hash64({body, static_cast<size_t>(p - body)});
  bool is_trailer = (record->flags & kFlagTrailer) != 0;
  record->history_hash =
      is_trailer ? previous_hash : NextHistoryHash(previous_hash, *record, body_hash);
  StoreFixed(to, static_cast<uint32_t>(p - to - static_cast<ptrdiff_t>(kFrameHeadBytes)));
  StoreFixed(to + kFrameHeadBytes, record->history_hash);
  StoreFixed(to + 4, FrameChecksum(to, body, body_hash, context, offset));
  return p;
}

const char* DecodeFrame(std::string_view frame, const FrameContext& context, uint64_t offset,
                        CommitRecord* record, uint64_t* body_hash) {
  if (frame.size() < kFrameBytesMin) return "shorter than any record";
  if (LoadFixed<uint32_t>(frame.data()) != frame.size() - kFrameHeadBytes) return "length";
  Decoder in(frame.substr(kFrameHeadBytes));
  uint64_t history_hash = in.Fixed64();
  uint64_t position_delta = in.Varint64();
  uint64_t time_delta = in.Varint64();
  uint64_t durable_delta = in.Varint64();
  uint32_t flags = in.Varint32();
  uint32_t operation_count = in.Varint32();
  uint32_t note_bytes = in.Varint32();
  if (!in.ok() || note_bytes > in.remaining()) return "its fields do not fit its length";
  std::string_view body = in.rest();
  *body_hash = Hash64(body);
  if (!ChecksumMatches(LoadFixed<uint64_t>(frame.data() + 4),
                       FrameChecksum(frame.data(), body.data(), *body_hash, context, offset))) {
    return "checksum does not match";
  }
  if (position_delta > kPositionMax - context.first_position) return "position out of range";
  if (time_delta > kRecordTimeMaxUs - context.first_time_us) return "time out of range";
  record->position = context.first_position + position_delta;
  if (durable_delta == 0 || durable_delta > record->position) return "durable point out of range";
  record->time_us = context.first_time_us + time_delta;
  record->durable = record->position - durable_delta;
  record->flags = flags;
  record->operation_count = operation_count;
  record->note = body.substr(0, note_bytes);
  record->operations = body.substr(note_bytes);
  record->history_hash = history_hash;
  return nullptr;
}

std::string EncodeTrailer(const SegmentTrailer& trailer, uint64_t frame_offset) {
  std::string bytes;
  PutVarint(&bytes, trailer.records);
  PutVarint(&bytes, trailer.last_position);
  PutVarint(&bytes, trailer.last_time_us);
  PutVarint(&bytes, trailer.index.size());
  IndexEntry before;
  for (const IndexEntry& entry : trailer.index) {
    PutVarint(&bytes, entry.position - before.position);
    PutVarint(&bytes, entry.offset - before.offset);
    before = entry;
  }
  PutFixed64(&bytes, frame_offset);
  PutFixed64(&bytes, kTrailerMagic);
  return bytes;
}

std::optional<SegmentTrailer> DecodeTrailer(std::string_view bytes, uint64_t frame_offset) {
  Decoder in(bytes);
  SegmentTrailer trailer;
  trailer.records = in.Varint64();
  trailer.last_position = in.Varint64();
  trailer.last_time_us = in.Varint64();
  uint64_t entries = in.Varint64();
  if (!in.ok() || entries > in.remaining() / 2) return std::nullopt;
  trailer.index.reserve(entries);
  IndexEntry at;
  for (uint64_t i = 0; i < entries; ++i) {
    uint64_t position_delta = in.Varint64();
    uint64_t offset_delta = in.Varint64();
    if (position_delta == 0 || position_delta > kPositionMax - at.position) return std::nullopt;
    if (offset_delta == 0 || offset_delta >= frame_offset - at.offset) return std::nullopt;
    at.position += position_delta;
    at.offset += offset_delta;
    if (at.offset < kCatalogueOffset) return std::nullopt;
    trailer.index.push_back(at);
  }
  uint64_t stored_offset = in.Fixed64();
  uint64_t magic = in.Fixed64();
  if (!in.ok() || !in.empty() || stored_offset != frame_offset || magic != kTrailerMagic)
    return std::nullopt;
  return trailer;
}

}  // namespace logwood
