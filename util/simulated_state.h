// SimulatedFileSystem::State: what a simulated file system and the files it opened share. A file
// system in memory in front, which knows names, errors and locks, and the model of a disk behind,
// in which every change is noted.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>

#include "logwood/simulated_file_system.h"
#include "util/in_memory_files.h"
#include "util/path.h"
#include "util/simulated_disk.h"
#include "util/sync.h"

namespace logwood {

class SimulatedFileSystem::State {
 public:
  using Inode = SimulatedDisk::InodePtr;

  explicit State(const Settings& settings)
      : settings_(settings), memory_(NewInMemoryFiles()), capacity_(settings.capacity_bytes) {}

  static std::shared_ptr<State> FromImage(const Settings& settings,
                                          const SimulatedDisk::Image& image) {
    auto state = std::make_shared<State>(settings);
    MutexLock lock(state->mutex_);
    state->disk_ = SimulatedDisk::FromImage(image);
    state->MakeDirectoriesLocked();
    for (const auto& [path, bytes] : image.files) {
      state->PutLocked(path, std::shared_ptr<const std::string>(bytes, &bytes->bytes()));
    }
    return state;
  }
  // Reads as before, also what a failed sync forgot: the kernel lives on.
  std::shared_ptr<State> Killed() {
    MutexLock lock(mutex_);
    auto copy = std::make_shared<State>(settings_);
    MutexLock copy_lock(copy->mutex_);
    copy->disk_ = disk_.Clone();
    copy->MakeDirectoriesLocked();
    for (auto& [path, bytes] : memory_->Files()) copy->PutLocked(path, std::move(bytes));
    return copy;
  }

  const Settings& settings() const { return settings_; }
  InMemoryFiles* memory() const { return memory_.get(); }

  void SetFault(Fault fault) {
    auto shared = fault ? std::make_shared<const Fault>(std::move(fault)) : nullptr;
    MutexLock lock(mutex_);
    fault_ = std::move(shared);
  }
  void FailChange(uint64_t n) {
    MutexLock lock(mutex_);
    fail_at_ = n == 0 ? 0 : changes_ + n;
  }
  void CutPowerAt(uint64_t n) {
    MutexLock lock(mutex_);
    cut_at_ = n == 0 ? 0 : changes_ + n;
  }
  void CutPower() {
    MutexLock lock(mutex_);
    cut_ = true;
  }
  bool cut() {
    MutexLock lock(mutex_);
    return cut_;
  }
  void SetCapacity(uint64_t bytes) { capacity_.store(bytes); }
  void SetLyingSyncs(LieRule rule) {
    MutexLock lock(mutex_);
    lie_rule_ = std::move(rule);
  }
  uint64_t changes() {
    MutexLock lock(mutex_);
    return changes_;
  }
  uint64_t count(FileOp op) const { return counts_[static_cast<size_t>(op)].load(); }

  Status Before(FileOp op, const std::string& path) {
    return Before(op, path, [](SimulatedDisk*) {});
  }
  // Before each operation. `under_way`: notes on the disk what of it may be there when the power
  // fails in it.
  template <typename UnderWay>
  Status Before(FileOp op, const std::string& path, const UnderWay& under_way) {
    counts_[static_cast<size_t>(op)].fetch_add(1, std::memory_order_relaxed);
    std::shared_ptr<const Fault> fault;
    {
      MutexLock lock(mutex_);
      if (cut_) return Refused(op, path, "the power is cut");
      if (IsChange(op)) {
        ++changes_;
        if (changes_ == cut_at_) {
          cut_ = true;
          under_way(&disk_);
          return Refused(op, path, "the power is cut");
        }
        if (changes_ == fail_at_) {
          return Refused(op, path, "injected");
        }
      }
      fault = fault_;
    }
    return fault != nullptr ? (*fault)(op, RulePath(path)) : Status::Ok();
  }

  // Runs `change` on the model.
  template <typename Change>
  void Note(Change change) {
    MutexLock lock(mutex_);
    change(&disk_);
  }
  Inode Find(const std::string& path) {
    MutexLock lock(mutex_);
    return disk_.Find(path);
  }

  // How many of the bytes [begin, end) there is room for in a file of that size: those at the
  // front.
  uint64_t RoomFor(uint64_t size, uint64_t begin, uint64_t end) {
    if (end <= size) return end - begin;
    return std::min(end, std::max(begin, size + FreeBytes())) - begin;
  }
  static Status Full(FileOp op, const std::string& path) {
    return Status::NoSpace(std::string(FileOpName(op)) + " " + path + ": No space left on device");
  }
  uint64_t FreeBytes() {
    const uint64_t used = used_bytes(), capacity = capacity_.load();
    return capacity > used ? capacity - used : 0;
  }
  uint64_t used_bytes() {
    MutexLock lock(mutex_);
    return used_bytes_;
  }
  // The file at this path has that size now; 0: or is gone.
  void NoteSize(const std::string& path, uint64_t size) {
    MutexLock lock(mutex_);
    NoteSizeLocked(path, size);
  }
  void NoteRename(const std::string& from, const std::string& to) {
    MutexLock lock(mutex_);
    disk_.Rename(from, to);
    const auto found = sizes_.find(from);
    const uint64_t size = found == sizes_.end() ? 0 : found->second;
    NoteSizeLocked(from, 0);
    NoteSizeLocked(to, size);
  }

  // What a sync does. `fault`: it failed.
  Status Sync(const Inode& inode, const std::string& path, Status fault) {
    SimulatedDisk::Bytes durable;
    {
      MutexLock lock(mutex_);
      if (fault.ok() && LiesLocked(path)) return fault;
      if (fault.ok()) {
        SimulatedDisk::Sync(inode.get());
        return fault;
      }
      if (cut_ || settings_.failed_sync == FailedSync::kKeeps) return fault;
      disk_.FailSync(inode.get(), settings_.failed_sync_seed);
      if (settings_.failed_sync == FailedSync::kForgets) return fault;
      durable = inode->durable;
    }
    // Gone at once: who reads now finds the old bytes.
    auto file = memory_->OpenLogFile(path);
    if (!file.ok()) return fault;
    static_cast<void>((*file)->Truncate(0));
    static_cast<void>((*file)->Store(0, durable->bytes()));
    return fault;
  }
  void SyncDirectory(const std::string& path) {
    MutexLock lock(mutex_);
    if (!LiesLocked(path)) disk_.SyncDirectory(path);
  }

  bool ForEachImage(const SimulatedDisk::Exploration& exploration,
                    const std::function<bool(const SimulatedDisk::Image&)>& visit) {
    SimulatedDisk now = Snapshot();
    if (exploration.settled) now.Settle(exploration.settled);
    return now.ForEachImage(exploration, visit);
  }
  SimulatedDisk::Image RandomImage(uint64_t seed) { return Snapshot().RandomImage(seed); }
  std::set<std::string> directories() {
    MutexLock lock(mutex_);
    return disk_.directories();
  }

 private:
  static Status Refused(FileOp op, const std::string& path, const char* why) {
    return Status::IoError(std::string(FileOpName(op)) + " " + path + ": " + why);
  }
  bool LiesLocked(const std::string& path) const REQUIRES(mutex_) {
    return lie_rule_ ? lie_rule_(RulePath(path)) : settings_.lying_syncs;
  }
  SimulatedDisk Snapshot() {
    MutexLock lock(mutex_);
    return disk_.Clone();
  }
  void NoteSizeLocked(const std::string& path, uint64_t size) REQUIRES(mutex_) {
    uint64_t& known = sizes_[path];
    used_bytes_ += size - known;
    known = size;
    if (size == 0) sizes_.erase(path);
  }
  // In memory this cannot fail.
  void MakeDirectoriesLocked() REQUIRES(mutex_) {
    for (const std::string& path : disk_.directories())
      static_cast<void>(memory_->CreateDirectory(path));
  }
  void PutLocked(const std::string& path, std::shared_ptr<const std::string> bytes)
      REQUIRES(mutex_) {
    if (!bytes->empty()) NoteSizeLocked(path, bytes->size());
    memory_->Put(path, std::move(bytes));
  }

  const Settings settings_;
  const std::unique_ptr<InMemoryFiles> memory_;
  std::atomic<uint64_t> capacity_;
  std::array<std::atomic<uint64_t>, kFileOps> counts_{};

  Mutex mutex_;
  SimulatedDisk disk_ GUARDED_BY(mutex_);
  std::map<std::string, uint64_t> sizes_ GUARDED_BY(mutex_);  // of files that are not empty
  uint64_t used_bytes_ GUARDED_BY(mutex_) = 0;                // their sum
  std::shared_ptr<const Fault> fault_ GUARDED_BY(mutex_);
  LieRule lie_rule_ GUARDED_BY(mutex_);
  uint64_t changes_ GUARDED_BY(mutex_) = 0;
  uint64_t fail_at_ GUARDED_BY(mutex_) = 0;
  uint64_t cut_at_ GUARDED_BY(mutex_) = 0;
  bool cut_ GUARDED_BY(mutex_) = false;
};

// The open files. Each keeps the state alive.
class SimulatedFiles {
 public:
  using State = SimulatedFileSystem::State;
  using StatePtr = std::shared_ptr<State>;
  class Reader;
  class Writer;
  class Log;
  class Held;

  // Around files and locks of the one in memory.
  static std::unique_ptr<RandomAccessFile> NewReader(StatePtr state, std::string path,
                                                     std::unique_ptr<RandomAccessFile> base);
  static std::unique_ptr<WritableFile> NewWriter(StatePtr state, std::string path,
                                                 State::Inode inode,
                                                 std::unique_ptr<WritableFile> base);
  static std::unique_ptr<LogFile> NewLog(StatePtr state, std::string path, State::Inode inode,
                                         uint64_t size, std::unique_ptr<LogFile> base);
  static std::unique_ptr<FileLock> NewLock(StatePtr state, std::unique_ptr<FileLock> base);
};

}  // namespace logwood
