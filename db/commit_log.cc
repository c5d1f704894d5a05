#include "db/commit_log.h"

#include <algorithm>

#include "db/file_names.h"
#include "util/check.h"
#include "util/status_macros.h"
#include "wal/log_format.h"

namespace logwood {
namespace {

// How often a busy log stores its durable point in the slots: it costs a page of each sync that
// follows. Records tell it, too, so only the last ones before a kill rely on the slots.
constexpr uint64_t kMarkEveryNanos = 5'000'000;
// Rotation waits for a sync beyond so many segments that no sync has reached yet.
constexpr ptrdiff_t kUnsyncedSegmentsMax = 64;

}  // namespace

CommitLog::CommitLog(Options options, const Start& start)
    : options_(std::move(options)),
      start_time_us_(start.last_time_us),
      start_hash_(start.history_hash),
      stored_(start.last_position),
      durable_(start.last_position) {
  MutexLock lock(mutex_);
  for (const RetainedSegment& info : start.segments)
    segments_.push_back({nullptr, info, false, true, true});
}

CommitLog::~CommitLog() = default;

Result<std::unique_ptr<CommitLog>> CommitLog::Open(Options options, const Start& start) {
  std::unique_ptr<CommitLog> log(new CommitLog(std::move(options), start));
  RETURN_IF_ERROR(log->NewSegment(start.predecessor, start.predecessor_length));
  return log;
}

std::string CommitLog::PathOf(uint64_t number) const {
  return JoinPath(options_.directory, LogFileName(number));
}

Status CommitLog::NewSegment(uint64_t predecessor, uint64_t predecessor_length) {
  SegmentHeader header = options_.next_header();
  header.first_position = stored() + 1;
  header.first_time_us = active_ ? active_->last_time_us() : start_time_us_;
  header.history_hash = active_ ? active_->history_hash() : start_hash_;
  header.durable = durable();
  header.predecessor = predecessor;
  header.predecessor_length = predecessor_length;
  header.predecessor_last_position = stored();
  ASSIGN_OR_RETURN(auto writer, SegmentWriter::Create(options_.fs, PathOf(header.number), header));
  options_.statistics->log_bytes.fetch_add(writer->length(), std::memory_order_relaxed);
  MutexLock lock(mutex_);
  active_ = std::move(writer);
  RetainedSegment info;
  info.number = header.number;
  info.first_position = header.first_position;
  info.last_position = stored();
  segments_.push_back({active_, info, true, false, false});
  directory_changed_ = true;
  return Status::Ok();
}

bool CommitLog::NeedsRotation(uint64_t bytes) const {
  if (active_->broken() || active_->sealed()) return true;
  // Without its header, which may be large: it is in every segment, so that segments grow with it.
  const uint64_t catalogue_bytes = active_->header().catalogue.size();
  return active_->last_position() >= active_->header().first_position &&
         active_->length() - (kCatalogueOffset + catalogue_bytes) >=
             std::max(bytes, 4 * catalogue_bytes);
}

Status CommitLog::Rotate() {
  // A trailer that cannot be stored is no loss: the successor's header says where this one ends.
  if (!active_->broken() && !active_->sealed()) static_cast<void>(active_->Seal());
  active_->GiveBackRoom();  // on a full disk the successor needs it
  {
    // Each keeps a descriptor, and room on the disk, until it is synced.
    MutexLock lock(mutex_);
    const auto unsynced = std::count_if(segments_.begin(), segments_.end(),
                                        [](const Segment& segment) { return !segment.synced; });
    while (syncing_ && unsynced >= kUnsyncedSegmentsMax) synced_.Wait(mutex_);
    if (unsynced >= kUnsyncedSegmentsMax) RETURN_IF_ERROR(SyncOnce(Mark::kNowAndThen));
  }
  return NewSegment(active_->header().number, active_->length());
}

Status CommitLog::Store() {
  if (failed_.load(std::memory_order_acquire)) {
    active_->Discard();
    return failure();
  }
  uint64_t before = active_->length();
  RETURN_IF_ERROR(active_->Store());
  uint64_t bytes = active_->length() - before;
  options_.statistics->log_bytes.fetch_add(bytes, std::memory_order_relaxed);
  unsynced_bytes_.fetch_add(bytes, std::memory_order_relaxed);
  // Release: a syncing thread that loads the position finds the bytes stored.
  stored_.store(active_->last_position(), std::memory_order_release);
  return Status::Ok();
}

Status CommitLog::SyncSegments(const std::vector<std::shared_ptr<SegmentWriter>>& writers,
                               bool directory) {
  // Oldest first, so that a failure in between leaves a prefix durable, never a hole; then the
  // names. Nothing is acknowledged before all of it (invariant 6).
  for (const auto& writer : writers) RETURN_IF_ERROR(writer->Sync());
  if (directory) RETURN_IF_ERROR(options_.fs->SyncDirectory(options_.directory));
  options_.statistics->log_syncs.fetch_add(1, std::memory_order_relaxed);
  return Status::Ok();
}

void CommitLog::TellSlowSync(uint64_t nanos, bool under_way) const {
  const uint64_t micros = nanos / 1000;
  if (micros >= kSlowSyncMicros && options_.slow_sync) options_.slow_sync(micros, under_way);
}

// Relaxed: a look that comes too early or too late finds one sync instead of another, which is told
// correctly all the same.
uint64_t CommitLog::LookAtSync() {
  const uint64_t began = sync_began_nanos_.load(std::memory_order_relaxed);
  const uint64_t now = options_.executor->NowNanos();
  if (began == 0 || now <= began) return 0;
  const uint64_t nanos = now - began;
  if (nanos / 1000 >= kSlowSyncMicros &&
      slow_sync_told_nanos_.exchange(began, std::memory_order_relaxed) != began) {
    TellSlowSync(nanos, /*under_way=*/true);
  }
  return nanos / 1000;
}

Status CommitLog::SyncOnce(Mark mark) noexcept {
  if (!failure_.ok()) return failure_;  // invariant 13
  syncing_ = true;
  std::vector<std::shared_ptr<SegmentWriter>> writers;
  for (const Segment& segment : segments_) {
    if (!segment.synced) writers.push_back(segment.writer);
  }
  bool directory = directory_changed_;
  // Loaded after the segments: whatever is stored up to here lies in one of `writers`, since a
  // segment joins the list before anything is stored in it.
  LogPos target = stored();
  uint64_t bytes = unsynced_bytes();
  uint64_t last_number = segments_.back().info.number;
  const uint64_t marked_at = marked_at_nanos_;
  mutex_.Unlock();
  uint64_t begin = options_.executor->NowNanos();
  sync_began_nanos_.store(begin, std::memory_order_relaxed);
  Status status = SyncSegments(writers, directory);
  // Those before the last are complete: their room and their descriptors go back.
  for (size_t i = 0; status.ok() && i + 1 < writers.size(); ++i) {
    static_cast<void>(writers[i]->Close());
  }
  const uint64_t end = options_.executor->NowNanos();
  sync_began_nanos_.store(0, std::memory_order_relaxed);
  options_.statistics->sync_latency.Add(end - begin);
  // Not needed for durability, only for telling a torn tail from damage: its failure is no failure.
  const bool marks = mark == Mark::kAlways || end - marked_at >= kMarkEveryNanos;
  if (status.ok() && marks) static_cast<void>(writers.back()->MarkDurable(target));
  mutex_.Lock();
  if (marks) marked_at_nanos_ = end;
  syncing_ = false;
  if (status.ok()) {
    for (size_t i = 0; i < segments_.size(); ++i) {
      Segment& segment = segments_[i];
      if (segment.info.number <= last_number) segment.header_synced = true;
      if (segment.info.number >= last_number || segment.synced) continue;
      segment.info = InfoLocked(i);
      segment.synced = true;
      segment.writer.reset();
    }
    if (directory && segments_.back().info.number == last_number) directory_changed_ = false;
    unsynced_bytes_.fetch_sub(std::min(bytes, unsynced_bytes()), std::memory_order_relaxed);
    durable_.store(target, std::memory_order_release);
  } else {
    failure_ = status;
    failed_.store(true, std::memory_order_release);
  }
  synced_.NotifyAll();
  if ((end - begin) / 1000 >= kSlowSyncMicros) {
    // Behind it all: who is told may take long, and must find the sync done.
    mutex_.Unlock();
    TellSlowSync(end - begin, /*under_way=*/false);
    mutex_.Lock();
  }
  return failure_;
}

Status CommitLog::SyncTo(LogPos position, Deadline deadline) {
  MutexLock lock(mutex_);
  while (durable() < position) {
    RETURN_IF_ERROR(Status(failure_));
    const bool in_time = deadline == kNoDeadline || options_.executor->Now() < deadline;
    if (!syncing_ && in_time) {
      RETURN_IF_ERROR(SyncOnce(Mark::kNowAndThen));
    } else if (!in_time || (!synced_.WaitUntil(mutex_, deadline) && durable() < position)) {
      return Status::Timeout("the log is durable up to position " + std::to_string(durable()) +
                             ", asked for " + std::to_string(position));
    }
  }
  return Status::Ok();
}

Status CommitLog::SyncHeaders() {
  MutexLock lock(mutex_);
  while (!segments_.back().header_synced) {
    RETURN_IF_ERROR(Status(failure_));
    if (syncing_) {
      synced_.Wait(mutex_);
    } else {
      RETURN_IF_ERROR(SyncOnce(Mark::kNowAndThen));
    }
  }
  return Status::Ok();
}

uint64_t CommitLog::durable_segment() const {
  MutexLock lock(mutex_);
  for (auto it = segments_.rbegin(); it != segments_.rend(); ++it) {
    if (it->of_this_open && it->header_synced) return it->info.number;
  }
  return 0;
}

Status CommitLog::MarkIdle() {
  MutexLock lock(mutex_);
  while (syncing_) synced_.Wait(mutex_);
  RETURN_IF_ERROR(SyncOnce(Mark::kAlways));
  // Once more, so that the slot just stored is durable itself.
  while (syncing_) synced_.Wait(mutex_);
  return SyncOnce(Mark::kAlways);
}

Status CommitLog::failure() const {
  MutexLock lock(mutex_);
  return failure_;
}

std::vector<RetainedSegment> CommitLog::Segments() const {
  MutexLock lock(mutex_);
  std::vector<RetainedSegment> list;
  for (size_t i = 0; i < segments_.size(); ++i) {
    list.push_back(InfoLocked(i));
  }
  return list;
}

RetainedSegment CommitLog::InfoLocked(size_t i) const {
  RetainedSegment info = segments_[i].info;
  if (segments_[i].writer == nullptr) return info;
  const bool active = i + 1 == segments_.size();
  info.last_position = active ? stored() : segments_[i + 1].info.first_position - 1;
  info.bytes = segments_[i].writer->length();
  info.last_time_us = segments_[i].writer->last_time_us();
  return info;
}

Status CommitLog::RemoveBefore(uint64_t number) {
  // Off the list first: who finds a segment there finds its file.
  MutexLock lock(mutex_);
  while (segments_.size() > 1 && segments_.front().info.number < number) {
    Segment gone = std::move(segments_.front());
    segments_.erase(segments_.begin());
    lock.Unlock();
    Status removed = options_.fs->Remove(PathOf(gone.info.number));
    lock.Lock();
    if (removed.ok() || removed.Is(StatusCode::kNotFound)) continue;
    const auto behind = std::find_if(segments_.begin(), segments_.end(), [&gone](const Segment& s) {
      return s.info.number > gone.info.number;
    });
    segments_.insert(behind, std::move(gone));
    return removed;
  }
  return Status::Ok();
}

uint64_t CommitLog::active_number() const {
  MutexLock lock(mutex_);
  return segments_.back().info.number;
}

Result<LogEnd> CommitLog::Close() {
  // A trailer that cannot be stored, on a full disk, is no loss: the mark of the close says where
  // the segment ends.
  if (!active_->broken() && !active_->sealed()) static_cast<void>(active_->Seal());
  {
    MutexLock lock(mutex_);
    while (syncing_) synced_.Wait(mutex_);
    RETURN_IF_ERROR(Status(failure_));
    // With the names that are gone, so that what is missing behind a clean close was taken away.
    directory_changed_ = true;
    RETURN_IF_ERROR(SyncOnce(Mark::kAlways));
  }
  LogEnd end{active_->header().number, active_->length(), stored()};
  RETURN_IF_ERROR(active_->Close());
  return end;
}

}  // namespace logwood
