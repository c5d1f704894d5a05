// What the parts of the POSIX file system share. Only util/posix_*.cc include this.
#pragma once

#include <cerrno>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "logwood/file_system.h"

namespace logwood::posix {

// "operation path: what the system says", with the code file_system.h promises for this errno.
Status ErrorFromErrno(std::string_view operation, std::string_view path, int error);

// Repeats a system call that a signal interrupted. On some file systems (networks, user space) any
// call may be, also those that POSIX does not name.
template <typename Call>
auto Uninterrupted(Call call) {
  for (;;) {
    const auto result = call();
    if (result >= 0 || errno != EINTR) return result;
  }
}

// Owns a file descriptor.
class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() { Close(); }
  Descriptor(Descriptor&& other) noexcept : fd_(other.Release()) {}
  Descriptor& operator=(Descriptor&&) = delete;
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;

  int get() const { return fd_; }
  bool open() const { return fd_ >= 0; }
  int Release() {
    const int fd = fd_;
    fd_ = -1;
    return fd;
  }
  // The errno of the failure, or 0. The descriptor is gone either way: on Linux close is never
  // repeated, not after EINTR either.
  int Close();

 private:
  int fd_ = -1;
};

// open(2) with O_CLOEXEC, repeated after EINTR. Never waits; what is neither file nor device (nor,
// with O_DIRECTORY, a directory) is refused.
Result<Descriptor> Open(const std::string& path, int flags);

// The directory that a path lies in.
std::string ParentOf(std::string path);

Result<std::unique_ptr<RandomAccessFile>> OpenRandomAccess(const std::string& path);
Result<std::unique_ptr<WritableFile>> CreateWritable(const std::string& path);
Result<std::unique_ptr<LogFile>> OpenLogFile(const std::string& path);
Result<std::unique_ptr<FileLock>> Lock(const std::string& path, LockMode mode);
// As FileSystem says.
std::vector<std::string> DirectoriesAbove(const std::string& path);
// Whether `path` still leads to what is open.
bool StillNames(const std::string& path, const Descriptor& fd);

}  // namespace logwood::posix
