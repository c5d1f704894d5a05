// Open files of the POSIX file system. Nothing is buffered in user space: what Append and Store
// took survives the death of the process.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <bit>
#include <cerrno>
#include <limits>
#include <utility>

#include "util/posix_internal.h"
#include "util/status_macros.h"

namespace logwood::posix {

namespace {

// One transfer takes at most 2 GiB on Linux; stay well below.
constexpr size_t kTransferBytesMax = size_t{1} << 30;
constexpr uint64_t kOffsetMax = std::numeric_limits<off_t>::max();
// LogFile::Reserve asks the system for room in steps of about what the file holds: at least, and at
// most, so many bytes.
constexpr uint64_t kReserveStepBytesMin = uint64_t{64} << 10;
constexpr uint64_t kReserveStepBytesMax = uint64_t{1} << 20;

Status CheckOffset(std::string_view operation, std::string_view path, uint64_t offset,
                   uint64_t size) {
  if (offset <= kOffsetMax && size <= kOffsetMax - offset) return Status::Ok();
  return ErrorFromErrno(operation, path, EFBIG);
}

// Repeats `write` (bytes at, count, offset from the beginning) until all is written.
template <typename Write>
Status WriteAll(std::string_view operation, const std::string& path, std::string_view data,
                Write write) {
  size_t done = 0;
  while (done < data.size()) {
    const size_t want = std::min(data.size() - done, kTransferBytesMax);
    const ssize_t wrote = Uninterrupted([&] { return write(data.data() + done, want, done); });
    if (wrote < 0) return ErrorFromErrno(operation, path, errno);
    // A write that takes nothing would be asked for ever.
    if (wrote == 0) return ErrorFromErrno(operation, path, EIO);
    done += static_cast<size_t>(wrote);
  }
  return Status::Ok();
}

// What stands where a file belongs and is none. (Devices pass: they answer for themselves.)
Status CheckIsFile(std::string_view operation, std::string_view path, mode_t mode) {
  const char* kind = S_ISFIFO(mode)   ? "a named pipe"
                     : S_ISSOCK(mode) ? "a socket"
                     : S_ISDIR(mode)  ? "a directory"
                                      : nullptr;
  if (kind == nullptr) return Status::Ok();
  return Status::IoError(std::string(operation)
                             .append(" ")
                             .append(path)
                             .append(": it is ")
                             .append(std::string(kind) + " where a file belongs: move it away"));
}

Status Closed(std::string_view operation, std::string_view path) {
  return Status::Closed(std::string(operation).append(" ").append(path).append(": file is closed"));
}

// Makes a file's bytes durable, and remembers failure: the system may have dropped the pages it
// could not write and call the next attempt a success.
class Syncer {
 public:
  Status Sync(int fd, const std::string& path) {
    // Relaxed: this only has to be seen by a thread that learnt of the failure some other way.
    if (failed_.load(std::memory_order_relaxed)) {
      return Status::IoError("sync " + path + ": an earlier sync failed");
    }
    if (Uninterrupted([&] { return ::fdatasync(fd); }) == 0) return Status::Ok();
    const int error = errno;
    failed_.store(true, std::memory_order_relaxed);
    return ErrorFromErrno("sync", path, error);
  }

 private:
  std::atomic<bool> failed_{false};
};

class PosixRandomAccessFile final : public RandomAccessFile {
 public:
  PosixRandomAccessFile(std::string path, Descriptor fd)
      : path_(std::move(path)), fd_(std::move(fd)) {}

  Result<size_t> Read(uint64_t offset, size_t size, char* buffer) const override {
    if (offset > kOffsetMax) return size_t{0};  // no file reaches so far
    size = static_cast<size_t>(std::min<uint64_t>(size, kOffsetMax - offset));
    size_t done = 0;
    while (done < size) {
      const size_t want = std::min(size - done, kTransferBytesMax);
      const auto at = static_cast<off_t>(offset + done);
      const ssize_t got =
          Uninterrupted([&] { return ::pread(fd_.get(), buffer + done, want, at); });
      if (got < 0) return ErrorFromErrno("read", path_, errno);
      if (got == 0) break;
      done += static_cast<size_t>(got);
    }
    return done;
  }

  Result<uint64_t> Size() const override {
    struct stat info;
    if (Uninterrupted([&] { return ::fstat(fd_.get(), &info); }) != 0) {
      return ErrorFromErrno("size", path_, errno);
    }
    return static_cast<uint64_t>(info.st_size);
  }

  void Advise(Access access) const override {
    const int advice = access == Access::kRandom ? POSIX_FADV_RANDOM : POSIX_FADV_SEQUENTIAL;
    static_cast<void>(::posix_fadvise(fd_.get(), 0, 0, advice));  // a hint: failure is no loss
  }

 private:
  const std::string path_;
  const Descriptor fd_;
};

class PosixWritableFile final : public WritableFile {
 public:
  PosixWritableFile(std::string path, Descriptor fd) : path_(std::move(path)), fd_(std::move(fd)) {}

  Status Append(std::string_view data) override {
    if (!fd_.open()) return Closed("append", path_);
    return WriteAll("append", path_, data, [&](const char* from, size_t count, size_t) {
      return ::write(fd_.get(), from, count);
    });
  }
  Status Sync() override {
    if (!fd_.open()) return Closed("sync", path_);
    return syncer_.Sync(fd_.get(), path_);
  }
  Status Close() override {
    if (!fd_.open()) return Closed("close", path_);
    const int error = fd_.Close();
    return error == 0 ? Status::Ok() : ErrorFromErrno("close", path_, error);
  }

 private:
  const std::string path_;
  Descriptor fd_;
  Syncer syncer_;
};

// The written backend of a log: pwrite and fdatasync.
class PosixLogFile final : public LogFile {
 public:
  PosixLogFile(std::string path, Descriptor fd) : path_(std::move(path)), fd_(std::move(fd)) {}
  ~PosixLogFile() override {
    if (fd_.open()) static_cast<void>(Close());  // the contract: who wants the error calls Close
  }

  // Finds out about a full disk before a record is half written, and makes the file as long as its
  // room: a sync then writes bytes and no new size, which saves a third of its time
  // (docs/decisions/0011). Close cuts the file to what was stored.
  Status Reserve(uint64_t end) override {
    if (!fd_.open()) return Closed("reserve", path_);
    if (end <= reserved_end_) return Status::Ok();
    RETURN_IF_ERROR(CheckOffset("reserve", path_, end, kReserveStepBytesMax));
    if (reserved_end_ == 0) RETURN_IF_ERROR(NoteSizeFound());
    const uint64_t step = std::clamp(std::bit_ceil(end), kReserveStepBytesMin, step_bytes_max_);
    uint64_t rounded = (end + step - 1) / step * step;
    int error = Allocate(rounded);
    if ((error == ENOSPC || error == EDQUOT) && rounded != end) {
      rounded = end;
      error = Allocate(end);
    }
    // A file system that cannot promise room will say so when it is written to.
    if (error != 0 && error != EOPNOTSUPP && error != ENOSYS) {
      return ErrorFromErrno("reserve", path_, error);
    }
    reserved_end_ = rounded;
    return Status::Ok();
  }

  Status Store(uint64_t offset, std::string_view data) override {
    if (!fd_.open()) return Closed("store", path_);
    RETURN_IF_ERROR(CheckOffset("store", path_, offset, data.size()));
    NoteStored(offset + data.size());
    return WriteAll("store", path_, data, [&](const char* from, size_t count, size_t done) {
      return ::pwrite(fd_.get(), from, count, static_cast<off_t>(offset + done));
    });
  }
  Status Sync() override {
    if (!fd_.open()) return Closed("sync", path_);
    return syncer_.Sync(fd_.get(), path_);
  }
  Status Truncate(uint64_t size) override {
    if (!fd_.open()) return Closed("truncate", path_);
    RETURN_IF_ERROR(CheckOffset("truncate", path_, size, 0));
    const auto length = static_cast<off_t>(size);
    if (Uninterrupted([&] { return ::ftruncate(fd_.get(), length); }) != 0) {
      return ErrorFromErrno("truncate", path_, errno);
    }
    reserved_end_ = std::min(reserved_end_, size);
    step_bytes_max_ =
        kReserveStepBytesMin;  // room is short: the next stores shall not take it back
    stored_end_.store(size, std::memory_order_relaxed);
    return Status::Ok();
  }
  Status Close() override {
    if (!fd_.open()) return Closed("close", path_);
    ReleaseUnusedRoom();
    const int error = fd_.Close();
    return error == 0 ? Status::Ok() : ErrorFromErrno("close", path_, error);
  }

 private:
  // The errno, or 0.
  int Allocate(uint64_t end) {
    const auto from = static_cast<off_t>(reserved_end_);
    const auto length = static_cast<off_t>(end - reserved_end_);
    const int result = Uninterrupted([&] { return ::fallocate(fd_.get(), 0, from, length); });
    return result == 0 ? 0 : errno;
  }

  // What the file held when it was opened counts as stored.
  Status NoteSizeFound() {
    struct stat info;
    if (Uninterrupted([&] { return ::fstat(fd_.get(), &info); }) != 0) {
      return ErrorFromErrno("size", path_, errno);
    }
    NoteStored(static_cast<uint64_t>(info.st_size));
    return Status::Ok();
  }

  void NoteStored(uint64_t end) {
    uint64_t known = stored_end_.load(std::memory_order_relaxed);
    while (known < end &&
           !stored_end_.compare_exchange_weak(known, end, std::memory_order_relaxed)) {
    }
  }

  // Only saves space, so a failure does not matter.
  void ReleaseUnusedRoom() {
    const uint64_t end = stored_end_.load(std::memory_order_relaxed);
    if (end >= reserved_end_) return;
    const auto length = static_cast<off_t>(end);
    if (Uninterrupted([&] { return ::ftruncate(fd_.get(), length); }) != 0) return;
  }

  const std::string path_;
  Descriptor fd_;
  uint64_t reserved_end_ = 0;
  uint64_t step_bytes_max_ = kReserveStepBytesMax;
  std::atomic<uint64_t> stored_end_{0};  // two threads may store at the same time
  Syncer syncer_;
};

}  // namespace

int Descriptor::Close() {
  if (fd_ < 0) return 0;
  const int result = ::close(Release());
  return result == 0 || errno == EINTR ? 0 : errno;
}

Result<Descriptor> Open(const std::string& path, int flags) {
  constexpr mode_t kMode = 0644;
  std::string_view operation = (flags & O_CREAT) != 0 ? "create" : "open";
  // Without O_NONBLOCK a pipe of this name would keep us waiting for its other end; files and
  // directories know no difference.
  flags |= O_CLOEXEC | O_NONBLOCK;
  const int fd = Uninterrupted([&] { return ::open(path.c_str(), flags, kMode); });
  struct stat info;
  if (fd < 0) {
    const int error = errno;
    const bool other_kind = error == EISDIR || error == ENXIO;
    if (other_kind && ::stat(path.c_str(), &info) == 0) {
      RETURN_IF_ERROR(CheckIsFile(operation, path, info.st_mode));
    }
    const bool refused = error == EACCES || error == EROFS;
    if (refused && ::stat(path.c_str(), &info) == 0) operation = "open";  // it is there already
    return ErrorFromErrno(operation, path, error);
  }
  Descriptor opened(fd);
  if ((flags & O_DIRECTORY) == 0) {
    if (Uninterrupted([&] { return ::fstat(fd, &info); }) != 0) {
      return ErrorFromErrno(operation, path, errno);
    }
    RETURN_IF_ERROR(CheckIsFile(operation, path, info.st_mode));
  }
  if (fd > STDERR_FILENO) return opened;
  // The process runs with standard input, output or error closed: what it prints must not land in a
  // file of ours.
  const int high = Uninterrupted([&] { return ::fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1); });
  if (high < 0) return ErrorFromErrno(operation, path, errno);
  return Descriptor(high);
}

Result<std::unique_ptr<RandomAccessFile>> OpenRandomAccess(const std::string& path) {
  ASSIGN_OR_RETURN(Descriptor fd, Open(path, O_RDONLY));
  return std::make_unique<PosixRandomAccessFile>(path, std::move(fd));
}

Result<std::unique_ptr<WritableFile>> CreateWritable(const std::string& path) {
  ASSIGN_OR_RETURN(Descriptor fd, Open(path, O_WRONLY | O_CREAT | O_TRUNC));
  return std::make_unique<PosixWritableFile>(path, std::move(fd));
}

Result<std::unique_ptr<LogFile>> OpenLogFile(const std::string& path) {
  ASSIGN_OR_RETURN(Descriptor fd, Open(path, O_RDWR | O_CREAT));
  return std::make_unique<PosixLogFile>(path, std::move(fd));
}

}  // namespace logwood::posix
