// Lock files: open file description locks (fcntl(2), F_OFD_SETLK).
//
// Two opens of one file in one process conflict like those of two processes, and closing an
// unrelated descriptor of the file releases nothing - both unlike the older process-wide locks.
// What they share with fork is cured here: a child would inherit the description and keep the lock
// after its parent died, so the child's copies are closed as it begins. It then holds nothing, and
// is refused as long as the parent lives.
#include <fcntl.h>
#include <pthread.h>
#include <unistd.h>

#include <cerrno>
#include <set>
#include <utility>

#include "util/check.h"
#include "util/posix_internal.h"
#include "util/status_macros.h"
#include "util/sync.h"

namespace logwood::posix {

namespace {

// The descriptors of the locks this process holds.
struct HeldLocks {
  Mutex mutex;
  std::set<int> descriptors GUARDED_BY(mutex);
};

HeldLocks& Held() {
  static HeldLocks* const held = new HeldLocks;  // never destroyed: a fork may come at exit
  return *held;
}

// Around fork the mutex is held, so that the child finds a table that is whole.
void BeforeFork() NO_THREAD_SAFETY_ANALYSIS { Held().mutex.Lock(); }
void AfterForkInParent() NO_THREAD_SAFETY_ANALYSIS { Held().mutex.Unlock(); }
void AfterForkInChild() NO_THREAD_SAFETY_ANALYSIS {
  // Plain close: it drops the child's reference, the parent's lock stays. The numbers remain in the
  // set (a child of a process with threads must not free memory); their locks know they are dead by
  // the process id.
  for (const int fd : Held().descriptors) ::close(fd);
  Held().mutex.Unlock();
}

struct flock WholeFile(decltype(flock::l_type) type) {
  struct flock range = {};
  range.l_type = type;
  range.l_whence = SEEK_SET;
  return range;
}

class PosixFileLock final : public FileLock {
 public:
  PosixFileLock(int fd, pid_t holder) : fd_(fd), holder_(holder) {}
  ~PosixFileLock() override {
    if (::getpid() != holder_) return;  // a child's copy: the descriptor was closed at the fork
    HeldLocks& held = Held();
    MutexLock lock(held.mutex);
    held.descriptors.erase(fd_);
    // Unlocks the description itself: closing would wait for a child that was just forked and has
    // not yet closed its copy. Neither call can fail on a descriptor that is open.
    struct flock whole_file = WholeFile(F_UNLCK);
    ::fcntl(fd_, F_OFD_SETLK, &whole_file);
    ::close(fd_);
  }

 private:
  const int fd_;
  const pid_t holder_;
};

}  // namespace

Result<std::unique_ptr<FileLock>> Lock(const std::string& path, LockMode mode) {
  static const int registered = ::pthread_atfork(BeforeFork, AfterForkInParent, AfterForkInChild);
  CHECK(registered == 0);
  const bool exclusive = mode == LockMode::kExclusive;
  HeldLocks& held = Held();
  // Held over the system calls, which do not block: a fork in between would leak the descriptor
  // into the child.
  MutexLock lock(held.mutex);
  ASSIGN_OR_RETURN(Descriptor fd, Open(path, exclusive ? O_RDWR | O_CREAT : O_RDONLY));
  struct flock whole_file = WholeFile(exclusive ? F_WRLCK : F_RDLCK);
  if (Uninterrupted([&] { return ::fcntl(fd.get(), F_OFD_SETLK, &whole_file); }) != 0) {
    if (errno == EAGAIN || errno == EACCES) {
      return Status::Busy("lock " + path + ": somebody else holds it");
    }
    return ErrorFromErrno("lock", path, errno);
  }
  held.descriptors.insert(fd.get());
  return std::make_unique<PosixFileLock>(fd.Release(), ::getpid());
}

}  // namespace logwood::posix
