// EventLog: hands events to listeners and appends them to EVENTS, one JSON object a line; the file
// is bounded: at its limit it becomes EVENTS.old and a new one begins. Failing to write it is never
// an error of the database.
#pragma once

#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "logwood/event_listener.h"
#include "logwood/file_system.h"
#include "util/executor.h"
#include "util/sync.h"

namespace logwood {

class EventLog {
 public:
  // With an empty directory nothing is written (read-only databases).
  // `clock` and `fs` outlive it.
  EventLog(FileSystem* fs, Executor* clock, std::string directory, uint64_t bytes_max,
           std::vector<std::shared_ptr<EventListener>> listeners);

  // Thread safe. Never call it with a lock of the engine held. A listener that causes events gets
  // them after the current one.
  void Emit(Event event);

 private:
  void Append(const Event& event);

  FileSystem* const fs_;
  Executor* const clock_;
  const std::string directory_;
  const uint64_t bytes_max_;
  const std::vector<std::shared_ptr<EventListener>> listeners_;
  Mutex mutex_;
  std::deque<Event> queue_ GUARDED_BY(mutex_);
  bool draining_ GUARDED_BY(mutex_) = false;
  // Only touched by the draining thread.
  std::unique_ptr<LogFile> file_;
  uint64_t file_bytes_ = 0;
};

}  // namespace logwood
