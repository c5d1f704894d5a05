// GuardedFileSystem: a file system on which a failed directory sync stays failed, and which makes,
// links, renames and removes files only as long as their directory is the one it was: where
// somebody moved it away, another database may have its path. (A file that is made in the moment
// between the look at the path and the making is refused, too, but it has been made.)
//
// After a failed sync the kernel may have dropped the names it was to write and call the directory
// clean: a later sync that succeeds proves nothing about them (docs/decisions, 0009).
// The log, the manifest and the tables share one directory, so each must learn of the others'
// failures. That directory is kept open: a process out of file descriptors can still sync it.
// Safe to call from several threads; the base must outlive it.
#pragma once

#include <memory>
#include <string>
#include <utility>

#include "util/forwarding_file_system.h"
#include "util/status_macros.h"
#include "util/sync.h"

namespace logwood {

class GuardedFileSystem final : public ForwardingFileSystem {
 public:
  using ForwardingFileSystem::ForwardingFileSystem;

  // The one directory that will be synced; called before any thread does.
  Status Guard(const std::string& directory) {
    ASSIGN_OR_RETURN(directory_, base()->OpenDirectory(directory));
    path_ = directory;
    return Status::Ok();
  }

  Result<std::unique_ptr<WritableFile>> CreateWritable(const std::string& path) override {
    RETURN_IF_ERROR(CheckPath());
    ASSIGN_OR_RETURN(std::unique_ptr<WritableFile> file, base()->CreateWritable(path));
    return Made(std::move(file));
  }
  Result<std::unique_ptr<LogFile>> OpenLogFile(const std::string& path) override {
    RETURN_IF_ERROR(CheckPath());
    ASSIGN_OR_RETURN(std::unique_ptr<LogFile> file, base()->OpenLogFile(path));
    return Made(std::move(file));
  }
  Status Remove(const std::string& path) override {
    RETURN_IF_ERROR(CheckPath());
    return base()->Remove(path);
  }
  Status Rename(const std::string& from, const std::string& to) override {
    RETURN_IF_ERROR(CheckPath());
    return base()->Rename(from, to);
  }
  Status Link(const std::string& from, const std::string& to) override {
    RETURN_IF_ERROR(CheckPath());
    return base()->Link(from, to);
  }

  // The first failure, for ever after.
  Status SyncDirectory(const std::string& directory) override EXCLUDES(mutex_) {
    {
      MutexLock lock(mutex_);
      if (!failure_.ok()) return failure_;
    }
    Status synced = directory == path_ ? directory_->Sync() : base()->SyncDirectory(directory);
    MutexLock lock(mutex_);
    // One that failed meanwhile, beside this one, may have cost this one its names.
    if (failure_.ok()) failure_ = std::move(synced);
    return failure_;
  }

 private:
  // Between check and making the directory may have gone, and the file lie in another's: nothing
  // may come to rely on it.
  template <typename File>
  Result<std::unique_ptr<File>> Made(std::unique_ptr<File> file) const {
    RETURN_IF_ERROR(CheckPath());
    return file;
  }
  Status CheckPath() const { return directory_ ? directory_->CheckPath() : Status::Ok(); }

  std::string path_;
  std::unique_ptr<Directory> directory_;
  Mutex mutex_;
  Status failure_ GUARDED_BY(mutex_);
};

}  // namespace logwood
