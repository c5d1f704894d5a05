// History: what clients of a database did and what it answered, and whether one order of all
// commits explains every answer. The order is known: positions are dense and a commit's answer
// names its own; only what was under way, or failed, when a life of the database ended has to be
// found out from what is there in the next.
//
//   const size_t id = history.Issue({.changes = {{keyspace, key, value}}}, db->LastPosition());
//   history.Acknowledge(id, position, durable);
//   history.Observe({.at_least = before, .at_most = db->LastPosition(), ...});
//   ... the life ends, another begins ...
//   history.NextLife(db->LastPosition(), content);
//
// What is checked: positions dense and distinct; a commit that began after another was visible
// comes after it; a read sees one position, not before what was visible when it began; a snapshot
// sees its own; what was promised to be there is there, and all that is there is the content after
// one position. Of what expires a read may see either where the windows of its time and of the
// expiry meet (history_clock.h).
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "logwood/types.h"
#include "tests/simulation/history_clock.h"
#include "util/sync.h"

namespace logwood::test {

class History {
 public:
  struct Change {
    uint32_t keyspace = 0;  // its number
    std::string key;
    std::optional<std::string> value;  // empty: deleted
    // Deletes all keys from `key` on and before `end`, where there is one.
    bool is_range = false;
    std::optional<std::string> end = {};
    // The value is an operand, which comes behind what is there and a comma.
    bool is_merge = false;
    // Of a put: how long it lasts; 0: for ever.
    uint64_t ttl_us = 0;
    bool Covers(uint32_t number, const std::string& of) const;
  };
  struct Commit {
    std::vector<Change> changes = {};
    // Of a keyspace, instead of changes.
    std::optional<std::string> creates = {}, drops = {};
    // Of a transaction: the keys and ranges that nobody may have written between `read_at` and its
    // own position.
    std::vector<Change> relies = {};
    LogPos read_at = 0;
  };
  // Keys of the default keyspace that begin so are counters: each commit that writes one adds one.
  static constexpr char kCounter = 'n';
  using Rows = std::map<std::string, std::string>;
  // By number of the keyspace; those that are there.
  using Content = std::map<uint32_t, Rows>;

  // Values read at one position between these two.
  struct Observation {
    LogPos at_least = 0, at_most = 0;
    uint32_t keyspace = 0;
    std::vector<std::pair<std::string, std::optional<std::string>>> rows = {};
    bool whole = false;    // there are no others in the keyspace
    bool missing = false;  // the answer was that there is no such keyspace
    std::string by = {};   // for people
    TimeWindow time = {};  // of the view
  };

  explicit History(std::function<uint64_t()> wall_us = nullptr) : clock_(std::move(wall_us)) {}
  HistoryClock* clock() { return &clock_; }

  // ---- Any thread. What is wrong, when it shows at once, comes with NextLife.

  // A commit is about to be asked for, with everything up to `visible` visible already.
  size_t Issue(Commit commit, LogPos visible);
  void Acknowledge(size_t id, LogPos position);
  // Of a keyspace, by number: it is there or gone; its position comes with an event.
  void AcknowledgeKeyspace(size_t id, uint32_t number);
  void NoteKeyspaceEvent(bool created, const std::string& name, LogPos position);
  // It was refused and has no position. Not called: it may be there.
  void Refuse(size_t id);
  // A transaction, for what the commit at that position wrote.
  void RefuseFor(size_t id, LogPos position);
  // Up to here it survives the loss of power.
  void NoteDurable(LogPos position);
  void Observe(Observation observation);

  struct Promises {
    LogPos acknowledged = 0, durable = 0;
  };
  Promises promises() const;

  // ---- Between lives.

  // What a database holds: its keyspaces by name, and their rows.
  struct State {
    LogPos position = 0;
    std::map<std::string, uint32_t> keyspaces = {{"default", 1}};
    Content content = {{1, {}}};
    TimeWindow time = {};  // of the view
  };
  // The database is about to be opened again: what was answered in this life may be gone.
  void ForgetTimes() { clock_.BeginLife(start_reached_us_); }
  // Another life began with `state`, and must hold what was promised up to `at_least`. Empty, or
  // what is wrong.
  std::string NextLife(State state, LogPos at_least);
  // As it began. Only between lives and by threads started since.
  const State& start() const { return start_; }
  uint64_t observations() const { return observations_; }
  uint64_t commits() const { return commits_; }

 private:
  struct Entry {
    Commit commit;
    LogPos floor = 0;     // its position is beyond
    LogPos position = 0;  // 0: not known
    uint32_t number = 0;  // of the keyspace it creates or drops
    bool acknowledged = false;
    bool refused = false;
    LogPos refused_for = 0;
    HistoryClock::Mark issued;
    TimeWindow time;  // of its record
  };
  // What a key is from a position on; where it expires, `after` from then on.
  struct Version {
    LogPos position = 0;
    std::optional<std::string> value = {}, after = {};
    TimeWindow expires = {};

    // What the change makes of it, in a commit of that time.
    Version Changed(const Change& change, LogPos at, const TimeWindow& time) const;
    // Whether a view of that time may see this, and whether it must see something.
    bool MayBe(const std::optional<std::string>& seen, const TimeWindow& time) const;
    bool MustBe(const TimeWindow& time) const;
  };
  using VersionContent = std::map<uint32_t, std::map<std::string, Version>>;
  using Order = std::map<LogPos, const Entry*>;
  struct KeyspaceEvent {
    bool created = false;
    std::string name;
    LogPos position = 0;
  };
  // What each key was in this life, ascending by position; the first is from before.
  struct Versions {
    using OfKey = std::vector<Version>;
    std::map<uint32_t, std::map<std::string, OfKey>> keys;
    std::map<uint32_t, LogPos> created, dropped;
    // What commits of unknown position may have touched.
    std::set<std::pair<uint32_t, std::string>> unsure;
    std::vector<const Change*> unsure_ranges;
    bool unsure_keyspaces = false;

    void Add(const Change& change, LogPos position, const TimeWindow& time);
    void AddUnsure(const Change& change);
    bool IsUnsure(uint32_t keyspace, const std::string& key) const;
    bool Explains(const Observation& observation, LogPos position) const;
    const Version& At(const OfKey& versions, LogPos position) const;
  };

  std::string ResolveKeyspaces() REQUIRES(mutex_);
  std::string ResolveCommits(const State& found, Order* order) REQUIRES(mutex_);
  bool Assign(std::span<const LogPos> holes, std::span<Entry* const> unsure, const State& found,
              bool checks, Order* order) const REQUIRES(mutex_);
  static bool Overwrites(const Entry& entry, const Change& relied);
  std::string CheckTransactions(const Order& order) const REQUIRES(mutex_);
  std::string CheckCounters(const Order& order) const REQUIRES(mutex_);
  static std::string DifferenceOf(const VersionContent& expected, const State& found);
  VersionContent ContentAt(LogPos position, const Order& order) const REQUIRES(mutex_);
  Versions AllVersions(const Order& order) const REQUIRES(mutex_);
  std::string CheckObservations(const Versions& versions) const REQUIRES(mutex_);

  mutable Mutex mutex_;
  // Of this life; all before it is in `start_`.
  std::vector<Entry> entries_ GUARDED_BY(mutex_);
  std::vector<KeyspaceEvent> events_ GUARDED_BY(mutex_);
  std::vector<Observation> observed_ GUARDED_BY(mutex_);
  LogPos acknowledged_ GUARDED_BY(mutex_) = 0;
  LogPos durable_ GUARDED_BY(mutex_) = 0;
  State start_;
  VersionContent start_content_ = {{1, {}}};
  uint64_t start_reached_us_ = 0;
  HistoryClock clock_;
  uint64_t observations_ = 0, commits_ = 0;
};

}  // namespace logwood::test
