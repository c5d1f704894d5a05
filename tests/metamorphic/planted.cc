#include "tests/metamorphic/planted.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <iostream>

#include "tests/metamorphic/reducer.h"

namespace logwood::test {

namespace {

constexpr uint64_t kPlantedLists = 48;  // until one finds it
constexpr uint64_t kSoundLists = 12;
constexpr size_t kPlantedLength = 600;
constexpr size_t kReducedMax = 8;

const OptionSet& PlantedSet() { return OptionSetNamed("tiny_everything"); }

}  // namespace

void ExpectFound(const PlantedFault& fault) {
  const Fails fails = [&](const OperationList& list) {
    return RunOperations(PlantedSet(), list, fault.wrap).failure.has_value();
  };
  for (uint64_t seed = 1; seed <= kPlantedLists; ++seed) {
    OperationList list = GenerateOperations(seed, kPlantedLength);
    const RunResult result = RunOperations(PlantedSet(), list, fault.wrap);
    if (!result.failure) continue;
    list.resize(std::min(list.size(), result.failure->index + 1));
    const OperationList repro = Reduce(std::move(list), fails, 200);
    EXPECT_LE(repro.size(), kReducedMax) << ToText(repro);
    std::cout << "    found by list " << seed << ": " << result.failure->what << "; reduced to "
              << repro.size() << "\n";
    return;
  }
  FAIL() << "nothing noticed it";
}

void ExpectNoneFound(const WrapDb& wrap) {
  for (uint64_t seed = 1; seed <= kSoundLists; ++seed) {
    const OperationList list = GenerateOperations(seed, kPlantedLength);
    const RunResult result = RunOperations(PlantedSet(), list, wrap);
    EXPECT_FALSE(result.failure.has_value()) << seed << ": " << result.failure->what;
  }
}

}  // namespace logwood::test
