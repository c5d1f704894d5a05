// Keeps every event it is told, in order. One call at a time, as a database tells them.
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "logwood/event_listener.h"

namespace logwood::test {

struct RecordingListener : EventListener {
  void OnEvent(const Event& event) override { events.push_back(event); }
  bool Told(EventKind kind, const std::string& file) const {
    return std::any_of(events.begin(), events.end(), [&](const Event& event) {
      return event.kind == kind && event.file == file;
    });
  }

  std::vector<Event> events;
};

}  // namespace logwood::test
