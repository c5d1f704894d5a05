// EventListener: what the engine tells while it works.
//
//   struct Alarm : logwood::EventListener {
//     void OnEvent(const logwood::Event& e) override {
//       if (e.kind == logwood::EventKind::kCorruption) Page(e.detail);
//     }
//   };
//   options.listeners.push_back(std::make_shared<Alarm>());
//
// Every event of a database that is open for writing also goes, as one JSON object a line, into the
// bounded, rotated `EVENTS` file of its directory.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "logwood/export.h"
#include "logwood/status.h"
#include "logwood/types.h"

namespace logwood {

enum class EventKind : uint8_t {
  kOpened,  // detail: what was recovered
  kClosed,
  kUnprovenTail,     // recovery cut a tail no durable point covers (opened read-only: left it out):
                     // file, offset, bytes
  kFlush,            // a memtable became a table
  kCompaction,       // tables were merged or moved
  kStall,            // writers are delayed: micros, detail says why
  kCorruption,       // where: `file` and `offset`; keys and positions that may be affected. What a
                     // call met: its `status`, which says all there is where `file` is empty
  kBackgroundError,  // a flush, compaction or sync failed
  kResumed,          // work that had failed succeeds again
  kKeyspaceCreated,
  kKeyspaceDropped,
  kOldSnapshot,    // a snapshot is older than Options::snapshot_age_warning
  kSlowSync,       // a sync of the log took a second or more, or has done so without having ended:
                   // micros
  kEventsDropped,  // events came faster than the listeners took them: `dropped`
  kFilesRemoved,   // an open removed files that are no part of the database: detail names them
  kSteppedOverDeleted,  // one movement of an iterator stepped over ten thousand deleted entries or
                        // more, `entries_in`: about from the first key to the last. Told once a
                        // second at most
};

LOGWOOD_EXPORT std::string_view EventKindName(EventKind kind);

// Fields that do not apply to a kind are zero or empty.
struct LOGWOOD_EXPORT Event {
  EventKind kind = EventKind::kOpened;
  uint64_t wall_us = 0;  // microseconds since 1970, UTC
  LogPos position = 0;   // the last one concerned: of a flush, in its table; else of the database
  std::string file;      // name of the file concerned
  uint64_t offset = 0;   // in that file, bytes
  // Of kCorruption, as in `Damage`, and kSteppedOverDeleted: any bytes. All four empty: not known,
  // or none.
  std::string first_keyspace, first_key;
  std::string last_keyspace, last_key;
  LogPos first_position = 0, last_position = 0;
  uint64_t bytes_in = 0;    // read by a job, or cut from a tail
  uint64_t bytes_out = 0;   // written by a job
  uint64_t entries_in = 0;  // read by a job, or stepped over
  uint64_t entries_out = 0;
  uint32_t tables_in = 0;
  uint32_t tables_out = 0;
  int level_in = -1;
  int level_out = -1;
  uint64_t micros = 0;   // how long it took
  uint64_t dropped = 0;  // events that nobody was told
  Status status;         // of a failure
  std::string detail;    // for people

  // One line of JSON, no newline.
  std::string ToJson() const;
};

class LOGWOOD_EXPORT EventListener {
 public:
  virtual ~EventListener() = default;
  // Called from background and writer threads, and from readers, which meet damage and deleted
  // entries; one call at a time per database, never under a lock of the engine. Must be quick:
  // events wait for it, and beyond a thousand of them those that tell of ordinary work are dropped
  // (kEventsDropped). Must not throw. Reads are allowed, and work with another database (unless
  // that one's listeners write to this one); writing to this one, flushing, compacting and waiting
  // for compaction are kInvalidArgument, and it must not be closed: the thread that tells may be
  // the one that makes room for writes.
  virtual void OnEvent(const Event& event) = 0;
};

}  // namespace logwood
