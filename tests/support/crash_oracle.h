// CrashOracle: what a database must hold at each position of its history, whatever happens to it;
// and the check of what a crash left against that.
//
//   CrashOracle oracle;
//   const LogPos first = oracle.Issue({.changes = {{"", "key", "value"}}});   // before it is
//   written
//   ...
//   Status right = CheckCrash(disk, oracle.Expect(0, first), {});   // opens the disk and compares
//
// Commits of several threads at once get their positions in an order that nobody knows before:
// until they all returned, every order that fits the positions seen so far is right, and a position
// may have several right contents.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "logwood/db.h"
#include "logwood/simulated_file_system.h"
#include "util/internal_key.h"
#include "util/sync.h"

namespace logwood::test {

// Keyspace to key to value. Keyspace "" is the default one, which is always there.
using CrashContent = std::map<std::string, std::map<std::string, std::string>>;
using CrashContentPtr = std::shared_ptr<const CrashContent>;

struct CrashCommit {
  struct Change {
    std::string keyspace, key;
    std::optional<std::string> value;  // nullopt: deleted
    // Deletes all keys from `key` on and before `end`, where there is one.
    bool is_range = false;
    std::optional<std::string> end = {};
    // The value is an operand, which comes behind what is there and a comma.
    bool is_merge = false;
    // Of a put: it expires. When, and what is left then, CrashStory::PassTime is told.
    std::chrono::microseconds ttl{0};
  };
  std::vector<Change> changes = {};
  std::string creates = {}, drops = {};  // a keyspace; then there are no changes
  std::string note = {};
  // Of a transaction that read before it wrote, and began again where it was refused.
  bool in_transaction = false;

  void ApplyTo(CrashContent* content) const;
};

// What may be found after a crash.
struct CrashExpectation {
  LogPos at_least = 0;
  LogPos at_most = 0;
  // Recovery must know that the log was durable up to here: bytes that rot below are damage and no
  // torn tail. And up to there even where whole files of the log are cut or gone.
  LogPos proven = 0;
  LogPos proven_beside_log = 0;
  bool closed_cleanly = false;          // recovery must know that, too
  bool keeps_log = false;               // all of it, from the first commit on
  std::map<LogPos, std::string> notes;  // of the commits up to at_most that have one
  // Of each position in that range at least.
  std::map<LogPos, std::vector<CrashContentPtr>> contents;

  void AppendTo(std::string* bytes) const;
  static std::optional<CrashExpectation> Decode(std::string_view* bytes);
};

// Safe to call from several threads.
class CrashOracle {
 public:
  CrashOracle();

  LogPos last() const EXCLUDES(mutex_);
  // REQUIRES: no concurrent commits are under way.
  CrashContentPtr content() const EXCLUDES(mutex_);

  // After each commit from `begin` on and before `end` there may be, besides, what is left when
  // these changes, too, were made: some of what was put may have expired already.
  void MayExpireBetween(LogPos begin, LogPos end, const std::vector<CrashCommit::Change>& expiring)
      EXCLUDES(mutex_);
  // The commit that comes next; its position.
  LogPos Issue(const CrashCommit& commit) EXCLUDES(mutex_);
  // Those that come next: of each writer in its order, among each other in any.
  using Writers = std::vector<std::vector<CrashCommit>>;
  void IssueConcurrently(Writers writers) EXCLUDES(mutex_);
  void NotePosition(size_t writer, size_t n, LogPos position) EXCLUDES(mutex_);
  // All of them have returned.
  Status ConcludeConcurrent() EXCLUDES(mutex_);
  // Commits above `position` never were, and will not be: recovery ended there, or they failed.
  void CutBehind(LogPos position) EXCLUDES(mutex_);

  // With the contents from `from` on, for who may find less than is expected; by default those that
  // may be found.
  CrashExpectation Expect(LogPos at_least, LogPos at_most, LogPos from = kPositionMax) const
      EXCLUDES(mutex_);

 private:
  using Contents = std::vector<CrashContentPtr>;
  class Orders;
  void UpdateConcurrent() REQUIRES(mutex_);

  mutable Mutex mutex_;
  // After each position; several: one of these. Those of concurrent commits come last.
  std::vector<Contents> contents_ GUARDED_BY(mutex_);
  Writers writers_ GUARDED_BY(mutex_);  // empty: none are under way
  LogPos concurrent_base_ GUARDED_BY(mutex_) = 0;
  std::map<LogPos, std::pair<size_t, size_t>> known_ GUARDED_BY(mutex_);  // writer and which
  std::map<LogPos, std::string> notes_ GUARDED_BY(mutex_);  // none of concurrent commits
};

// How a disk is looked at.
struct CrashCheck {
  Options options;  // but for the file system
  bool read_only_first = false;
  bool verify = false;
  // Before, damages the log of a copy, which must not go unnoticed where it is proven; the seed
  // says how.
  std::optional<uint64_t> damage;
  // Besides, closes, opens, writes on behind it, loses power, and looks again; the seed says how.
  std::optional<uint64_t> second_life;
  // Called when it is open, with the position found; may be empty.
  std::function<void(LogPos found)> opened;
  // What stands between the database and the disk, for tests of the tests; may be empty.
  std::function<std::unique_ptr<FileSystem>(FileSystem* disk)> between;
};

// The first, for people; empty: there is none.
std::string ContentDifference(const CrashContent& found, const CrashContent& expected);

// Everything in it, by scans; a Get that differs is kCorruption. Of the keyspaces that are there
// now, or were when a snapshot was taken.
Result<CrashContent> ReadContent(DB* db);
Result<CrashContent> ReadContent(DB* db, const ReadOptions& options,
                                 const std::vector<KeyspaceInfo>& keyspaces);

// Opens the database in `directory` of `files` and compares all of it. kCorruption: what is wrong;
// the message of one that does not open says "does not open".
Status CheckCrash(SimulatedFileSystem* files, const std::string& directory,
                  const CrashExpectation& expected, const CrashCheck& check);

}  // namespace logwood::test
