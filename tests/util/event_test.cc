#include <gtest/gtest.h>

#include <string>

#include "logwood/event_listener.h"

namespace logwood {
namespace {

TEST(Event, LeavesOutWhatDoesNotApply) {
  Event event;
  event.kind = EventKind::kClosed;
  event.wall_us = 17;
  event.position = 5;
  EXPECT_EQ(event.ToJson(), R"({"event":"closed","wall_us":17,"position":5})");
}

TEST(Event, TellsEverythingThatApplies) {
  Event event;
  event.kind = EventKind::kCompaction;
  event.file = "000007.table";
  event.bytes_in = 1;
  event.bytes_out = 2;
  event.entries_in = 3;
  event.entries_out = 4;
  event.tables_in = 5;
  event.tables_out = 6;
  event.level_in = 0;
  event.level_out = 1;
  event.micros = 7;
  event.dropped = 8;
  event.status = Status::IoError("read x");
  event.detail = "line\nbreak";
  EXPECT_EQ(
      event.ToJson(),
      R"({"event":"compaction","wall_us":0,"position":0,"file":"000007.table","offset":0,)"
      R"("bytes_in":1,"bytes_out":2,"entries_in":3,"entries_out":4,"tables_in":5,)"
      R"("tables_out":6,"level_in":0,"level_out":1,"micros":7,"dropped":8,"status":"IoError",)"
      R"("message":"read x","detail":"line\nbreak"})");
}

TEST(Event, TellsKeysAndPositionsOfDamage) {
  Event event;
  event.kind = EventKind::kCorruption;
  event.file = "000012.table";
  event.offset = 64;
  event.first_keyspace = "default";
  event.last_keyspace = "\xff";
  event.last_key = std::string("\x00\xff", 2);
  event.first_position = 3;
  event.last_position = 9;
  EXPECT_EQ(event.ToJson(),
            R"({"event":"corruption","wall_us":0,"position":0,"file":"000012.table","offset":64,)"
            R"("first_keyspace":"default","first_key":"","last_keyspace_base64":"/w==",)"
            R"("last_key_base64":"AP8=","first_position":3,"last_position":9})");
}

TEST(Event, EveryKindHasItsOwnName) {
  std::string seen = " ";
  for (int kind = 0; kind <= static_cast<int>(EventKind::kSteppedOverDeleted); ++kind) {
    const std::string name(EventKindName(static_cast<EventKind>(kind)));
    EXPECT_NE(name, "unknown");
    EXPECT_EQ(seen.find(" " + name + " "), std::string::npos) << name;
    seen += name + " ";
  }
}

}  // namespace
}  // namespace logwood
