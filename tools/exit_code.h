// What the command tells the shell. Documented in docs/guide/command.md.
#pragma once

namespace logwood::tools {

enum class ExitCode : int {
  kOk = 0,
  kProblem = 1,   // found nothing, or a problem with what was asked for: a bad line
  kUsage = 2,     // the command line is wrong
  kIo = 3,        // nothing could be read or written: the file system said no, bytes on disk are
                  // damaged, another process has the directory, or there is no memory
  kConflict = 4,  // the condition of a write does not hold; nothing is changed
  kInterrupted = 130  // stopped by Ctrl-C: 128 + SIGINT, as shells have it
};

}  // namespace logwood::tools
