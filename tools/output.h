// Output: buffered bytes to a file or pipe, usually standard output.
//
//   Output out(STDOUT_FILENO);
//   while (it->Valid() && out.open()) { out.Append(it->key()); out.Append("\n"); it->Next(); }
//   return out.Finish(ExitCode::kOk);
//
// A reader that goes away closes the output quietly: open() turns false, and Finish still answers
// what it is given. Any other failed write is an error that Finish prints. One thread at a time.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "logwood/status.h"
#include "tools/exit_code.h"
#include "tools/replacement.h"

namespace logwood::tools {

inline constexpr size_t kOutputBufferBytes = 256 * 1024;

class Output {
 public:
  // Borrows the descriptor.
  explicit Output(int descriptor) : descriptor_(descriptor) {}
  // "-" and /dev/stdout are standard output. A pipe or a device is written itself; any other file
  // is written beside its place, which it takes when Finish is given kOk and loses no byte.
  static Result<std::unique_ptr<Output>> Create(const std::string& path);
  // Whether Create writes beside the file's place: then an interrupt has to be caught
  // (interrupt.h), or what is there is left.
  static bool Replaces(const std::string& path);
  ~Output();
  Output(const Output&) = delete;
  Output& operator=(const Output&) = delete;

  void Append(std::string_view bytes) {
    buffer_.append(bytes);
    if (buffer_.size() >= kOutputBufferBytes) Flush();
  }
  // Where a formatter may append in place; call MaybeFlush afterwards.
  std::string* buffer() { return &buffer_; }
  void MaybeFlush() {
    if (buffer_.size() >= kOutputBufferBytes) Flush();
  }
  void Flush();

  // False once nothing more can arrive; callers stop then.
  bool open() const { return open_; }
  // Flushes, syncs what Create opened, and closes. `code`, or kIo where bytes were lost for another
  // reason than a reader that left.
  ExitCode Finish(ExitCode code);

 private:
  void WriteAll(std::string_view bytes);

  int descriptor_;
  std::unique_ptr<Replacement> replacement_;  // null: the descriptor is of what is written
  bool owned_ = false;
  bool open_ = true;
  std::string path_ = "standard output";
  std::string buffer_;
  Status status_;
};

// True where the file, there or not, is in `directory` or below it, whatever links and dots lead
// there, or is a second name of a file in it.
bool LiesIn(const std::string& file, const std::string& directory);

// Writes a short report to standard output.
ExitCode Print(std::string_view text, ExitCode code = ExitCode::kOk);

}  // namespace logwood::tools
