// What range deletes in tables cover of other tables: which go as they are, unread, and what a
// range delete weighs. Pure, but for what it asks of tables.
//
// Why a table may go (invariant 4) whose every key was deleted at positions above its own that no
// snapshot tells from them: no reader there is or will be sees anything of it, nor of what is older
// below it. The range deletes stay until a compaction finds nothing below, so not before it went.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <span>
#include <string_view>

#include "compaction/level_shape.h"
#include "util/range_fragments.h"

namespace logwood {

struct CoveredTables {
  // Numbers of tables that are covered whole, for each reader.
  std::set<uint64_t> whole;
  // By the number of a table with range deletes: about how many entries these cover of tables that
  // are covered in part; in the last level, where nothing is below, of its own.
  std::map<uint64_t, uint64_t> entries;
};

// Null, or 0, of a table that cannot be read.
struct CoverQuestions {
  std::function<RangeFragmentsPtr(const TableMeta&)> range_deletes;
  // About how many entries of stored keys in [begin, end).
  std::function<uint64_t(const TableMeta&, std::string_view begin, std::string_view end)>
      entries_within;
};

// Of a table covered by more pieces than this nobody is told that it is; of a table's range deletes
// the first so many are weighed.
inline constexpr size_t kCoverPiecesMax = 64;

// Nothing is asked where no table has range deletes; else each of those for them, and the tables in
// which one begins or ends for entries.
// REQUIRES: the snapshots were read after the shape was fixed; ascending.
CoveredTables FindCoveredTables(const LevelShape& shape, std::span<const LogPos> snapshots,
                                const CoverQuestions& questions);

}  // namespace logwood
