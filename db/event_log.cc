#include "db/event_log.h"

#include <utility>

#include "db/file_names.h"

namespace logwood {

namespace {

bool EndsWithNewline(FileSystem* fs, const std::string& path, uint64_t bytes) {
  auto file = fs->OpenRandomAccess(path);
  char last = '\n';
  if (!file.ok() || !(*file)->Read(bytes - 1, 1, &last).ok()) return true;
  return last == '\n';
}

// What comes often and calls for nothing.
bool IsOrdinary(EventKind kind) {
  switch (kind) {
    case EventKind::kFlush:
    case EventKind::kCompaction:
    case EventKind::kStall:
    case EventKind::kKeyspaceCreated:
    case EventKind::kKeyspaceDropped:
    case EventKind::kSteppedOverDeleted:
      return true;
    case EventKind::kOpened:
    case EventKind::kClosed:
    case EventKind::kUnprovenTail:
    case EventKind::kCorruption:
    case EventKind::kBackgroundError:
    case EventKind::kResumed:
    case EventKind::kOldSnapshot:
    case EventKind::kSlowSync:
    case EventKind::kEventsDropped:
    case EventKind::kFilesRemoved:
      return false;
  }
  return false;
}

}  // namespace

EventLog::EventLog(FileSystem* fs, Executor* clock, std::string directory, uint64_t bytes_max,
                   std::vector<std::shared_ptr<EventListener>> listeners)
    : fs_(fs),
      clock_(clock),
      directory_(std::move(directory)),
      bytes_max_(bytes_max),
      listeners_(std::move(listeners)) {}

// Once something was dropped, half of the room must be free before more is taken: else the queue
// would be full of accounts of what is missing.
bool EventLog::HasRoomLocked(EventKind kind) const {
  if (!IsOrdinary(kind)) return queue_.size() < kUrgentWaitingMax;
  return queue_.size() < (dropped_ == 0 ? kWaitingMax : kWaitingMax / 2);
}

void EventLog::PutLocked(Event event) {
  if (!HasRoomLocked(event.kind)) {
    ++dropped_;
    return;
  }
  TellDroppedLocked();
  queue_.push_back(std::move(event));
}

// In the place where they are missing.
void EventLog::TellDroppedLocked() {
  if (dropped_ == 0) return;
  Event event;
  event.kind = EventKind::kEventsDropped;
  event.wall_us = clock_->WallMicros();
  event.dropped = std::exchange(dropped_, 0);
  event.detail = "a listener is slower than the events";
  queue_.push_back(std::move(event));
}

void EventLog::Emit(Event event) {
  event.wall_us = clock_->WallMicros();
  const bool last = event.kind == EventKind::kClosed;
  {
    MutexLock lock(mutex_);
    PutLocked(std::move(event));
    if (draining_) return;  // that thread, or a caller of ours on this one, goes on with it
    draining_ = true;
  }
  for (size_t told = 0;; ++told) {
    Event next;
    {
      MutexLock lock(mutex_);
      if (queue_.empty()) TellDroppedLocked();
      // Events come as fast as they are told: the next thread that has one goes on.
      const bool enough = told >= kToldMax && !last;
      if (queue_.empty() || enough) {
        draining_ = false;
        return;
      }
      next = std::move(queue_.front());
      queue_.pop_front();
    }
    if (!directory_.empty()) Append(next);
    const Telling telling{this, TellingHere()};
    TellingHere() = &telling;
    for (const auto& listener : listeners_) {
      if (listener != nullptr) listener->OnEvent(next);
    }
    TellingHere() = telling.outer;
  }
}

const EventLog::Telling*& EventLog::TellingHere() {
  thread_local const Telling* innermost = nullptr;
  return innermost;
}

Status EventLog::CheckNotTelling() const {
  for (const Telling* telling = TellingHere(); telling != nullptr; telling = telling->outer) {
    if (telling->log != this) continue;
    return Status::InvalidArgument(
        "called by an EventListener of this database, which may read, but not write, flush, "
        "compact or wait for that: others wait for the thread it is called on");
  }
  return Status::Ok();
}

bool EventLog::OpenFile() {
  const std::string path = JoinPath(directory_, kEventsFileName);
  auto opened = fs_->OpenLogFile(path);
  if (!opened.ok()) return false;
  auto size = fs_->FileSize(path);
  if (!size.ok()) return false;  // not known where to go on
  file_ = std::move(*opened);
  file_bytes_ = *size;
  // A crash may have torn the last line: what follows begins on one of its own.
  if (file_bytes_ != 0 && !EndsWithNewline(fs_, path, file_bytes_) &&
      file_->Store(file_bytes_, "\n").ok()) {
    ++file_bytes_;
  }
  return true;
}

bool EventLog::Rotate() {
  static_cast<void>(file_->Close());
  file_.reset();
  const std::string path = JoinPath(directory_, kEventsFileName);
  const Status moved = fs_->Rename(path, JoinPath(directory_, kEventsOldFileName));
  // What stands in the way may go again. If it does not, what was told before does.
  const bool waits = !moved.ok() && file_bytes_ < 2 * bytes_max_;
  return (moved.ok() || waits || fs_->Remove(path).ok()) && OpenFile();
}

void EventLog::Append(const Event& event) {
  if (file_ == nullptr && !OpenFile()) return;
  if (file_bytes_ >= bytes_max_ && !Rotate()) return;
  std::string line = event.ToJson() + '\n';
  if (file_->Store(file_bytes_, line).ok()) file_bytes_ += line.size();
}

}  // namespace logwood
