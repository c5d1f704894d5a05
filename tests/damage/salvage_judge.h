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

struct SalvageJudging {
  LogPos told_up_to = 0;       // of later commits nothing in the directory speaks any more
  bool data_is_whole = false;  // tables and log: then no key may be gone, whatever is reported
  bool hears_nothing = false;  // of the report: for a test of the judge
};
SalvageVerdict JudgeSalvage(const DamageShape& shape, const FileContents& files,
                            const SalvageJudging& judging);

}  // namespace logwood::test
