// Input: a file or a pipe to read from beginning to end.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "logwood/status.h"

namespace logwood::tools {

class Input {
 public:
  // "-" is standard input.
  static Result<std::unique_ptr<Input>> Open(const std::string& path);
  ~Input();
  Input(const Input&) = delete;
  Input& operator=(const Input&) = delete;

  // Up to `size` bytes; 0 at the end. kCancelled when a signal came while waiting (interrupt.h).
  Result<size_t> Read(char* buffer, size_t size);
  // Everything that is left, at most `bytes_max` (more is kInvalidArgument).
  Result<std::string> ReadAll(size_t bytes_max);

  // For messages: the path as given, or "standard input".
  const std::string& name() const { return name_; }
  // The file's size; 0 for pipes.
  uint64_t size() const { return size_; }

 private:
  Input(int descriptor, bool owned, std::string name);

  int descriptor_;
  bool owned_;
  std::string name_;
  uint64_t size_ = 0;
};

}  // namespace logwood::tools
