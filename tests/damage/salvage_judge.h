// JudgeSalvage: salvages a damaged directory and holds the new database against what the old one
// held: every key is exact, or the report excuses it - it lies in a range of keys that the report
// names as lost, or a commit that the report names as lost wrote it - and has a value it once had.
#pragma once

#include <string>
#include <utility>
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
  LogPos told_up_to = 0;  // of later commits nothing in the directory speaks any more
  LogPos proven = 0;      // what is told of later ones excuses, also where it is no loss: a tail
  bool data_is_whole = false;  // tables and log: then no key may be gone, whatever is reported
  bool hears_nothing = false;  // of the report: for a test of the judge
  // What a report can excuse at all. With the manifest the knowledge is gone which tables there
  // are; else keys that the damaged tables, or commits that the damaged segments reached to, from
  // the first to the last of each.
  bool anything = false;
  std::vector<std::pair<StoredPlace, StoredPlace>> keys = {};
  std::vector<std::pair<LogPos, LogPos>> commits = {};
};
SalvageVerdict JudgeSalvage(const DamageShape& shape, const FileContents& files,
                            const SalvageJudging& judging);

// For tests of the judge: what it says where salvage found not one key, and reports this.
std::string WrongIfAllIsInexact(const DamageShape& shape, const SalvageJudging& judging,
                                const std::vector<SalvageLoss>& report);

}  // namespace logwood::test
