// RecordingFileSystem: an in-memory file system that remembers which syncs were asked for and in
// which order, which bytes of each log file a finished sync covers, and that can fail or hold
// syncs.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "util/forwarding_file_system.h"
#include "util/sync.h"

namespace logwood::test {

class RecordingFileSystem final : public ForwardingFileSystem {
 public:
  RecordingFileSystem() : RecordingFileSystem(FileSystem::InMemory()) {}

  // "000005.log directory ": what was synced since Clear, in order.
  std::string Syncs() EXCLUDES(mutex_);
  void Clear() EXCLUDES(mutex_);
  void FailSyncs(bool fail) EXCLUDES(mutex_);
  void FailDirectorySyncs(bool fail) EXCLUDES(mutex_);
  // Syncs of files wait until it is called with false.
  void HoldSyncs(bool hold) EXCLUDES(mutex_);
  void WaitUntilHeld() EXCLUDES(mutex_);

  // The commit at `position` has just been stored, by this thread: what the files hold now includes
  // it. Positions are 1, 2, 3, ...
  void NoteCommit(uint64_t position) EXCLUDES(mutex_);
  // Whether finished syncs cover every byte of the log that was stored when it was noted, names
  // included.
  bool AllSyncedUpTo(uint64_t position) EXCLUDES(mutex_);

  Result<std::unique_ptr<LogFile>> OpenLogFile(const std::string& path) override;
  Status SyncDirectory(const std::string& directory) override;

 private:
  friend class RecordingLogFile;
  // Of one log file: bytes stored, bytes a finished sync covers, whether its name is durable.
  struct Progress {
    uint64_t stored = 0;
    uint64_t synced = 0;
    bool name_synced = false;
  };
  struct Noted {
    std::string file;
    uint64_t stored = 0;
  };

  explicit RecordingFileSystem(std::unique_ptr<FileSystem> memory)
      : ForwardingFileSystem(memory.get()), memory_(std::move(memory)) {}
  void Stored(const std::string& path, uint64_t end) EXCLUDES(mutex_);
  Status Sync(const std::string& path, LogFile* base) EXCLUDES(mutex_);

  const std::unique_ptr<FileSystem> memory_;
  Mutex mutex_;
  CondVar changed_;
  std::string syncs_ GUARDED_BY(mutex_);
  bool fail_syncs_ GUARDED_BY(mutex_) = false;
  bool fail_directory_syncs_ GUARDED_BY(mutex_) = false;
  bool hold_ GUARDED_BY(mutex_) = false;
  int held_ GUARDED_BY(mutex_) = 0;
  std::map<std::string, Progress> files_ GUARDED_BY(mutex_);
  std::vector<Noted> commits_ GUARDED_BY(mutex_);
  std::string newest_ GUARDED_BY(mutex_);
};

}  // namespace logwood::test
