#include "tools/replacement.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <system_error>

#include "util/status_macros.h"

namespace logwood::tools {

namespace {

// As many as the kernel follows.
constexpr int kLinksMax = 40;
// Some may be of files that killed processes of the same number left.
constexpr int kNamesMax = 1000;
constexpr size_t kNameBytesMax = 255;
constexpr mode_t kPermissions = 0777;

// Links there lead to open files, whose names may be gone.
bool IsInProc(const std::filesystem::path& file) {
  std::error_code error;
  const std::filesystem::path directory = std::filesystem::canonical(DirectoryOf(file), error);
  return directory == "/proc" || directory.native().starts_with("/proc/");
}

// Not all can be synced.
bool Sync(int descriptor) { return fsync(descriptor) == 0 || errno == EINVAL || errno == EROFS; }

}  // namespace

std::filesystem::path DirectoryOf(const std::filesystem::path& file) {
  return file.has_parent_path() ? file.parent_path() : std::filesystem::path(".");
}

std::filesystem::path BehindLinks(std::filesystem::path file) {
  std::error_code error;
  for (int i = 0; i < kLinksMax && std::filesystem::is_symlink(file, error); ++i) {
    const std::filesystem::path to = std::filesystem::read_symlink(file, error);
    if (error) break;
    file = DirectoryOf(file) / to;
  }
  return file;
}

bool Replacement::Fits(const std::string& path) {
  std::filesystem::path file = path;
  if (!file.has_filename()) return false;
  std::error_code error;
  const std::filesystem::file_type type = std::filesystem::status(file, error).type();
  if (type != std::filesystem::file_type::regular &&
      type != std::filesystem::file_type::not_found) {
    return false;
  }
  for (int i = 0; i < kLinksMax && std::filesystem::is_symlink(file, error); ++i) {
    if (IsInProc(file)) return false;
    file = DirectoryOf(file) / std::filesystem::read_symlink(file, error);
  }
  return file.has_filename() && !IsInProc(file);
}

Result<std::unique_ptr<Replacement>> Replacement::Create(const std::string& path) {
  std::unique_ptr<Replacement> file(new Replacement(path));
  struct stat old = {};
  if (stat(file->target_.c_str(), &old) != 0) {
    if (errno != ENOENT) return file->Error(errno);
    RETURN_IF_ERROR(file->Open(0666));
    return file;
  }
  // A file that may not be written is not to be replaced, either.
  if (faccessat(AT_FDCWD, file->target_.c_str(), W_OK, AT_EACCESS) != 0) return file->Error(errno);
  RETURN_IF_ERROR(file->Open(0600, "no file can be made beside it: "));
  // Only the administrator may give a file away; a group, its members. Where neither may, no group
  // has rights, and nobody more than the old one's group had: its members are anybody now.
  mode_t mode = old.st_mode & kPermissions;
  const bool given = fchown(file->descriptor_, old.st_uid, old.st_gid) == 0 ||
                     fchown(file->descriptor_, static_cast<uid_t>(-1), old.st_gid) == 0;
  if (!given) mode &= S_IRWXU | ((old.st_mode & S_IRWXG) >> 3);
  static_cast<void>(fchmod(file->descriptor_, mode));
  return file;
}

Replacement::~Replacement() {
  if (descriptor_ >= 0) close(descriptor_);
  if (!temporary_.empty()) unlink(temporary_.c_str());
}

Status Replacement::Open(unsigned mode, const char* what) {
  const std::string name = target_.filename();
  for (int i = 0; i < kNamesMax; ++i) {
    const std::string ending = ".tmp-" + std::to_string(getpid()) + "-" + std::to_string(i);
    const std::string file =
        DirectoryOf(target_) / (name.substr(0, kNameBytesMax - ending.size()) + ending);
    descriptor_ = open64(file.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
    if (descriptor_ >= 0) {
      temporary_ = file;
      return Status::Ok();
    }
    if (errno != EEXIST) break;
  }
  return Error(errno, what);
}

Status Replacement::Error(int error, const char* what) const {
  return Status::IoError(path_ + ": " + what + std::strerror(error));
}

Status Replacement::Commit() {
  if (!Sync(descriptor_)) return Error(errno);
  const int descriptor = descriptor_;
  descriptor_ = -1;
  if (close(descriptor) != 0) return Error(errno);
  // Opened before the rename: what fails leaves the old file.
  const int directory = open64(DirectoryOf(target_).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (directory < 0) return Error(errno, "its directory cannot be synced: ");
  const bool renamed = rename(temporary_.c_str(), target_.c_str()) == 0;
  int error = renamed ? 0 : errno;
  if (renamed) temporary_.clear();
  if (renamed && !Sync(directory)) error = errno;
  close(directory);
  return error == 0 ? Status::Ok() : Error(error);
}

}  // namespace logwood::tools
