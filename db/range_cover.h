// RangeCover: the range deletes that a view has, where an iterator meets them, and the dead ranges
// of its memtables (dead_ranges.h), which are the same here. HidingIterator shows
// of one source of the view what they leave, so that a merge of the sources needs to know nothing
// of them.
//
// By invariant 3 what lies in a newer source is newer, for each key: a range delete of one hides
// all that an older one has of its keys, and the older one goes by them in one seek. Within one
// source entries and range deletes are told apart by position; it goes by those of its own where it
// is known to have nothing newer.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "db/stepped_over.h"
#include "memtable/memtable.h"
#include "table/table_cache.h"
#include "table/table_meta.h"
#include "util/internal_iterator.h"
#include "util/range_fragments.h"

namespace logwood {

// One thread; as many as there are iterators.
class RangeCover {
 public:
  // Of tables, sees range deletes at or below `position`. What is hidden is noted in `passed`
  // where it is stepped over; null: nowhere.
  RangeCover(TableCache* cache, LogPos position, SteppedOver* passed)
      : cache_(cache), position_(position), passed_(passed) {}

  // Sources, the newest first. Those that have nothing in the range of the iterator are not added.
  // What is given outlives this.
  void AddMemtable(const Memtable& memtable, std::string_view begin, std::string_view end,
                   LogPos position);
  void AddTables(std::span<const TableMetaPtr> tables);
  // How many are added.
  size_t sources() const { return sources_.size(); }

  // The stretch around the key for the sources [first, last) together; its keys live until those
  // are asked again. Fails where a table cannot be opened.
  Result<CoveredStretch> Around(size_t first, size_t last, std::string_view stored_key);
  // The same for one alone, with what it has that is newer.
  Result<CoveredStretch> AroundIn(size_t source, std::string_view stored_key) {
    return AroundIn(&sources_[source], stored_key);
  }
  void NotePassed(std::string_view stored_key) {
    if (passed_ != nullptr) passed_->Note(stored_key);
  }

 private:
  // A memtable, or tables that are disjoint.
  struct Source {
    const Memtable* memtable = nullptr;
    LogPos position = 0;                 // up to which it is seen
    std::vector<TableMetaPtr> tables{};  // those with range deletes, in key order
    RangeFragmentsPtr asked_last{};
  };
  Result<CoveredStretch> AroundIn(Source* source, std::string_view stored_key);

  TableCache* const cache_;
  const LogPos position_;
  SteppedOver* const passed_;
  std::vector<Source> sources_;
};

// Of `entries`, which are those of the source behind the first `newer` of the cover - itself the
// next one if `own` -, what no range delete hides; of what one hides, some may be shown as
// tombstones. Entries newer than the cover's position may be left out.
std::unique_ptr<InternalIterator> NewHidingIterator(std::unique_ptr<InternalIterator> entries,
                                                    std::shared_ptr<RangeCover> cover, size_t newer,
                                                    bool own);

}  // namespace logwood
