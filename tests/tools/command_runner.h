// Runs the real programs for end-to-end tests.
//
//   CommandRunner runner;                              // a fresh folder, the working directory
//   Ran ran = runner.Run("put db key value");          // words through the shell
//   EXPECT_EQ(ran.status, 0);
#pragma once

#include <string>

#include "tests/support/directory.h"

namespace logwood::tools {

struct Ran {
  int status = -1;  // as the shell has it: 128 + n for signal n
  std::string out;
  std::string err;
};

class CommandRunner {
 public:
  // `logwood ARGUMENTS` with /dev/null as standard input unless the arguments redirect it.
  Ran Run(const std::string& arguments) const { return Shell("logwood " + arguments); }
  // Any bash script in the folder, with `logwood` on the path.
  Ran Shell(const std::string& script) const;

  void Write(const std::string& name, const std::string& bytes) const;
  std::string Read(const std::string& name) const;
  std::string Path(const std::string& name) const { return directory_.Join(name); }

 private:
  test::TempDirectory directory_{test::TempDirectory::Speed::kFast};
};

}  // namespace logwood::tools
