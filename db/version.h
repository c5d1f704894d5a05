// Version: one immutable set of tables, ready to be read. View: a version and the memtables above
// it - everything a read may look at. Both are shared by pointer and never change.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "compaction/level_shape.h"
#include "db/edit.h"
#include "db/stepped_over.h"
#include "memtable/memtable.h"
#include "table/live_table.h"
#include "table/table_cache.h"
#include "util/internal_iterator.h"
#include "util/lookup.h"

namespace logwood {

using LiveTablePtr = std::shared_ptr<LiveTable>;

// Stored keys in [begin, end); an empty end means no end.
struct StoredRange {
  std::string_view begin, end;
};

class Version {
 public:
  Version() : shape_(std::make_shared<LevelShape>()) {}
  // The version that `edit` makes of this one; `removed` gets the tables it takes away.
  // kCorruption when the edit does not fit: an unknown table removed, an overlap made.
  Result<std::shared_ptr<const Version>> Apply(const Edit& edit,
                                               std::vector<LiveTablePtr>* removed) const;

  const LevelShape& shape() const { return *shape_; }
  std::shared_ptr<const LevelShape> shared_shape() const { return shape_; }
  std::span<const LiveTablePtr> level(int level) const { return levels_[level].tables; }

  // Carries the lookup through the tables, from the newest on.
  Status Get(TableCache* cache, const LookupKey& key, bool fill_cache, LookupResult* result) const;
  // Tables that overlap the range: of level 0 each by itself, the newest first, then those of each
  // level.
  struct Run {
    int level;
    std::span<const TableMetaPtr> tables;  // of this version's shape
  };
  std::vector<Run> Overlapping(const StoredRange& range) const;

 private:
  struct Level {
    std::vector<LiveTablePtr> tables;
    // First 8 bytes of each table's exclusive end, big-endian: the binary search touches these
    // only. Empty for level 0.
    std::vector<uint64_t> end_prefixes;
  };
  const LiveTablePtr* Find(const Level& level, std::string_view stored_key) const;

  std::shared_ptr<const LevelShape> shape_;
  std::array<Level, kLevels> levels_;
};

struct View {
  std::shared_ptr<Memtable> active;
  std::vector<std::shared_ptr<Memtable>> sealed;  // newest first
  std::shared_ptr<const Version> version;
  // Of a transaction: `active` holds its own writes, seen up to here. 0: there are none.
  LogPos own_position = 0;

  // Carries the lookup through memtables and tables, from the newest on, until it is finished.
  Status Get(TableCache* cache, const LookupKey& key, bool fill_cache, LookupResult* result) const;
  // All that may lie in the range, merged (entries outside of it may be shown, too), but for what
  // range deletes at or below `position` hide from who reads there: other entries above it may be
  // shown. Of what they hide, that which is stepped over is noted in `passed` (null: nowhere). The
  // view and `passed` must outlive the iterator.
  std::unique_ptr<InternalIterator> NewIterator(TableCache* cache, const TableScanOptions& options,
                                                const StoredRange& range, LogPos position,
                                                SteppedOver* passed = nullptr) const;
};

}  // namespace logwood
