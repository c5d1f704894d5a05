// logwood_fuzz_replay TARGET FOLDER: runs a fuzz target over no bytes and over each file of the
// folder, what libFuzzer does with a corpus, for builds without libFuzzer. Each file twice: an
// input that is not answered alike each time cannot be looked into, nor kept as a test. And it
// looks whether the replay is worth something: an input called forged* has a checksum that does not
// fit, and is read.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "tests/fuzz/fuzz_target.h"

namespace logwood::test {

namespace {

std::map<std::string_view, FuzzFunction>& Targets() {
  static std::map<std::string_view, FuzzFunction> targets;
  return targets;
}

std::string BytesOf(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

FuzzVerdict Run(FuzzFunction target, std::string_view bytes) {
  fuzz_verdict = {};
  target(bytes);
  return fuzz_verdict;
}

int Fail(const std::string& why) {
  std::printf("FAILED: %s\n", why.c_str());
  return 1;
}

int Replay(FuzzFunction target, const std::filesystem::path& folder) {
  if (!ChecksumMatches(1, 2)) return Fail("checksums hold here: nothing gets past them");
  Run(target, {});
  std::vector<std::filesystem::path> files;
  for (const auto& file : std::filesystem::directory_iterator(folder)) files.push_back(file);
  std::sort(files.begin(), files.end());
  size_t read = 0;
  for (const std::filesystem::path& file : files) {
    std::printf("%s\n", file.c_str());
    std::fflush(stdout);  // names the input in which the program dies
    const std::string bytes = BytesOf(file);
    const FuzzVerdict first = Run(target, bytes), second = Run(target, bytes);
    if (first.hash != second.hash) return Fail("not answered alike twice");
    if (first.ok > 0) {
      ++read;
    } else if (file.filename().string().starts_with("forged")) {
      return Fail("nothing of it was read");
    }
  }
  std::printf("%zu inputs, something was read of %zu\n", files.size(), read);
  return read > 0 ? 0 : Fail("nothing was read of any of them");
}

}  // namespace

FuzzTarget::FuzzTarget(std::string_view name, FuzzFunction function) { Targets()[name] = function; }

}  // namespace logwood::test

int main(int argc, char** argv) {
  using logwood::test::Targets;
  const auto target = argc == 3 ? Targets().find(argv[1]) : Targets().end();
  if (target == Targets().end()) {
    std::fprintf(stderr, "usage: logwood_fuzz_replay TARGET FOLDER\n");
    return 2;
  }
  return logwood::test::Replay(target->second, argv[2]);
}
