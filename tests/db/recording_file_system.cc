#include "tests/db/recording_file_system.h"

#include <algorithm>

#include "util/status_macros.h"

namespace logwood::test {

namespace {

constexpr uint64_t kSlotsEnd = 12288;  // wal/log_format.h: durable points lie before it

std::string NameOf(const std::string& path) { return path.substr(path.rfind('/') + 1); }

}  // namespace

class RecordingLogFile final : public LogFile {
 public:
  RecordingLogFile(RecordingFileSystem* fs, std::string path, std::unique_ptr<LogFile> base)
      : fs_(fs), path_(std::move(path)), base_(std::move(base)) {}
  Status Reserve(uint64_t end) override { return base_->Reserve(end); }
  Status Store(uint64_t offset, std::string_view data) override {
    RETURN_IF_ERROR(base_->Store(offset, data));
    if (offset + data.size() > kSlotsEnd) fs_->Stored(path_, offset + data.size());
    return Status::Ok();
  }
  Status Sync() override { return fs_->Sync(path_, base_.get()); }
  Status Truncate(uint64_t size) override { return base_->Truncate(size); }
  Status Close() override { return base_->Close(); }

 private:
  RecordingFileSystem* const fs_;
  const std::string path_;
  const std::unique_ptr<LogFile> base_;
};

std::string RecordingFileSystem::Syncs() {
  MutexLock lock(mutex_);
  return syncs_;
}

void RecordingFileSystem::Clear() {
  MutexLock lock(mutex_);
  syncs_.clear();
}

void RecordingFileSystem::FailSyncs(bool fail) {
  MutexLock lock(mutex_);
  fail_syncs_ = fail;
}

void RecordingFileSystem::FailDirectorySyncs(bool fail) {
  MutexLock lock(mutex_);
  fail_directory_syncs_ = fail;
}

void RecordingFileSystem::HoldSyncs(bool hold) {
  MutexLock lock(mutex_);
  hold_ = hold;
  changed_.NotifyAll();
}

void RecordingFileSystem::WaitUntilHeld() {
  MutexLock lock(mutex_);
  while (held_ == 0) changed_.Wait(mutex_);
}

void RecordingFileSystem::NoteCommit(uint64_t position) {
  MutexLock lock(mutex_);
  if (commits_.size() < position) commits_.resize(position);
  commits_[position - 1] = {newest_, files_[newest_].stored};
}

bool RecordingFileSystem::AllSyncedUpTo(uint64_t position) {
  MutexLock lock(mutex_);
  for (size_t i = 0; i < std::min<size_t>(position, commits_.size()); ++i) {
    const Progress& file = files_[commits_[i].file];
    if (!file.name_synced || file.synced < commits_[i].stored) return false;
  }
  return true;
}

void RecordingFileSystem::Stored(const std::string& path, uint64_t end) {
  MutexLock lock(mutex_);
  Progress& file = files_[path];
  file.stored = std::max(file.stored, end);
  newest_ = path;
}

Result<std::unique_ptr<LogFile>> RecordingFileSystem::OpenLogFile(const std::string& path) {
  ASSIGN_OR_RETURN(auto base, this->base()->OpenLogFile(path));
  MutexLock lock(mutex_);
  files_[path];
  return std::unique_ptr<LogFile>(std::make_unique<RecordingLogFile>(this, path, std::move(base)));
}

Status RecordingFileSystem::Sync(const std::string& path, LogFile* base) {
  MutexLock lock(mutex_);
  syncs_ += NameOf(path) + " ";
  const uint64_t covered = files_[path].stored;
  ++held_;
  changed_.NotifyAll();
  while (hold_) changed_.Wait(mutex_);
  --held_;
  if (fail_syncs_) return Status::IoError("sync " + path + ": injected");
  RETURN_IF_ERROR(base->Sync());
  files_[path].synced = std::max(files_[path].synced, covered);
  return Status::Ok();
}

Status RecordingFileSystem::SyncDirectory(const std::string& directory) {
  MutexLock lock(mutex_);
  syncs_ += "directory ";
  if (fail_directory_syncs_) return Status::IoError("sync directory " + directory + ": injected");
  RETURN_IF_ERROR(base()->SyncDirectory(directory));
  for (auto& [path, file] : files_) file.name_synced = true;
  return Status::Ok();
}

}  // namespace logwood::test
