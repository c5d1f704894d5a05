// The fold: a batch's operations become at most one entry per key, the later operation wins, merges
// become one list of operands, and a range delete takes away what came before it. The only one:
// write, replay and follower use it alike (invariant 11).
#pragma once

#include <string_view>

#include "logwood/types.h"
#include "memtable/memtable.h"
#include "util/keyspace_operators.h"

namespace logwood {

// Position and record time of a commit.
struct CommitStamp {
  LogPos position;
  uint64_t time_us;
};

// Folds the operations and inserts them at the stamp's position, in key order. What expires does so
// from the stamp's time on. With `operators` (null: none) the merges of a key go together with its
// newest version in the memtable, where the result is short: so a counter that is often added to is
// read at once. What they become is the same either way.
//
// kCorruption when the bytes are no operations, kNotSupported when one is of a kind this build does
// not know (then nothing was inserted). Takes no memory for operations that come in key order, else
// four bytes each.
Status InsertFolded(std::string_view operations, const CommitStamp& stamp, Memtable* memtable,
                    const KeyspaceOperators* operators = nullptr);

}  // namespace logwood
