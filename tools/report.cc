#include "tools/report.h"

#include <cstdio>
#include <string>
#include <utility>

#include "tools/shell_word.h"
#include "util/escape.h"

namespace logwood::tools {

void PrintError(std::string_view what, std::string_view where, std::string_view advice) {
  std::string line = "logwood: ";
  line.append(what).append(": ").append(where);
  if (!advice.empty()) line.append("; ").append(advice);
  line.push_back('\n');
  std::fwrite(line.data(), 1, line.size(), stderr);
}

std::string InCommandWords(std::string_view message) {
  constexpr std::pair<std::string_view, std::string_view> kWords[] = {
      {" (create_if_missing is false)", ""},        {" (error_if_exists is true)", ""},
      {"options: memory_budget_bytes", "--memory"}, {"memory_budget_bytes", "--memory"},
      {"kKeyBytesMax = ", "the limit of "},         {"kBatchBytesMax = ", "the limit of "},
  };
  std::string text(message);
  for (const auto& [from, to] : kWords) {
    for (size_t at = text.find(from); at != std::string::npos; at = text.find(from, at)) {
      text.replace(at, from.size(), to);
      at += to.size();
    }
  }
  return text;
}

std::string CheckAdvice(std::string_view directory) {
  return "`logwood check " + ShellPath(directory) + "` lists every damage";
}

std::string SalvageCommand(std::string_view directory) {
  return "`logwood salvage " + ShellPath(directory) + " NEWDIR`";
}

std::string AdviceFor(StatusCode code, std::string_view directory) {
  switch (code) {
    case StatusCode::kCorruption:
      return directory.empty() ? "" : CheckAdvice(directory);
    case StatusCode::kNoSpace:
      return "make room on the disk and run it again";
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
    case StatusCode::kConflict:
      return ExitCode::kConflict;
    case StatusCode::kCorruption:
    case StatusCode::kIoError:
    case StatusCode::kNoSpace:
    case StatusCode::kBusy:
    case StatusCode::kReadOnly:
    case StatusCode::kNotSupported:
      return ExitCode::kIo;
    default:
      return ExitCode::kProblem;
  }
}

bool IsInUse(const Status& status) {
  const auto says = [&status](const char* what) {
    return status.message().find(what) != std::string_view::npos;
  };
  return status.Is(StatusCode::kBusy) &&
         (says(": somebody else holds it") || says(": it is removed and made again") ||
          says(": a writer removes files"));
}

ExitCode Fail(std::string_view what, const Status& status, std::string_view advice) {
  const std::string_view message =
      status.message().empty() ? StatusCodeName(status.code()) : status.message();
  std::string hint = advice.empty() ? AdviceFor(status.code()) : std::string(advice);
  if (hint.empty() && message.find("Permission denied") != std::string_view::npos) {
    hint = "give this user the right to it, or be another one";
  }
  PrintError(what, InCommandWords(message), hint);
  return ExitCodeFor(status.code());
}

}  // namespace logwood::tools
