// CrashStory: a short life of a database, as a list of steps, on a simulated disk - and what the
// database must hold whatever happens in it.
//
//   auto script = ParseScript("put power-batch flush drop put");
//   CrashStory story(*script, {});
//   Status ran = story.Run(&watch);     // the watch sees each change before it is made
//
// A new feature is a new step: one line in the table of crash_steps.cc, with a name and what it
// does. What it writes goes through Commit or CommitConcurrently below, which tell the oracle; what
// it reads it compares with oracle().content(). Nothing else has to know of it: the explorer then
// crashes it at every change, alone and among all other steps. What needs other options of the
// database is a profile: a line in the table of crash_story.cc.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "logwood/db.h"
#include "logwood/simulated_file_system.h"
#include "logwood/transaction.h"
#include "tests/support/crash_oracle.h"
#include "tests/support/wall_clock.h"

namespace logwood::test {

class CrashStory;

struct CrashStep {
  // In which stories, where all of some length are told.
  enum class Told : uint8_t {
    kInFours,
    kInThrees,    // a variation of another one
    kInPairs,     // there is no time for all threes
    kAlone,       // nor for all pairs; in those of a seed
    kWhereAsked,  // waits for timers, is long, or has a test of its own
  };
  std::string_view name;
  Status (*run)(CrashStory* story);
  Told told = Told::kInFours;
};
const std::vector<CrashStep>& CrashSteps();
// So many come first, of which all stories of so many steps are told.
size_t CrashStepsToldIn(size_t length);

struct CrashProfile {
  std::string_view name;
  uint64_t memtable_bytes, log_segment_bytes, log_retention_bytes;
  uint32_t level0_tables = 2;
};
// Of stories. The first is the ordinary one.
const std::vector<CrashProfile>& CrashProfiles();
// Of looks at what a crash left. The first finds nothing to do in the background, which makes it
// the cheapest; behind it are those of stories, which flush, compact, or make tables while they
// replay.
const std::vector<CrashProfile>& CrashLookProfiles();
Options CrashOptions(const CrashProfile& profile);
// As an application's own file that nothing relies on: no states of it are told apart.
bool IsEventLog(const std::string& path);

// What the disk does with the pages of a failed sync, in a word: "forgets", "drops", "keeps".
std::string_view FailedSyncName(SimulatedFileSystem::FailedSync mode);
std::optional<SimulatedFileSystem::FailedSync> ParseFailedSync(std::string_view name);

// "put flush kill", or with a profile "@tiny-segments put flush".
struct CrashScript {
  size_t profile = 0;
  std::vector<size_t> steps;
  std::string ToString() const;
};
std::optional<CrashScript> ParseScript(std::string_view text);  // nullopt: no such step or profile

// Told what a story does. Calls come from the thread that does it, one that the database owns, too.
class CrashWatch {
 public:
  virtual ~CrashWatch() = default;
  // Before each change of the story's disk.
  virtual void BeforeChange(SimulatedFileSystem* disk, FileOp op, const std::string& path) = 0;
  // The database is closed, and nothing changes.
  virtual void Closed(SimulatedFileSystem* /*disk*/) {}
  // Calls it while nothing is looked at.
  virtual void BetweenLooks(const std::function<void()>& call) { call(); }
};

// A sync, of a file or of a directory, and where the story is when it is asked for.
struct SyncCall {
  enum class Phase : uint8_t { kOpening, kRunning, kClosing };
  std::string path;
  Phase phase = Phase::kOpening;
  std::string_view step;  // the one that runs; "": none
  bool by_story = false;  // its own thread asks, not one of the database
  uint64_t number = 0;    // among those of this path since the phase or the step began; from 1
  std::string after;      // what the same thread synced before; "": nothing

  bool IsOf(std::string_view end) const { return path.ends_with(end); }
};

class CrashStory {
 public:
  static constexpr char kPath[] = "db";
  // Made with an operator, whatever step makes it.
  static constexpr char kMergingKeyspace[] = "side";

  struct Settings {
    SimulatedFileSystem::Settings disk = {};
    // Syncs that answer ok and do nothing; on all its disks.
    std::function<bool(const SyncCall&)> lying_syncs = {};
  };
  CrashStory(CrashScript script, Settings settings);
  ~CrashStory();

  // Opens, does all steps, closes. Not ok: what a step answered.
  Status Run(CrashWatch* watch);
  // The same in parts, for who looks only at some. Open comes first, Close last, if at all.
  Status Open(CrashWatch* watch);
  Status Step();  // the next one
  Status Close();

  const CrashScript& script() const { return script_; }
  const CrashOracle& oracle() const { return oracle_; }
  size_t steps_done() const { return steps_done_; }

  // What is certain now; any thread. To bound what a disk may hold: Known before looking at it, the
  // oracle's last() after.
  struct Known {
    LogPos durable = 0, acknowledged = 0;
    LogPos proven = 0, proven_beside_log = 0;  // see CrashExpectation
    bool closed_cleanly = false;
  };
  Known known() const;

  // ---- For steps.
  DB* db() { return db_.get(); }
  SimulatedFileSystem* disk() { return disk_.get(); }
  const CrashOracle& expected() const { return oracle_; }
  // A key of five, and a value that no other step writes. `n` tells several of a step apart.
  std::string Key(size_t n = 0) const;
  std::string Value(size_t bytes, size_t n = 0) const;
  CrashCommit::Change Put(size_t bytes, size_t n = 0) const {
    return {"", Key(n), Value(bytes, n)};
  }
  // REQUIRES: the keyspace has an operator (kMergingKeyspace; "": ReopenWithOperator).
  CrashCommit::Change Merge(const std::string& keyspace, size_t bytes, size_t n = 0) const {
    return {keyspace, Key(n), Value(bytes, n), false, {}, true};
  }
  bool HasKeyspace(const std::string& name) const { return oracle_.content()->contains(name); }

  Status Commit(const CrashCommit& commit, Durability durability);
  // The same with another call than Write.
  using WriteCall = std::function<Result<LogPos>(const WriteOptions& options)>;
  Status CommitBy(const CrashCommit& commit, Durability durability, const WriteCall& write);
  // A thread a writer; `durability` of each commit by (writer, which).
  Status CommitConcurrently(const CrashOracle::Writers& writers,
                            Durability (*durability)(size_t writer, size_t n));
  // The time of day goes on, beyond all that lasts at most an hour. `left`: what to change in the
  // content after the commits from a position on, up to the next one named, for what is there of
  // them then. Either may be seen.
  using LeftAfter = std::map<LogPos, std::vector<CrashCommit::Change>>;
  void LetTimePass(const LeftAfter& left);
  // And a commit is of that time: behind it nothing else is.
  Status PassTime(const LeftAfter& left);
  // It goes back to where it was when the story began. What expired does not come back.
  void SetTimeBack();
  // A commit of which an error does not tell whether it was refused.
  Status CommitUnsure(const CrashCommit& commit, Durability durability);
  // A commit that is refused and leaves nothing behind.
  Status CommitFails(const CrashCommit& commit, StatusCode code);
  // Commits up to there survive the loss of power; and recovery can prove it.
  void NoteDurable(LogPos position);
  void NoteProven(LogPos position);
  void NoteProvenBesideLog(LogPos position);
  Status Reopen(size_t profile);
  // Closes, and opens with a merge operator for the default keyspace: the first time, a commit.
  Status ReopenWithOperator();
  // The process dies and another one opens.
  Status Kill(size_t profile);
  // Closes after a failed sync, and opens again: what was acknowledged is there, but where the disk
  // dropped what was not durable.
  Status ReopenAfterFailure();
  // The next sync of a file whose name ends so fails, once.
  void FailNextSync(const std::string& end);
  // A reader of this moment must see the same for as long as it stays open.
  struct Held {
    std::vector<KeyspaceInfo> keyspaces;
    std::shared_ptr<const Snapshot> snapshot;
    CrashContentPtr content;
  };
  Result<Held> TakeSnapshot() const;
  Status CheckSnapshot(const Held& held) const;
  // Takes one that is checked at the end of each step, until the database closes or dies.
  Status HoldSnapshot();
  // Compares what a reader sees.
  Status CheckReader(DB* reader) const;
  // The newest log segment says in a slot or its header that the log is durable up to there, and
  // was synced since.
  bool LogIsMarked(LogPos position) const;
  // Syncs of manifests that were carried out.
  uint64_t manifest_syncs() const { return manifest_syncs_; }

 private:
  void UseDisk(std::unique_ptr<SimulatedFileSystem> disk);
  void EnterPhase(SyncCall::Phase phase) EXCLUDES(mutex_);
  bool Lies(const std::string& path) EXCLUDES(mutex_);
  Status OpenDatabase(size_t profile, bool with_operator = false);
  void DropDatabase();
  Result<LogPos> Write(const CrashCommit& commit, Durability durability);
  Result<LogPos> WriteInTransaction(const CrashCommit& commit, Durability durability);
  void NoteAcknowledged(LogPos position, bool durable);

  const CrashScript script_;
  const Settings settings_;
  // Later than the machine's: who looks again at a state that failed finds no other time.
  WallClock clock_{3'000'000'000'000'000};
  std::chrono::microseconds passed_{0};
  CrashWatch* watch_ = nullptr;
  CrashOracle oracle_;
  std::unique_ptr<SimulatedFileSystem> disk_;
  std::unique_ptr<DB> db_;
  std::atomic<const DB*> open_db_{nullptr};  // for any thread, while it is open
  std::vector<Held> held_;
  size_t steps_done_ = 0;
  LogPos operator_at_ =
      0;  // the commit that gave the default keyspace its operator; 0: it has none
  std::atomic<LogPos> durable_{0}, acknowledged_{0}, proven_{0}, proven_beside_log_{0};
  std::atomic<bool> closed_cleanly_{false};
  std::atomic<uint64_t> log_syncs_{0}, manifest_syncs_{0};
  std::atomic<uint64_t> syncs_before_log_store_{0};  // before the last one
  Mutex mutex_;
  std::string failing_sync_ GUARDED_BY(mutex_);
  SyncCall where_ GUARDED_BY(mutex_);                         // phase and step
  std::map<std::string, uint64_t> syncs_ GUARDED_BY(mutex_);  // since it began, by path
  std::map<std::thread::id, std::string> synced_last_ GUARDED_BY(mutex_);  // by each thread
  const std::thread::id thread_ = std::this_thread::get_id();
};

}  // namespace logwood::test
