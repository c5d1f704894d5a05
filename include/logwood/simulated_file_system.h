// SimulatedFileSystem: a disk in memory that loses power, fails syncs, fills up and lies - for
// crash tests of databases and of the applications that use them.
//
//   logwood::SimulatedFileSystem disk;
//   disk.CutPowerAt(17);                              // while the 17th change is under way
//   MyApplication(&disk);                             // Options::file_system = &disk; it fails
//   disk.ForEachCrashState({}, [&](std::unique_ptr<logwood::SimulatedFileSystem> after) {
//     CheckMyApplication(after.get());                // opens, finds all that was acknowledged
//     return true;
//   });
//
// examples/crash_my_app is a whole program that does this for each change in turn.
//
// What power loss may do here is what docs/recovery.md says and file systems were seen to do
// (Pillai et al., "All File Systems Are Not Created Equal", OSDI 2014): of what was not synced, any
// part is there or not, in any order, torn at any byte; what lies behind a lost write is zeros or
// stale bytes; a name that was not synced is there or not. A rename is there whole or not at all.
// Directories are durable at once, as CreateDirectory promises (file_system.h): who makes them by
// other means and forgets to sync the parent is not found out here.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "logwood/export.h"
#include "logwood/file_system.h"

namespace logwood {

// What a file system is asked to do. Closing, advice and releasing a lock are no operations.
enum class FileOp : uint8_t {
  kOpen,    // OpenRandomAccess; OpenLogFile of a file that is there
  kCreate,  // CreateWritable, CreateDirectory; OpenLogFile of a missing file
  kRead,
  kAppend,
  kReserve,
  kStore,
  kSync,  // of either kind of file
  kSyncDirectory,
  kRename,  // path: the new name
  kRemove,
  kLink,  // path: the new name
  kTruncate,
  kList,
  kSize,  // FileSize, RandomAccessFile::Size, Exists, FreeBytes
  kLock,
};
inline constexpr size_t kFileOps = 15;
// "sync_directory". Never null.
LOGWOOD_EXPORT std::string_view FileOpName(FileOp op);
// Whether it changes what is on the disk, or may: all but open, read, list, size and lock.
LOGWOOD_EXPORT bool IsChange(FileOp op);

// Safe to call from several threads. It must outlive the files it opened.
class LOGWOOD_EXPORT SimulatedFileSystem final : public FileSystem {
 public:
  // What happens to the bytes that a failed sync of a file was to make durable. That file's next
  // sync answers ok in each case, as a kernel's would, and makes durable what waits then: an
  // application must not try again. (Files of FileSystem::Posix refuse.) A failed SyncDirectory
  // loses nothing: the names wait for the next one.
  enum class FailedSync : uint8_t {
    kForgets,  // they read as written and are never written: what Linux does
    kDrops,    // they are gone at once
    kKeeps,    // they wait for the next sync
  };
  struct Settings {
    FailedSync failed_sync = FailedSync::kForgets;
    // Not 0: of what a failed sync forgets or drops some got to the disk before it failed, changes
    // and sectors chosen by this.
    uint64_t failed_sync_seed = 0;
    // Syncs answer ok and make nothing durable: a test that passes with it proves nothing.
    bool lying_syncs = false;
    uint64_t capacity_bytes = uint64_t{1} << 40;  // what is beyond is kNoSpace; what fits is stored
    // LogFile::Reserve makes files longer in steps of this many bytes; 0: not at all.
    uint64_t reserve_step_bytes = 4096;
  };

  SimulatedFileSystem();
  explicit SimulatedFileSystem(const Settings& settings);
  ~SimulatedFileSystem() override;

  // ---- Faults. They last until they are replaced, also over Restart.

  // Called before each operation, without a lock, by the thread that asked for it; not ok: that is
  // its answer, and it has no effect - but for a sync of a file: what that was to make durable is
  // treated as Settings::failed_sync says. Empty: none. May look at crash states. Each path has one
  // spelling: `db/LOCK`, also where it was asked for as `./db//LOCK`.
  using Fault = std::function<Status(FileOp op, const std::string& path)>;
  void SetFault(Fault fault);
  // The n-th change from now (1: the next) answers kIoError, once, with what SetFault says of
  // syncs. 0: none does. Where there is background work, the n-th is not the same in each run.
  void FailChange(uint64_t n);
  void SetCapacity(uint64_t bytes);
  // From now on syncs of these files and directories answer ok and do nothing; empty: as Settings
  // says. Paths are spelt as for SetFault.
  using FileRule = std::function<bool(const std::string& path)>;
  using LieRule = FileRule;
  void SetLyingSyncs(LieRule rule);
  // Changes asked for so far, failed ones included.
  uint64_t changes() const;
  uint64_t count(FileOp op) const;

  // ---- Power.

  // From now on every call answers kIoError, as for a process that is no more.
  void CutPower();
  // The same as the n-th change from now begins (1: the next; 0: never), which is then under way:
  // a crash state has none, some or all of it.
  void CutPowerAt(uint64_t n);
  bool power_is_cut() const;

  struct CrashLimits {
    // At most so many are shown: first nothing of what is not durable, then all of it.
    uint64_t states_max = 100;
    uint64_t seed = 1;  // of the choice among more than that
    // Files that do not matter: they are there as they were written. Spares many states.
    FileRule settled = {};
    // Asked with the ContentHash (but for settled files) of each state before it is made; false: it
    // is neither made nor counted.
    std::function<bool(uint64_t hash)> wanted = {};
  };
  struct CrashCount {
    uint64_t states = 0;  // shown, all different
    // All there are, but for tearing at every byte, several torn at once, and what stale bytes
    // hold.
    bool complete = true;
  };
  // Shows what the disk may hold if the power fails now: each as a disk of its own, with these
  // settings, everything on it durable, without faults. Ends early when `visit` returns false.
  CrashCount ForEachCrashState(
      const CrashLimits& limits,
      const std::function<bool(std::unique_ptr<SimulatedFileSystem>)>& visit) const;
  // One of them, chosen by the seed.
  std::unique_ptr<SimulatedFileSystem> CrashState(uint64_t seed) const;
  // What another process finds after this one was killed: all that was written, durable or not. Not
  // after the power was cut within a change: half of that may be there, and CrashState has it.
  std::unique_ptr<SimulatedFileSystem> KilledState() const;

  // ---- The disk as bytes, to save a state that failed.

  // The same for two disks that read the same (what is not durable yet does not count), but for
  // files that `except` names.
  uint64_t ContentHash(const FileRule& except = {}) const;
  // Names and contents as they read now. Load: kCorruption unless Save wrote it; everything on the
  // disk is durable then.
  std::string Save() const;
  static Result<std::unique_ptr<SimulatedFileSystem>> Load(std::string_view saved);

  // ---- FileSystem.
  Result<std::unique_ptr<RandomAccessFile>> OpenRandomAccess(const std::string& path) override;
  Result<std::unique_ptr<WritableFile>> CreateWritable(const std::string& path) override;
  Result<std::unique_ptr<LogFile>> OpenLogFile(const std::string& path) override;
  Result<bool> Exists(const std::string& path) override;
  Result<uint64_t> FileSize(const std::string& path) override;
  Result<std::vector<std::string>> List(const std::string& directory) override;
  Status CreateDirectory(const std::string& path) override;
  Status Remove(const std::string& path) override;
  Status Rename(const std::string& from, const std::string& to) override;
  Status Link(const std::string& from, const std::string& to) override;
  Status SyncDirectory(const std::string& directory) override;
  Result<std::unique_ptr<FileLock>> Lock(const std::string& path, LockMode mode) override;
  Result<uint64_t> FreeBytes(const std::string& path) override;

 private:
  class State;
  friend class SimulatedFiles;
  explicit SimulatedFileSystem(std::shared_ptr<State> state);
  const std::shared_ptr<State> state_;
};

}  // namespace logwood
