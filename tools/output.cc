#include "tools/output.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <utility>

#include "tools/report.h"

namespace logwood::tools {

// Pipes and terminals are not what FileSystem is for: this file and input.cc are the two that speak
// to the kernel themselves.

namespace {

// As many as the kernel follows.
constexpr int kLinksMax = 40;

std::filesystem::path DirectoryOf(const std::filesystem::path& file) {
  return file.has_parent_path() ? file.parent_path() : std::filesystem::path(".");
}

// Where a file is, or would be, behind symbolic links.
std::filesystem::path BehindLinks(std::filesystem::path file) {
  std::error_code error;
  for (int i = 0; i < kLinksMax && std::filesystem::is_symlink(file, error); ++i) {
    const std::filesystem::path to = std::filesystem::read_symlink(file, error);
    if (error) break;
    file = DirectoryOf(file) / to;
  }
  return file;
}

std::string NewNameOf(const std::string& place) { return place + ".new"; }

// A descriptor of this process by its name, such as /dev/stderr, whatever file is behind it.
bool IsDescriptor(const std::string& path) {
  return path == "/dev/stderr" || path.starts_with("/dev/fd/") ||
         path.starts_with("/proc/self/fd/");
}

// What was left by an export that was killed makes room.
int OpenNew(const std::string& name) {
  if (unlink(name.c_str()) != 0 && errno != ENOENT) return -1;
  return open64(name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
}

bool SyncDirectory(const std::filesystem::path& directory) {
  const int descriptor = open64(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0) return false;
  const bool synced = fsync(descriptor) == 0 || errno == EINVAL;  // not all can
  const int error = errno;
  close(descriptor);
  errno = error;
  return synced;
}

}  // namespace

Result<std::unique_ptr<Output>> Output::Create(const std::string& path) {
  if (path == "-" || path == "/dev/stdout") return std::make_unique<Output>(STDOUT_FILENO);
  const auto failed = [&path] { return Status::IoError(path + ": " + std::strerror(errno)); };
  struct stat about = {};
  const bool there = stat(path.c_str(), &about) == 0;
  if (!there && (errno != ENOENT || path.empty())) return failed();
  const bool in_place = there && (!S_ISREG(about.st_mode) || IsDescriptor(path));
  if (!in_place && there && access(path.c_str(), W_OK) != 0) return failed();
  const std::string place = in_place ? "" : BehindLinks(path).string();
  const int descriptor =
      in_place ? open64(path.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC) : OpenNew(NewNameOf(place));
  if (descriptor < 0) return failed();
  auto output = std::make_unique<Output>(descriptor);
  output->owned_ = true;
  output->path_ = path;
  output->place_ = place;
  if (!in_place && there && fchmod(descriptor, about.st_mode & 07777) != 0) return failed();
  return output;
}

Output::~Output() {
  if (!owned_) return;
  close(descriptor_);
  Discard();
}

void Output::Discard() {
  if (!place_.empty()) unlink(NewNameOf(place_).c_str());
  place_.clear();
}

bool Output::PutInPlace() {
  const std::string name = NewNameOf(place_);
  struct stat written = {}, named = {};
  if (fsync(descriptor_) != 0 || fstat(descriptor_, &written) != 0) return false;
  if (lstat(name.c_str(), &named) != 0) return false;
  if (written.st_dev != named.st_dev || written.st_ino != named.st_ino) {
    place_.clear();  // the file of that name is another one's, which began later
    errno = EBUSY;
    return false;
  }
  if (rename(name.c_str(), place_.c_str()) != 0) return false;
  return SyncDirectory(DirectoryOf(std::exchange(place_, "")));
}

void Output::Flush() {
  if (open_) WriteAll(buffer_);
  buffer_.clear();
}

void Output::WriteAll(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = write(descriptor_, bytes.data(), bytes.size());
    if (written < 0) {
      if (errno == EINTR) continue;
      if (errno != EPIPE) status_ = Status::IoError(path_ + ": " + std::strerror(errno));
      open_ = false;
      return;
    }
    bytes.remove_prefix(static_cast<size_t>(written));
  }
}

ExitCode Output::Finish(ExitCode code) {
  Flush();
  if (owned_) {
    owned_ = false;
    const bool whole = code == ExitCode::kOk && status_.ok() && open_;
    bool good = !whole || place_.empty() || PutInPlace();
    const int error = errno;
    if (close(descriptor_) != 0) {
      good = false;
    } else {
      errno = error;
    }
    if (!good && status_.ok()) status_ = Status::IoError(path_ + ": " + std::strerror(errno));
    Discard();
  }
  open_ = false;
  return status_.ok() ? code : Fail("cannot write", status_);
}

bool LiesIn(const std::string& file, const std::string& directory) {
  std::error_code error;
  std::filesystem::path at = std::filesystem::canonical(DirectoryOf(BehindLinks(file)), error);
  if (error) return false;
  while (true) {
    if (std::filesystem::equivalent(at, directory, error)) return true;
    if (at == at.parent_path()) return false;
    at = at.parent_path();
  }
}

ExitCode Print(std::string_view text, ExitCode code) {
  Output out(STDOUT_FILENO);
  out.Append(text);
  return out.Finish(code);
}

}  // namespace logwood::tools
