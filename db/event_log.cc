#include "db/event_log.h"

#include "db/file_names.h"

namespace logwood {

namespace {

bool EndsWithNewline(FileSystem* fs, const std::string& path, uint64_t bytes) {
  auto file = fs->OpenRandomAccess(path);
  char last = '\n';
  if (!file.ok() || !(*file)->Read(bytes - 1, 1, &last).ok()) return true;
  return last == '\n';
}

}  // namespace

EventLog::EventLog(FileSystem* fs, Executor* clock, std::string directory, uint64_t bytes_max,
                   std::vector<std::shared_ptr<EventListener>> listeners)
    : fs_(fs),
      clock_(clock),
      directory_(std::move(directory)),
      bytes_max_(bytes_max),
      listeners_(std::move(listeners)) {}

void EventLog::Emit(Event event) {
  event.wall_us = clock_->WallMicros();
  {
    MutexLock lock(mutex_);
    queue_.push_back(std::move(event));
    if (draining_) return;  // that thread, or a caller of ours on this one, goes on with it
    draining_ = true;
  }
  while (true) {
    Event next;
    {
      MutexLock lock(mutex_);
      if (queue_.empty()) {
        draining_ = false;
        return;
      }
      next = std::move(queue_.front());
      queue_.pop_front();
    }
    if (!directory_.empty()) Append(next);
    for (const auto& listener : listeners_) {
      if (listener != nullptr) listener->OnEvent(next);
    }
  }
}

void EventLog::Append(const Event& event) {
  std::string path = JoinPath(directory_, kEventsFileName);
  if (file_ != nullptr && file_bytes_ >= bytes_max_) {
    static_cast<void>(file_->Close());
    file_.reset();
    static_cast<void>(fs_->Rename(path, JoinPath(directory_, kEventsOldFileName)));
  }
  if (file_ == nullptr) {
    auto opened = fs_->OpenLogFile(path);
    if (!opened.ok()) return;
    auto size = fs_->FileSize(path);
    if (!size.ok()) return;  // not known where to go on
    file_ = std::move(*opened);
    file_bytes_ = *size;
    // A crash may have torn the last line: what follows begins on one of its own.
    if (file_bytes_ != 0 && !EndsWithNewline(fs_, path, file_bytes_) &&
        file_->Store(file_bytes_, "\n").ok()) {
      ++file_bytes_;
    }
  }
  std::string line = event.ToJson() + '\n';
  if (file_->Store(file_bytes_, line).ok()) file_bytes_ += line.size();
}

}  // namespace logwood
