// SalvageTarget: the new database salvage writes, through the same door as everybody.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>

#include "db/catalogue.h"
#include "db/salvage.h"
#include "logwood/db.h"
#include "util/internal_iterator.h"

namespace logwood {

class SalvageTarget {
 public:
  // `settings` as stored with the source (what cannot be read of them is left at its default);
  // `catalogue` says which keyspaces there were.
  SalvageTarget(const SalvageOptions& options, std::string settings, const Catalogue& catalogue)
      : options_(options), settings_(std::move(settings)), catalogue_(catalogue) {}

  // Creates it, with all keyspaces, in a place where nobody takes it for a database before Close
  // moves it into its own. The budget is at least what a record of that size takes.
  Status Open(uint64_t record_bytes_max);
  // The newest entry of a key; keys ascend. Tombstones and what belongs to dropped keyspaces is
  // left out.
  Status Add(const Entry& entry);
  Status Close();

  uint64_t records() const { return records_; }
  uint64_t bytes() const { return bytes_; }
  uint64_t keyspaces() const { return keyspaces_.size(); }
  // Those whose names are lost, by the source's number, with the names they have here.
  const std::map<uint32_t, std::string>& renamed() const { return renamed_; }

 private:
  Result<Keyspace> KeyspaceOf(uint32_t number);
  Status WriteBatchOut();
  Status MoveIntoPlace();

  const SalvageOptions& options_;
  const std::string settings_;
  const Catalogue& catalogue_;
  std::unique_ptr<DB> db_;
  std::map<uint32_t, Keyspace> keyspaces_;  // by the source's number
  std::map<uint32_t, std::string> renamed_;
  std::set<uint32_t> dropped_;
  WriteBatch batch_;
  uint64_t batch_bytes_max_ = 0;
  uint64_t records_ = 0, bytes_ = 0;
};

}  // namespace logwood
