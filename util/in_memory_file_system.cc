// FileSystem::InMemory: a tree of names over shared file contents, like a disk's names and inodes.
// Everything is "durable" as long as the object lives; Sync only checks that the file is open.
#include <algorithm>
#include <cstring>
#include <map>
#include <utility>

#include "util/in_memory_files.h"
#include "util/path.h"
#include "util/status_macros.h"
#include "util/sync.h"

namespace logwood {

namespace {

constexpr uint64_t kCapacityBytes = uint64_t{1} << 40;  // what FreeBytes pretends
// A store far behind the end would fill memory with zeros.
constexpr uint64_t kFileBytesMax = uint64_t{1} << 36;

// What an inode is on a disk: lives as long as a name or an open file refers to it.
class Inode {
 public:
  Inode() = default;
  explicit Inode(std::shared_ptr<const std::string> bytes) : shared_(std::move(bytes)) {}

  size_t Read(uint64_t offset, size_t size, char* buffer) EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    const std::string& bytes = BytesLocked();
    if (offset >= bytes.size()) return 0;
    const size_t count = std::min<size_t>(size, bytes.size() - offset);
    bytes.copy(buffer, count, offset);
    return count;
  }
  void Store(uint64_t offset, std::string_view data) EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    OwnLocked();
    if (offset == bytes_.size()) {
      bytes_.append(data);
    } else if (!data.empty()) {
      if (bytes_.size() < offset + data.size()) bytes_.resize(offset + data.size());
      std::memcpy(bytes_.data() + offset, data.data(), data.size());
    }
  }
  void Resize(uint64_t size) EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    if (size == 0) shared_ = nullptr;
    OwnLocked();
    bytes_.resize(size);
  }
  uint64_t Size() EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    return BytesLocked().size();
  }
  // As they are now; the next change copies them.
  std::shared_ptr<const std::string> Share() EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    if (shared_ == nullptr) shared_ = std::make_shared<const std::string>(std::move(bytes_));
    return shared_;
  }
  bool TryLock(LockMode mode) EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    const bool exclusive = mode == LockMode::kExclusive;
    if (exclusive_lock_ || (exclusive && shared_locks_ != 0)) return false;
    if (exclusive) {
      exclusive_lock_ = true;
    } else {
      ++shared_locks_;
    }
    return true;
  }
  void Unlock(LockMode mode) EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    if (mode == LockMode::kExclusive) {
      exclusive_lock_ = false;
    } else {
      --shared_locks_;
    }
  }

 private:
  const std::string& BytesLocked() const REQUIRES(mutex_) {
    return shared_ != nullptr ? *shared_ : bytes_;
  }
  void OwnLocked() REQUIRES(mutex_) {
    if (shared_ == nullptr) return;
    bytes_ = *shared_;
    shared_ = nullptr;
  }

  Mutex mutex_;
  std::shared_ptr<const std::string> shared_ GUARDED_BY(mutex_);  // null: bytes_ is what counts
  std::string bytes_ GUARDED_BY(mutex_);
  int shared_locks_ GUARDED_BY(mutex_) = 0;
  bool exclusive_lock_ GUARDED_BY(mutex_) = false;
};
using InodePointer = std::shared_ptr<Inode>;

std::string Message(std::string_view operation, std::string_view path, std::string_view what) {
  return std::string(operation).append(" ").append(path).append(": ").append(what);
}
Status NoSuchFile(std::string_view operation, std::string_view path) {
  return Status::NotFound(Message(operation, path, "No such file or directory"));
}
Status Refused(std::string_view operation, std::string_view path, std::string_view what) {
  return Status::IoError(Message(operation, path, what));
}

bool IsRoot(const std::string& normal) { return normal.empty() || normal == "."; }

class OpenFile {
 protected:
  OpenFile(std::string path, InodePointer inode)
      : path_(std::move(path)), inode_(std::move(inode)) {}

  Status CheckOpen(std::string_view operation) const {
    if (inode_ != nullptr) return Status::Ok();
    return Status::Closed(Message(operation, path_, "file is closed"));
  }
  Status CloseOnce() {
    RETURN_IF_ERROR(CheckOpen("close"));
    inode_ = nullptr;
    return Status::Ok();
  }
  Status StoreAt(std::string_view operation, uint64_t offset, std::string_view data) {
    if (offset > kFileBytesMax || data.size() > kFileBytesMax - offset) {
      return Refused(operation, path_, "File too large");
    }
    inode_->Store(offset, data);
    return Status::Ok();
  }

  const std::string path_;
  InodePointer inode_;  // null once closed
};

class MemoryRandomAccessFile final : public RandomAccessFile, OpenFile {
 public:
  MemoryRandomAccessFile(std::string path, InodePointer inode)
      : OpenFile(std::move(path), std::move(inode)) {}

  Result<size_t> Read(uint64_t offset, size_t size, char* buffer) const override {
    return inode_->Read(offset, size, buffer);
  }
  Result<uint64_t> Size() const override { return inode_->Size(); }
  void Advise(Access) const override {}
};

class MemoryWritableFile final : public WritableFile, OpenFile {
 public:
  MemoryWritableFile(std::string path, InodePointer inode)
      : OpenFile(std::move(path), std::move(inode)) {}

  Status Append(std::string_view data) override {
    RETURN_IF_ERROR(CheckOpen("append"));
    // At its own place, as a file position would: not behind what another open file wrote.
    RETURN_IF_ERROR(StoreAt("append", position_, data));
    position_ += data.size();
    return Status::Ok();
  }
  Status Sync() override { return CheckOpen("sync"); }
  Status Close() override { return CloseOnce(); }

 private:
  uint64_t position_ = 0;
};

class MemoryLogFile final : public LogFile, OpenFile {
 public:
  MemoryLogFile(std::string path, InodePointer inode)
      : OpenFile(std::move(path), std::move(inode)) {}

  Status Reserve(uint64_t end) override {
    RETURN_IF_ERROR(CheckOpen("reserve"));
    return end <= kFileBytesMax ? Status::Ok() : Refused("reserve", path_, "File too large");
  }
  Status Store(uint64_t offset, std::string_view data) override {
    RETURN_IF_ERROR(CheckOpen("store"));
    return StoreAt("store", offset, data);
  }
  Status Sync() override { return CheckOpen("sync"); }
  Status Truncate(uint64_t size) override {
    RETURN_IF_ERROR(CheckOpen("truncate"));
    if (size > kFileBytesMax) return Refused("truncate", path_, "File too large");
    inode_->Resize(size);
    return Status::Ok();
  }
  Status Close() override { return CloseOnce(); }
};

class MemoryFileLock final : public FileLock {
 public:
  MemoryFileLock(InodePointer inode, LockMode mode) : inode_(std::move(inode)), mode_(mode) {}
  ~MemoryFileLock() override { inode_->Unlock(mode_); }

 private:
  const InodePointer inode_;
  const LockMode mode_;
};

// Lock order: the file system's mutex before an inode's.
class InMemoryFileSystem final : public InMemoryFiles {
 public:
  Result<std::unique_ptr<RandomAccessFile>> OpenRandomAccess(const std::string& path) override {
    MutexLock lock(mutex_);
    ASSIGN_OR_RETURN(InodePointer inode, FindFileLocked("open", path));
    return std::make_unique<MemoryRandomAccessFile>(path, std::move(inode));
  }

  Result<std::unique_ptr<WritableFile>> CreateWritable(const std::string& path) override {
    MutexLock lock(mutex_);
    ASSIGN_OR_RETURN(InodePointer inode, FindOrCreateLocked("create", path));
    inode->Resize(0);
    return std::make_unique<MemoryWritableFile>(path, std::move(inode));
  }

  Result<std::unique_ptr<LogFile>> OpenLogFile(const std::string& path) override {
    MutexLock lock(mutex_);
    ASSIGN_OR_RETURN(InodePointer inode, FindOrCreateLocked("create", path));
    return std::make_unique<MemoryLogFile>(path, std::move(inode));
  }

  Result<bool> Exists(const std::string& path) override {
    const std::string name = NormalPath(path);
    MutexLock lock(mutex_);
    return IsRoot(name) || names_.contains(name);
  }

  Result<uint64_t> FileSize(const std::string& path) override {
    MutexLock lock(mutex_);
    ASSIGN_OR_RETURN(const InodePointer inode, FindFileLocked("size", path));
    return inode->Size();
  }

  Result<std::vector<std::string>> List(const std::string& directory) override {
    const std::string name = NormalPath(directory);
    MutexLock lock(mutex_);
    RETURN_IF_ERROR(CheckDirectoryLocked("list", directory, name));
    const std::string prefix = name + "/";
    std::vector<std::string> names;
    for (auto at = names_.lower_bound(prefix); Below(at, prefix); ++at) {
      const std::string_view rest = std::string_view(at->first).substr(prefix.size());
      if (rest.find('/') == std::string_view::npos) names.emplace_back(rest);
    }
    std::sort(names.begin(), names.end());
    return names;
  }

  Status CreateDirectory(const std::string& path) override {
    const std::string name = NormalPath(path);
    MutexLock lock(mutex_);
    std::vector<std::string> missing;
    for (std::string at = name; !IsRoot(at); at = ParentPath(at)) {
      const auto found = names_.find(at);
      if (found == names_.end()) {
        missing.push_back(at);
      } else if (found->second != nullptr) {
        return Refused("create directory", path, "Not a directory");
      } else {
        break;
      }
    }
    for (const std::string& each : missing) names_[each] = nullptr;
    return Status::Ok();
  }

  Status Remove(const std::string& path) override {
    const std::string name = NormalPath(path);
    MutexLock lock(mutex_);
    const auto found = names_.find(name);
    if (found == names_.end()) return NoSuchFile("remove", path);
    if (found->second == nullptr && HoldsNamesLocked(name)) {
      return Refused("remove", path, "Directory not empty");
    }
    names_.erase(found);
    return Status::Ok();
  }

  Status Rename(const std::string& from, const std::string& to) override {
    const std::string source = NormalPath(from);
    const std::string target = NormalPath(to);
    const std::string both = from + " to " + to;
    MutexLock lock(mutex_);
    const auto found = names_.find(source);
    if (found == names_.end()) return NoSuchFile("rename", both);
    RETURN_IF_ERROR(CheckDirectoryLocked("rename", both, ParentPath(target)));
    if (source == target) return Status::Ok();
    if ((target + "/").starts_with(source + "/"))
      return Refused("rename", both, "Invalid argument");
    const bool is_directory = found->second == nullptr;
    if (const auto old = names_.find(target); old != names_.end()) {
      if (is_directory && old->second != nullptr) return Refused("rename", both, "Not a directory");
      if (!is_directory && old->second == nullptr) return Refused("rename", both, "Is a directory");
      if (HoldsNamesLocked(target)) return Refused("rename", both, "Directory not empty");
    }
    InodePointer inode = std::move(found->second);
    names_.erase(found);
    names_[target] = std::move(inode);
    const std::string prefix = source + "/";
    for (auto at = names_.lower_bound(prefix); Below(at, prefix);) {
      names_[target + "/" + at->first.substr(prefix.size())] = std::move(at->second);
      at = names_.erase(at);
    }
    return Status::Ok();
  }

  Status Link(const std::string& from, const std::string& to) override {
    const std::string target = NormalPath(to);
    const std::string both = from + " to " + to;
    MutexLock lock(mutex_);
    const auto found = names_.find(NormalPath(from));
    if (found == names_.end()) return NoSuchFile("link", both);
    if (found->second == nullptr) return Refused("link", both, "Operation not permitted");
    RETURN_IF_ERROR(CheckDirectoryLocked("link", both, ParentPath(target)));
    if (IsRoot(target) || names_.contains(target)) {
      return Status::AlreadyExists(Message("link", both, "File exists"));
    }
    names_[target] = found->second;
    return Status::Ok();
  }

  Status SyncDirectory(const std::string& directory) override {
    MutexLock lock(mutex_);
    return CheckDirectoryLocked("sync directory", directory, NormalPath(directory));
  }

  Result<std::unique_ptr<FileLock>> Lock(const std::string& path, LockMode mode) override {
    MutexLock lock(mutex_);
    const bool exclusive = mode == LockMode::kExclusive;
    ASSIGN_OR_RETURN(InodePointer inode,
                     exclusive ? FindOrCreateLocked("lock", path) : FindFileLocked("lock", path));
    if (!inode->TryLock(mode)) {
      return Status::Busy(Message("lock", path, "somebody else holds it"));
    }
    return std::make_unique<MemoryFileLock>(std::move(inode), mode);
  }

  Result<uint64_t> FreeBytes(const std::string& path) override {
    ASSIGN_OR_RETURN(const bool exists, Exists(path));
    if (!exists) return NoSuchFile("free bytes", path);
    return kCapacityBytes;
  }

  void Put(const std::string& normal, std::shared_ptr<const std::string> bytes) override {
    MutexLock lock(mutex_);
    names_[normal] = std::make_shared<Inode>(std::move(bytes));
  }
  std::map<std::string, std::shared_ptr<const std::string>> Files() override {
    MutexLock lock(mutex_);
    std::map<std::string, std::shared_ptr<const std::string>> files;
    for (const auto& [path, inode] : names_) {
      if (inode != nullptr) files.emplace_hint(files.end(), path, inode->Share());
    }
    return files;
  }

 private:
  // Normalized path to contents; null for a directory.
  using Names = std::map<std::string, InodePointer>;

  bool Below(Names::const_iterator at, const std::string& prefix) const REQUIRES(mutex_) {
    return at != names_.end() && at->first.starts_with(prefix);
  }
  bool HoldsNamesLocked(const std::string& name) const REQUIRES(mutex_) {
    return Below(names_.lower_bound(name + "/"), name + "/");
  }

  Status CheckDirectoryLocked(std::string_view operation, std::string_view path,
                              const std::string& name) const REQUIRES(mutex_) {
    if (IsRoot(name)) return Status::Ok();
    const auto found = names_.find(name);
    if (found == names_.end()) return NoSuchFile(operation, path);
    return found->second == nullptr ? Status::Ok() : Refused(operation, path, "Not a directory");
  }

  Result<InodePointer> FindFileLocked(std::string_view operation, const std::string& path)
      REQUIRES(mutex_) {
    const std::string name = NormalPath(path);
    if (IsRoot(name)) return Refused(operation, path, "Is a directory");
    const auto found = names_.find(name);
    if (found == names_.end()) return NoSuchFile(operation, path);
    if (found->second == nullptr) return Refused(operation, path, "Is a directory");
    return found->second;
  }

  Result<InodePointer> FindOrCreateLocked(std::string_view operation, const std::string& path)
      REQUIRES(mutex_) {
    const std::string name = NormalPath(path);
    RETURN_IF_ERROR(CheckDirectoryLocked(operation, path, ParentPath(name)));
    if (!IsRoot(name) && !names_.contains(name)) names_[name] = std::make_shared<Inode>();
    return FindFileLocked(operation, path);
  }

  Mutex mutex_;
  Names names_ GUARDED_BY(mutex_);
};

}  // namespace

std::unique_ptr<FileSystem> FileSystem::InMemory() { return NewInMemoryFiles(); }

std::unique_ptr<InMemoryFiles> NewInMemoryFiles() { return std::make_unique<InMemoryFileSystem>(); }

}  // namespace logwood
