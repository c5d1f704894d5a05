// ChildProcess: runs a program, reads what it prints, kills it.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

namespace logwood::test {

class ChildProcess {
 public:
  struct Settings {
    std::vector<std::string> environment = {};  // NAME=value, beside what this process has
    unsigned ends_after_seconds = 0;            // by SIGALRM; 0: never. For what must not hang
    bool discard_errors = false;                // its standard error
  };
  // Starts `arguments[0]` with its standard output into a pipe. Ends the program when it cannot.
  explicit ChildProcess(const std::vector<std::string>& arguments);
  ChildProcess(const std::vector<std::string>& arguments, const Settings& settings);
  // Kills it when it still runs.
  ~ChildProcess();
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  // The next line without its end; false at the end of the output. Waits.
  bool ReadLine(std::string* line);
  // The same, but does not wait: false also when nothing whole has been printed by now.
  bool ReadLineThatIsThere(std::string* line);
  // SIGKILL. What it printed before can still be read.
  void Kill();
  // Waits for its end. The exit status, or 128 + the signal it died of.
  int Wait();

 private:
  pid_t pid_ = -1;
  int output_ = -1;
  std::string buffer_;
};

// Waits for a child made by fork: the exit status, or 128 + the signal it died of.
int WaitForChild(pid_t pid);

}  // namespace logwood::test
