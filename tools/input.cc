#include "tools/input.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "tools/interrupt.h"
#include "util/status_macros.h"

namespace logwood::tools {

Input::Input(int descriptor, bool owned, std::string name)
    : descriptor_(descriptor), owned_(owned), name_(std::move(name)) {}

Input::~Input() {
  if (owned_) close(descriptor_);
}

Result<std::unique_ptr<Input>> Input::Open(const std::string& path) {
  int descriptor = STDIN_FILENO;
  if (path != "-") {
    descriptor = open64(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (descriptor < 0) return Status::IoError(path + ": " + std::strerror(errno));
  }
  std::unique_ptr<Input> input(
      new Input(descriptor, path != "-", path == "-" ? "standard input" : path));
  struct stat about = {};
  if (fstat(descriptor, &about) == 0) {
    if (S_ISDIR(about.st_mode)) return Status::IoError(input->name_ + ": Is a directory");
    if (S_ISREG(about.st_mode)) {
      input->size_ = static_cast<uint64_t>(about.st_size);
      // A hint only; whether the kernel takes it does not matter.
      static_cast<void>(posix_fadvise(descriptor, 0, 0, POSIX_FADV_SEQUENTIAL));
    }
  }
  return input;
}

Result<size_t> Input::Read(char* buffer, size_t size) {
  while (!Interrupted()) {
    const ssize_t got = read(descriptor_, buffer, size);
    if (got >= 0) return static_cast<size_t>(got);
    if (errno != EINTR) return Status::IoError(name_ + ": " + std::strerror(errno));
  }
  return Status::Cancelled(name_ + ": interrupted");
}

Result<std::string> Input::ReadAll(size_t bytes_max) {
  std::string bytes;
  size_t used = 0;
  while (true) {
    bytes.resize(used + 64 * 1024);
    ASSIGN_OR_RETURN(const size_t got, Read(bytes.data() + used, bytes.size() - used));
    if (got == 0) break;
    used += got;
    if (used > bytes_max) {
      return Status::InvalidArgument(name_ + ": more than " + std::to_string(bytes_max) + " bytes");
    }
  }
  bytes.resize(used);
  return bytes;
}

}  // namespace logwood::tools
