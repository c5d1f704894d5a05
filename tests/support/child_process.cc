#include "tests/support/child_process.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>

namespace logwood::test {

int WaitForChild(pid_t pid) {
  int status = 0;
  while (waitpid(pid, &status, 0) < 0) {
    if (errno != EINTR) std::abort();
  }
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

ChildProcess::ChildProcess(const std::vector<std::string>& arguments)
    : ChildProcess(arguments, Settings()) {}

ChildProcess::ChildProcess(const std::vector<std::string>& arguments, const Settings& settings) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) std::abort();
  std::vector<char*> argv, environment;
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  for (const std::string& one : settings.environment)
    environment.push_back(const_cast<char*>(one.c_str()));
  for (char** inherited = environ; *inherited != nullptr; ++inherited)
    environment.push_back(*inherited);
  environment.push_back(nullptr);
  // Not fork: a test's memory, copied page by page as it goes on, costs more than the program.
  pid_ = vfork();
  if (pid_ < 0) std::abort();
  if (pid_ == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    dup2(ends[1], STDOUT_FILENO);
    if (settings.discard_errors) dup2(open("/dev/null", O_WRONLY | O_CLOEXEC), STDERR_FILENO);
    alarm(settings.ends_after_seconds);
    execve(argv[0], argv.data(), environment.data());
    std::perror(argv[0]);
    _exit(127);
  }
  close(ends[1]);
  output_ = ends[0];
}

ChildProcess::~ChildProcess() {
  if (pid_ > 0) {
    Kill();
    Wait();
  }
  close(output_);
}

bool ChildProcess::ReadLine(std::string* line) {
  for (;;) {
    const size_t end = buffer_.find('\n');
    if (end != std::string::npos) {
      line->assign(buffer_, 0, end);
      buffer_.erase(0, end + 1);
      return true;
    }
    char bytes[4096];
    const ssize_t got = read(output_, bytes, sizeof bytes);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return false;  // a line without an end was not printed whole
    buffer_.append(bytes, static_cast<size_t>(got));
  }
}

bool ChildProcess::ReadLineThatIsThere(std::string* line) {
  int bytes = 0;
  const bool whole = buffer_.find('\n') != std::string::npos;
  if (!whole && (ioctl(output_, FIONREAD, &bytes) != 0 || bytes == 0)) return false;
  return ReadLine(line);
}

void ChildProcess::Kill() { kill(pid_, SIGKILL); }

int ChildProcess::Wait() {
  const pid_t pid = pid_;
  pid_ = -1;
  return WaitForChild(pid);
}

}  // namespace logwood::test
