// EventLog: hands events to listeners and appends them to EVENTS, one JSON object a line; the file
// is bounded: at its limit it becomes EVENTS.old and a new one begins. Failing to write it is never
// an error of the database. So is the queue in front of a slow listener: what does not fit is
// counted, and the count is told as an event of its own (invariants 23 and 27).
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
  // Of events that wait, so many tell of ordinary work; those that somebody should act on find
  // room beyond that.
  static constexpr size_t kWaitingMax = 1000;
  static constexpr size_t kUrgentWaitingMax = 2000;
  // What one call tells at most, of its own and of others' events.
  static constexpr size_t kToldMax = 10'000;

  // With an empty directory nothing is written (read-only databases).
  // `clock` and `fs` outlive it.
  EventLog(FileSystem* fs, Executor* clock, std::string directory, uint64_t bytes_max,
           std::vector<std::shared_ptr<EventListener>> listeners);

  // Thread safe. Never call it with a lock of the engine held. A listener that causes events gets
  // them after the current one. The calling thread tells what waits, of itself and of others.
  void Emit(Event event);
  // kInvalidArgument for what a listener of this log must not do, where one calls.
  Status CheckNotTelling() const;

 private:
  // The logs that tell on the calling thread: a listener may write to another database.
  struct Telling {
    const EventLog* log;
    const Telling* outer;
  };
  static const Telling*& TellingHere();

  bool HasRoomLocked(EventKind kind) const REQUIRES(mutex_);
  void PutLocked(Event event) REQUIRES(mutex_);
  void TellDroppedLocked() REQUIRES(mutex_);
  bool OpenFile();
  bool Rotate();
  void Append(const Event& event);

  FileSystem* const fs_;
  Executor* const clock_;
  const std::string directory_;
  const uint64_t bytes_max_;
  const std::vector<std::shared_ptr<EventListener>> listeners_;
  Mutex mutex_;
  std::deque<Event> queue_ GUARDED_BY(mutex_);
  bool draining_ GUARDED_BY(mutex_) = false;
  uint64_t dropped_ GUARDED_BY(mutex_) = 0;  // not yet told
  // Only touched by the draining thread.
  std::unique_ptr<LogFile> file_;
  uint64_t file_bytes_ = 0;
};

}  // namespace logwood
