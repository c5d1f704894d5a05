#include "tools/output.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "tools/report.h"

namespace logwood::tools {

// Pipes and terminals are not what FileSystem is for: this file and input.cc are the two that speak
// to the kernel themselves.

Result<std::unique_ptr<Output>> Output::Create(const std::string& path) {
  if (path == "-") return std::make_unique<Output>(STDOUT_FILENO);
  const int descriptor = open64(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (descriptor < 0) return Status::IoError(path + ": " + std::strerror(errno));
  auto output = std::make_unique<Output>(descriptor);
  output->owned_ = true;
  output->path_ = path;
  return output;
}

Output::~Output() {
  if (owned_) close(descriptor_);
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
    if (close(descriptor_) != 0 && status_.ok()) {
      status_ = Status::IoError(path_ + ": " + std::strerror(errno));
    }
  }
  open_ = false;
  return status_.ok() ? code : Fail("cannot write", status_);
}

ExitCode Print(std::string_view text, ExitCode code) {
  Output out(STDOUT_FILENO);
  out.Append(text);
  return out.Finish(code);
}

}  // namespace logwood::tools
