// liblogwood_faults.so: stands between a program and libc, counts the calls that touch a directory,
// and fails, shortens, interrupts or dies at the one it is told to (fault_plan.h). Only what an
// engine's files go through is here. It must work before the program's own code runs and inside
// any thread, so it allocates nothing.
#include <dirent.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "tests/crash/fault_plan.h"

namespace {

using logwood::test::CallClass;
using logwood::test::FaultReport;
using logwood::test::kCallClasses;
using logwood::test::kCallClassNames;

constexpr uint32_t Bit(CallClass c) { return 1u << static_cast<uint32_t>(c); }
constexpr uint32_t kChange = Bit(CallClass::kChange);
constexpr uint32_t kRead = Bit(CallClass::kRead);
constexpr uint32_t kSync = Bit(CallClass::kSync);
constexpr uint32_t kOpen = Bit(CallClass::kOpen);
constexpr uint32_t kThread = Bit(CallClass::kThread);
constexpr uint32_t kTransfer = Bit(CallClass::kTransfer);

enum class Way : uint8_t { kNone, kError, kInterrupt, kShort, kKill, kTear };

struct Plan {
  const char* under = nullptr;
  size_t under_length = 0;
  uint32_t failing = 0;  // bit of the class
  uint64_t index = 0;    // 0: only count
  Way way = Way::kNone;
  int error = 0;
  bool for_ever = false;
  FaultReport* report = nullptr;
};

FaultReport own_report;  // where nobody asked for one

[[noreturn]] void Refuse(const char* what) {
  std::fprintf(stderr, "liblogwood_faults: %s\n", what);
  _exit(3);
}

void ParseWay(const char* word, Plan* plan) {
  struct Name {
    const char* name;
    Way way;
    int error;
  };
  constexpr Name kNames[] = {{"EIO", Way::kError, EIO},         {"ENOSPC", Way::kError, ENOSPC},
                             {"EDQUOT", Way::kError, EDQUOT},   {"EROFS", Way::kError, EROFS},
                             {"EMFILE", Way::kError, EMFILE},   {"EAGAIN", Way::kError, EAGAIN},
                             {"EINTR", Way::kInterrupt, EINTR}, {"short", Way::kShort, 0},
                             {"kill", Way::kKill, 0},           {"tear", Way::kTear, 0}};
  for (const Name& name : kNames) {
    if (std::strcmp(word, name.name) != 0) continue;
    plan->way = name.way;
    plan->error = name.error;
    return;
  }
  Refuse("LOGWOOD_FAULTS: no such way to fail");
}

void ParseFaults(const char* text, Plan* plan) {
  char name[16], way[16], often[16];
  unsigned long long index = 0;
  if (std::sscanf(text, "%15[^:]:%llu:%15[^:]:%15s", name, &index, way, often) != 4)
    Refuse("LOGWOOD_FAULTS is not CLASS:INDEX:WAY:once|ever");
  for (size_t i = 0; i < kCallClasses; ++i) {
    if (kCallClassNames[i] == name) plan->failing = 1u << i;
  }
  if (plan->failing == 0) Refuse("LOGWOOD_FAULTS: no such class of calls");
  plan->index = index;
  plan->for_ever = std::strcmp(often, "ever") == 0;
  ParseWay(way, plan);
}

template <typename Function>
Function* Real(Function*, const char* name) {
  auto* const found = reinterpret_cast<Function*>(dlsym(RTLD_NEXT, name));
  if (found == nullptr) Refuse(name);
  return found;
}
// The libc's own function of this name.
#define REAL(name)                                  \
  ([] {                                             \
    static auto* const real = Real(&::name, #name); \
    return real;                                    \
  }())

FaultReport* MapReport(const char* path) {
  const int fd = REAL(open)(path, O_RDWR | O_CLOEXEC);
  if (fd < 0) Refuse("LOGWOOD_FAULTS_REPORT cannot be opened");
  void* const memory =
      mmap(nullptr, sizeof(FaultReport), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  REAL(close)(fd);
  if (memory == MAP_FAILED) Refuse("LOGWOOD_FAULTS_REPORT cannot be mapped");
  return static_cast<FaultReport*>(memory);
}

Plan MakePlan() {
  Plan plan;
  plan.under = std::getenv("LOGWOOD_FAULTS_UNDER");
  if (plan.under != nullptr) plan.under_length = std::strlen(plan.under);
  const char* const faults = std::getenv("LOGWOOD_FAULTS");
  if (faults != nullptr && *faults != '\0') ParseFaults(faults, &plan);
  const char* const report = std::getenv("LOGWOOD_FAULTS_REPORT");
  plan.report = report != nullptr ? MapReport(report) : &own_report;
  return plan;
}

Plan& MutablePlan() {
  static Plan plan = MakePlan();
  return plan;
}
const Plan& ThePlan() { return MutablePlan(); }

// What a thread met under the plan of now; another plan begins anew.
std::atomic<uint64_t> plans_made{0};
struct Met {
  uint64_t plan = 0;
  bool sync_failed = false;  // one that ends all acknowledgements
  bool interrupted = false;  // the call before
};
Met& MetHere() {
  thread_local Met met;
  const uint64_t plan = plans_made.load();
  if (met.plan != plan) met = {.plan = plan};
  return met;
}

bool IsOurs(const char* path) {
  const Plan& plan = ThePlan();
  return plan.under != nullptr && path != nullptr &&
         std::strncmp(path, plan.under, plan.under_length) == 0;
}

// Which descriptors are open on files of the directory.
constexpr int kDescriptorsMax = 1 << 16;
std::atomic<bool> tracked[kDescriptorsMax];

bool IsOurs(int fd) { return fd >= 0 && fd < kDescriptorsMax && tracked[fd].load(); }
int Track(int fd, bool ours) {
  if (fd >= 0 && fd < kDescriptorsMax) tracked[fd].store(ours);
  return fd;
}

bool IsLog(int fd) {
  char link[32];
  char target[4096];
  std::snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  const ssize_t size = ::readlink(link, target, sizeof target);
  return size > 4 && std::memcmp(target + size - 4, ".log", 4) == 0;
}

bool IsDirectory(int fd) {
  struct stat info;
  return REAL(fstat)(fd, &info) == 0 && S_ISDIR(info.st_mode);
}

// A full disk is waited for by what is written anew somewhere else: tables and the manifest.
bool EndsAcknowledgements(int fd, int error) {
  return (error != ENOSPC && error != EDQUOT) || IsLog(fd) || IsDirectory(fd);
}

// A line of the probe that acknowledges a batch: "A 7 9 1", "T 2 7 9 1".
bool IsAcknowledgement(int fd, const char* text, size_t size) {
  return fd == STDOUT_FILENO && size > 4 && (*text == 'A' || *text == 'T') && text[size - 3] == ' ';
}

void CountAcknowledgement(FaultReport* report, bool durable) {
  if (durable && report->log_syncs_failed.load() != 0) ++report->durable_after_failed_sync;
  if (MetHere().sync_failed) {
    ++report->acknowledged_by_failed;
  } else if (report->failed_sync_told.load() != 0) {
    ++report->acknowledged_after_told;
  }
}

// One call: counted when it is ours, and what is to become of it.
class Call {
 public:
  // `size`: of a transfer.
  Call(bool ours, uint32_t classes, const char* name, const char* path, int fd = -1,
       size_t size = kHalvesMin)
      : name_(name), path_(path), fd_(fd), size_(size) {
    if (!ours) return;
    const Plan& plan = ThePlan();
    // Who goes on to another call has left the failed one, and told of it whoever asks.
    if (MetHere().sync_failed) plan.report->failed_sync_told = 1;
    for (size_t i = 0; i < kCallClasses; ++i) {
      if ((classes >> i & 1) == 0) continue;
      const uint64_t count = ++plan.report->counts[i];
      if (plan.failing != 1u << i || plan.index == 0) continue;
      if (count == plan.index || (plan.for_ever && count > plan.index)) Meet(plan, classes);
    }
  }

  // To be answered with Error() instead of being made.
  bool fails() const { return way_ == Way::kError || way_ == Way::kInterrupt; }
  bool interrupted() const { return way_ == Way::kInterrupt; }
  int Error() const {
    errno = error_;
    return -1;
  }
  int error() const { return error_; }
  // How much of a transfer is made.
  size_t Part() const {
    const bool whole = (way_ != Way::kShort && way_ != Way::kTear) || size_ < kHalvesMin;
    return whole ? size_ : size_ / 2;
  }
  // Behind a transfer.
  template <typename T>
  T Made(T result) const {
    if (way_ == Way::kTear) Die();
    return result;
  }

 private:
  static constexpr size_t kHalvesMin = 2;  // bytes that have halves
  [[noreturn]] static void Die() {
    kill(getpid(), SIGKILL);
    for (;;) pause();
  }

  void Meet(const Plan& plan, uint32_t classes) {
    if ((plan.way == Way::kShort || plan.way == Way::kTear) && (classes & kTransfer) == 0) return;
    if (plan.way == Way::kShort && size_ < kHalvesMin) {
      ++plan.report->left_whole;
      return;
    }
    if (plan.way == Way::kInterrupt && plan.for_ever) {
      bool& interrupted = MetHere().interrupted;
      interrupted = !interrupted;
      if (!interrupted) return;  // this time it gets through
    }
    way_ = plan.way;
    error_ = plan.error;
    if ((classes & kSync) != 0 && way_ == Way::kError) {
      if (IsLog(fd_)) ++plan.report->log_syncs_failed;
      if (EndsAcknowledgements(fd_, error_)) {
        ++plan.report->ending_syncs_failed;
        MetHere().sync_failed = true;
      }
    }
    if (++plan.report->failed == 1) Tell(plan.report);
    if (way_ == Way::kKill) Die();
  }

  void Tell(FaultReport* report) const {
    char link[32], target[160] = "?";
    const char* shown = path_;
    if (shown == nullptr) {
      std::snprintf(link, sizeof link, "/proc/self/fd/%d", fd_);
      const ssize_t length = readlink(link, target, sizeof target - 1);
      target[length > 0 ? length : 1] = '\0';
      shown = target;
    }
    std::snprintf(report->first, sizeof report->first, "%s %s", name_, shown);
  }

  const char* name_;
  const char* path_;
  int fd_;
  size_t size_;
  Way way_ = Way::kNone;
  int error_ = 0;
};

uint32_t ClassOfOpen(int flags) {
  return kOpen | ((flags & (O_CREAT | O_TRUNC)) != 0 ? kChange : kRead);
}

mode_t ModeOf(int flags, va_list arguments) {
  return (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(arguments, mode_t) : 0;
}

}  // namespace

#define EXPORT extern "C" __attribute__((visibility("default")))

EXPORT FaultReport* logwood_faults_plan(const char* faults) {
  Plan& plan = MutablePlan();
  FaultReport* const report = plan.report;
  plan = {.under = plan.under, .under_length = plan.under_length, .report = report};
  if (*faults != '\0') ParseFaults(faults, &plan);
  for (auto& count : report->counts) count = 0;
  report->failed = 0;
  report->left_whole = 0;
  report->log_syncs_failed = 0;
  report->ending_syncs_failed = 0;
  report->durable_after_failed_sync = 0;
  report->acknowledged_by_failed = 0;
  report->failed_sync_told = 0;
  report->acknowledged_after_told = 0;
  report->first[0] = '\0';
  ++plans_made;
  return report;
}

// ---- Descriptors.

#define DEFINE_OPEN(name)                                            \
  EXPORT int name(const char* path, int flags, ...) {                \
    va_list arguments;                                               \
    va_start(arguments, flags);                                      \
    const mode_t mode = ModeOf(flags, arguments);                    \
    va_end(arguments);                                               \
    const Call call(IsOurs(path), ClassOfOpen(flags), "open", path); \
    if (call.fails()) return call.Error();                           \
    return Track(REAL(name)(path, flags, mode), IsOurs(path));       \
  }
DEFINE_OPEN(open)
DEFINE_OPEN(open64)

#define DEFINE_OPENAT(name)                                          \
  EXPORT int name(int directory, const char* path, int flags, ...) { \
    va_list arguments;                                               \
    va_start(arguments, flags);                                      \
    const mode_t mode = ModeOf(flags, arguments);                    \
    va_end(arguments);                                               \
    const bool ours = IsOurs(path) || IsOurs(directory);             \
    const Call call(ours, ClassOfOpen(flags), "openat", path);       \
    if (call.fails()) return call.Error();                           \
    return Track(REAL(name)(directory, path, flags, mode), ours);    \
  }
DEFINE_OPENAT(openat)
DEFINE_OPENAT(openat64)

EXPORT int close(int fd) {
  const bool ours = IsOurs(fd);
  const Call call(ours, kChange, "close", nullptr, fd);
  Track(fd, false);  // before another thread gets the number
  const int result = REAL(close)(fd);
  return call.fails() ? call.Error() : result;  // closed either way, as on Linux
}

#define DEFINE_FCNTL(name)                                                             \
  EXPORT int name(int fd, int command, ...) {                                          \
    va_list arguments;                                                                 \
    va_start(arguments, command);                                                      \
    void* const argument = va_arg(arguments, void*);                                   \
    va_end(arguments);                                                                 \
    const bool copies = command == F_DUPFD || command == F_DUPFD_CLOEXEC;              \
    const Call call(IsOurs(fd), copies ? kOpen | kRead : kRead, "fcntl", nullptr, fd); \
    if (call.fails()) return call.Error();                                             \
    const int result = REAL(name)(fd, command, argument);                              \
    return copies ? Track(result, IsOurs(fd)) : result;                                \
  }
DEFINE_FCNTL(fcntl)
DEFINE_FCNTL(fcntl64)

// ---- Bytes.

EXPORT ssize_t read(int fd, void* bytes, size_t size) {
  const Call call(IsOurs(fd), kRead | kTransfer, "read", nullptr, fd, size);
  if (call.fails()) return call.Error();
  return call.Made(REAL(read)(fd, bytes, call.Part()));
}

EXPORT ssize_t write(int fd, const void* bytes, size_t size) {
  const auto* const text = static_cast<const char*>(bytes);
  if (IsAcknowledgement(fd, text, size)) {
    CountAcknowledgement(ThePlan().report, text[size - 2] == '1');
  }
  const Call call(IsOurs(fd), kChange | kTransfer, "write", nullptr, fd, size);
  if (call.fails()) return call.Error();
  return call.Made(REAL(write)(fd, bytes, call.Part()));
}

#define DEFINE_TRANSFER_AT(name, kind, Pointer)                              \
  EXPORT ssize_t name(int fd, Pointer bytes, size_t size, off_t offset) {    \
    const Call call(IsOurs(fd), kind | kTransfer, #name, nullptr, fd, size); \
    if (call.fails()) return call.Error();                                   \
    return call.Made(REAL(name)(fd, bytes, call.Part(), offset));            \
  }
DEFINE_TRANSFER_AT(pread, kRead, void*)
DEFINE_TRANSFER_AT(pread64, kRead, void*)
DEFINE_TRANSFER_AT(pwrite, kChange, const void*)
DEFINE_TRANSFER_AT(pwrite64, kChange, const void*)

// `parameters` and `arguments` in brackets; the call concerns `fd` or `path`.
#define DEFINE_ON_FD(name, classes, parameters, arguments)    \
  EXPORT int name parameters {                                \
    const Call call(IsOurs(fd), classes, #name, nullptr, fd); \
    if (call.fails()) return call.Error();                    \
    return REAL(name) arguments;                              \
  }
#define DEFINE_ON_PATH(name, classes, parameters, arguments) \
  EXPORT int name parameters {                               \
    const Call call(IsOurs(path), classes, #name, path);     \
    if (call.fails()) return call.Error();                   \
    return REAL(name) arguments;                             \
  }
DEFINE_ON_FD(fsync, kChange | kSync, (int fd), (fd))
DEFINE_ON_FD(fdatasync, kChange | kSync, (int fd), (fd))
DEFINE_ON_FD(ftruncate, kChange, (int fd, off_t size), (fd, size))
DEFINE_ON_FD(ftruncate64, kChange, (int fd, off_t size), (fd, size))
DEFINE_ON_FD(fallocate, kChange, (int fd, int mode, off_t at, off_t size), (fd, mode, at, size))
DEFINE_ON_FD(fallocate64, kChange, (int fd, int mode, off_t at, off_t size), (fd, mode, at, size))
DEFINE_ON_FD(fstat, kRead, (int fd, struct stat* info) noexcept, (fd, info))
DEFINE_ON_FD(fstat64, kRead, (int fd, struct stat64* info) noexcept, (fd, info))

EXPORT int posix_fallocate(int fd, off_t at, off_t size) {
  const Call call(IsOurs(fd), kChange, "posix_fallocate", nullptr, fd);
  return call.fails() ? call.error() : REAL(posix_fallocate)(fd, at, size);
}

// ---- Names.

DEFINE_ON_PATH(unlink, kChange, (const char* path) noexcept, (path))
DEFINE_ON_PATH(remove, kChange, (const char* path) noexcept, (path))
DEFINE_ON_PATH(rmdir, kChange, (const char* path) noexcept, (path))
DEFINE_ON_PATH(mkdir, kChange, (const char* path, mode_t mode) noexcept, (path, mode))
DEFINE_ON_PATH(truncate, kChange, (const char* path, off_t size) noexcept, (path, size))
DEFINE_ON_PATH(rename, kChange, (const char* from, const char* path) noexcept, (from, path))
DEFINE_ON_PATH(link, kChange, (const char* from, const char* path) noexcept, (from, path))
DEFINE_ON_PATH(stat, kRead, (const char* path, struct stat* info) noexcept, (path, info))
DEFINE_ON_PATH(stat64, kRead, (const char* path, struct stat64* info) noexcept, (path, info))
DEFINE_ON_PATH(statvfs, kRead, (const char* path, struct statvfs* info) noexcept, (path, info))

EXPORT DIR* opendir(const char* path) {
  const Call call(IsOurs(path), kRead | kOpen, "opendir", path);
  if (call.fails()) {
    call.Error();
    return nullptr;
  }
  DIR* const stream = REAL(opendir)(path);
  if (stream != nullptr) Track(dirfd(stream), IsOurs(path));
  return stream;
}

EXPORT int closedir(DIR* stream) {
  Track(dirfd(stream), false);
  return REAL(closedir)(stream);
}

EXPORT struct dirent* readdir(DIR* stream) {
  const int fd = dirfd(stream);
  const Call call(IsOurs(fd), kRead, "readdir", nullptr, fd);
  if (!call.fails()) return REAL(readdir)(stream);
  call.Error();
  return nullptr;
}

// ---- Threads: of the whole program, as a process that may have no more.

EXPORT int pthread_create(pthread_t* thread, const pthread_attr_t* attributes,
                          void* (*start)(void*), void* argument) noexcept {
  const Call call(true, kThread, "pthread_create", "");
  return call.fails() ? call.error() : REAL(pthread_create)(thread, attributes, start, argument);
}
