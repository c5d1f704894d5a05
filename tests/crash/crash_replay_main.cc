// logwood_crash_replay: checks saved crash states again.
//
//   logwood_crash_replay FILE...             prints OK or what is wrong of each; 1: one is wrong
//   logwood_crash_replay --extract DIR FILE  writes the directory as the crash left it, to be
//                                            looked at with `logwood check DIR` and others
//
// FILE is what a crash test saved. --extract also takes what SimulatedFileSystem::Save wrote: all
// files and directories of that disk, below DIR.
#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

#include "tests/support/crash_explorer.h"
#include "tests/support/crash_story.h"
#include "tests/support/directory.h"
#include "util/status_macros.h"

namespace logwood::test {
namespace {

Result<std::string> Saved(const char* path) { return ReadFile(FileSystem::Posix(), path); }

// Writes all that lies below that directory of the disk.
Status ExtractBelow(SimulatedFileSystem* disk, const std::string& from, const std::string& to) {
  ASSIGN_OR_RETURN(const std::vector<std::string> names, disk->List(from));
  RETURN_IF_ERROR(FileSystem::Posix()->CreateDirectory(to));
  for (const std::string& name : names) {
    if (name == "..") return Status::InvalidArgument("the disk has a name that leads out of it");
    const std::string source = from + "/" + name, target = to + "/" + name;
    if (disk->List(source).ok()) {
      RETURN_IF_ERROR(ExtractBelow(disk, source, target));
      continue;
    }
    ASSIGN_OR_RETURN(const std::string bytes, ReadFile(disk, source));
    RETURN_IF_ERROR(WriteFile(FileSystem::Posix(), target, bytes));
    std::printf("%s\n", target.c_str());
  }
  return Status::Ok();
}

Status Extract(const std::string& saved, const std::string& directory) {
  if (const auto disk = SimulatedFileSystem::Load(saved); disk.ok()) {
    // Relative paths and absolute ones.
    RETURN_IF_ERROR(ExtractBelow(disk->get(), ".", directory));
    return ExtractBelow(disk->get(), "/", directory);
  }
  const auto crash = SavedCrash::Decode(saved);
  if (!crash) {
    return Status::InvalidArgument(
        "this is no saved crash state, and nothing that SimulatedFileSystem::Save wrote");
  }
  std::printf("%s\n", crash->story.c_str());
  ASSIGN_OR_RETURN(const auto disk, SimulatedFileSystem::Load(crash->disk));
  ASSIGN_OR_RETURN(const FileContents files, ReadDirectory(disk.get(), CrashStory::kPath));
  return WriteDirectory(FileSystem::Posix(), directory, files);
}

Status ExtractFile(const char* path, const char* directory) {
  ASSIGN_OR_RETURN(const std::string saved, Saved(path));
  return Extract(saved, directory);
}

Status Replay(const char* path) {
  ASSIGN_OR_RETURN(const std::string saved, Saved(path));
  if (SimulatedFileSystem::Load(saved).ok()) {
    return Status::InvalidArgument(
        "this disk does not say what must be on it; --extract DIR writes its files");
  }
  return ReplayCrash(saved);
}

int Tell(const char* path, const Status& status) {
  std::printf("%s: %s\n", path, status.ok() ? "OK" : status.ToString().c_str());
  return status.ok() ? 0 : 1;
}

constexpr char kUsage[] =
    "usage: logwood_crash_replay FILE...\n"
    "       logwood_crash_replay --extract DIR FILE\n"
    "FILE: what a crash test saved; of --extract also what SimulatedFileSystem::Save wrote\n";

int Main(int argc, char** argv) {
  const std::string_view first = argc < 2 ? "" : argv[1];
  if (first == "--help" || first == "-h") {
    std::fputs(kUsage, stdout);
    return 0;
  }
  if (argc == 4 && first == "--extract") return Tell(argv[3], ExtractFile(argv[3], argv[2]));
  if (first.empty() || first[0] == '-') {
    std::fputs(kUsage, stderr);
    return 2;
  }
  int wrong = 0;
  for (int i = 1; i < argc; ++i) wrong |= Tell(argv[i], Replay(argv[i]));
  return wrong;
}

}  // namespace
}  // namespace logwood::test

int main(int argc, char** argv) { return logwood::test::Main(argc, argv); }
