#include "wal/damage_scan.h"

#include <algorithm>

#include "util/coding.h"
#include "util/status_macros.h"

namespace logwood {
namespace {

// Bytes hashed in vain per byte of the range, and at least so many.
constexpr uint64_t kHashedFactorMax = 64;
constexpr uint64_t kHashedBytesMin = 64 * 1024 * 1024;

// Could a frame begin here? Cheap, and almost never true of other bytes: a length that fits, and a
// position that could lie at this offset.
bool Plausible(const char* p, uint64_t offset, uint64_t records_offset, uint64_t end) {
  uint64_t length = LoadFixed<uint32_t>(p);
  if (length < kFrameBytesMin - kFrameHeadBytes || length > kRecordBytesMax) return false;
  if (length > end - offset - kFrameHeadBytes) return false;
  uint64_t position_delta = 0;
  if (DecodeVarint64(p + kFrameHeadBytes + 8, p + kFrameBytesMin, &position_delta) == nullptr)
    return false;
  return offset >= records_offset && position_delta <= (offset - records_offset) / kFrameBytesMin;
}

void Note(const CommitRecord& record, uint64_t offset, DamageEvidence* evidence) {
  evidence->durable = std::max(evidence->durable, record.durable);
  if ((record.flags & kFlagTrailer) != 0) {
    evidence->trailer = true;
    evidence->trailer_last_position = record.position - 1;
    return;
  }
  if (evidence->records == 0) {
    evidence->first_position = record.position;
    evidence->first_offset = offset;
  }
  ++evidence->records;
  evidence->last_position = std::max(evidence->last_position, record.position);
}

}  // namespace

Result<DamageEvidence> ScanForFrames(ReadWindow* window, const FrameContext& context,
                                     uint64_t records_offset, uint64_t begin, uint64_t end) {
  DamageEvidence evidence;
  evidence.data_end = begin;
  if (end <= begin) return evidence;
  RETURN_IF_ERROR(window->FindDataEnd(begin, end, &evidence.data_end));
  uint64_t hash_budget = std::max(kHashedBytesMin, (end - begin) * kHashedFactorMax);
  // A frame's last bytes may be zeros: its end is looked for up to `end`, its begin only in data.
  for (uint64_t at = begin; at < evidence.data_end && end - at >= kFrameBytesMin;) {
    std::string_view bytes;
    RETURN_IF_ERROR(window->Fetch(at, kFrameBytesMin, end, &bytes));
    bytes = bytes.substr(0, end - at);
    if (bytes.size() < kFrameBytesMin) break;
    size_t starts = bytes.size() - kFrameBytesMin + 1;
    size_t i = 0;
    while (i < starts && !Plausible(bytes.data() + i, at + i, records_offset, end)) ++i;
    at += i;
    if (i == starts) continue;
    uint64_t size = kFrameHeadBytes + LoadFixed<uint32_t>(bytes.data() + i);
    if (size > hash_budget) break;
    RETURN_IF_ERROR(window->Fetch(at, size, end, &bytes));
    if (bytes.size() < size) {
      ++at;
      continue;
    }
    CommitRecord record;
    uint64_t body_hash = 0;
    if (DecodeFrame(bytes.substr(0, size), context, at, &record, &body_hash) == nullptr) {
      Note(record, at, &evidence);
      if (evidence.trailer) break;
      at += size;
    } else {
      hash_budget -= size;
      ++at;
    }
  }
  return evidence;
}

}  // namespace logwood
