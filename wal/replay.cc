#include "wal/replay.h"

#include <algorithm>
#include <memory>

#include "util/file_header.h"
#include "util/internal_key.h"
#include "util/status_macros.h"
#include "wal/segment_chain.h"
#include "wal/segment_reader.h"
#include "wal/segments.h"

namespace logwood {
namespace {

using Outcome = SegmentReader::Outcome;
using LinkKind = ChainLink::Kind;

std::string Where(uint64_t segment, uint64_t offset) {
  return LogFileName(segment) + ":" + std::to_string(offset) + ": ";
}

class Replay {
 public:
  Replay(FileSystem* fs, const ReplayOptions& options,
         const std::function<Status(const CommitRecord&)>& apply)
      : fs_(fs),
        options_(options),
        apply_(apply),
        next_position_(std::max<LogPos>(options.from, 1)) {}

  Result<ReplayResult> Run();

 private:
  // The first position that cannot be read, and where it should be.
  struct Stop {
    size_t link = 0;
    uint64_t offset = 0;
    std::string reason;  // with file:offset
  };
  // What lies behind it.
  struct Behind {
    uint64_t bytes = 0;
    uint64_t commits = 0;
    LogPos last_position = 0;
  };

  std::string Path(uint64_t number) const { return options_.directory + "/" + LogFileName(number); }
  bool readable(size_t link) const { return chain_[link].kind == LinkKind::kReadable; }
  const SegmentHeader& header(size_t link) const {
    return files_[chain_[link].file].probe.header();
  }
  uint64_t BytesOf(const ChainLink& link) const {
    if (link.kind == LinkKind::kMissing) return 0;
    return std::min(files_[link.file].probe.file_bytes, link.length_max);
  }

  Status ProbeFiles();
  void NoteHeaders();
  size_t FirstNeeded();
  std::optional<bool> HeldNothing(size_t link) const;
  void SummarizeOlder(size_t first);
  Status ReadLink(size_t link);
  bool Follows(size_t link);
  void CompareHistory(size_t link);
  Status ReadRecords(size_t link, SegmentReader* reader, SegmentSummary* summary);
  Status TakeRecord(size_t link, const SegmentReader& reader, const CommitRecord& record);
  std::string WhyFirstSegmentIsWrong() const;
  std::string WhyDurableSegmentIsWrong() const;
  bool WasGivenAgain(const SegmentHeader& header) const;
  Result<bool> HoldsWhatComesNext(const SegmentFile& file) const;
  Result<const SegmentFile*> MisnamedSegment() const;
  bool IsOurs(const SegmentFile& file) const;
  bool IsForeign(const SegmentFile& file) const;
  const SegmentFile* ForeignSegment() const;
  void ConcludeForeign(const SegmentFile& file);
  uint64_t NewestDurable() const;
  uint64_t MissingNewest() const;
  void BoundByCleanEnd();
  void ConcludeDamage();
  Status Conclude();
  Status GatherBehind(const Stop& stop, Behind* behind);
  Status GatherFile(size_t link, uint64_t begin, Behind* behind);
  void Discard();
  void StopAt(size_t link, uint64_t offset, std::string reason) {
    stop_ = Stop{link, offset, std::move(reason)};
  }

  FileSystem* const fs_;
  const ReplayOptions& options_;
  const std::function<Status(const CommitRecord&)>& apply_;
  ReplayResult result_;

  std::vector<SegmentFile> files_;
  std::vector<ChainLink> chain_;
  LogPos next_position_;        // what must come next
  bool any_read_ = false;       // a segment's header has been accepted
  bool other_history_ = false;  // why it stopped
  bool from_is_covered_ = false;
  uint64_t end_segment_ = 0;  // where the good log ends, for messages
  uint64_t end_offset_ = 0;
  uint64_t last_record_time_us_ = 0;
  LogPos durable_ = 0;                         // D
  uint64_t bytes_all_ = 0, bytes_before_ = 0;  // of what is read; before the link being read
  std::optional<Stop> stop_;
};

Status Replay::ProbeFiles() {
  for (uint64_t number : options_.segments) {
    SegmentFile file;
    file.number = number;
    ASSIGN_OR_RETURN(auto bytes, fs_->OpenRandomAccess(Path(number)));
    ASSIGN_OR_RETURN(file.probe, ProbeSegment(*bytes, LogFileName(number)));
    if (file.probe.kind == SegmentProbe::Kind::kUnsupported) return file.probe.status;
    files_.push_back(std::move(file));
  }
  std::sort(files_.begin(), files_.end(),
            [](const SegmentFile& a, const SegmentFile& b) { return a.number < b.number; });
  return Status::Ok();
}

void Replay::NoteHeaders() {
  durable_ = next_position_ - 1;
  durable_ = std::max(durable_, options_.durable_at_least);
  if (options_.clean_end.has_value())
    durable_ = std::max(durable_, options_.clean_end->last_position);
  for (const SegmentFile& file : files_) {
    durable_ = std::max(durable_, DurableEvidence(file, options_.instance_id));
    if (!CheckOwnSegment(file, options_.history_id, options_.instance_id).ok()) continue;
    result_.newest_manifest = file.probe.header().manifest;
    result_.epoch = std::max(result_.epoch, file.probe.header().epoch);
  }
}

// Nothing was written behind a clean close.
void Replay::BoundByCleanEnd() {
  if (!options_.clean_end.has_value()) return;
  for (ChainLink& link : chain_) {
    if (link.bounded || link.number != options_.clean_end->segment) continue;
    link.bounded = true;
    link.length_max = options_.clean_end->length;
    link.last_position_max = options_.clean_end->last_position;
  }
}

// The newest link that begins at or before `from`; the first one when none is known to.
size_t Replay::FirstNeeded() {
  for (size_t i = chain_.size(); i-- > 0;) {
    if (!readable(i) || header(i).first_position > options_.from) continue;
    from_is_covered_ = true;
    return i;
  }
  return 0;
}

// Whether no commit was in this segment, so that nothing may ever have waited for a sync of its
// header or its name: a loss of power took them. It lies before the first commit, or the segment
// before it ends where the one behind it begins. nullopt: nobody can say, since that one is damaged
// or cannot be read.
std::optional<bool> Replay::HeldNothing(size_t link) const {
  const bool missing = chain_[link].kind == LinkKind::kMissing;
  if (options_.clean_end || readable(link)) return false;
  if (!missing && chain_[link].number <= options_.durable_segment) return false;
  if (chain_[link].last_position_max == 0) return true;
  size_t before = link, next = link + 1;
  bool any_damaged = false;
  for (; before > 0 && !readable(before); --before) {
    any_damaged |= chain_[before].kind == LinkKind::kUnreadable &&
                   files_[chain_[before].file].probe.kind != SegmentProbe::Kind::kBlank;
  }
  while (!readable(next)) ++next;  // what is needed first is readable
  if (!readable(before)) return false;
  const auto opened = SegmentReader::Open(fs_, Path(chain_[before].number));
  if (!opened.ok()) return std::nullopt;
  const auto& reader = *opened;
  reader->LimitTo(chain_[before].length_max);
  LogPos last_position = header(before).first_position - 1;
  uint64_t history_hash = header(before).history_hash;
  CommitRecord record;
  Outcome outcome = reader->Next(&record);
  for (; outcome == Outcome::kRecord; outcome = reader->Next(&record)) {
    last_position = record.position;
    history_hash = record.history_hash;
  }
  const SegmentHeader& behind = header(next);
  if (last_position + 1 == behind.first_position && history_hash == behind.history_hash) {
    return true;
  }
  if (any_damaged || outcome == Outcome::kError || outcome == Outcome::kBad) return std::nullopt;
  return false;
}

// The log has no gaps: where a segment with commits is missing that nothing needs, those before it
// were removed as well, and a crash took that back. Where that is not certain, and behind a clean
// close, those before it stay, for somebody to look at.
void Replay::SummarizeOlder(size_t first) {
  size_t oldest = options_.clean_end ? 0 : first;
  for (; oldest > 0; --oldest) {
    if (chain_[oldest - 1].kind != LinkKind::kMissing) continue;
    if (!HeldNothing(oldest - 1).value_or(true)) break;
  }
  for (size_t i = oldest; i < first; ++i) {
    if (chain_[i].kind == LinkKind::kMissing) continue;
    if (HeldNothing(i).value_or(false)) continue;
    SegmentSummary summary;
    summary.number = chain_[i].number;
    summary.file_bytes = files_[chain_[i].file].probe.file_bytes;
    summary.length = chain_[i].bounded ? chain_[i].length_max : summary.file_bytes;
    summary.sealed = true;
    // Before one that is gone it may be of another copy of the database: the log does not go on
    // from it.
    const bool is_gap = chain_[i + 1].kind == LinkKind::kMissing;
    summary.whole = readable(i) && summary.file_bytes >= kCatalogueOffset &&
                    (!is_gap || HeldNothing(i + 1).value_or(false)) &&
                    (!chain_[i].bounded || summary.file_bytes >= chain_[i].length_max);
    if (readable(i)) {
      size_t next = i + 1;
      while (!readable(next)) ++next;  // `first` is readable
      summary.first_position = header(i).first_position;
      summary.last_position =
          std::min(header(next).first_position - 1, chain_[i].last_position_max);
      summary.last_time_us = std::max(header(i).first_time_us, header(next).first_time_us);
    }
    result_.segments.push_back(summary);
  }
}

// May this readable link come now? Otherwise the log has stopped.
bool Replay::Follows(size_t link) {
  const SegmentHeader& h = header(link);
  if (!any_read_) {
    if (h.first_position > options_.from) {
      StopAt(link, 0,
             Where(chain_[link].number, 0) + "the log begins at position " +
                 std::to_string(h.first_position) + ", but is needed from " +
                 std::to_string(options_.from));
      return false;
    }
    next_position_ = h.first_position;
    result_.history_hash = h.history_hash;
    CompareHistory(link);
    return !stop_.has_value();
  }
  if (h.first_position != next_position_) {
    StopAt(link, 0,
           Where(chain_[link].number, 0) + "segment begins at position " +
               std::to_string(h.first_position) + ", expected " + std::to_string(next_position_));
    return false;
  }
  if (h.history_hash != result_.history_hash) {
    StopAt(link, 0,
           Where(chain_[link].number, 0) +
               "history hash does not follow from the segment before: a spliced log");
    return false;
  }
  return true;
}

// Where the log comes to what the caller has, it must have come there by the same commits.
void Replay::CompareHistory(size_t link) {
  if (next_position_ != options_.from || options_.hash_before == 0) return;
  if (result_.history_hash == options_.hash_before) return;
  other_history_ = true;
  StopAt(link, 0,
         Where(chain_[link].number, 0) + "up to position " + std::to_string(next_position_ - 1) +
             " it continues another history than the tables have: they are of different copies of "
             "the database");
}

Status Replay::ReadLink(size_t link) {
  if (!readable(link)) {
    // A segment in which nothing was written costs nothing.
    bool nothing_lost = any_read_ && link + 1 < chain_.size() && readable(link + 1) &&
                        header(link + 1).first_position == next_position_;
    if (!nothing_lost) StopAt(link, 0, std::string(chain_[link].reason.message()));
    return Status::Ok();
  }
  if (!Follows(link)) return Status::Ok();
  ASSIGN_OR_RETURN(auto reader, SegmentReader::Open(fs_, Path(chain_[link].number)));
  reader->LimitTo(chain_[link].length_max);
  any_read_ = true;
  SegmentSummary summary;
  summary.number = chain_[link].number;
  summary.first_position = header(link).first_position;
  Status status = ReadRecords(link, reader.get(), &summary);
  summary.last_position = next_position_ - 1;
  summary.file_bytes = reader->file_bytes();
  // A kill in the middle of the first store leaves a file that ends before its first record would.
  summary.length = std::min(reader->end_offset(), summary.file_bytes);
  result_.last_time_us = std::max(result_.last_time_us, header(link).first_time_us);
  summary.last_time_us = result_.last_time_us;
  result_.segments.push_back(summary);
  end_segment_ = summary.number;
  end_offset_ = summary.length;
  return status;
}

Status Replay::ReadRecords(size_t link, SegmentReader* reader, SegmentSummary* summary) {
  const ChainLink& me = chain_[link];
  for (;;) {
    CommitRecord record;
    switch (reader->Next(&record)) {
      case Outcome::kRecord:
        RETURN_IF_ERROR(TakeRecord(link, *reader, record));
        if (stop_.has_value()) return Status::Ok();
        continue;
      case Outcome::kError:
        return reader->status();
      case Outcome::kBad:
        if (reader->status().Is(StatusCode::kNotSupported)) return reader->status();
        // Of a bounded segment only the trailer can be bad here; every position is read.
        if (me.bounded && next_position_ - 1 == me.last_position_max) return Status::Ok();
        StopAt(link, reader->offset(), std::string(reader->status().message()));
        return Status::Ok();
      case Outcome::kTrailer:
        summary->sealed = true;
        durable_ = std::max(durable_, record.durable);
        break;
      case Outcome::kEnd:
        break;
    }
    if (me.bounded && next_position_ - 1 < me.last_position_max) {
      StopAt(link, reader->end_offset(),
             Where(me.number, reader->end_offset()) + "the segment ends with position " +
                 std::to_string(next_position_ - 1) + ", but its last one is " +
                 std::to_string(me.last_position_max) + ", up to " + std::to_string(me.length_max));
    }
    return Status::Ok();
  }
}

Status Replay::TakeRecord(size_t link, const SegmentReader& reader, const CommitRecord& record) {
  if (record.position > chain_[link].last_position_max) {
    StopAt(link, reader.offset(),
           Where(chain_[link].number, reader.offset()) + "position " +
               std::to_string(record.position) + " belongs to the next segment");
    return Status::Ok();
  }
  if (record.time_us < last_record_time_us_) {
    StopAt(link, reader.offset(),
           Where(chain_[link].number, reader.offset()) + "time " + std::to_string(record.time_us) +
               " is before the previous segment's " + std::to_string(last_record_time_us_));
    return Status::Ok();
  }
  if (record.position > kPositionsUsableMax) {
    return Status::Corruption(Where(chain_[link].number, reader.offset()) + "position " +
                              std::to_string(record.position) + ", which no log gives");
  }
  if (record.position >= options_.from) {
    Status applied = apply_(record);
    if (applied.Is(StatusCode::kCorruption) || applied.Is(StatusCode::kNotSupported)) {
      return WithWriter(applied.WithContext(Where(chain_[link].number, reader.offset()) +
                                            "position " + std::to_string(record.position)),
                        reader.file_writer());
    }
    RETURN_IF_ERROR(std::move(applied));
    ++result_.commits;
    result_.bytes += reader.end_offset() - reader.offset();
  }
  durable_ = std::max(durable_, record.durable);
  next_position_ = record.position + 1;
  last_record_time_us_ = record.time_us;
  result_.last_time_us = std::max(result_.last_time_us, record.time_us);
  result_.history_hash = record.history_hash;
  CompareHistory(link);
  if (options_.progress) {
    options_.progress(std::min(bytes_before_ + reader.end_offset(), bytes_all_), bytes_all_);
  }
  return Status::Ok();
}

// Durable points recorded from `begin` of this file on, and what lies there.
Status Replay::GatherFile(size_t link, uint64_t begin, Behind* behind) {
  if (chain_[link].kind == LinkKind::kMissing) return Status::Ok();
  const SegmentFile& file = files_[chain_[link].file];
  uint64_t end = std::min(file.probe.file_bytes, chain_[link].length_max);
  ASSIGN_OR_RETURN(auto access, fs_->OpenRandomAccess(Path(file.number)));
  ReadWindow window(access.get());
  FrameContext context;
  uint64_t records_offset = kCatalogueOffset;
  if (IsOurs(file)) {
    const SegmentHeader& h = file.probe.header();
    context = {h.file_id, h.first_position, h.first_time_us};
    records_offset = file.probe.decoded.records_offset();
  } else {
    // Without its header, a slot still says what its records are relative to.
    for (const std::optional<DurableSlot>& slot : file.probe.slots) {
      if (slot.has_value() && slot->instance_id == options_.instance_id &&
          slot->number == file.number) {
        context = {slot->file_id, slot->first_position, 0};
      }
    }
  }
  uint64_t data_end = 0;
  RETURN_IF_ERROR(window.FindDataEnd(begin, end, &data_end));
  behind->bytes += data_end - std::min(begin, data_end);
  if (context.first_position == 0) return Status::Ok();
  ASSIGN_OR_RETURN(DamageEvidence evidence, ScanForFrames(&window, context, records_offset,
                                                          std::max(begin, records_offset), end));
  durable_ = std::max(durable_, evidence.durable);
  // Under another's name it says what was durable all the same.
  if (IsOurs(file) && !readable(link)) return Status::Ok();
  behind->commits += evidence.records;
  behind->last_position = std::max(behind->last_position, evidence.last_position);
  return Status::Ok();
}

Status Replay::GatherBehind(const Stop& stop, Behind* behind) {
  for (size_t i = stop.link; i < chain_.size(); ++i) {
    RETURN_IF_ERROR(GatherFile(i, i == stop.link ? stop.offset : 0, behind));
  }
  return Status::Ok();
}

void Replay::Discard() {
  for (const SegmentFile& file : files_) {
    bool counts = std::any_of(result_.segments.begin(), result_.segments.end(),
                              [&](const SegmentSummary& s) { return s.number == file.number; });
    if (counts) continue;
    result_.discarded.push_back(file.number);
    const bool is_older =
        !result_.segments.empty() && file.number < result_.segments.front().number;
    if (is_older && CheckOwnSegment(file, options_.history_id, options_.instance_id).ok()) {
      result_.cut_off.push_back(file.number);
    }
    if (IsForeign(file)) result_.foreign.push_back(file.number);
    if (IsOurs(file) && file.probe.header().number != file.number) {
      result_.misnamed.push_back(file.number);
    }
  }
}

// The manifest names its first segment only when that is on the disk and holds what tables lack. So
// where nothing else covers `from`, its absence is certain damage. Empty: nothing is wrong.
std::string Replay::WhyFirstSegmentIsWrong() const {
  if (options_.first_segment == 0 || from_is_covered_) return {};
  std::string where = Where(options_.first_segment, 0);
  for (const SegmentFile& file : files_) {
    if (file.number != options_.first_segment) continue;
    if (!CheckOwnSegment(file, options_.history_id, options_.instance_id).ok()) return {};
    if (file.probe.header().first_position <= options_.from) return {};
    return where + "the segment begins at position " +
           std::to_string(file.probe.header().first_position) +
           ", and the manifest relies on the log from " + std::to_string(options_.from);
  }
  return where + "the file is missing, and the manifest relies on it";
}

// Where the position that a stop costs is above the durable point, or only guessed since no header
// says it.
std::string Replay::WhyDurableSegmentIsWrong() const {
  if (!stop_.has_value() || chain_[stop_->link].kind != LinkKind::kUnreadable) return {};
  if (chain_[stop_->link].number > NewestDurable()) return {};
  std::string why = stop_->reason + "; the segment was durable";
  if (options_.clean_end.has_value() && options_.clean_end->last_position < options_.from) {
    why += ". All its commits are in tables: a read-only open that allows a damaged log reads them";
  }
  return why;
}

// Whether the segment's positions were given again in a later epoch: then a recovery had not found
// it, or had cut it, and its bytes may be anywhere.
bool Replay::WasGivenAgain(const SegmentHeader& header) const {
  return std::any_of(options_.epochs.begin(), options_.epochs.end(), [&](const EpochStart& later) {
    return later.number > header.epoch && later.first_position <= header.first_position;
  });
}

// With at least one commit.
Result<bool> Replay::HoldsWhatComesNext(const SegmentFile& file) const {
  const SegmentHeader& h = file.probe.header();
  if (!any_read_ || h.first_position != next_position_ || h.history_hash != result_.history_hash) {
    return false;
  }
  ASSIGN_OR_RETURN(auto access, fs_->OpenRandomAccess(Path(file.number)));
  ReadWindow window(access.get());
  const uint64_t begin = file.probe.decoded.records_offset();
  const FrameContext context = {h.file_id, h.first_position, h.first_time_us};
  ASSIGN_OR_RETURN(
      const DamageEvidence found,
      ScanForFrames(&window, context, begin, begin, std::max(begin, file.probe.file_bytes)));
  return found.records > 0;
}

// A segment of this instance under another's name, whether the chain reaches it or not. The bytes
// of an older one may be what blocks of a new file held before; not those of a newer one, nor where
// its own file is another's, too, nor of the one that has the next commits: that was no part of the
// log that could go. Null: there is none.
Result<const SegmentFile*> Replay::MisnamedSegment() const {
  for (size_t i = 0; i < files_.size(); ++i) {
    const SegmentFile& file = files_[i];
    if (!IsOurs(file) || file.probe.header().number == file.number) continue;
    if (WasGivenAgain(file.probe.header())) continue;
    const uint64_t held = file.probe.header().number;
    const auto own = std::find_if(files_.begin(), files_.end(),
                                  [held](const SegmentFile& f) { return f.number == held; });
    const bool is_stop = stop_.has_value() && chain_[stop_->link].kind == LinkKind::kUnreadable &&
                         chain_[stop_->link].file == i;
    const bool own_is_wrong =
        own != files_.end() &&
        !CheckOwnSegment(*own, options_.history_id, options_.instance_id).ok();
    if (is_stop && (held > file.number || own_is_wrong)) return &file;
    if (own != files_.end()) continue;
    ASSIGN_OR_RETURN(const bool goes_on, HoldsWhatComesNext(file));
    if (goes_on) return &file;
  }
  return nullptr;
}

// Under whatever name.
bool Replay::IsOurs(const SegmentFile& file) const {
  return file.probe.kind == SegmentProbe::Kind::kReadable &&
         file.probe.header().history_id == options_.history_id &&
         file.probe.header().instance_id == options_.instance_id;
}

bool Replay::IsForeign(const SegmentFile& file) const {
  return file.probe.kind == SegmentProbe::Kind::kReadable &&
         file.probe.header().history_id != options_.history_id;
}

// A whole segment of another database was put here by no crash, and may be all that is left of that
// database. But where a database was removed and another made in its place, a file that was never
// synced may show the old one's bytes, even under their own number: then it is a tail.
const SegmentFile* Replay::ForeignSegment() const {
  for (const SegmentFile& file : files_) {
    if (!IsForeign(file)) continue;
    const bool was_durable =
        file.probe.header().number == file.number && file.number <= options_.durable_segment;
    if (options_.clean_end || was_durable) return &file;
  }
  return nullptr;
}

void Replay::ConcludeForeign(const SegmentFile& file) {
  const Status why = CheckOwnSegment(file, options_.history_id, options_.instance_id);
  result_.damage =
      Status::Corruption(std::string(why.message()) + ": a file of another database; move it away");
  result_.damage_file = LogFileName(file.number);
}

// The segment in which the log ended, or must have gone on, by the manifest's word.
uint64_t Replay::NewestDurable() const {
  if (!options_.clean_end.has_value()) return options_.durable_segment;
  return std::max(options_.durable_segment, options_.clean_end->segment);
}

// That one, where its file is not there; else 0.
uint64_t Replay::MissingNewest() const {
  const uint64_t newest = NewestDurable();
  const bool there = std::any_of(files_.begin(), files_.end(), [newest](const SegmentFile& file) {
    return file.number == newest;
  });
  return there ? 0 : newest;
}

// The first position that cannot be read was durable.
void Replay::ConcludeDamage() {
  uint64_t segment = end_segment_;
  std::string what;
  if (stop_.has_value()) {
    segment = chain_[stop_->link].number;
    what = stop_->reason;
    // Where a segment cannot be read, the one before may as well have lost its end.
    if (stop_->offset == 0 && !result_.segments.empty() && !result_.segments.back().sealed) {
      what += "; before it the log ends at " + LogFileName(end_segment_) + ":" +
              std::to_string(end_offset_);
    }
  } else if (const uint64_t missing = MissingNewest()) {
    segment = missing;
    what = Where(missing, 0) + "the file is missing";
  } else {
    what = (any_read_ ? Where(segment, end_offset_) : std::string()) + "the log ends here";
  }
  result_.damage = Status::Corruption(what + "; position " + std::to_string(next_position_) +
                                      " cannot be read, though the log was durable up to " +
                                      std::to_string(durable_));
  result_.damage_file = LogFileName(segment);
}

Status Replay::Conclude() {
  Behind behind;
  if (stop_.has_value()) RETURN_IF_ERROR(GatherBehind(*stop_, &behind));
  result_.last_position = next_position_ - 1;
  result_.history_hash_known = any_read_;
  result_.durable_point = durable_;
  std::string first_is_wrong = WhyFirstSegmentIsWrong();
  if (!first_is_wrong.empty()) {
    result_.damage = Status::Corruption(first_is_wrong);
    result_.damage_file = LogFileName(options_.first_segment);
    return Status::Ok();
  }
  if (other_history_) {
    result_.damage = Status::Corruption(stop_->reason);
    result_.damage_file = LogFileName(chain_[stop_->link].number);
    return Status::Ok();
  }
  if (next_position_ <= durable_) {
    ConcludeDamage();
    return Status::Ok();
  }
  if (const SegmentFile* foreign = ForeignSegment()) {
    ConcludeForeign(*foreign);
    return Status::Ok();
  }
  const std::string durable_is_wrong = WhyDurableSegmentIsWrong();
  if (!durable_is_wrong.empty()) {
    result_.damage = Status::Corruption(durable_is_wrong);
    result_.damage_file = LogFileName(chain_[stop_->link].number);
    return Status::Ok();
  }
  ASSIGN_OR_RETURN(const SegmentFile* misnamed, MisnamedSegment());
  if (misnamed != nullptr) {
    const Status why = CheckOwnSegment(*misnamed, options_.history_id, options_.instance_id);
    result_.damage =
        Status::Corruption(std::string(why.message()) + "; files were swapped or renamed");
    result_.damage_file = LogFileName(misnamed->number);
    return Status::Ok();
  }
  // Blank files behind the end hold nothing that could have been cut off.
  if (stop_.has_value() && (behind.bytes > 0 || stop_->offset > 0)) {
    result_.tail = ReplayResult::Tail{LogFileName(chain_[stop_->link].number),
                                      stop_->offset,
                                      behind.bytes,
                                      behind.commits,
                                      behind.last_position,
                                      stop_->reason};
  }
  Discard();
  return Status::Ok();
}

Result<ReplayResult> Replay::Run() {
  RETURN_IF_ERROR(ProbeFiles());
  chain_ = BuildChain(files_, options_.history_id, options_.instance_id);
  BoundByCleanEnd();
  NoteHeaders();
  size_t first = FirstNeeded();
  if (from_is_covered_) SummarizeOlder(first);
  for (size_t i = first; i < chain_.size(); ++i) bytes_all_ += BytesOf(chain_[i]);
  for (size_t i = first; i < chain_.size() && !stop_.has_value(); ++i) {
    RETURN_IF_ERROR(ReadLink(i));
    bytes_before_ += BytesOf(chain_[i]);
  }
  RETURN_IF_ERROR(Conclude());
  return std::move(result_);
}

}  // namespace

Result<ReplayResult> ReplayLog(FileSystem* fs, const ReplayOptions& options,
                               const std::function<Status(const CommitRecord&)>& apply) {
  return Replay(fs, options, apply).Run();
}

}  // namespace logwood
