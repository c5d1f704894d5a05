// ReadSet: the keys and ranges whose content a transaction relies on, and whether somebody has
// written there since. ReadWatch: the same of commits as they come.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "db/core.h"
#include "db/writer.h"
#include "util/batch_codec.h"

namespace logwood {

// One look at what was committed.
struct ReadCheck {
  LogPos read_at = 0;  // the transaction's snapshot
  LogPos seen_to = 0;  // commits up to here were looked at before, or are in the snapshot
  // How many keys, entries and range deletes may be looked at. 0 behind the check: it ended before
  // it had seen all.
  uint64_t looks_left = ~uint64_t{0};
  const Catalogue* names = nullptr;  // for messages; set by the check
};

class ReadSet {
 public:
  // Stored keys.
  void AddKey(std::string_view key);
  // [begin, end) of one keyspace; what overlaps becomes one.
  void AddRange(std::string_view begin, std::string_view end);
  // What it takes, about.
  uint64_t memory_bytes() const { return bytes_; }

  // kConflict, with what is in the way and its position, where a newer commit wrote to it: put,
  // merged or deleted, or dropped the keyspace. Other errors: that cannot be known. Cost, each with
  // a logarithm: a lookup in each memtable for each key, a walk over what memtables hold of each
  // range, the newer range deletes, and in the few tables that are newer the same.
  // REQUIRES: a snapshot of read_at or an older one is held, or positions may be dropped.
  Status CheckUnchanged(ReadCheck* check, Core* core) const;
  // Of drops of its keyspaces alone.
  Status CheckKeyspaces(LogPos read_at, const Core& core) const;
  // A key of it that the operation writes to, as long as both are there; nullopt: none.
  std::optional<std::string_view> Touched(const BatchOperation& operation) const;

 private:
  using Ranges = std::map<std::string, std::string, std::less<>>;  // begin, end

  void NoteKeyspace(std::string_view stored_key);
  // The first one; null: none.
  const Ranges::value_type* Overlapping(std::string_view begin, std::string_view end) const;
  Status CheckMemtable(const Memtable& memtable, ReadCheck* check) const;
  Status CheckTable(const TableMeta& table, TableCache* tables, ReadCheck* check) const;
  Status CheckFragments(const RangeFragments& deleted, ReadCheck* check) const;

  std::set<std::string, std::less<>> keys_;
  Ranges ranges_;
  std::set<uint32_t> keyspaces_;  // of both, those that can be dropped
  uint64_t bytes_ = 0;
};

class ReadWatch final : public CommitWatch {
 public:
  // What is lent outlives this.
  ReadWatch(const ReadSet* reads, LogPos read_at, const Catalogue* names)
      : reads_(reads), read_at_(read_at), names_(names) {}
  void Committed(std::string_view operations, LogPos position) override;
  // What has come in the way. The leader's; from then on nothing counts.
  Status End() {
    ended_ = true;
    return conflict_;
  }

 private:
  const ReadSet* const reads_;
  const LogPos read_at_;
  const Catalogue* const names_;
  bool ended_ = false;
  Status conflict_;
};

}  // namespace logwood
