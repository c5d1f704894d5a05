#include "wal/segment_survey.h"

#include <algorithm>
#include <array>
#include <utility>

#include "util/coding.h"
#include "util/file_header.h"
#include "util/hash.h"
#include "util/internal_key.h"
#include "util/status_macros.h"
#include "wal/record_codec.h"

namespace logwood {
namespace {

using Kind = SegmentFlaw::Kind;

// Between header, copy, slots and catalogue nothing is written.
constexpr std::array<std::pair<uint64_t, uint64_t>, 4> kUnused = {{
    {kSegmentHeaderBytes, kHeaderCopyOffset},
    {kHeaderCopyOffset + kSegmentHeaderBytes, kSlotAOffset},
    {kSlotAOffset + kSlotBytes, kSlotBOffset},
    {kSlotBOffset + kSlotBytes, kCatalogueOffset},
}};

// One run over the records of a segment.
class RecordSurvey {
 public:
  // `cut_short`: the file ends before the length that counts.
  RecordSurvey(const std::string& path, ReadWindow* window, const FrameContext& context,
               bool begin_is_known, uint64_t begin, uint64_t end, bool cut_short,
               const SegmentSurvey::Limits& limits,
               const std::function<Status(const CommitRecord&)>& record,
               const std::function<void(const SegmentFlaw&)>& flaw)
      : path_(path),
        window_(window),
        begin_is_known_(begin_is_known),
        begin_(begin),
        end_(end),
        cut_short_(cut_short),
        limits_(limits),
        record_(record),
        flaw_(flaw),
        search_(window, context, begin, begin, end),
        next_position_(context.first_position) {}

  Result<SegmentSurvey::Summary> Run() {
    uint64_t at = begin_;
    while (!summary_.sealed) {
      CommitRecord record;
      uint64_t found_at = 0;
      ASSIGN_OR_RETURN(const bool found, search_.Find(at, &found_at, &record));
      if (!found) break;
      if (BelongsToNext(record)) {
        summary_.last_position = next_position_ - 1;
        if (limits_.last_position && next_position_ <= *limits_.last_position) {
          Gap(at, found_at, record);
        }
        return summary_;
      }
      if (found_at != at || record.position != next_position_) Gap(at, found_at, record);
      ASSIGN_OR_RETURN(at, Take(record, found_at));
    }
    End(at);
    summary_.last_position = next_position_ - 1;
    return summary_;
  }

 private:
  bool BelongsToNext(const CommitRecord& record) const {
    const bool is_trailer = (record.flags & kFlagTrailer) != 0;
    return record.position - (is_trailer ? 1 : 0) > limits_.last_possible();
  }

  // What lies between the last good frame and this one.
  void Gap(uint64_t at, uint64_t found_at, const CommitRecord& record) {
    if (record.position < next_position_) return;
    // Without a header nobody knows how long the catalogue is.
    if (!begin_is_known_ && at == begin_ && record.position == next_position_) return;
    SegmentFlaw flaw;
    flaw.offset = at;
    flaw.end = found_at;
    flaw.first_position = next_position_;
    flaw.last_position = std::min(record.position - 1, limits_.last_possible());
    flaw.what = found_at == at ? "position " + std::to_string(record.position) + ", expected " +
                                     std::to_string(next_position_)
                               : std::to_string(found_at - at) + " bytes are no records";
    flaw_(flaw);
  }

  // Hands it on; returns where the next frame begins.
  Result<uint64_t> Take(const CommitRecord& record, uint64_t at) {
    std::string_view bytes;
    summary_.durable = std::max(summary_.durable, record.durable);
    if ((record.flags & ~kFlagsKnown) != 0) {
      return Status::NotSupported(path_ + ":" + std::to_string(at) +
                                  ": a record has unknown flags " +
                                  std::to_string(record.flags & ~kFlagsKnown));
    }
    const bool is_new = record.position >= next_position_;
    const LogPos position = record.position;
    Status taken;
    if ((record.flags & kFlagTrailer) != 0) {
      summary_.sealed = true;
      if (is_new) next_position_ = position;
    } else if (is_new) {
      ++summary_.records;
      taken = record_(record);
      next_position_ = position + 1;
    }
    RETURN_IF_ERROR(window_->Fetch(at, kFrameHeadBytes, end_, &bytes));
    const uint64_t end = at + kFrameHeadBytes + LoadFixed<uint32_t>(bytes.data());
    if (taken.Is(StatusCode::kCorruption)) {
      flaw_({Kind::kCommit, at, end, std::string(taken.message()), position, position});
    } else if (taken.Is(StatusCode::kNotSupported)) {
      return taken.WithContext(path_ + ":" + std::to_string(at) + ": position " +
                               std::to_string(position));
    } else {
      RETURN_IF_ERROR(std::move(taken));
    }
    return end;
  }

  // No good frame comes any more.
  void End(uint64_t at) {
    const uint64_t data_end = summary_.sealed ? at : std::max(at, search_.data_end());
    const bool all_there = limits_.last_position && next_position_ > *limits_.last_position;
    const bool nothing_follows = data_end == at;
    if (nothing_follows && !limits_.last_position) return;
    // A trailer is the end, unless more counts of the segment than the file has.
    if (nothing_follows &&
        (summary_.sealed ? all_there || !cut_short_ : all_there && !cut_short_)) {
      return;
    }
    SegmentFlaw flaw;
    flaw.kind = all_there ? Kind::kTrailer : Kind::kRecords;
    flaw.offset = at;
    flaw.end = data_end;
    flaw.what = nothing_follows ? "the segment ends here"
                : all_there     ? "the trailer is damaged"
                                : std::to_string(data_end - at) + " bytes are no records";
    flaw.is_sealed_end = summary_.sealed;
    if (!all_there) {
      flaw.first_position = next_position_;
      flaw.last_position = limits_.last_position.value_or(kPositionMax);
    }
    flaw_(flaw);
  }

  const std::string& path_;
  ReadWindow* const window_;
  const bool begin_is_known_;
  const uint64_t begin_, end_;
  const bool cut_short_;
  const SegmentSurvey::Limits& limits_;
  const std::function<Status(const CommitRecord&)>& record_;
  const std::function<void(const SegmentFlaw&)>& flaw_;
  FrameSearch search_;
  LogPos next_position_;
  SegmentSurvey::Summary summary_;
};

}  // namespace

Result<std::unique_ptr<SegmentSurvey>> SegmentSurvey::Open(FileSystem* fs,
                                                           const std::string& path) {
  std::unique_ptr<SegmentSurvey> survey(new SegmentSurvey(fs, path));
  RETURN_IF_ERROR(survey->ReadHead());
  return survey;
}

Status SegmentSurvey::ReadHead() {
  ASSIGN_OR_RETURN(const auto file, fs_->OpenRandomAccess(path_));
  ASSIGN_OR_RETURN(probe_, ProbeSegment(*file, FileNameOf(path_)));
  std::string head(std::min(kCatalogueOffset, probe_.file_bytes), '\0');
  ASSIGN_OR_RETURN(const size_t got, file->Read(0, head.size(), head.data()));
  head.resize(got);
  if (has_header()) {
    const SegmentHeader& header = probe_.header();
    context_ = {header.file_id, header.first_position, header.first_time_us};
    number_ = header.number;
    instance_id_ = header.instance_id;
    records_offset_ = probe_.decoded.records_offset();
    durable_ = probe_.durable_point();
  } else {
    for (const std::optional<DurableSlot>& slot : probe_.slots) {
      if (!slot.has_value()) continue;
      context_ = {slot->file_id, slot->first_position, 0};
      number_ = slot->number;
      instance_id_ = slot->instance_id;
      durable_ = std::max(durable_, slot->durable);
    }
  }
  CheckHeaders(head);
  CheckSlots(head);
  CheckUnused(head);
  return ReadCatalogue(*file);
}

void SegmentSurvey::CheckHeaders(std::string_view head) {
  if (!has_header()) {
    const uint64_t end = std::min<uint64_t>(head.size(), kHeaderCopyOffset + kSegmentHeaderBytes);
    return AddFlaw(Kind::kHeader, 0, end, std::string(probe_.status.message()));
  }
  const uint64_t bad = probe_.decoded.from_copy ? 0 : kHeaderCopyOffset;
  const uint64_t good = kHeaderCopyOffset - bad;
  const std::string_view stands = head.substr(good, kSegmentHeaderBytes);
  const std::string_view other =
      head.substr(std::min<uint64_t>(bad, head.size()), kSegmentHeaderBytes);
  if (stands == other) return;
  AddFlaw(
      Kind::kHeaderCopy, bad, bad + kSegmentHeaderBytes,
      bad == 0 ? "the header is damaged; its copy stands in" : "the copy of the header is damaged");
}

void SegmentSurvey::CheckSlots(std::string_view head) {
  for (size_t i = 0; i < probe_.slots.size(); ++i) {
    const uint64_t offset = i == 0 ? kSlotAOffset : kSlotBOffset;
    if (head.size() <= offset) return;
    if (NonZeroEnd(head.substr(offset, kSlotBytes)) == 0) continue;  // never stored
    const std::optional<DurableSlot>& slot = probe_.slots[i];
    if (slot.has_value() && (!has_header() || slot->file_id == probe_.header().file_id)) continue;
    AddFlaw(Kind::kSlot, offset, offset + kSlotBytes, "a durable-point slot is torn or damaged");
  }
}

void SegmentSurvey::CheckUnused(std::string_view head) {
  for (const auto& [begin, end] : kUnused) {
    if (head.size() <= begin) return;
    const std::string_view bytes = head.substr(begin, end - begin);
    const size_t last = NonZeroEnd(bytes);
    if (last == 0) continue;
    AddFlaw(Kind::kUnused, begin + FirstNonZero(bytes), begin + last,
            "bytes that are not used are not zero");
  }
}

Status SegmentSurvey::ReadCatalogue(const RandomAccessFile& file) {
  if (!has_header() || probe_.decoded.catalogue_bytes == 0) return Status::Ok();
  const DecodedHeader& decoded = probe_.decoded;
  const uint64_t end = std::min(decoded.records_offset(), probe_.file_bytes);
  ReadWindow window(&file);
  std::string_view bytes;
  RETURN_IF_ERROR(window.Fetch(kCatalogueOffset, decoded.catalogue_bytes, end, &bytes));
  bytes = bytes.substr(0, decoded.catalogue_bytes);
  if (bytes.size() == decoded.catalogue_bytes &&
      ChecksumMatches(decoded.catalogue_checksum,
                      CatalogueChecksum(decoded.header.file_id, bytes))) {
    catalogue_ = bytes;
  } else {
    AddFlaw(Kind::kCatalogue, kCatalogueOffset, decoded.records_offset(),
            "the catalogue's checksum does not match");
  }
  return Status::Ok();
}

Result<SegmentSurvey::Summary> SegmentSurvey::Read(
    const Limits& limits, const std::function<Status(const CommitRecord&)>& record,
    const std::function<void(const SegmentFlaw&)>& flaw) {
  if (!identified()) return Summary{};
  const auto file = fs_->OpenRandomAccess(path_);
  if (file.status().Is(StatusCode::kNotFound)) {
    flaw({.kind = Kind::kRecords,
          .offset = 0,
          .end = probe_.file_bytes,
          .what = "the file went away while it was looked at",
          .first_position = first_position(),
          .last_position = limits.last_position.value_or(kPositionMax)});
    return Summary{.last_position = first_position() - 1};
  }
  RETURN_IF_ERROR(file.status());
  ReadWindow window(file->get());
  const uint64_t end = std::min(probe_.file_bytes, limits.length_max);
  const bool cut_short = limits.is_bounded() && probe_.file_bytes < limits.length_max;
  Result<Summary> summary =
      RecordSurvey(path_, &window, context_, has_header(), records_offset_,
                   std::max(end, records_offset_), cut_short, limits, record, flaw)
          .Run();
  if (!summary.ok()) return WithWriter(summary.status(), probe_.decoded.writer);
  return summary;
}

}  // namespace logwood
