#include "tests/tools/command_runner.h"

#include <gtest/gtest.h>
#include <sys/wait.h>

#include <cstdlib>
#include <fstream>
#include <iterator>

#include "tests/support/environment.h"

namespace logwood::tools {

namespace {

// To look for leaks when a process ends takes as long as all else it does: one script in four does,
// others with another LOGWOOD_SEED.
std::string LeaksAreLookedFor() {
  static uint64_t scripts = test::EnvironmentNumber("LOGWOOD_SEED", 1);
  return scripts++ % 4 == 0 ? "" : "export ASAN_OPTIONS=\"$ASAN_OPTIONS:detect_leaks=0\"\n";
}

}  // namespace

Ran CommandRunner::Shell(const std::string& script) const {
  Write("script",
        LeaksAreLookedFor() + "export PATH=\"" LOGWOOD_BIN_DIR ":$PATH\"\n" + script + "\n");
  const std::string line = "cd '" + directory_.path() + "' && bash script > out 2> err < /dev/null";
  const int state = std::system(line.c_str());
  Ran ran;
  ran.status = WIFEXITED(state) ? WEXITSTATUS(state) : 128 + WTERMSIG(state);
  ran.out = Read("out");
  ran.err = Read("err");
  return ran;
}

void CommandRunner::Write(const std::string& name, const std::string& bytes) const {
  std::ofstream file(directory_.Join(name), std::ios::binary);
  file << bytes;
  ASSERT_TRUE(file.good()) << name;
}

std::string CommandRunner::Read(const std::string& name) const {
  std::ifstream file(directory_.Join(name), std::ios::binary);
  return std::string((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
}

}  // namespace logwood::tools
