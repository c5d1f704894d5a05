#include <dirent.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <system_error>

#include "util/posix_internal.h"
#include "util/status_macros.h"

namespace logwood {

namespace posix {

Status ErrorFromErrno(std::string_view operation, std::string_view path, int error) {
  std::string message(operation);
  message.append(" ").append(path).append(": ").append(std::generic_category().message(error));
  switch (error) {
    case ENOSPC:
    case EDQUOT:
      return Status::NoSpace(message);
    case ENOENT:
      return Status::NotFound(message);
    case EEXIST:
      return Status::AlreadyExists(message);
    default:
      return Status::IoError(message);
  }
}

std::string ParentOf(std::string path) {
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  const size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

}  // namespace posix

namespace {

using posix::ErrorFromErrno;
using posix::ParentOf;
using posix::Uninterrupted;

Result<struct stat> Stat(std::string_view operation, const std::string& path) {
  struct stat info;
  if (Uninterrupted([&] { return ::stat(path.c_str(), &info); }) != 0) {
    return ErrorFromErrno(operation, path, errno);
  }
  return info;
}

Status SyncDescriptor(const posix::Descriptor& fd, const std::string& directory) {
  while (::fsync(fd.get()) != 0) {
    if (errno != EINTR) return ErrorFromErrno("sync directory", directory, errno);
  }
  return Status::Ok();
}

class PosixDirectory final : public Directory {
 public:
  PosixDirectory(std::string path, posix::Descriptor fd)
      : path_(std::move(path)), fd_(std::move(fd)) {}
  Status Sync() override { return SyncDescriptor(fd_, path_); }
  Status CheckPath() const override {
    if (posix::StillNames(path_, fd_)) return Status::Ok();
    return Status::IoError(path_ + ": the directory was moved or replaced while it was open");
  }

 private:
  const std::string path_;
  const posix::Descriptor fd_;
};

class PosixFileSystem final : public FileSystem {
 public:
  Result<std::unique_ptr<RandomAccessFile>> OpenRandomAccess(const std::string& path) override {
    return posix::OpenRandomAccess(path);
  }
  Result<std::unique_ptr<WritableFile>> CreateWritable(const std::string& path) override {
    return posix::CreateWritable(path);
  }
  Result<std::unique_ptr<LogFile>> OpenLogFile(const std::string& path) override {
    return posix::OpenLogFile(path);
  }

  Result<bool> Exists(const std::string& path) override {
    struct stat info;
    if (Uninterrupted([&] { return ::stat(path.c_str(), &info); }) == 0) return true;
    if (errno == ENOENT || errno == ENOTDIR) return false;
    return ErrorFromErrno("exists", path, errno);
  }

  Result<uint64_t> FileSize(const std::string& path) override {
    ASSIGN_OR_RETURN(const struct stat info, Stat("size", path));
    return static_cast<uint64_t>(info.st_size);
  }

  Result<std::vector<std::string>> List(const std::string& directory) override {
    std::unique_ptr<DIR, int (*)(DIR*)> stream(nullptr, ::closedir);
    do {
      stream.reset(::opendir(directory.c_str()));
    } while (stream == nullptr && errno == EINTR);
    if (stream == nullptr) return ErrorFromErrno("list", directory, errno);
    std::vector<std::string> names;
    for (;;) {
      errno = 0;  // tells the end from an error
      const dirent* found = ::readdir(stream.get());
      if (found == nullptr && errno == EINTR) continue;
      if (found == nullptr) break;
      const std::string_view name = found->d_name;
      if (name != "." && name != "..") names.emplace_back(name);
    }
    if (errno != 0) return ErrorFromErrno("list", directory, errno);
    std::sort(names.begin(), names.end());
    return names;
  }

  Status CreateDirectory(const std::string& path) override {
    // From the top, so that each name is durable in a parent that is durable.
    std::vector<std::string> missing;
    for (std::string at = path;; at = ParentOf(at)) {
      ASSIGN_OR_RETURN(const bool exists, Exists(at));
      if (exists) break;
      missing.push_back(at);
    }
    for (auto at = missing.rbegin(); at != missing.rend(); ++at) {
      // EEXIST: somebody else was faster, which is just as well.
      if (Uninterrupted([&] { return ::mkdir(at->c_str(), 0755); }) != 0 && errno != EEXIST) {
        return ErrorFromErrno("create directory", *at, errno);
      }
      RETURN_IF_ERROR(SyncDirectory(ParentOf(*at)));
    }
    if (missing.empty()) RETURN_IF_ERROR(SyncParent(path));
    ASSIGN_OR_RETURN(const struct stat info, Stat("create directory", path));
    return S_ISDIR(info.st_mode) ? Status::Ok() : ErrorFromErrno("create directory", path, ENOTDIR);
  }

  // Of a directory that was there: whoever made it may not have come to this. A parent that we may
  // not open is not of our making.
  Status SyncParent(const std::string& path) {
    auto parent = posix::Open(ParentOf(path), O_RDONLY | O_DIRECTORY);
    return parent.ok() ? SyncDescriptor(*parent, ParentOf(path)) : Status::Ok();
  }

  Result<std::string> AbsolutePath(const std::string& path) override {
    if (path.starts_with('/')) return path;
    const std::unique_ptr<char, void (*)(void*)> here(::getcwd(nullptr, 0), std::free);
    if (here == nullptr) {
      // Not kNotFound, which would say that there is no database.
      const Status error = ErrorFromErrno("find the working directory of", path, errno);
      return Status::IoError(std::string(error.message()));
    }
    return std::string(here.get()) + "/" + path;
  }
  std::vector<std::string> DirectoriesAbove(const std::string& path) override {
    return posix::DirectoriesAbove(path);
  }

  Status Remove(const std::string& path) override {
    if (Uninterrupted([&] { return ::remove(path.c_str()); }) == 0) return Status::Ok();
    // For a directory that holds something POSIX allows either errno.
    return ErrorFromErrno("remove", path, errno == EEXIST ? ENOTEMPTY : errno);
  }

  Status Rename(const std::string& from, const std::string& to) override {
    if (Uninterrupted([&] { return ::rename(from.c_str(), to.c_str()); }) == 0) return Status::Ok();
    return ErrorFromErrno("rename", from + " to " + to, errno == EEXIST ? ENOTEMPTY : errno);
  }

  Status Link(const std::string& from, const std::string& to) override {
    if (Uninterrupted([&] { return ::link(from.c_str(), to.c_str()); }) == 0) return Status::Ok();
    return ErrorFromErrno("link", from + " to " + to, errno);
  }

  Status SyncDirectory(const std::string& directory) override {
    ASSIGN_OR_RETURN(const posix::Descriptor fd, posix::Open(directory, O_RDONLY | O_DIRECTORY));
    return SyncDescriptor(fd, directory);
  }

  Result<std::unique_ptr<Directory>> OpenDirectory(const std::string& path) override {
    ASSIGN_OR_RETURN(posix::Descriptor fd, posix::Open(path, O_RDONLY | O_DIRECTORY));
    return std::make_unique<PosixDirectory>(path, std::move(fd));
  }

  Result<std::unique_ptr<FileLock>> Lock(const std::string& path, LockMode mode) override {
    return posix::Lock(path, mode);
  }

  Result<uint64_t> FreeBytes(const std::string& path) override {
    struct statvfs info;
    if (Uninterrupted([&] { return ::statvfs(path.c_str(), &info); }) != 0) {
      return ErrorFromErrno("free bytes", path, errno);
    }
    return static_cast<uint64_t>(info.f_bavail) * info.f_frsize;
  }

  uint64_t OpenFilesMax() const override {
    struct rlimit limit;
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return FileSystem::OpenFilesMax();
    return static_cast<uint64_t>(limit.rlim_cur);
  }
};

}  // namespace

FileSystem* FileSystem::Posix() {
  static PosixFileSystem* const file_system = new PosixFileSystem;
  return file_system;
}

}  // namespace logwood
