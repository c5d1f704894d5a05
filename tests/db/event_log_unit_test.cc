// The event log: one line an event, a bounded file, listeners in order also when they cause events.
#include "db/event_log.h"

#include <gtest/gtest.h>

#include <regex>
#include <sstream>
#include <thread>

#include "tests/db/db_test_support.h"
#include "tests/support/json_checker.h"
#include "util/faulty_file_system.h"

namespace logwood {
namespace {

struct Recorder : EventListener {
  void OnEvent(const Event& event) override {
    details.push_back(event.detail);
    kinds.push_back(event.kind);
    dropped += event.dropped;
    if (then) then(event);
  }
  std::vector<std::string> details;
  std::vector<EventKind> kinds;
  uint64_t dropped = 0;
  std::function<void(const Event&)> then;
};

class EventLogTest : public testing::Test {
 protected:
  EventLogTest() { EXPECT_OK(fs_->CreateDirectory("db")); }
  ~EventLogTest() override { clock_->Shutdown(); }

  void Make(uint64_t bytes_max = 1 << 20, FileSystem* fs = nullptr, const std::string& dir = "db") {
    log_ = std::make_unique<EventLog>(fs != nullptr ? fs : fs_.get(), clock_.get(), dir, bytes_max,
                                      std::vector<std::shared_ptr<EventListener>>{recorder_});
  }
  void Emit(const std::string& detail, EventKind kind = EventKind::kStall) {
    Event event;
    event.kind = kind;
    event.detail = detail;
    log_->Emit(std::move(event));
  }
  std::string Text(const std::string& name) {
    auto bytes = test::ReadFile(fs_.get(), "db/" + name);
    return bytes.ok() ? *bytes : "";
  }
  static size_t Lines(const std::string& text) {
    return static_cast<size_t>(std::count(text.begin(), text.end(), '\n'));
  }

  std::unique_ptr<FileSystem> fs_ = FileSystem::InMemory();
  std::unique_ptr<Executor> clock_ = NewThreadPool(1);
  std::shared_ptr<Recorder> recorder_ = std::make_shared<Recorder>();
  std::unique_ptr<EventLog> log_;
};

TEST_F(EventLogTest, EachEventIsOneLine) {
  Make();
  Emit("first\nwith a line end");
  Emit("second");
  const std::string text = Text("EVENTS");
  EXPECT_EQ(Lines(text), 2u);
  EXPECT_EQ(text.back(), '\n');
  EXPECT_NE(text.find("second"), std::string::npos);
  EXPECT_EQ(recorder_->details, (std::vector<std::string>{"first\nwith a line end", "second"}));
}

TEST_F(EventLogTest, ALaterOpenAppends) {
  Make();
  Emit("before");
  Make();
  Emit("after");
  EXPECT_EQ(Lines(Text("EVENTS")), 2u);
}

TEST_F(EventLogTest, TheFilesAreBoundedAndTheNewestEventsStay) {
  constexpr uint64_t kBytesMax = 4096;
  Make(kBytesMax);
  for (int i = 0; i < 500; ++i) {
    Emit("event number " + std::to_string(i));
    ASSERT_LE(Text("EVENTS").size(), kBytesMax + 200);
    ASSERT_LE(Text("EVENTS.old").size(), kBytesMax + 200);
  }
  const std::string kept = Text("EVENTS.old") + Text("EVENTS");
  EXPECT_GE(kept.size(), kBytesMax);
  int wanted = 499;
  for (size_t line = Lines(kept); line > 0; --line, --wanted) {
    EXPECT_NE(kept.find("event number " + std::to_string(wanted) + "\""), std::string::npos);
  }
}

TEST_F(EventLogTest, AnEventCausedByAListenerComesAfterTheCurrentOne) {
  int depth = 0;
  recorder_->then = [&](const Event& event) {
    EXPECT_EQ(depth++, 0) << "called within a call";
    if (event.detail == "a") {
      Emit("b");
      Emit("c");
    }
    if (event.detail == "b") Emit("d");
    --depth;
  };
  Make();
  Emit("a");
  EXPECT_EQ(recorder_->details, (std::vector<std::string>{"a", "b", "c", "d"}));
  EXPECT_EQ(Lines(Text("EVENTS")), 4u);
}

TEST_F(EventLogTest, WithoutADirectoryOnlyListenersHear) {
  Make(1 << 20, nullptr, "");
  Emit("a");
  EXPECT_EQ(recorder_->details.size(), 1u);
  EXPECT_TRUE(fs_->List("db")->empty());
}

TEST_F(EventLogTest, FailuresOfTheFileAreNoFailures) {
  FaultyFileSystem faulty(fs_.get());
  for (uint64_t n = 1; n <= 12; ++n) {
    faulty.FailOperation(n);
    Make(64, &faulty);
    for (int i = 0; i < 5; ++i) Emit("x");
  }
  EXPECT_EQ(recorder_->details.size(), 60u);
  const std::string kept = Text("EVENTS.old") + Text("EVENTS");
  EXPECT_EQ(kept.find('\0'), std::string::npos) << "a failed store left a hole";
}

// Whatever stands in the way of the old file's name, or keeps EVENTS itself from going.
TEST_F(EventLogTest, WhereTheFilesCannotBeRotatedTheyAreBoundedAllTheSame) {
  constexpr uint64_t kBytesMax = 4096;
  FaultyFileSystem faulty(fs_.get());
  for (const bool keeps_events : {false, true}) {
    faulty.SetFault([keeps_events](FileOp op, const std::string&) {
      const bool fails = op == FileOp::kRename || (keeps_events && op == FileOp::kRemove);
      return fails ? Status::IoError("injected") : Status();
    });
    static_cast<void>(fs_->Remove("db/EVENTS"));
    Make(kBytesMax, &faulty);
    for (int i = 0; i < 500; ++i) {
      Emit("event number " + std::to_string(i));
      ASSERT_LE(Text("EVENTS").size(), 2 * kBytesMax + 200) << i;
    }
    EXPECT_EQ(Text("EVENTS").find("event number 499") != std::string::npos, !keeps_events);
  }
  faulty.SetFault({});
  Emit("there is room again");
  EXPECT_NE(Text("EVENTS").find("there is room again"), std::string::npos);
}

// A crash may tear the last line; what follows must not be glued to it.
TEST_F(EventLogTest, ATornLastLineStaysALineOfItsOwn) {
  Make();
  Emit("whole");
  std::string text = Text("EVENTS");
  ASSERT_OK(test::WriteFile(fs_.get(), "db/EVENTS", text + "{\"kind\":\"to"));
  Make();
  Emit("next");
  text = Text("EVENTS");
  EXPECT_NE(text.find("\n{\"kind\":\"to\n{"), std::string::npos) << text;
}

// While a listener is busy with the first, more come than fit.
TEST_F(EventLogTest, WhatASlowListenerHasNoRoomForIsCountedAndTold) {
  constexpr size_t kCame = 5000;
  recorder_->then = [&](const Event& event) {
    if (event.detail != "first") return;
    for (size_t i = 0; i < kCame; ++i) Emit(std::to_string(i));
    Emit("damage", EventKind::kCorruption);
  };
  Make();
  Emit("first");
  const std::vector<std::string>& told = recorder_->details;
  // The first, as many as fit, the count, and what somebody should act on.
  ASSERT_EQ(told.size(), EventLog::kWaitingMax + 3);
  EXPECT_EQ(told[EventLog::kWaitingMax], std::to_string(EventLog::kWaitingMax - 1));
  EXPECT_EQ(recorder_->kinds[EventLog::kWaitingMax + 1], EventKind::kEventsDropped);
  EXPECT_EQ(recorder_->dropped, kCame - EventLog::kWaitingMax);
  EXPECT_EQ(told.back(), "damage");
  EXPECT_NE(Text("EVENTS").find("\"event\":\"events_dropped\""), std::string::npos);
  Emit("later");
  EXPECT_EQ(told.back(), "later");
}

TEST_F(EventLogTest, EventsToActOnAreBoundedAsWell) {
  recorder_->then = [&](const Event& event) {
    if (event.detail != "first") return;
    for (int i = 0; i < 5000; ++i) Emit(std::to_string(i), EventKind::kBackgroundError);
  };
  Make();
  Emit("first");
  EXPECT_EQ(recorder_->details.size(), EventLog::kUrgentWaitingMax + 2);
  EXPECT_EQ(recorder_->dropped, 5000 - EventLog::kUrgentWaitingMax);
}

// A listener that is slower than the events for ever: no call tells for ever, nothing is lost
// uncounted.
TEST_F(EventLogTest, NoCallTellsForEver) {
  uint64_t came = 0;
  recorder_->then = [&](const Event& event) {
    if (event.kind != EventKind::kStall || came >= 100'000) return;
    Emit(std::to_string(++came));
    Emit(std::to_string(++came));
  };
  Make(1 << 20, nullptr, "");
  Emit("first");
  EXPECT_EQ(recorder_->details.size(), EventLog::kToldMax);
  recorder_->then = nullptr;
  Emit("last");
  Emit("closed", EventKind::kClosed);
  uint64_t counts = 0;
  for (const EventKind kind : recorder_->kinds) counts += kind == EventKind::kEventsDropped;
  EXPECT_EQ(recorder_->details.size() - counts + recorder_->dropped, came + 3);
  EXPECT_EQ(recorder_->details.back(), "closed");
}

TEST_F(EventLogTest, ConcurrentEventsAreHeardOneAtATimeAndEachOnce) {
  std::atomic<int> inside{0};
  recorder_->then = [&](const Event&) {
    EXPECT_EQ(inside.fetch_add(1), 0);
    inside.fetch_sub(1);
  };
  Make();
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 200; ++i) Emit(std::to_string(t));  // not more than fit
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(recorder_->details.size(), 800u);
  EXPECT_EQ(Lines(Text("EVENTS")), 800u);
}

// ---- docs/format/events.md says what a line is.

std::vector<std::string> LinesOfEventsPage() {
  auto page = test::ReadFile(FileSystem::Posix(), LOGWOOD_SOURCE_DIR "/docs/format/events.md");
  EXPECT_OK(page);
  std::vector<std::string> lines;
  if (!page.ok()) return lines;
  std::istringstream in(*page);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

// The names in the first column of the table under a heading, in order.
std::vector<std::string> NamesInEventsTable(const std::string& heading) {
  std::vector<std::string> names;
  bool inside = false;
  for (const std::string& line : LinesOfEventsPage()) {
    if (line.starts_with("#")) inside = line == heading;
    if (inside && line.starts_with("| `")) names.push_back(line.substr(3, line.find('`', 3) - 3));
  }
  return names;
}

TEST(EventsPage, ItsFieldsAreThoseOfALineInOrder) {
  Event event;
  event.file = "f";
  event.first_keyspace = event.last_keyspace = "default";
  event.first_position = event.last_position = 1;
  event.bytes_in = event.bytes_out = event.entries_in = event.entries_out = 1;
  event.tables_in = event.tables_out = 1;
  event.level_in = event.level_out = 1;
  event.micros = event.dropped = 1;
  event.status = Status::IoError("m");
  event.detail = "d";
  const std::string line = event.ToJson();
  size_t from = 0;
  const std::vector<std::string> names = NamesInEventsTable("## Fields");
  for (const std::string& name : names) {
    const size_t at = line.find("\"" + name + "\":", from);
    ASSERT_NE(at, std::string::npos) << name << " is not there, or not in its place: " << line;
    from = at + 1;
  }
  const auto fields = test::ReadJson(line);
  ASSERT_TRUE(fields.has_value()) << line;
  EXPECT_EQ(names.size(), fields->size());
}

TEST(EventsPage, ItsKindsAreAllThereAreInOrder) {
  std::vector<std::string> kinds;
  for (int kind = 0; kind <= static_cast<int>(EventKind::kSteppedOverDeleted); ++kind) {
    kinds.emplace_back(EventKindName(static_cast<EventKind>(kind)));
  }
  EXPECT_EQ(NamesInEventsTable("## Kinds"), kinds);
}

// But for the time, which is the clock's.
std::string WithoutWallTime(std::string text) {
  return std::regex_replace(text, std::regex("\"wall_us\":[0-9]+"), "\"wall_us\":T");
}

TEST_F(EventLogTest, TheExampleOfThePageIsWhatIsWritten) {
  Make();
  Event opened;
  opened.kind = EventKind::kOpened;
  opened.position = 1;
  opened.bytes_in = 2218;
  opened.micros = 2815;
  opened.detail = "closed cleanly before; replayed 1 commits";
  log_->Emit(opened);
  Event flush;
  flush.kind = EventKind::kFlush;
  flush.position = 1;
  flush.bytes_in = 1584;
  flush.bytes_out = 3115;
  flush.entries_in = flush.entries_out = 200;
  flush.tables_out = 1;
  flush.level_out = 0;
  flush.micros = 3626;
  log_->Emit(flush);
  Event closed;
  closed.kind = EventKind::kClosed;
  closed.position = 1;
  log_->Emit(closed);
  std::string example;
  bool inside = false;
  for (const std::string& line : LinesOfEventsPage()) {
    if (line.starts_with("```")) {
      inside = line == "```json";
    } else if (inside) {
      example += line + '\n';
    }
  }
  EXPECT_EQ(WithoutWallTime(Text("EVENTS")), WithoutWallTime(example));
}

}  // namespace
}  // namespace logwood
