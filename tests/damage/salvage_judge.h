// JudgeSalvage: salvages a damaged directory and holds the new database against what the old one
// held: every key is exact, or the report excuses it - it lies in a range of keys that the report
// names as lost, or a commit that the report names as lost wrote it - and has a value it once had.
#pragma once

#include <string>
#include <vector>

#include "db/salvage.h"
#include "tests/damage/damage_shape.h"

namespace logwood::test {

struct SalvageVerdict {
  Status status;
  SalvageSummary summary;
  std::vector<SalvageLoss> report;
  uint64_t inexact_keys = 0;  // missing, older, or back
  std::string wrong;          // what the report does not excuse; empty: nothing
  std::string ToString() const;
};

// `told_up_to`: of later commits nothing in the directory speaks any more.
SalvageVerdict JudgeSalvage(const DamageShape& shape, const FileContents& files, LogPos told_up_to);

}  // namespace logwood::test
