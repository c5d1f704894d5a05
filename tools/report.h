// Error messages, all of one shape, on standard error:
//
//   logwood: <what>: <where>; <what to do>
#pragma once

#include <string>
#include <string_view>

#include "logwood/status.h"
#include "tools/exit_code.h"

namespace logwood::tools {

// Prints one message. `advice` may be empty.
void PrintError(std::string_view what, std::string_view where, std::string_view advice = "");

// A message of the library in the words of the command line: its options instead of the interface's
// names.
std::string InCommandWords(std::string_view message);

// What a person can do about a status; empty where nothing general can be said. `directory` is that
// of the database concerned; empty: no database is.
std::string AdviceFor(StatusCode code, std::string_view directory = "");
// "`logwood check DIR` lists every damage", with the directory's own name.
std::string CheckAdvice(std::string_view directory);
// "`logwood salvage DIR NEWDIR`"; what that does is the caller's sentence.
std::string SalvageCommand(std::string_view directory);
ExitCode ExitCodeFor(StatusCode code);
// A directory in use is kBusy, as memory and threads are that the system has not
// (docs/invariants.md, 28 and 29); only the message tells them apart.
bool IsInUse(const Status& status);

// Prints `what: message; advice` and says how to exit. An empty `advice` means AdviceFor.
ExitCode Fail(std::string_view what, const Status& status, std::string_view advice = "");

}  // namespace logwood::tools
