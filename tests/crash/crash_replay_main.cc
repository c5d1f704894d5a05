// logwood_crash_replay: checks saved crash states again.
//
//   logwood_crash_replay FILE...             prints OK or what is wrong of each; 1: one is wrong
//   logwood_crash_replay --extract DIR FILE  writes the directory as the crash left it, to be
//   looked
//                                            at with `logwood check DIR` and others
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iterator>
#include <string>

#include "tests/support/crash_explorer.h"
#include "tests/support/crash_story.h"
#include "tests/support/directory.h"
#include "util/status_macros.h"

namespace logwood::test {
namespace {

std::string Saved(const char* path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

Status Extract(const std::string& saved, const std::string& directory) {
  const auto crash = SavedCrash::Decode(saved);
  if (!crash) return Status::InvalidArgument("this is no saved crash state");
  std::printf("%s\n", crash->story.c_str());
  ASSIGN_OR_RETURN(const auto disk, SimulatedFileSystem::Load(crash->disk));
  ASSIGN_OR_RETURN(const FileContents files, ReadDirectory(disk.get(), CrashStory::kPath));
  return WriteDirectory(FileSystem::Posix(), directory, files);
}

int Tell(const char* path, const Status& status) {
  std::printf("%s: %s\n", path, status.ok() ? "OK" : status.ToString().c_str());
  return status.ok() ? 0 : 1;
}

}  // namespace
}  // namespace logwood::test

int main(int argc, char** argv) {
  using logwood::test::Saved;
  using logwood::test::Tell;
  const bool extracts = argc == 4 && std::strcmp(argv[1], "--extract") == 0;
  if (extracts) return Tell(argv[3], logwood::test::Extract(Saved(argv[3]), argv[2]));
  if (argc < 2 || argv[1][0] == '-') {
    std::fprintf(stderr,
                 "usage: logwood_crash_replay FILE...\n"
                 "       logwood_crash_replay --extract DIR FILE\n");
    return 2;
  }
  int wrong = 0;
  for (int i = 1; i < argc; ++i) wrong |= Tell(argv[i], logwood::test::ReplayCrash(Saved(argv[i])));
  return wrong;
}
