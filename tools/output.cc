#include "tools/output.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <utility>

#include "tools/report.h"
#include "util/status_macros.h"

namespace logwood::tools {

// Pipes and terminals are not what FileSystem is for: this file, replacement.cc and input.cc are
// the three that speak to the kernel themselves.

namespace {

bool IsStandardOutput(const std::string& path) { return path == "-" || path == "/dev/stdout"; }

}  // namespace

bool Output::Replaces(const std::string& path) {
  return !IsStandardOutput(path) && Replacement::Fits(path);
}

Result<std::unique_ptr<Output>> Output::Create(const std::string& path) {
  if (IsStandardOutput(path)) return std::make_unique<Output>(STDOUT_FILENO);
  if (Replaces(path)) {
    ASSIGN_OR_RETURN(std::unique_ptr<Replacement> file, Replacement::Create(path));
    auto output = std::make_unique<Output>(file->descriptor());
    output->replacement_ = std::move(file);
    output->path_ = path;
    return output;
  }
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
  if (replacement_ != nullptr) {
    if (status_.ok() && code == ExitCode::kOk) status_ = replacement_->Commit();
    replacement_ = nullptr;
  }
  if (owned_) {
    owned_ = false;
    const bool synced =
        fsync(descriptor_) == 0 || errno == EINVAL || errno == EROFS;  // not all can
    const int error = errno;
    const bool closed = close(descriptor_) == 0;
    if (status_.ok() && !(synced && closed)) {
      status_ = Status::IoError(path_ + ": " + std::strerror(synced ? errno : error));
    }
  }
  open_ = false;
  return status_.ok() ? code : Fail("cannot write", status_);
}

bool LiesIn(const std::string& file, const std::string& directory) {
  std::error_code error;
  // One of its files may have a second name elsewhere.
  if (std::filesystem::is_regular_file(file, error)) {
    for (const auto& entry : std::filesystem::directory_iterator(directory, error)) {
      if (std::filesystem::equivalent(entry.path(), file, error)) return true;
    }
  }
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
