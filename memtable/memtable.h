// Memtable: the newest entries, in memory, ordered. One thread inserts at a time (the leader of the
// write queue); any number of threads read at the same time without a lock and never wait.
//
// A reader sees an entry completely or not at all; which entries it may use is decided by position:
// the engine publishes a commit's position after all of its entries are in.
// Memory is an arena that lives until the memtable dies; keys and values are copied into it. The
// order is a B-tree (memtable/btree.h, which has the proof; docs/decisions/0003-memtable-index.md,
// why).
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include "memtable/range_deletes.h"
#include "util/internal_iterator.h"
#include "util/lookup.h"
#include "util/page_pool.h"

namespace logwood {

class Memtable : public std::enable_shared_from_this<Memtable> {
 public:
  // Takes large pieces of memory from the pool and gives them back at its end; null: there is none.
  explicit Memtable(std::shared_ptr<PagePool> pool = nullptr);
  ~Memtable();
  Memtable(const Memtable&) = delete;
  Memtable& operator=(const Memtable&) = delete;

  // REQUIRES: (stored_key, position) is not in it (invariant 1). Entries of ascending keys are
  // inserted fastest (the place of the last insertion is remembered).
  void Insert(std::string_view stored_key, uint64_t trailer, std::string_view value);
  // Entries of stored keys in [begin, end) below the position are not there any more; those of the
  // position itself are.
  // REQUIRES: begin < end; no larger position was inserted so before; of its position and larger
  // ones, entries come in behind it, and only those (what a walk passes over, range_deletes.h).
  void InsertRangeDelete(std::string_view begin, std::string_view end, LogPos position);
  // Iterators may pass stored keys in [begin, end): nothing is there for who reads at the position
  // or a later one, but what comes in behind it. Not an entry, and no lookup minds it.
  // REQUIRES: begin < end; nothing of the position or a larger one was inserted.
  void InsertDeadRange(std::string_view begin, std::string_view end, LogPos position);

  // Goes through the entries of the key at or below key.position, the newest first, until one
  // finishes the lookup (util/lookup.h); true when it is finished. Values from kPinnedBytesMin on
  // and merges pin this memtable, which a shared_ptr must own then. No allocation otherwise.
  bool Get(const LookupKey& key, LookupResult* result) const;
  // The newest version of the key at or below the position, a range delete of it included, as far
  // as this memtable tells. The bytes live as long as it does.
  struct Version {
    uint64_t trailer = 0;
    std::string_view value{};
  };
  std::optional<Version> NewestBelow(std::string_view stored_key, LogPos position) const;
  // The iterator keeps nothing alive: the caller holds the memtable, and with it every value
  // (value_owner owns nothing).
  // Entries that a range delete covers are among those it shows.
  std::unique_ptr<InternalIterator> NewIterator() const;
  const RangeDeletes& range_deletes() const;
  const RangeDeletes& dead_ranges() const;
  // What of both an iterator has to go by.
  bool hides() const { return !range_deletes().empty() || !dead_ranges().empty(); }
  CoveredStretch HiddenAround(std::string_view stored_key, LogPos position) const;

  // Safe from any thread; exact once writing has stopped.
  size_t bytes_used() const;  // arena blocks
  uint64_t entries() const;   // without range deletes
  uint64_t tombstones() const;
  uint64_t raw_bytes() const;     // keys and values
  uint64_t checksum() const;      // the sum of EntryChecksum of what was inserted
  LogPos first_position() const;  // smallest and largest inserted; 0 when empty
  LogPos last_position() const;
  bool empty() const { return last_position() == 0; }

 private:
  struct Index;
  std::unique_ptr<Index> index_;
};

}  // namespace logwood
