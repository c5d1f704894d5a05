// Reads: every way to read, over a Core. The live database, the read-only opener and followers all
// use this and nothing else. View first, position second (invariant 9).
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "db/core.h"
#include "logwood/db.h"

namespace logwood {

// What a transaction wrote: seen on top of all else, up to a position.
struct OwnWrites {
  std::shared_ptr<Memtable> memtable;  // null: nothing
  LogPos position = 0;
  uint64_t held_bytes = 0;  // what the transaction takes, as the cache knows it
};

class Reads {
 public:
  explicit Reads(std::shared_ptr<Core> core) : core_(std::move(core)) {}

  // `own`: null: there are none.
  Status Get(const ReadOptions& options, Keyspace keyspace, std::string_view key,
             PinnedValue* value, const OwnWrites* own = nullptr) const;
  std::vector<Status> MultiGet(const ReadOptions& options, Keyspace keyspace,
                               std::span<const std::string_view> keys,
                               std::span<PinnedValue> values) const;
  Result<bool> Contains(const ReadOptions& options, Keyspace keyspace, std::string_view key) const;
  std::unique_ptr<Iterator> NewIterator(const IteratorOptions& options, Keyspace keyspace,
                                        const OwnWrites* own = nullptr) const;
  Result<std::shared_ptr<const Snapshot>> GetSnapshot(std::string_view owner) const;
  Result<Keyspace> OpenKeyspace(std::string_view name) const;
  Result<std::vector<KeyspaceInfo>> ListKeyspaces() const;
  RangeEstimate Estimate(Keyspace keyspace, const KeyRange& range) const;

  // kInvalidArgument when the handle is of another database or (for `at` or later) dropped.
  Status CheckKeyspace(Keyspace keyspace, LogPos at) const;

 private:
  Status CheckKeyspaceOf(const ReadOptions& options, Keyspace keyspace) const;
  // Open, right owner, right snapshot, waited for at_least.
  Status Begin(const ReadOptions& options) const;
  // What a lookup that has ended found: nothing where it has expired; with merges, what they make
  // of it. `now`: of the view, once it was asked for.
  Status EndLookup(const ReadOptions& options, std::string_view stored_key, LookupResult* result,
                   std::optional<uint64_t>* now, bool* found) const;
  // kNotFound without allocating a message.
  Status Lookup(const ReadOptions& options, Keyspace keyspace, std::string_view key,
                PinnedValue* value, const OwnWrites* own, bool* found) const;

  // With `now`: at one moment with that time.
  Status LookupOnce(const ReadOptions& options, Keyspace keyspace, const OwnWrites* own,
                    LookupKey* lookup, LookupResult* result, std::optional<uint64_t>* now,
                    bool* found) const;

  std::shared_ptr<Core> core_;
};

// The stored-key bounds that options mean for a keyspace.
struct StoredBounds {
  std::string lower, upper;
};
StoredBounds ResolveBounds(const IteratorOptions& options, uint32_t keyspace);

}  // namespace logwood
