// Lock files: open file description locks (fcntl(2), F_OFD_SETLK), and with each a lock (flock(2))
// of the directory that it lies in: a lock file that somebody removes takes the first with it.
//
// Two opens of one file in one process conflict like those of two processes, and closing an
// unrelated descriptor of the file releases nothing - both unlike the older process-wide locks.
// What they share with fork is cured here: a child would inherit the description and keep the lock
// after its parent died, so the child's copies are closed as it begins. It then holds nothing, and
// is refused as long as the parent lives.
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "util/fork_watch.h"
#include "util/posix_internal.h"
#include "util/status_macros.h"

namespace logwood::posix {

namespace {

constexpr int kAttemptsMax = 10;

struct flock WholeFile(decltype(flock::l_type) type) {
  struct flock range = {};
  range.l_type = type;
  range.l_whence = SEEK_SET;
  return range;
}

Status HeldBySomebody(const std::string& path) {
  return Status::Busy("lock " + path + ": somebody else holds it");
}

// No descriptor where the file system has no such locks, or the directory may not be read.
Result<Descriptor> LockDirectoryOf(const std::string& path, bool exclusive) {
  const std::string parent = ParentOf(path);
  if (::access(parent.c_str(), R_OK) != 0) return Descriptor();
  ASSIGN_OR_RETURN(Descriptor directory, Open(parent, O_RDONLY | O_DIRECTORY));
  const int operation = (exclusive ? LOCK_EX : LOCK_SH) | LOCK_NB;
  if (Uninterrupted([&] { return ::flock(directory.get(), operation); }) == 0) return directory;
  if (errno == EWOULDBLOCK) return HeldBySomebody(path);
  return Descriptor();
}

class PosixFileLock final : public FileLock {
 public:
  PosixFileLock(const ForkLock& held, int fd, int directory_fd)
      : fd_(fd),
        directory_fd_(directory_fd),
        watch_(
            held, [](void* self) { static_cast<PosixFileLock*>(self)->LetGo(); }, this) {}
  ~PosixFileLock() override {
    // Together, or a child forked in between would close whatever has that number by then.
    const ForkLock held;
    watch_.End(held);
    if (fd_ < 0) return;  // in a child
    // Unlocks the description itself: closing would wait for a child that was just forked and has
    // not yet closed its copy. Neither call can fail on a descriptor that is open.
    struct flock whole_file = WholeFile(F_UNLCK);
    ::fcntl(fd_, F_OFD_SETLK, &whole_file);
    ::close(fd_);
    if (directory_fd_ < 0) return;
    ::flock(directory_fd_, LOCK_UN);
    ::close(directory_fd_);
  }

 private:
  // Plain close: it drops the child's reference, the parent's lock stays.
  void LetGo() {
    ::close(fd_);
    if (directory_fd_ >= 0) ::close(directory_fd_);
    fd_ = directory_fd_ = -1;
  }

  int fd_;
  int directory_fd_;  // -1: none
  ForkWatch watch_;
};

}  // namespace

bool StillNames(const std::string& path, const Descriptor& fd) {
  struct stat named;
  struct stat open;
  return Uninterrupted([&] { return ::stat(path.c_str(), &named); }) == 0 &&
         Uninterrupted([&] { return ::fstat(fd.get(), &open); }) == 0 &&
         named.st_dev == open.st_dev && named.st_ino == open.st_ino;
}

Result<std::unique_ptr<FileLock>> Lock(const std::string& path, LockMode mode) {
  const bool exclusive = mode == LockMode::kExclusive;
  // Held over the system calls, which do not block: a fork in between would leak the descriptor
  // into the child.
  const ForkLock no_fork;
  ASSIGN_OR_RETURN(Descriptor directory, LockDirectoryOf(path, exclusive));
  for (int attempt = 0; attempt < kAttemptsMax; ++attempt) {
    ASSIGN_OR_RETURN(Descriptor fd, Open(path, exclusive ? O_RDWR | O_CREAT : O_RDONLY));
    struct flock whole_file = WholeFile(exclusive ? F_WRLCK : F_RDLCK);
    if (Uninterrupted([&] { return ::fcntl(fd.get(), F_OFD_SETLK, &whole_file); }) != 0) {
      if (errno == EAGAIN || errno == EACCES) {
        return HeldBySomebody(path);
      }
      return ErrorFromErrno("lock", path, errno);
    }
    // Somebody may have removed the file between our open and our lock (DB::Destroy does): then the
    // next one to come makes another file of that name, and would lock that.
    if (StillNames(path, fd)) {
      return std::make_unique<PosixFileLock>(no_fork, fd.Release(), directory.Release());
    }
  }
  return Status::Busy("lock " + path + ": it is removed and made again and again");
}

}  // namespace logwood::posix
