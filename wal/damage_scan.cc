#include "wal/damage_scan.h"

#include <algorithm>

#include "util/coding.h"
#include "util/internal_key.h"
#include "util/status_macros.h"

namespace logwood {
namespace {

// Bytes hashed in vain per byte of the range, and at least so many.
constexpr uint64_t kHashedFactorMax = 64;
constexpr uint64_t kHashedBytesMin = 64 * 1024 * 1024;
// What a look at one operation costs, in bytes hashed.
constexpr uint64_t kStepCost = 64;

// Could a frame begin here? Cheap, and seldom true of other bytes: a length that fits, and a
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

// A frame as its fields say.
struct FrameSearch::Candidate {
  uint64_t begin = 0, end = 0;
  uint64_t operations = 0;  // where they begin
  uint64_t position_delta = 0;
  uint32_t operation_count = 0;
  uint32_t flags = 0;
};

FrameSearch::FrameSearch(ReadWindow* window, const FrameContext& context, uint64_t records_offset,
                         uint64_t begin, uint64_t end)
    : window_(window),
      context_(context),
      records_offset_(records_offset),
      begin_(begin),
      end_(std::max(begin, end)),
      budget_(std::max(kHashedBytesMin, (end_ - begin) * kHashedFactorMax)),
      odd_budget_(budget_) {}

// False: they do not fit its length.
Result<bool> FrameSearch::ReadFields(uint64_t at, Candidate* candidate) {
  char head[kFrameOverheadBytesMax];
  ASSIGN_OR_RETURN(const size_t got, window_->Peek(at, sizeof(head), end_, head));
  if (got < kFrameBytesMin) return false;
  candidate->begin = at;
  candidate->end = at + kFrameHeadBytes + LoadFixed<uint32_t>(head);
  const size_t head_bytes = static_cast<size_t>(std::min<uint64_t>(got, candidate->end - at));
  Decoder in(std::string_view(head, head_bytes));
  in.Bytes(kFrameHeadBytes + 8);
  candidate->position_delta = in.Varint64();
  in.Varint64();  // of the time
  const uint64_t durable_delta = in.Varint64();
  candidate->flags = in.Varint32();
  candidate->operation_count = in.Varint32();
  const uint32_t note_bytes = in.Varint32();
  if (!in.ok() || durable_delta == 0 || note_bytes > kNoteBytesMax) return false;
  candidate->operations = at + (head_bytes - in.remaining()) + note_bytes;
  return candidate->operations <= candidate->end &&
         candidate->operation_count <= candidate->end - candidate->operations;
}

// Each operation leads to the next one, and the last to the frame's end.
Result<bool> FrameSearch::WalkOperations(const Candidate& candidate) {
  uint64_t at = candidate.operations;
  for (uint32_t left = candidate.operation_count; left > 0; --left) {
    char head[kVarint64BytesMax];
    budget_ -= std::min(budget_, kStepCost);
    ASSIGN_OR_RETURN(const size_t got, window_->Peek(at, sizeof(head), candidate.end, head));
    if (got < 2) return false;
    Decoder in(std::string_view(head, got));
    const uint8_t kind = in.Fixed8();
    const uint32_t key_bytes = in.Varint32();
    if (!in.ok() || !IsOperationKind(kind) || key_bytes == 0 || key_bytes > kStoredKeyBytesMax) {
      return false;
    }
    at += (got - in.remaining()) + key_bytes;
    if (at > candidate.end) return false;
    if (static_cast<EntryKind>(kind) == EntryKind::kDelete) continue;
    ASSIGN_OR_RETURN(const size_t more, window_->Peek(at, sizeof(head), candidate.end, head));
    Decoder value(std::string_view(head, more));
    const uint64_t value_bytes = value.Varint64();
    at += more - value.remaining();
    if (!value.ok() || value_bytes > candidate.end - at) return false;
    at += value_bytes;
  }
  return at == candidate.end;
}

Result<bool> FrameSearch::IsTrailer(const Candidate& candidate) {
  char end[kTrailerEndBytes];
  if (candidate.end - candidate.operations < sizeof(end)) return false;
  ASSIGN_OR_RETURN(const size_t got,
                   window_->Peek(candidate.end - sizeof(end), sizeof(end), candidate.end, end));
  return got == sizeof(end) && LoadFixed<uint64_t>(end) == candidate.begin &&
         LoadFixed<uint64_t>(end + 8) == kTrailerMagic;
}

// Whether what was written ends behind it, or the next position follows.
Result<bool> FrameSearch::NextFollows(const Candidate& candidate) {
  char head[kFrameBytesMin] = {};
  ASSIGN_OR_RETURN(const size_t got, window_->Peek(candidate.end, sizeof(head), end_, head));
  if (LoadFixed<uint32_t>(head) == 0) return true;
  uint64_t position_delta = 0;
  return got == sizeof(head) &&
         DecodeVarint64(head + kFrameHeadBytes + 8, head + got, &position_delta) != nullptr &&
         position_delta == candidate.position_delta + 1;
}

// One whose operations cannot be walked over may be of a newer version, or what its writer's memory
// made of it: it counts where what lies behind it bears it out.
Result<FrameSearch::Looks> FrameSearch::LookAt(const Candidate& candidate) {
  const bool is_trailer = (candidate.flags & kFlagTrailer) != 0;
  ASSIGN_OR_RETURN(const bool is_right,
                   is_trailer ? IsTrailer(candidate) : WalkOperations(candidate));
  if (is_right) return Looks::kRight;
  ASSIGN_OR_RETURN(const bool follows, NextFollows(candidate));
  return follows ? Looks::kOdd : Looks::kWrong;
}

Result<bool> FrameSearch::Verify(const Candidate& candidate, CommitRecord* record) {
  const uint64_t size = candidate.end - candidate.begin;
  std::string_view bytes;
  RETURN_IF_ERROR(window_->Fetch(candidate.begin, size, end_, &bytes));
  uint64_t body_hash = 0;
  return bytes.size() >= size && DecodeFrame(bytes.substr(0, size), context_, candidate.begin,
                                             record, &body_hash) == nullptr;
}

Result<bool> FrameSearch::Find(uint64_t from, uint64_t* offset, CommitRecord* record) {
  if (!data_end_known_) {
    RETURN_IF_ERROR(window_->FindDataEnd(begin_, end_, &data_end_));
    data_end_known_ = true;
  }
  // A frame's last bytes may be zeros: its end is looked for up to `end`, its begin only in data.
  for (uint64_t at = from; at < data_end_ && end_ - at >= kFrameBytesMin && budget_ > 0;) {
    std::string_view bytes;
    RETURN_IF_ERROR(window_->Fetch(at, kFrameBytesMin, end_, &bytes));
    bytes = bytes.substr(0, end_ - at);
    if (bytes.size() < kFrameBytesMin) break;
    size_t starts = bytes.size() - kFrameBytesMin + 1;
    size_t i = 0;
    while (i < starts && !Plausible(bytes.data() + i, at + i, records_offset_, end_)) ++i;
    at += i;
    if (i == starts) continue;
    Candidate candidate;
    ASSIGN_OR_RETURN(const bool fits, ReadFields(at, &candidate));
    Looks looks = Looks::kWrong;
    if (fits) {
      ASSIGN_OR_RETURN(looks, LookAt(candidate));
    }
    uint64_t& budget = looks == Looks::kOdd ? odd_budget_ : budget_;
    if (looks != Looks::kWrong && budget > 0) {
      ASSIGN_OR_RETURN(const bool good, Verify(candidate, record));
      if (good) {
        *offset = at;
        return true;
      }
      budget -= std::min(budget, candidate.end - candidate.begin);
    }
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
