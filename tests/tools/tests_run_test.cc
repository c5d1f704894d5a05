// What tests/run says when it is interrupted, with tools that only pretend to build.
#include <gtest/gtest.h>

#include <string>

#include "tests/tools/command_runner.h"

namespace logwood::tools {
namespace {

TEST(TestsRun, SaysLastThatItWasInterrupted) {
  const CommandRunner runner;
  // Ctrl-C goes to all processes of a terminal, as it does here to those of a group.
  const Ran ran = runner.Shell(
      "mkdir house house/tests house/tools path; cp " LOGWOOD_SOURCE_DIR
      "/tests/run house/tests\n"
      "ln -s \"$(type -P true)\" house/tools/setup\n"
      "printf '#!/bin/sh\\n[ \"$1\" = --build ] || exit 0; touch ../building; exec sleep 600\\n'"
      " > path/cmake\n"
      "chmod +x path/cmake; export PATH=$PWD/path:$PATH; set -m\n"
      "house/tests/run > said & run=$!\n"
      "until [ -e building ]; do sleep 0.02; done\n"
      "kill -INT -- -$run; wait $run; echo $?; tail -n 1 said; grep -c minutes said");
  EXPECT_EQ(ran.out, "130\ntests/run: interrupted\n1\n") << ran.err;
}

}  // namespace
}  // namespace logwood::tools
