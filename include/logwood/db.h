// DB: an embedded, ordered, durable key-value store in one directory.
//
//   auto opened = logwood::DB::Open({}, "/tmp/example");
//   if (!opened.ok()) return Report(opened.status());
//   std::unique_ptr<logwood::DB> db = std::move(*opened);
//
//   auto position = db->Put({}, "planet/3", "earth");
//   std::string value;
//   logwood::Status s = db->Get({}, "planet/3", &value);    // kNotFound: an answer, not a failure
//
// Keys and values are any bytes, ordered bytewise. A database is opened for writing by one process
// at a time. All calls are safe from several threads unless said otherwise. Handles (snapshots,
// iterators, pinned values) may outlive the DB object: they then answer kClosed, nothing worse.
// After fork(2) the database stays with the parent: in the child every call answers kClosed, and
// destroying the DB object does nothing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "logwood/export.h"
#include "logwood/iterator.h"
#include "logwood/options.h"
#include "logwood/pinned_value.h"
#include "logwood/stats.h"
#include "logwood/status.h"
#include "logwood/transaction.h"
#include "logwood/types.h"
#include "logwood/write_batch.h"

namespace logwood {

// One position of the order, held still for reading. Keep it as long as needed and no longer: it
// keeps old versions on disk.
class LOGWOOD_EXPORT Snapshot {
 public:
  virtual ~Snapshot() = default;
  virtual LogPos position() const = 0;
  virtual std::string_view owner() const = 0;  // the tag given to DB::GetSnapshot
  virtual std::chrono::microseconds age() const = 0;
};

struct KeyspaceInfo {
  std::string name;
  Keyspace keyspace;
  LogPos created = 0;  // the position of the commit that made it
  // As it is recorded, whether this open has it or not; empty: it has none.
  std::string merge_operator = {};
  uint32_t merge_operator_version = 0;
};

// A half-open range of keys of one keyspace; an absent end is the keyspace's own.
struct KeyRange {
  std::optional<std::string> begin = {};
  std::optional<std::string> end = {};
};

// A table that cannot be read counts whole, and kCorruption is an event.
struct RangeEstimate {
  uint64_t bytes = 0;    // on disk and in memtables
  uint64_t entries = 0;  // versions and tombstones included
};

// One place at which a file is not what was written, and what that may affect.
struct LOGWOOD_EXPORT Damage {
  std::string file;  // name within the directory
  uint64_t offset = 0;
  std::string what;
  // Keys that may be affected, from the first to the last of them, each in its keyspace; all empty:
  // not known, or none.
  std::string first_keyspace, first_key;
  std::string last_keyspace, last_key;
  // Commits that may be affected; 0: not known, or none. Only the last 0: from the first on, up to
  // where is not known.
  LogPos first_position = 0, last_position = 0;

  // One line for people, keys escaped.
  std::string ToString() const;
};

// What recovery found; for people and tests.
struct RecoveryInfo {
  LogPos tables_position = 0;  // what the tables already held
  LogPos replayed_first = 0;   // 0: nothing was replayed
  LogPos replayed_last = 0;
  uint64_t replayed_commits = 0;
  uint64_t replayed_bytes = 0;
  uint64_t segments = 0;
  LogPos durable_point = 0;  // the highest recorded one
  uint64_t unproven_tail_bytes = 0;
  std::string unproven_tail_file;
  uint64_t unproven_tail_offset = 0;
  // Whole commits in it. An open for writing has discarded them; `logwood salvage` copies them, of
  // a directory that no such open has changed yet.
  uint64_t unproven_tail_commits = 0;
  // What ReadOnlyOptions::allow_damaged_log left out: the commits from the damage on, up to where
  // the log is known to have gone.
  std::optional<Damage> log_damage;
  bool clean = true;   // the last close was a clean one
  uint64_t epoch = 0;  // its number; no call takes one yet
  uint64_t micros = 0;
};

struct CompactOptions {
  // Rewrite also what is already in the last level (reclaims space held by old snapshots, and by
  // what has expired since).
  bool force_last_level = false;
  // Told bytes done and bytes in all, on the thread that calls, some hundred times a second while
  // there is work; may be empty. `all` is an estimate made at the beginning, in which what is read
  // at several levels counts each time. `done` never goes back, whatever the estimate was worth,
  // and is `all` only at the end. Must not throw, nor close the database.
  std::function<void(uint64_t done, uint64_t all)> progress = {};
};

class LOGWOOD_EXPORT DB {
 public:
  // Opens for reading and writing; where there is no database, makes one (not in the directory of
  // another: kInvalidArgument), with the directory and its parents where they are missing (unless
  // create_if_missing is false; only then kNotFound: there is no database). kBusy: another open
  // holds the directory, or the system has no thread to give. kCorruption: proven damage; see
  // docs/recovery.md. A directory with data files and no root is kCorruption, never a fresh
  // database. The directory should be the database's alone: the event log is written into EVENTS
  // whoever made that; files with other names than a database's are never touched.
  static Result<std::unique_ptr<DB>> Open(const Options& options, const std::string& path);
  // Never writes a byte. Writes to it are kReadOnly.
  static Result<std::unique_ptr<DB>> OpenReadOnly(const ReadOnlyOptions& options,
                                                  const std::string& path);
  // Removes a database's files (those with its names), also of a damaged one, and the directory if
  // that leaves it empty (of a symbolic link, the link); also what one that was cut short left. Ok
  // where there is no such directory. kInvalidArgument where there is no ROOT, or no file begins as
  // a database's, whatever their names: nothing is removed. kBusy while it is open.
  static Status Destroy(const Options& options, const std::string& path);

  virtual ~DB() = default;  // closes; an error is lost, so call Close()
  // Waits for writes and maintenance calls under way on other threads (reads there finish with what
  // they hold), syncs the log, marks a clean close. The second call returns kClosed.
  virtual Status Close() = 0;

  // ---- Writing. Each returns the position of its commit. Cost without sync: one to four
  // microseconds for a small value, most of it the kernel's write to the log file. An empty batch
  // is a commit too. kInvalidArgument: a key, value or batch beyond its limit, or a keyspace that
  // was dropped. Where memory ends behind the write to the log the program does, too: the next open
  // has the commit.
  // Nothing was written where the answer is kInvalidArgument, kConflict, kReadOnly, kBusy or
  // kClosed. kIoError, kNoSpace and kCorruption leave it open: where a sync failed (kPower) the
  // commit stays, and reads show it. docs/guide/transactions.md, "What a commit may answer".
  virtual Result<LogPos> Write(const WriteOptions& options, const WriteBatch& batch) = 0;
  virtual Result<LogPos> Put(const WriteOptions& options, Keyspace keyspace, std::string_view key,
                             std::string_view value) = 0;
  virtual Result<LogPos> Delete(const WriteOptions& options, Keyspace keyspace,
                                std::string_view key) = 0;
  // What the keyspace's merge operator (Options::keyspaces) makes of the key's value, or of none,
  // and the operand: without reading it now. kInvalidArgument: it has no operator, this open was
  // not given it, or it refuses the operand.
  virtual Result<LogPos> Merge(const WriteOptions& options, Keyspace keyspace, std::string_view key,
                               std::string_view operand) = 0;
  // All keys from `begin` on and before `end`; nullopt: to the keyspace's last
  // (WriteBatch::DeleteRange).
  virtual Result<LogPos> DeleteRange(const WriteOptions& options, Keyspace keyspace,
                                     std::string_view begin,
                                     std::optional<std::string_view> end) = 0;
  Result<LogPos> Put(const WriteOptions& options, std::string_view key, std::string_view value) {
    return Put(options, Keyspace(), key, value);
  }
  Result<LogPos> Delete(const WriteOptions& options, std::string_view key) {
    return Delete(options, Keyspace(), key);
  }
  Result<LogPos> Merge(const WriteOptions& options, std::string_view key,
                       std::string_view operand) {
    return Merge(options, Keyspace(), key, operand);
  }
  Result<LogPos> DeleteRange(const WriteOptions& options, std::string_view begin,
                             std::optional<std::string_view> end) {
    return DeleteRange(options, Keyspace(), begin, end);
  }
  // Writes under a condition: one commit, or kConflict and none. Cost: a read and a transaction.
  // Other errors are as those of Write: after kIoError a lock may have been taken all the same.
  // Put where there is no value; where there is `expected`; Delete where there is.
  virtual Result<LogPos> PutIfAbsent(const WriteOptions& options, Keyspace keyspace,
                                     std::string_view key, std::string_view value) = 0;
  virtual Result<LogPos> CompareAndPut(const WriteOptions& options, Keyspace keyspace,
                                       std::string_view key, std::string_view expected,
                                       std::string_view value) = 0;
  virtual Result<LogPos> DeleteIf(const WriteOptions& options, Keyspace keyspace,
                                  std::string_view key, std::string_view expected) = 0;
  // Reads and writes that are one commit or none (transaction.h).
  virtual Result<std::unique_ptr<Transaction>> BeginTransaction(
      const TransactionOptions& options) = 0;
  // Returns once the commit at `position` and all before it survive power loss. kInvalidArgument:
  // no commit has this position yet (ReadOptions::at_least waits for one); kReadOnly: opened
  // read-only. The first to wait runs the sync itself, and a sync that began is not given up: only
  // before it, and while another thread runs it, does `deadline` end the wait.
  virtual Status WaitDurable(LogPos position, Deadline deadline = kNoDeadline) = 0;
  // The newest commit visible to reads / the newest of those that survives power loss.
  virtual LogPos LastPosition() const = 0;
  virtual LogPos DurablePosition() const = 0;

  // ---- Reading. Unless the status is ok, a string keeps what was in it and a PinnedValue
  // is empty.
  virtual Status Get(const ReadOptions& options, Keyspace keyspace, std::string_view key,
                     PinnedValue* value) = 0;
  Status Get(const ReadOptions& options, std::string_view key, PinnedValue* value) {
    return Get(options, Keyspace(), key, value);
  }
  Status Get(const ReadOptions& options, std::string_view key, std::string* value) {
    return Get(options, Keyspace(), key, value);
  }
  Status Get(const ReadOptions& options, Keyspace keyspace, std::string_view key,
             std::string* value);
  // One answer a key, in order, all at one position. `values` and the result have keys.size()
  // elements. A little cheaper than as many Gets: what is read is found out once.
  virtual std::vector<Status> MultiGet(const ReadOptions& options, Keyspace keyspace,
                                       std::span<const std::string_view> keys,
                                       std::span<PinnedValue> values) = 0;
  // Whether the key is there, without its value.
  virtual Result<bool> Contains(const ReadOptions& options, Keyspace keyspace,
                                std::string_view key) = 0;
  // Never null; errors are in Iterator::status(). kBusy: what iterators and pinned values hold has
  // reached a third of the memory budget, or what they keep outside of the cache (blocks, flushed
  // memtables) does not fit into it beside everything else; let go of some.
  virtual std::unique_ptr<Iterator> NewIterator(const IteratorOptions& options,
                                                Keyspace keyspace = Keyspace()) = 0;
  // `owner` is a tag for people who look for what holds space.
  virtual Result<std::shared_ptr<const Snapshot>> GetSnapshot(std::string_view owner = "") = 0;

  // ---- Keyspaces. Names are 1 to kKeyspaceNameBytesMax bytes; "default" always exists. A database
  // can make kKeyspacesMax in all its life, those it dropped included: they are for kinds of
  // records, not for users or days. To create one and to drop one are commits as those above, each
  // with a position and a durability; where `position` is not null, it becomes the position of the
  // commit that created the keyspace.
  virtual Result<Keyspace> CreateKeyspace(const WriteOptions& options, std::string_view name,
                                          LogPos* position = nullptr) = 0;  // kAlreadyExists
  virtual Result<Keyspace> OpenKeyspace(std::string_view name) = 0;         // kNotFound
  // Creates it where it is missing, also when another thread does so at the same time. Whoever
  // created it, on return that commit is as durable as `options` say. `position` of "default": 0.
  virtual Result<Keyspace> OpenOrCreateKeyspace(const WriteOptions& options, std::string_view name,
                                                LogPos* position = nullptr) = 0;
  virtual Result<std::vector<KeyspaceInfo>> ListKeyspaces() = 0;  // by name
  // Its keys are gone at once: reads and writes of it are kInvalidArgument, but for snapshots and
  // iterators from before. Its number is never used again. kNotFound.
  virtual Result<LogPos> DropKeyspace(const WriteOptions& options, std::string_view name) = 0;

  // ---- Maintenance.
  virtual Status Flush() = 0;
  virtual Status CompactRange(const CompactOptions& options, Keyspace keyspace,
                              const KeyRange& range) = 0;
  // Every keyspace, every key.
  virtual Status CompactAll(const CompactOptions& options) = 0;
  // Returns when no flush and no compaction is due; an error when one failed since, or a table
  // cannot be read. Where nothing is due it never says kTimeout, whatever the deadline.
  virtual Status WaitForCompaction(Deadline deadline = kNoDeadline) = 0;
  // Reads every byte the database consists of and reports each damage; kCorruption if any. Of a
  // table, parts that the disk does not give are reported, too; else a failed read is only
  // returned. `progress` (may be empty) is told bytes done and bytes in all.
  virtual Status Verify(const std::function<void(const Damage&)>& report,
                        const std::function<void(uint64_t, uint64_t)>& progress = {}) = 0;

  // ---- Looking.
  virtual RangeEstimate Estimate(Keyspace keyspace, const KeyRange& range) = 0;
  virtual Stats GetStats() = 0;
  virtual RecoveryInfo GetRecoveryInfo() const = 0;
  virtual const std::string& path() const = 0;  // absolute, as FileSystem::AbsolutePath makes it
};

}  // namespace logwood
