// SalvageTarget: the new database salvage writes, through the same door as everybody.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>

#include "db/catalogue.h"
#include "db/salvage.h"
#include "db/salvage_keys.h"
#include "logwood/db.h"

namespace logwood {

class SalvageTarget {
 public:
  // `settings` as stored with the source (what cannot be read of them is left at its default);
  // `catalogue` says which keyspaces there were. What has expired by `time_us` is left out, and
  // what expires later lasts as long as it still had from then on.
  SalvageTarget(const SalvageOptions& options, std::string settings, const Catalogue& catalogue,
                uint64_t time_us)
      : options_(options),
        settings_(std::move(settings)),
        catalogue_(catalogue),
        time_us_(time_us) {}

  // Creates it, with all keyspaces, in a place where nobody takes it for a database before Close
  // moves it into its own. The budget is at least what a record of that size takes.
  Status Open(uint64_t record_bytes_max);
  // Keys ascend. What belongs to dropped keyspaces is left out. Merges become a value where their
  // operator is built in; else, and where it refuses, their operands are merged into the target as
  // they are, whose keyspaces have the operators that the source's had.
  Status Add(const SalvagedKey& found);
  Status Close();

  uint64_t records() const { return records_; }
  uint64_t bytes() const { return bytes_; }
  uint64_t keyspaces() const { return keyspaces_.size(); }
  // Those whose names are lost, by the source's number, with the names they have here.
  const std::map<uint32_t, std::string>& renamed() const { return renamed_; }
  // Keys whose merges could not be written, by the source's number of their keyspace.
  struct LeftOut {
    void Add(std::string_view stored_key);
    std::string first, last;  // stored keys
    uint64_t keys = 0;
    bool has_operator = false;  // then bytes of a merge were none
  };
  const std::map<uint32_t, LeftOut>& left_out() const { return left_out_; }
  // The same of keys that the built-in operator refuses to work out: as in the source, their
  // operands are there and reading them is an error.
  const std::map<uint32_t, LeftOut>& refused() const { return refused_; }

 private:
  void GiveOperators(Options* options) const;
  std::string NewNameOf(uint32_t number) const;
  Result<Keyspace> KeyspaceOf(uint32_t number);
  Status AddMerged(const SalvagedKey& found, uint32_t number, Keyspace keyspace,
                   std::string_view key);
  Status PutOut(Keyspace keyspace, std::string_view key, const MergedOnto& base);
  Status MakeRoom(std::string_view key, std::string_view value);
  Status WriteBatchOut();
  Status MoveIntoPlace();

  const SalvageOptions& options_;
  const std::string settings_;
  const Catalogue& catalogue_;
  const uint64_t time_us_;
  std::unique_ptr<DB> db_;
  std::map<uint32_t, Keyspace> keyspaces_;  // by the source's number
  std::map<uint32_t, std::string> renamed_;
  std::map<uint32_t, LeftOut> left_out_, refused_;
  std::set<uint32_t> dropped_;
  WriteBatch batch_;
  uint64_t batch_bytes_max_ = 0;
  uint64_t record_bytes_max_ = 0;  // that a batch holds for certain
  uint64_t records_ = 0, bytes_ = 0;
};

}  // namespace logwood
