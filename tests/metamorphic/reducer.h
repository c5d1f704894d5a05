// Reducer: makes a failing operation list short (delta debugging, Zeller and Hildebrandt 2002):
// first whole stretches go, then single operations, then parts of operations.
//
//   OperationList repro = Reduce(list, [&](const OperationList& l) { return FailsInChild(set, l);
//   });
#pragma once

#include <cstddef>
#include <functional>
#include <string>

#include "tests/support/operation.h"
#include "tests/support/option_sets.h"

namespace logwood::test {

using Fails = std::function<bool(const OperationList&)>;

// The shortest list found that still fails within `runs_max` runs. REQUIRES: fails(list).
OperationList Reduce(OperationList list, const Fails& fails, size_t runs_max = 2000);

// Runs the list in a child process, so that aborts and hangs count as failures and end nothing
// else. `what` (may be null) is told the difference, or how the child died.
bool FailsInChild(const OptionSet& set, const OperationList& list, std::string* what = nullptr);

}  // namespace logwood::test
