// What must hold after a crash, checked record by record.
#pragma once

#include <cstdint>
#include <string>

#include "store.h"

namespace package_index {

struct Findings {
  uint64_t acknowledged = 0;     // records that must be there
  uint64_t missing = 0;          // of those, absent or with another value, in either keyspace
  uint64_t packages = 0;         // records in the first keyspace
  uint64_t sections = 0;         // and in the second
  uint64_t without_section = 0;  // in the first, not in the second
  uint64_t without_package = 0;  // in the second, not in the first
  uint64_t half_batches = 0;     // batches of which some records are there and some are not
  uint64_t extra_batches =
      0;  // whole batches behind the acknowledged ones: at most the one under way
  std::string first_problem;  // empty: none
  std::string error;          // not empty: reading failed

  bool ok() const { return error.empty() && first_problem.empty(); }
};

// `acknowledged_batches` batches must be there with their exact values; every batch must be there
// wholly or not at all; the keyspaces must agree in both directions.
Findings Verify(Store& store, const Data& data, size_t acknowledged_batches);

// Prints the findings; true when all is well.
bool Report(const Findings& findings);

}  // namespace package_index
