#include "wal/log_cursor.h"

#include <algorithm>

#include "util/check.h"
#include "util/status_macros.h"
#include "wal/segments.h"

namespace logwood {

LogCursor::LogCursor(FileSystem* fs, std::string directory, const LogCursorOptions& options)
    : fs_(fs),
      directory_(std::move(directory)),
      next_position_(std::max<LogPos>(options.from, 1)),
      up_to_(options.up_to) {}

Result<std::unique_ptr<LogCursor>> LogCursor::Open(FileSystem* fs, const std::string& directory,
                                                   const LogCursorOptions& options) {
  std::unique_ptr<LogCursor> cursor(new LogCursor(fs, directory, options));
  RETURN_IF_ERROR(cursor->Refresh());
  return cursor;
}

// Looks at the directory again. The newest readable header says whose log it is.
Status LogCursor::Refresh() {
  reader_.reset();
  files_.clear();
  ASSIGN_OR_RETURN(std::vector<std::string> names, fs_->List(directory_));
  for (const std::string& name : names) {
    std::optional<uint64_t> number = ParseLogFileName(name);
    if (!number.has_value()) continue;
    auto file = fs_->OpenRandomAccess(directory_ + "/" + name);
    if (!file.ok() && file.status().Is(StatusCode::kNotFound)) continue;  // removed since listed
    if (!file.ok()) return file.status();
    SegmentFile segment;
    segment.number = *number;
    ASSIGN_OR_RETURN(segment.probe, ProbeSegment(**file, name));
    files_.push_back(std::move(segment));
  }
  std::sort(files_.begin(), files_.end(),
            [](const SegmentFile& a, const SegmentFile& b) { return a.number < b.number; });
  Id128 history_id;
  Id128 instance_id;
  for (const SegmentFile& file : files_) {
    if (file.probe.kind != SegmentProbe::Kind::kReadable) continue;
    history_id = file.probe.header().history_id;
    instance_id = file.probe.header().instance_id;
  }
  chain_ = BuildChain(files_, history_id, instance_id);
  oldest_ = 0;
  for (size_t i = chain_.size(); i-- > 0;) {
    if (readable(i)) oldest_ = header(i).first_position;
  }
  return Status::Ok();
}

LogCursor::Outcome LogCursor::Bad(Status why) {
  status_ = std::move(why);
  sticky_ = Outcome::kBad;
  return sticky_;
}

LogCursor::Outcome LogCursor::Error(Status why) {
  status_ = std::move(why);
  return Outcome::kError;
}

// Opens the segment that holds next_position_.
LogCursor::Outcome LogCursor::OpenLink() {
  if (oldest_ == 0) {
    for (const ChainLink& link : chain_) {
      if (files_[link.file].probe.kind == SegmentProbe::Kind::kUnsupported) return Bad(link.reason);
    }
    return Outcome::kEnd;
  }
  if (next_position_ < oldest_) {
    status_ = Status::Trimmed("position " + std::to_string(next_position_) +
                              " is gone, the oldest is " + std::to_string(oldest_));
    sticky_ = Outcome::kTrimmed;
    return sticky_;
  }
  size_t link = chain_.size() - 1;
  while (!readable(link) || header(link).first_position > next_position_) --link;
  auto reader = SegmentReader::Open(fs_, directory_ + "/" + LogFileName(chain_[link].number));
  if (!reader.ok() && reader.status().Is(StatusCode::kNotFound)) {
    Status status = Refresh();  // removed since listed
    if (!status.ok()) return Error(std::move(status));
    if (next_position_ >= oldest_) return Error(reader.status());
    return OpenLink();
  }
  if (!reader.ok()) return Error(reader.status());
  if (hash_known_ && header(link).first_position == next_position_ &&
      header(link).history_hash != history_hash_) {
    return Bad(Status::Corruption(LogFileName(chain_[link].number) +
                                  ":0: history hash does not follow from the segment before"));
  }
  reader_ = std::move(*reader);
  reader_->LimitTo(chain_[link].length_max);
  link_ = link;
  sought_ = false;
  return Outcome::kRecord;
}

// The reader is exhausted: on to the next segment, the end, or a gap.
LogCursor::Outcome LogCursor::AtEndOfLink() {
  const ChainLink& here = chain_[link_];
  if (here.bounded && next_position_ - 1 < here.last_position_max) {
    return Bad(
        Status::Corruption(LogFileName(here.number) + ":" + std::to_string(reader_->end_offset()) +
                           ": the segment ends before position " + std::to_string(next_position_)));
  }
  size_t next = link_ + 1;
  while (next < chain_.size() && !readable(next)) ++next;
  if (next == chain_.size()) return Outcome::kEnd;
  if (header(next).first_position == next_position_) return Outcome::kRecord;
  const ChainLink& gap = chain_[readable(link_ + 1) ? next : link_ + 1];
  if (!gap.reason.ok()) return Bad(gap.reason);
  return Bad(Status::Corruption(LogFileName(gap.number) + ":0: segment begins at position " +
                                std::to_string(header(next).first_position) + ", expected " +
                                std::to_string(next_position_)));
}

LogCursor::Outcome LogCursor::Next(CommitRecord* record) {
  if (sticky_ != Outcome::kRecord) return sticky_;
  status_ = Status::Ok();
  bool refreshed = false;
  for (;;) {
    if (next_position_ > up_to_) return Outcome::kEnd;
    if (oldest_ == 0 && !refreshed) {
      Status status = Refresh();
      if (!status.ok()) return Error(std::move(status));
      refreshed = true;
    }
    if (reader_ == nullptr) {
      Outcome opened = OpenLink();
      if (opened != Outcome::kRecord) return opened;
    }
    SegmentReader::Outcome read =
        sought_ ? reader_->Next(record) : reader_->SeekTo(next_position_, record);
    sought_ = true;
    switch (read) {
      case SegmentReader::Outcome::kRecord:
        // Within a segment the reader takes no other.
        DCHECK(record->position == next_position_);
        ++next_position_;
        history_hash_ = record->history_hash;
        hash_known_ = true;
        return Outcome::kRecord;
      case SegmentReader::Outcome::kError:
        sought_ = false;
        return Error(reader_->status());
      case SegmentReader::Outcome::kBad:
        // Of a bounded segment only the trailer can be bad here.
        if (chain_[link_].bounded && next_position_ - 1 == chain_[link_].last_position_max) break;
        return Bad(reader_->status());
      case SegmentReader::Outcome::kEnd:
      case SegmentReader::Outcome::kTrailer:
        break;
    }
    Outcome ended = AtEndOfLink();
    if (ended == Outcome::kEnd && !refreshed) {
      Status status = Refresh();
      if (!status.ok()) return Error(std::move(status));
      refreshed = true;
      continue;
    }
    reader_.reset();
    if (ended != Outcome::kRecord) return ended;
  }
}

std::string_view CursorOutcomeName(LogCursor::Outcome outcome) {
  using enum LogCursor::Outcome;
  switch (outcome) {
    case kRecord:
      return "record";
    case kEnd:
      return "end";
    case kTrimmed:
      return "trimmed";
    case kBad:
      return "bad";
    case kError:
      return "error";
  }
  return "unknown";
}

}  // namespace logwood
