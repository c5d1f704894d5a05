#include "logwood/event_listener.h"
#include "util/json_writer.h"

namespace logwood {

std::string_view EventKindName(EventKind kind) {
  switch (kind) {
    case EventKind::kOpened:
      return "opened";
    case EventKind::kClosed:
      return "closed";
    case EventKind::kUnprovenTail:
      return "unproven_tail";
    case EventKind::kFlush:
      return "flush";
    case EventKind::kCompaction:
      return "compaction";
    case EventKind::kStall:
      return "stall";
    case EventKind::kCorruption:
      return "corruption";
    case EventKind::kBackgroundError:
      return "background_error";
    case EventKind::kResumed:
      return "resumed";
    case EventKind::kKeyspaceCreated:
      return "keyspace_created";
    case EventKind::kKeyspaceDropped:
      return "keyspace_dropped";
    case EventKind::kOldSnapshot:
      return "old_snapshot";
    case EventKind::kSlowSync:
      return "slow_sync";
    case EventKind::kEventsDropped:
      return "events_dropped";
    case EventKind::kFilesRemoved:
      return "files_removed";
    case EventKind::kSteppedOverDeleted:
      return "stepped_over_deleted";
  }
  return "unknown";
}

// Fields that do not apply are left out: a line is short, and what is there means something. The
// offset goes with the file, as 0 is a place in it.
std::string Event::ToJson() const {
  JsonObject json;
  json.Field("event", EventKindName(kind)).Field("wall_us", wall_us).Field("position", position);
  const auto number = [&json](std::string_view name, uint64_t value) {
    if (value != 0) json.Field(name, value);
  };
  if (!file.empty()) json.Field("file", file).Field("offset", offset);
  if (!first_keyspace.empty() || !last_keyspace.empty()) {  // the empty key is a key
    json.Bytes("first_keyspace", first_keyspace).Bytes("first_key", first_key);
    json.Bytes("last_keyspace", last_keyspace).Bytes("last_key", last_key);
  }
  number("first_position", first_position);
  number("last_position", last_position);
  number("bytes_in", bytes_in);
  number("bytes_out", bytes_out);
  number("entries_in", entries_in);
  number("entries_out", entries_out);
  number("tables_in", tables_in);
  number("tables_out", tables_out);
  if (level_in >= 0) json.Field("level_in", level_in);
  if (level_out >= 0) json.Field("level_out", level_out);
  number("micros", micros);
  number("dropped", dropped);
  if (!status.ok()) {
    json.Field("status", StatusCodeName(status.code())).Field("message", status.message());
  }
  if (!detail.empty()) json.Field("detail", detail);
  return json.Finish();
}

}  // namespace logwood
