// logwood_crash_replay: checks saved crash states again.
//
//   logwood_crash_replay FILE...      prints OK or what is wrong of each; 1: one is wrong
#include <cstdio>
#include <fstream>
#include <iterator>
#include <string>

#include "tests/support/crash_explorer.h"

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr, "usage: logwood_crash_replay FILE...\n");
    return 2;
  }
  int wrong = 0;
  for (int i = 1; i < argc; ++i) {
    std::ifstream in(argv[i], std::ios::binary);
    const std::string saved{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
    const logwood::Status status = logwood::test::ReplayCrash(saved);
    std::printf("%s: %s\n", argv[i], status.ok() ? "OK" : status.ToString().c_str());
    wrong |= status.ok() ? 0 : 1;
  }
  return wrong;
}
