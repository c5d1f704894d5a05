// Runs tests/testdata/db/*.txt: stories of a database (commands: tests/db/script_runner.h). Each
// command is followed by "----", the expected answer and an empty line; LOGWOOD_UPDATE_EXPECTED=1
// rewrites the files.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <utility>
#include <vector>

#include "tests/db/script_runner.h"

namespace logwood {
namespace {

struct Case {
  std::string comment;  // lines before the command, kept as they are
  std::string command;
  std::string expected;
};

std::vector<Case> ReadCases(const std::filesystem::path& path) {
  std::vector<Case> cases;
  std::ifstream in(path);
  std::string line, comment;
  while (std::getline(in, line)) {
    if (line.empty() || line[0] == '#') {
      comment += line + "\n";
      continue;
    }
    Case one;
    one.comment = std::exchange(comment, "");
    one.command = line;
    if (std::getline(in, line) && line != "----") ADD_FAILURE() << path << ": " << one.command;
    while (std::getline(in, line) && !line.empty()) one.expected += line + "\n";
    comment = "\n";
    cases.push_back(std::move(one));
  }
  return cases;
}

class DbScript : public testing::TestWithParam<std::string> {};

TEST_P(DbScript, IsAsExpected) {
  const std::filesystem::path path =
      std::filesystem::path(LOGWOOD_SOURCE_DIR) / "tests/testdata/db" / (GetParam() + ".txt");
  const bool update = std::getenv("LOGWOOD_UPDATE_EXPECTED") != nullptr;
  std::vector<Case> cases = ReadCases(path);
  ASSERT_FALSE(cases.empty()) << path;
  test::ScriptRunner runner;
  std::string rewritten;
  for (const Case& one : cases) {
    const std::string actual = runner.Run(one.command);
    if (!update) {
      ASSERT_EQ(actual, one.expected) << GetParam() << ".txt: " << one.command;
    }
    rewritten += one.comment + one.command + "\n----\n" + actual;
  }
  if (update) std::ofstream(path) << rewritten;
}

std::vector<std::string> Stories() {
  std::vector<std::string> names;
  const auto directory = std::filesystem::path(LOGWOOD_SOURCE_DIR) / "tests/testdata/db";
  for (const auto& file : std::filesystem::directory_iterator(directory)) {
    if (file.path().extension() == ".txt") names.push_back(file.path().stem().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

INSTANTIATE_TEST_SUITE_P(Stories, DbScript, testing::ValuesIn(Stories()),
                         [](const auto& story) { return story.param; });

}  // namespace
}  // namespace logwood
