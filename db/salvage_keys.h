// What counts of each key that salvage finds: its newest put, or the merges since the last one and
// what they merge with.
//
// Two files may hold one operand: a table in an entry of its own or within a newer one, and the log
// in the commit. Where a table is lost, and the log has every commit there ever was, the log alone
// says what its keys are. Else what comes from the log below a table's entry is left out, since it
// may be in that; then the key is inside a loss that was told.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "db/salvage_merge.h"
#include "util/merge_value.h"
#include "util/range_fragments.h"

namespace logwood {

struct SalvagedKey {
  std::string_view key;                      // stored
  MergedOnto base;                           // kBelow: nothing is known of what lies below
  std::span<const std::string_view> merges;  // values of entries, the newest first; may be none
};

struct SalvageKeyRules {
  RangeFragmentsPtr deleted{};  // null: no range deletes
  // Whether entries of tables do not count for this key; empty: they always do.
  std::function<bool(std::string_view)> only_log{};
};

// Calls `visit` for each key that has a value, in key order, and `advance` for each entry; one that
// fails ends it. The bytes live until it returns.
Status MergeKeys(const std::vector<std::unique_ptr<SalvageStream>>& streams,
                 const SalvageKeyRules& rules, const std::function<Status()>& advance,
                 const std::function<Status(const SalvagedKey&)>& visit);

}  // namespace logwood
