// Runner: runs an operation list on a real database and on the model side by side, and stops at the
// first difference.
//
//   RunResult result = RunOperations(OptionSetNamed("tiny_everything"), list);
//   if (result.failure) std::cout << result.failure->what;
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "tests/support/operation.h"
#include "tests/support/option_sets.h"

namespace logwood::test {

struct RunFailure {
  size_t index = 0;  // of the operation in the list
  std::string what;
};

struct RunResult {
  std::optional<RunFailure> failure;
  // Of everything seen (positions, codes, keys, values): equal for one list under all option sets.
  uint64_t digest = 0;
};

RunResult RunOperations(const OptionSet& set, const OperationList& list);

}  // namespace logwood::test
