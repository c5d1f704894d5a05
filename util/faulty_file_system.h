// FaultyFileSystem: a file system that fails when a test says so, and counts what it is asked.
//
//   FaultyFileSystem files(FileSystem::Posix());
//   files.FailOperation(7);                            // the seventh operation from now
//   files.SetFault([](FileOp op, const std::string& path) {
//     return op == FileOp::kSync && path.ends_with(".log") ? Status::IoError("injected") :
//     Status();
//   });
//
// A failed operation does not reach the base: it has no effect, unless TearAtFailure says that the
// bytes of a failing append or store get there in part. Safe to call from several threads;
// it and its base must outlive the files they opened.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "logwood/file_system.h"
#include "logwood/simulated_file_system.h"
#include "util/sync.h"

namespace logwood {

class FaultyFileSystem final : public FileSystem {
 public:
  // Called before each operation, by the thread that asked for it; not ok: that is its answer.
  using Fault = std::function<Status(FileOp op, const std::string& path)>;

  explicit FaultyFileSystem(FileSystem* base);

  // Replaces the fault; an empty one fails nothing.
  void SetFault(Fault fault) EXCLUDES(mutex_);
  // Fails the n-th operation from now (1: the next) with an IoError, once. 0: forget it.
  void FailOperation(uint64_t n) EXCLUDES(mutex_);
  // As FailOperation, and every operation after that one, too: the disk is gone.
  void FailFromOperation(uint64_t n) EXCLUDES(mutex_);
  // When the operation that these two planned is an append or store, its first `percent` of the
  // bytes reach the base: what a kill or a full disk in the middle of a write leaves. 0: none do.
  void TearAtFailure(uint32_t percent) EXCLUDES(mutex_);

  // Operations asked for since the beginning or ResetCounts, failed ones included.
  uint64_t count(FileOp op) const;
  uint64_t total() const;
  void ResetCounts();

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
  Result<std::string> AbsolutePath(const std::string& path) override {
    return base_->AbsolutePath(path);
  }
  std::vector<std::string> DirectoriesAbove(const std::string& path) override {
    return base_->DirectoriesAbove(path);
  }
  Result<std::unique_ptr<FileLock>> Lock(const std::string& path, LockMode mode) override;
  Result<uint64_t> FreeBytes(const std::string& path) override;
  uint64_t OpenFilesMax() const override { return base_->OpenFilesMax(); }

  // For the files it opens: counts the operation and says whether it fails; `torn_percent`, when
  // given and it fails, how much of it reaches the base all the same.
  Status Before(FileOp op, const std::string& path, uint32_t* torn_percent = nullptr)
      EXCLUDES(mutex_);

 private:
  FileSystem* const base_;
  std::array<std::atomic<uint64_t>, kFileOps> counts_{};
  Mutex mutex_;
  std::shared_ptr<const Fault> fault_ GUARDED_BY(mutex_);
  uint64_t until_failure_ GUARDED_BY(mutex_) = 0;  // 0: none planned
  bool fails_for_ever_ GUARDED_BY(mutex_) = false;
  bool failure_met_ GUARDED_BY(mutex_) = false;
  uint32_t torn_percent_ GUARDED_BY(mutex_) = 0;
};

}  // namespace logwood
