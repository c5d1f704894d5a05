// ReadSet: the keys and ranges whose content a transaction relies on, and whether somebody has
// written there since.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>

#include "db/core.h"

namespace logwood {

class ReadSet {
 public:
  // Stored keys.
  void AddKey(std::string_view key);
  // [begin, end); what overlaps becomes one.
  void AddRange(std::string_view begin, std::string_view end);
  bool empty() const { return keys_.empty() && ranges_.empty(); }
  // What it takes, about.
  uint64_t memory_bytes() const { return bytes_; }

  // kConflict, with key and position, where a commit newer than `position` wrote to it: put, merged
  // or deleted, or dropped its keyspace. Other errors: that cannot be known. Cost: a lookup in each
  // memtable for each key, a walk over what memtables hold of each range, and in the few tables
  // that are newer the same. REQUIRES: a snapshot of `position` or an older one is held, or
  // positions may be dropped.
  Status CheckUnchangedSince(LogPos position, Core* core) const;

 private:
  Status CheckMemtable(const Memtable& memtable, LogPos position, const Catalogue& names) const;
  Status CheckTable(const TableMeta& table, LogPos position, Core* core) const;

  std::set<std::string, std::less<>> keys_;
  std::map<std::string, std::string, std::less<>> ranges_;  // begin, end
  uint64_t bytes_ = 0;
};

}  // namespace logwood
