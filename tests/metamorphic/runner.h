// Runner: runs an operation list on a real database and on the model side by side, and stops at the
// first difference.
//
//   RunResult result = RunOperations(OptionSetNamed("tiny_everything"), list);
//   if (result.failure) std::cout << result.failure->what;
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "logwood/db.h"
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

// Stands between the runner and the database, for tests of the tests.
using WrapDb = std::function<std::unique_ptr<DB>(std::unique_ptr<DB>)>;

RunResult RunOperations(const OptionSet& set, const OperationList& list, const WrapDb& wrap = {});

}  // namespace logwood::test
