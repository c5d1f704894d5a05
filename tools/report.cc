#include "tools/report.h"

#include <cstdio>
#include <string>

#include "util/escape.h"

namespace logwood::tools {

void PrintError(std::string_view what, std::string_view where, std::string_view advice) {
  std::string line = "logwood: ";
  line.append(what).append(": ").append(where);
  if (!advice.empty()) line.append("; ").append(advice);
  line.push_back('\n');
  std::fwrite(line.data(), 1, line.size(), stderr);
}

std::string_view AdviceFor(StatusCode code) {
  switch (code) {
    case StatusCode::kCorruption:
      return "`logwood check DIR` lists every damage";
    case StatusCode::kNoSpace:
      return "make room on the disk and run it again";
    case StatusCode::kBusy:
      return "another process has the directory open; end it, or wait for it";
    case StatusCode::kNotSupported:
      return "a newer logwood wrote this; use that one";
    case StatusCode::kReadOnly:
      return "the database stopped accepting writes after a failed sync; open it again";
    default:
      return "";
  }
}

ExitCode ExitCodeFor(StatusCode code) {
  switch (code) {
    case StatusCode::kOk:
      return ExitCode::kOk;
    case StatusCode::kInvalidArgument:
      return ExitCode::kUsage;
    case StatusCode::kCorruption:
    case StatusCode::kIoError:
    case StatusCode::kNoSpace:
    case StatusCode::kReadOnly:
    case StatusCode::kNotSupported:
      return ExitCode::kIo;
    default:
      return ExitCode::kProblem;
  }
}

ExitCode Fail(std::string_view what, const Status& status, std::string_view advice) {
  PrintError(what, status.message().empty() ? StatusCodeName(status.code()) : status.message(),
             advice.empty() ? AdviceFor(status.code()) : advice);
  return ExitCodeFor(status.code());
}

}  // namespace logwood::tools
