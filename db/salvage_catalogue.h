// SalvageCatalogue: which keyspaces there are, put together from whatever still says it: entries of
// keyspace 0 in tables, commits that changed it, and the catalogue each log segment begins with.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "db/catalogue.h"
#include "util/internal_iterator.h"
#include "wal/log_format.h"

namespace logwood {

class SalvageCatalogue {
 public:
  // An entry of keyspace 0, from a table.
  void AddEntry(const Entry& entry);
  // A commit that changed it.
  void AddCommit(const CommitRecord& record);
  // What a segment begins with: the whole of it as of the segment's first commit; `position` is the
  // newest commit in it.
  void AddSnapshot(LogPos position, LogPos first_position, std::string_view operations);

  // The newest snapshot and what came behind it; without one everything that was added. What it
  // says of rows is what Catalogue::Apply says.
  Status Resolve(Catalogue* catalogue) const;
  // Commits from here on may have changed what the newest snapshot says; nullopt: there is none.
  std::optional<LogPos> snapshot_end() const { return snapshot_end_; }

 private:
  struct Change {
    LogPos position;
    std::string operations;
  };
  std::vector<Change> changes_;
  std::optional<Change> snapshot_;
  std::optional<LogPos> snapshot_end_;
};

}  // namespace logwood
