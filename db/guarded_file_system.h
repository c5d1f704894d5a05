// GuardedFileSystem: a file system on which a failed directory sync stays failed.
//
// After a failed sync the kernel may have dropped the names it was to write and call the directory
// clean: a later sync that succeeds proves nothing about them (RELIABILITY, "fsync can fail once").
// The log, the manifest and the tables share one directory, so each must learn of the others'
// failures. Safe to call from several threads; the base must outlive it.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "logwood/file_system.h"
#include "util/sync.h"

namespace logwood {

class GuardedFileSystem final : public FileSystem {
 public:
  explicit GuardedFileSystem(FileSystem* base) : base_(base) {}

  // The first failure, for ever after.
  Status SyncDirectory(const std::string& directory) override EXCLUDES(mutex_) {
    {
      MutexLock lock(mutex_);
      if (!failure_.ok()) return failure_;
    }
    Status synced = base_->SyncDirectory(directory);
    MutexLock lock(mutex_);
    // One that failed meanwhile, beside this one, may have cost this one its names.
    if (failure_.ok()) failure_ = std::move(synced);
    return failure_;
  }

  Result<std::unique_ptr<RandomAccessFile>> OpenRandomAccess(const std::string& path) override {
    return base_->OpenRandomAccess(path);
  }
  Result<std::unique_ptr<WritableFile>> CreateWritable(const std::string& path) override {
    return base_->CreateWritable(path);
  }
  Result<std::unique_ptr<LogFile>> OpenLogFile(const std::string& path) override {
    return base_->OpenLogFile(path);
  }
  Result<bool> Exists(const std::string& path) override { return base_->Exists(path); }
  Result<uint64_t> FileSize(const std::string& path) override { return base_->FileSize(path); }
  Result<std::vector<std::string>> List(const std::string& directory) override {
    return base_->List(directory);
  }
  Status CreateDirectory(const std::string& path) override { return base_->CreateDirectory(path); }
  Status Remove(const std::string& path) override { return base_->Remove(path); }
  Status Rename(const std::string& from, const std::string& to) override {
    return base_->Rename(from, to);
  }
  Status Link(const std::string& from, const std::string& to) override {
    return base_->Link(from, to);
  }
  Result<std::string> AbsolutePath(const std::string& path) override {
    return base_->AbsolutePath(path);
  }
  Result<std::unique_ptr<FileLock>> Lock(const std::string& path, LockMode mode) override {
    return base_->Lock(path, mode);
  }
  Result<uint64_t> FreeBytes(const std::string& path) override { return base_->FreeBytes(path); }

 private:
  FileSystem* const base_;
  Mutex mutex_;
  Status failure_ GUARDED_BY(mutex_);
};

}  // namespace logwood
