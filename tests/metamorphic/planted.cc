#include "tests/metamorphic/planted.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <iostream>
#include <optional>
#include <string_view>

#include "tests/metamorphic/reducer.h"
#include "util/expiring_value.h"
#include "util/internal_key.h"

namespace logwood::test {

namespace {

constexpr uint64_t kPlantedLists = 48;  // until one finds it
constexpr uint64_t kSoundLists = 12;
constexpr size_t kPlantedLength = 600;
constexpr size_t kReducedMax = 8;

const OptionSet& PlantedSet() { return OptionSetNamed("tiny_everything"); }

}  // namespace

void AppendOperationTo(const BatchOperation& operation, uint32_t owner, WriteBatch* batch) {
  uint32_t number = 0, end_number = 0;
  std::string_view key, end;
  SplitStoredKey(operation.stored_key, &number, &key);
  const Keyspace keyspace = number == Keyspace().number() ? Keyspace() : Keyspace(number, owner);
  switch (operation.kind) {
    case EntryKind::kPut:
      return batch->Put(keyspace, key, operation.value);
    case EntryKind::kPutExpiring: {
      const auto ttl_us = static_cast<int64_t>(ExpiryOf(operation.value));
      return batch->PutExpiring(keyspace, key, WithoutExpiry(operation.value),
                                TtlOf(ttl_us == 0 ? kTtlForEver : ttl_us));
    }
    case EntryKind::kMerge:
      return batch->Merge(keyspace, key, operation.value);
    case EntryKind::kDelete:
      return batch->Delete(keyspace, key);
    default:  // a range
      break;
  }
  const bool is_within = SplitStoredKey(operation.value, &end_number, &end) && end_number == number;
  batch->DeleteRange(keyspace, key, is_within ? std::optional(end) : std::nullopt);
}

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
