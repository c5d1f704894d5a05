#include "util/faulty_file_system.h"

#include <utility>

#include "util/status_macros.h"

namespace logwood {

namespace {

class FaultyRandomAccessFile final : public RandomAccessFile {
 public:
  FaultyRandomAccessFile(FaultyFileSystem* files, std::string path,
                         std::unique_ptr<RandomAccessFile> base)
      : files_(files), path_(std::move(path)), base_(std::move(base)) {}
  Result<size_t> Read(uint64_t offset, size_t size, char* buffer) const override {
    RETURN_IF_ERROR(files_->Before(FileOp::kRead, path_));
    return base_->Read(offset, size, buffer);
  }
  Result<uint64_t> Size() const override {
    RETURN_IF_ERROR(files_->Before(FileOp::kSize, path_));
    return base_->Size();
  }
  void Advise(Access access) const override { base_->Advise(access); }

 private:
  FaultyFileSystem* const files_;
  const std::string path_;
  const std::unique_ptr<RandomAccessFile> base_;
};

std::string_view FirstPart(std::string_view data, uint32_t percent) {
  return data.substr(0, data.size() * percent / 100);
}

class FaultyWritableFile final : public WritableFile {
 public:
  FaultyWritableFile(FaultyFileSystem* files, std::string path, std::unique_ptr<WritableFile> base)
      : files_(files), path_(std::move(path)), base_(std::move(base)) {}
  Status Append(std::string_view data) override {
    uint32_t torn_percent = 0;
    Status status = files_->Before(FileOp::kAppend, path_, &torn_percent);
    if (status.ok()) return base_->Append(data);
    if (torn_percent != 0) static_cast<void>(base_->Append(FirstPart(data, torn_percent)));
    return status;
  }
  Status Sync() override {
    RETURN_IF_ERROR(files_->Before(FileOp::kSync, path_));
    return base_->Sync();
  }
  Status Close() override { return base_->Close(); }

 private:
  FaultyFileSystem* const files_;
  const std::string path_;
  const std::unique_ptr<WritableFile> base_;
};

class FaultyLogFile final : public LogFile {
 public:
  FaultyLogFile(FaultyFileSystem* files, std::string path, std::unique_ptr<LogFile> base)
      : files_(files), path_(std::move(path)), base_(std::move(base)) {}
  Status Reserve(uint64_t end) override {
    RETURN_IF_ERROR(files_->Before(FileOp::kReserve, path_));
    return base_->Reserve(end);
  }
  Status Store(uint64_t offset, std::string_view data) override {
    uint32_t torn_percent = 0;
    Status status = files_->Before(FileOp::kStore, path_, &torn_percent);
    if (status.ok()) return base_->Store(offset, data);
    if (torn_percent != 0) static_cast<void>(base_->Store(offset, FirstPart(data, torn_percent)));
    return status;
  }
  Status Sync() override {
    RETURN_IF_ERROR(files_->Before(FileOp::kSync, path_));
    return base_->Sync();
  }
  Status Truncate(uint64_t size) override {
    RETURN_IF_ERROR(files_->Before(FileOp::kTruncate, path_));
    return base_->Truncate(size);
  }
  Status Close() override { return base_->Close(); }

 private:
  FaultyFileSystem* const files_;
  const std::string path_;
  const std::unique_ptr<LogFile> base_;
};

}  // namespace

FaultyFileSystem::FaultyFileSystem(FileSystem* base) : base_(base) {}

void FaultyFileSystem::SetFault(Fault fault) {
  MutexLock lock(mutex_);
  fault_ = fault ? std::make_shared<const Fault>(std::move(fault)) : nullptr;
}

void FaultyFileSystem::FailOperation(uint64_t n) {
  MutexLock lock(mutex_);
  until_failure_ = n;
  failure_met_ = false;
  fails_for_ever_ = false;
}

void FaultyFileSystem::FailFromOperation(uint64_t n) {
  MutexLock lock(mutex_);
  until_failure_ = n;
  failure_met_ = false;
  fails_for_ever_ = true;
}

void FaultyFileSystem::TearAtFailure(uint32_t percent) {
  MutexLock lock(mutex_);
  torn_percent_ = percent;
}

// Relaxed throughout: counts, nothing is published through them.
uint64_t FaultyFileSystem::count(FileOp op) const {
  return counts_[static_cast<size_t>(op)].load(std::memory_order_relaxed);
}

uint64_t FaultyFileSystem::total() const {
  uint64_t sum = 0;
  for (const auto& count : counts_) sum += count.load(std::memory_order_relaxed);
  return sum;
}

void FaultyFileSystem::ResetCounts() {
  for (auto& count : counts_) count.store(0, std::memory_order_relaxed);
}

Status FaultyFileSystem::Before(FileOp op, const std::string& path, uint32_t* torn_percent) {
  counts_[static_cast<size_t>(op)].fetch_add(1, std::memory_order_relaxed);
  std::shared_ptr<const Fault> fault;
  {
    MutexLock lock(mutex_);
    fault = fault_;
    if (until_failure_ == 1) {
      if (!fails_for_ever_) until_failure_ = 0;
      if (!failure_met_ && torn_percent != nullptr) *torn_percent = torn_percent_;
      failure_met_ = true;
      return Status::IoError(std::string(FileOpName(op)) + " " + path + ": injected fault");
    }
    if (until_failure_ > 1) --until_failure_;
  }
  return fault ? (*fault)(op, path) : Status::Ok();
}

Result<std::unique_ptr<RandomAccessFile>> FaultyFileSystem::OpenRandomAccess(
    const std::string& path) {
  RETURN_IF_ERROR(Before(FileOp::kOpen, path));
  ASSIGN_OR_RETURN(auto file, base_->OpenRandomAccess(path));
  return std::make_unique<FaultyRandomAccessFile>(this, path, std::move(file));
}

Result<std::unique_ptr<WritableFile>> FaultyFileSystem::CreateWritable(const std::string& path) {
  RETURN_IF_ERROR(Before(FileOp::kCreate, path));
  ASSIGN_OR_RETURN(auto file, base_->CreateWritable(path));
  return std::make_unique<FaultyWritableFile>(this, path, std::move(file));
}

Result<std::unique_ptr<LogFile>> FaultyFileSystem::OpenLogFile(const std::string& path) {
  ASSIGN_OR_RETURN(const bool exists, base_->Exists(path));
  RETURN_IF_ERROR(Before(exists ? FileOp::kOpen : FileOp::kCreate, path));
  ASSIGN_OR_RETURN(auto file, base_->OpenLogFile(path));
  return std::make_unique<FaultyLogFile>(this, path, std::move(file));
}

Result<bool> FaultyFileSystem::Exists(const std::string& path) {
  RETURN_IF_ERROR(Before(FileOp::kSize, path));
  return base_->Exists(path);
}

Result<uint64_t> FaultyFileSystem::FileSize(const std::string& path) {
  RETURN_IF_ERROR(Before(FileOp::kSize, path));
  return base_->FileSize(path);
}

Result<std::vector<std::string>> FaultyFileSystem::List(const std::string& directory) {
  RETURN_IF_ERROR(Before(FileOp::kList, directory));
  return base_->List(directory);
}

Status FaultyFileSystem::CreateDirectory(const std::string& path) {
  RETURN_IF_ERROR(Before(FileOp::kCreate, path));
  return base_->CreateDirectory(path);
}

Status FaultyFileSystem::Remove(const std::string& path) {
  RETURN_IF_ERROR(Before(FileOp::kRemove, path));
  return base_->Remove(path);
}

Status FaultyFileSystem::Rename(const std::string& from, const std::string& to) {
  RETURN_IF_ERROR(Before(FileOp::kRename, to));
  return base_->Rename(from, to);
}

Status FaultyFileSystem::Link(const std::string& from, const std::string& to) {
  RETURN_IF_ERROR(Before(FileOp::kLink, to));
  return base_->Link(from, to);
}

Status FaultyFileSystem::SyncDirectory(const std::string& directory) {
  RETURN_IF_ERROR(Before(FileOp::kSyncDirectory, directory));
  return base_->SyncDirectory(directory);
}

Result<std::unique_ptr<FileLock>> FaultyFileSystem::Lock(const std::string& path, LockMode mode) {
  RETURN_IF_ERROR(Before(FileOp::kLock, path));
  return base_->Lock(path, mode);
}

Result<uint64_t> FaultyFileSystem::FreeBytes(const std::string& path) {
  RETURN_IF_ERROR(Before(FileOp::kSize, path));
  return base_->FreeBytes(path);
}

}  // namespace logwood
