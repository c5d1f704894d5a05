// CrashStory: a short life of a database as a list of steps, and what the database must hold
// whatever happens in it.
//
//   CrashStory story(*ParseSteps("put power-batch flush drop put"));
//   story.Run({}, [&](SimulatedFileSystem* disk) { disk->SetFault(...); });
//   story.oracle().Check(after.get(), bounds, {});  // opens what is left and compares
//
// A step's commits are a function of its place in the list, so the content after each position is
// known without running anything. A new feature is a new StepKind: its name, its commits in
// CrashOracle::Add, its call in CrashStory::Do.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "logwood/db.h"
#include "logwood/simulated_file_system.h"

namespace logwood::test {

enum class StepKind : uint8_t {
  kPut,       // one key, process durability
  kPowerPut,  // the same, power durability
  kBigPut,    // 5,000 bytes: memtables and log segments fill up
  kDelete,    // of a key that is there, where there is one
  kBatch,     // puts and deletes in both keyspaces
  kPowerBatch,
  kDrop,  // of the side keyspace, or its creation where it is not there
  kWaitDurable,
  kFlush,
  kCompact,  // all, down to the last level
  kReopen,   // closes and opens
  kKill,     // the process dies and another one opens
};
inline constexpr int kStepKinds = 12;

std::string_view StepName(StepKind kind);
std::string StepsText(const std::vector<StepKind>& steps);
std::optional<std::vector<StepKind>> ParseSteps(std::string_view text);  // nullopt: no such step

class CrashOracle {
 public:
  using Rows = std::map<std::string, std::string>;
  // Keyspace "" is the default one, which is always there.
  using Content = std::map<std::string, Rows>;

  // What one step writes, in order; empty: it commits nothing.
  struct Write {
    std::string keyspace, key;
    std::optional<std::string> value;
  };

  // Adds the step at place `index`: its commit, if it makes one.
  struct Planned {
    bool commits = false;
    bool drops = false, creates = false;  // the side keyspace
    std::vector<Write> writes;
  };
  Planned Add(size_t index, StepKind kind);

  LogPos last() const { return contents_.size() - 1; }
  const Content& at(LogPos position) const { return *contents_[position]; }

  // Between which commits the truth may lie.
  struct Bounds {
    LogPos at_least = 0;
    LogPos at_most = 0;
  };
  struct CheckOptions {
    // Besides, writes on behind it, loses power again, and looks once more; the seed says how.
    std::optional<uint64_t> second_life;
  };
  // Opens the database on `files` and compares all of it. kCorruption: what is wrong.
  Status Check(SimulatedFileSystem* files, const Bounds& bounds, const CheckOptions& options) const;

 private:
  std::vector<std::shared_ptr<const Content>> contents_ = {
      std::make_shared<const Content>(Content{{"", {}}})};  // after each position
};

// Tiny memtables, tables and segments, on `files`.
Options CrashOptions(FileSystem* files);

class CrashStory {
 public:
  static constexpr char kPath[] = "db";

  explicit CrashStory(std::vector<StepKind> steps);

  // Opens and does all steps, then closes. `watch` sees each disk before it is used: a process that
  // is killed leaves its own behind. Not ok: what a step answered.
  using Watch = std::function<void(SimulatedFileSystem*)>;
  Status Run(const SimulatedFileSystem::Settings& settings, const Watch& watch = {});

  const std::vector<StepKind>& steps() const { return steps_; }
  const CrashOracle& oracle() const { return oracle_; }
  // As of now; any thread. To bound what a disk may hold: those two before looking at it, what was
  // issued after.
  LogPos durable() const { return durable_.load(); }
  LogPos acknowledged() const { return acknowledged_.load(); }
  LogPos issued() const { return issued_.load(); }

 private:
  Status Open();
  Status Do(size_t index);
  Status Kill();
  Status Commit(const CrashOracle::Planned& planned, Durability durability);
  Result<Keyspace> KeyspaceNamed(const std::string& name);

  const std::vector<StepKind> steps_;
  std::vector<CrashOracle::Planned> planned_;
  CrashOracle oracle_;  // of all steps
  Watch watch_;
  std::unique_ptr<SimulatedFileSystem> disk_;
  std::unique_ptr<DB> db_;
  std::atomic<LogPos> durable_{0}, acknowledged_{0}, issued_{0};
};

}  // namespace logwood::test
