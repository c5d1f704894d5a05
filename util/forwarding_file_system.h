// ForwardingFileSystem: passes every call on to another file system. What stands between Logwood
// and the disk overrides the calls it is about. The base must outlive it and the files it opens.
// OpenDirectory is not passed on: its Sync is a SyncDirectory of this file system.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "logwood/file_system.h"

namespace logwood {

class ForwardingFileSystem : public FileSystem {
 public:
  explicit ForwardingFileSystem(FileSystem* base) : base_(base) {}

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
  Status SyncDirectory(const std::string& directory) override {
    return base_->SyncDirectory(directory);
  }
  Result<std::string> AbsolutePath(const std::string& path) override {
    return base_->AbsolutePath(path);
  }
  std::vector<std::string> DirectoriesAbove(const std::string& path) override {
    return base_->DirectoriesAbove(path);
  }
  Result<std::unique_ptr<FileLock>> Lock(const std::string& path, LockMode mode) override {
    return base_->Lock(path, mode);
  }
  Result<uint64_t> FreeBytes(const std::string& path) override { return base_->FreeBytes(path); }
  uint64_t OpenFilesMax() const override { return base_->OpenFilesMax(); }

 protected:
  FileSystem* base() const { return base_; }

 private:
  FileSystem* const base_;
};

}  // namespace logwood
