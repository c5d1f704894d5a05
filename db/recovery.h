// Recovery: from a directory to a state, without changing the directory. What opening for writing
// does with the state (sync, new manifest, new segment) is in open.cc; a read-only open stops here.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "db/catalogue.h"
#include "db/manifest.h"
#include "db/settings.h"
#include "db/version.h"
#include "logwood/db.h"
#include "memtable/memtable.h"
#include "wal/replay.h"

namespace logwood {

struct DirectoryListing {
  std::vector<uint64_t> logs, tables, manifests;  // ascending
  bool has_root = false, has_root_new = false;
  bool lost_root = false;  // a manifest says so: edits follow the one that the making writes
  uint64_t largest_number = 0;
  bool operator==(const DirectoryListing&) const = default;
};
// The first manifest of a database has this number where another's file has the name before.
constexpr uint64_t kFirstManifestMax = 2;
// Whether no database ever was there, at most a creation that was cut short: making a database
// begins with a manifest and ROOT, everything else comes later. False without ROOT: ROOT is lost.
bool HoldsNoDatabase(const DirectoryListing& listing);
Result<DirectoryListing> ListDirectory(FileSystem* fs, const std::string& path);
// kInvalidArgument for a path in a directory whose ROOT begins as a database's: a slip. What would
// be made there, that database's Destroy and copies would not know of.
Status CheckNotInDatabase(FileSystem* fs, const std::string& path);

// The manifest's edits, added up.
struct TreeState {
  Root root;
  std::string settings;
  uint64_t settings_offset = 0;  // of the edit in the manifest that says them; 0: unknown
  uint32_t manifest_writer = 0;  // the Logwood that wrote the manifest; 0: not said
  std::vector<Epoch> epochs;
  TablesState tables;
  uint64_t first_segment = 0;
  uint64_t next_file_number = 1;
  LogPos durable = 0;
  uint64_t expired_us = 0;            // what expired by then may be gone
  uint64_t durable_segment = 0;       // its header is durable; 0: none is known to be
  std::optional<LogEnd> clean_close;  // the very last edit says so
  std::vector<ManifestState> states;  // after each edit
  uint64_t manifest_tail_offset = 0;  // where a torn append begins
  uint64_t manifest_tail_bytes = 0;   // 0: there is none
  std::shared_ptr<const Version> version;
};
// What is wrong with the edits is kCorruption with the manifest and the offset of the one.
Result<TreeState> LoadTree(FileSystem* fs, const std::string& path, bool for_writing = true);

// The options with what is stored in the manifest. What is wrong with the latter names its place.
Result<Settings> SettingsOf(const Options& options, const std::string& path, const TreeState& tree);

// kCorruption where the log follows a state (the newest segment header's word) that the manifest
// does not hold: it lost its tail, or ROOT is an older copy.
Status CheckManifestNotStale(const std::string& path, const TreeState& tree,
                             const ManifestState& newest);

// A memtable that takes no more entries, and the state of the history at its end.
struct SealedMemtable {
  std::shared_ptr<Memtable> memtable;
  TablesState end;
};

// Replays the log behind the tables and judges its end; `apply` gets each commit. The result's
// `damage` is for the caller to look at.
Result<ReplayResult> ReplayTree(FileSystem* fs, const std::string& path,
                                const DirectoryListing& listing, const TreeState& tree,
                                const std::function<Status(const CommitRecord&)>& apply,
                                const std::function<void(uint64_t, uint64_t)>& progress = {});
// The result's `damage` as a place, and the commits from there on up to where the log is known to
// have gone.
Damage LogDamageOf(const std::string& path, const TreeState& tree, const ReplayResult& replay);

struct LogState {
  ReplayResult replay;
  std::vector<SealedMemtable> sealed;  // oldest first
  std::shared_ptr<Memtable> active;    // never null
};
// Replays into memtables of `memtable_bytes`. When more than `sealed_max` are full, `spill` gets
// the oldest (it makes a table of it); null: all stay in memory. The result's replay.damage is for
// the caller to judge; a lost manifest tail is kCorruption here.
struct ReplayIntoOptions {
  uint64_t memtable_bytes = 0;
  size_t sealed_max = 2;
  std::shared_ptr<PagePool> memtable_pages;
  std::function<Status(const SealedMemtable&)> spill;
  // Of the merges that are replayed; told those that the log records on the way. Null: none.
  KeyspaceOperators* operators = nullptr;
  bool beside_writer = false;  // who may have committed edits since `tree` was read
  std::function<void(uint64_t, uint64_t)> progress;  // as in wal/replay.h
};
Result<LogState> ReplayIntoMemtables(FileSystem* fs, const std::string& path,
                                     const DirectoryListing& listing, const TreeState& tree,
                                     const ReplayIntoOptions& options);

// Tables of the version whose file is missing or has another size: "file: what is wrong", with
// the names of keyspaces where they are known. An error where that could not be found out.
Result<std::vector<Damage>> CheckTableFiles(FileSystem* fs, const std::string& path,
                                            const Version& version, const Catalogue* names);

// For people: what was found.
RecoveryInfo DescribeRecovery(const TreeState& tree, const LogState& log);
// For listeners: what does not count any more of manifest and log (kUnprovenTail), and that the
// database is open at `position`.
std::vector<Event> TailEvents(const TreeState& tree, const LogState& log);
Event OpenedEvent(const RecoveryInfo& info, LogPos position);

}  // namespace logwood
