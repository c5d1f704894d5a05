// What the command tells the shell. Documented in docs/guide/command.md.
#pragma once

namespace logwood::tools {

enum class ExitCode : int {
  kOk = 0,
  kProblem = 1,  // found nothing, or a problem that is not the disk's: a bad line, a busy directory
  kUsage = 2,    // the command line is wrong
  kIo = 3,       // the file system said no, or bytes on disk are damaged
  kInterrupted = 130  // stopped by Ctrl-C: 128 + SIGINT, as shells have it
};

}  // namespace logwood::tools
