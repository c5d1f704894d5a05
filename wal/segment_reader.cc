#include "wal/segment_reader.h"

#include <algorithm>
#include <vector>

#include "util/coding.h"
#include "util/file_header.h"
#include "util/hash.h"
#include "util/status_macros.h"
#include "wal/read_window.h"
#include "wal/record_codec.h"
#include "wal/segment_probe.h"

namespace logwood {

struct SegmentReader::State {
  State(std::string p, std::unique_ptr<RandomAccessFile> f)
      : path(std::move(p)), name(FileNameOf(path)), file(std::move(f)), window(file.get()) {}

  const std::string path;
  const std::string name;
  const std::unique_ptr<RandomAccessFile> file;
  ReadWindow window;
  SegmentProbe probe;
  FrameContext context;
  Status catalogue_status;
  uint64_t limit = ~uint64_t{0};

  // Where reading stands: what must come next.
  uint64_t next_offset = 0;
  LogPos next_position = 0;
  uint64_t time_us = 0;
  uint64_t history_hash = 0;
  bool history_known = true;  // false behind a jump, until the next record

  uint64_t offset = 0;  // of what was returned last
  Status status;
  bool bad = false;
  bool at_trailer = false;
  uint64_t blank_from = 0;  // up to blank_to the file is known to hold zeros; for polling
  uint64_t blank_to = 0;

  std::vector<IndexEntry> index;  // sparse: of the trailer, or of what was seen
  bool index_is_whole = false;
  bool trailer_looked_for = false;

  uint64_t end() const { return std::min(limit, probe.file_bytes); }
  Status LoadCatalogue();
  Status LoadTrailerIndex();
  Outcome Bad(StatusCode code, std::string_view what);
  Outcome Error(Status error);
  Outcome EndOrHole();
  Result<bool> Grew();
  Outcome TooFewBytes(uint64_t left);
  Outcome Accept(const CommitRecord& record, uint64_t body_hash, uint64_t frame_bytes);
  Outcome Next(CommitRecord* record);
  void JumpTo(LogPos position);
};

// A damaged catalogue does not cost the segment: it only is empty, with a status.
Status SegmentReader::State::LoadCatalogue() {
  const DecodedHeader& decoded = probe.decoded;
  if (decoded.catalogue_bytes == 0) return Status::Ok();
  std::string_view bytes;
  uint64_t end = std::min(decoded.records_offset(), probe.file_bytes);
  RETURN_IF_ERROR(window.Fetch(kCatalogueOffset, decoded.catalogue_bytes, end, &bytes));
  bytes = bytes.substr(0, decoded.catalogue_bytes);
  if (bytes.size() < decoded.catalogue_bytes ||
      !ChecksumMatches(decoded.catalogue_checksum,
                       CatalogueChecksum(decoded.header.file_id, bytes))) {
    catalogue_status = Status::Corruption(name + ":" + std::to_string(kCatalogueOffset) +
                                          ": catalogue checksum does not match (" +
                                          std::to_string(decoded.catalogue_bytes) + " bytes)");
    return Status::Ok();
  }
  probe.decoded.header.catalogue = bytes;
  return Status::Ok();
}

SegmentReader::Outcome SegmentReader::State::Bad(StatusCode code, std::string_view what) {
  bad = true;
  status = WithWriter(Status(code, name + ":" + std::to_string(offset) + ": " + std::string(what)),
                      probe.decoded.writer);
  return Outcome::kBad;
}

SegmentReader::Outcome SegmentReader::State::Error(Status error) {
  status = std::move(error);
  return Outcome::kError;
}

// Zeros where a frame would begin: the end, unless there is data behind them.
SegmentReader::Outcome SegmentReader::State::EndOrHole() {
  uint64_t data_begin = end();
  if (blank_from != next_offset || blank_to != end()) {
    Status read = window.FindDataBegin(next_offset, end(), &data_begin);
    if (!read.ok()) return Error(std::move(read));
  }
  if (data_begin < end()) {
    return Bad(
        StatusCode::kCorruption,
        "zeros where a record should begin, but data behind them at " + std::to_string(data_begin));
  }
  blank_from = next_offset;
  blank_to = end();
  window.Drop();
  return Outcome::kEnd;
}

SegmentReader::Outcome SegmentReader::State::TooFewBytes(uint64_t left) {
  std::string_view bytes;
  Status read = window.Fetch(next_offset, left, end(), &bytes);
  if (!read.ok()) return Error(std::move(read));
  if (NonZeroEnd(bytes.substr(0, left)) == 0) return EndOrHole();
  return Bad(StatusCode::kCorruption,
             std::to_string(left) + " bytes up to the end, too few for a record");
}

// Whether a writer has made the file longer since its size was taken.
Result<bool> SegmentReader::State::Grew() {
  ASSIGN_OR_RETURN(const uint64_t size, file->Size());
  if (size <= probe.file_bytes || probe.file_bytes >= limit) return false;
  probe.file_bytes = size;
  window.Drop();
  return true;
}

SegmentReader::Outcome SegmentReader::State::Next(CommitRecord* record) {
  if (bad) return Outcome::kBad;
  if (at_trailer) return Outcome::kTrailer;
  status = Status::Ok();
  offset = next_offset;
  if (next_offset >= end() || blank_from == next_offset) {
    Result<uint64_t> size = file->Size();
    if (!size.ok()) return Error(size.status());
    probe.file_bytes = *size;
  }
  if (next_offset > end()) {
    return Bad(StatusCode::kCorruption,
               "the segment ends at " + std::to_string(end()) + ", before its records begin");
  }
  uint64_t left = end() - next_offset;
  if (left == 0) return EndOrHole();
  if (left < kFrameBytesMin) {
    const Result<bool> grew = Grew();
    if (!grew.ok()) return Error(grew.status());
    return *grew ? Next(record) : TooFewBytes(left);
  }
  std::string_view bytes;
  Status read = window.Fetch(next_offset, kFrameBytesMin, end(), &bytes);
  if (!read.ok()) return Error(std::move(read));
  if (bytes.size() < kFrameBytesMin) return Bad(StatusCode::kCorruption, "the file became shorter");
  uint64_t length = LoadFixed<uint32_t>(bytes.data());
  if (length == 0) return EndOrHole();
  if (length > left - kFrameHeadBytes && length <= kRecordBytesMax) {
    const Result<bool> grew = Grew();
    if (!grew.ok()) return Error(grew.status());
    if (*grew) return Next(record);
  }
  if (length > left - kFrameHeadBytes || length > kRecordBytesMax) {
    return Bad(StatusCode::kCorruption, "record length " + std::to_string(length) +
                                            " does not fit the " + std::to_string(left) +
                                            " bytes up to the end");
  }
  uint64_t frame_bytes = kFrameHeadBytes + length;
  read = window.Fetch(next_offset, frame_bytes, end(), &bytes);
  if (!read.ok()) return Error(std::move(read));
  if (bytes.size() < frame_bytes) return Bad(StatusCode::kCorruption, "the file became shorter");
  uint64_t body_hash = 0;
  const char* wrong =
      DecodeFrame(bytes.substr(0, frame_bytes), context, next_offset, record, &body_hash);
  if (wrong != nullptr) {
    return Bad(StatusCode::kCorruption,
               "record of " + std::to_string(frame_bytes) + " bytes: " + wrong);
  }
  return Accept(*record, body_hash, frame_bytes);
}

// A frame that is itself good: may it follow what came before?
SegmentReader::Outcome SegmentReader::State::Accept(const CommitRecord& record, uint64_t body_hash,
                                                    uint64_t frame_bytes) {
  if ((record.flags & ~kFlagsKnown) != 0) {
    return Bad(StatusCode::kNotSupported,
               "record has unknown flags " + std::to_string(record.flags & ~kFlagsKnown));
  }
  if (record.position != next_position) {
    return Bad(StatusCode::kCorruption, "position " + std::to_string(record.position) +
                                            ", expected " + std::to_string(next_position));
  }
  if (record.time_us < time_us) {
    return Bad(StatusCode::kCorruption, "time " + std::to_string(record.time_us) +
                                            " is before the previous record's " +
                                            std::to_string(time_us));
  }
  bool is_trailer = (record.flags & kFlagTrailer) != 0;
  uint64_t expected_hash =
      is_trailer ? history_hash : NextHistoryHash(history_hash, record, body_hash);
  if (history_known && record.history_hash != expected_hash) {
    return Bad(StatusCode::kCorruption,
               "history hash does not follow from the record before: a spliced log");
  }
  history_hash = record.history_hash;
  history_known = true;
  time_us = record.time_us;
  next_offset += frame_bytes;
  if (is_trailer) {
    at_trailer = true;
    return Outcome::kTrailer;
  }
  ++next_position;
  if (!index_is_whole && (index.empty() || (offset > index.back().offset &&
                                            offset - index.back().offset >= kSparseIndexBytes))) {
    index.push_back({record.position, offset});
  }
  return Outcome::kRecord;
}

// The trailer's last bytes lead to its frame. Anything odd only means: no index.
Status SegmentReader::State::LoadTrailerIndex() {
  trailer_looked_for = true;
  uint64_t records_offset = probe.decoded.records_offset();
  if (end() < records_offset || end() - records_offset < kFrameBytesMin + kTrailerEndBytes)
    return Status::Ok();
  window.Drop();
  std::string_view bytes;
  RETURN_IF_ERROR(window.Fetch(end() - kTrailerEndBytes, kTrailerEndBytes, end(), &bytes));
  if (bytes.size() < kTrailerEndBytes) return Status::Ok();
  uint64_t frame_offset = LoadFixed<uint64_t>(bytes.data());
  if (LoadFixed<uint64_t>(bytes.data() + 8) != kTrailerMagic) return Status::Ok();
  if (frame_offset < records_offset || frame_offset >= end()) return Status::Ok();
  uint64_t frame_bytes = end() - frame_offset;
  if (frame_bytes < kFrameBytesMin || frame_bytes > kRecordBytesMax) return Status::Ok();
  RETURN_IF_ERROR(window.Fetch(frame_offset, frame_bytes, end(), &bytes));
  if (bytes.size() < frame_bytes) return Status::Ok();
  CommitRecord frame;
  uint64_t body_hash = 0;
  if (DecodeFrame(bytes.substr(0, frame_bytes), context, frame_offset, &frame, &body_hash) !=
          nullptr ||
      (frame.flags & kFlagTrailer) == 0) {
    return Status::Ok();
  }
  std::optional<SegmentTrailer> trailer = DecodeTrailer(frame.operations, frame_offset);
  if (!trailer.has_value()) return Status::Ok();
  index = std::move(trailer->index);
  index_is_whole = true;
  return Status::Ok();
}

// To the last indexed record at or before `position`, unless reading on from here is nearer.
void SegmentReader::State::JumpTo(LogPos position) {
  auto after = std::upper_bound(index.begin(), index.end(), position,
                                [](LogPos p, const IndexEntry& e) { return p < e.position; });
  IndexEntry target = {context.first_position, probe.decoded.records_offset()};
  if (after != index.begin()) target = *(after - 1);
  bool ahead = next_position <= position && !bad && !at_trailer;
  if (ahead && next_position >= target.position) return;
  bad = false;
  at_trailer = false;
  next_offset = target.offset;
  next_position = target.position;
  time_us = context.first_time_us;
  history_known = target.position == context.first_position;
  history_hash = probe.header().history_hash;
}

SegmentReader::SegmentReader(std::unique_ptr<State> state) : state_(std::move(state)) {}
SegmentReader::~SegmentReader() = default;

Result<std::unique_ptr<SegmentReader>> SegmentReader::Open(FileSystem* fs,
                                                           const std::string& path) {
  ASSIGN_OR_RETURN(auto file, fs->OpenRandomAccess(path));
  file->Advise(RandomAccessFile::Access::kSequential);
  auto state = std::make_unique<State>(path, std::move(file));
  ASSIGN_OR_RETURN(state->probe, ProbeSegment(*state->file, state->name));
  if (state->probe.kind != SegmentProbe::Kind::kReadable) return state->probe.status;
  RETURN_IF_ERROR(state->LoadCatalogue());
  const SegmentHeader& header = state->probe.header();
  state->context = {header.file_id, header.first_position, header.first_time_us};
  state->next_offset = state->probe.decoded.records_offset();
  state->next_position = header.first_position;
  state->time_us = header.first_time_us;
  state->history_hash = header.history_hash;
  return std::unique_ptr<SegmentReader>(new SegmentReader(std::move(state)));
}

SegmentReader::Outcome SegmentReader::Next(CommitRecord* record) { return state_->Next(record); }

SegmentReader::Outcome SegmentReader::SeekTo(LogPos position, CommitRecord* record) {
  State& s = *state_;
  if (!s.trailer_looked_for) {
    Status status = s.LoadTrailerIndex();
    if (!status.ok()) return s.Error(std::move(status));
  }
  s.JumpTo(std::max(position, s.context.first_position));
  Outcome outcome = s.Next(record);
  while (outcome == Outcome::kRecord && record->position < position) outcome = s.Next(record);
  return outcome;
}

Result<DamageEvidence> SegmentReader::LookBehindDamage() {
  State& s = *state_;
  return ScanForFrames(&s.window, s.context, s.probe.decoded.records_offset(), s.offset, s.end());
}

void SegmentReader::LimitTo(uint64_t length) { state_->limit = length; }
const SegmentHeader& SegmentReader::header() const { return state_->probe.header(); }
const Status& SegmentReader::catalogue_status() const { return state_->catalogue_status; }
uint32_t SegmentReader::file_writer() const { return state_->probe.decoded.writer; }
bool SegmentReader::header_from_copy() const { return state_->probe.decoded.from_copy; }
LogPos SegmentReader::durable_point() const { return state_->probe.durable_point(); }
uint64_t SegmentReader::file_bytes() const { return state_->probe.file_bytes; }
uint64_t SegmentReader::records_offset() const { return state_->probe.decoded.records_offset(); }
const std::string& SegmentReader::path() const { return state_->path; }
uint64_t SegmentReader::offset() const { return state_->offset; }
uint64_t SegmentReader::end_offset() const { return state_->next_offset; }
uint64_t SegmentReader::history_hash() const { return state_->history_hash; }
Status SegmentReader::status() const { return state_->status; }

std::string_view OutcomeName(SegmentReader::Outcome outcome) {
  using enum SegmentReader::Outcome;
  switch (outcome) {
    case kRecord:
      return "record";
    case kEnd:
      return "end";
    case kTrailer:
      return "trailer";
    case kBad:
      return "bad";
    case kError:
      return "error";
  }
  return "unknown";
}

}  // namespace logwood
