// The streams salvage reads, and their merge: of each key the entry with the highest position
// first.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "memtable/memtable.h"
#include "table/damaged_table.h"
#include "util/internal_iterator.h"

namespace logwood {

// Of the log's entries; above those of all tables.
inline constexpr uint64_t kSalvageLogRank = ~uint64_t{0};

// Entries in internal order. Forwards only; one thread.
class SalvageStream {
 public:
  virtual ~SalvageStream() = default;
  virtual bool Next() = 0;
  // REQUIRES: the last Next returned true. The bytes live until the next one.
  virtual const Entry& entry() const = 0;
  // Of two entries that say they are equally old, the one of the higher rank comes first.
  virtual uint64_t rank() const = 0;
  virtual Status status() const = 0;
};

// A table as salvage found it.
struct SalvageTable {
  std::string path;
  uint64_t number = 0;
  std::optional<TableMeta> meta;
  std::string smallest, largest;  // stored keys
};

// Called when a table was read to its end; null: it cannot be read any more, and why.
using SalvageTableRead =
    std::function<void(const SalvageTable&, const DamagedTable* table, const Status& why)>;

// Tables whose ranges do not overlap, one after the other; one is open at a time. What lies outside
// of its table's range is passed over: it was not there when the ranges were told.
std::unique_ptr<SalvageStream> NewTableStream(FileSystem* fs, std::vector<SalvageTable> tables,
                                              SalvageTableRead read);
// The log's rank; `owner` lives as long.
std::unique_ptr<SalvageStream> NewIteratorStream(std::unique_ptr<InternalIterator> iterator,
                                                 std::shared_ptr<const void> owner);

// As few rows of tables that do not overlap as there can be.
std::vector<std::vector<SalvageTable>> GroupTables(std::vector<SalvageTable> tables);

// Calls `visit` with the stream that stands on the next entry: in key order, of a key the newest
// first; a visit that fails ends it.
Status MergeStreams(const std::vector<std::unique_ptr<SalvageStream>>& streams,
                    const std::function<Status(const SalvageStream&)>& visit);

}  // namespace logwood
