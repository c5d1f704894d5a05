// One random operation list, run under every option set against a std::map with all history: every
// answer must be the model's, and so the same under all of them.
//
//   LOGWOOD_OPERATIONS=20000000 LOGWOOD_SEED=7 metamorphic_tests --gtest_filter='Metamorphic*'
//   LOGWOOD_LIST_SEED=123 LOGWOOD_LIST_LENGTH=1500 LOGWOOD_OPTION_SET=no_cache
//     metamorphic_tests --gtest_filter=MetamorphicReplay.*       replays and reduces one list
//   LOGWOOD_LIST=repro.ops metamorphic_tests --gtest_filter=MetamorphicReplay.*
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iostream>
#include <iterator>
#include <optional>
#include <sstream>
#include <string>

#include "tests/metamorphic/reducer.h"
#include "tests/metamorphic/runner.h"
#include "tests/support/environment.h"
#include "tests/support/generators.h"
#include "tests/support/operation.h"
#include "tests/support/option_sets.h"
#include "tests/support/status_assert.h"
#include "util/escape.h"

namespace logwood::test {
namespace {

constexpr int kShards = 8;
constexpr uint64_t kOperationsDefault = 1'200'000;

// What a list is made from.
struct ListSeed {
  uint64_t seed = 0;
  size_t length = 0;
};

std::string CommandOf(const ListSeed& list, const std::string& set) {
  return "LOGWOOD_LIST_SEED=" + std::to_string(list.seed) +
         " LOGWOOD_LIST_LENGTH=" + std::to_string(list.length) + " LOGWOOD_OPTION_SET=" + set +
         " metamorphic_tests --gtest_filter=MetamorphicReplay.*";
}

std::string KeysOf(const OperationList& list) {
  std::vector<uint32_t> ids;
  for (const Operation& operation : list) {
    ids.push_back(operation.key.id);
    for (const BatchItem& item : operation.items) {
      ids.push_back(item.key.id);
      if (item.end) ids.push_back(item.end->id);
    }
    for (const KeyRef& key : operation.keys) ids.push_back(key.id);
    for (const Step& step : operation.steps) ids.push_back(step.key.id);
    for (const auto& bound : {operation.lower, operation.upper, operation.prefix})
      if (bound) ids.push_back(bound->id);
  }
  std::sort(ids.begin(), ids.end());
  ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
  std::string text;
  for (const uint32_t id : ids)
    if (id != 0)
      text += "# k" + std::to_string(id) + " is \"" + Escape(KeyOf(id).substr(0, 60)) + "\"\n";
  return text;
}

constexpr size_t kPrintedMax = 60;  // longer lists go into a file
constexpr int kRunsOfReport = 3;

std::string Printed(const OperationList& list) {
  const std::string text = ToText(list) + KeysOf(list);
  if (list.size() <= kPrintedMax) return text;
  const std::string path =
      testing::TempDir() + "logwood_" + std::to_string(std::hash<std::string>()(text)) + ".ops";
  std::ofstream(path) << text;
  return "LOGWOOD_LIST=" + path + "\n";
}

// Shrinks a failing list and says all that is needed to run it again.
std::string Report(const OptionSet& set, OperationList list, const RunFailure& failure) {
  list.resize(std::min(list.size(), failure.index + 1));
  std::string text = "under option set " + set.name + ", operation " +
                     std::to_string(failure.index) + ": " + failure.what + "\n";
  const Fails fails = [&set](const OperationList& candidate) {
    return FailsInChild(set, candidate);
  };
  int failed = 0;
  for (int i = 0; i < kRunsOfReport; ++i) failed += fails(list) ? 1 : 0;
  // What depends on background timing cannot be reduced by single runs.
  if (failed < kRunsOfReport)
    return text + "failed again in " + std::to_string(failed) + " of " +
           std::to_string(kRunsOfReport) + " runs, so it is not reduced\n" + Printed(list);
  const OperationList repro = Reduce(list, fails);
  std::string what;
  FailsInChild(set, repro, &what);
  return text + "reduced to " + std::to_string(repro.size()) + " operations (" + what + ");\n" +
         "put them into a file and give it as LOGWOOD_LIST:\n" + Printed(repro);
}

// Runs under every option set; stops at the first that fails.
void RunEverywhere(const OperationList& list, const ListSeed& seed) {
  std::optional<uint64_t> digest;
  for (const OptionSet& set : OptionSets()) {
    const std::string command = CommandOf(seed, set.name);
    SetCrashNote("died while running: " + command);
    const RunResult result = RunOperations(set, list);
    if (result.failure) FAIL() << Report(set, list, *result.failure) << "replay: " << command;
    if (!digest) digest = result.digest;
    ASSERT_EQ(*digest, result.digest) << "answers depend on the option set; replay: " << command;
  }
}

class Metamorphic : public testing::TestWithParam<int> {};

TEST_P(Metamorphic, SameListUnderEveryOptionSet) {
  const uint64_t seed =
      MixSeeds(EnvironmentNumber("LOGWOOD_SEED", 1), static_cast<uint64_t>(GetParam()));
  const uint64_t operations = EnvironmentNumber("LOGWOOD_OPERATIONS", kOperationsDefault);
  const uint64_t share = operations / kShards / OptionSets().size();
  std::cout << "seed " << seed << ", " << share << " operations under each of "
            << OptionSets().size()
            << " option sets; operations in all: " << share * OptionSets().size() << "\n";
  uint64_t done = 0;
  for (uint64_t i = 0; done < share && !HasFatalFailure(); ++i) {
    ListSeed list{.seed = MixSeeds(seed, i), .length = 1500};
    if (i % 4 == 1) list.length = 300;
    if (i % 4 == 3) list.length = 6000;
    list.length = std::min<size_t>(list.length, std::max<uint64_t>(share - done, 10));
    RunEverywhere(GenerateOperations(list.seed, list.length), list);
    done += list.length;
  }
}

INSTANTIATE_TEST_SUITE_P(Shard, Metamorphic, testing::Range(0, kShards));

Result<OperationList> ReadList(const std::string& path) {
  std::ifstream file(path);
  if (!file) return Status::NotFound(path);
  std::stringstream text;
  text << file.rdbuf();
  return ParseOperations(text.str());
}

// Lists that once failed are kept in tests/metamorphic/saved.
TEST(MetamorphicSaved, ListsThatOnceFailedPass) {
  const std::filesystem::path folder =
      std::filesystem::path(LOGWOOD_SOURCE_DIR) / "tests" / "metamorphic" / "saved";
  int lists = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().extension() != ".ops") continue;
    SCOPED_TRACE(entry.path().filename().string());
    ASSERT_OK_AND_ASSIGN(const OperationList list, ReadList(entry.path().string()));
    RunEverywhere(list, {});
    if (HasFatalFailure()) return;
    ++lists;
  }
  EXPECT_GT(lists, 0);
}

// One list, given by the environment; by default a small one.
TEST(MetamorphicReplay, List) {
  const ListSeed seed{.seed = EnvironmentNumber("LOGWOOD_LIST_SEED", 1),
                      .length = EnvironmentNumber("LOGWOOD_LIST_LENGTH", 50)};
  OperationList list = GenerateOperations(seed.seed, seed.length);
  const std::string path = EnvironmentText("LOGWOOD_LIST", "");
  if (!path.empty()) {
    ASSERT_OK_AND_ASSIGN(list, ReadList(path));
  }
  const std::string only = EnvironmentText("LOGWOOD_OPTION_SET", "");
  for (const OptionSet& set : OptionSets()) {
    if (!only.empty() && set.name != OptionSetNamed(only).name) continue;
    std::string what;
    if (!FailsInChild(set, list, &what)) continue;
    FAIL() << what << "\n" << Report(set, list, {.index = list.size(), .what = what});
  }
}

}  // namespace
}  // namespace logwood::test
