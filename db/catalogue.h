// Catalogue: the keyspaces, as keyspace 0 records them. Written by ordinary commits, so versioned,
// atomic with batches and replicated; this class is the answer of the newest position, in memory.
//
// Keys of keyspace 0:  "k" + name -> varint number (deleted by a drop)
//                      "d" + fixed 4 big-endian number -> name, written by the commit that drops it
//                      "o" + fixed 4 big-endian number -> varint version, and name, of its merge
//                            operator; stays when the keyspace is dropped, for older snapshots
//
// Threads: Apply and Load by one thread at a time; the rest by any. Live() takes no lock.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "db/version.h"
#include "logwood/db.h"
#include "util/hash.h"
#include "util/internal_iterator.h"
#include "util/keyspace_operators.h"
#include "util/sync.h"

namespace logwood {

class Catalogue {
 public:
  Catalogue();

  // Tags the handles given out: those of an earlier open of the directory fit, those of a copy of
  // it do not.
  void SetOwner(const Id128& instance_id, std::string_view path) {
    owner_ = static_cast<uint32_t>(Hash64(path, instance_id.low)) | 1;
  }
  uint32_t owner() const { return owner_; }

  // The operations of a committed batch; those outside of keyspace 0 are passed over. Rows that
  // this build does not know are kNotSupported, those that cannot be right kCorruption, as are
  // bytes that are no operations: the first is told, without file or writer, the others are
  // applied.
  Status Apply(std::string_view operations, LogPos position);
  // Where it lies in the tree.
  static StoredRange Range();
  // Everything of keyspace 0 that `tree` shows at `position`; the same of its rows.
  Status Load(InternalIterator* tree, LogPos position);

  std::optional<KeyspaceInfo> Find(std::string_view name) const;
  std::vector<KeyspaceInfo> List() const;
  // Also of a dropped one, with "(dropped)" behind it; nullopt: there never was one.
  std::optional<std::string> NameOf(uint32_t number) const;
  // For a message: `keyspace "photos"`, escaped; `keyspace number 17` where there never was one.
  std::string TextOf(uint32_t number) const;
  // The same of a stored key: `key "0001" of keyspace "photos"`.
  std::string KeyTextOf(std::string_view stored_key) const;
  // A number no keyspace ever had; nullopt: kKeyspacesMax are used up.
  std::optional<uint32_t> NextNumber() const;
  bool Live(uint32_t number) const {
    if (number >= kKeyspacesMax) return false;
    return (live_[number / 64].load(std::memory_order_acquire) >> number % 64 & 1) != 0;
  }
  // (number, position of the drop), ascending by number.
  std::vector<std::pair<uint32_t, LogPos>> Dropped() const;
  // Position and name of that one; nullopt: it was not.
  std::optional<std::pair<LogPos, std::string>> FindDropped(uint32_t number) const;
  // Which merge operators the keyspaces have.
  KeyspaceOperators& operators() { return operators_; }
  const KeyspaceOperators& operators() const { return operators_; }
  // The newest commit that changed the catalogue; 0: none.
  LogPos position() const;

  // Put operations (util/batch_codec.h) that make this catalogue anew; for log segments.
  std::string Encode() const;

  // Operations for a commit that creates or drops.
  static std::string CreateOperations(std::string_view name, uint32_t number);
  static std::string DropOperations(std::string_view name, uint32_t number);
  // Of operations, or of the rows in a tree, those that say which operator a keyspace has. What is
  // none of these, or cannot be read, is passed over.
  static void RecordOperators(std::string_view operations, KeyspaceOperators* operators);
  static void LoadOperators(InternalIterator* tree, KeyspaceOperators* operators);
  static std::string OperatorOperations(uint32_t number,
                                        const KeyspaceOperators::Recorded& recorded);

 private:
  Status ApplyRow(EntryKind kind, std::string_view key, std::string_view value, LogPos position)
      REQUIRES(mutex_);

  void SetLive(uint32_t number, bool live) REQUIRES(mutex_);

  uint32_t owner_ = 0;
  KeyspaceOperators operators_;
  std::unique_ptr<std::atomic<uint64_t>[]> live_;  // a bit a number; written under mutex_
  mutable Mutex mutex_;
  std::map<std::string, KeyspaceInfo, std::less<>> names_ GUARDED_BY(mutex_);
  std::map<uint32_t, std::pair<LogPos, std::string>> dropped_ GUARDED_BY(mutex_);
  uint32_t next_number_ GUARDED_BY(mutex_) = 2;
  LogPos position_ GUARDED_BY(mutex_) = 0;
};

}  // namespace logwood
