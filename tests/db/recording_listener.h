// Keeps every event it is told, in order. One call at a time, as a database tells them.
#pragma once

#include <vector>

#include "logwood/event_listener.h"

namespace logwood::test {

struct RecordingListener : EventListener {
  void OnEvent(const Event& event) override { events.push_back(event); }
  std::vector<Event> events;
};

}  // namespace logwood::test
