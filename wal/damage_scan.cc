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

FrameSearch::FrameSearch(ReadWindow* window, const FrameContext& context, uint64_t records_offset,
                         uint64_t begin, uint64_t end)
    : window_(window),
      context_(context),
      records_offset_(records_offset),
      begin_(begin),
      end_(std::max(begin, end)),
      hash_budget_(std::max(kHashedBytesMin, (end_ - begin) * kHashedFactorMax)) {}

Result<bool> FrameSearch::Find(uint64_t from, uint64_t* offset, CommitRecord* record) {
  if (!data_end_known_) {
    RETURN_IF_ERROR(window_->FindDataEnd(begin_, end_, &data_end_));
    data_end_known_ = true;
  }
  // A frame's last bytes may be zeros: its end is looked for up to `end`, its begin only in data.
  for (uint64_t at = from; at < data_end_ && end_ - at >= kFrameBytesMin;) {
    std::string_view bytes;
    RETURN_IF_ERROR(window_->Fetch(at, kFrameBytesMin, end_, &bytes));
    bytes = bytes.substr(0, end_ - at);
    if (bytes.size() < kFrameBytesMin) break;
    size_t starts = bytes.size() - kFrameBytesMin + 1;
    size_t i = 0;
    while (i < starts && !Plausible(bytes.data() + i, at + i, records_offset_, end_)) ++i;
    at += i;
    if (i == starts) continue;
    uint64_t size = kFrameHeadBytes + LoadFixed<uint32_t>(bytes.data() + i);
    if (size > hash_budget_) break;
    RETURN_IF_ERROR(window_->Fetch(at, size, end_, &bytes));
    uint64_t body_hash = 0;
    if (bytes.size() >= size &&
        DecodeFrame(bytes.substr(0, size), context_, at, record, &body_hash) == nullptr) {
      *offset = at;
      return true;
    }
    hash_budget_ -= size;
    ++at;
  }
  return false;
}

Result<DamageEvidence> ScanForFrames(ReadWindow* window, const FrameContext& context,
                                     uint64_t records_offset, uint64_t begin, uint64_t end) {
  DamageEvidence evidence;
  evidence.data_end = begin;
  if (end <= begin) return evidence;
  FrameSearch search(window, context, records_offset, begin, end);
  for (uint64_t from = begin;;) {
    CommitRecord record;
    uint64_t at = 0;
    ASSIGN_OR_RETURN(const bool found, search.Find(from, &at, &record));
    evidence.data_end = search.data_end();
    if (!found) return evidence;
    Note(record, at, &evidence);
    if (evidence.trailer) return evidence;
    std::string_view bytes;
    RETURN_IF_ERROR(window->Fetch(at, kFrameHeadBytes, end, &bytes));
    from = at + kFrameHeadBytes + LoadFixed<uint32_t>(bytes.data());
  }
}

}  // namespace logwood
