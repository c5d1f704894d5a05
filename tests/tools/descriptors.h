// Descriptors for tests of what speaks to the kernel itself: pipes, and files in place of the
// standard ones.
#pragma once

#include <fcntl.h>
#include <unistd.h>

#include <filesystem>
#include <iterator>
#include <string>

namespace logwood::tools {

// Both ends of a pipe, closed at the end.
class Pipe {
 public:
  Pipe() {
    if (pipe2(ends_, O_CLOEXEC) != 0) ends_[0] = ends_[1] = -1;
  }
  ~Pipe() {
    CloseReader();
    CloseWriter();
  }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;

  int reader() const { return ends_[0]; }
  int writer() const { return ends_[1]; }
  // A path to open the reading end by.
  std::string path() const { return "/proc/self/fd/" + std::to_string(ends_[0]); }

  void CloseReader() { CloseEnd(0); }
  void CloseWriter() { CloseEnd(1); }
  // At most what a pipe holds, or it waits for ever.
  bool Write(const std::string& bytes) {
    return write(ends_[1], bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size());
  }
  // Everything up to the end; closes the writer first.
  std::string ReadRest() {
    CloseWriter();
    std::string bytes;
    char buffer[4096];
    for (ssize_t got = 0; (got = read(ends_[0], buffer, sizeof(buffer))) > 0;) {
      bytes.append(buffer, static_cast<size_t>(got));
    }
    return bytes;
  }

 private:
  void CloseEnd(int end) {
    if (ends_[end] >= 0) close(ends_[end]);
    ends_[end] = -1;
  }

  int ends_[2] = {-1, -1};
};

// While it lives, `standard` (STDIN_FILENO, ...) is what `stand_in` is.
class Replaced {
 public:
  Replaced(int standard, int stand_in)
      : standard_(standard), kept_(fcntl(standard, F_DUPFD_CLOEXEC, 10)) {
    dup2(stand_in, standard);
  }
  ~Replaced() {
    dup2(kept_, standard_);
    close(kept_);
  }
  Replaced(const Replaced&) = delete;
  Replaced& operator=(const Replaced&) = delete;

 private:
  int standard_;
  int kept_;
};

inline bool IsOpen(int descriptor) { return fcntl(descriptor, F_GETFD) != -1; }

// How many descriptors this process has: the same before and after what closes its own.
inline std::ptrdiff_t OpenDescriptors() {
  return std::distance(std::filesystem::directory_iterator("/proc/self/fd"),
                       std::filesystem::directory_iterator());
}

}  // namespace logwood::tools
