// Options: beside the path that Open takes, four choices matter - memory_budget_bytes, durability,
// compression, log_retention. Everything else is derived from them; `Tuning` overrides the derived
// values for tests and experiments. Stats::settings lists every value in force and where it comes
// from.
//
//   logwood::Options options;
//   options.memory_budget_bytes = 512 << 20;
//   auto db = logwood::DB::Open(options, "/var/lib/app/db");
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "logwood/event_listener.h"
#include "logwood/export.h"
#include "logwood/file_system.h"
#include "logwood/merge_operator.h"
#include "logwood/types.h"

namespace logwood {

enum class Compression : uint8_t { kNone = 0, kSnappy = 1 };

// Which log segments stay although recovery no longer needs them. Default: none.
struct LogRetention {
  uint64_t bytes_min = 0;           // keep at least this many bytes of log
  std::chrono::seconds age_min{0};  // keep commits at least this long
};

// Zero means "as stored with the database, else derived". Values out of range are kInvalidArgument.
// What shapes tables (table, block, filter, level values) is stored with the database and stays in
// force when a later open does not give it; the rest belongs to the process.
struct Tuning {
  uint64_t memtable_bytes = 0;  // a memtable is sealed at this size; 4 KiB .. 1 GiB, at most half
                                // of memory_budget_bytes
  uint64_t table_bytes = 0;     // a table's data size at which compaction starts another; 1 KiB ..
                                // 4 GiB. It does so earlier where filter and index reach their part
                                // of memory_budget_bytes, as with many small records
  uint32_t block_bytes = 0;     // uncompressed data block; 256 .. 256 KiB
  std::optional<uint64_t> cache_bytes = {};          // block cache; 0 .. memory_budget_bytes
  std::optional<uint32_t> filter_bits_per_key = {};  // 0 switches filters off; at most 32
  uint32_t level0_tables = 0;       // level-0 tables that start a compaction; 2 .. 64
  uint32_t level_multiplier = 0;    // size ratio of neighbouring levels; 4 .. 32
  uint32_t background_threads = 0;  // 1 .. 64; what their jobs need is at least 192 KiB each, in
                                    // all at most half of memory_budget_bytes
  uint64_t log_segment_bytes = 0;   // a segment is closed when its commits reach it; 4 KiB .. 1 GiB
  uint64_t event_log_bytes = 0;     // EVENTS rotates at this size, and one old file is kept;
                                    // 4 KiB .. 1 GiB
};

// What one keyspace is to be.
struct KeyspaceOptions {
  // How its merges become values. Recorded with the keyspace, by name and version, once it and this
  // are there together: by CreateKeyspace, or for one that exists by the open, which then takes a
  // position. What is there already is not looked at: where it is not of the operator's kind, reads
  // of keys that are merged with are errors, and only dropping the keyspace ends that (never
  // "default"). From then on another name or version is kInvalidArgument at open. Without it
  // an open finds those that are built in by itself; a keyspace whose operator it does not have
  // opens, too, but merges into it, and reads of keys with merges, are kInvalidArgument.
  std::shared_ptr<const MergeOperator> merge_operator = {};
  // How long what this open puts there lasts where the write does not say (WriteOptions); 0: for
  // ever. It is not stored: each put is, with its own. Merges do not expire, but what they merge
  // with may.
  std::chrono::microseconds ttl{0};
};

struct LOGWOOD_EXPORT Options {
  bool create_if_missing = true;
  bool error_if_exists = false;

  // Everything the database holds in memory: memtables, block cache, filters, indexes, compaction,
  // transactions.
  // Beside it: names of keyspaces and owners of snapshots. A merge holds at least a block of each
  // table that it reads, and a block holds a record: while records are merged that are large
  // against the budget (a 200th of it and more), it takes about two records a table beyond it.
  uint64_t memory_budget_bytes = 256ULL << 20;
  // What a write with Durability::kDefault means. kDefault here: as stored with the database, for a
  // new one kProcess.
  Durability durability = Durability::kDefault;
  // Unset: as stored with the database, for a new one kSnappy (and no retention). Tables written
  // with another setting stay readable.
  std::optional<Compression> compression = {};
  std::optional<LogRetention> log_retention = {};

  // By name; "default" is one, too. Those that are not there yet are not created by this.
  std::map<std::string, KeyspaceOptions> keyspaces = {};

  // Not owned; must outlive the database and every handle it gave out. Null: FileSystem::Posix().
  FileSystem* file_system = nullptr;
  std::vector<std::shared_ptr<EventListener>> listeners = {};
  // A snapshot older than this raises EventKind::kOldSnapshot once.
  std::chrono::seconds snapshot_age_warning{3600};
  // Told bytes of the log read and bytes in all while an open replays it, on the thread that opens,
  // at each commit. May be empty; must be quick and not throw.
  std::function<void(uint64_t done, uint64_t all)> replay_progress = {};

  Tuning tuning = {};
};

// For DB::OpenReadOnly.
struct ReadOnlyOptions {
  // Commits that are only in the log come on top of this: who may not write cannot make tables of
  // them. MemoryStats tells how much that is.
  uint64_t memory_budget_bytes = 64ULL << 20;
  FileSystem* file_system = nullptr;
  // As in Options; one that is not recorded counts for nothing.
  std::map<std::string, KeyspaceOptions> keyspaces = {};
  // Serve the good prefix of a log with proven damage instead of failing; RecoveryInfo::log_damage
  // says where it ends.
  bool allow_damaged_log = false;
  // False: an open takes a shared lock, so while it lasts no writer can open the directory (kBusy),
  // and it is itself kBusy while a writer has it. True: no lock; reads the state found while
  // opening, trying again for a third of a second when files vanish meanwhile, and keeps those
  // files open, so that they stay readable when the writer removes them (beyond a quarter of the
  // descriptors the process may have: reads of a table that went are kCorruption). What the writer
  // commits later is not seen: open again.
  bool ignore_writer = false;
  // As in Options. With ignore_writer it begins anew with each look.
  std::function<void(uint64_t done, uint64_t all)> replay_progress = {};
  // Told of opened and closed, of a tail of the log that counts no more, and of damage that
  // opening, reads and DB::Verify meet; an open that fails tells nothing but its status. No EVENTS
  // file is written.
  std::vector<std::shared_ptr<EventListener>> listeners = {};
};

class Snapshot;

struct WriteOptions {
  Durability durability = Durability::kDefault;
  // How long what is put lasts, from the commit on: then it is not there any more
  // (WriteBatch::PutExpiring, whose puts say so themselves). 0: as the keyspace says
  // (KeyspaceOptions). kNoExpiry: for ever.
  std::chrono::microseconds ttl{0};
};

struct ReadOptions {
  // Read at this snapshot instead of now. It must be of the same open database: unlike a Keyspace,
  // none outlives a close.
  const Snapshot* snapshot = nullptr;
  // False: blocks read for this call do not displace others in the cache.
  bool fill_cache = true;
  // Wait until the database is at this position (a read of your own write); 0: do not wait.
  // kTimeout: it is not there by the deadline; kInvalidArgument: the snapshot is older.
  LogPos at_least = 0;
  Deadline deadline = kNoDeadline;  // of that wait alone; the read itself has none
};

// Bounds are enforced by the engine; outside of them an iterator is never valid.
struct IteratorOptions {
  // As in ReadOptions.
  const Snapshot* snapshot = nullptr;
  bool fill_cache = true;
  LogPos at_least = 0;
  Deadline deadline = kNoDeadline;
  // Keys >= lower and < upper. The iterator copies them.
  std::optional<std::string> lower = {};
  std::optional<std::string> upper = {};
  // Only keys that begin with this; narrows lower and upper.
  std::string prefix = {};

  ReadOptions read_options() const { return {snapshot, fill_cache, at_least, deadline}; }
};

}  // namespace logwood
