// Every example that the help and the guide show runs, as it stands there, and prints what the
// guide shows below it.
#include <gtest/gtest.h>

#include <fstream>
#include <regex>
#include <sstream>
#include <string>
#include <vector>

#include "tests/tools/command_runner.h"

namespace logwood::tools {
namespace {

std::vector<std::string> LinesOf(std::istream& in) {
  std::vector<std::string> lines;
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

// A command behind "$ ", and the lines between it and the next one or the end of its block.
struct Example {
  std::string command;
  std::string shown;
};

std::vector<Example> ExamplesIn(std::istream& document) {
  std::vector<Example> examples;
  bool open = false;
  for (const std::string& line : LinesOf(document)) {
    if (line.starts_with("$ ")) {
      examples.push_back({line.substr(2), ""});
      open = true;
    } else if (line.starts_with("```")) {
      open = false;
    } else if (open) {
      examples.back().shown += line + "\n";
    }
  }
  return examples;
}

// Numbers depend on how much the database of the guide holds and on the machine, and sizes and
// times with them on units.
std::string WithoutNumbers(const std::string& text) {
  static const std::regex number("[0-9][0-9,]*([.][0-9]+)?( ([KMGT]i)?B| (us|ms|s|min|h))?\\b");
  return std::regex_replace(text, number, "#");
}

// A folder where the files are that examples name, and a database under tmp/, which stands for
// /tmp/.
class Examples : public testing::Test {
 protected:
  Examples() {
    const Ran ran = runner_.Shell(
        "mkdir tmp; echo a picture > a.jpg; echo a note > notes\n"
        "printf 'a\\t1\\nb\\t2\\n' > records.tsv; gzip -k records.tsv\n"
        "echo '{\"key\":\"a\",\"value\":\"1\"}' | tee records.jsonl > crawl\n"
        "printf 'photos\\t0001\\t1\\n' > all.tsv\n"
        "logwood put tmp/db planet/3 earth; logwood put tmp/db '\\x00\\xff' v\n"
        "logwood merge tmp/db -k counters --operator add_int64 visits 3\n"
        "logwood put tmp/db -k photos 0001 v; logwood put tmp/db ab v; cp -r tmp/db tmp/a\n"
        "cp -r tmp kept");
    EXPECT_EQ(ran.status, 0) << ran.err;
  }

  // What it prints on standard output.
  std::string ExpectItRuns(std::string command) {
    for (size_t at = command.find("/tmp/"); at != std::string::npos;
         at = command.find("/tmp/", at)) {
      command.erase(at, 1);
    }
    const Ran ran = runner_.Shell("set -o pipefail; jq() { cat; }\n" + command);
    EXPECT_EQ(ran.status, 0) << command << "\n" << ran.out << ran.err;
    return ran.out;
  }

  CommandRunner runner_;
};

TEST_F(Examples, OfTheHelpRun) {
  for (const std::string command :
       {"", "put", "merge", "get", "delete", "delete-range", "scan", "count", "load", "export",
        "stats", "check", "salvage", "compact", "keyspaces"}) {
    runner_.Shell("rm -r tmp; cp -r kept tmp");
    // One of its examples creates it.
    if (command == "keyspaces") runner_.Run("keyspaces tmp/db drop photos");
    std::istringstream help(runner_.Run(command + " --help").out);
    int examples = 0;
    bool behind_title = false;
    for (const std::string& line : LinesOf(help)) {
      if (line == "Examples:") behind_title = true;
      if (!behind_title || line.size() < 3 || !line.starts_with("  ") || line[2] == ' ') continue;
      // What is explained stands three spaces or more behind the command.
      ExpectItRuns(line.substr(2, line.find("   ", 2) - 2));
      ++examples;
    }
    EXPECT_GE(examples, 3) << command;
  }
}

// An example below which the guide shows nothing may print something all the same.
TEST_F(Examples, OfTheGuideRunAndPrintWhatItShows) {
  // The summary of a load says more of a thousand records and more.
  const Ran filled = runner_.Shell("seq 2000 | sed 's/$/\\tvalue/' | logwood load tmp/db -q");
  ASSERT_EQ(filled.status, 0) << filled.err;
  std::ifstream guide(LOGWOOD_SOURCE_DIR "/docs/guide/command.md");
  int compared = 0;
  const std::vector<Example> examples = ExamplesIn(guide);
  for (const auto& [command, shown] : examples) {
    const std::string printed = ExpectItRuns(command);
    if (shown.empty()) continue;
    EXPECT_EQ(WithoutNumbers(printed), WithoutNumbers(shown)) << command;
    ++compared;
  }
  EXPECT_GE(examples.size(), 10U);
  EXPECT_GE(compared, 6);
}

}  // namespace
}  // namespace logwood::tools
