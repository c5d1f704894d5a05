// TableBuilder: writes one table from entries in internal order (docs/format/table.md).
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "logwood/file_system.h"
#include "logwood/options.h"
#include "table/table_meta.h"

namespace logwood {

struct TableOptions {
  uint32_t block_bytes = 4096;
  Compression compression = Compression::kSnappy;
  uint32_t filter_bits_per_key = 10;   // 0: none
  uint32_t append_bytes = 256 * 1024;  // the file grows in appends of about this size
};

class TableBuilder {
 public:
  // The file is empty; `number` and `id` name it. The builder appends, the caller syncs and closes.
  TableBuilder(WritableFile* file, const TableOptions& options, uint64_t number, const Id128& id);
  ~TableBuilder();
  TableBuilder(const TableBuilder&) = delete;
  TableBuilder& operator=(const TableBuilder&) = delete;

  // REQUIRES: (key, trailer) is greater than the one before in internal order, and no two entries
  // have the same key and position above 0. The first failure sticks; see status().
  void Add(std::string_view stored_key, uint64_t trailer, std::string_view value);
  // REQUIRES: fragments as RangeFragmentsBuilder takes them. A table that has no entry by its end
  // gets one that says the same: a delete of the first range's first key.
  void AddRangeDelete(std::string_view begin, std::string_view end, LogPos position);
  Status status() const;
  // Writes filter, index, properties and footer. The meta is complete but for created_us.
  Result<TableMeta> Finish();

  uint64_t entries() const;
  // Bytes written and pending, an estimate of the file's size if it were finished now.
  uint64_t estimated_bytes() const;
  // What the builder holds in memory; and the part of it that grows with every key until Finish.
  uint64_t memory_bytes() const;
  uint64_t lasting_bytes() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace logwood
